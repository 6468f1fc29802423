//! Statements on their way through the engine, and their answers as documents or streams.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::tz::TimeZone;
use tagdb_query::{
    Answer, ColumnRows, ColumnValues, Context, DataType, Database, Param, Reserved, RowStream,
    Statement, Value,
};
use tagdb_storage::engine::{Idempotency, Receipt, WriteOptions};
use tagdb_wire::{BigIntForm, Stats, headers};
use xxhash_rust::xxh3::xxh3_128;

use super::error::{ApiError, ApiResult};
use super::held::Held;
use super::middleware::RequestId;
use super::negotiate::Format;
use super::output;
use super::state::AppState;
use super::stream::{Rows, Writer};
use crate::engine_handle::{CancelFlag, CancelOnDrop, Lane};

/// What is to be run.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) sql: String,
    pub(super) params: Vec<Param>,
    pub(super) time_zone: TimeZone,
    pub(super) time: Duration,
    pub(super) bigint: BigIntForm,
    pub(super) durable: bool,
    pub(super) idempotency_key: Option<String>,
    /// The request's body, by which a repeat is known.
    pub(super) body: Bytes,
    /// The code that a statement which writes is refused with, if it is.
    pub(super) no_writes: Option<&'static str>,
    /// The number, from 0, of the first statement that writes: the one that the idempotency key
    /// names.
    pub(super) first_write: usize,
}

/// The zone of that name; UTC if none is given.
pub(super) fn time_zone(name: Option<&str>) -> ApiResult<TimeZone> {
    match name {
        None => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name).map_err(|_| {
            ApiError::bad_parameter(format!(
                "\"{name}\" is not a time zone such as Europe/Berlin"
            ))
        }),
    }
}

/// What one statement did beside its rows.
#[derive(Debug, Default)]
pub(super) struct Effect {
    rows_affected: u64,
    durable: Option<bool>,
    /// The state that was read, or made.
    pub(super) token: String,
    replayed: bool,
}

impl Effect {
    /// Of a read.
    pub(super) fn of_read(token: String) -> Self {
        Self {
            token,
            ..Self::default()
        }
    }

    fn of_write(rows_affected: u64, receipt: Receipt) -> Self {
        Self {
            rows_affected,
            durable: Some(receipt.durable),
            token: receipt.token,
            replayed: receipt.replayed,
        }
    }

    pub(super) fn mark(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if let Ok(token) = HeaderValue::from_str(&self.token) {
            headers.insert(headers::TOKEN, token);
        }
        if self.replayed {
            headers.insert(
                headers::IDEMPOTENCY_REPLAYED,
                HeaderValue::from_static("true"),
            );
        }
    }
}

impl Job {
    /// Its statements.
    ///
    /// # Errors
    /// They cannot be read, or are not what the request may ask for.
    pub(super) fn parse(&mut self, database: &Database) -> ApiResult<Vec<Statement>> {
        let statements = database.parse(&self.sql)?;
        let first_write = statements.iter().position(|one| !one.is_read());
        if let (Some(code), Some(number)) = (self.no_writes, first_write) {
            let detail = format!(
                "only reads are taken here, and statement {} writes",
                number + 1
            );
            return Err(ApiError::new(code, detail));
        }
        self.first_write = first_write.unwrap_or(0);
        if statements.len() > 1 && !self.params.is_empty() {
            return Err(ApiError::bad_parameter(
                "parameters go with one statement, not with several",
            ));
        }
        Ok(statements)
    }

    /// What the statement of that number, from 0, runs with.
    pub(super) fn context(
        &mut self,
        number: usize,
        cancel: CancelFlag,
        memory_bytes_max: usize,
    ) -> Context {
        Context {
            params: std::mem::take(&mut self.params),
            time_zone: self.time_zone.clone(),
            deadline: None,
            cancel,
            write: WriteOptions {
                durable: self.durable,
                idempotency: self.idempotency(number),
            },
            memory_bytes_max,
        }
    }

    /// Each statement is a write of its own: the first has the request's name, and those after it
    /// get names that are made of it.
    fn idempotency(&self, number: usize) -> Option<Idempotency> {
        let key = self.idempotency_key.as_ref()?;
        Some(Idempotency {
            key: if number == self.first_write {
                key.clone()
            } else {
                format!("{:032x}.{number}", xxh3_128(key.as_bytes()))
            },
            fingerprint: xxh3_128(&self.body),
            detail: Vec::new(),
        })
    }
}

/// Answers with one JSON document.
pub(super) async fn answer_json(state: &AppState, mut job: Job) -> ApiResult<Response> {
    let cancel = CancelOnDrop::default();
    let flag = cancel.flag();
    let mut limits = Limits::of(state);
    let time = job.time;
    let run = move |database: &Database| {
        let statements = job.parse(database)?;
        if let [statement] = &*statements {
            return document(database, statement, &mut job, 0, &flag, limits);
        }
        let mut texts: Vec<Held> = Vec::new();
        let mut last = Effect::default();
        for (number, statement) in statements.iter().enumerate() {
            match document(database, statement, &mut job, number, &flag, limits) {
                Ok((text, effect)) => {
                    // The bytes are those of all results together.
                    limits.result.1 = limits.result.1.saturating_sub(text.text().len() as u64);
                    texts.push(text);
                    last = effect;
                }
                Err(error) => return Err(in_statement(error, number, &texts)),
            }
        }
        let texts: Vec<&str> = texts.iter().map(Held::text).collect();
        let all = format!("{{\"results\":[{}]}}", texts.join(","));
        Ok((Held::new(database.memory(), all)?, last))
    };
    let (text, effect) = state
        .handle
        .run_within(Lane::Statement, time, &cancel.flag(), run)
        .await?;
    drop(cancel);
    let mut response = text.into_response();
    effect.mark(&mut response);
    Ok(response)
}

fn in_statement(error: ApiError, number: usize, completed: &[Held]) -> ApiError {
    let completed = completed
        .iter()
        .filter_map(|text| serde_json::from_str(text.text()).ok())
        .collect();
    error.in_statement(u32::try_from(number + 1).unwrap_or(u32::MAX), completed)
}

/// The limits of one statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) memory_bytes_max: usize,
    /// Rows and bytes.
    pub(super) result: (u64, u64),
}

impl Limits {
    pub(super) fn of(state: &AppState) -> Self {
        let config = &state.config;
        Self {
            memory_bytes_max: usize::try_from(config.statement_memory_max).unwrap_or(usize::MAX),
            result: (config.result_rows_max, config.result_bytes_max),
        }
    }
}

/// Runs a statement and writes its whole result.
///
/// # Errors
/// Whatever it fails with; `result_too_large`.
pub(super) fn document(
    database: &Database,
    statement: &Statement,
    job: &mut Job,
    number: usize,
    flag: &CancelFlag,
    limits: Limits,
) -> ApiResult<(Held, Effect)> {
    let mut reserved = Reserved::new(Arc::clone(database.memory()));
    let started = Instant::now();
    let context = job.context(number, Arc::clone(flag), limits.memory_bytes_max);
    let (json, effect) = match database.run(statement, &context)? {
        Answer::Rows(mut rows) => {
            let columns = rows.columns().iter().map(|c| (c.name.as_str(), c.kind));
            let mut json = output::Json::new(columns, job.bigint, limits.result);
            while let Some(batch) = rows.next()? {
                for row in &batch {
                    json.row(row)?;
                }
                reserved.grow_to(json.bytes())?;
            }
            let token = database.engine().token(rows.lsn());
            (json, Effect::of_read(token))
        }
        Answer::Written {
            rows_affected,
            receipt,
        } => {
            let json = output::Json::new(std::iter::empty(), job.bigint, limits.result);
            (json, Effect::of_write(rows_affected, receipt))
        }
    };
    let stats = Stats {
        elapsed_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        token: effect.token.clone(),
    };
    let text = json.finish(effect.rows_affected, effect.durable, None, &stats);
    Ok((Held::grown(reserved, text)?, effect))
}

/// What a streamed answer begins with.
enum Begun {
    Rows(Box<Rows>),
    Written(Effect),
}

/// Answers with a stream of rows.
pub(super) async fn answer_rows(
    state: &AppState,
    mut job: Job,
    format: Format,
    delimiter: u8,
    id: RequestId,
) -> ApiResult<Response> {
    let cancel = CancelOnDrop::default();
    let flag = cancel.flag();
    let limits = Limits::of(state);
    let started = Instant::now();
    let time = job.time;
    let run = move |database: &Database| {
        let statements = job.parse(database)?;
        let [statement] = &*statements else {
            return Err(ApiError::bad_parameter(
                "several statements are answered as application/json only",
            ));
        };
        let context = job.context(0, flag, limits.memory_bytes_max);
        let is_bitmap = matches!(format, Format::Roaring | Format::Roaring64);
        if is_bitmap && !statement.is_read() {
            return Err(no_bitmap());
        }
        match database.run(statement, &context)? {
            Answer::Written {
                rows_affected,
                receipt,
            } => Ok(Begun::Written(Effect::of_write(rows_affected, receipt))),
            Answer::Rows(rows) => {
                let form = Form {
                    format,
                    delimiter,
                    bigint: job.bigint,
                    memory_bytes_max: limits.memory_bytes_max,
                };
                let writer = writer(&rows, form)?;
                let token = database.engine().token(rows.lsn());
                let mut rows = Rows::new(rows, writer, token);
                rows.fill()?;
                Ok(Begun::Rows(Box::new(rows)))
            }
        }
    };
    let begun = state
        .handle
        .run_within(Lane::Statement, time, &cancel.flag(), run)
        .await?;
    let (body, effect) = match begun {
        Begun::Written(effect) => (Body::from(counted(format, effect.rows_affected)?), effect),
        Begun::Rows(rows) => {
            let effect = Effect::of_read(rows.token().to_owned());
            let left = time.saturating_sub(started.elapsed());
            (rows.into_body(state.clone(), cancel, left, id), effect)
        }
    };
    let content_type = HeaderValue::from_static(format.content_type());
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    effect.mark(&mut response);
    Ok(response)
}

/// How rows are to be written.
#[derive(Clone, Copy)]
struct Form {
    format: Format,
    delimiter: u8,
    bigint: BigIntForm,
    memory_bytes_max: usize,
}

fn writer(rows: &RowStream, form: Form) -> ApiResult<Writer> {
    let columns = rows.columns();
    for (index, column) in columns.iter().enumerate() {
        if columns[..index]
            .iter()
            .any(|other| other.name == column.name)
        {
            let detail = format!(
                "two columns of the result are called \"{}\"; give one of them an alias",
                column.name
            );
            return Err(ApiError::new("duplicate_column", detail));
        }
    }
    let named = columns.iter().map(|c| (c.name.as_str(), c.kind));
    Ok(match form.format {
        Format::Csv => Writer::Csv(output::Csv::new(form.delimiter)),
        Format::Json | Format::NdJson => Writer::NdJson(output::NdJson::new(named, form.bigint)),
        Format::Arrow => Writer::Arrow(Box::new(output::Arrow::new(named)?)),
        Format::Roaring | Format::Roaring64 => match columns {
            [column] if column.kind == DataType::BigInt => Writer::Roaring(output::Roaring::new(
                form.format == Format::Roaring64,
                form.memory_bytes_max,
            )),
            _ => return Err(no_bitmap()),
        },
    })
}

fn no_bitmap() -> ApiError {
    ApiError::unsupported("a bitmap of anything but one BIGINT column, such as a BIGINT key,")
}

/// What a write answers in a format of rows: one row with its count.
fn counted(format: Format, rows_affected: u64) -> ApiResult<Bytes> {
    const NAME: &str = "rows_affected";
    Ok(match format {
        Format::Csv => Bytes::from(format!("{NAME}\n{rows_affected}\n")),
        Format::Json | Format::NdJson => Bytes::from(format!("{{\"{NAME}\":{rows_affected}}}\n")),
        Format::Arrow => {
            let mut arrow = output::Arrow::new([(NAME, DataType::BigInt)].into_iter())?;
            let count = i64::try_from(rows_affected).unwrap_or(i64::MAX);
            arrow.rows(ColumnRows {
                len: 1,
                columns: vec![ColumnValues::Values(vec![Value::Int(count)])],
            })?;
            arrow.finish()?;
            Bytes::from(std::mem::take(arrow.written()))
        }
        Format::Roaring | Format::Roaring64 => return Err(no_bitmap()),
    })
}
