//! What is wrong with a file as a whole.

use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::http::ApiError;

/// Which of the two a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Arrow,
    Parquet,
}

impl Kind {
    /// The error of a file that cannot be read.
    pub(super) fn damaged(self, why: impl Display) -> ApiError {
        let name = match self {
            Self::Arrow => "Arrow stream",
            Self::Parquet => "Parquet file",
        };
        ApiError::new(
            "syntax_error",
            format!("the {name} cannot be read: {}", shortened(&why.to_string())),
        )
    }

    /// The error of a piece of a file that is larger than it may be.
    pub(super) fn too_large(self, what: &str, value: u64, maximum: usize) -> ApiError {
        let detail = format!("{what} of the file: {value}, at most {maximum}");
        ApiError::new("limit_exceeded", detail).limit(what.replace(' ', "_"), value, maximum as u64)
    }

    /// Runs the library on bytes from outside. Some damage that it does not look for makes it
    /// panic, which is to be the file's fault and not the server's.
    pub(super) fn guard<T, E: Display>(
        self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, ApiError> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.damaged(error)),
            Err(_) => Err(self.damaged("its parts do not fit each other")),
        }
    }

    /// The error of bytes that could not be had: the request's own, or that they end too early.
    pub(super) fn unreadable(self, error: io::Error) -> ApiError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return self.damaged("it is cut short");
        }
        error.into()
    }
}

fn shortened(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    let end = (0..=300.min(line.len()))
        .rev()
        .find(|end| line.is_char_boundary(*end));
    &line[..end.unwrap_or(0)]
}
