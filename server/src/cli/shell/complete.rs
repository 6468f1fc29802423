//! Completion of keywords and names, and the question whether a statement is complete.

use rustyline::Context;
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};

use crate::cli::infer::quote_name;
use crate::cli::shell::meta::word;
use crate::cli::shell::split::is_complete;

const KEYWORDS: &[&str] = &[
    "ADD",
    "ALTER",
    "ANALYZE",
    "AND",
    "ANY",
    "ANY_KEY",
    "AS",
    "ASC",
    "AVG",
    "BERNOULLI",
    "BETWEEN",
    "BIGINT",
    "BOOLEAN",
    "BUCKET_OF",
    "BY",
    "CARDINALITY",
    "CASE",
    "CAST",
    "COALESCE",
    "COLUMN",
    "COMMENT",
    "COUNT",
    "CREATE",
    "DATE",
    "DATE_TRUNC",
    "DECIMAL",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DOUBLE",
    "DROP",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FROM",
    "GROUP",
    "HAS",
    "HAS_ALL",
    "HAS_ANY",
    "HAVING",
    "ILIKE",
    "IN",
    "INSERT",
    "INT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "KEY",
    "KEYWORD",
    "LIKE",
    "LIMIT",
    "LONGTEXT",
    "MAP",
    "MAP_CONTAINS",
    "MAP_KEYS",
    "MAX",
    "MEDIAN",
    "MEMBERSHIP",
    "MIN",
    "NOT",
    "NOW",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "PRIMARY",
    "QUANTILE",
    "RENAME",
    "REPEATABLE",
    "SELECT",
    "SET",
    "SHARE",
    "SHOW",
    "SMALLINT",
    "STDDEV",
    "SUM",
    "TABLE",
    "TABLES",
    "TABLESAMPLE",
    "TGI",
    "THEN",
    "TIMESTAMP",
    "TO",
    "TRUE",
    "TRUNCATE",
    "UNION",
    "UNNEST",
    "UPDATE",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// What the line editor asks while a person types.
#[derive(Debug, Default)]
pub(crate) struct Assistant {
    /// Tables and tags, as SQL takes them.
    names: Vec<String>,
}

impl Assistant {
    /// Knows these tables and tags from now on.
    pub(crate) fn learn(&mut self, names: impl Iterator<Item = String>) {
        self.names = names.map(|name| quote_name(&name)).collect();
        self.names.sort();
        self.names.dedup();
    }

    /// Where the word before the cursor begins, and what it may become.
    fn candidates(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let before = line.get(..cursor).unwrap_or(line);
        let is_word = |character: char| character.is_alphanumeric() || "_$\"".contains(character);
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, character)| is_word(*character))
            .last()
            .map_or(before.len(), |(place, _)| place);
        let word = before.get(start..).unwrap_or_default();
        let is_lower = word.chars().any(|character| character.is_ascii_lowercase());
        let keywords = KEYWORDS.iter().map(|keyword| {
            if is_lower {
                keyword.to_ascii_lowercase()
            } else {
                (*keyword).to_owned()
            }
        });
        let names = self.names.iter().cloned();
        let candidates = names.chain(keywords).filter(|candidate| {
            let bare = candidate.trim_start_matches('"');
            let bytes = bare.as_bytes().get(..word.trim_start_matches('"').len());
            bytes.is_some_and(|start| {
                start.eq_ignore_ascii_case(word.trim_start_matches('"').as_bytes())
            })
        });
        (start, candidates.collect())
    }
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(line, cursor))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        Ok(if is_complete(input) || word(input).is_some() {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {}

impl rustyline::Helper for Assistant {}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: &str) -> (usize, Vec<String>) {
        let mut assistant = Assistant::default();
        let names = ["users", "user_id", "city", "My Table", "users"];
        assistant.learn(names.into_iter().map(str::to_owned));
        assistant.candidates(line, line.len())
    }

    #[test]
    fn words_become_names_and_keywords() {
        for (line, start, candidates) in [
            ("sel", 0, &["select"][..]),
            ("SEL", 0, &["SELECT"]),
            ("SELECT us", 7, &["user_id", "users"]),
            ("SELECT US", 7, &["user_id", "users"]),
            ("SELECT count(ci", 13, &["city"]),
            (
                "FROM m",
                5,
                &[
                    "\"My Table\"",
                    "map",
                    "map_contains",
                    "map_keys",
                    "max",
                    "median",
                    "membership",
                    "min",
                ],
            ),
            (
                "FROM \"M",
                5,
                &[
                    "\"My Table\"",
                    "MAP",
                    "MAP_CONTAINS",
                    "MAP_KEYS",
                    "MAX",
                    "MEDIAN",
                    "MEMBERSHIP",
                    "MIN",
                ],
            ),
            ("SELECT xyz", 7, &[]),
            ("\\d us", 3, &["user_id", "users"]),
            ("é us", 3, &["user_id", "users"]),
        ] {
            let (found_start, found) = complete(line);
            assert_eq!(
                (found_start, found.as_slice()),
                (
                    start,
                    &*candidates
                        .iter()
                        .map(|c| (*c).to_owned())
                        .collect::<Vec<_>>()
                ),
                "{line}"
            );
        }
    }
}
