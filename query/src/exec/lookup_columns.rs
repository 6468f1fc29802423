//! Subjects by their keys, column by column.

use tagdb_storage::batch::KeyRef;
use tagdb_storage::engine::DbState;
use tagdb_storage::schema::{TableSchema, TagType};

use crate::error::{Error, Result};
use crate::exec::column_rows::{ColumnRows, ColumnValues, Known};
use crate::exec::lookup::{TagValue, for_each, places_of};
use crate::value::Value;

/// Bytes of a number in a column.
const NUMBER_BYTES: usize = 8;
/// Bytes that a string of a set or map takes beside its own, about.
const STRING_BYTES: usize = 32;

/// Subjects by their keys, column by column.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// For each key in the order asked, whether anybody has it.
    pub is_there: Vec<bool>,
    /// The tags' places in the schema.
    pub places: Vec<usize>,
    /// A row for each key and a column for each tag; NULLs where nobody has the key.
    pub rows: ColumnRows,
}

/// As [`lookup`](super::lookup::lookup), column by column. Without `tags` all of them.
///
/// # Errors
/// As there; `result_too_large` beyond `bytes_max` bytes of values.
pub(crate) fn lookup_columns(
    state: &DbState,
    schema: &TableSchema,
    keys: &[KeyRef<'_>],
    tags: Option<&[String]>,
    bytes_max: usize,
) -> Result<Found> {
    let places = places_of(schema, tags)?;
    let column = |place: &usize| ColumnBuilder::new(schema.tags[*place].kind, keys.len());
    let mut columns: Vec<ColumnBuilder> = places.iter().map(column).collect();
    let mut is_there = Vec::with_capacity(keys.len());
    let mut left = bytes_max;
    for_each(state, schema, keys, tags, |found| {
        let row = is_there.len();
        is_there.push(found.is_some());
        let mut values = found.unwrap_or_default().iter().peekable();
        for (place, column) in places.iter().zip(&mut columns) {
            // What is not known may be left out.
            let value = match values.next_if(|(own, _)| own == place) {
                Some((_, value)) => *value,
                None => column.absent(found.is_some()),
            };
            left = left.checked_sub(column.push(row, value)?).ok_or_else(|| {
                let detail = "the rows are too large for one answer; ask for fewer";
                Error::new("result_too_large", detail)
            })?;
        }
        Ok::<_, Error>(())
    })?;
    Ok(Found {
        rows: ColumnRows {
            len: keys.len(),
            columns: columns.into_iter().map(ColumnBuilder::finish).collect(),
        },
        is_there,
        places,
    })
}

/// The values of a tag on their way into a column.
#[derive(Debug)]
struct ColumnBuilder {
    kind: TagType,
    known: Vec<u64>,
    values: BuiltValues,
}

#[derive(Debug)]
enum BuiltValues {
    Numbers(Vec<i64>),
    Texts(String, Vec<u32>),
    Values(Vec<Value>),
}

impl ColumnBuilder {
    fn new(kind: TagType, rows: usize) -> Self {
        let values = match kind {
            TagType::Boolean | TagType::Number(_) => BuiltValues::Numbers(Vec::with_capacity(rows)),
            TagType::Keyword | TagType::LongText => {
                BuiltValues::Texts(String::new(), Vec::with_capacity(rows))
            }
            TagType::KeywordSet | TagType::Map(_) => BuiltValues::Values(Vec::with_capacity(rows)),
        };
        Self {
            kind,
            known: vec![0; rows.div_ceil(64)],
            values,
        }
    }

    /// What a subject has of which nothing is known; without a subject there is NULL.
    const fn absent(&self, is_there: bool) -> TagValue<'static> {
        match self.kind {
            TagType::KeywordSet if is_there => TagValue::Set(&[]),
            TagType::Map(number) if is_there => TagValue::Map(number, &[]),
            _ => TagValue::Null,
        }
    }

    /// Appends the value of a row, and says how many bytes it takes about.
    fn push(&mut self, row: usize, value: TagValue<'_>) -> Result<usize> {
        if !matches!(value, TagValue::Null) {
            self.known[row / 64] |= 1 << (row % 64);
        }
        Ok(match &mut self.values {
            BuiltValues::Numbers(values) => {
                values.push(match value {
                    TagValue::Number(_, stored) => stored,
                    TagValue::Boolean(value) => i64::from(value),
                    _ => 0,
                });
                NUMBER_BYTES
            }
            BuiltValues::Texts(bytes, ends) => {
                let text = match value {
                    TagValue::Text(text) => text,
                    _ => "",
                };
                bytes.push_str(text);
                let end = u32::try_from(bytes.len());
                ends.push(end.map_err(|_| Error::internal("too much text for one batch"))?);
                NUMBER_BYTES + text.len()
            }
            BuiltValues::Values(values) => {
                let own = match value {
                    TagValue::Set(members) => {
                        members.iter().map(|text| STRING_BYTES + text.len()).sum()
                    }
                    TagValue::Map(_, entries) => entries
                        .iter()
                        .map(|(text, _)| STRING_BYTES + text.len())
                        .sum(),
                    _ => 0,
                };
                values.push(value.to_value());
                NUMBER_BYTES + own
            }
        })
    }

    fn finish(self) -> ColumnValues {
        let known = Known::Some(self.known);
        match self.values {
            BuiltValues::Numbers(values) => ColumnValues::Numbers { values, known },
            BuiltValues::Texts(bytes, ends) => ColumnValues::Texts { bytes, ends, known },
            BuiltValues::Values(values) => ColumnValues::Values(values),
        }
    }
}
