//! `tagdb sql`: statements from the command line, a file, a pipe or a person.

pub(crate) mod caret;
mod complete;
mod interactive;
mod meta;
pub(crate) mod render;
mod run;
pub(crate) mod split;

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use crate::cli::args::SqlArgs;
use crate::cli::connect::{client, runtime};
use crate::cli::failure::Failure;
use crate::cli::shell::run::Session;

/// Runs SQL.
///
/// # Errors
/// A statement fails, or the server cannot be reached.
pub(crate) fn run(args: &SqlArgs) -> Result<(), Failure> {
    let client = client(&args.remote)?;
    let runtime = runtime()?;
    let mut session = Session::new(client, args.format, args.time);
    let script = match (&args.command, &args.file) {
        (Some(command), _) => command.clone(),
        (None, Some(file)) if file.as_path() != Path::new("-") => {
            fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?
        }
        (None, None) if io::stdin().is_terminal() => {
            return interactive::run(&runtime, &mut session);
        }
        (None, _) => read_stdin()?,
    };
    runtime.block_on(session.run_script(&script))
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| Failure::Failed(format!("standard input: {error}")))?;
    Ok(text)
}
