//! The command-line verbs: what can be said, and one file for each thing done.

mod args;
mod connect;
mod descriptors;
mod export;
mod export_columns;
mod failure;
mod import;
mod infer;
mod offline;
mod output;
mod quickstart;
mod sample;
mod serve;
mod shell;
mod upkeep;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::Failure;

/// Runs the program and says how it ended.
pub(crate) fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::ReaderGone) {
                output::note(&format!("error: {failure}"));
            }
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Sql(args) => shell::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Compact(args) => upkeep::compact(&args),
        Command::Flush(args) => upkeep::flush(&args),
        Command::Status(args) => upkeep::status(&args),
        Command::Snapshot(command) => upkeep::snapshot(&command),
        Command::Check(args) => offline::check(&args),
        Command::Restore(args) => offline::restore(&args),
        Command::Repair(args) => offline::repair(&args),
    }
}
