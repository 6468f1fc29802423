//! `tagdb export`: the result of a query into a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::write::GzEncoder;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tagdb_client::ByteStream;
use tagdb_client::wire::media;
use zstd::stream::write::Encoder as ZstdEncoder;

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
/// The query fails or is none, the server cannot be reached, or the file cannot be written; no file
/// of that name is made or changed then.
pub(crate) fn run(args: &ExportArgs) -> Result<(), Failure> {
    let output = args
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let form = match output {
        None => Form::Answered(media::CSV, Packing::Plain),
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
        match output {
            None => to_stdout(stream).await,
            Some(path) => to_file(stream, path, form).await,
        }
    })
}

/// What is written into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The server's answer as it is, perhaps compressed.
    Answered(&'static str, Packing),
    /// A file of columns, made of the server's Arrow stream.
    Columns(Columns),
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Form {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Answered(media_type, _) => media_type,
            Self::Columns(_) => media::ARROW,
        }
    }
}

fn form_of(path: &Path) -> Result<Form, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let (name, packing) = match name.rsplit_once('.') {
        Some((name, "gz")) => (name, Packing::Gzip),
        Some((name, "zst" | "zstd")) => (name, Packing::Zstd),
        _ => (&*name, Packing::Plain),
    };
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let form = match ending {
        "csv" => Form::Answered(media::CSV, packing),
        "ndjson" | "jsonl" => Form::Answered(media::NDJSON, packing),
        "arrows" => Form::Answered(media::ARROW, packing),
        "roaring" => Form::Answered(media::ROARING, packing),
        "roaring64" => Form::Answered(media::ROARING64, packing),
        "arrow" | "feather" if packing == Packing::Plain => Form::Columns(Columns::Arrow),
        "parquet" if packing == Packing::Plain => Form::Columns(Columns::Parquet),
        _ => {
            return Err(Failure::Usage(format!(
                "{}: the ending says what to write: .csv, .ndjson, .parquet, .arrow, .arrows, \
                 .roaring or .roaring64; all but .parquet and .arrow also with .gz or .zst behind it",
                path.display()
            )));
        }
    };
    Ok(form)
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
    let bar = progress();
    let writing = async {
        match form {
            Form::Answered(_, packing) => write_part(stream, &part, packing, &bar).await,
            Form::Columns(columns) => write_columns(stream, &part, columns, &bar).await,
        }
    };
    let written = tokio::select! {
        written = writing => written,
        _ = tokio::signal::ctrl_c() => Err(Failure::Failed("interrupted".to_owned())),
    };
    bar.finish_and_clear();
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

async fn write_part(
    mut stream: ByteStream,
    part: &Path,
    packing: Packing,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let failed = |error: io::Error| Failure::file(part, &error);
    let file = File::create(part).map_err(failed)?;
    let mut packer = Packer::new(&file, packing).map_err(failed)?;
    while let Some(piece) = stream.next().await? {
        packer.writer().write_all(&piece).map_err(failed)?;
        bar.inc(piece.len() as u64);
    }
    packer.finish().map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(file.metadata().map_err(failed)?.len())
}

/// Writes a file, perhaps compressed.
enum Packer<'a> {
    Plain(BufWriter<&'a File>),
    Gzip(GzEncoder<BufWriter<&'a File>>),
    Zstd(ZstdEncoder<'static, BufWriter<&'a File>>),
}

impl<'a> Packer<'a> {
    fn new(file: &'a File, packing: Packing) -> io::Result<Self> {
        let file = BufWriter::new(file);
        Ok(match packing {
            Packing::Plain => Self::Plain(file),
            Packing::Gzip => Self::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            Packing::Zstd => Self::Zstd(ZstdEncoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL)?),
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
        }
    }

    fn finish(self) -> io::Result<()> {
        let mut file = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        file.flush()
    }
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
        let plain = |media_type| Form::Answered(media_type, Packing::Plain);
        assert_eq!(of("a.CSV").unwrap(), plain(media::CSV));
        assert_eq!(of("a.jsonl").unwrap(), plain(media::NDJSON));
        assert_eq!(of("a.parquet").unwrap(), Form::Columns(Columns::Parquet));
        assert_eq!(of("a.arrow").unwrap(), Form::Columns(Columns::Arrow));
        assert_eq!(of("a.roaring").unwrap(), plain(media::ROARING));
        let packed = Form::Answered(media::CSV, Packing::Gzip);
        assert_eq!(of("a.b.csv.GZ").unwrap(), packed);
        let packed = Form::Answered(media::NDJSON, Packing::Zstd);
        assert_eq!(of("a.ndjson.zst").unwrap(), packed);
        for bad in ["a", "a.xls", "a.gz", "csv", "a.parquet.gz"] {
            assert!(matches!(of(bad), Err(Failure::Usage(_))), "{bad}");
        }
    }
}
