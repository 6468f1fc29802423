//! `tagdb export`: the result of a query into a file.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tagdb_client::ByteStream;
use tagdb_client::wire::media;

use crate::cli::args::ExportArgs;
use crate::cli::connect::{block_on, client};
use crate::cli::export_columns::{Columns, write_columns};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::shell::caret::explain;
use crate::cli::shell::split::Statement;

/// Writes the result of a query.
///
/// # Errors
/// The query fails, the server cannot be reached, or the file cannot be written; no file of that
/// name is made or changed then.
pub(crate) fn run(args: &ExportArgs) -> Result<(), Failure> {
    let form = match &args.output {
        None => Form::Answered(media::CSV),
        Some(path) => form_of(path)?,
    };
    let client = client(&args.remote)?;
    block_on(async {
        let statement = Statement {
            text: &args.sql,
            line: 1,
        };
        let sql = args.time.on(client.sql(args.sql.as_str())).read_only();
        let stream = sql.bytes(form.media_type()).await;
        let stream = stream.map_err(|error| explain(error, statement))?;
        match &args.output {
            None => to_stdout(stream).await,
            Some(path) => to_file(stream, path, form).await,
        }
    })
}

/// What is written into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The server's answer as it is.
    Answered(&'static str),
    /// A file of columns, made of the server's Arrow stream.
    Columns(Columns),
}

impl Form {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Answered(media_type) => media_type,
            Self::Columns(_) => media::ARROW,
        }
    }
}

fn form_of(path: &Path) -> Result<Form, Failure> {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    Ok(match ending.to_ascii_lowercase().as_str() {
        "csv" => Form::Answered(media::CSV),
        "ndjson" | "jsonl" => Form::Answered(media::NDJSON),
        "arrows" => Form::Answered(media::ARROW),
        "roaring" => Form::Answered(media::ROARING),
        "roaring64" => Form::Answered(media::ROARING64),
        "arrow" | "feather" => Form::Columns(Columns::Arrow),
        "parquet" => Form::Columns(Columns::Parquet),
        _ => {
            return Err(Failure::Usage(format!(
                "{}: the ending says what to write: .csv, .ndjson, .parquet, .arrow, .arrows, \
                 .roaring or .roaring64",
                path.display()
            )));
        }
    })
}

async fn to_stdout(mut stream: ByteStream) -> Result<(), Failure> {
    while let Some(piece) = stream.next().await? {
        output::write_bytes(&piece)?;
    }
    Ok(())
}

/// Writes beside the file and renames at the end, so that a file of that name is always whole.
async fn to_file(stream: ByteStream, path: &Path, form: Form) -> Result<(), Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = match form {
        Form::Answered(_) => write_part(stream, &part).await,
        Form::Columns(columns) => write_columns(stream, &part, columns, &progress()).await,
    };
    match written {
        Ok(bytes) => {
            rename(&part, path)?;
            output::note(&format!("{}: {}", path.display(), HumanBytes(bytes)));
            Ok(())
        }
        Err(failure) => {
            // What is left of a failed export is of no use; that it cannot be removed, no harm.
            let _ = fs::remove_file(&part);
            Err(failure)
        }
    }
}

async fn write_part(mut stream: ByteStream, part: &Path) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::file(part, &error);
    let bar = progress();
    let mut file = BufWriter::new(File::create(part).map_err(failed)?);
    let mut bytes = 0;
    while let Some(piece) = stream.next().await? {
        file.write_all(&piece).map_err(failed)?;
        bytes += piece.len() as u64;
        bar.inc(piece.len() as u64);
    }
    let file = file
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    bar.finish_and_clear();
    Ok(bytes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "an exported file is the user's and no part of a database"
)]
fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|error| Failure::file(to, &error))
}

fn progress() -> ProgressBar {
    if !output::shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bytes}, {bytes_per_sec}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_say_what_is_written() {
        let of = |name: &str| form_of(Path::new(name));
        assert_eq!(of("a.CSV").unwrap(), Form::Answered(media::CSV));
        assert_eq!(of("a.jsonl").unwrap(), Form::Answered(media::NDJSON));
        assert_eq!(of("a.parquet").unwrap(), Form::Columns(Columns::Parquet));
        assert_eq!(of("a.arrow").unwrap(), Form::Columns(Columns::Arrow));
        assert_eq!(of("a.roaring").unwrap(), Form::Answered(media::ROARING));
        assert!(matches!(of("a"), Err(Failure::Usage(_))));
        assert!(matches!(of("a.xls"), Err(Failure::Usage(_))));
    }
}
