//! The server's state, its API, and what errors mean.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tagdb_storage::engine::EngineStatus;
use tagdb_wire::{Status, WriteState, codes};

use super::{Path, json_text};
use crate::engine_handle::Lane;
use crate::http::error::{ApiError, ApiResult};
use crate::http::params::NoParams;
use crate::http::state::AppState;
use crate::metrics;

/// The API, as a document that is served as it is.
const OPENAPI: &str = include_str!("../openapi.json");

/// Damaged files that the state names.
const DAMAGED_MAX: usize = 100;

/// `GET /v1/writes/{key}`
pub(super) async fn write(
    State(state): State<AppState>,
    Path(key): Path<String>,
    _: NoParams,
) -> ApiResult<Json<WriteState>> {
    let found = state
        .handle
        .run(Lane::RowWrite, move |database| {
            Ok(database.engine().recorded(&key)?)
        })
        .await?;
    match found {
        Some(receipt) => Ok(Json(WriteState {
            state: "committed".to_owned(),
            token: receipt.token,
        })),
        None => Err(ApiError::new(
            "not_found",
            "no write of that idempotency key is known",
        )),
    }
}

/// `GET /v1/status`
pub(super) async fn status(State(state): State<AppState>, _: NoParams) -> ApiResult<Json<Status>> {
    let engine = engine_status(&state).await?;
    let snapshot = state.handle.engine().snapshot();
    let subjects = snapshot
        .catalog()
        .tables()
        .filter_map(|schema| snapshot.table(schema.id))
        .flat_map(|table| table.partitions())
        .map(|partition| partition.subjects())
        .sum();
    let stopping = state.stopping.load(Ordering::Relaxed);
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: match (stopping, engine.read_only.is_some()) {
            (true, _) => "stopping",
            (false, true) => "read_only",
            (false, false) => "ready",
        }
        .to_owned(),
        uptime_seconds: state.started.elapsed().as_secs(),
        lsn: snapshot.lsn().0,
        durable_lsn: engine.durable_lsn.0,
        token: state.handle.engine().token(snapshot.lsn()),
        tables: snapshot.catalog().tables().count() as u64,
        subjects,
        memory_bytes: engine.memory_bytes,
        cache_bytes: engine.cache_bytes,
        segments: engine.files,
        segment_bytes: engine.file_bytes,
        log_bytes: engine.log_bytes,
        jobs: state.jobs.running(),
        connections: state.metrics.connections_open(),
        statements: state.metrics.statements_running(),
        damaged: engine.damaged.into_iter().take(DAMAGED_MAX).collect(),
    }))
}

async fn engine_status(state: &AppState) -> ApiResult<EngineStatus> {
    state
        .handle
        .run(Lane::Status, |database| Ok(database.engine().status()))
        .await
}

/// `GET /healthz`
pub(super) async fn alive(_: NoParams) -> Response {
    json_text("{\"state\":\"alive\"}".to_owned())
}

/// `GET /readyz`
pub(super) async fn ready(State(state): State<AppState>, _: NoParams) -> ApiResult<Response> {
    if state.stopping.load(Ordering::Relaxed) {
        return Err(ApiError::new("overloaded", "the server is stopping"));
    }
    if let Some(refused) = state.handle.engine().refuses_writes() {
        return Err(refused.into());
    }
    if state.handle.is_full() {
        return Err(ApiError::new(
            "overloaded",
            "as many statements wait as may wait",
        ));
    }
    Ok(json_text("{\"state\":\"ready\"}".to_owned()))
}

/// `GET /metrics`
pub(super) async fn metrics(State(state): State<AppState>, _: NoParams) -> ApiResult<Response> {
    let status = engine_status(&state).await?;
    let cursors = state.cursors.count();
    state
        .metrics
        .cursors
        .set(i64::try_from(cursors).unwrap_or(i64::MAX));
    let gauges = &state.metrics.engine;
    for (gauge, value) in [
        (&gauges.memory_bytes, status.memory_bytes),
        (&gauges.cache_bytes, status.cache_bytes),
        (&gauges.segments, status.files),
        (&gauges.segment_bytes, status.file_bytes),
        (&gauges.log_bytes, status.log_bytes),
        (&gauges.lsn, status.lsn.0),
        (&gauges.durable_lsn, status.durable_lsn.0),
        (&gauges.read_only, u64::from(status.read_only.is_some())),
        (&gauges.damaged, status.damaged.len() as u64),
        (
            &gauges.requests_memory_bytes,
            state.handle.database().memory().used() as u64,
        ),
    ] {
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    }
    let text = state
        .metrics
        .encode()
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let content_type = HeaderValue::from_static(metrics::CONTENT_TYPE);
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

/// `GET /openapi.json`
pub(super) async fn openapi(_: NoParams) -> Response {
    json_text(OPENAPI.to_owned())
}

/// `GET /errors/{code}`
pub(super) async fn error(Path(code): Path<String>, _: NoParams) -> ApiResult<Response> {
    let Some(entry) = codes::find(&code) else {
        let detail = format!("there is no error code \"{code}\"");
        return Err(ApiError::new("not_found", detail));
    };
    Ok(Json(json!({
        "code": entry.code,
        "status": entry.status,
        "title": codes::title(entry.status),
        "meaning": entry.meaning,
    }))
    .into_response())
}
