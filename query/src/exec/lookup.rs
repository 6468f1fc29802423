//! Subjects by their keys, without SQL.

use tagdb_storage::batch::KeyRef;
use tagdb_storage::engine::{DbState, PartitionState, Subject};
use tagdb_storage::ids::Code;
use tagdb_storage::schema::{TableSchema, Tag, TagType};

use crate::error::{Error, Result};
use crate::exec::columns::{multi_value, string_of};
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
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        let partition = table.partition(table.partition_of(*key))?;
        let Some(ordinal) = partition.find(*key)? else {
            rows.push(None);
            continue;
        };
        let mut row = Row::new();
        let subject = partition.subject(ordinal)?;
        for place in &places {
            let value = value_of(partition, &schema.tags[*place], &subject)?;
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

fn value_of(partition: &PartitionState, tag: &Tag, subject: &Subject<'_>) -> Result<Value> {
    let strings = || partition.vocabulary(tag.id);
    Ok(match tag.kind {
        TagType::Boolean => match subject.value(tag.id)? {
            Some(value) => Value::Boolean(value != 0),
            None => Value::Null,
        },
        TagType::Number(number) => match subject.value(tag.id)? {
            Some(value) => from_stored(number, value),
            None => Value::Null,
        },
        TagType::Keyword => match subject.value(tag.id)? {
            Some(code) => Value::Text(string_of(&strings().read()?, code as Code)?),
            None => Value::Null,
        },
        TagType::LongText => match subject.long_text(tag.id)? {
            Some(text) => Value::Text(text.into()),
            None => Value::Null,
        },
        TagType::KeywordSet => {
            let entries = subject.entries(tag.id)?;
            multi_value(&strings().read()?, &entries, None)?
        }
        TagType::Map(number) => {
            let entries = subject.entries(tag.id)?;
            multi_value(&strings().read()?, &entries, Some(number))?
        }
    })
}
