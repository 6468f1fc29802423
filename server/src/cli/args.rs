//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A tag database in one binary: tag -> users and user -> tags from one durable store.
#[derive(Debug, Parser)]
#[command(name = "tagdb", version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a database with a sample of 1,000,000 users, shows it, and serves it
    Quickstart(ServeArgs),
    /// Runs the server
    Serve(ServeArgs),
    /// Runs SQL: a shell, one command, a file or a pipe
    Sql(SqlArgs),
    /// Loads a file of CSV, NDJSON, Parquet or Arrow into a table
    Import(ImportArgs),
    /// Writes the result of a query to a file
    Export(ExportArgs),
    /// Merges segments of one table, or of all
    Compact(TableArgs),
    /// Writes what is in memory to segments, for one table or all
    Flush(TableArgs),
    /// Shows the server's state
    Status(RemoteArgs),
    /// Takes, lists and drops snapshots
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Verifies every checksum and invariant of a data folder (offline)
    Check(CheckArgs),
    /// Restores a snapshot into an empty folder (offline)
    Restore(RestoreArgs),
    /// Salvages a damaged data folder (offline)
    Repair(RepairArgs),
}

/// Settings given here win over `TAGDB_...` variables, and those over the file.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The data folder [default: ./tagdb-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:7480]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// A file of settings (TOML)
    #[arg(long, env = "TAGDB_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct RemoteArgs {
    /// The server's address
    #[arg(
        long,
        env = "TAGDB_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:7480"
    )]
    pub(crate) url: String,
}

/// How results of `tagdb sql` are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One array of objects
    Json,
    /// A header and a line a row
    Csv,
    /// An object a line
    Ndjson,
}

/// How long the server may work.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct TimeArgs {
    /// The time that a statement may take, in seconds [default: what the server allows]
    #[arg(long = "timeout", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
}

impl TimeArgs {
    /// The statement, with its time if one was said.
    pub(crate) fn on<'a>(&self, sql: tagdb_client::Sql<'a>) -> tagdb_client::Sql<'a> {
        match self.seconds {
            Some(seconds) => sql.timeout(std::time::Duration::from_secs(seconds)),
            None => sql,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct SqlArgs {
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    /// Statements to run
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub(crate) command: Option<String>,
    /// A file of statements; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How to write results
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

/// What the rows of an import mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Tags that are present decide, absent ones stay
    Upsert,
    /// A key that exists is an error
    Insert,
    /// The subject's other tags are cleared
    Replace,
    /// Afterwards exactly these subjects have the file's tags
    #[value(name = "replace_tags")]
    ReplaceTags,
    /// Keys only: removes subjects
    Delete,
}

/// What to do about a bad row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Write nothing
    Fail,
    /// Write the rest
    Skip,
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("creating").multiple(true)))]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// A file of CSV, NDJSON, Parquet or Arrow, also gzip or zstd; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The table to load
    #[arg(long, value_name = "T")]
    pub(crate) table: String,
    /// The key column of a new table [default: the first column that is never empty or repeated]
    #[arg(long, value_name = "COL", requires = "creating")]
    pub(crate) key: Option<String>,
    /// Create the table, inferring its columns from the file
    #[arg(long, group = "creating")]
    pub(crate) create: bool,
    /// What rows mean
    #[arg(long, value_enum, default_value = "upsert")]
    pub(crate) mode: Mode,
    /// A column's type in the new table, instead of the inferred one; may be repeated
    #[arg(long = "as", value_name = "COL:TYPE", requires = "creating", value_parser = column_type)]
    pub(crate) types: Vec<(String, String)>,
    /// What to do about a bad row
    #[arg(long, value_enum, default_value = "fail")]
    pub(crate) on_error: OnError,
    /// Write what is wrong with bad rows here, an object a line
    #[arg(long, value_name = "F")]
    pub(crate) rejects: Option<PathBuf>,
    /// Read the file and show the table it would make; change nothing
    #[arg(long, group = "creating")]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    /// The query
    pub(crate) sql: String,
    /// The file to write: .csv, .ndjson, .parquet, .arrow, .arrows, .roaring or .roaring64, also
    /// with .gz or .zst behind it; `-` is standard output, as CSV [default: -]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct TableArgs {
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// Only this table
    #[arg(long, value_name = "T")]
    pub(crate) table: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Takes a snapshot
    Create(SnapshotArgs),
    /// Lists snapshots
    List(RemoteArgs),
    /// Drops a snapshot
    Delete(SnapshotArgs),
}

#[derive(Args, Debug)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// Its name: a-z, 0-9, _ and -
    pub(crate) name: String,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The data folder
    pub(crate) dir: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The snapshot's folder: DATA/snapshots/NAME
    pub(crate) snapshot: PathBuf,
    /// The folder to restore into; new or empty
    #[arg(long, value_name = "NEW_DIR")]
    pub(crate) data: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    /// The data folder
    pub(crate) dir: PathBuf,
    /// Agree that damaged data is given up
    #[arg(long, required = true)]
    pub(crate) accept_loss: bool,
}

fn column_type(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((column, kind)) if !column.is_empty() && !kind.is_empty() => {
            Ok((column.to_owned(), kind.to_owned()))
        }
        _ => Err("write COL:TYPE, such as zip:KEYWORD".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    fn parse(words: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(words.split(' '))
    }

    #[test]
    fn wrong_command_lines_are_refused_with_status_2() {
        for words in [
            "tagdb",
            "tagdb fly",
            "tagdb import",
            "tagdb import f.csv",
            "tagdb import f.csv --table t --key k",
            "tagdb import f.csv --table t --as a:INT",
            "tagdb import f.csv --table t --create --as a",
            "tagdb import f.csv --table t --mode swap",
            "tagdb sql --format xml",
            "tagdb sql -c select f.sql",
            "tagdb snapshot",
            "tagdb restore s",
            "tagdb repair dir",
        ] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words}");
        }
    }

    #[test]
    fn types_are_split_at_the_first_colon() {
        let cli = parse("tagdb import f --table t --create --as a:MAP(KEYWORD,INT) --as b:DATE");
        let Command::Import(import) = cli.unwrap().command else {
            panic!("not an import");
        };
        let expected = [("a", "MAP(KEYWORD,INT)"), ("b", "DATE")];
        assert_eq!(
            import.types,
            expected.map(|(column, kind)| (column.to_owned(), kind.to_owned()))
        );
    }
}
