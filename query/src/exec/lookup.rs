//! Subjects by their keys, without SQL.

use std::sync::Arc;

use tagdb_storage::batch::KeyRef;
use tagdb_storage::engine::{DbState, PartitionState, Subject, TableState};
use tagdb_storage::ids::Code;
use tagdb_storage::schema::{TableSchema, Tag, TagType};
use tagdb_storage::vocabulary::VocabularyReader;

use crate::error::{Error, Result};
use crate::exec::column_rows::{ColumnRows, ColumnValues, Known};
use crate::exec::columns::{multi_value, string_of};
use crate::literal::from_stored;
use crate::value::Value;

/// Bytes of a number in a column.
const NUMBER_BYTES: usize = 8;
/// Bytes of a string of a vocabulary in a column, about.
const STRING_BYTES: usize = 32;

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

/// As [`lookup`], column by column. Without `tags` all of them.
///
/// # Errors
/// As of [`lookup`]; `result_too_large` beyond `bytes_max` bytes of texts and entries.
pub(crate) fn lookup_columns(
    state: &DbState,
    schema: &TableSchema,
    keys: &[KeyRef<'_>],
    tags: Option<&[String]>,
    bytes_max: usize,
) -> Result<Found> {
    let table = state.require(schema.id)?;
    let places = places_of(schema, tags)?;
    let mut subjects = Vec::with_capacity(keys.len());
    for key in keys {
        let id = table.partition_of(*key);
        let partition = table.partition(id)?;
        let subject = match partition.find(*key)? {
            Some(ordinal) => Some((usize::from(id.0), partition.subject(ordinal)?)),
            None => None,
        };
        subjects.push(subject);
    }
    let mut left = bytes_max;
    let mut column = |place: &usize| column(table, &schema.tags[*place], &subjects, &mut left);
    Ok(Found {
        is_there: subjects.iter().map(Option::is_some).collect(),
        rows: ColumnRows {
            len: keys.len(),
            columns: places.iter().map(&mut column).collect::<Result<_>>()?,
        },
        places,
    })
}

/// The values of a tag.
fn column(
    table: &TableState,
    tag: &Tag,
    subjects: &[Option<(usize, Subject<'_>)>],
    left: &mut usize,
) -> Result<ColumnValues> {
    let mut values = LookedUp::new(tag.kind, subjects.len());
    for (row, subject) in subjects.iter().enumerate() {
        if let Some((_, subject)) = subject {
            let bytes = values.read(row, subject, tag)?;
            *left = left.checked_sub(bytes).ok_or_else(|| {
                let detail = "the rows are too large for one answer; ask for fewer";
                Error::new("result_too_large", detail)
            })?;
        }
    }
    values.finish(table, tag, subjects)
}

/// The values of a tag on their way into a column.
enum LookedUp {
    Numbers(Vec<i64>, Vec<u64>),
    Codes(Vec<Option<Code>>),
    Texts(Vec<Option<String>>),
    Entries(Vec<Option<Vec<(Code, i64)>>>),
}

impl LookedUp {
    fn new(kind: TagType, len: usize) -> Self {
        match kind {
            TagType::Boolean | TagType::Number(_) => {
                Self::Numbers(vec![0; len], vec![0; len.div_ceil(64)])
            }
            TagType::Keyword => Self::Codes(vec![None; len]),
            TagType::LongText => Self::Texts(vec![None; len]),
            TagType::KeywordSet | TagType::Map(_) => Self::Entries(vec![None; len]),
        }
    }

    /// Reads a subject's value, and says how many bytes it takes about.
    fn read(&mut self, row: usize, subject: &Subject<'_>, tag: &Tag) -> Result<usize> {
        Ok(match self {
            Self::Numbers(values, known) => {
                if let Some(value) = subject.value(tag.id)? {
                    values[row] = value;
                    known[row / 64] |= 1 << (row % 64);
                }
                NUMBER_BYTES
            }
            Self::Codes(codes) => {
                codes[row] = subject.value(tag.id)?.map(|code| code as Code);
                STRING_BYTES
            }
            Self::Texts(texts) => {
                texts[row] = subject.long_text(tag.id)?;
                texts[row].as_ref().map_or(0, String::len)
            }
            Self::Entries(rows) => {
                let entries = subject.entries(tag.id)?;
                let bytes = entries.len() * STRING_BYTES;
                rows[row] = Some(entries);
                bytes
            }
        })
    }

    /// The column; vocabularies are held only here, when no file is read any more.
    fn finish(
        self,
        table: &TableState,
        tag: &Tag,
        subjects: &[Option<(usize, Subject<'_>)>],
    ) -> Result<ColumnValues> {
        let partitions = table.partitions().iter();
        let vocabularies: Vec<_> = partitions
            .map(|partition| {
                tag.kind
                    .has_vocabulary()
                    .then(|| partition.vocabulary(tag.id))
            })
            .collect();
        let mut strings: Vec<Option<VocabularyReader<'_>>> = Vec::new();
        for (place, vocabulary) in vocabularies.iter().enumerate() {
            let is_asked = || {
                subjects
                    .iter()
                    .flatten()
                    .any(|(partition, _)| *partition == place)
            };
            strings.push(match vocabulary {
                Some(vocabulary) if is_asked() => Some(vocabulary.read()?),
                _ => None,
            });
        }
        let number = match tag.kind {
            TagType::Map(number) => Some(number),
            _ => None,
        };
        let strings_of = |row: usize| {
            let partition = subjects[row]
                .as_ref()
                .map_or(0, |(partition, _)| *partition);
            let strings = strings.get(partition).and_then(Option::as_ref);
            strings.ok_or_else(|| Error::internal("a subject without a vocabulary"))
        };
        match self {
            Self::Numbers(values, known) => Ok(ColumnValues::Numbers {
                values,
                known: Known::Some(known),
            }),
            Self::Codes(codes) => texts(codes.iter().enumerate().map(|(row, code)| {
                let code = code.map(|code| string_of(strings_of(row)?, code));
                code.transpose()
            })),
            Self::Texts(own) => texts(own.iter().map(|text| Ok(text.as_deref().map(Arc::from)))),
            Self::Entries(rows) => {
                let value = |(row, entries): (usize, Option<Vec<_>>)| match entries {
                    None => Ok(Value::Null),
                    Some(entries) => multi_value(strings_of(row)?, &entries, number),
                };
                let values = rows.into_iter().enumerate().map(value);
                Ok(ColumnValues::Values(values.collect::<Result<_>>()?))
            }
        }
    }
}

fn texts(rows: impl ExactSizeIterator<Item = Result<Option<Arc<str>>>>) -> Result<ColumnValues> {
    let mut known = vec![0_u64; rows.len().div_ceil(64)];
    let (mut bytes, mut ends) = (String::new(), Vec::with_capacity(rows.len()));
    for (row, text) in rows.enumerate() {
        if let Some(text) = text? {
            bytes.push_str(&text);
            known[row / 64] |= 1 << (row % 64);
        }
        let end = u32::try_from(bytes.len());
        ends.push(end.map_err(|_| Error::internal("too much text for one batch"))?);
    }
    let known = Known::Some(known);
    Ok(ColumnValues::Texts { bytes, ends, known })
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
    let places = names.iter().map(place).collect::<Result<Vec<_>>>()?;
    let mut rising = places.clone();
    rising.sort_unstable();
    if let Some(twice) = rising.windows(2).find(|pair| pair[0] == pair[1]) {
        let detail = format!("tag {:?} is asked for twice", schema.tags[twice[0]].name);
        return Err(Error::new("duplicate_column", detail));
    }
    Ok(places)
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
