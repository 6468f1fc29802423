//! Paths of later releases: refused by name rather than as unknown.

use axum::routing::post;

use super::{Route, route};
use crate::http::error::ApiError;

/// All of them.
pub(super) fn all() -> Vec<Route> {
    [
        ("/v1/tables/{table}/portrait", "portrait"),
        ("/v1/tables/{table}/significant", "significant"),
    ]
    .map(|(path, feature)| {
        let refuse = move || async move { ApiError::unsupported(feature) };
        route(path, &[], post(refuse))
    })
    .into()
}
