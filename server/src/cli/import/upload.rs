//! Sends a source, showing how far it is.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tagdb_client::wire::BulkResponse;
use tagdb_client::{Body, Bulk, Error};
use tokio_util::io::ReaderStream;

use crate::cli::import::source::{Form, Raw, Source};
use crate::cli::output;

/// Bytes of a piece that is sent.
const PIECE_BYTES: usize = 256 << 10;

/// Sends the source's bytes as they are.
///
/// # Errors
/// The source cannot be read; or the server refuses or cannot be reached.
pub(crate) async fn send(bulk: Bulk<'_>, source: Source) -> Result<BulkResponse, Error> {
    let form = source.form;
    let bulk = match source.encoding {
        Some(encoding) => bulk.encoding(encoding),
        None => bulk,
    };
    let (body, bar) = body(source.into_raw())
        .await
        .map_err(|error| Error::Request(format!("the file cannot be read: {error}")))?;
    let answer = match form {
        Form::Csv(b',') => bulk.csv(body).await,
        Form::Csv(delimiter) => bulk.delimiter(char::from(delimiter)).csv(body).await,
        Form::NdJson => bulk.ndjson(body).await,
        Form::Parquet => bulk.parquet(body).await,
        Form::Arrow => bulk.arrow(body).await,
    };
    bar.finish_and_clear();
    answer
}

async fn body(raw: Raw) -> io::Result<(Body, ProgressBar)> {
    Ok(match raw {
        Raw::File(path) => {
            let file = tokio::fs::File::open(&path).await?;
            let bar = progress(Some(file.metadata().await?.len()));
            let pieces = ReaderStream::with_capacity(file, PIECE_BYTES);
            (counted(pieces, &bar), bar)
        }
        Raw::Stdin(head, is_all) => {
            let bar = progress(is_all.then_some(head.len() as u64));
            let head = stream::iter([Ok(Bytes::from(head))]);
            if is_all {
                (counted(head, &bar), bar)
            } else {
                let rest = ReaderStream::with_capacity(tokio::io::stdin(), PIECE_BYTES);
                (counted(head.chain(rest), &bar), bar)
            }
        }
    })
}

fn counted(
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    bar: &ProgressBar,
) -> Body {
    let bar = bar.clone();
    Body::wrap_stream(pieces.inspect(move |piece| {
        if let Ok(piece) = piece {
            bar.inc(piece.len() as u64);
            if Some(bar.position()) == bar.length() {
                bar.set_message("committing");
            }
        }
    }))
}

fn progress(bytes: Option<u64>) -> ProgressBar {
    if !output::shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
    let template = if bytes.is_some() {
        "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left {msg}"
    } else {
        "{spinner} {bytes}, {bytes_per_sec} {msg}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
