//! Questions about audiences, one file each: what is asked becomes a call of the engine, and its
//! answer the contract's JSON.

mod matching;
mod overlap;
mod portrait;
mod tree;

use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use serde::Serialize;
use serde_json::Value as Json;
use tagdb_query::analysis::{Analysis, Conditions, Params};
use tagdb_query::{Context, DataType, Param, Value};
use tagdb_wire::{BigIntForm, Named, NamedParams};

use super::lookup::table_schema;
use super::sql::time;
use super::{Route, mark_written, route};
use crate::engine_handle::{CancelOnDrop, Lane};
use crate::http::convert::{param, write_json};
use crate::http::error::{ApiError, ApiResult};
use crate::http::held::Held;
use crate::http::read::catch_up;
use crate::http::state::AppState;
use crate::http::statement::time_zone;

/// All of them.
pub(super) fn all() -> Vec<Route> {
    vec![
        route(
            "/v1/tables/{table}/portrait",
            &["post"],
            post(portrait::portrait),
        ),
        route(
            "/v1/tables/{table}/significant",
            &["post"],
            post(portrait::significant),
        ),
        route(
            "/v1/tables/{table}/overlap",
            &["post"],
            post(overlap::overlap),
        ),
        route(
            "/v1/tables/{table}/match",
            &["post"],
            post(matching::matching),
        ),
        route(
            "/v1/tables/{table}/membership",
            &["post"],
            post(tree::membership),
        ),
        route(
            "/v1/tables/{table}/explain-count",
            &["post"],
            post(tree::explain_count),
        ),
    ]
}

/// What every such request may say beside its question.
struct Asked {
    headers: HeaderMap,
    table: String,
    timeout_ms: Option<u64>,
    time_zone: Option<String>,
}

/// Answers with the text that `work` makes of a table at one state, within the limits of a
/// statement.
async fn answer(
    state: &AppState,
    asked: Asked,
    work: impl FnOnce(&Analysis<'_>) -> ApiResult<String> + Send + 'static,
) -> ApiResult<Response> {
    let time = time(state, asked.timeout_ms)?;
    let zone = time_zone(asked.time_zone.as_deref())?;
    let time = catch_up(state, &asked.headers, time).await?;
    let cancel = CancelOnDrop::default();
    let config = &state.config;
    let context = Context {
        time_zone: zone,
        cancel: cancel.flag(),
        memory_bytes_max: usize::try_from(config.statement_memory_max).unwrap_or(usize::MAX),
        ..Context::default()
    };
    let bytes_max = config.result_bytes_max;
    let table = asked.table;
    let run = move |database: &tagdb_query::Database| {
        let snapshot = database.engine().snapshot();
        table_schema(&snapshot, &table)?;
        let analysis = database.analysis(snapshot, &table, &context)?;
        let text = work(&analysis)?;
        let bytes = text.len() as u64;
        if bytes > bytes_max {
            let detail = format!("the answer has more than {bytes_max} bytes; ask for less");
            let error = ApiError::new("result_too_large", detail);
            return Err(error.limit("result_bytes", bytes, bytes_max));
        }
        Ok((
            Held::new(database.memory(), text)?,
            database.engine().token(analysis.lsn()),
        ))
    };
    let (text, token) = state
        .handle
        .run_within(Lane::Statement, time, &cancel.flag(), run)
        .await?;
    drop(cancel);
    let mut response = text.into_response();
    mark_written(&mut response, &token, false);
    Ok(response)
}

fn json(answer: &impl Serialize) -> ApiResult<String> {
    serde_json::to_string(answer)
        .map_err(|error| ApiError::internal(format!("an answer has no JSON: {error}")))
}

/// A value of that type.
fn value_json(value: &Value, kind: DataType) -> ApiResult<Json> {
    let mut text = String::new();
    write_json(value, kind, BigIntForm::Number, &mut text);
    serde_json::from_str(&text)
        .map_err(|error| ApiError::internal(format!("a value has no JSON: {error}")))
}

fn params(params: Vec<Json>) -> ApiResult<Vec<Param>> {
    params.into_iter().map(param).collect()
}

/// Conditions with names of the request's own.
fn conditions(named: Named, values: NamedParams) -> ApiResult<Conditions> {
    let params = match values {
        NamedParams::Shared(values) => Params::Shared(params(values)?),
        NamedParams::Each(lists) => {
            let list = |(name, values): (String, Json)| match values {
                Json::Array(values) => Ok((name, params(values)?)),
                _ => Err(ApiError::bad_parameter(format!(
                    "\"params\" of \"{name}\" is an array of values"
                ))),
            };
            Params::Each(lists.into_iter().map(list).collect::<ApiResult<_>>()?)
        }
    };
    Ok(Conditions {
        texts: named.0,
        params,
    })
}
