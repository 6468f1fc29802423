//! One subject by its key.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use tagdb_query::Database;
use tagdb_storage::batch::{Change, RowMode};
use tagdb_storage::engine::{Idempotency, Receipt, WriteOptions};
use tagdb_storage::schema::{Key, TableSchema};
use tagdb_wire::{BulkMode, WriteAnswer, media};
use xxhash_rust::xxh3::xxh3_128;

use super::lookup::table_schema;
use super::{Path, json_text, whole_body, written};
use crate::engine_handle::Lane;
use crate::http::body;
use crate::http::error::{ApiError, ApiResult};
use crate::http::middleware::frame_at_once;
use crate::http::output::write_row;
use crate::http::params::{Params, idempotency_key};
use crate::http::read::{catch_up, waits};
use crate::http::state::AppState;
use crate::ingest::batch::BatchBuilder;
use crate::ingest::json::{Object, Text};
use crate::ingest::report::RowFault;
use crate::ingest::rows::stage_member;
use crate::ingest::target::{Slot, Target};
use crate::ingest::upload::{single_key, write_change};
use crate::ingest::values::{key_from_json, key_from_text};

/// Bytes of a row as text that are made room for at first.
const ROW_BYTES: usize = 512;

/// The names in a row's path. The empty string is a key too, and leaves no segment of its own.
#[derive(Debug, Deserialize)]
pub(super) struct RowPath {
    table: String,
    #[serde(default)]
    key: String,
}

/// `GET /v1/tables/{table}/rows/{key}`
pub(super) async fn get(
    State(state): State<AppState>,
    Path(RowPath { table, key }): Path<RowPath>,
    mut params: Params,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let tags = params.take_names("tags")?;
    params.finish()?;
    catch_up(&state, &headers, state.config.statement_timeout).await?;
    look_up(&state, &table, &key, tags.as_deref())
}

/// The answer to [`get`] without the router, if nothing has to be waited for or decoded.
pub(in crate::http) fn at_once<B>(state: &AppState, request: &Request<B>) -> Option<Response> {
    if request.method() != Method::GET || waits(request.headers()) {
        return None;
    }
    let (table, key) = names_of(request.uri().path())?;
    let answer = || {
        let mut params = Params::parse(request.uri().query().unwrap_or_default())?;
        let tags = params.take_names("tags")?;
        params.finish()?;
        look_up(state, table, key, tags.as_deref())
    };
    Some(frame_at_once(
        state,
        request.headers(),
        &state.row_answers,
        answer,
    ))
}

/// The table and the key in the path of a row that stand there as they are.
fn names_of(path: &str) -> Option<(&str, &str)> {
    let (table, rest) = path.strip_prefix("/v1/tables/")?.split_once('/')?;
    let key = rest.strip_prefix("rows/")?;
    let is_plain = |name: &str| !name.is_empty() && !name.bytes().any(|byte| b"/%".contains(&byte));
    (is_plain(table) && is_plain(key)).then_some((table, key))
}

/// One row is mostly in memory or in the cache: a thread of its own would cost more than it.
fn look_up(
    state: &AppState,
    table: &str,
    key: &str,
    tags: Option<&[String]>,
) -> ApiResult<Response> {
    let database = state.handle.database();
    let snapshot = database.engine().snapshot();
    let schema = table_schema(&snapshot, table)?;
    let key = parse_key(&schema, key)?;
    let mut found = None;
    database.lookup_each(&snapshot, table, &[key.as_ref()], tags, |row| {
        found = row.map(|row| {
            let mut out = String::with_capacity(ROW_BYTES);
            write_row(&schema, key.as_ref(), row, &mut out);
            out
        });
        Ok::<_, ApiError>(())
    })?;
    let out = found.ok_or_else(|| no_row(&schema))?;
    let mut response = json_text(out);
    state
        .last_token
        .mark(database.engine(), snapshot.lsn(), response.headers_mut());
    Ok(response)
}

/// `PATCH /v1/tables/{table}/rows/{key}`
pub(super) async fn patch(
    State(state): State<AppState>,
    Path(RowPath { table, key }): Path<RowPath>,
    mut params: Params,
    request: Request<Body>,
) -> ApiResult<Response> {
    let durable = durability(&mut params)?;
    params.finish()?;
    let media = body::media_type(request.headers())?;
    if media.as_deref() != Some(media::JSON) {
        return Err(body::wrong_type(media.as_deref(), media::JSON));
    }
    let name = idempotency_key(request.headers())?;
    let body = whole_body(&state, request).await?;
    let row = move |database: &Database| {
        let options = options(durable, name, fingerprint("PATCH", &table, &key, &body));
        if let Some(receipt) = database.engine().repeat_of(&options)? {
            return Ok(receipt);
        }
        let schema = table_schema(&database.engine().snapshot(), &table)?;
        let key = parse_key(&schema, &key)?;
        let change = patched(&schema, &key, &body)?;
        write_change(database.engine(), &options, &schema, Some(change))
    };
    let receipt = state.handle.run(Lane::RowWrite, row).await?;
    Ok(answer(&receipt, 1))
}

/// `DELETE /v1/tables/{table}/rows/{key}`
pub(super) async fn delete(
    State(state): State<AppState>,
    Path(RowPath { table, key }): Path<RowPath>,
    mut params: Params,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let durable = durability(&mut params)?;
    params.finish()?;
    let name = idempotency_key(&headers)?;
    let row = move |database: &Database| {
        let options = options(durable, name, fingerprint("DELETE", &table, &key, b""));
        if let Some(receipt) = database.engine().repeat_of(&options)? {
            return Ok(receipt);
        }
        let schema = table_schema(&database.engine().snapshot(), &table)?;
        let key = parse_key(&schema, &key)?;
        let change = Change::DeleteKeys(single_key(&schema, key.as_ref()));
        write_change(database.engine(), &options, &schema, Some(change))
    };
    let receipt = state.handle.run(Lane::RowWrite, row).await?;
    Ok(answer(&receipt, receipt.outcome.matched))
}

/// `?durability=async`
pub(super) fn durability(params: &mut Params) -> ApiResult<bool> {
    let words = [("sync", true), ("async", false)];
    Ok(params.take_word("durability", &words)?.unwrap_or(true))
}

fn options(durable: bool, name: Option<String>, fingerprint: u128) -> WriteOptions {
    WriteOptions {
        durable,
        idempotency: name.map(|key| Idempotency {
            key,
            fingerprint,
            detail: Vec::new(),
        }),
    }
}

fn fingerprint(method: &str, table: &str, key: &str, body: &[u8]) -> u128 {
    let mut whole = format!("{method}\0{table}\0{key}\0").into_bytes();
    whole.extend_from_slice(body);
    xxh3_128(&whole)
}

fn parse_key(schema: &TableSchema, key: &str) -> ApiResult<Key> {
    key_from_text(schema.key_type, key).map_err(refused)
}

fn no_row(schema: &TableSchema) -> ApiError {
    ApiError::new(
        "not_found",
        format!("table \"{}\" has no row of that key", schema.name),
    )
}

fn refused(fault: RowFault) -> ApiError {
    match fault.column {
        Some(column) => ApiError::new(fault.code, format!("\"{column}\": {}", fault.detail)),
        None => ApiError::new(fault.code, fault.detail),
    }
}

/// What a body says about the tags of one subject.
fn patched(schema: &Arc<TableSchema>, key: &Key, body: &[u8]) -> ApiResult<Change> {
    let target = Arc::new(Target::new(Arc::clone(schema), BulkMode::Upsert, None)?);
    let unreadable = |error: &dyn std::fmt::Display| {
        ApiError::bad_parameter(format!("the body is not a JSON object of tags: {error}"))
    };
    let text = str::from_utf8(body).map_err(|error| unreadable(&error))?;
    let Object(members) = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    let mut batch = BatchBuilder::new(Arc::clone(&target));
    for (Text(name), value) in &members {
        let slot = target.slot(name).map_err(refused)?;
        if slot == Slot::Key {
            same_key(schema, key, value)?;
        } else {
            stage_member(slot, name, value, &target, &mut batch).map_err(refused)?;
        }
    }
    batch.keep(key.as_ref(), body.len());
    Ok(Change::Rows {
        mode: RowMode::Upsert,
        rows: batch.take(),
    })
}

/// A body may repeat the path's key, so that what a look-up answered can be sent back.
fn same_key(schema: &TableSchema, key: &Key, value: &RawValue) -> ApiResult<()> {
    if key_from_json(schema.key_type, value).map_err(refused)? == *key {
        return Ok(());
    }
    Err(ApiError::new(
        "bad_key",
        "the key in the body is not the one in the path",
    ))
}

fn answer(receipt: &Receipt, rows_affected: u64) -> Response {
    let body = WriteAnswer {
        created: receipt.outcome.created,
        rows_affected,
        durable: receipt.durable,
        token: receipt.token.clone(),
    };
    written(StatusCode::OK, body, &receipt.token, receipt.replayed)
}
