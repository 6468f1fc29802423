//! `/v1/sql`: what is asked, and which format answers it.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tagdb_wire::{BigIntForm, Durability, SqlRequest, media};

use super::bulk::delimiter;
use super::{parse_json, whole_body};
use crate::http::body;
use crate::http::convert::param;
use crate::http::error::{ApiError, ApiResult};
use crate::http::middleware::RequestId;
use crate::http::negotiate::{self, Format};
use crate::http::pages;
use crate::http::params::{Params, idempotency_key};
use crate::http::read::catch_up;
use crate::http::state::AppState;
use crate::http::statement::{self, Job};

/// `POST /v1/sql`
pub(super) async fn post(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    mut params: Params,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let query = request.uri().query().map(str::to_owned);
    let media = body::media_type(&headers)?;
    let (wanted, body) = match media.as_deref() {
        Some(media::JSON) => {
            let body = whole_body(&state, request).await?;
            (parse_json(&body)?, body)
        }
        Some(media::TEXT) => {
            let mut wanted = from_query(&mut params)?;
            let body = whole_body(&state, request).await?;
            let text = str::from_utf8(&body)
                .map_err(|_| ApiError::bad_parameter("the body is not UTF-8 text"))?;
            wanted.sql = Some(text.to_owned());
            // What is JSON elsewhere stands in the query here, and is part of the request as well.
            let query = query.unwrap_or_default();
            (
                wanted,
                Bytes::from([query.as_bytes(), b"\0", &body].concat()),
            )
        }
        other => return Err(body::wrong_type(other, "application/json or text/plain")),
    };
    answer(
        &state,
        id,
        wanted,
        Asked {
            headers,
            params,
            body,
            is_get: false,
        },
    )
    .await
}

/// `GET /v1/sql?sql=...`
pub(super) async fn get(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    mut params: Params,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let mut wanted = from_query(&mut params)?;
    wanted.sql = params.take("sql");
    let body = Bytes::new();
    let asked = Asked {
        headers,
        params,
        body,
        is_get: true,
    };
    match answer(&state, id, wanted, asked).await {
        Err(error) if error.code() == "method_not_allowed" => {
            let mut response = error.into_response();
            let headers = response.headers_mut();
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            Ok(response)
        }
        answered => answered,
    }
}

/// A request beside its JSON.
struct Asked {
    headers: HeaderMap,
    params: Params,
    /// What a repeat under the same idempotency key must send again.
    body: Bytes,
    is_get: bool,
}

/// The fields of a request whose body is not JSON.
fn from_query(params: &mut Params) -> ApiResult<SqlRequest> {
    let number = |params: &mut Params, name: &str| match params.take(name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            ApiError::bad_parameter(format!("query parameter \"{name}\" is not a whole number"))
        }),
    };
    Ok(SqlRequest {
        page_size: number(params, "page_size")?,
        cursor: params.take("cursor"),
        timeout_ms: number(params, "timeout_ms")?,
        time_zone: params.take("time_zone"),
        bigint: params.take_word(
            "bigint",
            &[
                ("number", BigIntForm::Number),
                ("string", BigIntForm::String),
            ],
        )?,
        durability: params.take_word(
            "durability",
            &[("sync", Durability::Sync), ("async", Durability::Async)],
        )?,
        ..SqlRequest::default()
    })
}

async fn answer(
    state: &AppState,
    id: RequestId,
    wanted: SqlRequest,
    mut asked: Asked,
) -> ApiResult<Response> {
    let format = negotiate::format(asked.params.take("format").as_deref(), &asked.headers)?;
    let delimiter = delimiter(&mut asked.params)?;
    asked.params.finish()?;
    let is_paged = wanted.page_size.is_some() || wanted.cursor.is_some();
    if is_paged && format != Format::Json {
        let detail = "pages are answered as application/json; other formats are streamed whole";
        return Err(ApiError::bad_parameter(detail));
    }
    if let Some(cursor) = &wanted.cursor {
        check_alone(&wanted)?;
        let time = time(state, wanted.timeout_ms)?;
        return pages::later(state, cursor, time).await;
    }
    let page_size = wanted.page_size;
    if page_size == Some(0) {
        return Err(ApiError::bad_parameter("\"page_size\" is at least 1"));
    }
    let Some(sql) = wanted.sql else {
        return Err(ApiError::bad_parameter("\"sql\" is missing"));
    };
    let time = time(state, wanted.timeout_ms)?;
    let time = catch_up(state, &asked.headers, time).await?;
    let job = Job {
        sql,
        params: wanted
            .params
            .into_iter()
            .map(param)
            .collect::<ApiResult<_>>()?,
        time_zone: statement::time_zone(wanted.time_zone.as_deref())?,
        time,
        bigint: wanted.bigint.unwrap_or_default(),
        durable: wanted.durability.unwrap_or_default() == Durability::Sync,
        idempotency_key: idempotency_key(&asked.headers)?,
        body: asked.body,
        no_writes: match (asked.is_get, wanted.read_only) {
            (true, _) => Some("method_not_allowed"),
            (false, true) => Some("bad_parameter"),
            (false, false) => None,
        },
        first_write: 0,
    };
    match format {
        Format::Json => match page_size {
            Some(page_size) => pages::first(state, job, page_size).await,
            None => statement::answer_json(state, job).await,
        },
        Format::NdJson | Format::Csv | Format::Arrow | Format::Roaring | Format::Roaring64 => {
            statement::answer_rows(state, job, format, delimiter, id).await
        }
    }
}

/// A cursor continues what was asked before, so that nothing else is to be said.
fn check_alone(wanted: &SqlRequest) -> ApiResult<()> {
    let alone = SqlRequest {
        cursor: wanted.cursor.clone(),
        timeout_ms: wanted.timeout_ms,
        read_only: wanted.read_only,
        ..SqlRequest::default()
    };
    if *wanted != alone {
        let detail = "\"cursor\" stands alone, or beside \"timeout_ms\"";
        return Err(ApiError::bad_parameter(detail));
    }
    Ok(())
}

/// The time that a statement may take.
pub(super) fn time(state: &AppState, timeout_ms: Option<u64>) -> ApiResult<Duration> {
    let longest = state.config.statement_timeout_max;
    let Some(milliseconds) = timeout_ms else {
        return Ok(state.config.statement_timeout.min(longest));
    };
    let time = Duration::from_millis(milliseconds);
    if milliseconds == 0 || time > longest {
        return Err(ApiError::bad_parameter(format!(
            "\"timeout_ms\" is between 1 and {}",
            longest.as_millis()
        )));
    }
    Ok(time)
}
