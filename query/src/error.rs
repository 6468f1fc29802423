//! Why a statement could not be run.

use std::fmt;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A place in a statement's text: 1-based, counted in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// A limit that a statement went beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// The limit's stable name.
    pub name: &'static str,
    /// What the statement asked for.
    pub value: u64,
    /// What is allowed.
    pub max: u64,
}

/// A stable code, a plain sentence, and where the text is at fault.
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    code: &'static str,
    detail: String,
    offset: Option<u32>,
    position: Option<Position>,
    limit: Option<LimitReached>,
    condition: Option<String>,
    source: Option<tagdb_storage::error::Error>,
}

impl Error {
    /// An error without a place in the text.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                code,
                detail: detail.into(),
                offset: None,
                position: None,
                limit: None,
                condition: None,
                source: None,
            }),
        }
    }

    /// What the dialect leaves out, by its name; behind a semicolon, what to write instead.
    #[must_use]
    pub fn unsupported(feature: impl fmt::Display) -> Self {
        let feature = feature.to_string();
        let detail = match feature.split_once("; ") {
            Some((name, hint)) => format!("{name} is not supported; {hint}"),
            None => format!("{feature} is not supported"),
        };
        Self::new("unsupported", detail)
    }

    /// Types that do not fit.
    #[must_use]
    pub fn type_mismatch(detail: impl Into<String>) -> Self {
        Self::new("type_mismatch", detail)
    }

    /// A result outside its type's range.
    #[must_use]
    pub fn overflow(detail: impl Into<String>) -> Self {
        Self::new("overflow", detail)
    }

    /// A bug, told without a panic.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new("internal", detail)
    }

    /// A limit that was reached.
    #[must_use]
    pub fn limit_exceeded(name: &'static str, value: u64, max: u64) -> Self {
        let mut error = Self::new(
            "limit_exceeded",
            format!("{name} is {value}, at most {max} is allowed"),
        );
        error.inner.limit = Some(LimitReached { name, value, max });
        error
    }

    /// The same limit, where it is others who hold what is asked for: later there may be more.
    #[must_use]
    pub(crate) fn into_overloaded(mut self) -> Self {
        self.inner.code = "overloaded";
        self.inner.detail.push_str("; try again later");
        self
    }

    /// A statement that is not in the grammar.
    #[must_use]
    pub fn syntax(detail: impl Into<String>) -> Self {
        Self::new("syntax_error", detail)
    }

    /// The error with its place, a byte of the statement's text, if it has none yet.
    #[must_use]
    pub fn at(mut self, offset: u32) -> Self {
        self.inner.offset.get_or_insert(offset);
        self
    }

    /// The error with its place as line and column of the text.
    #[must_use]
    pub fn located_in(mut self, text: &str) -> Self {
        if let Some(offset) = self.inner.offset.take() {
            let before = text.get(..offset as usize).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let count = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
            self.inner.position.get_or_insert(Position {
                line: count(before.matches('\n').count()),
                column: count(before[line_start..].chars().count()),
            });
        }
        self
    }

    /// The error with the name of the condition at fault, of those that have names. (That a call
    /// was stopped is no condition's fault.)
    #[must_use]
    pub fn in_condition(mut self, name: &str) -> Self {
        if !matches!(self.inner.code, "timeout" | "cancelled") {
            self.inner.condition.get_or_insert_with(|| name.to_owned());
        }
        self
    }

    /// The name of the condition at fault, if it has one; the place is within its text.
    #[must_use]
    pub fn condition(&self) -> Option<&str> {
        self.inner.condition.as_deref()
    }

    /// The stable code, such as `unknown_tag`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.inner.code
    }

    /// Line and column of the fault, 1-based, in characters.
    #[must_use]
    pub fn position(&self) -> Option<(u32, u32)> {
        self.inner.position.map(|p| (p.line, p.column))
    }

    /// The limit that was reached: its name, the value asked for, and the maximum.
    #[must_use]
    pub fn limit(&self) -> Option<(&'static str, u64, u64)> {
        self.inner.limit.map(|l| (l.name, l.value, l.max))
    }

    /// The storage error behind this one, if there is one.
    #[must_use]
    pub fn storage(&self) -> Option<&tagdb_storage::error::Error> {
        self.inner.source.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The hint after a semicolon reads best behind the place.
        let detail = self.inner.detail.as_str();
        if let Some(condition) = &self.inner.condition {
            write!(f, "condition {condition:?}: ")?;
        }
        let Some(Position { line, column }) = self.inner.position else {
            return f.write_str(detail);
        };
        let (sentence, hint) = match detail.find("; ") {
            Some(end) => detail.split_at(end),
            None => (detail, ""),
        };
        write!(f, "{sentence} (line {line}, column {column}){hint}")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner
            .source
            .as_ref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<tagdb_storage::error::Error> for Error {
    fn from(error: tagdb_storage::error::Error) -> Self {
        let mut new = Self::new(error.code(), error.detail());
        new.inner.source = Some(error);
        new
    }
}
