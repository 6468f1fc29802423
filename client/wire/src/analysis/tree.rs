//! `POST /v1/tables/{table}/membership` and `POST /v1/tables/{table}/explain-count`: a condition's
//! tree as it is written.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which condition is asked of which subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipRequest {
    /// A string or an integer, as the table's key is.
    pub key: Value,
    /// The condition.
    #[serde(rename = "where")]
    pub condition: String,
    /// The values of its parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Value>,
    /// The time it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// An IANA time zone; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Why a subject is in an audience, or is not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MembershipResponse {
    /// Whether it is: only if the condition is true.
    pub member: bool,
    /// The condition.
    pub tree: VerdictNode,
}

/// What a part of a condition is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeOperator {
    /// All parts below.
    And,
    /// Any part below.
    Or,
    /// Not the part below.
    Not,
    /// IS \[NOT\] TRUE, FALSE or NULL of the part below.
    Is,
    /// A test, with nothing below.
    #[default]
    Test,
}

/// A part of a condition, and whether it is true of a subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerdictNode {
    /// As it is written.
    pub text: String,
    /// What it is.
    pub operator: NodeOperator,
    /// True, false, or none for unknown.
    pub value: Option<bool>,
    /// What a test saw of the subject.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<SeenValue>,
    /// The parts below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<VerdictNode>,
}

/// A value that a test saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenValue {
    /// The tag, the key column, `map['key']`, or `cardinality(tag)`.
    pub name: String,
    /// Its value; of a large set or map the first 100 members or entries.
    pub value: Value,
    /// Members or entries that are left out; absent if there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Which condition is counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainCountRequest {
    /// The condition.
    #[serde(rename = "where")]
    pub condition: String,
    /// The values of its parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Value>,
    /// The time it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// An IANA time zone; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Exact counts at every part of a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExplainCountResponse {
    /// Subjects of the table.
    pub subjects: u64,
    /// The condition.
    pub tree: CountNode,
}

/// A part of a condition, and for how many subjects it is true. The three counts add up to the
/// subjects of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CountNode {
    /// As it is written.
    pub text: String,
    /// What it is.
    pub operator: NodeOperator,
    /// Subjects for which it is true.
    #[serde(rename = "true")]
    pub yes: u64,
    /// Subjects for which it is false.
    #[serde(rename = "false")]
    pub no: u64,
    /// All others.
    pub unknown: u64,
    /// Of a part of an AND or OR: subjects that are left (AND), or found (OR), after the parts up
    /// to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The parts below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<CountNode>,
}
