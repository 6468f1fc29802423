//! A bulk write from its first byte to its receipt.

mod columns;
mod memory;

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tagdb_query::{Database, Reserved};
use tagdb_storage::batch::{Change, KeyRef, Keys, RowBatch, RowMode, WriteSet};
use tagdb_storage::engine::{DbState, Engine, Idempotency, Loader, Receipt, WriteOptions};
use tagdb_wire::{BulkMode, BulkResponse, OnError};
use xxhash_rust::xxh3::Xxh3;

use super::batch::BatchBuilder;
use super::report::{ERRORS_MAX, Report};
use super::rows::{CsvForm, CsvRows, NdJsonRows, Rows, Step};
use super::target::Target;
use crate::engine_handle::CancelFlag;
use crate::http::{ApiError, ApiResult};

/// Uploads below this are one write; larger ones are loaded as segments.
const LOAD_ROWS_MIN: u32 = 50_000;
/// Bytes of keys of a delete, which is always one write.
const DELETE_BYTES_MAX: usize = 256 << 20;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 << 10;
/// Rows read between two looks at the memory that they take.
const ROWS_UNCHECKED: u64 = 1_024;
/// Bytes of text read between two such looks.
const TEXT_UNCHECKED: usize = 1 << 20;
/// Bytes of the detail that the engine keeps with a named write.
const DETAIL_BYTES_MAX: usize = 60 << 10;

/// How an upload is written.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// CSV text with a header.
    Csv(CsvForm),
    /// Lines of JSON.
    NdJson,
    /// An Arrow stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

/// A bulk write that is to be done.
#[derive(Debug)]
pub struct Upload {
    /// Where to; or why nowhere, which does not matter to a repeat: it is answered as the first was,
    /// whatever has become of the table.
    pub target: ApiResult<Arc<Target>>,
    /// How it is written.
    pub form: Form,
    /// What a bad row does.
    pub on_error: OnError,
    /// Bytes of one row.
    pub row_bytes_max: usize,
    /// Whether to wait for the disk.
    pub durable: bool,
    /// The write's name.
    pub idempotency_key: Option<String>,
    /// What the fingerprint begins with: the request without its body.
    pub salt: String,
    /// Set when nobody waits for the answer any more.
    pub cancel: CancelFlag,
}

/// What became of a bulk write.
#[derive(Debug)]
pub struct Uploaded {
    /// The answer.
    pub response: BulkResponse,
    /// Whether it is the answer of an earlier write of the same name.
    pub replayed: bool,
}

impl Upload {
    fn options(&self, fingerprint: u128, detail: Vec<u8>) -> WriteOptions {
        let idempotency = self.idempotency_key.as_ref().map(|key| Idempotency {
            key: key.clone(),
            fingerprint,
            detail,
        });
        WriteOptions {
            durable: self.durable,
            idempotency,
        }
    }
}

/// Reads all rows and writes them.
///
/// # Errors
/// `bad_rows` when rows are bad and are not to be passed over, and what reading and writing return:
/// nothing is written then.
pub fn run(database: &Database, upload: &Upload, source: impl Read + Send) -> ApiResult<Uploaded> {
    let mut source = BufReader::with_capacity(BUFFER_BYTES, Fingerprint::new(source, &upload.salt));
    let engine = database.engine();
    let key = upload.idempotency_key.as_deref();
    let known = key.map(|key| engine.recorded(key)).transpose()?;
    if known.flatten().is_some() {
        return repeat(engine, upload, source);
    }
    let target = upload.target.clone()?;
    let mut held = Reserved::new(Arc::clone(database.memory()));
    held.set_to(memory::UPLOAD_BYTES)?;
    let mut reading = Reading {
        upload,
        engine,
        sink: Sink::new(&target),
        target: Arc::clone(&target),
        report: Report::default(),
        rows: 0,
        held,
        sink_bytes: 0,
        read_bytes: 0,
    };
    let row_bytes_max = upload.row_bytes_max;
    match upload.form {
        Form::Csv(form) => {
            skip_byte_order_mark(&mut source)?;
            let rows = CsvRows::new(&mut source, form, row_bytes_max, target)?;
            reading.read(Rows::Csv(rows))?;
        }
        Form::NdJson => {
            skip_byte_order_mark(&mut source)?;
            let rows = NdJsonRows::new(&mut source, row_bytes_max, target);
            reading.read(Rows::NdJson(rows))?;
        }
        Form::Arrow => reading.read_arrow(&mut source)?,
        Form::Parquet => reading.read_parquet(&mut source)?,
    }
    let fingerprint = read_to_end(source)?;
    reading.finish(fingerprint)
}

/// Answers an upload that was made before as it was then, if it is the same.
fn repeat(
    engine: &Engine,
    upload: &Upload,
    source: BufReader<Fingerprint<impl Read>>,
) -> ApiResult<Uploaded> {
    let options = upload.options(read_to_end(source)?, Vec::new());
    match engine.repeat_of(&options)? {
        Some(receipt) => Ok(Uploaded::replayed(receipt)),
        // The name was known when the upload began, and has run out since.
        None => Err(ApiError::new(
            "overloaded",
            "the idempotency key ran out meanwhile; send the upload again",
        )),
    }
}

/// Reads what no row needed, and gives the fingerprint of everything.
fn read_to_end(mut source: BufReader<Fingerprint<impl Read>>) -> io::Result<u128> {
    io::copy(&mut source, &mut io::sink())?;
    Ok(source.get_ref().hash.digest128())
}

/// A byte-order mark says nothing about UTF-8 text.
fn skip_byte_order_mark(source: &mut impl BufRead) -> io::Result<()> {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    if source.fill_buf()?.starts_with(MARK) {
        source.consume(MARK.len());
    }
    Ok(())
}

/// Hashes what is read, and fills whole buffers.
struct Fingerprint<R> {
    inner: R,
    hash: Xxh3,
}

impl<R: Read> Fingerprint<R> {
    fn new(inner: R, salt: &str) -> Self {
        let mut hash = Xxh3::new();
        hash.update(salt.as_bytes());
        hash.update(&[0]);
        Self { inner, hash }
    }
}

impl<R: Read> Read for Fingerprint<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.hash.update(&buffer[..filled]);
        Ok(filled)
    }
}

/// Where batches go.
enum Sink {
    /// Few rows yet: one write.
    Write(Option<RowBatch>),
    /// Segments.
    Load(Box<Loader>),
    /// Keys to delete: one write.
    Delete(Keys),
}

impl Sink {
    fn new(target: &Target) -> Self {
        match target.mode {
            BulkMode::Delete => Self::Delete(Keys::new(target.schema.key_type)),
            BulkMode::Upsert | BulkMode::Insert | BulkMode::Replace | BulkMode::ReplaceTags => {
                Self::Write(None)
            }
        }
    }
}

/// An upload under way.
struct Reading<'a> {
    upload: &'a Upload,
    target: Arc<Target>,
    engine: &'a Arc<Engine>,
    sink: Sink,
    report: Report,
    rows: u64,
    held: Reserved,
    /// Bytes of memory that the sink holds.
    sink_bytes: usize,
    /// Bytes of memory that a file of columns takes while it is read, beside its rows.
    read_bytes: usize,
}

impl Reading<'_> {
    fn read(&mut self, mut rows: Rows<impl BufRead>) -> ApiResult<()> {
        let mut batch = BatchBuilder::new(Arc::clone(&self.target));
        let mut text_checked = 0;
        loop {
            match rows.step(&mut batch)? {
                Step::End => break,
                Step::Row => self.rows += 1,
                Step::Bad(fault) => {
                    self.rows += 1;
                    self.report.add(self.rows, fault);
                    if self.report.rejected >= ERRORS_MAX as u64 {
                        self.check_report()?;
                    }
                }
            }
            if self.rows.is_multiple_of(ROWS_UNCHECKED)
                || batch.text_bytes() - text_checked >= TEXT_UNCHECKED
            {
                text_checked = batch.text_bytes();
                self.hold(batch.bytes())?;
            }
            let first_is_due = batch.rows() >= LOAD_ROWS_MIN && matches!(self.sink, Sink::Write(_));
            if batch.is_full() || first_is_due {
                self.check_cancelled()?;
                self.check_report()?;
                self.begin_load()?;
                text_checked = 0;
                self.push_held(batch.take())?;
            }
        }
        self.check_report()?;
        if batch.rows() > 0 {
            self.push_held(batch.take())?;
        }
        Ok(())
    }

    /// A few bytes can stand for millions of rows, so the body's end is not the end of the work.
    fn check_cancelled(&self) -> ApiResult<()> {
        if self.upload.cancel.load(Ordering::Relaxed) {
            return Err(ApiError::bad_parameter("the client went away"));
        }
        Ok(())
    }

    fn check_report(&mut self) -> ApiResult<()> {
        if self.upload.on_error == OnError::Skip || self.report.rejected == 0 {
            return Ok(());
        }
        let report = std::mem::take(&mut self.report);
        let detail = match report.errors.first() {
            Some(first) => format!("nothing was written; row {}: {}", first.row, first.detail),
            None => "nothing was written".to_owned(),
        };
        Err(ApiError::new("bad_rows", detail).rows(report.rejected, report.errors))
    }

    /// From here on rows are loaded: there are too many of them for one write.
    fn begin_load(&mut self) -> ApiResult<()> {
        if matches!(self.sink, Sink::Write(_)) {
            self.sink = Sink::Load(Box::new(self.loader()?));
        }
        Ok(())
    }

    fn loader(&self) -> ApiResult<Loader> {
        let target = &self.target;
        let table = target.schema.id;
        let loader = match row_mode(target.mode) {
            Some(mode) => self.engine.loader(table, mode)?,
            None => self.engine.tag_loader(table, &target.replaced)?,
        };
        Ok(loader)
    }

    fn push(&mut self, batch: RowBatch) -> ApiResult<()> {
        match &mut self.sink {
            Sink::Write(first) => *first = Some(batch),
            Sink::Load(loader) => loader.push(&batch)?,
            Sink::Delete(keys) => {
                for row in 0..batch.keys.len() {
                    keys.push(batch.keys.get(row));
                }
                let bytes = keys.bytes();
                if bytes > DELETE_BYTES_MAX {
                    return Err(ApiError::new(
                        "limit_exceeded",
                        "too many keys for one delete; send them in several",
                    )
                    .limit(
                        "delete_bytes",
                        bytes as u64,
                        DELETE_BYTES_MAX as u64,
                    ));
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, fingerprint: u128) -> ApiResult<Uploaded> {
        self.check_cancelled()?;
        self.hold_to_write()?;
        let options = self.upload.options(fingerprint, self.detail());
        let schema = &self.target.schema;
        let receipt = match self.sink {
            Sink::Load(loader) => loader.finish(&options)?,
            Sink::Write(batch) => match row_mode(self.target.mode) {
                Some(mode) => {
                    let change = batch.map(|rows| Change::Rows { mode, rows });
                    write_change(self.engine, &options, schema, change)?
                }
                None => {
                    let mut loader = self.engine.tag_loader(schema.id, &self.target.replaced)?;
                    if let Some(batch) = batch {
                        loader.push(&batch)?;
                    }
                    loader.finish(&options)?
                }
            },
            Sink::Delete(keys) => {
                let change = (!keys.is_empty()).then_some(Change::DeleteKeys(keys));
                write_change(self.engine, &options, schema, change)?
            }
        };
        if receipt.replayed {
            return Ok(Uploaded::replayed(receipt));
        }
        let response = BulkResponse {
            rows: self.rows,
            rejected: self.report.rejected,
            errors: self.report.errors,
            rejected_rows: self.report.numbers,
            ..BulkResponse::default()
        };
        Ok(Uploaded::of(response, receipt))
    }

    /// What a repeat answers beyond the engine's own figures: of bad rows as many as there is room
    /// for.
    fn detail(&self) -> Vec<u8> {
        let mut kept = BulkResponse {
            rows: self.rows,
            rejected: self.report.rejected,
            errors: self.report.errors.clone(),
            rejected_rows: self.report.numbers.clone(),
            ..BulkResponse::default()
        };
        loop {
            let detail = serde_json::to_vec(&kept).unwrap_or_default();
            if detail.len() <= DETAIL_BYTES_MAX {
                return detail;
            }
            let (errors, numbers) = (kept.errors.len(), kept.rejected_rows.len());
            kept.rejected_rows.truncate(numbers / 2);
            if numbers <= errors {
                kept.errors.truncate(errors / 2);
            }
        }
    }
}

impl Uploaded {
    fn of(mut response: BulkResponse, receipt: Receipt) -> Self {
        response.created = receipt.outcome.created;
        response.duplicates = receipt.outcome.duplicates;
        response.durable = receipt.durable;
        response.token = receipt.token;
        Self {
            response,
            replayed: receipt.replayed,
        }
    }

    fn replayed(receipt: Receipt) -> Self {
        let kept = serde_json::from_slice(&receipt.detail).unwrap_or_default();
        Self::of(kept, receipt)
    }
}

/// The engine's mode of rows; none for `replace_tags` and `delete`.
const fn row_mode(mode: BulkMode) -> Option<RowMode> {
    match mode {
        BulkMode::Upsert => Some(RowMode::Upsert),
        BulkMode::Insert => Some(RowMode::Insert),
        BulkMode::Replace => Some(RowMode::Replace),
        BulkMode::ReplaceTags | BulkMode::Delete => None,
    }
}

/// Writes one change of a table, or nothing, which still gives a receipt.
///
/// # Errors
/// What the engine returns.
pub fn write_change(
    engine: &Engine,
    options: &WriteOptions,
    schema: &tagdb_storage::schema::TableSchema,
    change: Option<Change>,
) -> ApiResult<Receipt> {
    let table = schema.id;
    engine.write(options, |_: &DbState| {
        Ok(WriteSet {
            changes: change.into_iter().map(|change| (table, change)).collect(),
            ..WriteSet::default()
        })
    })
}

/// One key, as a batch of keys.
#[must_use]
pub fn single_key(schema: &tagdb_storage::schema::TableSchema, key: KeyRef<'_>) -> Keys {
    let mut keys = Keys::new(schema.key_type);
    keys.push(key);
    keys
}
