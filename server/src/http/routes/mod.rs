//! The paths of the contract, one file a subject.

mod admin;
mod analysis;
mod bulk;
mod info;
mod lookup;
mod row;
mod row_together;
mod sql;
mod tables;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use bytes::Bytes;
use serde::de::{Deserialize, DeserializeOwned};
use tagdb_wire::{headers, media};

use super::body;
use super::error::{ApiError, ApiResult};
use super::state::AppState;

pub(super) use row_together::at_once as row_at_once;

/// Headers of an answer: its type, its token, its id, `nosniff`.
const HEADERS: usize = 4;
/// The pattern of the path of one row.
pub(super) const ROW: &str = "/v1/tables/{table}/rows/{key}";

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
            ROW,
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
    let (parts, body) = request.into_parts();
    parse_json(&json_bytes(state, &parts.headers, body).await?)
}

/// The whole body of a request that is JSON, unread.
async fn json_bytes(state: &AppState, headers: &HeaderMap, body: Body) -> ApiResult<Bytes> {
    let media = body::media_type(headers)?;
    if media.as_deref() != Some(media::JSON) {
        return Err(body::wrong_type(media.as_deref(), media::JSON));
    }
    collect(state, headers, body).await
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
    collect(state, &parts.headers, body).await
}

async fn collect(state: &AppState, headers: &HeaderMap, body: Body) -> ApiResult<Bytes> {
    let bounds = body::Bounds {
        bytes_max: state.config.body_bytes_max,
        timeout: state.config.body_timeout,
        memory: Arc::clone(state.handle.database().memory()),
    };
    body::collect(headers, body, &bounds).await
}

fn parse_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> ApiResult<T> {
    // Structures would be read from arrays of their members too, which nobody can mean.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::bad_parameter(
            "the body is an array; send an object",
        ));
    }
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
    body_of(media::JSON, text)
}

/// An answer that is written already, with room for the headers that answers have.
fn body_of(media: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    *response.headers_mut() = headers;
    response
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
