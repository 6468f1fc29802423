//! The paths of the contract, one file a subject.

mod admin;
mod analysis;
mod bulk;
mod info;
mod lookup;
mod row;
mod sql;
mod tables;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tagdb_wire::{headers, media};

use super::body;
use super::error::{ApiError, ApiResult};
use super::state::AppState;

/// A path, the methods of it that the API's document names, and what answers them.
pub(super) struct Route {
    pub(super) path: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with openapi.json"))]
    pub(super) documented: &'static [&'static str],
    pub(super) handler: MethodRouter<AppState>,
}

fn route(
    path: &'static str,
    documented: &'static [&'static str],
    handler: MethodRouter<AppState>,
) -> Route {
    Route {
        path,
        documented,
        handler,
    }
}

/// All paths.
pub(super) fn all() -> Vec<Route> {
    let mut routes = vec![
        route("/v1/sql", &["get", "post"], get(sql::get).post(sql::post)),
        route("/v1/tables", &["get"], get(tables::list)),
        route("/v1/tables/{table}", &["get"], get(tables::describe)),
        route("/v1/tables/{table}/rows", &["post"], post(bulk::post)),
        route(
            "/v1/tables/{table}/rows/{key}",
            &["get", "patch", "delete"],
            get(row::get).patch(row::patch).delete(row::delete),
        ),
        route(
            "/v1/tables/{table}/rows/",
            &[],
            get(row::get).patch(row::patch).delete(row::delete),
        ),
        route("/v1/tables/{table}/lookup", &["post"], post(lookup::post)),
        route("/v1/admin/flush", &["post"], post(admin::flush)),
        route("/v1/admin/compact", &["post"], post(admin::compact)),
        route(
            "/v1/admin/snapshots",
            &["get", "post"],
            get(admin::list_snapshots).post(admin::create_snapshot),
        ),
        route(
            "/v1/admin/snapshots/{name}",
            &["delete"],
            delete(admin::delete_snapshot),
        ),
        route("/v1/jobs/{id}", &["get"], get(admin::job)),
        route("/v1/writes/{key}", &["get"], get(info::write)),
        route("/v1/status", &["get"], get(info::status)),
        route("/healthz", &["get"], get(info::alive)),
        route("/readyz", &["get"], get(info::ready)),
        route("/metrics", &["get"], get(info::metrics)),
        route("/openapi.json", &["get"], get(info::openapi)),
        route("/errors/{code}", &["get"], get(info::error)),
    ];
    routes.extend(analysis::all());
    routes
}

/// The body of a request as JSON; an empty body where that may be.
async fn json_body<T: DeserializeOwned>(state: &AppState, request: Request) -> ApiResult<T> {
    let media = body::media_type(request.headers())?;
    if media.as_deref() != Some(media::JSON) {
        return Err(body::wrong_type(media.as_deref(), media::JSON));
    }
    parse_json(&whole_body(state, request).await?)
}

/// As [`json_body`], where a request without a body means the defaults.
async fn optional_json_body<T: DeserializeOwned + Default>(
    state: &AppState,
    request: Request,
) -> ApiResult<T> {
    if request.headers().contains_key(header::CONTENT_TYPE) {
        return json_body(state, request).await;
    }
    match whole_body(state, request).await?.as_ref() {
        b"" => Ok(T::default()),
        _ => Err(body::wrong_type(None, media::JSON)),
    }
}

async fn whole_body(state: &AppState, request: Request) -> ApiResult<Bytes> {
    let (parts, body) = request.into_parts();
    let bounds = body::Bounds {
        bytes_max: state.config.body_bytes_max,
        timeout: state.config.body_timeout,
        memory: Arc::clone(state.handle.database().memory()),
    };
    body::collect(&parts.headers, body, &bounds).await
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::bad_parameter(format!("the body is not as expected: {error}")))
}

/// The names in a path, percent-decoded.
#[derive(Debug)]
struct Path<T>(T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> ApiResult<Self> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(names)) => Ok(Self(names)),
            Err(error) => Err(ApiError::bad_parameter(format!(
                "the path cannot be read: {}",
                error.body_text()
            ))),
        }
    }
}

/// An answer of JSON text that is written already.
fn json_text(text: String) -> Response {
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(media::JSON));
    ([content_type], text).into_response()
}

/// An answer to a write: with its token, and whether it is a repeat.
fn written(
    status: StatusCode,
    body: impl serde::Serialize,
    token: &str,
    replayed: bool,
) -> Response {
    let mut response = (status, Json(body)).into_response();
    mark_written(&mut response, token, replayed);
    response
}

fn mark_written(response: &mut Response, token: &str, replayed: bool) {
    let headers = response.headers_mut();
    if let Ok(token) = HeaderValue::from_str(token) {
        headers.insert(HeaderName::from_static(headers::TOKEN), token);
    }
    if replayed {
        let replayed = HeaderName::from_static(headers::IDEMPOTENCY_REPLAYED);
        headers.insert(replayed, HeaderValue::from_static("true"));
    }
}
