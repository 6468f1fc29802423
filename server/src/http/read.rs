//! Reads that must see at least a state.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName};
use tagdb_storage::ids::Lsn;

use tagdb_wire::headers;

use super::error::{ApiError, ApiResult};
use super::params;
use super::state::AppState;

static AT_LEAST: HeaderName = HeaderName::from_static(headers::AT_LEAST);

/// Whether a request names a state that may have to be waited for.
pub(super) fn waits(headers: &HeaderMap) -> bool {
    headers.contains_key(&AT_LEAST)
}

/// Time between two looks at the newest state. A token is given out when its state is visible, so
/// that there is next to nothing to wait for.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Waits until the state that the request's token names is visible, and says how much of the time
/// is left.
///
/// # Errors
/// `not_caught_up` when it is not in time, `bad_parameter` or `write_lost` for tokens that name no
/// state.
pub(super) async fn catch_up(
    state: &AppState,
    headers: &HeaderMap,
    time: Duration,
) -> ApiResult<Duration> {
    let Some(token) = params::at_least(headers)? else {
        return Ok(time);
    };
    let engine = state.handle.engine();
    let lsn: Lsn = engine.lsn_of_token(token)?;
    let started = Instant::now();
    while engine.snapshot().lsn() < lsn {
        if started.elapsed() >= time {
            return Err(ApiError::new(
                "not_caught_up",
                "the state of the token was not reached in time",
            ));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(time.saturating_sub(started.elapsed()))
}
