//! Reads that must see at least a state.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName};
use tagdb_storage::ids::Lsn;

use tagdb_wire::headers;

use super::error::{ApiError, ApiResult};
use super::params;
use super::state::AppState;
use crate::engine_handle::Lane;

static AT_LEAST: HeaderName = HeaderName::from_static(headers::AT_LEAST);

/// Whether a request names a state that may have to be waited for.
pub(super) fn waits(headers: &HeaderMap) -> bool {
    headers.contains_key(&AT_LEAST)
}

/// Waits until the state that the request's token names is visible.
///
/// # Errors
/// `not_caught_up` when it is not in time, `bad_parameter` or `write_lost` for tokens that name no
/// state.
pub(super) async fn catch_up(
    state: &AppState,
    headers: &HeaderMap,
    time: Duration,
) -> ApiResult<()> {
    let Some(token) = params::at_least(headers)? else {
        return Ok(());
    };
    let engine = state.handle.engine();
    let lsn: Lsn = engine.lsn_of_token(token)?;
    if engine.snapshot().lsn() >= lsn {
        return Ok(());
    }
    let deadline = Instant::now() + time;
    let reached = state
        .handle
        .run(Lane::Statement, move |database| {
            Ok(database.engine().wait_for(lsn, deadline))
        })
        .await?;
    if reached {
        return Ok(());
    }
    Err(ApiError::new(
        "not_caught_up",
        "the state of the token was not reached in time",
    ))
}
