//! When a server is told to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal as heed};

/// Done once the process is told to stop: by Ctrl-C, or by SIGTERM. Both are heeded from the call
/// on, whether or not the future is waited for yet.
///
/// # Errors
/// The operating system does not let them be heeded.
///
/// # Panics
/// Outside a tokio runtime.
pub fn signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = heed(SignalKind::interrupt())?;
    let mut terminate = heed(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
