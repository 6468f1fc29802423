//! Bulk writes: the body is read, decompressed, parsed and written as it comes.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::{Buf, Bytes};
use tagdb_wire::{BulkMode, OnError, media};
use tokio::sync::mpsc;

use super::lookup::table_schema;
use super::row::durability;
use super::{Path, written};
use crate::engine_handle::{CancelFlag, CancelOnDrop, blocking};
use crate::http::body::{self, Encoding};
use crate::http::error::{ApiError, ApiResult};
use crate::http::pace::Pace;
use crate::http::params::{Params, idempotency_key};
use crate::http::state::AppState;
use crate::ingest::rows::{CsvForm, EmptyCell};
use crate::ingest::target::Target;
use crate::ingest::upload::{Form, Upload, Uploaded, run};

/// Pieces of a body that wait for the parser.
const PIECES_MAX: usize = 16;
/// Time for which a refused body is still read.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// `POST /v1/tables/{table}/rows`
pub(super) async fn post(
    State(state): State<AppState>,
    Path(table): Path<String>,
    params: Params,
    request: Request,
) -> ApiResult<Response> {
    let (parts, mut body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let cancel = CancelOnDrop::default();
    let mut plan = Plan::new(&state, &table, params, &parts.headers, query)?;
    plan.upload.cancel = cancel.flag();
    let turn = state.handle.upload_turn().await?;
    let (pieces, source) = mpsc::channel(PIECES_MAX);
    let database = Arc::clone(state.handle.database());
    let bytes_max = state.config.bulk_bytes_max;
    let worker = blocking(move || {
        let source = body::decoded(plan.encoding, Pieces::new(source), bytes_max)?;
        let uploaded = run(&database, &plan.upload, source);
        drop(turn);
        uploaded
    });
    let (result, ()) = tokio::join!(worker, pump(&mut body, pieces, state.config.body_timeout));
    if result.is_err() {
        tokio::spawn(drain(body));
    }
    let uploaded = result?;
    if !uploaded.replayed {
        let response = &uploaded.response;
        let kept = response.rows.saturating_sub(response.rejected);
        state.metrics.rows(kept, response.rejected);
    }
    Ok(answer(&uploaded))
}

fn answer(uploaded: &Uploaded) -> Response {
    let response = &uploaded.response;
    written(StatusCode::OK, response, &response.token, uploaded.replayed)
}

/// What the request asks for.
struct Plan {
    upload: Upload,
    encoding: Encoding,
}

impl Plan {
    fn new(
        state: &AppState,
        table: &str,
        mut params: Params,
        headers: &HeaderMap,
        query: &str,
    ) -> ApiResult<Self> {
        let mode = params
            .take_word(
                "mode",
                &[
                    ("upsert", BulkMode::Upsert),
                    ("insert", BulkMode::Insert),
                    ("replace", BulkMode::Replace),
                    ("replace_tags", BulkMode::ReplaceTags),
                    ("delete", BulkMode::Delete),
                ],
            )?
            .unwrap_or_default();
        let on_error = params
            .take_word(
                "on_error",
                &[("fail", OnError::Fail), ("skip", OnError::Skip)],
            )?
            .unwrap_or_default();
        let tags = params.take_names("tags")?;
        let durable = durability(&mut params)?;
        let media = body::media_type(headers)?;
        let form = form(media.as_deref(), &mut params)?;
        params.finish()?;
        let encoding = body::encoding(headers)?;
        let idempotency_key = idempotency_key(headers)?;
        let target = table_schema(&state.handle.engine().snapshot(), table)
            .and_then(|schema| Target::new(schema, mode, tags.as_deref()))
            .map(Arc::new);
        if let (Err(error), None) = (&target, &idempotency_key) {
            return Err(error.clone());
        }
        Ok(Self {
            upload: Upload {
                target,
                form,
                on_error,
                row_bytes_max: usize::try_from(state.config.row_bytes_max).unwrap_or(usize::MAX),
                durable,
                idempotency_key,
                cancel: CancelFlag::default(),
                salt: format!("rows\0{table}\0{query}\0{}", media.unwrap_or_default()),
            },
            encoding,
        })
    }
}

fn form(media: Option<&str>, params: &mut Params) -> ApiResult<Form> {
    match media {
        Some(media::NDJSON | "application/ndjson" | "application/jsonl") => Ok(Form::NdJson),
        Some(media::CSV) => {
            let delimiter = delimiter(params)?;
            let words = [("null", EmptyCell::Null), ("keep", EmptyCell::Keep)];
            let empty = params.take_word("empty", &words)?.unwrap_or_default();
            Ok(Form::Csv(CsvForm { delimiter, empty }))
        }
        Some(media::ARROW) => Ok(Form::Arrow),
        Some(media::PARQUET) => Ok(Form::Parquet),
        other => Err(body::wrong_type(
            other,
            "application/x-ndjson, text/csv, application/vnd.apache.parquet or \
             application/vnd.apache.arrow.stream",
        )),
    }
}

/// `&delimiter=`, a comma if absent.
pub(super) fn delimiter(params: &mut Params) -> ApiResult<u8> {
    let Some(text) = params.take("delimiter") else {
        return Ok(b',');
    };
    match text.as_bytes() {
        [byte @ (b',' | b';' | b'\t' | b'|' | b':' | b'^' | b'~')] => Ok(*byte),
        _ => Err(ApiError::bad_parameter(
            "query parameter \"delimiter\" is one of , ; | : ^ ~ and the tabulator (%09)",
        )),
    }
}

/// A piece of a body, its proper end, or why there are no more.
type Piece = Result<Option<Bytes>, ApiError>;

/// Hands a body to the parser, waiting for it where it is slower.
async fn pump(body: &mut Body, pieces: mpsc::Sender<Piece>, timeout: Duration) {
    let mut pace = Pace::default();
    loop {
        let piece = pace.next_piece(body, timeout).await;
        let last = !matches!(piece, Ok(Some(_)));
        // A parser that has ended needs no more.
        if pieces.send(piece).await.is_err() || last {
            return;
        }
    }
}

/// Reads on for a while beside the answer: closing a connection with unread bytes resets it, and a
/// client that writes all before it reads would not see the answer.
async fn drain(mut body: Body) {
    let reading =
        async { while let Ok(Some(_)) = body::next_piece(&mut body, DRAIN_TIME).await {} };
    // Whether it came to the end makes no difference.
    let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
}

/// The parser's end of the body.
struct Pieces {
    source: mpsc::Receiver<Piece>,
    piece: Bytes,
    ended: bool,
}

impl Pieces {
    fn new(source: mpsc::Receiver<Piece>) -> Self {
        Self {
            source,
            piece: Bytes::new(),
            ended: false,
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.source.blocking_recv() {
                Some(Ok(Some(piece))) => self.piece = piece,
                Some(Ok(None)) => self.ended = true,
                Some(Err(error)) => return Err(io::Error::other(error)),
                // The request is gone: an end that was not said to be one.
                None => {
                    let error = ApiError::bad_parameter("the request's body was cut short");
                    return Err(io::Error::other(error));
                }
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
