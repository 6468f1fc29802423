//! Gathering the values of a query as something that can be asked quickly.

use std::cmp::Ordering;
use std::sync::Arc;

use hashbrown::HashSet;
use tagdb_storage::batch::KeyRef;
use tagdb_storage::bitmap::{Bitmap, BitmapWriter, Chunk};
use tagdb_storage::engine::TableState;
use tagdb_storage::ids::{Code, Ordinal, TableId, TagId, chunk_of, low_of};
use tagdb_storage::schema::NumberType;
use tagdb_storage::vocabulary::Vocabulary;

use crate::bind::bound::{Found, NumberSet};
use crate::error::{Error, Result};
use crate::exec::Execution;
use crate::exec::budget::bytes_of;
use crate::exec::hashed::Hashed;
use crate::functions::cast;
use crate::limits::Limits;
use crate::literal::{Operator, ranges};
use crate::value::{DataType, Value};

/// A DOUBLE equals at most so many integers.
const EQUAL_NUMBERS_MAX: i64 = 4_096;
/// From so many numbers on, a set is asked instead of ranges.
const NUMBERS_MANY: usize = 16;
/// Bytes that a number takes in a hash table, about.
const NUMBER_BYTES: usize = 16;

/// What values are wanted as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// Subjects of a table.
    Subjects(TableId),
    /// Codes of a tag; whether all values have to be known.
    Codes(TableId, TagId, bool),
    /// Stored numbers.
    Numbers(NumberType),
    /// Values of a type.
    Values(DataType),
}

/// What the values of a query are.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub(super) found: Found,
    /// The numbers, if they are few.
    pub(super) few: Option<Vec<i64>>,
    pub(super) has_null: bool,
    /// Whether there is no value but NULL.
    pub(super) is_empty: bool,
    pub(super) bytes: usize,
}

/// Takes values batch by batch.
pub(super) struct Gatherer<'a> {
    set: Set<'a>,
    values_max: usize,
    has_null: bool,
    is_empty: bool,
    bytes: usize,
}

enum Set<'a> {
    Subjects(&'a TableState, Vec<Vec<Option<Box<Chunk>>>>),
    Codes(Vec<KnownStrings>),
    Numbers(NumberType, HashSet<i64>),
    Values(DataType, HashSet<Hashed>),
}

/// The strings of a partition that are among the values.
struct KnownStrings {
    vocabulary: Arc<Vocabulary>,
    /// A bit for each code.
    bits: Vec<u64>,
    needs_all: bool,
    /// Whether a value is missing that has to be known.
    is_missing: bool,
}

impl<'a> Gatherer<'a> {
    /// Before the first value.
    pub(super) fn new(execution: &'a Execution, target: &Target) -> Result<Self> {
        let set = match *target {
            Target::Subjects(table) => {
                let table = execution.state.require(table)?;
                let mut partitions = Vec::new();
                partitions.resize_with(table.partitions().len(), Vec::new);
                Set::Subjects(table, partitions)
            }
            Target::Codes(table, tag, needs_all) => {
                let partitions = execution.state.require(table)?.partitions().iter();
                let known = partitions.map(|partition| KnownStrings {
                    vocabulary: partition.vocabulary(tag),
                    bits: Vec::new(),
                    needs_all,
                    is_missing: false,
                });
                Set::Codes(known.collect())
            }
            Target::Numbers(number) => Set::Numbers(number, HashSet::new()),
            Target::Values(data_type) => Set::Values(data_type, HashSet::new()),
        };
        Ok(Self {
            set,
            values_max: execution.subquery_values_max,
            has_null: false,
            is_empty: true,
            bytes: 0,
        })
    }

    /// Takes rows of one value each.
    pub(super) fn take(&mut self, rows: Vec<Vec<Value>>) -> Result<()> {
        let values = rows.into_iter().flatten();
        let count = values.size_hint().0;
        let mut known = Vec::with_capacity(count);
        for value in values {
            match value {
                Value::Null => self.has_null = true,
                value => known.push(value),
            }
        }
        self.is_empty &= known.is_empty();
        match &mut self.set {
            Set::Subjects(table, partitions) => {
                for value in &known {
                    self.bytes += take_key(table, partitions, value)?;
                }
            }
            Set::Codes(partitions) => {
                for partition in partitions {
                    self.bytes += partition.take(&known)?;
                }
            }
            Set::Numbers(number, numbers) => {
                for value in &known {
                    each_equal(*number, value, &mut |number| {
                        self.bytes += NUMBER_BYTES * usize::from(numbers.insert(number));
                    })?;
                }
                Limits::check("subquery_values", numbers.len(), self.values_max)?;
            }
            Set::Values(data_type, values) => {
                for value in known {
                    let value = match (&value, *data_type) {
                        (Value::Int(_), DataType::Decimal { .. } | DataType::Double)
                        | (Value::Decimal { .. }, DataType::Decimal { .. } | DataType::Double) => {
                            cast(value, *data_type)?
                        }
                        _ => value,
                    };
                    let bytes = bytes_of(&value) + NUMBER_BYTES;
                    self.bytes += bytes * usize::from(values.insert(Hashed(value)));
                }
                Limits::check("subquery_values", values.len(), self.values_max)?;
            }
        }
        Ok(())
    }

    /// Bytes held so far.
    pub(super) const fn kept_bytes(&self) -> usize {
        self.bytes
    }

    /// What the values are.
    pub(super) fn finish(self) -> Gathered {
        let mut few = None;
        let found = match self.set {
            Set::Subjects(_, partitions) => {
                Found::Subjects(Arc::new(partitions.into_iter().map(bitmap).collect()))
            }
            Set::Codes(partitions) => {
                let codes = partitions.into_iter().map(KnownStrings::finish);
                Found::Codes(Arc::new(codes.collect()))
            }
            Set::Numbers(_, numbers) => {
                if numbers.len() < NUMBERS_MANY {
                    few = Some(numbers.iter().copied().collect());
                }
                Found::Numbers(Arc::new(NumberSet::new(numbers)))
            }
            Set::Values(_, values) => {
                let mut values: Vec<Value> = values.into_iter().map(|value| value.0).collect();
                values.sort_by(|a, b| a.compare(b).unwrap_or(Ordering::Equal));
                Found::Values(Arc::new(values))
            }
        };
        Gathered {
            found,
            few,
            has_null: self.has_null,
            is_empty: self.is_empty,
            bytes: self.bytes,
        }
    }
}

/// Adds the subject of a key, if there is one; tells how many bytes that took.
fn take_key(
    table: &TableState,
    partitions: &mut [Vec<Option<Box<Chunk>>>],
    value: &Value,
) -> Result<usize> {
    let mut bytes = 0;
    let mut find = |key: KeyRef<'_>| -> Result<()> {
        let id = table.partition_of(key);
        if let Some(ordinal) = table.partition(id)?.find(key)?
            && let Some(chunks) = partitions.get_mut(usize::from(id.0))
        {
            bytes += set(chunks, ordinal);
        }
        Ok(())
    };
    match value {
        Value::Text(text) => find(KeyRef::Text(text))?,
        Value::Int(key) => find(KeyRef::Int(*key))?,
        _ => {
            let mut keys = Vec::new();
            each_equal(NumberType::BigInt, value, &mut |key| keys.push(key))?;
            for key in keys {
                find(KeyRef::Int(key))?;
            }
        }
    }
    Ok(bytes)
}

fn set(chunks: &mut Vec<Option<Box<Chunk>>>, ordinal: Ordinal) -> usize {
    let index = usize::from(chunk_of(ordinal));
    if chunks.len() <= index {
        chunks.resize_with(index + 1, || None);
    }
    let mut bytes = 0;
    if let Some(chunk) = chunks.get_mut(index) {
        let chunk = chunk.get_or_insert_with(|| {
            bytes = size_of::<Chunk>();
            Box::default()
        });
        chunk.set(low_of(ordinal));
    }
    bytes
}

fn bitmap(chunks: Vec<Option<Box<Chunk>>>) -> Bitmap {
    let mut writer = BitmapWriter::new();
    for (index, chunk) in (0..).zip(chunks) {
        if let Some(chunk) = chunk {
            writer.push_chunk(index, &chunk);
        }
    }
    writer.finish()
}

/// Calls `take` with each stored number that equals a value.
fn each_equal(kind: NumberType, value: &Value, take: &mut dyn FnMut(i64)) -> Result<()> {
    let equal = ranges(kind, Operator::Equal, value);
    let equal = equal.ok_or_else(|| Error::internal("a number is compared with something else"))?;
    for (low, high) in equal.as_slice() {
        if high.saturating_sub(*low) > EQUAL_NUMBERS_MAX {
            return Err(Error::internal("too many numbers equal one"));
        }
        (*low..=*high).for_each(&mut *take);
    }
    Ok(())
}

impl KnownStrings {
    fn take(&mut self, values: &[Value]) -> Result<usize> {
        let strings = self.vocabulary.read()?;
        let mut bytes = 0;
        if self.bits.is_empty() {
            self.bits = vec![0; strings.len() as usize / 64 + 1];
            bytes = self.bits.len() * size_of::<u64>();
        }
        for value in values {
            let Value::Text(text) = value else {
                return Err(Error::internal("a string is compared with something else"));
            };
            // Codes that are newer than the first look have no members in this state.
            let code = strings.code_of(text);
            let bit = code.and_then(|code| Some((self.bits.get_mut(code as usize / 64)?, code)));
            match bit {
                Some((word, code)) => *word |= 1 << (code % 64),
                None => self.is_missing = true,
            }
        }
        Ok(bytes)
    }

    fn finish(self) -> Option<Vec<Code>> {
        if self.needs_all && self.is_missing {
            return None;
        }
        let mut codes = Vec::new();
        for (word, mut bits) in (0..).zip(self.bits) {
            while bits != 0 {
                codes.push(word * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        Some(codes)
    }
}
