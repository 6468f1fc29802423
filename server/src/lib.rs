//! The tagdb server: storage and query over HTTP.
//!
//! `http` is the contract's paths, `ingest` turns uploads into batches, `engine_handle` is the only
//! place where async code meets the synchronous engine.

pub mod config;
pub mod engine_handle;
pub mod http;
pub mod ingest;
pub mod metrics;
pub mod shutdown;

pub use engine_handle::open;
