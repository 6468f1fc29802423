//! The running server's upkeep: flush, compact, status, snapshots.

use indicatif::{HumanBytes, HumanDuration};
use tagdb_client::wire::Status;

use crate::cli::args::{RemoteArgs, SnapshotCommand, TableArgs};
use crate::cli::connect::{block_on, client};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::shell::render::text_table;

/// Writes what is in memory to segments.
///
/// # Errors
/// The server refuses or cannot be reached.
pub(crate) fn flush(args: &TableArgs) -> Result<(), Failure> {
    let client = client(&args.remote)?;
    block_on(async { Ok(client.flush(args.table.as_deref()).await?) })?;
    output::line(&format!("flushed {}", subject(args)))
}

/// Merges segments.
///
/// # Errors
/// The server refuses or cannot be reached.
pub(crate) fn compact(args: &TableArgs) -> Result<(), Failure> {
    let client = client(&args.remote)?;
    block_on(async { Ok(client.compact(args.table.as_deref()).await?) })?;
    output::line(&format!("compacted {}", subject(args)))
}

fn subject(args: &TableArgs) -> String {
    args.table
        .as_ref()
        .map_or_else(|| "all tables".to_owned(), |table| format!("table {table}"))
}

/// Shows the server's state.
///
/// # Errors
/// The server refuses or cannot be reached.
pub(crate) fn status(args: &RemoteArgs) -> Result<(), Failure> {
    let client = client(args)?;
    let status = block_on(async { Ok(client.status().await?) })?;
    output::write(&describe(client.url(), &status))
}

fn describe(url: &str, status: &Status) -> String {
    let uptime = std::time::Duration::from_secs(status.uptime_seconds);
    let lines = [
        ("server", format!("{url}, version {}", status.version)),
        (
            "state",
            format!("{}, for {}", status.state, HumanDuration(uptime)),
        ),
        (
            "tables",
            format!("{} with {} subjects", status.tables, status.subjects),
        ),
        (
            "last write",
            format!("{}, on disk up to {}", status.lsn, status.durable_lsn),
        ),
        (
            "segments",
            format!(
                "{} of {} in all",
                status.segments,
                HumanBytes(status.segment_bytes)
            ),
        ),
        ("log", HumanBytes(status.log_bytes).to_string()),
        (
            "memory",
            format!(
                "{} of writes, {} of cache",
                HumanBytes(status.memory_bytes),
                HumanBytes(status.cache_bytes)
            ),
        ),
        (
            "running",
            format!(
                "{} statements, {} jobs, {} connections",
                status.statements, status.jobs, status.connections
            ),
        ),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        text.push_str(&format!("{name:<12}{value}\n"));
    }
    for damaged in &status.damaged {
        text.push_str(&format!("{:<12}{damaged}\n", "damaged"));
    }
    text
}

/// Takes, lists or drops snapshots.
///
/// # Errors
/// The server refuses or cannot be reached.
pub(crate) fn snapshot(command: &SnapshotCommand) -> Result<(), Failure> {
    match command {
        SnapshotCommand::Create(args) => {
            let client = client(&args.remote)?;
            let made = block_on(async { Ok(client.create_snapshot(&args.name).await?) })?;
            output::line(&format!(
                "snapshot {} taken: {}, up to write {}",
                made.name,
                HumanBytes(made.bytes),
                made.lsn
            ))
        }
        SnapshotCommand::List(args) => {
            let client = client(args)?;
            let snapshots = block_on(async { Ok(client.snapshots().await?) })?;
            let rows = snapshots.iter().map(|snapshot| {
                vec![
                    snapshot.name.clone(),
                    snapshot.lsn.to_string(),
                    HumanBytes(snapshot.bytes).to_string(),
                ]
            });
            let header = ["name", "last write", "size"];
            output::line(&text_table(&header, rows))
        }
        SnapshotCommand::Delete(args) => {
            let client = client(&args.remote)?;
            block_on(async { Ok(client.delete_snapshot(&args.name).await?) })?;
            output::line(&format!("snapshot {} dropped", args.name))
        }
    }
}
