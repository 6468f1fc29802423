//! Why a request failed.

use tagdb_wire::Problem;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request failed.
///
/// ```
/// # tagdb_client::canned::example(|url| async move {
/// let client = tagdb_client::Client::new(&url)?;
/// let error = client.sql("SELECT gendr FROM users").run().await.unwrap_err();
/// assert_eq!(error.code(), Some("unknown_tag"));
/// let problem = error.problem().unwrap();
/// assert_eq!((problem.line, problem.column), (Some(1), Some(8)));
/// # Ok(()) });
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be sent as it is.
    #[error("{0}")]
    Request(String),
    /// No connection to the server can be made: nothing has happened.
    #[error("the server at {url} cannot be reached: {reason}")]
    Unreachable {
        /// The server's address.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The connection broke before there was an answer. A write may have happened.
    #[error("the connection to {url} broke before there was an answer: {reason}")]
    Broken {
        /// The server's address.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// There was no answer in time.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// The time that was waited.
        seconds: f64,
    },
    /// The server refused the request.
    #[error("{} ({})", .0.detail, .0.code)]
    Problem(Box<Problem>),
    /// The answer is not what this client understands.
    #[error("the answer cannot be read: {0}")]
    Answer(String),
    /// A streamed answer ended before its end.
    #[error("the answer was cut: {0}")]
    Interrupted(String),
}

impl Error {
    /// What the server said, if it was the server that refused.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The stable code of what the server said, such as `unknown_tag`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// The innermost cause of a lower error, the one that says what happened.
    pub(crate) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        innermost.to_string()
    }
}
