//! `tagdb import`: a file of rows into a table.

mod rejects;
mod source;
mod upload;

use std::time::Instant;

use tagdb_client::wire::{self, BulkMode, BulkResponse};
use tagdb_client::{Client, Error};

use crate::cli::args::{ImportArgs, Mode, OnError};
use crate::cli::connect::{block_on, client};
use crate::cli::failure::Failure;
use crate::cli::import::source::Source;
use crate::cli::infer::{Plan, Sample, quote_name};
use crate::cli::output;

/// Bad rows that are told on the terminal.
const ERRORS_SHOWN_MAX: usize = 10;

/// Loads a file.
///
/// # Errors
/// The file or the server refuses; nothing was written then, except for the empty table that
/// `--create` made.
pub(crate) fn run(args: &ImportArgs) -> Result<(), Failure> {
    let source = Source::open(&args.file)?;
    if args.rejects.is_some() {
        source.require_file("--rejects")?;
        if !source.form.is_text() {
            return Err(Failure::Usage(
                "--rejects copies rows of CSV and NDJSON only".to_owned(),
            ));
        }
    }
    if args.create || args.dry_run {
        let sample = source.sample()?;
        let plan = Plan::new(&args.table, &sample, args.key.as_deref(), &args.types)?;
        show_plan(&source, &sample, &plan)?;
        if args.dry_run {
            return Ok(());
        }
        let client = client(&args.remote)?;
        block_on(async {
            client.sql(plan.create_table.as_str()).run().await?;
            load(&client, args, source).await.inspect_err(|_| {
                let table = quote_name(&args.table);
                output::note(&format!(
                    "the table was made and is empty: DROP TABLE {table} before trying again"
                ));
            })
        })
    } else {
        let client = client(&args.remote)?;
        block_on(load(&client, args, source))
    }
}

fn show_plan(source: &Source, sample: &Sample, plan: &Plan) -> Result<(), Failure> {
    output::line(&format!(
        "-- {}, {} {}",
        source.describe(),
        output::counted(sample.rows, "row"),
        if sample.is_complete() {
            "in all"
        } else {
            "looked at"
        }
    ))?;
    output::line(&format!("-- {}", plan.key_reason))?;
    output::line(&plan.create_table)
}

async fn load(client: &Client, args: &ImportArgs, source: Source) -> Result<(), Failure> {
    let mut bulk = client.bulk(&args.table, bulk_mode(args.mode));
    if args.mode == Mode::ReplaceTags {
        let key = client.table(&args.table).await?.key.name;
        let names = source.sample()?.names_without(&key);
        bulk = bulk.tags(&names.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if args.on_error == OnError::Skip {
        bulk = bulk.on_error(wire::OnError::Skip);
    }
    let start = Instant::now();
    let again = source.file();
    let answer = upload::send(bulk, source).await.map_err(explain_bad_rows)?;
    let seconds = start.elapsed().as_secs_f64().max(1e-6);
    output::line(&describe(&answer, seconds))?;
    for error in answer.errors.iter().take(ERRORS_SHOWN_MAX) {
        output::note(&describe_error(error));
    }
    if let (Some(path), Some(again)) = (&args.rejects, again) {
        rejects::copy(&again, &answer.rejected_rows, path)?;
        if answer.rejected > answer.rejected_rows.len() as u64 {
            output::note(&format!(
                "{} holds the first {} rejected rows",
                path.display(),
                answer.rejected_rows.len()
            ));
        }
    }
    Ok(())
}

const fn bulk_mode(mode: Mode) -> BulkMode {
    match mode {
        Mode::Upsert => BulkMode::Upsert,
        Mode::Insert => BulkMode::Insert,
        Mode::Replace => BulkMode::Replace,
        Mode::ReplaceTags => BulkMode::ReplaceTags,
        Mode::Delete => BulkMode::Delete,
    }
}

fn describe(answer: &BulkResponse, seconds: f64) -> String {
    let rate = answer.rows as f64 / seconds;
    let mut text = format!(
        "{} in {seconds:.1} s ({rate:.0} rows/s): {} created",
        output::counted(answer.rows, "row"),
        answer.created
    );
    for (count, what) in [
        (answer.duplicates, "of a key that came before"),
        (answer.rejected, "rejected"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

fn describe_error(error: &wire::RowError) -> String {
    match &error.column {
        Some(column) => format!("row {}, column {column}: {}", error.row, error.detail),
        None => format!("row {}: {}", error.row, error.detail),
    }
}

/// A refusal names bad rows one by one.
fn explain_bad_rows(error: Error) -> Failure {
    let rows = error.problem().map(|problem| problem.errors.clone());
    match (Failure::from(error), rows) {
        (Failure::Failed(mut text), Some(rows)) => {
            for row in rows.iter().take(ERRORS_SHOWN_MAX) {
                text.push_str("\n  ");
                text.push_str(&describe_error(row));
            }
            Failure::Failed(text)
        }
        (failure, _) => failure,
    }
}
