//! Paths inside the data directory, safe by construction.

use std::fmt;

/// Why a text is no [`RelPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a file name inside the data directory: {text:?}")]
pub struct PathError {
    text: String,
}

/// A path relative to the root of a [`Vfs`](super::Vfs): parts of `a-z 0-9 . _ -` joined by `/`,
/// none of them empty, `.` or `..`. No text from outside can name a file anywhere else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(String);

impl RelPath {
    /// Checks `text`.
    ///
    /// # Errors
    /// It is empty or has a part that is not allowed.
    pub fn new(text: impl Into<String>) -> Result<Self, PathError> {
        let text = text.into();
        if text.split('/').all(is_valid_part) {
            Ok(Self(text))
        } else {
            Err(PathError { text })
        }
    }

    /// The root directory itself.
    #[must_use]
    pub fn root() -> Self {
        Self(String::new())
    }

    /// A path made of checked pieces by `paths.rs`.
    pub(crate) fn from_trusted(text: String) -> Self {
        debug_assert!(text.split('/').all(is_valid_part), "{text:?}");
        Self(text)
    }

    /// This path with `part`, which may have several parts itself, below it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn join(&self, part: &str) -> Result<Self, PathError> {
        let part = Self::new(part)?;
        Ok(self.with(&part))
    }

    /// This path with `below` below it.
    #[must_use]
    pub fn with(&self, below: &Self) -> Self {
        match (self.is_root(), below.is_root()) {
            (true, _) => below.clone(),
            (_, true) => self.clone(),
            _ => Self(format!("{self}/{below}")),
        }
    }

    /// The directory it lies in; of the root, the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        self.0
            .rsplit_once('/')
            .map_or_else(Self::root, |(parent, _)| Self(parent.to_owned()))
    }

    /// Its last part; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Its parts from the root down; none for the root.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// Whether it is the root directory.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Its text, `/` between the parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_valid_part(part: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    !matches!(part, "" | "." | "..") && part.len() <= 255 && part.bytes().all(allowed)
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::RelPath;

    #[test]
    fn only_plain_parts_are_allowed() {
        for text in [
            "a",
            "log/0001.log",
            "data/00ff/0-1.seg",
            "a.b-c_d",
            "..a",
            "a/...",
        ] {
            assert_eq!(RelPath::new(text).unwrap().as_str(), text);
        }
        for text in [
            "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "A", "a b", "a\0b",
            "a\\b", "é", "a\n", "c:", "~",
        ] {
            assert!(RelPath::new(text).is_err(), "{text:?}");
        }
        assert!(RelPath::new("a".repeat(255)).is_ok());
        assert!(RelPath::new("a".repeat(256)).is_err());
    }

    #[test]
    fn parts_and_parents() {
        let path = RelPath::new("a/b/c").unwrap();
        assert_eq!(path.parent().as_str(), "a/b");
        assert_eq!(path.name(), "c");
        assert_eq!(path.parts().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(path.parent().parent().parent(), RelPath::root());
        assert_eq!(RelPath::root().parent(), RelPath::root());
        assert_eq!(RelPath::root().parts().count(), 0);
        assert_eq!(RelPath::root().join("a/b/c").unwrap(), path);
        assert_eq!(path.join("d").unwrap().as_str(), "a/b/c/d");
        assert!(path.join("../d").is_err());
    }
}
