//! Files of columns, made of the server's Arrow stream while it comes.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use arrow_ipc::writer::FileWriter;
use bytes::{Buf, Bytes};
use indicatif::ProgressBar;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tagdb::http::ApiError;
use tagdb::ingest::columns::ArrowStream;
use tagdb_client::ByteStream;

use crate::cli::failure::Failure;

/// Pieces that wait to be written.
const PIECES_MAX: usize = 16;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    /// Arrow's file format, which can be read from any place.
    Arrow,
    /// Parquet, compressed with zstd.
    Parquet,
}

/// Writes a file of columns, and says how many bytes it has.
///
/// # Errors
/// The answer breaks off, or the file cannot be written.
pub(crate) async fn write_columns(
    mut stream: ByteStream,
    part: &Path,
    columns: Columns,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let file = File::create(part).map_err(|error| Failure::file(part, &error))?;
    let (to, from) = sync_channel(PIECES_MAX);
    let writing = tokio::task::spawn_blocking(move || convert(Pieces::new(from), &file, columns));
    let received = async {
        while let Some(piece) = stream.next().await? {
            bar.inc(piece.len() as u64);
            // A writer that has ended tells why.
            if to.send(piece).is_err() {
                break;
            }
        }
        Ok::<_, tagdb_client::Error>(())
    };
    let received = received.await;
    drop(to);
    let written = writing.await;
    received?;
    match written {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(Failure::file(part, &error)),
        Err(error) => Err(Failure::Failed(format!(
            "the file cannot be written: {error}"
        ))),
    }
}

/// Writes all batches of a stream, which has to have its end.
fn convert(pieces: Pieces, file: &File, columns: Columns) -> io::Result<u64> {
    let answer = |error: ApiError| io::Error::other(error.detail().to_owned());
    let mut stream = ArrowStream::new(BufReader::new(pieces)).map_err(answer)?;
    let out = BufWriter::new(file.try_clone()?);
    match columns {
        Columns::Arrow => {
            let mut writer = FileWriter::try_new(out, stream.schema()).map_err(io::Error::other)?;
            while let Some(batch) = stream.next_batch().map_err(answer)? {
                writer.write(&batch).map_err(io::Error::other)?;
            }
            writer.finish().map_err(io::Error::other)?;
            writer.into_inner().map_err(io::Error::other)?.flush()?;
        }
        Columns::Parquet => {
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::default()))
                .build();
            let schema = std::sync::Arc::new(stream.schema().clone());
            let mut writer = ArrowWriter::try_new(out, schema, Some(properties))?;
            while let Some(batch) = stream.next_batch().map_err(answer)? {
                writer.write(&batch)?;
            }
            writer.into_inner()?.flush()?;
        }
    }
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// The bytes of the answer as they come.
struct Pieces {
    from: Receiver<Bytes>,
    piece: Bytes,
}

impl Pieces {
    const fn new(from: Receiver<Bytes>) -> Self {
        let piece = Bytes::new();
        Self { from, piece }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.from.recv() {
                Ok(piece) => self.piece = piece,
                Err(_) => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
