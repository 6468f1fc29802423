//! Reading what a statement needs of the subjects of a partition, column by column.

use std::sync::Arc;

use tagdb_storage::batch::{KeyRef, Keys};
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Code, ordinal_at};
use tagdb_storage::layer::{MultiStack, SingleStack, TextStack};
use tagdb_storage::schema::{NumberType, TagType};
use tagdb_storage::vocabulary::{Vocabulary, VocabularyReader};

use crate::bind::bound::{Column, Expr, Slot};
use crate::error::{Error, Result};
use crate::exec::Execution;
use crate::exec::batch::{BATCH_ROWS, Batch, MULTI_BATCH_ROWS, TEXT_BATCH_ROWS};
use crate::literal::from_stored;
use crate::value::Value;

/// Keys of so few subjects are looked up one by one.
const FEW_KEYS: usize = 256;

/// The columns of a scan that are read in a partition, by slot.
#[derive(Debug)]
pub(crate) struct Columns {
    partition: Arc<PartitionState>,
    readers: Vec<Option<Reader>>,
    /// Of the statement that reads them.
    pub(crate) execution: Execution,
}

/// How a column is read.
#[derive(Debug)]
pub(crate) enum Reader {
    Key,
    Boolean(SingleStack),
    Keyword(SingleStack, Arc<Vocabulary>),
    Number(SingleStack, NumberType),
    Text(TextStack),
    Set(MultiStack, Arc<Vocabulary>),
    Map(MultiStack, Arc<Vocabulary>, NumberType),
    /// Without a code: nobody has that key.
    MapValue(MultiStack, Option<Code>, NumberType),
}

impl Reader {
    /// Opens a column of a partition.
    pub(crate) fn open(column: &Column, partition: &PartitionState) -> Result<Self> {
        Ok(match column {
            Column::Key => Self::Key,
            Column::MapValue { id, number, key } => {
                let code = partition.vocabulary(*id).code_of(key)?;
                Self::MapValue(partition.multi(*id)?, code, *number)
            }
            Column::Tag { id, kind } => match kind {
                TagType::Boolean => Self::Boolean(partition.single(*id)?),
                TagType::Keyword => {
                    Self::Keyword(partition.single(*id)?, partition.vocabulary(*id))
                }
                TagType::Number(number) => Self::Number(partition.single(*id)?, *number),
                TagType::LongText => Self::Text(partition.text(*id)?),
                TagType::KeywordSet => Self::Set(partition.multi(*id)?, partition.vocabulary(*id)),
                TagType::Map(number) => {
                    Self::Map(partition.multi(*id)?, partition.vocabulary(*id), *number)
                }
            },
        })
    }
}

impl Columns {
    /// Opens the columns that `slots` name.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn open(
        partition: &Arc<PartitionState>,
        columns: &[Column],
        slots: &[Slot],
        execution: &Execution,
    ) -> Result<Self> {
        let mut readers: Vec<Option<Reader>> = Vec::new();
        readers.resize_with(columns.len(), || None);
        for slot in slots {
            let column = columns.get(*slot).ok_or_else(no_such_slot)?;
            if readers[*slot].is_none() {
                readers[*slot] = Some(Reader::open(column, partition)?);
            }
        }
        Ok(Self {
            partition: partition.clone(),
            readers,
            execution: execution.clone(),
        })
    }

    /// How many rows of them fit a batch.
    pub(crate) fn batch_rows(&self) -> usize {
        let rows = |reader: &Reader| match reader {
            Reader::Text(_) => TEXT_BATCH_ROWS,
            Reader::Set(..) | Reader::Map(..) => MULTI_BATCH_ROWS,
            _ => BATCH_ROWS,
        };
        let rows = self.readers.iter().flatten().map(rows);
        rows.min().unwrap_or(BATCH_ROWS)
    }

    /// How a slot is read.
    pub(crate) fn reader(&self, slot: Slot) -> Result<&Reader> {
        self.readers
            .get(slot)
            .and_then(Option::as_ref)
            .ok_or_else(no_such_slot)
    }

    /// The layers of a slot that is a boolean, keyword or number.
    pub(crate) fn single(&self, slot: Slot) -> Option<&SingleStack> {
        match self.readers.get(slot)?.as_ref()? {
            Reader::Boolean(stack) | Reader::Keyword(stack, _) | Reader::Number(stack, _) => {
                Some(stack)
            }
            _ => None,
        }
    }

    /// The values of a slot, one a row.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn values(&self, slot: Slot, batch: &Batch, out: &mut Vec<Value>) -> Result<()> {
        out.clear();
        out.resize(batch.len(), Value::Null);
        match self.reader(slot)? {
            Reader::Key => self.keys(batch, out),
            Reader::Boolean(stack) => {
                let set = &mut |low, value| out[batch.row(low)] = Value::Boolean(value != 0);
                Ok(stack.for_each(batch.chunk(), batch.audience(), set)?)
            }
            Reader::Number(stack, number) => {
                let set = &mut |low, value| out[batch.row(low)] = from_stored(*number, value);
                Ok(stack.for_each(batch.chunk(), batch.audience(), set)?)
            }
            Reader::Keyword(stack, vocabulary) => {
                let mut codes = Vec::with_capacity(batch.len());
                let push = &mut |low, value| codes.push((batch.row(low), value as Code));
                stack.for_each(batch.chunk(), batch.audience(), push)?;
                let strings = vocabulary.read()?;
                for (row, code) in codes {
                    out[row] = Value::Text(string_of(&strings, code)?);
                }
                Ok(())
            }
            Reader::Text(stack) => {
                let set = &mut |low, text: &str| out[batch.row(low)] = Value::Text(text.into());
                Ok(stack.for_each(batch.chunk(), batch.audience(), set)?)
            }
            Reader::Set(stack, vocabulary) => {
                out.fill(Value::Set(Vec::new()));
                multi_values(stack, vocabulary, batch, None, out)
            }
            Reader::Map(stack, vocabulary, number) => {
                out.fill(Value::Map(Vec::new()));
                multi_values(stack, vocabulary, batch, Some(*number), out)
            }
            Reader::MapValue(_, None, _) => Ok(()),
            Reader::MapValue(stack, Some(code), number) => {
                let set = &mut |low, value| out[batch.row(low)] = from_stored(*number, value);
                Ok(stack.for_each_value(batch.chunk(), *code, batch.audience(), set)?)
            }
        }
    }

    /// The keys of a batch.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn keys_of(&self, batch: &Batch) -> Result<Keys> {
        Ok(self.partition.keys_of(batch.chunk(), batch.lows())?)
    }

    fn keys(&self, batch: &Batch, out: &mut [Value]) -> Result<()> {
        if batch.len() <= FEW_KEYS {
            for (row, low) in batch.lows().iter().enumerate() {
                let key = self.partition.key(ordinal_at(batch.chunk(), *low))?;
                out[row] = key_value(key.as_ref());
            }
            return Ok(());
        }
        let set = &mut |low, key: KeyRef<'_>| out[batch.row(low)] = key_value(key);
        Ok(self
            .partition
            .for_each_key(batch.chunk(), batch.audience(), set)?)
    }

    /// Whether a slot is a single number or code.
    pub(crate) fn is_stored(&self, slot: Slot) -> bool {
        self.single(slot).is_some() || matches!(self.reader(slot), Ok(Reader::MapValue(..)))
    }

    /// What a stored number or code of a slot means.
    ///
    /// # Errors
    /// A file cannot be read or is damaged; the slot is not a single number or code.
    pub(crate) fn value_of(&self, slot: Slot, stored: Option<i64>) -> Result<Value> {
        let Some(stored) = stored else {
            return Ok(Value::Null);
        };
        match self.reader(slot)? {
            Reader::Boolean(_) => Ok(Value::Boolean(stored != 0)),
            Reader::Number(_, number) | Reader::MapValue(_, _, number) => {
                Ok(from_stored(*number, stored))
            }
            Reader::Keyword(_, vocabulary) => {
                Ok(Value::Text(string_of(&vocabulary.read()?, stored as Code)?))
            }
            Reader::Key | Reader::Text(_) | Reader::Set(..) | Reader::Map(..) => Err(not_stored()),
        }
    }

    /// The numbers or codes of a slot as stored, one a row.
    ///
    /// # Errors
    /// A file cannot be read or is damaged; the slot is not a single value.
    pub(crate) fn stored(
        &self,
        slot: Slot,
        batch: &Batch,
        out: &mut Vec<Option<i64>>,
    ) -> Result<()> {
        out.clear();
        out.resize(batch.len(), None);
        let set = &mut |low, value| out[batch.row(low)] = Some(value);
        match self.reader(slot)? {
            Reader::Boolean(stack) | Reader::Keyword(stack, _) | Reader::Number(stack, _) => {
                Ok(stack.for_each(batch.chunk(), batch.audience(), set)?)
            }
            Reader::MapValue(_, None, _) => Ok(()),
            Reader::MapValue(stack, Some(code), _) => {
                Ok(stack.for_each_value(batch.chunk(), *code, batch.audience(), set)?)
            }
            Reader::Key | Reader::Text(_) | Reader::Set(..) | Reader::Map(..) => Err(not_stored()),
        }
    }
}

/// The values of some columns, to be seen row by row. Used again from batch to batch.
#[derive(Debug, Default)]
pub(crate) struct RowBuffer {
    /// By slot.
    values: Vec<Vec<Value>>,
    row: Vec<Value>,
}

impl RowBuffer {
    /// Reads the slots, which rise, of a batch.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn load(&mut self, columns: &Columns, slots: &[Slot], batch: &Batch) -> Result<()> {
        let width = slots.last().map_or(0, |slot| slot + 1);
        if self.row.len() < width {
            self.values.resize(width, Vec::new());
            self.row.resize(width, Value::Null);
        }
        for slot in slots {
            columns.values(*slot, batch, &mut self.values[*slot])?;
        }
        Ok(())
    }

    /// A row by slot, of the slots that were read; each row can be seen once.
    pub(crate) fn row(&mut self, slots: &[Slot], place: usize) -> &[Value] {
        for slot in slots {
            self.row[*slot] = std::mem::replace(&mut self.values[*slot][place], Value::Null);
        }
        &self.row
    }
}

/// The slots that expressions read, rising.
pub(crate) fn slots_of<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Vec<Slot> {
    let mut slots = Vec::new();
    for expr in exprs {
        expr.for_each_slot(&mut |slot| slots.push(slot));
    }
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// The entries of a batch's sets or maps as values: (row, code, value) first, so that no file is
/// read while the vocabulary is held.
fn multi_values(
    stack: &MultiStack,
    vocabulary: &Vocabulary,
    batch: &Batch,
    number: Option<NumberType>,
    out: &mut [Value],
) -> Result<()> {
    let mut rows: Vec<(usize, Vec<(Code, i64)>)> = Vec::new();
    stack.for_each_row(batch.chunk(), batch.audience(), &mut |low, entries| {
        rows.push((batch.row(low), entries.to_vec()));
    })?;
    let strings = vocabulary.read()?;
    for (row, entries) in rows {
        out[row] = multi_value(&strings, &entries, number)?;
    }
    Ok(())
}

/// A set, or a map of numbers of that type.
pub(crate) fn multi_value(
    strings: &VocabularyReader<'_>,
    entries: &[(Code, i64)],
    number: Option<NumberType>,
) -> Result<Value> {
    let string = |code: &Code| string_of(strings, *code);
    let Some(number) = number else {
        let members = entries
            .iter()
            .map(|(code, _)| string(code))
            .collect::<Result<_>>()?;
        return Ok(Value::set(members));
    };
    let entry = |(code, value): &(Code, i64)| Ok((string(code)?, from_stored(number, *value)));
    Ok(Value::map(
        entries.iter().map(entry).collect::<Result<_>>()?,
    ))
}

/// The string of a code that a value uses.
pub(crate) fn string_of(strings: &VocabularyReader<'_>, code: Code) -> Result<Arc<str>> {
    let string = strings.get(code).cloned();
    string.ok_or_else(|| Error::internal(format!("code {code} has no string")))
}

/// A key as a value.
pub(crate) fn key_value(key: KeyRef<'_>) -> Value {
    match key {
        KeyRef::Int(key) => Value::Int(key),
        KeyRef::Text(key) => Value::Text(key.into()),
    }
}

fn not_stored() -> Error {
    Error::internal("a column that is not stored as one number")
}

fn no_such_slot() -> Error {
    Error::internal("a statement reads a column that is not open")
}
