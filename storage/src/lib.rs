//! The storage engine of tagdb: one durable store that knows which subjects have a tag and which
//! tags a subject has.
//!
//! Synchronous, without any notion of SQL, HTTP or JSON. All files are reached through [`vfs`].

pub mod catalog;
pub mod error;
pub mod ids;
pub mod limits;
pub mod schema;
