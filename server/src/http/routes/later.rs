//! Paths of later releases: refused by name rather than as unknown.

use axum::routing::post;

use super::{Route, route};
use crate::http::error::ApiError;

/// All of them.
pub(super) fn all() -> Vec<Route> {
    vec![
        route("/v1/tables/{table}/match", &[], post(|| refuse("match"))),
        route(
            "/v1/tables/{table}/portrait",
            &[],
            post(|| refuse("portrait")),
        ),
        route(
            "/v1/tables/{table}/significant",
            &[],
            post(|| refuse("significant")),
        ),
        route("/v1/tables/{table}/overlap", &[], post(|| refuse("overlap"))),
        route(
            "/v1/tables/{table}/explain-count",
            &[],
            post(|| refuse("explain-count")),
        ),
        route(
            "/v1/tables/{table}/membership",
            &[],
            post(|| refuse("membership")),
        ),
    ]
}

async fn refuse(feature: &'static str) -> ApiError {
    ApiError::unsupported(feature)
}
