//! Durable storage: files, the log, and everything kept in them.

pub mod clock;
pub mod codec;
pub mod log;
pub mod paths;
pub mod vfs;
