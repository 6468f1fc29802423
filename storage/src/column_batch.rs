//! Rows by key, column by column: what files of columns bring, without a [`Cell`] for each value.

use crate::batch::{Cell, Column, Dictionary, Keys, RowBatch};
use crate::ids::TagId;
use crate::schema::{Family, TagType};

/// Rows by key in which every column has something to say about every row. A key may occur several
/// times: rows apply in order.
#[derive(Clone, Debug)]
pub struct ColumnBatch {
    /// One a row.
    pub keys: Keys,
    /// At most one for each tag, each as long as `keys`.
    pub columns: Vec<DenseColumn>,
}

/// What a batch says about one tag.
#[derive(Clone, Debug)]
pub struct DenseColumn {
    /// Which tag.
    pub tag: TagId,
    /// The strings that values name by their places.
    pub dictionary: Dictionary,
    /// One a row.
    pub values: DenseValues,
}

/// The values of a column by row, as they are stored; strings by their places.
#[derive(Clone, Debug, PartialEq)]
pub enum DenseValues {
    /// Booleans (0 or 1), keywords (places) or numbers.
    Numbers {
        /// One a row; of no meaning where there is none.
        values: Vec<i64>,
        /// The rows that have none, rising.
        nulls: Vec<u32>,
    },
    /// Long texts.
    Texts {
        /// The texts, one after the other.
        bytes: String,
        /// The end of each row's text in `bytes`.
        ends: Vec<u32>,
        /// The rows that have none, rising.
        nulls: Vec<u32>,
    },
    /// Sets; one without members is the same as none.
    Sets {
        /// The end of each row's members.
        ends: Vec<u32>,
        /// Places.
        members: Vec<u32>,
    },
    /// Maps; one without entries is the same as none.
    Maps {
        /// The end of each row's entries.
        ends: Vec<u32>,
        /// Places and values.
        entries: Vec<(u32, i64)>,
    },
}

impl ColumnBatch {
    /// Bytes of memory that it holds, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let columns = self.columns.iter();
        let columns = columns.map(|column| column.dictionary.bytes() + column.values.bytes());
        self.keys.bytes() + columns.sum::<usize>()
    }
}

impl DenseValues {
    /// Bytes of memory that they hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let rows = |rows: &Vec<u32>| rows.capacity() * size_of::<u32>();
        match self {
            Self::Numbers { values, nulls } => values.capacity() * size_of::<i64>() + rows(nulls),
            Self::Texts { bytes, ends, nulls } => bytes.capacity() + rows(ends) + rows(nulls),
            Self::Sets { ends, members } => rows(ends) + rows(members),
            Self::Maps { ends, entries } => {
                rows(ends) + entries.capacity() * size_of::<(u32, i64)>()
            }
        }
    }

    /// No values yet, of a tag of that type.
    #[must_use]
    pub fn new(kind: TagType) -> Self {
        match kind.family() {
            Family::Single => Self::Numbers {
                values: Vec::new(),
                nulls: Vec::new(),
            },
            Family::Text => Self::Texts {
                bytes: String::new(),
                ends: Vec::new(),
                nulls: Vec::new(),
            },
            Family::Set => Self::Sets {
                ends: Vec::new(),
                members: Vec::new(),
            },
            Family::Map => Self::Maps {
                ends: Vec::new(),
                entries: Vec::new(),
            },
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers { values, .. } => values.len(),
            Self::Texts { ends, .. } | Self::Sets { ends, .. } | Self::Maps { ends, .. } => {
                ends.len()
            }
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all rows from `len` on.
    pub fn truncate(&mut self, len: usize) {
        let keep_nulls = |nulls: &mut Vec<u32>| {
            nulls.truncate(nulls.partition_point(|row| (*row as usize) < len));
        };
        match self {
            Self::Numbers { values, nulls } => {
                values.truncate(len);
                keep_nulls(nulls);
            }
            Self::Texts { bytes, ends, nulls } => {
                ends.truncate(len);
                bytes.truncate(ends.last().map_or(0, |end| *end as usize));
                keep_nulls(nulls);
            }
            Self::Sets { ends, members } => {
                ends.truncate(len);
                members.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Self::Maps { ends, entries } => {
                ends.truncate(len);
                entries.truncate(ends.last().map_or(0, |end| *end as usize));
            }
        }
    }

    /// The text of a row, where that is what the column holds.
    pub(crate) fn text<'a>(bytes: &'a str, ends: &[u32], row: usize) -> &'a str {
        &bytes[range(ends, row)]
    }

    fn cell(&self, row: usize) -> Cell {
        let is_null = |nulls: &[u32]| nulls.binary_search(&(row as u32)).is_ok();
        match self {
            Self::Numbers { nulls, .. } | Self::Texts { nulls, .. } if is_null(nulls) => {
                Cell::Clear
            }
            Self::Numbers { values, .. } => Cell::Value(values[row]),
            Self::Texts { bytes, ends, .. } => Cell::Text(Self::text(bytes, ends, row).into()),
            Self::Sets { ends, members } => match &members[range(ends, row)] {
                [] => Cell::Clear,
                members => Cell::Set(members.into()),
            },
            Self::Maps { ends, entries } => match &entries[range(ends, row)] {
                [] => Cell::Clear,
                entries => Cell::Map(entries.into()),
            },
        }
    }
}

/// Where a row's part lies.
pub(crate) fn range(ends: &[u32], row: usize) -> std::ops::Range<usize> {
    let start = if row == 0 { 0 } else { ends[row - 1] as usize };
    start..ends[row] as usize
}

impl From<ColumnBatch> for RowBatch {
    /// The same rows, cell by cell.
    fn from(batch: ColumnBatch) -> Self {
        let column = |column: DenseColumn| Column {
            tag: column.tag,
            cells: (0..)
                .zip(0..column.values.len())
                .map(|(row, place)| (row, column.values.cell(place)))
                .collect(),
            dictionary: column.dictionary,
        };
        Self {
            keys: batch.keys,
            columns: batch.columns.into_iter().map(column).collect(),
        }
    }
}
