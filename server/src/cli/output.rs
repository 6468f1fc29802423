//! The only place that writes to standard output and standard error.

use std::io::{self, IsTerminal, Write};

use crate::cli::failure::Failure;

/// Writes text to standard output.
///
/// # Errors
/// Standard output is closed or full.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    write_bytes(text.as_bytes())
}

/// Writes a line to standard output.
///
/// # Errors
/// Standard output is closed or full.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(&format!("{text}\n"))
}

/// Writes bytes to standard output.
///
/// # Errors
/// Standard output is closed or full.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => Failure::Failed(format!("standard output: {error}")),
        })
}

/// A number of things, as in `1 row` and `2 rows`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

/// Says something beside the results, on standard error.
pub(crate) fn note(text: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether standard error is a terminal, where progress is worth drawing.
pub(crate) fn shows_progress() -> bool {
    io::stderr().is_terminal()
}
