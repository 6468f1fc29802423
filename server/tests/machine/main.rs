//! The program on a real kernel: killed, without power, on failing and full disks, with system calls
//! that fail. Writers talk to it over HTTP and record what is acknowledged; after each fault the
//! folder is checked, opened, and compared with the record.
//!
//! Each test prints a line of figures, or `skipped:` and why where rights or tools are missing.
//! `ROUNDS=n` makes a run longer, `SEED=n` other; docs/testing.md has the commands.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on must fail"
)]

mod diskfull;
mod http;
mod kill9;
mod life;
mod mount;
mod operation;
mod powercut;
mod process;
mod random;
mod realeio;
mod record;
mod sysfault;
mod tracer;

/// How often a test does what it does: what `ROUNDS` says, or what a usual run has time for.
fn rounds(usual: u64) -> u64 {
    std::env::var("ROUNDS").map_or(usual, |text| text.parse().unwrap())
}

/// Where the choices of a test begin.
fn seed() -> u64 {
    std::env::var("SEED").map_or(1, |text| text.parse().unwrap())
}

/// Says that a test could not be run here: it has not passed.
fn skipped(test: &str, why: &str) {
    println!("{test}: skipped: {why}");
}
