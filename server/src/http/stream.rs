//! Rows as a body that is made while it is sent, in constant memory. Between two pieces nothing
//! runs and no turn is held, so that a slow client costs a connection and no more.

use std::io;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tagdb_query::{DataType, RowStream};

use super::error::{ApiError, ApiResult};
use super::middleware::{RequestId, log_failure};
use super::output;
use super::state::AppState;
use crate::engine_handle::{CancelOnDrop, Lane};

/// Bytes after which a piece is sent.
const PIECE_BYTES: usize = 256 << 10;
/// Time in which the line that tells of a failure is sent, before the connection is cut: what waits
/// to be sent at the cut is lost.
const LAST_LINE_TIME: Duration = Duration::from_millis(250);

/// Writes rows in one format.
#[derive(Debug)]
pub(super) enum Writer {
    /// A header and lines of cells.
    Csv(output::Csv),
    /// Lines of JSON.
    NdJson(output::NdJson),
    /// An Arrow stream.
    Arrow(Box<output::Arrow>),
    /// A bitmap, which is written when all of it is there.
    Roaring(output::Roaring),
}

/// A result that is being written.
#[derive(Debug)]
pub(super) struct Rows {
    rows: RowStream,
    kinds: Vec<DataType>,
    writer: Writer,
    token: String,
    /// JSON that is written and not sent yet.
    text: String,
    /// The same of other formats.
    bytes: Vec<u8>,
    ended: bool,
}

impl Rows {
    /// A result of which nothing is written yet but its beginning, if there is one.
    pub(super) fn new(rows: RowStream, mut writer: Writer, token: String) -> Self {
        let (text, mut bytes) = (String::new(), Vec::new());
        match &mut writer {
            Writer::Csv(csv) => {
                let names = rows.columns().iter().map(|column| column.name.as_str());
                csv.header(names, &mut bytes);
            }
            Writer::Arrow(arrow) => bytes = std::mem::take(arrow.written()),
            Writer::NdJson(_) | Writer::Roaring(_) => {}
        }
        Self {
            kinds: rows.columns().iter().map(|column| column.kind).collect(),
            rows,
            writer,
            token,
            text,
            bytes,
            ended: false,
        }
    }

    /// The state that is read.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Writes rows until there is enough for a piece, or none are left.
    pub(super) fn fill(&mut self) -> ApiResult<()> {
        while !self.ended && self.text.len() + self.bytes.len() < PIECE_BYTES {
            let Some(rows) = self.rows.next_columns()? else {
                self.ended = true;
                return self.finish();
            };
            match &mut self.writer {
                Writer::Csv(csv) => csv.rows(&rows, &self.kinds, &mut self.bytes),
                Writer::NdJson(ndjson) => ndjson.rows(&rows, &mut self.text),
                Writer::Arrow(arrow) => {
                    arrow.rows(rows)?;
                    self.bytes.append(arrow.written());
                }
                Writer::Roaring(roaring) => roaring.rows(&rows)?,
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ApiResult<()> {
        match &mut self.writer {
            Writer::Csv(_) | Writer::NdJson(_) => {}
            Writer::Arrow(arrow) => {
                arrow.finish()?;
                self.bytes.append(arrow.written());
            }
            Writer::Roaring(roaring) => self.bytes = roaring.finish(),
        }
        Ok(())
    }

    /// What is written and not sent yet.
    fn take_piece(&mut self) -> Bytes {
        if self.text.is_empty() {
            Bytes::from(std::mem::take(&mut self.bytes))
        } else {
            Bytes::from(std::mem::take(&mut self.text))
        }
    }

    /// The body; `left` is the time that the rest may take to make, sending apart.
    pub(super) fn into_body(
        self: Box<Self>,
        state: AppState,
        cancel: CancelOnDrop,
        left: Duration,
        id: RequestId,
    ) -> Body {
        let sending = Sending {
            rows: Some(self),
            failed: None,
            state,
            cancel,
            left,
            id,
        };
        Body::from_stream(stream::unfold(sending, |mut sending| async {
            let piece = sending.next().await?;
            Some((piece, sending))
        }))
    }
}

/// A body under way.
struct Sending {
    /// None once the end or a failure is reached.
    rows: Option<Box<Rows>>,
    /// A failure of which only the cut is left to be sent.
    failed: Option<io::Error>,
    state: AppState,
    cancel: CancelOnDrop,
    left: Duration,
    id: RequestId,
}

impl Sending {
    /// The next piece; an error cuts the connection without the body's proper end.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(failed) = self.failed.take() {
            tokio::time::sleep(LAST_LINE_TIME).await;
            return Some(Err(failed));
        }
        let mut rows = self.rows.take()?;
        let mut piece = rows.take_piece();
        if piece.is_empty() && !rows.ended {
            match self.make(rows).await {
                Ok(made) => rows = made,
                Err((error, is_ndjson)) => return Some(self.fail(&error, is_ndjson)),
            }
        }
        if piece.is_empty() {
            piece = rows.take_piece();
        }
        if piece.is_empty() {
            return None;
        }
        self.rows = Some(rows);
        Some(Ok(piece))
    }

    async fn make(&mut self, mut rows: Box<Rows>) -> Result<Box<Rows>, (ApiError, bool)> {
        let is_ndjson = matches!(rows.writer, Writer::NdJson(_));
        let started = Instant::now();
        let flag = self.cancel.flag();
        let filled = self
            .state
            .handle
            .run_within(Lane::Stream, self.left, &flag, move |_| {
                rows.fill()?;
                Ok(rows)
            })
            .await;
        self.left = self.left.saturating_sub(started.elapsed());
        filled.map_err(|error| (error, is_ndjson))
    }

    fn fail(&mut self, error: &ApiError, is_ndjson: bool) -> io::Result<Bytes> {
        log_failure(error, &self.id, "/v1/sql");
        let cut = io::Error::other(error.clone());
        if !is_ndjson {
            return Err(cut);
        }
        self.failed = Some(cut);
        let problem = serde_json::json!({"$error": error.problem(self.id.as_str())});
        Ok(Bytes::from(format!("{problem}\n")))
    }
}
