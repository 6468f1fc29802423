//! Reaching the server from the command line.

use std::path::PathBuf;

use tagdb_client::{Client, Error};

use crate::cli::args::RemoteArgs;
use crate::cli::failure::Failure;

/// The client of the server that the command line names.
///
/// # Errors
/// The address is not one.
pub(crate) fn client(args: &RemoteArgs) -> Result<Client, Failure> {
    Client::new(&args.url).map_err(|error| Failure::Usage(error.to_string()))
}

/// Runs a command's requests to their end.
///
/// # Errors
/// What the command fails with, or that it cannot be begun.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    runtime()?.block_on(command)
}

/// Where a command's requests run. It has a thread of its own, so that a request nobody waits for
/// any more is ended also while the shell waits for the next line.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("requests cannot be made: {error}")))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unreachable { .. } => Self::Unreachable(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// A file in the user's own folder, if there is one.
pub(crate) fn home_file(name: &str) -> Option<PathBuf> {
    std::env::var_os("HOME").map(|home| PathBuf::from(home).join(name))
}
