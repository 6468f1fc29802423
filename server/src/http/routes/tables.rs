//! Tables and what is in them.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use tagdb_query::DataType;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::TableState;
use tagdb_storage::ids::chunk_count;
use tagdb_storage::schema::Tag;
use tagdb_wire::{KeyInfo, TableInfo, TableList, TableSummary, TagInfo};

use super::Path;
use super::lookup::table_schema;
use crate::engine_handle::Lane;
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
    state
        .handle
        .run(Lane::Statement, move |database| {
            let snapshot = database.engine().snapshot();
            let schema = table_schema(&snapshot, &table)?;
            let table = snapshot
                .table(schema.id)
                .ok_or_else(|| ApiError::internal("a table of the catalog has no state"))?;
            info(table)
        })
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

fn info(table: &TableState) -> ApiResult<TableInfo> {
    let TableSummary {
        name,
        key,
        subjects,
        bytes,
        partitions,
    } = summary(table);
    let tags = table.schema().tags.iter();
    Ok(TableInfo {
        name,
        key,
        tags: tags
            .map(|tag| tag_info(table, tag))
            .collect::<ApiResult<_>>()?,
        subjects,
        bytes,
        partitions,
    })
}

fn tag_info(table: &TableState, tag: &Tag) -> ApiResult<TagInfo> {
    let mut known = 0;
    let mut bytes = 0;
    let (mut chunk_known, mut alive) = (Chunk::default(), Chunk::default());
    for partition in table.partitions() {
        bytes += partition.tag_bytes(tag.id);
        for chunk in 0..chunk_count(partition.next_ordinal()) {
            let chunk = u16::try_from(chunk).unwrap_or(u16::MAX);
            partition.known(tag.id, tag.kind.family(), chunk, &mut chunk_known)?;
            partition.alive(chunk, &mut alive);
            known += u64::from(Chunk::count_and(&chunk_known, &alive));
        }
    }
    Ok(TagInfo {
        name: tag.name.to_string(),
        kind: DataType::from(tag.kind).to_string(),
        comment: tag.comment.to_string(),
        known,
        distinct: distinct(table, tag)?,
        bytes,
    })
}

/// The strings that a tag has ever held; partitions may have some in common.
fn distinct(table: &TableState, tag: &Tag) -> ApiResult<Option<u64>> {
    if !tag.kind.has_vocabulary() {
        return Ok(None);
    }
    if let [partition] = table.partitions() {
        let strings = partition.vocabulary(tag.id).read()?.len();
        return Ok(Some(u64::from(strings)));
    }
    let mut strings: HashSet<Box<str>> = HashSet::new();
    for partition in table.partitions() {
        let vocabulary = partition.vocabulary(tag.id);
        strings.extend(vocabulary.read()?.iter().map(|(_, string)| string.into()));
    }
    Ok(Some(strings.len() as u64))
}
