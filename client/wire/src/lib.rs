//! The shapes that travel between tagdb's server and its clients: JSON bodies and error codes.
//!
//! Nothing here knows how a request is sent or answered. Requests refuse unknown fields, answers
//! ignore them, so that an older client understands a newer server.

pub mod codes;

mod admin;
mod analysis;
mod problem;
mod rows;
mod sql;
mod tables;

pub use admin::{
    CompactRequest, FlushRequest, JobInfo, JobState, SnapshotInfo, SnapshotList, SnapshotRequest,
    Status, WriteAnswer, WriteState,
};
pub use analysis::{
    BucketShare, CountNode, ExplainCountRequest, ExplainCountResponse, MatchRequest, MatchResponse,
    MembershipRequest, MembershipResponse, Named, NamedParams, NodeOperator, OverlapAudience,
    OverlapCell, OverlapPair, OverlapRequest, OverlapResponse, PortraitRequest, PortraitResponse,
    SeenValue, Share, SignificanceTest, SignificantRequest, SignificantResponse, SignificantValue,
    Summary, TagPortrait, ValueShare, VerdictNode,
};
pub use codes::ErrorCode;
pub use problem::{Problem, RowError};
pub use rows::{BulkMode, BulkResponse, LookupRequest, LookupResponse, OnError, RowResponse};
pub use sql::{BigIntForm, Column, Durability, SqlRequest, SqlResponse, SqlResults, Stats};
pub use tables::{KeyInfo, TableInfo, TableList, TableSummary, TagInfo};

/// The address a server listens on if none is given.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7480";

/// Names of the headers that belong to this contract, in lower case.
pub mod headers {
    /// The state after a write; on answers.
    pub const TOKEN: &str = "tagdb-token";
    /// A read sees at least the state of this token; on requests.
    pub const AT_LEAST: &str = "tagdb-at-least";
    /// Makes a write safe to repeat; on requests, 1 to 128 printable ASCII characters.
    pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
    /// `true` where an answer is the recorded one of an earlier write; on answers.
    pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
    /// Names a request in logs and problems; both ways.
    pub const REQUEST_ID: &str = "x-request-id";
}

/// Media types of this contract.
pub mod media {
    /// The default of requests and answers.
    pub const JSON: &str = "application/json";
    /// An object a line.
    pub const NDJSON: &str = "application/x-ndjson";
    /// Comma-separated values with a header line.
    pub const CSV: &str = "text/csv";
    /// An Arrow stream.
    pub const ARROW: &str = "application/vnd.apache.arrow.stream";
    /// A Parquet file.
    pub const PARQUET: &str = "application/vnd.apache.parquet";
    /// A Roaring bitmap of 32-bit numbers, in its portable form.
    pub const ROARING: &str = "application/vnd.roaring";
    /// A Roaring bitmap of 64-bit numbers, in its portable form.
    pub const ROARING64: &str = "application/vnd.roaring64";
    /// Bare SQL.
    pub const TEXT: &str = "text/plain";
    /// An error.
    pub const PROBLEM: &str = "application/problem+json";
}

#[cfg(test)]
mod tests;
