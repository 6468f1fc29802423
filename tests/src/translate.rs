//! From names and keys to what the engine takes: ids, ordinals, dictionaries.

use std::collections::BTreeMap;
use std::sync::Arc;

use tagdb_storage::batch::{Cell, Change, Column, Dictionary, Keys, RowBatch, WriteSet};
use tagdb_storage::bitmap::Bitmap;
use tagdb_storage::catalog::{Catalog, NewTag, SchemaChange};
use tagdb_storage::engine::DbState;
use tagdb_storage::ids::{Ordinal, PartitionId, TableId, TagId};
use tagdb_storage::partitioning::partition_of;
use tagdb_storage::schema::{Key, KeyType, TableSchema};
use tagdb_storage::{Error, Result};

use crate::history::{Audience, Ddl, Edit, NamedColumn, Value, Write};

/// The id of what does not exist: the engine is to refuse it.
const NOBODY: u32 = 0xFFFF_FFF0;

/// The write set of a batch on the root before it.
///
/// # Errors
/// The schema cannot be changed so, or a file cannot be read.
pub fn write_set(state: &DbState, write: &Write) -> Result<WriteSet> {
    let schema = write
        .schema
        .as_ref()
        .map(|ddl| schema_change(state.catalog(), ddl));
    let catalog = match &schema {
        Some(change) => state.catalog().apply(change)?,
        None => state.catalog().clone(),
    };
    let mut changes = Vec::new();
    for (name, edit) in &write.edits {
        let table = catalog.table(name).map(|table| &**table);
        let id = table.map_or(TableId(NOBODY), |table| table.id);
        // Ordinals that the batch itself may give are nobody's to name.
        let gap = if write.edits.len() > 1 { 1_000 } else { 0 };
        let target = Target {
            state,
            table,
            id,
            gap,
        };
        target.translate(edit, &mut changes)?;
    }
    Ok(WriteSet {
        changes,
        schema,
        matched: None,
    })
}

/// The id of a table, or one that no table has.
#[must_use]
pub fn table_id(catalog: &Catalog, name: &str) -> TableId {
    catalog
        .table(name)
        .map_or(TableId(NOBODY), |table| table.id)
}

fn schema_change(catalog: &Catalog, ddl: &Ddl) -> SchemaChange {
    let new = |name: &str, kind| NewTag {
        name: name.to_owned(),
        kind,
        comment: String::new(),
    };
    let tag = |table: &str, name: &str| tag_id(catalog.table(table).map(|table| &**table), name);
    match ddl {
        Ddl::Create {
            table,
            key_type,
            partitions,
            tags,
        } => SchemaChange::CreateTable {
            name: table.to_string(),
            key_name: "key".to_owned(),
            key_type: *key_type,
            key_comment: String::new(),
            partitions: *partitions,
            tags: tags.iter().map(|(name, kind)| new(name, *kind)).collect(),
        },
        Ddl::Drop(table) => SchemaChange::DropTable(table_id(catalog, table)),
        Ddl::Truncate(table) => SchemaChange::TruncateTable(table_id(catalog, table)),
        Ddl::AddTag(table, name, kind) => {
            SchemaChange::AddTag(table_id(catalog, table), new(name, *kind))
        }
        Ddl::DropTag(table, name) => {
            SchemaChange::DropTag(table_id(catalog, table), tag(table, name))
        }
        Ddl::RenameTag(table, from, to) => {
            let id = table_id(catalog, table);
            SchemaChange::RenameTag(id, Some(tag(table, from)), to.to_string())
        }
    }
}

/// The id of a tag, or one that no tag has.
#[must_use]
pub fn tag_id(table: Option<&TableSchema>, name: &str) -> TagId {
    table
        .and_then(|table| table.tag(name))
        .map_or(TagId(NOBODY), |tag| tag.id)
}

/// The table of an edit.
struct Target<'a> {
    state: &'a DbState,
    table: Option<&'a TableSchema>,
    id: TableId,
    /// Ordinals between the last one given and the first stray.
    gap: Ordinal,
}

impl Target<'_> {
    fn translate(&self, edit: &Edit, changes: &mut Vec<(TableId, Change)>) -> Result<()> {
        let Self {
            state, table, id, ..
        } = *self;
        match edit {
            Edit::Rows {
                mode,
                keys,
                columns,
            } => {
                let rows = row_batch(table, keys, columns, 0..keys.len());
                changes.push((id, Change::Rows { mode: *mode, rows }));
            }
            Edit::Delete(given) => changes.push((id, Change::DeleteKeys(keys(table, given)))),
            Edit::DeleteAudience(audience) => {
                for (partition, subjects) in self.ordinals(audience)? {
                    changes.push((
                        id,
                        Change::DeleteSubjects {
                            partition,
                            subjects,
                        },
                    ));
                }
            }
            Edit::Assign {
                audience,
                tag,
                value,
            } => {
                for (partition, subjects) in self.ordinals(audience)? {
                    let mut dictionary = Dictionary::default();
                    let cell = cell(value, &mut dictionary);
                    let tag = tag_id(table, tag);
                    changes.push((
                        id,
                        Change::Assign {
                            partition,
                            subjects,
                            tag,
                            dictionary,
                            cell,
                        },
                    ));
                }
            }
            Edit::Cells { tag, cells } => {
                let tag = tag_id(table, tag);
                for (partition, cells) in cells_by_ordinal(state, id, cells)? {
                    let mut dictionary = Dictionary::default();
                    let to_cell = |(ordinal, value): (Ordinal, &Value)| {
                        (ordinal, cell(value, &mut dictionary))
                    };
                    let cells = cells.into_iter().map(to_cell).collect();
                    changes.push((
                        id,
                        Change::Cells {
                            partition,
                            tag,
                            dictionary,
                            cells,
                        },
                    ));
                }
            }
            Edit::Load { .. } | Edit::ReplaceTags { .. } => {
                return Err(Error::internal("a load is not part of a batch"));
            }
        }
        Ok(())
    }

    /// The ordinals of an audience by partition; one partition without any if there are none.
    fn ordinals(&self, audience: &Audience) -> Result<Vec<(PartitionId, Bitmap)>> {
        let mut found: BTreeMap<PartitionId, Vec<Ordinal>> = BTreeMap::new();
        found.insert(PartitionId(0), Vec::new());
        if let Some(table) = self.state.table(self.id) {
            for key in &audience.keys {
                let partition = partition_of(key.as_ref(), table.schema().partitions);
                let ordinal = table.partition(partition)?.find(key.as_ref())?;
                found.entry(partition).or_default().extend(ordinal);
            }
            for partition in table.partitions().iter().filter(|_| audience.strays) {
                let next = partition.next_ordinal();
                let dead = (next.saturating_sub(200)..next).filter(|o| !partition.is_alive(*o));
                let strays = dead.chain(next + self.gap..next + self.gap + 3);
                found.entry(partition.id()).or_default().extend(strays);
            }
        }
        let bitmap = |mut ordinals: Vec<Ordinal>| {
            ordinals.sort_unstable();
            ordinals.dedup();
            Bitmap::from_sorted(&ordinals)
        };
        Ok(found
            .into_iter()
            .map(|(partition, ordinals)| (partition, bitmap(ordinals)))
            .collect())
    }
}

/// The rows of a range, for the engine.
#[must_use]
pub fn row_batch(
    table: Option<&TableSchema>,
    given: &[Key],
    columns: &[NamedColumn],
    range: std::ops::Range<usize>,
) -> RowBatch {
    let column = |(name, cells): &NamedColumn| {
        let mut dictionary = Dictionary::default();
        let mine = cells
            .iter()
            .filter(|(row, _)| range.contains(&(*row as usize)));
        let cells = mine
            .map(|(row, value)| (row - range.start as u32, cell(value, &mut dictionary)))
            .collect();
        Column {
            tag: tag_id(table, name),
            dictionary,
            cells,
        }
    };
    RowBatch {
        keys: keys(table, &given[range.clone()]),
        columns: columns.iter().map(column).collect(),
    }
}

fn keys(table: Option<&TableSchema>, given: &[Key]) -> Keys {
    let kind = match (table, given.first()) {
        (Some(table), _) => table.key_type,
        (None, Some(Key::Text(_))) => KeyType::Keyword,
        (None, _) => KeyType::BigInt,
    };
    let mut keys = Keys::new(kind);
    for key in given {
        keys.push(key.as_ref());
    }
    keys
}

fn cells_by_ordinal<'v>(
    state: &DbState,
    id: TableId,
    cells: &'v [(Key, Value)],
) -> Result<BTreeMap<PartitionId, BTreeMap<Ordinal, &'v Value>>> {
    let mut found: BTreeMap<PartitionId, BTreeMap<Ordinal, &Value>> = BTreeMap::new();
    found.insert(PartitionId(0), BTreeMap::new());
    let Some(table) = state.table(id) else {
        return Ok(found);
    };
    for (key, value) in cells {
        let partition = partition_of(key.as_ref(), table.schema().partitions);
        if let Some(ordinal) = table.partition(partition)?.find(key.as_ref())? {
            found.entry(partition).or_default().insert(ordinal, value);
        }
    }
    Ok(found)
}

fn cell(value: &Value, dictionary: &mut Dictionary) -> Cell {
    let mut places = |strings: &[Arc<str>]| -> Box<[u32]> {
        strings
            .iter()
            .map(|string| dictionary.place(string))
            .collect()
    };
    match value {
        Value::Clear => Cell::Clear,
        Value::Number(number) => Cell::Value(*number),
        Value::Keyword(string) => Cell::Value(i64::from(dictionary.place(string))),
        Value::Text(text) => Cell::Text((&**text).into()),
        Value::Set(members) => Cell::Set(places(members)),
        Value::EditSet(drop, put) => {
            let drop = places(drop);
            Cell::EditSet {
                drop,
                put: places(put),
            }
        }
        Value::Map(entries) => Cell::Map(put(entries, dictionary)),
        Value::EditMap(drop, entries) => {
            let drop = places(drop);
            Cell::EditMap {
                drop,
                put: put(entries, dictionary),
            }
        }
    }
}

fn put(entries: &[(Arc<str>, i64)], dictionary: &mut Dictionary) -> Box<[(u32, i64)]> {
    entries
        .iter()
        .map(|(string, value)| (dictionary.place(string), *value))
        .collect()
}
