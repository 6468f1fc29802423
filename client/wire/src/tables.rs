//! `GET /v1/tables` and `GET /v1/tables/{table}`.

use serde::{Deserialize, Serialize};

/// The key column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its name.
    pub name: String,
    /// `KEYWORD` or `BIGINT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// A tag of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagInfo {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    #[serde(rename = "type")]
    pub kind: String,
    /// For people; empty if there is none.
    pub comment: String,
    /// Subjects for which it is known: not NULL, and not empty.
    pub known: u64,
    /// Distinct strings of its vocabulary; none for types without one.
    pub distinct: Option<u64>,
    /// Bytes on disk.
    pub bytes: u64,
}

/// A table without its tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableSummary {
    /// Its name.
    pub name: String,
    /// Its key column.
    pub key: KeyInfo,
    /// Subjects in it.
    pub subjects: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Partitions, a power of two.
    pub partitions: u16,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its key column.
    pub key: KeyInfo,
    /// Its tags, in their order.
    pub tags: Vec<TagInfo>,
    /// Subjects in it.
    pub subjects: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Partitions, a power of two.
    pub partitions: u16,
}

/// All tables, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableList {
    /// One a table.
    pub tables: Vec<TableSummary>,
}
