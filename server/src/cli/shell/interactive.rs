//! The shell that a person types into.

use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use tagdb_client::Client;
use tokio::runtime::Runtime;

use crate::cli::connect::home_file;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::shell::complete::Assistant;
use crate::cli::shell::meta::word;
use crate::cli::shell::run::{Flow, Session};
use crate::cli::shell::split::{changes_names, split};

const HISTORY_FILE: &str = ".tagdb_history";
/// Tables whose tags are known to completion; beyond, only the tables are.
const COMPLETED_TABLES_MAX: usize = 50;

type Line = Editor<Assistant, DefaultHistory>;

/// Runs what a person types, until they leave.
///
/// # Errors
/// The server cannot be reached at the start, or the terminal cannot be used.
pub(crate) fn run(runtime: &Runtime, session: &mut Session) -> Result<(), Failure> {
    session.timing = true;
    let status = runtime.block_on(async { session.client.status().await })?;
    output::line(&format!(
        "tagdb {} at {}; \\? for help, \\q to leave",
        status.version,
        session.client.url()
    ))?;
    let mut line = Line::new().map_err(|error| terminal(&error))?;
    line.set_helper(Some(Assistant::default()));
    learn_names(runtime, &session.client, &mut line);
    let history = home_file(HISTORY_FILE);
    if let Some(path) = &history {
        // Without a history from before, one begins.
        let _ = line.load_history(path);
    }
    let left = read_and_run(runtime, session, &mut line);
    if let Some(path) = &history
        && let Err(error) = line.save_history(path)
    {
        output::note(&format!(
            "the history is not kept: {}: {error}",
            path.display()
        ));
    }
    left
}

fn read_and_run(runtime: &Runtime, session: &mut Session, line: &mut Line) -> Result<(), Failure> {
    loop {
        let text = match line.readline("tagdb> ") {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(terminal(&error)),
        };
        if text.trim().is_empty() {
            continue;
        }
        // A history that cannot take the line must not stop the shell.
        let _ = line.add_history_entry(text.as_str());
        let text = word(&text).map_or(text, str::to_owned);
        if runtime.block_on(run_text(session, &text)) == Flow::Quit {
            return Ok(());
        }
        if split(&text).complete.iter().any(|s| changes_names(s.text)) {
            learn_names(runtime, &session.client, line);
        }
    }
}

/// Runs the statements of one input; failures are shown and end it, Ctrl-C gives up waiting.
async fn run_text(session: &mut Session, text: &str) -> Flow {
    for statement in split(text).complete {
        let outcome = tokio::select! {
            outcome = session.run(statement) => outcome,
            _ = tokio::signal::ctrl_c() => {
                output::note("not waited for any longer; a write may still happen");
                return Flow::Continue;
            }
        };
        match outcome {
            Ok(Flow::Continue) => {}
            Ok(Flow::Quit) => return Flow::Quit,
            Err(failure) => {
                output::note(&format!("error: {failure}"));
                return Flow::Continue;
            }
        }
    }
    Flow::Continue
}

/// Completion is a convenience: what cannot be asked for is not completed.
fn learn_names(runtime: &Runtime, client: &Client, line: &mut Line) {
    let names = runtime.block_on(async {
        let mut names = Vec::new();
        let tables = client.tables().await.unwrap_or_default();
        for table in tables.iter().take(COMPLETED_TABLES_MAX) {
            if let Ok(table) = client.table(&table.name).await {
                names.push(table.key.name);
                names.extend(table.tags.into_iter().map(|tag| tag.name));
            }
        }
        names.extend(tables.into_iter().map(|table| table.name));
        names
    });
    if let Some(assistant) = line.helper_mut() {
        assistant.learn(names.into_iter());
    }
}

fn terminal(error: &ReadlineError) -> Failure {
    Failure::Failed(format!("the terminal cannot be used: {error}"))
}
