//! Several subjects by their keys.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;
use tagdb_query::literal::write_json_string;
use tagdb_query::{ColumnRows, ColumnValues, DataType, Database, Known, Reserved, Value};
use tagdb_storage::batch::{KeyRef, Keys};
use tagdb_storage::engine::DbState;
use tagdb_storage::schema::{Key, KeyType, TableSchema};
use tagdb_wire::{BigIntForm, LookupRequest, media};

use super::{Path, json_body, mark_written};
use crate::engine_handle::Lane;
use crate::http::convert::write_json;
use crate::http::error::{ApiError, ApiResult};
use crate::http::held::Held;
use crate::http::negotiate::prefers_arrow;
use crate::http::output::Arrow;
use crate::http::params::NoParams;
use crate::http::read::catch_up;
use crate::http::state::AppState;
use crate::ingest::values::key_from_text;

/// The column that tells whether there is a subject of a key; no tag can be called so by chance.
const FOUND: &str = "$found";
/// Keys whose rows are in memory at a time.
const KEYS_AT_A_TIME: usize = 64;

/// `POST /v1/tables/{table}/lookup`
pub(super) async fn post(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let wanted: LookupRequest = json_body(&state, request).await?;
    let keys_max = state.config.limits.keys_max;
    if wanted.keys.len() > keys_max {
        let detail = format!("at most {keys_max} keys are looked up at a time");
        let keys = wanted.keys.len() as u64;
        return Err(ApiError::new("limit_exceeded", detail).limit("keys", keys, keys_max as u64));
    }
    catch_up(&state, &headers, state.config.statement_timeout).await?;
    let bytes_max = state.config.result_bytes_max;
    let as_arrow = prefers_arrow(&headers)?;
    let (mut response, token) = state
        .handle
        .run(Lane::Statement, move |database| {
            if as_arrow {
                let (bytes, token) = look_up_columns(database, &table, wanted, bytes_max)?;
                let content_type = HeaderValue::from_static(media::ARROW);
                let response = ([(header::CONTENT_TYPE, content_type)], bytes).into_response();
                return Ok((response, token));
            }
            let (text, token) = look_up(database, &table, wanted, bytes_max)?;
            Ok((text.into_response(), token))
        })
        .await?;
    mark_written(&mut response, &token, false);
    Ok(response)
}

/// A row for each key, in the order asked: the key, whether there is such a subject, its tags.
fn look_up_columns(
    database: &Database,
    table: &str,
    wanted: LookupRequest,
    bytes_max: u64,
) -> ApiResult<(Vec<u8>, String)> {
    let snapshot = database.engine().snapshot();
    let schema = table_schema(&snapshot, table)?;
    let mut keys = Keys::new(schema.key_type);
    for key in wanted.keys {
        keys.push(parse_key(&schema, key)?.as_ref());
    }
    let refs: Vec<_> = (0..keys.len()).map(|row| keys.get(row)).collect();
    let tags = wanted.tags.as_deref();
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let found = database.lookup_columns(&snapshot, table, &refs, tags, bytes_max)?;
    let tags = found.places.iter().map(|place| &schema.tags[*place]);
    let tags = tags.map(|tag| (&*tag.name, DataType::from(tag.kind)));
    let named = [
        (&*schema.key_name, DataType::from(schema.key_type)),
        (FOUND, DataType::Boolean),
    ];
    let mut arrow = Arrow::new(named.into_iter().chain(tags))?;
    let known = Known::All;
    let mut columns = vec![
        match keys {
            Keys::Ints(values) => ColumnValues::Numbers { values, known },
            Keys::Texts { bytes, ends } => ColumnValues::Texts { bytes, ends, known },
        },
        ColumnValues::Numbers {
            values: found
                .is_there
                .iter()
                .map(|found| i64::from(*found))
                .collect(),
            known: Known::All,
        },
    ];
    columns.extend(found.rows.columns);
    let len = found.rows.len;
    arrow.rows(ColumnRows { len, columns })?;
    arrow.finish()?;
    let bytes = std::mem::take(arrow.written());
    Ok((bytes, database.engine().token(snapshot.lsn())))
}

fn look_up(
    database: &Database,
    table: &str,
    wanted: LookupRequest,
    bytes_max: u64,
) -> ApiResult<(Held, String)> {
    let snapshot = database.engine().snapshot();
    let schema = table_schema(&snapshot, table)?;
    let keys = wanted
        .keys
        .into_iter()
        .map(|key| parse_key(&schema, key))
        .collect::<ApiResult<Vec<_>>>()?;
    let refs: Vec<_> = keys.iter().map(Key::as_ref).collect();
    let mut reserved = Reserved::new(Arc::clone(database.memory()));
    let mut out = String::from("{\"rows\":[");
    // Rows may be large: those of all keys together are looked up only as far as they fit.
    for refs in refs.chunks(KEYS_AT_A_TIME) {
        let rows = database.lookup(&snapshot, table, refs, wanted.tags.as_deref())?;
        for (row, key) in rows.iter().zip(refs) {
            match row {
                Some(row) => object(&schema, *key, row, &mut out),
                None => out.push_str("null"),
            }
            out.push(',');
            check_bytes(out.len() as u64, bytes_max)?;
        }
        reserved.grow_to(out.len())?;
    }
    if out.ends_with(',') {
        out.pop();
    }
    out.push_str("]}");
    Ok((
        Held::grown(reserved, out)?,
        database.engine().token(snapshot.lsn()),
    ))
}

fn check_bytes(bytes: u64, bytes_max: u64) -> ApiResult<()> {
    if bytes <= bytes_max {
        return Ok(());
    }
    let detail = format!("the rows have more than {bytes_max} bytes; ask for fewer");
    let error = ApiError::new("result_too_large", detail);
    Err(error.limit("result_bytes", bytes, bytes_max))
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

/// Appends a subject as a flat object.
pub(super) fn object(
    schema: &TableSchema,
    key: KeyRef<'_>,
    row: &[(usize, Value)],
    out: &mut String,
) {
    out.push('{');
    write_json_string(&schema.key_name, out);
    out.push(':');
    match key {
        KeyRef::Int(key) => out.push_str(&key.to_string()),
        KeyRef::Text(key) => write_json_string(key, out),
    }
    for (place, value) in row {
        let Some(tag) = schema.tags.get(*place) else {
            continue;
        };
        out.push(',');
        write_json_string(&tag.name, out);
        out.push(':');
        write_json(value, DataType::from(tag.kind), BigIntForm::Number, out);
    }
    out.push('}');
}
