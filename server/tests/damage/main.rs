//! The program on data folders that are damaged, and under limits of the operating system that are
//! too small for it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

mod narrow;
mod repair;
mod server;
