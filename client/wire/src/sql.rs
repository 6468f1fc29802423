//! `POST /v1/sql`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How BIGINTs are written in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BigIntForm {
    /// As a number with all its digits.
    #[default]
    Number,
    /// As a string, for readers that keep numbers in doubles.
    String,
}

/// When a write is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Once it is on disk.
    #[default]
    Sync,
    /// Once it is visible; a crash may lose it, but never out of order.
    Async,
}

/// A request to run SQL.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    /// One statement, or several without parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// Values of `$1`, `$2`, ... or of the `?` in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Value>,
    /// Rows of a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u64>,
    /// Continues a paged result; stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The time a statement may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// An IANA time zone; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// How BIGINTs are answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bigint: Option<BigIntForm>,
    /// When a write is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// Whether statements that write are to be refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

impl SqlRequest {
    /// A request to run a text as it is.
    #[must_use]
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: Some(sql.into()),
            ..Self::default()
        }
    }
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its SQL type, such as `DECIMAL(12,2)`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// How a statement went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// The time it took, in microseconds.
    pub elapsed_us: u64,
    /// The state it read, or made.
    pub token: String,
}

/// The result of one statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SqlResponse {
    /// The columns of `rows`; none for statements that answer no rows.
    pub columns: Vec<Column>,
    /// The rows, each with a value a column.
    pub rows: Vec<Vec<Value>>,
    /// Rows inserted, or subjects matched by UPDATE and DELETE.
    pub rows_affected: u64,
    /// The cursor of the next page; none after the last.
    pub next: Option<String>,
    /// `false` for a write that is not on disk yet; absent for reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable: Option<bool>,
    /// How it went.
    pub stats: Stats,
}

/// The results of several statements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SqlResults {
    /// One a statement.
    pub results: Vec<SqlResponse>,
}
