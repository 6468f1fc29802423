//! Rows of a result, column by column: what writers of many rows are fed with.

use tagdb_storage::batch::Keys;
use tagdb_storage::ids::Code;

use crate::bind::bound::Slot;
use crate::error::{Error, Result};
use crate::exec::batch::Batch;
use crate::exec::columns::{Columns, Reader};
use crate::literal::from_stored;
use crate::value::{DataType, Value};

/// Some rows of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnRows {
    /// How many there are.
    pub len: usize,
    /// One for each column of the result.
    pub columns: Vec<ColumnValues>,
}

/// The values of one column, by row.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValues {
    /// Booleans (0 or 1), integers, dates, timestamps, decimals of the column's scale and doubles,
    /// as tags store them.
    Numbers {
        /// One a row; of no meaning where the row is NULL.
        values: Vec<i64>,
        /// Who is not NULL.
        known: Known,
    },
    /// Strings.
    Texts {
        /// All of them, one after the other.
        bytes: String,
        /// The end of each row's string in `bytes`.
        ends: Vec<u32>,
        /// Who is not NULL.
        known: Known,
    },
    /// Sets, maps, and whatever had to be computed.
    Values(Vec<Value>),
}

/// Which rows have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// All.
    All,
    /// Those whose bit is set, of 64 rows a word.
    Some(Vec<u64>),
}

impl Known {
    /// Whether a row has a value.
    #[must_use]
    pub fn contains(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(words) => words
                .get(row / 64)
                .is_some_and(|word| word >> (row % 64) & 1 == 1),
        }
    }
}

impl ColumnValues {
    /// The value of a row, of a column of that type.
    #[must_use]
    pub fn value(&self, row: usize, kind: DataType) -> Value {
        match self {
            Self::Numbers { known, .. } | Self::Texts { known, .. } if !known.contains(row) => {
                Value::Null
            }
            Self::Numbers { values, .. } => match kind.number_type() {
                Some(number) => from_stored(number, values[row]),
                None => Value::Boolean(values[row] != 0),
            },
            Self::Texts { bytes, ends, .. } => Value::Text(text_of(bytes, ends, row).into()),
            Self::Values(values) => values[row].clone(),
        }
    }
}

/// The string of a row.
#[must_use]
pub fn text_of<'a>(bytes: &'a str, ends: &[u32], row: usize) -> &'a str {
    let start = if row == 0 { 0 } else { ends[row - 1] as usize };
    &bytes[start..ends[row] as usize]
}

/// Collects who of a batch has a value.
struct Seen {
    words: Vec<u64>,
    count: usize,
}

impl Seen {
    fn new(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(64)],
            count: 0,
        }
    }

    fn set(&mut self, row: usize) {
        self.words[row / 64] |= 1 << (row % 64);
        self.count += 1;
    }

    fn finish(self, len: usize) -> Known {
        if self.count == len {
            Known::All
        } else {
            Known::Some(self.words)
        }
    }
}

/// Columns of rows that came as rows.
pub(crate) fn transposed(rows: Vec<Vec<Value>>, width: usize) -> ColumnRows {
    let len = rows.len();
    let mut columns: Vec<Vec<Value>> = (0..width).map(|_| Vec::with_capacity(len)).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    ColumnRows {
        len,
        columns: columns.into_iter().map(ColumnValues::Values).collect(),
    }
}

impl Columns {
    /// The values of a slot.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn column(&self, slot: Slot, batch: &Batch) -> Result<ColumnValues> {
        match self.reader(slot)? {
            Reader::Key => self.key_column(batch),
            Reader::Keyword(_, vocabulary) => {
                let (codes, known) = self.numbers(slot, batch)?;
                let strings = vocabulary.read()?;
                let mut bytes = String::new();
                let mut ends = Vec::with_capacity(codes.len());
                for (row, code) in codes.iter().enumerate() {
                    if known.contains(row) {
                        let string = strings.get(*code as Code);
                        let string = string
                            .ok_or_else(|| Error::internal(format!("code {code} has no string")))?;
                        bytes.push_str(string);
                    }
                    ends.push(end_of(&bytes)?);
                }
                Ok(ColumnValues::Texts { bytes, ends, known })
            }
            Reader::Text(stack) => {
                let mut texts: Vec<(usize, String)> = Vec::new();
                let set = &mut |low, text: &str| texts.push((batch.row(low), text.to_owned()));
                stack.for_each(batch.chunk(), batch.audience(), set)?;
                texts.sort_unstable_by_key(|(row, _)| *row);
                let mut seen = Seen::new(batch.len());
                let (mut bytes, mut ends) = (String::new(), Vec::with_capacity(batch.len()));
                for (row, text) in texts {
                    ends.resize(row, end_of(&bytes)?);
                    bytes.push_str(&text);
                    ends.push(end_of(&bytes)?);
                    seen.set(row);
                }
                ends.resize(batch.len(), end_of(&bytes)?);
                let known = seen.finish(batch.len());
                Ok(ColumnValues::Texts { bytes, ends, known })
            }
            Reader::Boolean(_) | Reader::Number(..) | Reader::MapValue(..) => {
                let (values, known) = self.numbers(slot, batch)?;
                Ok(ColumnValues::Numbers { values, known })
            }
            Reader::Set(..) | Reader::Map(..) => {
                let mut values = Vec::new();
                self.values(slot, batch, &mut values)?;
                Ok(ColumnValues::Values(values))
            }
        }
    }

    fn key_column(&self, batch: &Batch) -> Result<ColumnValues> {
        let known = Known::All;
        Ok(match self.keys_of(batch)? {
            Keys::Ints(values) => ColumnValues::Numbers { values, known },
            Keys::Texts { bytes, ends } => ColumnValues::Texts { bytes, ends, known },
        })
    }

    /// The numbers or codes of a slot as stored.
    fn numbers(&self, slot: Slot, batch: &Batch) -> Result<(Vec<i64>, Known)> {
        let mut values = vec![0; batch.len()];
        let mut seen = Seen::new(batch.len());
        let set = &mut |low, value| {
            let row = batch.row(low);
            values[row] = value;
            seen.set(row);
        };
        match self.reader(slot)? {
            Reader::Boolean(stack) | Reader::Keyword(stack, _) | Reader::Number(stack, _) => {
                stack.for_each(batch.chunk(), batch.audience(), set)?;
            }
            Reader::MapValue(stack, Some(code), _) => {
                stack.for_each_value(batch.chunk(), *code, batch.audience(), set)?;
            }
            Reader::MapValue(_, None, _) => {}
            Reader::Key | Reader::Text(_) | Reader::Set(..) | Reader::Map(..) => {
                return Err(Error::internal("a column that is not stored as one number"));
            }
        }
        let known = seen.finish(batch.len());
        Ok((values, known))
    }
}

fn end_of(bytes: &str) -> Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| Error::internal("too much text for one batch"))
}
