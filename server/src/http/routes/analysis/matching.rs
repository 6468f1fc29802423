//! Many subjects against many conditions.

use axum::extract::{Request, State};
use axum::response::Response;
use tagdb_query::analysis::Verdicts;
use tagdb_query::literal::write_json_string;
use tagdb_storage::schema::Key;
use tagdb_wire::MatchRequest;

use super::{Asked, answer, conditions};
use crate::http::error::{ApiError, ApiResult};
use crate::http::params::NoParams;
use crate::http::routes::lookup::parse_key;
use crate::http::routes::{Path, json_body};
use crate::http::state::AppState;

/// `POST /v1/tables/{table}/match`
pub(super) async fn matching(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let wanted: MatchRequest = json_body(&state, request).await?;
    let keys_max = state.config.limits.keys_max;
    if wanted.keys.len() > keys_max {
        let detail = format!("at most {keys_max} keys are matched at a time");
        let (keys, max) = (wanted.keys.len() as u64, keys_max as u64);
        return Err(ApiError::new("limit_exceeded", detail).limit("keys", keys, max));
    }
    let asked = Asked {
        headers,
        table,
        timeout_ms: wanted.timeout_ms,
        time_zone: wanted.time_zone,
    };
    let conditions = conditions(wanted.conditions, wanted.params)?;
    answer(&state, asked, move |analysis| {
        let keys = wanted.keys.into_iter();
        let keys = keys.map(|key| parse_key(analysis.table(), key));
        let keys = keys.collect::<ApiResult<Vec<_>>>()?;
        let keys: Vec<_> = keys.iter().map(Key::as_ref).collect();
        let results = analysis.matches(&keys, &conditions)?;
        let names = conditions.texts.iter().map(|(name, _)| name.as_str());
        Ok(text(&results, &names.collect::<Vec<_>>()))
    })
    .await
}

fn text(results: &[Option<Verdicts>], names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let mut out = String::from("{\"results\":[");
    for (index, verdicts) in results.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let Some(verdicts) = verdicts else {
            out.push_str("null");
            continue;
        };
        out.push('{');
        for (place, (name, verdict)) in names.iter().zip(verdicts).enumerate() {
            if place > 0 {
                out.push(',');
            }
            out.push_str(name);
            out.push_str(match verdict {
                Some(true) => ":true",
                Some(false) => ":false",
                None => ":null",
            });
        }
        out.push('}');
    }
    out.push_str("]}");
    out
}

fn quoted(name: &str) -> String {
    let mut out = String::new();
    write_json_string(name, &mut out);
    out
}
