//! What went wrong with rows.

use std::io;

use tagdb_wire::RowError;

use crate::http::ApiError;

/// Bad rows that are told in full.
pub const ERRORS_MAX: usize = 100;
/// Bad rows whose numbers are told.
pub const NUMBERS_MAX: usize = 100_000;

/// What is wrong with one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The column at fault, if it is one.
    pub column: Option<String>,
    /// The stable code.
    pub code: &'static str,
    /// The sentence for people.
    pub detail: String,
}

impl RowFault {
    /// A fault of the row as a whole.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            column: None,
            code,
            detail: detail.into(),
        }
    }

    /// A fault of one column.
    #[must_use]
    pub fn in_column(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }
}

/// The bad rows of an upload.
#[derive(Debug, Default)]
pub struct Report {
    /// How many there are.
    pub rejected: u64,
    /// The first of them in full.
    pub errors: Vec<RowError>,
    /// The numbers of more of them.
    pub numbers: Vec<u64>,
}

impl Report {
    /// Adds a bad row by its number, from 1.
    pub fn add(&mut self, row: u64, fault: RowFault) {
        self.rejected += 1;
        if self.numbers.len() < NUMBERS_MAX {
            self.numbers.push(row);
        }
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(RowError {
                row,
                column: fault.column,
                code: fault.code.to_owned(),
                detail: fault.detail,
            });
        }
    }
}

/// The error of a row that is larger than it may be.
#[must_use]
pub fn row_too_large(bytes_max: usize) -> io::Error {
    io::Error::other(ApiError::new(
        "body_too_large",
        format!("a row is larger than {bytes_max} bytes"),
    ))
}
