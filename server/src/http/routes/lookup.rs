//! Several subjects by their keys.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value as Json;
use tagdb_query::literal::write_json_string;
use tagdb_query::{DataType, Database, Value};
use tagdb_storage::batch::KeyRef;
use tagdb_storage::engine::DbState;
use tagdb_storage::schema::{Key, KeyType, TableSchema};
use tagdb_wire::{BigIntForm, LookupRequest};

use super::{Path, json_body, json_text, mark_written};
use crate::engine_handle::Lane;
use crate::http::convert::write_json;
use crate::http::error::{ApiError, ApiResult};
use crate::http::params::NoParams;
use crate::http::read::catch_up;
use crate::http::state::AppState;
use crate::ingest::values::key_from_text;

/// Keys of one request.
const KEYS_MAX: usize = 10_000;

/// `POST /v1/tables/{table}/lookup`
pub(super) async fn post(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let wanted: LookupRequest = json_body(&state, request).await?;
    if wanted.keys.len() > KEYS_MAX {
        let detail = format!("at most {KEYS_MAX} keys are looked up at a time");
        let keys = wanted.keys.len() as u64;
        return Err(ApiError::new("limit_exceeded", detail).limit("keys", keys, KEYS_MAX as u64));
    }
    catch_up(&state, &headers, state.config.statement_timeout).await?;
    let bytes_max = state.config.result_bytes_max;
    let (text, token) = state
        .handle
        .run(Lane::Statement, move |database| {
            look_up(database, &table, wanted, bytes_max)
        })
        .await?;
    let mut response = json_text(text);
    mark_written(&mut response, &token, false);
    Ok(response)
}

fn look_up(
    database: &Database,
    table: &str,
    wanted: LookupRequest,
    bytes_max: u64,
) -> ApiResult<(String, String)> {
    let snapshot = database.engine().snapshot();
    let schema = table_schema(&snapshot, table)?;
    let keys = wanted
        .keys
        .into_iter()
        .map(|key| parse_key(&schema, key))
        .collect::<ApiResult<Vec<_>>>()?;
    let refs: Vec<_> = keys.iter().map(Key::as_ref).collect();
    let rows = database.lookup(&snapshot, table, &refs, wanted.tags.as_deref())?;
    let mut out = String::from("{\"rows\":[");
    for (index, (row, key)) in rows.iter().zip(&refs).enumerate() {
        if index > 0 {
            out.push(',');
        }
        match row {
            Some(row) => object(&schema, *key, row, &mut out),
            None => out.push_str("null"),
        }
        if out.len() as u64 > bytes_max {
            let detail = format!("the rows have more than {bytes_max} bytes; ask for fewer");
            let bytes = out.len() as u64;
            return Err(ApiError::new("result_too_large", detail).limit(
                "result_bytes",
                bytes,
                bytes_max,
            ));
        }
    }
    out.push_str("]}");
    Ok((out, database.engine().token(snapshot.lsn())))
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
