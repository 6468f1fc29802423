//! tagdb's storage: what is on disk and in memory, and how it is read in place.

pub mod bitmap;
pub mod column;
