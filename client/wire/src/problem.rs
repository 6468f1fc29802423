//! The body of every error answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An error, as RFC 9457 lays it out, with the members of this contract.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// Where the code is explained: `/errors/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status's reason phrase.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// The sentence for people.
    pub detail: String,
    /// The line of the SQL text at fault, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The character in that line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The name of the condition at fault, where there were several; line and column are within
    /// its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The limit that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What the request asked of that limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// What the limit allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<u64>,
    /// The number of the statement that failed, from 1, where there were several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<u32>,
    /// The results of the statements before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Vec<Value>>,
    /// The rows at fault of a bulk write, the first hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<RowError>,
    /// How many rows of a bulk write are at fault, as far as it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<u64>,
    /// The request's id.
    pub request_id: String,
}

/// What is wrong with one row of a bulk write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// The row's number in the upload, from 1; a header line does not count.
    pub row: u64,
    /// The column at fault, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The stable code, such as `type_mismatch`.
    pub code: String,
    /// The sentence for people.
    pub detail: String,
}
