//! What an audience is like, and which values set it apart.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Map, Value as Json};
use tagdb_query::analysis::{
    Bucket, Compared, Conditions, Content, Params, Question, SignificantValue, Summary,
    TagPortrait, Test, What,
};
use tagdb_query::{DataType, Param, Value};
use tagdb_wire::{
    BucketShare, PortraitRequest, PortraitResponse, Share, SignificanceTest, SignificantRequest,
    SignificantResponse, ValueShare,
};

use super::{Asked, answer, json, params, value_json};
use crate::http::error::{ApiError, ApiResult};
use crate::http::params::NoParams;
use crate::http::routes::{Path, json_body};
use crate::http::state::AppState;

/// Values that are listed if a request does not say.
const TOP: u64 = 20;
/// Subjects that must have a significant value if a request does not say.
const MIN_SUPPORT: u64 = 3;

/// `POST /v1/tables/{table}/portrait`
pub(super) async fn portrait(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let wanted: PortraitRequest = json_body(&state, request).await?;
    let asked = Asked {
        headers,
        table,
        timeout_ms: wanted.timeout_ms,
        time_zone: wanted.time_zone,
    };
    let question = Question {
        conditions: conditions(wanted.condition, wanted.against, wanted.params)?,
        tags: wanted.tags,
        buckets: buckets(wanted.buckets)?,
    };
    let top = top(wanted.top);
    answer(&state, asked, move |analysis| {
        let portrait = analysis.portrait(&question, top)?;
        let tags = portrait.tags.into_iter().map(tag_portrait);
        json(&PortraitResponse {
            audience: portrait.audience,
            base: portrait.base,
            test: test(portrait.test),
            tags: tags.collect::<ApiResult<_>>()?,
        })
    })
    .await
}

/// `POST /v1/tables/{table}/significant`
pub(super) async fn significant(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
    request: Request,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let wanted: SignificantRequest = json_body(&state, request).await?;
    let asked = Asked {
        headers,
        table,
        timeout_ms: wanted.timeout_ms,
        time_zone: wanted.time_zone,
    };
    let question = Question {
        conditions: conditions(wanted.condition, wanted.against, wanted.params)?,
        tags: wanted.tags,
        buckets: buckets(wanted.buckets)?,
    };
    let top = top(wanted.top);
    let min_support = wanted.min_support.unwrap_or(MIN_SUPPORT);
    answer(&state, asked, move |analysis| {
        let found = analysis.significant(&question, min_support, top)?;
        let values = found.values.into_iter().map(significant_value);
        json(&SignificantResponse {
            audience: found.audience,
            base: found.base,
            test: test(found.test),
            values: values.collect::<ApiResult<_>>()?,
            more: found.more,
        })
    })
    .await
}

fn conditions(text: String, against: Option<String>, values: Vec<Json>) -> ApiResult<Conditions> {
    let mut texts = vec![("where".to_owned(), text)];
    texts.extend(against.map(|against| ("against".to_owned(), against)));
    Ok(Conditions {
        texts,
        params: Params::Shared(params(values)?),
    })
}

fn buckets(buckets: Map<String, Json>) -> ApiResult<Vec<(String, Vec<Param>)>> {
    let list = |(tag, bounds): (String, Json)| match bounds {
        Json::Array(bounds) => Ok((tag, params(bounds)?)),
        _ => Err(ApiError::bad_parameter(format!(
            "\"buckets\" of \"{tag}\" is an array of values"
        ))),
    };
    buckets.into_iter().map(list).collect()
}

fn top(top: Option<u64>) -> usize {
    usize::try_from(top.unwrap_or(TOP)).unwrap_or(usize::MAX)
}

const fn test(test: Test) -> SignificanceTest {
    match test {
        Test::Hypergeometric => SignificanceTest::Hypergeometric,
        Test::TwoProportion => SignificanceTest::TwoProportion,
    }
}

fn tag_portrait(tag: TagPortrait) -> ApiResult<tagdb_wire::TagPortrait> {
    let kind = tag.kind;
    // Members and keys are strings.
    let value_kind = match kind {
        DataType::Boolean => DataType::Boolean,
        _ => DataType::Keyword,
    };
    let mut answer = tagdb_wire::TagPortrait {
        tag: tag.name,
        kind: kind.to_string(),
        multi: tag.multi,
        known: tag.known.audience,
        coverage: tag.coverage,
        base_known: tag.known.base,
        base_coverage: tag.base_coverage,
        ..tagdb_wire::TagPortrait::default()
    };
    match tag.content {
        Content::Values { values, more } => {
            let values = values.into_iter().map(|(value, compared)| {
                Ok(ValueShare {
                    value: value_json(&value, value_kind)?,
                    share: share(compared),
                })
            });
            answer.values = Some(values.collect::<ApiResult<_>>()?);
            answer.more = Some(more);
        }
        Content::Numbers { summary, buckets } => {
            let buckets = buckets
                .into_iter()
                .map(|bucket| bucket_share(&bucket, kind));
            answer.buckets = Some(buckets.collect::<ApiResult<_>>()?);
            answer.summary = summary
                .map(|summary| summary_json(&summary, kind))
                .transpose()?;
        }
    }
    Ok(answer)
}

fn summary_json(summary: &Summary, kind: DataType) -> ApiResult<tagdb_wire::Summary> {
    Ok(tagdb_wire::Summary {
        min: value_json(&summary.min, kind)?,
        max: value_json(&summary.max, kind)?,
        mean: value_json(&summary.mean, summary.kind)?,
        median: value_json(&summary.median, summary.kind)?,
    })
}

fn bucket_share(bucket: &Bucket, kind: DataType) -> ApiResult<BucketShare> {
    let bound = |bound: &Option<Value>| match bound {
        Some(bound) => value_json(bound, kind),
        None => Ok(Json::Null),
    };
    Ok(BucketShare {
        from: bound(&bucket.from)?,
        to: bound(&bucket.to)?,
        share: share(bucket.compared),
    })
}

const fn share(compared: Compared) -> Share {
    Share {
        count: compared.count,
        share: compared.share,
        base_count: compared.base_count,
        base_share: compared.base_share,
        tgi: compared.tgi,
        z: compared.z,
    }
}

fn significant_value(found: SignificantValue) -> ApiResult<tagdb_wire::SignificantValue> {
    let json = |value: &Value| value_json(value, found.kind);
    let bound = |bound: Option<Value>| bound.as_ref().map(json).transpose();
    let (value, from, to) = match found.what {
        What::Value(value) => (Some(json(&value)?), None, None),
        What::Bucket(from, to) => (None, bound(from)?, bound(to)?),
    };
    Ok(tagdb_wire::SignificantValue {
        tag: found.tag,
        value,
        from,
        to,
        jlh: found.jlh,
        share: share(found.compared),
    })
}
