//! Rows by key, one or many.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::RowError;

/// One subject: a flat object of its key and tags.
pub type RowResponse = Map<String, Value>;

/// A request for several subjects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupRequest {
    /// Strings or integers, as the table's key is.
    pub keys: Vec<Value>,
    /// The tags to answer; all known ones if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// Several subjects, in the order asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LookupResponse {
    /// None for keys that do not exist.
    pub rows: Vec<Option<RowResponse>>,
}

/// What the rows of a bulk write mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkMode {
    /// Tags that are present decide, absent ones stay, null clears.
    #[default]
    Upsert,
    /// As upsert; a key that exists refuses the whole upload.
    Insert,
    /// As upsert; the subject's other tags are cleared.
    Replace,
    /// Afterwards exactly the uploaded subjects have the named tags.
    ReplaceTags,
    /// The subjects go; only keys are uploaded.
    Delete,
}

impl BulkMode {
    /// The name in `?mode=`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Insert => "insert",
            Self::Replace => "replace",
            Self::ReplaceTags => "replace_tags",
            Self::Delete => "delete",
        }
    }
}

/// What a bad row does to a bulk write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Nothing is written.
    #[default]
    Fail,
    /// The other rows are written.
    Skip,
}

/// What a bulk write did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BulkResponse {
    /// Rows of the upload, bad ones included.
    pub rows: u64,
    /// Subjects that did not exist before.
    pub created: u64,
    /// Rows whose key came before in the upload.
    pub duplicates: u64,
    /// Bad rows, which were passed over.
    pub rejected: u64,
    /// What is wrong with the first hundred of them.
    pub errors: Vec<RowError>,
    /// The numbers of the bad rows, the first hundred thousand; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected_rows: Vec<u64>,
    /// Whether it is on disk.
    pub durable: bool,
    /// The state after it.
    pub token: String,
}
