//! What surrounds every request: its id, the check of where it comes from, the catching of panics,
//! the one log line of a failure, and the figures.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tagdb_wire::headers;

use super::error::{ApiError, Failure};
use super::state::AppState;

/// Bytes of a request id that a client may choose.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Names a request in logs and problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(pub(super) Arc<str>);

/// Makes request ids that are unlikely to repeat, also over restarts.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    random: RandomState,
    made: AtomicU64,
}

impl RequestIds {
    fn of(&self, headers: &HeaderMap) -> RequestId {
        let given = headers
            .get(headers::REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_well_formed(text));
        match given {
            Some(text) => RequestId(text.into()),
            None => {
                let number = self.made.fetch_add(1, Ordering::Relaxed);
                RequestId(format!("{:016x}", self.random.hash_one(number)).into())
            }
        }
    }
}

fn is_well_formed(text: &str) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The outermost layer of the router.
pub(super) async fn frame(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = state.request_ids.of(request.headers());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(id.clone());

    let checked = check_origin(request.headers())
        .and_then(|()| check_host(request.headers(), state.config.insecure));
    let answered = match checked {
        Ok(()) => AssertUnwindSafe(next.run(request)).catch_unwind().await,
        Err(error) => Ok(error.into_response()),
    };
    let response = answered
        .unwrap_or_else(|_| ApiError::internal("a request handler panicked").into_response());

    let mut response = finish(response, &id, &route);
    let time = started.elapsed();
    let status = response.status().as_u16();
    state
        .metrics
        .request(&route, method_label(&method), status, time);
    tracing::debug!(request = %id.0, %method, route, status, ?time, "answered");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(headers::REQUEST_ID, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Writes the body of a failure, and logs it if it is the server's fault.
fn finish(mut response: Response, id: &RequestId, route: &str) -> Response {
    let Some(Failure(error)) = response.extensions_mut().remove::<Failure>() else {
        return response;
    };
    log_failure(&error, id, route);
    let mut rendered = error.render(&id.0);
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        rendered.headers_mut().insert(header::ALLOW, allow);
    }
    rendered
}

/// The one log line of a failure that is the server's fault.
pub(super) fn log_failure(error: &ApiError, id: &RequestId, route: &str) {
    if error.status().is_server_error() {
        tracing::error!(request = %id.0, route, code = error.code(), detail = error.detail(), "request failed");
    }
}

/// Refuses what a web page of another site has a browser send: a server on one's own machine is
/// otherwise open to every page one looks at.
fn check_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let own = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .zip(origin.to_str().ok())
        .is_some_and(|(host, origin)| {
            origin
                .split_once("://")
                .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        });
    if own {
        Ok(())
    } else {
        Err(ApiError::new(
            "forbidden",
            "requests from web pages of other sites are refused",
        ))
    }
}

/// Refuses names that a page has had resolved to this machine. Behind a proxy any name may be right.
fn check_host(headers: &HeaderMap, behind_proxy: bool) -> Result<(), ApiError> {
    let Some(host) = headers.get(header::HOST).filter(|_| !behind_proxy) else {
        return Ok(());
    };
    let local = host.to_str().is_ok_and(|host| {
        let host = &*host.to_ascii_lowercase();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
    });
    if local {
        return Ok(());
    }
    Err(ApiError::new(
        "forbidden",
        "this server is for its own machine: call it by its address, or by localhost",
    ))
}

/// The method as a bounded label.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, value.parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn request_ids_are_taken_if_well_formed_or_else_made() {
        let ids = RequestIds::default();
        assert_eq!(&*ids.of(&with(&[("x-request-id", "a-B_1.2")])).0, "a-B_1.2");
        for bad in ["", "a b", "a\"b", &"x".repeat(65)] {
            let made = ids.of(&with(&[("x-request-id", bad)]));
            assert_eq!(made.0.len(), 16, "{bad}");
        }
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        assert!(check_origin(&HeaderMap::new()).is_ok());
        let host = ("host", "127.0.0.1:7480");
        assert!(check_origin(&with(&[host, ("origin", "http://127.0.0.1:7480")])).is_ok());
        for origin in ["http://evil.example", "null", "http://127.0.0.1"] {
            let error = check_origin(&with(&[host, ("origin", origin)])).unwrap_err();
            assert_eq!(error.code(), "forbidden");
        }
        assert!(check_origin(&with(&[("origin", "http://x")])).is_err());
    }
}
