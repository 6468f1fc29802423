//! How a command fails, and the exit status that says so.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong in a way that its grammar does not tell: status 2.
    Usage(String),
    /// It failed: status 1.
    Failed(String),
    /// The server cannot be reached: status 3.
    Unreachable(String),
    /// Whoever read standard output has gone, as `head` does: status 1, and nothing to say.
    ReaderGone,
}

impl Failure {
    /// A failure of reading or writing a file.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::Failed(format!("{}: {error}", path.display()))
    }

    /// The status that the program exits with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) | Self::ReaderGone => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) | Self::Unreachable(text) => f.write_str(text),
            Self::ReaderGone => f.write_str("nobody reads standard output"),
        }
    }
}
