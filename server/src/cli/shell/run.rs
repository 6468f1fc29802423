//! Runs statements one by one and writes their results.

use std::time::Duration;

use tagdb_client::wire::{SqlResponse, media};
use tagdb_client::{ByteStream, Client, Error};

use crate::cli::args::{Format, TimeArgs};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::shell::caret::explain;
use crate::cli::shell::meta::{HELP, Meta};
use crate::cli::shell::render::{self, result_table};
use crate::cli::shell::split::{Statement, is_read, split};

/// Where statements go and how their results are shown.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    format: Format,
    time: TimeArgs,
    /// Whether times are shown.
    pub(crate) timing: bool,
}

impl Session {
    pub(crate) fn new(client: Client, format: Format, time: TimeArgs) -> Self {
        Self {
            client,
            format,
            time,
            timing: false,
        }
    }

    /// Runs all statements of a text, up to the first that fails.
    ///
    /// # Errors
    /// A statement fails, or the server cannot be reached.
    pub(crate) async fn run_script(&mut self, text: &str) -> Result<(), Failure> {
        let split = split(text);
        for statement in split.complete.into_iter().chain(split.rest) {
            if self.run(statement).await? == Flow::Quit {
                break;
            }
        }
        Ok(())
    }

    /// Runs one statement or command.
    ///
    /// # Errors
    /// It fails, or the server cannot be reached.
    pub(crate) async fn run(&mut self, statement: Statement<'_>) -> Result<Flow, Failure> {
        match Meta::parse(statement.text) {
            None => self.run_sql(statement).await?,
            Some(Meta::Quit) => return Ok(Flow::Quit),
            Some(Meta::Timing) => {
                self.timing = !self.timing;
                let state = if self.timing { "on" } else { "off" };
                output::line(&format!("timing is {state}"))?;
            }
            Some(Meta::Help) => output::line(HELP)?,
            Some(Meta::Tables) => self.run_text("SHOW TABLES").await?,
            Some(Meta::Describe(table)) => self.run_text(&format!("DESCRIBE {table}")).await?,
            Some(Meta::Unknown(text)) => {
                return Err(Failure::Failed(format!(
                    "no command {text}; \\? lists them"
                )));
            }
        }
        Ok(Flow::Continue)
    }

    async fn run_text(&self, text: &str) -> Result<(), Failure> {
        self.run_sql(Statement { text, line: 1 }).await
    }

    async fn run_sql(&self, statement: Statement<'_>) -> Result<(), Failure> {
        let sql = self.time.on(self.client.sql(statement.text));
        if self.format == Format::Table {
            let answer = sql.run().await;
            let answer = answer.map_err(|error| explain_table(error, statement))?;
            return self.show(&answer);
        }
        if !is_read(statement.text) {
            let answer = sql.run().await;
            return answer.map(drop).map_err(|error| explain(error, statement));
        }
        let media_type = match self.format {
            Format::Csv => media::CSV,
            Format::Table | Format::Json | Format::Ndjson => media::NDJSON,
        };
        let stream = sql.bytes(media_type).await;
        let stream = stream.map_err(|error| explain(error, statement))?;
        let written = match self.format {
            Format::Json => write_array(stream).await,
            Format::Table | Format::Csv | Format::Ndjson => copy(stream).await,
        };
        written.map_err(|failure| match failure {
            StreamFailure::Answer(error) => explain(error, statement),
            StreamFailure::Output(failure) => failure,
        })
    }

    fn show(&self, answer: &SqlResponse) -> Result<(), Failure> {
        let what = if answer.columns.is_empty() {
            let rows = output::counted(answer.rows_affected, "row");
            format!("done, {rows} affected")
        } else {
            output::line(&result_table(answer, render::width()))?;
            output::counted(answer.rows.len() as u64, "row")
        };
        if self.timing {
            let time = Duration::from_micros(answer.stats.elapsed_us);
            output::line(&format!("({what}, {time:.1?})"))
        } else {
            output::line(&format!("({what})"))
        }
    }
}

/// A table is shown whole; the other formats have room for any number of rows.
fn explain_table(error: Error, statement: Statement<'_>) -> Failure {
    let is_too_large = error.code() == Some("result_too_large");
    match explain(error, statement) {
        Failure::Failed(text) if is_too_large => Failure::Failed(format!(
            "{text}\n  add a LIMIT, or write all rows: tagdb sql --format csv, or tagdb export"
        )),
        failure => failure,
    }
}

/// Whether a shell goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Quit,
}

enum StreamFailure {
    Answer(Error),
    Output(Failure),
}

impl From<Error> for StreamFailure {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}

impl From<Failure> for StreamFailure {
    fn from(failure: Failure) -> Self {
        Self::Output(failure)
    }
}

async fn copy(mut stream: ByteStream) -> Result<(), StreamFailure> {
    while let Some(piece) = stream.next().await? {
        output::write_bytes(&piece)?;
    }
    Ok(())
}

/// Writes an object a line as one array: every line end but the last becomes a comma and one.
async fn write_array(mut stream: ByteStream) -> Result<(), StreamFailure> {
    output::write("[")?;
    let mut is_first = true;
    let mut at_line_start = true;
    while let Some(piece) = stream.next().await? {
        let mut array = Vec::with_capacity(piece.len() + piece.len() / 8);
        for byte in piece {
            if byte == b'\n' {
                at_line_start = true;
                continue;
            }
            if at_line_start {
                array.extend_from_slice(if is_first { b"\n" } else { b",\n" });
                (is_first, at_line_start) = (false, false);
            }
            array.push(byte);
        }
        output::write_bytes(&array)?;
    }
    output::write("\n]\n")?;
    Ok(())
}
