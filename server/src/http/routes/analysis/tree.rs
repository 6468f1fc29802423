//! A condition's tree as it is written: why a subject is in the audience, and counts at every part.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value as Json;
use tagdb_query::analysis::{Conditions, NodeCount, Operator, Params, Seen, Verdict};
use tagdb_wire::{
    CountNode, ExplainCountRequest, ExplainCountResponse, MembershipRequest, MembershipResponse,
    NodeOperator, SeenValue, VerdictNode,
};

use super::{Asked, answer, json, params, value_json};
use crate::http::error::ApiResult;
use crate::http::params::NoParams;
use crate::http::routes::lookup::parse_key;
use crate::http::routes::{Path, json_body};
use crate::http::state::AppState;

/// `POST /v1/tables/{table}/membership`
pub(super) async fn membership(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let wanted: MembershipRequest = json_body(&state, request).await?;
    let asked = Asked {
        headers,
        table,
        timeout_ms: wanted.timeout_ms,
        time_zone: wanted.time_zone,
    };
    let condition = condition(wanted.condition, wanted.params)?;
    answer(&state, asked, move |analysis| {
        let key = parse_key(analysis.table(), wanted.key)?;
        let verdict = analysis.membership(&key, &condition)?;
        json(&MembershipResponse {
            member: verdict.value == Some(true),
            tree: verdict_node(verdict)?,
        })
    })
    .await
}

/// `POST /v1/tables/{table}/explain-count`
pub(super) async fn explain_count(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let wanted: ExplainCountRequest = json_body(&state, request).await?;
    let asked = Asked {
        headers,
        table,
        timeout_ms: wanted.timeout_ms,
        time_zone: wanted.time_zone,
    };
    let condition = condition(wanted.condition, wanted.params)?;
    answer(&state, asked, move |analysis| {
        let counts = analysis.explain_count(&condition)?;
        json(&ExplainCountResponse {
            subjects: counts.yes + counts.no + counts.unknown,
            tree: count_node(counts),
        })
    })
    .await
}

/// The one condition of a request.
fn condition(text: String, values: Vec<Json>) -> ApiResult<Conditions> {
    Ok(Conditions {
        texts: vec![("where".to_owned(), text)],
        params: Params::Shared(params(values)?),
    })
}

fn operator(operator: Operator) -> NodeOperator {
    match operator {
        Operator::And => NodeOperator::And,
        Operator::Or => NodeOperator::Or,
        Operator::Not => NodeOperator::Not,
        Operator::Is => NodeOperator::Is,
        Operator::Test => NodeOperator::Test,
    }
}

fn verdict_node(verdict: Verdict) -> ApiResult<VerdictNode> {
    let seen = |seen: Seen| {
        Ok(SeenValue {
            value: value_json(&seen.value, seen.kind)?,
            name: seen.name,
            left_out: seen.left_out as u64,
        })
    };
    let children = verdict.children.into_iter().map(verdict_node);
    Ok(VerdictNode {
        text: verdict.text,
        operator: operator(verdict.operator),
        value: verdict.value,
        seen: verdict
            .seen
            .into_iter()
            .map(seen)
            .collect::<ApiResult<_>>()?,
        children: children.collect::<ApiResult<_>>()?,
    })
}

fn count_node(counts: NodeCount) -> CountNode {
    CountNode {
        text: counts.text,
        operator: operator(counts.operator),
        yes: counts.yes,
        no: counts.no,
        unknown: counts.unknown,
        after: counts.after,
        children: counts.children.into_iter().map(count_node).collect(),
    }
}
