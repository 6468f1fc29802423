//! The one error of this crate: a stable code, a sentence, and what the caller should do.

use std::fmt;

use crate::bitmap::BitmapError;
use crate::codec::CodecError;
use crate::column::ColumnError;

/// What the caller should do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong; mend it.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// The request contradicts the present state.
    Conflict,
    /// A limit was reached.
    Limit,
    /// Try again later.
    Busy,
    /// A file is damaged; its name and the offset are in the text.
    Corrupt,
    /// Reading or writing failed.
    Io,
    /// There is no room on the disk; reads go on.
    DiskFull,
    /// An earlier write could not be made durable; writes are refused until restart.
    Poisoned,
    /// This write could not be made durable; it may or may not be there after a restart.
    Unknown,
    /// A bug.
    Internal,
}

/// Where a file is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, or the kind of record where the file is not known.
    pub file: Box<str>,
    /// In bytes from its beginning.
    pub offset: u64,
    /// What should have been there.
    pub expected: Box<str>,
}

/// Why something could not be done.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    code: &'static str,
    detail: Box<str>,
    damage: Option<Box<Damage>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with the code that people and programs see.
    #[must_use]
    pub fn new(kind: ErrorKind, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            detail: detail.into().into_boxed_str(),
            damage: None,
            source: None,
        }
    }

    /// Damage in a file: what was expected at which byte.
    #[must_use]
    pub fn corrupt(file: impl fmt::Display, offset: u64, expected: impl fmt::Display) -> Self {
        let damage = Damage {
            file: file.to_string().into(),
            offset,
            expected: expected.to_string().into(),
        };
        let detail = format!("{file} is damaged at byte {offset}: expected {expected}");
        Self {
            damage: Some(Box::new(damage)),
            ..Self::new(ErrorKind::Corrupt, "corrupt", detail)
        }
    }

    /// A file of a format that this program does not know: it is not damaged.
    #[must_use]
    pub fn unknown_format(file: impl fmt::Display, version: u32, known: u32) -> Self {
        let detail = format!(
            "{file} has format version {version}, which this program does not know: it knows \
             format version {known}. Nothing was changed"
        );
        Self::new(ErrorKind::Corrupt, "corrupt", detail)
    }

    /// An I/O error, with the file it happened to.
    #[must_use]
    pub fn io(file: impl fmt::Display, error: std::io::Error) -> Self {
        let detail = format!("{file}: {error}");
        let (kind, code) = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                (ErrorKind::DiskFull, "disk_full")
            }
            _ => (ErrorKind::Io, "io"),
        };
        Self {
            source: Some(Box::new(error)),
            ..Self::new(kind, code, detail)
        }
    }

    /// A bug, told without a panic.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "internal", detail)
    }

    /// What to do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable code, such as `vocabulary_full`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Where a file is damaged, if that is what went wrong.
    #[must_use]
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_deref()
    }

    /// The sentence for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<CodecError> for Error {
    fn from(error: CodecError) -> Self {
        Self::corrupt("an encoded record", error.offset as u64, error.expected)
    }
}

impl From<BitmapError> for Error {
    fn from(error: BitmapError) -> Self {
        Self::corrupt("a bitmap", error.offset as u64, error.expected)
    }
}

impl From<ColumnError> for Error {
    fn from(error: ColumnError) -> Self {
        Self::corrupt("a column", error.offset as u64, error.expected)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
