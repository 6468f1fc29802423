//! SHOW TABLES and DESCRIBE.

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::TableState;
use tagdb_storage::schema::{TableSchema, Tag};

use crate::bind::bound::OutputColumn;
use crate::error::Result;
use crate::exec::Execution;
use crate::exec::distinct::distinct;
use crate::exec::predicate::KnownTest;
use crate::exec::rows::RowStream;
use crate::value::{DataType, Value};

/// Columns of a result.
pub(crate) fn columns(columns: &[(&str, DataType)]) -> Vec<OutputColumn> {
    let column = |(name, kind): &(&str, DataType)| OutputColumn {
        name: (*name).to_owned(),
        kind: *kind,
    };
    columns.iter().map(column).collect()
}

fn int(value: u64) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

/// A string of a result.
pub(crate) fn text(value: impl Into<Arc<str>>) -> Value {
    Value::Text(value.into())
}

/// The tables by name: subjects, tags, partitions, bytes on disk.
pub(crate) fn tables(execution: &Execution) -> RowStream {
    let state = &execution.state;
    let tables = state
        .catalog()
        .tables()
        .filter_map(|schema| state.table(schema.id));
    let row = |table: &TableState| {
        let partitions = table.partitions();
        vec![
            text(table.schema().name.clone()),
            int(partitions
                .iter()
                .map(|partition| partition.subjects())
                .sum()),
            int(table.schema().tags.len() as u64),
            int(u64::from(table.schema().partitions)),
            int(partitions
                .iter()
                .map(|partition| partition.file_bytes())
                .sum()),
        ]
    };
    let columns = columns(&[
        ("table", DataType::Keyword),
        ("subjects", DataType::BigInt),
        ("tags", DataType::BigInt),
        ("partitions", DataType::BigInt),
        ("bytes", DataType::BigInt),
    ]);
    RowStream::made(columns, state.lsn(), tables.map(row).collect())
}

/// The columns of a table: type, comment, known subjects, distinct values, bytes on disk.
///
/// # Errors
/// A file cannot be read or is damaged, or the statement has to stop.
pub(crate) fn describe(execution: &Execution, schema: &TableSchema) -> Result<RowStream> {
    let table = execution.table(schema)?;
    let subjects: u64 = table
        .partitions()
        .iter()
        .map(|partition| partition.subjects())
        .sum();
    let mut rows = vec![vec![
        text(schema.key_name.clone()),
        text(format!("{} PRIMARY KEY", DataType::from(schema.key_type))),
        text(schema.key_comment.clone()),
        int(subjects),
        int(subjects),
        Value::Null,
    ]];
    for tag in &schema.tags {
        let bytes = table
            .partitions()
            .iter()
            .map(|partition| partition.tag_bytes(tag.id))
            .sum();
        rows.push(vec![
            text(tag.name.clone()),
            text(DataType::from(tag.kind).to_string()),
            text(tag.comment.clone()),
            int(known(execution, table, tag)?),
            distinct(table, tag, &execution.interrupt)?.map_or(Value::Null, int),
            int(bytes),
        ]);
    }
    let columns = columns(&[
        ("column", DataType::Keyword),
        ("type", DataType::Keyword),
        ("comment", DataType::Keyword),
        ("known", DataType::BigInt),
        ("distinct", DataType::BigInt),
        ("bytes", DataType::BigInt),
    ]);
    Ok(RowStream::made(columns, execution.state.lsn(), rows))
}

fn known(execution: &Execution, table: &TableState, tag: &Tag) -> Result<u64> {
    let (mut known, mut alive) = (Box::<Chunk>::default(), Box::<Chunk>::default());
    let mut count = 0;
    for partition in table.partitions() {
        let test = KnownTest::of(partition, tag.id, tag.kind.family())?;
        for chunk in 0..partition.chunks() {
            execution.interrupt.check()?;
            // There are at most 65,536 chunks.
            let chunk = chunk as u16;
            test.members(chunk, &mut known)?;
            partition.alive(chunk, &mut alive);
            count += u64::from(Chunk::count_and(&known, &alive));
        }
    }
    Ok(count)
}
