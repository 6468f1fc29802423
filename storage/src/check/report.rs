//! What a check found.

use std::fmt;

use crate::error::Error;
use crate::ids::Lsn;
use crate::log::LogReport;

/// So many findings are listed; of more, only the number is kept.
const FINDINGS_MAX: usize = 1_000;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file it is about.
    pub file: String,
    /// Where in it, in bytes, if it is at one place.
    pub offset: Option<u64>,
    /// What was expected, or what contradicts what.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} at byte {offset}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// What there is in a data folder, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The last batch, with those of the log as far as it could be read.
    pub lsn: Lsn,
    /// Segment files of the manifest in force.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Tables.
    pub tables: u64,
    /// Living subjects of all tables, as far as the state could be read.
    pub subjects: u64,
    /// Layers of tags in segments.
    pub layers: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// How the log ended, if there is one and it could be read.
    pub log: Option<LogReport>,
    /// What is wrong: at most the first 1,000 findings.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub findings_omitted: u64,
}

impl CheckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_omitted += 1;
        }
    }

    /// Adds something about a file as a whole.
    pub(super) fn say(&mut self, file: impl fmt::Display, what: impl Into<String>) {
        self.add(Finding {
            file: file.to_string(),
            offset: None,
            what: what.into(),
        });
    }

    /// Adds something about a place in a file.
    pub(super) fn say_at(&mut self, file: impl fmt::Display, offset: u64, what: impl Into<String>) {
        self.add(Finding {
            file: file.to_string(),
            offset: Some(offset),
            what: what.into(),
        });
    }

    /// Adds an error that came up while `file` was being read.
    pub(super) fn add_error(&mut self, file: impl fmt::Display, error: &Error) {
        let Some(damage) = error.damage() else {
            return self.say(file, error.detail());
        };
        self.add(Finding {
            // Errors of parsers name the kind of record only.
            file: if damage.file.contains(' ') {
                file.to_string()
            } else {
                damage.file.to_string()
            },
            offset: Some(damage.offset),
            what: format!("expected {}", damage.expected),
        });
    }
}
