//! Tables and what is in them.

use axum::Json;
use axum::extract::State;
use tagdb_query::{Answer, Context, DataType, Database, Value};
use tagdb_storage::engine::TableState;
use tagdb_wire::{KeyInfo, TableInfo, TableList, TableSummary, TagInfo};

use super::Path;
use super::lookup::table_schema;
use crate::engine_handle::{CancelFlag, CancelOnDrop, Lane};
use crate::http::error::{ApiError, ApiResult};
use crate::http::params::NoParams;
use crate::http::state::AppState;

/// `GET /v1/tables`
pub(super) async fn list(State(state): State<AppState>, _: NoParams) -> ApiResult<Json<TableList>> {
    let snapshot = state.handle.engine().snapshot();
    let tables = snapshot
        .catalog()
        .tables()
        .filter_map(|schema| snapshot.table(schema.id))
        .map(summary)
        .collect();
    Ok(Json(TableList { tables }))
}

/// `GET /v1/tables/{table}`
pub(super) async fn describe(
    State(state): State<AppState>,
    Path(table): Path<String>,
    _: NoParams,
) -> ApiResult<Json<TableInfo>> {
    let cancel = CancelOnDrop::default();
    let flag = cancel.flag();
    let time = state.config.statement_timeout;
    let describe = move |database: &Database| info(database, &table, flag);
    state
        .handle
        .run_within(Lane::Statement, time, &cancel.flag(), describe)
        .await
        .map(Json)
}

fn summary(table: &TableState) -> TableSummary {
    let schema = table.schema();
    let partitions = table.partitions();
    TableSummary {
        name: schema.name.to_string(),
        key: KeyInfo {
            name: schema.key_name.to_string(),
            kind: DataType::from(schema.key_type).to_string(),
            comment: schema.key_comment.to_string(),
        },
        subjects: partitions
            .iter()
            .map(|partition| partition.subjects())
            .sum(),
        bytes: partitions
            .iter()
            .map(|partition| partition.file_bytes())
            .sum(),
        partitions: schema.partitions,
    }
}

fn info(database: &Database, name: &str, cancel: CancelFlag) -> ApiResult<TableInfo> {
    let snapshot = database.engine().snapshot();
    let schema = table_schema(&snapshot, name)?;
    let table = snapshot
        .table(schema.id)
        .ok_or_else(|| ApiError::internal("a table of the catalog has no state"))?;
    let summary = summary(table);
    Ok(TableInfo {
        name: summary.name,
        key: summary.key,
        tags: tags(database, name, cancel)?,
        subjects: summary.subjects,
        bytes: summary.bytes,
        partitions: summary.partitions,
    })
}

/// What DESCRIBE tells of the tags; its first row is the key.
fn tags(database: &Database, table: &str, cancel: CancelFlag) -> ApiResult<Vec<TagInfo>> {
    let sql = format!("DESCRIBE \"{}\"", table.replace('"', "\"\""));
    let context = Context {
        cancel,
        ..Context::default()
    };
    let mut tags = Vec::new();
    for statement in database.parse(&sql)? {
        let Answer::Rows(mut rows) = database.run(&statement, &context)? else {
            return Err(ApiError::internal("DESCRIBE has no rows"));
        };
        while let Some(batch) = rows.next()? {
            tags.extend(batch.iter().map(|row| tag(row)));
        }
    }
    tags.drain(..1.min(tags.len()));
    Ok(tags)
}

fn tag(row: &[Value]) -> TagInfo {
    let text = |place: usize| match row.get(place) {
        Some(Value::Text(text)) => text.to_string(),
        _ => String::new(),
    };
    let number = |place: usize| match row.get(place) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    TagInfo {
        name: text(0),
        kind: text(1),
        comment: text(2),
        known: number(3).unwrap_or(0),
        distinct: number(4),
        bytes: number(5).unwrap_or(0),
    }
}
