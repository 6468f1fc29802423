//! Upkeep, state and recorded writes.

use serde::{Deserialize, Serialize};

use crate::Problem;

const fn yes() -> bool {
    true
}

/// `POST /v1/admin/flush`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlushRequest {
    /// One table, or all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Whether to answer when it is done, or at once with a job.
    #[serde(default = "yes")]
    pub wait: bool,
}

impl Default for FlushRequest {
    fn default() -> Self {
        Self {
            table: None,
            wait: true,
        }
    }
}

/// `POST /v1/admin/compact`.
pub type CompactRequest = FlushRequest;

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Not done yet.
    #[default]
    Running,
    /// Done.
    Done,
    /// Ended with the job's problem.
    Failed,
}

/// A flush or compaction; also the answer of those that were waited for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobInfo {
    /// For `/v1/jobs/{id}`.
    pub id: String,
    /// `flush` or `compact`.
    pub kind: String,
    /// The table; none for everything.
    pub table: Option<String>,
    /// How far it is.
    pub state: JobState,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// `POST /v1/admin/snapshots`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRequest {
    /// `[a-z0-9][a-z0-9_-]{0,63}`.
    pub name: String,
}

/// A snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SnapshotInfo {
    /// Its name.
    pub name: String,
    /// The last write it holds.
    pub lsn: u64,
    /// Bytes of its files, some of which the database shares.
    pub bytes: u64,
}

/// `GET /v1/admin/snapshots`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotList {
    /// By name.
    pub snapshots: Vec<SnapshotInfo>,
}

/// `GET /v1/writes/{key}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WriteState {
    /// `committed`.
    pub state: String,
    /// The state after it.
    pub token: String,
}

/// What writing or deleting one row did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WriteAnswer {
    /// 1 if the subject did not exist before.
    pub created: u64,
    /// Subjects written or deleted.
    pub rows_affected: u64,
    /// Whether it is on disk.
    pub durable: bool,
    /// The state after it.
    pub token: String,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The server's version.
    pub version: String,
    /// `ready`, `read_only` or `stopping`.
    pub state: String,
    /// Seconds since it was started.
    pub uptime_seconds: u64,
    /// The last write that readers see.
    pub lsn: u64,
    /// The last write on disk.
    pub durable_lsn: u64,
    /// The state as an opaque token.
    pub token: String,
    /// Tables.
    pub tables: u64,
    /// Subjects of all tables.
    pub subjects: u64,
    /// Bytes of writes kept in memory until the next flush.
    pub memory_bytes: u64,
    /// Bytes of the cache in use.
    pub cache_bytes: u64,
    /// Segment files in use.
    pub segments: u64,
    /// Bytes of segment files in use.
    pub segment_bytes: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Flushes and compactions under way.
    pub jobs: u64,
    /// Connections open.
    pub connections: u64,
    /// Statements running.
    pub statements: u64,
    /// Files that are damaged, as far as that was found, at most 100, each with what is wrong:
    /// everything else is served.
    pub damaged: Vec<String>,
}
