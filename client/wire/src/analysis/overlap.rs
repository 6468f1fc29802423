//! `POST /v1/tables/{table}/overlap` and `POST /v1/tables/{table}/match`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::named::{Named, NamedParams};

/// Which audiences are compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlapRequest {
    /// 2 to 64 of them.
    pub audiences: Named,
    /// The values of their parameters.
    #[serde(default, skip_serializing_if = "NamedParams::is_empty")]
    pub params: NamedParams,
    /// The time it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// An IANA time zone; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// How audiences overlap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverlapResponse {
    /// Subjects of the table.
    pub subjects: u64,
    /// Subjects in any of the audiences.
    pub union: u64,
    /// In the order asked.
    pub audiences: Vec<OverlapAudience>,
    /// Every two of them, in that order.
    pub pairs: Vec<OverlapPair>,
    /// Who is in exactly these audiences, largest first, without empty ones; none for more than 8
    /// audiences.
    pub cells: Option<Vec<OverlapCell>>,
}

/// One audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverlapAudience {
    /// Its name.
    pub name: String,
    /// Subjects in it.
    pub size: u64,
}

/// Two audiences.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverlapPair {
    /// The name of the first.
    pub a: String,
    /// The name of the second.
    pub b: String,
    /// Subjects in both.
    pub both: u64,
    /// Both of either; none if nobody is in either.
    pub jaccard: Option<f64>,
    /// Of the first, those in both; none if nobody is in the first.
    pub share_of_a: Option<f64>,
    /// Of the second, those in both; none if nobody is in the second.
    pub share_of_b: Option<f64>,
}

/// Subjects that are in some audiences and in no other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverlapCell {
    /// Their names, in the order asked.
    pub audiences: Vec<String>,
    /// Subjects.
    pub count: u64,
}

/// Which conditions hold of which subjects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRequest {
    /// Strings or integers, as the table's key is; at most 10,000.
    pub keys: Vec<Value>,
    /// At most 64 conditions by name.
    #[serde(rename = "where")]
    pub conditions: Named,
    /// The values of their parameters.
    #[serde(default, skip_serializing_if = "NamedParams::is_empty")]
    pub params: NamedParams,
    /// The time it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// An IANA time zone; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// What conditions say of subjects, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MatchResponse {
    /// By name: true, false, or null for unknown. None for keys that do not exist.
    pub results: Vec<Option<Map<String, Value>>>,
}
