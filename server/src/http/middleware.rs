//! What surrounds every request: its id, the check of where it comes from, the catching of panics,
//! the one log line of a failure, and the figures.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tagdb_wire::headers;

use super::error::{ApiError, ApiResult, Failure};
use super::state::AppState;
use crate::metrics::GoodAnswers;

/// Bytes of a request id that a client may choose.
const REQUEST_ID_BYTES_MAX: usize = 64;

static REQUEST_ID: HeaderName = HeaderName::from_static(headers::REQUEST_ID);

/// Names a request in logs and problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    pub(super) fn as_str(&self) -> &str {
        // Only ASCII is taken and made.
        self.0.to_str().unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes request ids that are unlikely to repeat, also over restarts.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    random: RandomState,
    made: AtomicU64,
}

impl RequestIds {
    fn of(&self, headers: &HeaderMap) -> RequestId {
        let given = headers.get(&REQUEST_ID);
        match given.filter(|value| is_well_formed(value.as_bytes())) {
            Some(value) => RequestId(value.clone()),
            None => RequestId(self.make()),
        }
    }

    /// 16 hexadecimal digits.
    fn make(&self) -> HeaderValue {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let random = self.random.hash_one(number);
        let digit = |place: usize| b"0123456789abcdef"[(random >> (60 - 4 * place)) as usize & 15];
        let digits: [u8; 16] = std::array::from_fn(digit);
        HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("none"))
    }
}

fn is_well_formed(text: &[u8]) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// The outermost layer of the router.
pub(super) async fn frame(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let frame = Frame::begin(state, request.headers());
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let response = match frame.check(request.headers()) {
        Ok(()) => {
            request.extensions_mut().insert(frame.id.clone());
            let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
            answered.unwrap_or_else(|_| panicked().into_response())
        }
        Err(error) => error.into_response(),
    };
    frame.end(response, &route, method)
}

pub(super) fn panicked() -> ApiError {
    ApiError::internal("a request handler panicked")
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Frame {
    state: AppState,
    id: RequestId,
    started: Instant,
}

impl Frame {
    pub(super) fn begin(state: AppState, headers: &HeaderMap) -> Self {
        Self {
            id: state.request_ids.of(headers),
            state,
            started: Instant::now(),
        }
    }

    pub(super) fn check(&self, headers: &HeaderMap) -> ApiResult<()> {
        check_origin(headers)?;
        check_host(headers, self.state.config.insecure)
    }

    /// Ends a request of a route and method whose figures are known.
    pub(super) fn end_at_once(self, good: &GoodAnswers, answered: ApiResult<Response>) -> Response {
        match answered {
            Ok(mut response) => {
                good.count(&self.state.metrics, self.started.elapsed());
                tracing::debug!(request = %self.id, route = good.route(), "answered");
                self.mark(response.headers_mut());
                response
            }
            Err(error) => self.end(error.into_response(), good.route(), good.method()),
        }
    }

    fn end(self, response: Response, route: &str, method: &'static str) -> Response {
        let mut response = finish(response, &self.id, route);
        let time = self.started.elapsed();
        let status = response.status().as_u16();
        self.state.metrics.request(route, method, status, time);
        tracing::debug!(request = %self.id, method, route, status, ?time, "answered");
        self.mark(response.headers_mut());
        response
    }

    /// The headers of every answer.
    fn mark(self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID.clone(), self.id.0);
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
    }
}

/// Writes the body of a failure, and logs it if it is the server's fault.
fn finish(mut response: Response, id: &RequestId, route: &str) -> Response {
    let Some(Failure(error)) = response.extensions_mut().remove::<Failure>() else {
        return response;
    };
    log_failure(&error, id, route);
    let mut rendered = error.render(id.as_str());
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        rendered.headers_mut().insert(header::ALLOW, allow);
    }
    rendered
}

/// The one log line of a failure that is the server's fault.
pub(super) fn log_failure(error: &ApiError, id: &RequestId, route: &str) {
    if error.status().is_server_error() {
        tracing::error!(request = %id, route, code = error.code(), detail = error.detail(), "request failed");
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
                let name = HeaderName::from_static(name);
                (name, value.parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn request_ids_are_taken_if_well_formed_or_else_made() {
        let ids = RequestIds::default();
        let given = ids.of(&with(&[("x-request-id", "a-B_1.2")]));
        assert_eq!(given.as_str(), "a-B_1.2");
        for bad in ["", "a b", "a\"b", &"x".repeat(65)] {
            let made = ids.of(&with(&[("x-request-id", bad)]));
            let digits = made.as_str().bytes();
            assert_eq!(digits.len(), 16, "{bad}");
            assert!(digits.into_iter().all(|digit| digit.is_ascii_hexdigit()));
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
