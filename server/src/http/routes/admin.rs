//! Upkeep: flushes, compactions and snapshots.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use tagdb_query::Database;
use tagdb_storage::engine;
use tagdb_wire::{FlushRequest, JobInfo, JobState, SnapshotInfo, SnapshotList, SnapshotRequest};

use super::lookup::table_schema;
use super::{Path, json_body, optional_json_body};
use crate::engine_handle::{Lane, blocking};
use crate::http::error::{ApiError, ApiResult};
use crate::http::middleware::{RequestId, log_failure};
use crate::http::params::NoParams;
use crate::http::state::AppState;

/// What a job does.
#[derive(Clone, Copy)]
enum Kind {
    Flush,
    Compact,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Flush => "flush",
            Self::Compact => "compact",
        }
    }

    fn run(self, database: &Database, table: Option<&str>) -> ApiResult<()> {
        let engine = database.engine();
        let table = match table {
            Some(name) => Some(table_schema(&engine.snapshot(), name)?.id),
            None => None,
        };
        match self {
            // A flush is one edit for all tables.
            Self::Flush => engine.flush()?,
            Self::Compact => engine.compact(table)?,
        }
        Ok(())
    }
}

/// `POST /v1/admin/flush`
pub(super) async fn flush(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    run(state, id, Kind::Flush, request).await
}

/// `POST /v1/admin/compact`
pub(super) async fn compact(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    run(state, id, Kind::Compact, request).await
}

async fn run(state: AppState, id: RequestId, kind: Kind, request: Request) -> ApiResult<Response> {
    let FlushRequest { table, wait } = optional_json_body(&state, request).await?;
    if let Some(table) = &table {
        table_schema(&state.handle.engine().snapshot(), table)?;
    }
    let job = state.jobs.begin(kind.name(), table.clone())?;
    let job_id = job.id.clone();
    let running = tokio::spawn({
        let state = state.clone();
        async move {
            let database = std::sync::Arc::clone(state.handle.database());
            let done = blocking(move || kind.run(&database, table.as_deref())).await;
            state.jobs.end(&job_id, done.as_ref().err(), id.as_str());
            if let Err(error) = &done
                && !wait
            {
                log_failure(error, &id, "/v1/jobs");
            }
            done
        }
    });
    if !wait {
        return Ok((StatusCode::ACCEPTED, Json(job)).into_response());
    }
    running
        .await
        .map_err(|error| ApiError::internal(error.to_string()))??;
    let done = JobInfo {
        state: JobState::Done,
        ..job
    };
    Ok(Json(done).into_response())
}

/// `GET /v1/jobs/{id}`
pub(super) async fn job(
    State(state): State<AppState>,
    Path(id): Path<String>,
    _: NoParams,
) -> ApiResult<Json<JobInfo>> {
    match state.jobs.find(&id) {
        Some(job) => Ok(Json(job)),
        None => Err(ApiError::new(
            "not_found",
            format!("there is no job \"{id}\""),
        )),
    }
}

/// `GET /v1/admin/snapshots`
pub(super) async fn list_snapshots(
    State(state): State<AppState>,
    _: NoParams,
) -> ApiResult<Json<SnapshotList>> {
    let found = state
        .handle
        .run(Lane::Statement, |database| {
            Ok(database.engine().list_snapshots()?)
        })
        .await?;
    let snapshots = found.into_iter().map(info).collect();
    Ok(Json(SnapshotList { snapshots }))
}

/// `POST /v1/admin/snapshots`
pub(super) async fn create_snapshot(
    State(state): State<AppState>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let SnapshotRequest { name } = json_body(&state, request).await?;
    let made = state
        .handle
        .run(Lane::Statement, move |database| {
            Ok(database.engine().create_snapshot(&name)?)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(info(made))).into_response())
}

/// `DELETE /v1/admin/snapshots/{name}`
pub(super) async fn delete_snapshot(
    State(state): State<AppState>,
    Path(name): Path<String>,
    _: NoParams,
) -> ApiResult<StatusCode> {
    state
        .handle
        .run(Lane::Statement, move |database| {
            Ok(database.engine().delete_snapshot(&name)?)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn info(snapshot: engine::SnapshotInfo) -> SnapshotInfo {
    SnapshotInfo {
        name: snapshot.name,
        lsn: snapshot.lsn.0,
        bytes: snapshot.bytes,
    }
}
