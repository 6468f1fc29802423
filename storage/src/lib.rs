//! The storage engine of tagdb: one durable store that knows which subjects have a tag and which
//! tags a subject has.
//!
//! Synchronous, without any notion of SQL, HTTP or JSON. All files are reached through [`vfs`].

pub mod batch;
pub mod bitmap;
pub mod catalog;
pub mod check;
pub mod clock;
pub mod codec;
pub mod column;
pub mod column_batch;
pub mod engine;
pub mod error;
pub mod ids;
pub mod keys;
pub mod layer;
pub mod limits;
pub mod log;
pub mod manifest;
mod parallel;
pub mod partitioning;
pub mod paths;
pub mod planted;
mod prefetch;
pub mod repair;
pub mod schema;
pub mod segment;
pub mod subjects;
mod sync;
pub mod traffic;
pub mod vfs;
pub mod vocabulary;

pub use error::{Error, ErrorKind, Result};
