//! What one statement may ask for. Every limit is named in the error that reports it.

use crate::error::{Error, Result};

/// The limits of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `statement_bytes`: bytes of the text.
    pub statement_bytes_max: usize,
    /// `tokens`: words, operators and brackets; elements of lists are counted by `list_elements`.
    pub tokens_max: usize,
    /// `statements`: statements in one text.
    pub statements_max: usize,
    /// `nesting_depth`: brackets, CASE and NOT inside each other.
    pub nesting_depth_max: usize,
    /// `expression_height`: operators on top of each other, such as in `1 + 1 + 1`; chains of AND
    /// and OR are flat.
    pub expression_height_max: usize,
    /// `tree_nodes`: nodes of all predicates and expressions of a statement once bound.
    pub tree_nodes_max: usize,
    /// `list_elements`: elements of one list, such as of IN.
    pub list_elements_max: usize,
    /// `insert_rows`: rows of one INSERT.
    pub insert_rows_max: usize,
    /// `groups`: groups of one result.
    pub groups_max: usize,
    /// `subquery_values`: different values of a query in a condition, unless they are keys or
    /// keywords of what is asked for.
    pub subquery_values_max: usize,
    /// `keys`: keys of one look-up or match.
    pub keys_max: usize,
    /// `requests_memory_bytes`: bytes that all statements of a database hold together.
    pub requests_memory_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            statement_bytes_max: 256 << 10,
            tokens_max: 50_000,
            statements_max: 100,
            nesting_depth_max: 64,
            expression_height_max: 256,
            tree_nodes_max: 50_000,
            list_elements_max: 100_000,
            insert_rows_max: 100_000,
            groups_max: 1_000_000,
            subquery_values_max: 10_000_000,
            keys_max: 10_000,
            requests_memory_max: 4 << 30,
        }
    }
}

impl Limits {
    /// Refuses a value beyond a limit.
    ///
    /// # Errors
    /// `limit_exceeded`, with the name, the value and the maximum.
    pub fn check(name: &'static str, value: usize, max: usize) -> Result<()> {
        if value > max {
            return Err(Error::limit_exceeded(name, value as u64, max as u64));
        }
        Ok(())
    }
}
