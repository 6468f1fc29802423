//! Errors on their way out: every failure becomes one code of the contract.
//!
//! A handler's [`ApiError`] travels as an extension of an empty response; the outermost middleware
//! gives it the request's id, logs it if it is the server's fault, and writes the body.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tagdb_storage::ErrorKind;
use tagdb_wire::{ErrorCode, Problem, RowError, codes, media};

/// A failure that is to be answered.
#[derive(Clone, Debug)]
pub struct ApiError {
    entry: &'static ErrorCode,
    detail: String,
    extra: Option<Box<Extra>>,
}

/// What only some failures carry.
#[derive(Clone, Debug, Default)]
struct Extra {
    position: Option<(u32, u32)>,
    condition: Option<String>,
    limit: Option<(String, u64, u64)>,
    statement: Option<(u32, Vec<Value>)>,
    rows: Option<(u64, Vec<RowError>)>,
}

/// A result whose error can be answered.
pub type ApiResult<T> = Result<T, ApiError>;

/// The codes whose detail is for the log only: it may name files of the server.
const PRIVATE: &[&str] = &["internal", "corrupt", "io", "disk_full"];

/// What the engine calls work that was told to stop.
const CANCELLED: &str = "cancelled";

/// Carries the error from the handler to the middleware.
#[derive(Clone, Debug)]
pub(super) struct Failure(pub(super) Arc<ApiError>);

impl ApiError {
    /// A failure with a code of the contract; an unknown code is the server's fault.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        let entry = codes::find(code).unwrap_or_else(|| {
            detail = format!("the code {code} is in no table: {detail}");
            internal_entry()
        });
        Self {
            entry,
            detail,
            extra: None,
        }
    }

    fn of_storage(error: &tagdb_storage::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Io => "io",
            ErrorKind::DiskFull => "disk_full",
            ErrorKind::Poisoned => "read_only",
            ErrorKind::Unknown => "write_unknown",
            ErrorKind::Internal => "internal",
            _ if error.code() == CANCELLED => return Self::stopped(),
            _ => error.code(),
        };
        Self::new(code, error.detail())
    }

    /// Work whose flag was set: its time was over, or nobody is there to read this.
    fn stopped() -> Self {
        Self::new("timeout", "the statement was stopped: its time was over")
    }

    /// A parameter, header or field that cannot be used.
    pub fn bad_parameter(detail: impl Into<String>) -> Self {
        Self::new("bad_parameter", detail)
    }

    /// A bug; the detail goes to the log only.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new("internal", detail)
    }

    /// Something that the contract leaves to a later release, by its name.
    pub fn unsupported(feature: &str) -> Self {
        Self::new(
            "unsupported",
            format!("{feature} is not offered in this release"),
        )
    }

    /// Says where the SQL text is at fault (from 1).
    #[must_use]
    pub fn at(mut self, position: Option<(u32, u32)>) -> Self {
        if position.is_some() {
            self.extra_mut().position = position;
        }
        self
    }

    /// Says which of several conditions is at fault.
    #[must_use]
    pub fn in_condition(mut self, name: Option<&str>) -> Self {
        if let Some(name) = name {
            self.extra_mut().condition = Some(name.to_owned());
        }
        self
    }

    /// Says which limit was reached: its name, the value asked for, the maximum.
    #[must_use]
    pub fn limit(mut self, name: impl Into<String>, value: u64, maximum: u64) -> Self {
        self.extra_mut().limit = Some((name.into(), value, maximum));
        self
    }

    /// Says which of several statements failed (from 1), and what those before it answered.
    #[must_use]
    pub fn in_statement(mut self, number: u32, completed: Vec<Value>) -> Self {
        self.extra_mut().statement = Some((number, completed));
        self
    }

    /// Names the rows at fault.
    #[must_use]
    pub fn rows(mut self, rejected: u64, errors: Vec<RowError>) -> Self {
        self.extra_mut().rows = Some((rejected, errors));
        self
    }

    fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.entry.code
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.entry.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The sentence, with what only the log may show.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The body of the answer.
    #[must_use]
    pub fn problem(&self, request_id: &str) -> Problem {
        let extra = self.extra.as_deref().cloned().unwrap_or_default();
        let (limit, value, maximum) = extra.limit.map_or((None, None, None), |(name, v, max)| {
            (Some(name), Some(v), Some(max))
        });
        let (statement, completed) = extra
            .statement
            .map_or((None, None), |(number, done)| (Some(number), Some(done)));
        let (rejected, errors) = extra
            .rows
            .map_or((None, Vec::new()), |(count, errors)| (Some(count), errors));
        let detail = if PRIVATE.contains(&self.entry.code) {
            self.entry.meaning.to_owned()
        } else {
            self.detail.clone()
        };
        Problem {
            kind: format!("/errors/{}", self.entry.code),
            title: codes::title(self.entry.status).to_owned(),
            status: self.entry.status,
            code: self.entry.code.to_owned(),
            detail,
            line: extra.position.map(|(line, _)| line),
            column: extra.position.map(|(_, column)| column),
            condition: extra.condition,
            limit,
            value,
            maximum,
            statement,
            completed,
            errors,
            rejected,
            request_id: request_id.to_owned(),
        }
    }

    /// The whole answer.
    pub(super) fn render(&self, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.problem(request_id)).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(media::PROBLEM),
        );
        if self.entry.is_temporary() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn internal_entry() -> &'static ErrorCode {
    const FALLBACK: ErrorCode = ErrorCode {
        code: "internal",
        status: 500,
        meaning: "Something went wrong inside the server.",
    };
    codes::find("internal").unwrap_or(&FALLBACK)
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

/// So that a reader of a request's body can hand it through [`std::io::Error`].
impl std::error::Error for ApiError {}

impl From<tagdb_storage::Error> for ApiError {
    fn from(error: tagdb_storage::Error) -> Self {
        Self::of_storage(&error)
    }
}

impl From<tagdb_query::Error> for ApiError {
    fn from(error: tagdb_query::Error) -> Self {
        if let Some(storage) = error.storage() {
            // Its kind says more than the code that was taken from it.
            return Self::of_storage(storage).at(error.position());
        }
        if error.code() == CANCELLED {
            return Self::stopped();
        }
        let answered = Self::new(error.code(), error.to_string())
            .at(error.position())
            .in_condition(error.condition());
        match error.limit() {
            Some((name, value, max)) => answered.limit(name, value, max),
            None => answered,
        }
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(other) => Self::new("bad_parameter", format!("the body cannot be read: {other}")),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Failure(Arc::new(self)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_becomes_its_status() {
        for entry in codes::ALL {
            let error = ApiError::new(entry.code, "why");
            assert_eq!(error.status().as_u16(), entry.status);
            let problem = error.problem("r1");
            assert_eq!(problem.status, entry.status);
            assert_eq!(problem.kind, format!("/errors/{}", entry.code));
            assert_eq!(problem.request_id, "r1");
            let response = error.render("r1");
            let retry = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(retry, matches!(entry.status, 429 | 503), "{}", entry.code);
        }
    }

    #[test]
    fn work_that_was_told_to_stop_ran_out_of_time() {
        let storage = tagdb_storage::Error::new(ErrorKind::Busy, CANCELLED, "stopped");
        assert_eq!(ApiError::from(storage).code(), "timeout");
    }

    #[test]
    fn an_unknown_code_is_our_fault() {
        let error = ApiError::new("no_such_code", "text");
        assert_eq!(error.code(), "internal");
        assert!(error.detail().contains("no_such_code"));
    }

    #[test]
    fn files_of_the_server_are_not_shown() {
        for code in PRIVATE {
            let error = ApiError::new(code, "/var/lib/tagdb/data/x.seg is damaged");
            assert!(!error.problem("r").detail.contains("/var"), "{code}");
            assert!(error.detail().contains("/var"));
        }
    }

    #[test]
    fn what_is_known_is_told() {
        let error = ApiError::new("limit_exceeded", "too many")
            .at(Some((2, 28)))
            .limit("in_list", 200_000, 100_000)
            .in_statement(3, vec![Value::Null]);
        let problem = error.problem("r");
        assert_eq!((problem.line, problem.column), (Some(2), Some(28)));
        assert_eq!(problem.limit.as_deref(), Some("in_list"));
        assert_eq!(
            (problem.value, problem.maximum),
            (Some(200_000), Some(100_000))
        );
        assert_eq!(problem.statement, Some(3));
        assert_eq!(problem.completed, Some(vec![Value::Null]));
    }
}
