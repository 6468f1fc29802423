//! Subjects by their keys, without SQL.

use std::sync::Arc;

use tagdb_storage::batch::KeyRef;
use tagdb_storage::engine::{DbState, PartitionState};
use tagdb_storage::ids::Ordinal;
use tagdb_storage::schema::{TableSchema, Tag};

use crate::bind::bound::Column;
use crate::error::{Error, Result};
use crate::exec::columns::{Reader, multi_value, string_of};
use crate::literal::from_stored;
use crate::value::Value;

/// The tags of a subject: places in the schema, and values.
pub type Row = Vec<(usize, Value)>;

/// The subjects of keys, in the order asked; nothing for keys that nobody has. Without `tags` only
/// what is known of them.
///
/// # Errors
/// `unknown_table`, `unknown_tag`, or a file cannot be read or is damaged.
pub(crate) fn lookup(
    state: &DbState,
    schema: &TableSchema,
    keys: &[KeyRef<'_>],
    tags: Option<&[String]>,
) -> Result<Vec<Option<Row>>> {
    let table = state.require(schema.id)?;
    let places = places_of(schema, tags)?;
    let mut opened: Vec<Option<Vec<(usize, Reader)>>> = Vec::new();
    opened.resize_with(table.partitions().len(), || None);
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        let id = table.partition_of(*key);
        let partition = table.partition(id)?;
        let Some(ordinal) = partition.find(*key)? else {
            rows.push(None);
            continue;
        };
        let readers = &mut opened[usize::from(id.0)];
        if readers.is_none() {
            *readers = Some(open(schema, &places, partition)?);
        }
        let mut row = Row::new();
        for (place, reader) in readers.iter().flatten() {
            let value = value_of(reader, ordinal)?;
            if tags.is_some() || value.is_known() {
                row.push((*place, value));
            }
        }
        rows.push(Some(row));
    }
    Ok(rows)
}

fn places_of(schema: &TableSchema, tags: Option<&[String]>) -> Result<Vec<usize>> {
    let Some(names) = tags else {
        return Ok((0..schema.tags.len()).collect());
    };
    let place = |name: &String| {
        schema
            .tags
            .iter()
            .position(|tag| *tag.name == **name)
            .ok_or_else(|| {
                let detail = format!("unknown tag {name:?} of table {:?}", schema.name);
                Error::new("unknown_tag", detail)
            })
    };
    names.iter().map(place).collect()
}

fn open(
    schema: &TableSchema,
    places: &[usize],
    partition: &Arc<PartitionState>,
) -> Result<Vec<(usize, Reader)>> {
    let reader = |place: &usize| {
        let Tag { id, kind, .. } = schema.tags[*place];
        Ok((*place, Reader::open(&Column::Tag { id, kind }, partition)?))
    };
    places.iter().map(reader).collect()
}

/// What a reader says of one subject.
fn value_of(reader: &Reader, ordinal: Ordinal) -> Result<Value> {
    Ok(match reader {
        Reader::Boolean(stack) => stack
            .get(ordinal)?
            .map_or(Value::Null, |value| Value::Boolean(value != 0)),
        Reader::Number(stack, number) => stack
            .get(ordinal)?
            .map_or(Value::Null, |value| from_stored(*number, value)),
        Reader::Keyword(stack, vocabulary) => match stack.get(ordinal)? {
            Some(code) => Value::Text(string_of(&vocabulary.read()?, code as u32)?),
            None => Value::Null,
        },
        Reader::Text(stack) => stack
            .get(ordinal)?
            .map_or(Value::Null, |text| Value::Text(text.into())),
        Reader::Set(stack, vocabulary) => {
            let entries = stack.get(ordinal)?;
            multi_value(&vocabulary.read()?, &entries, None)?
        }
        Reader::Map(stack, vocabulary, number) => {
            let entries = stack.get(ordinal)?;
            multi_value(&vocabulary.read()?, &entries, Some(*number))?
        }
        Reader::Key | Reader::MapValue(..) => return Err(Error::internal("no tag of its own")),
    })
}
