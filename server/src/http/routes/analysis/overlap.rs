//! How audiences overlap.

use axum::extract::{Request, State};
use axum::response::Response;
use tagdb_query::analysis::{Cell, Overlap, Pair};
use tagdb_wire::{OverlapAudience, OverlapCell, OverlapPair, OverlapRequest, OverlapResponse};

use super::{Asked, answer, conditions, json};
use crate::http::error::ApiResult;
use crate::http::params::NoParams;
use crate::http::routes::{Path, json_body};
use crate::http::state::AppState;

/// `POST /v1/tables/{table}/overlap`
pub(super) async fn overlap(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let wanted: OverlapRequest = json_body(&state, request).await?;
    let asked = Asked {
        headers,
        table,
        timeout_ms: wanted.timeout_ms,
        time_zone: wanted.time_zone,
    };
    let conditions = conditions(wanted.audiences, wanted.params)?;
    answer(&state, asked, move |analysis| {
        json(&response(analysis.overlap(&conditions)?))
    })
    .await
}

fn response(overlap: Overlap) -> OverlapResponse {
    let name = |place: usize| {
        let audience = overlap.audiences.get(place);
        audience.map_or_else(String::new, |audience| audience.name.clone())
    };
    let pair = |pair: &Pair| OverlapPair {
        a: name(pair.places.0),
        b: name(pair.places.1),
        both: pair.both,
        jaccard: pair.jaccard,
        share_of_a: pair.of_first,
        share_of_b: pair.of_second,
    };
    let cell = |cell: &Cell| OverlapCell {
        audiences: cell.places.iter().copied().map(name).collect(),
        count: cell.count,
    };
    let pairs = overlap.pairs.iter().map(pair).collect();
    let cells = overlap.cells.as_ref();
    let cells = cells.map(|cells| cells.iter().map(cell).collect());
    let audiences = overlap.audiences.into_iter();
    let audiences = audiences.map(|audience| OverlapAudience {
        name: audience.name,
        size: audience.size,
    });
    OverlapResponse {
        subjects: overlap.subjects,
        union: overlap.union,
        audiences: audiences.collect(),
        pairs,
        cells,
    }
}
