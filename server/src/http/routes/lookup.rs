//! Several subjects by their keys.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use tagdb_query::{Database, Reserved};
use tagdb_storage::batch::KeyRef;
use tagdb_storage::engine::DbState;
use tagdb_storage::limits::KEY_BYTES_MAX;
use tagdb_storage::schema::{Key, KeyType, TableSchema};
use tagdb_wire::media;

use super::{Path, body_of, json_bytes, parse_json};
use crate::engine_handle::Lane;
use crate::http::error::{ApiError, ApiResult};
use crate::http::held;
use crate::http::negotiate::prefers_arrow;
use crate::http::output::{ArrowRows, write_row};
use crate::http::params::NoParams;
use crate::http::read::catch_up;
use crate::http::state::AppState;
use crate::ingest::values::key_from_text;

/// Keys of a request that is answered where it is read: handing it to another thread and back
/// would take about as long as these.
const KEYS_AT_ONCE: usize = 256;
/// Bytes of a row as text that are made room for at first.
const ROW_BYTES: usize = 256;

/// The body of a look-up, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// `POST /v1/tables/{table}/lookup`
pub(super) async fn post(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let (parts, body) = request.into_parts();
    let body = json_bytes(&state, &parts.headers, body).await?;
    let keys = wanted(&body)?.keys.len();
    let keys_max = state.config.limits.keys_max;
    if keys > keys_max {
        let detail = format!("at most {keys_max} keys are looked up at a time");
        return Err(ApiError::new("limit_exceeded", detail).limit(
            "keys",
            keys as u64,
            keys_max as u64,
        ));
    }
    catch_up(&state, &parts.headers, state.config.statement_timeout).await?;
    let as_arrow = prefers_arrow(&parts.headers)?;
    if keys <= KEYS_AT_ONCE {
        return answer(&state, &table, &wanted(&body)?, as_arrow);
    }
    let work = {
        let state = state.clone();
        move |_: &Database| answer(&state, &table, &wanted(&body)?, as_arrow)
    };
    state.handle.run(Lane::Statement, work).await
}

fn wanted(body: &[u8]) -> ApiResult<Wanted<'_>> {
    parse_json(body)
}

fn answer(
    state: &AppState,
    table: &str,
    wanted: &Wanted<'_>,
    as_arrow: bool,
) -> ApiResult<Response> {
    let database = state.handle.database();
    let snapshot = database.engine().snapshot();
    let schema = table_schema(&snapshot, table)?;
    let keys = wanted.keys.iter().map(|key| Asked::read(&schema, key));
    let keys: Vec<_> = keys.collect::<ApiResult<_>>()?;
    let refs: Vec<_> = keys.iter().map(Asked::as_ref).collect();
    let look_up = LookUp {
        database,
        snapshot: &snapshot,
        schema: &schema,
        keys: &refs,
        tags: wanted.tags.as_deref(),
        bytes_max: state.config.result_bytes_max,
    };
    let mut response = if as_arrow {
        body_of(media::ARROW, look_up.arrow()?)
    } else {
        body_of(media::JSON, look_up.json()?)
    };
    state
        .last_token
        .mark(database.engine(), snapshot.lsn(), response.headers_mut());
    Ok(response)
}

/// A key that was asked for.
enum Asked<'a> {
    Int(i64),
    Text(Cow<'a, str>),
}

impl<'a> Asked<'a> {
    fn read(schema: &TableSchema, key: &'a RawValue) -> ApiResult<Self> {
        if schema.key_type == KeyType::Keyword
            && let Some(text) = plain_string(key)
            && text.len() <= KEY_BYTES_MAX
        {
            return Ok(Self::Text(Cow::Borrowed(text)));
        }
        let value = serde_json::from_str(key.get());
        let value = value.map_err(|error| ApiError::bad_parameter(error.to_string()))?;
        Ok(match parse_key(schema, value)? {
            Key::Int(key) => Self::Int(key),
            Key::Text(key) => Self::Text(Cow::Owned(key.into())),
        })
    }

    fn as_ref(&self) -> KeyRef<'_> {
        match self {
            Self::Int(key) => KeyRef::Int(*key),
            Self::Text(key) => KeyRef::Text(key),
        }
    }
}

/// The text of a JSON string that has nothing escaped.
fn plain_string(value: &RawValue) -> Option<&str> {
    let text = value.get().strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then_some(text)
}

/// Keys and what is asked of them.
struct LookUp<'a> {
    database: &'a Database,
    snapshot: &'a DbState,
    schema: &'a TableSchema,
    keys: &'a [KeyRef<'a>],
    tags: Option<&'a [String]>,
    bytes_max: u64,
}

impl LookUp<'_> {
    /// An object or null for each key, in the order asked.
    fn json(&self) -> ApiResult<Bytes> {
        let keys = self.keys.len().min(KEYS_AT_ONCE);
        let mut out = String::with_capacity(keys * ROW_BYTES);
        out.push_str("{\"rows\":[");
        let mut reserved = Reserved::new(Arc::clone(self.database.memory()));
        let mut keys = self.keys.iter();
        self.database.lookup_each(
            self.snapshot,
            &self.schema.name,
            self.keys,
            self.tags,
            |row| {
                match (row, keys.next()) {
                    (Some(row), Some(key)) => write_row(self.schema, *key, row, &mut out),
                    _ => out.push_str("null"),
                }
                self.check_bytes(out.len())?;
                reserved.grow_to(out.capacity())?;
                out.push(',');
                Ok::<_, ApiError>(())
            },
        )?;
        if !self.keys.is_empty() {
            out.pop();
        }
        out.push_str("]}");
        Ok(held::body(out.into_bytes(), reserved))
    }

    fn check_bytes(&self, bytes: usize) -> ApiResult<()> {
        let (bytes, bytes_max) = (bytes as u64, self.bytes_max);
        if bytes <= bytes_max {
            return Ok(());
        }
        let detail = format!("the rows have more than {bytes_max} bytes; ask for fewer");
        Err(ApiError::new("result_too_large", detail).limit("result_bytes", bytes, bytes_max))
    }

    /// A row for each key, in the order asked: the key, whether there is such a subject, its tags.
    fn arrow(&self) -> ApiResult<Bytes> {
        let mut reserved = Reserved::new(Arc::clone(self.database.memory()));
        let mut rows = ArrowRows::new(self.schema, self.tags, self.keys.len());
        self.database.lookup_each(
            self.snapshot,
            &self.schema.name,
            self.keys,
            self.tags,
            |row| {
                rows.push(row)?;
                self.check_bytes(rows.bytes())?;
                Ok::<_, ApiError>(reserved.grow_to(2 * rows.bytes())?)
            },
        )?;
        Ok(held::body(rows.finish(self.keys)?, reserved))
    }
}

/// A key as it stands in a body.
pub(super) fn parse_key(schema: &TableSchema, key: Json) -> ApiResult<Key> {
    let text = match (key, schema.key_type) {
        (Json::String(text), _) => text,
        (Json::Number(number), KeyType::BigInt) => number.to_string(),
        (other, _) => {
            return Err(ApiError::new(
                "bad_key",
                format!("{other} is not a key of table \"{}\"", schema.name),
            ));
        }
    };
    key_from_text(schema.key_type, &text).map_err(|fault| ApiError::new(fault.code, fault.detail))
}

/// The table of a path.
pub(super) fn table_schema(snapshot: &DbState, table: &str) -> ApiResult<Arc<TableSchema>> {
    match snapshot.catalog().table(table) {
        Some(schema) => Ok(Arc::clone(schema)),
        None => Err(ApiError::new(
            "not_found",
            format!("there is no table \"{table}\""),
        )),
    }
}
