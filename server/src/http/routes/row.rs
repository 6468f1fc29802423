//! One subject by its key.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use tagdb_query::{Database, TagValue};
use tagdb_storage::batch::{Change, KeyRef, RowMode};
use tagdb_storage::engine::{Idempotency, Receipt, WriteOptions};
use tagdb_storage::ids::Lsn;
use tagdb_storage::schema::{Key, TableSchema};
use tagdb_wire::{BulkMode, WriteAnswer, media};
use xxhash_rust::xxh3::xxh3_128;

use super::lookup::table_schema;
use super::{Path, json_text, whole_body, written};
use crate::engine_handle::Lane;
use crate::http::body;
use crate::http::error::{ApiError, ApiResult};
use crate::http::output::write_row;
use crate::http::params::{Params, idempotency_key};
use crate::http::read::catch_up;
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
    let found = look_up(&state, &table, &key, tags.as_deref())?;
    Ok(found.into_response(&state))
}

/// A row as it is answered.
#[derive(Debug)]
pub(super) struct Found {
    /// JSON.
    row: String,
    /// The state that it was read from.
    lsn: Lsn,
}

impl Found {
    /// A subject, its tags by their places in the schema.
    pub(super) fn new(
        schema: &TableSchema,
        key: KeyRef<'_>,
        row: &[(usize, TagValue<'_>)],
        lsn: Lsn,
    ) -> Self {
        let mut text = String::with_capacity(ROW_BYTES);
        write_row(schema, key, row, &mut text);
        Self { row: text, lsn }
    }

    pub(super) fn into_response(self, state: &AppState) -> Response {
        let mut response = json_text(self.row);
        let engine = state.handle.database().engine();
        state
            .last_token
            .mark(engine, self.lsn, response.headers_mut());
        response
    }
}

/// One row is mostly in memory or in the cache: a thread of its own would cost more than it.
pub(super) fn look_up(
    state: &AppState,
    table: &str,
    key: &str,
    tags: Option<&[String]>,
) -> ApiResult<Found> {
    let database = state.handle.database();
    let snapshot = database.engine().snapshot();
    let schema = table_schema(&snapshot, table)?;
    let key = parse_key(&schema, key)?;
    let mut found = None;
    database.lookup_each(&snapshot, table, &[key.as_ref()], tags, |row| {
        found = row.map(|row| Found::new(&schema, key.as_ref(), row, snapshot.lsn()));
        Ok::<_, ApiError>(())
    })?;
    found.ok_or_else(|| no_row(&schema))
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

pub(super) fn parse_key(schema: &TableSchema, key: &str) -> ApiResult<Key> {
    key_from_text(schema.key_type, key).map_err(refused)
}

pub(super) fn no_row(schema: &TableSchema) -> ApiError {
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
