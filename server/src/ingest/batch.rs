//! Rows put together into a batch of columns.

use std::sync::Arc;

use tagdb_storage::batch::{Cell, Column, Dictionary, KeyRef, Keys, RowBatch};

use super::report::RowFault;
use super::target::Target;

/// Rows of a batch.
pub const ROWS_MAX: u32 = 65_536;
/// Bytes of text that a batch was read from, by which its memory is bounded.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// Puts rows together. A row is staged cell by cell, and then kept or abandoned as a whole.
#[derive(Debug)]
pub struct BatchBuilder {
    target: Arc<Target>,
    keys: Keys,
    /// By the tag's place in the schema.
    columns: Vec<Column>,
    rows: u32,
    text_bytes: usize,
    /// Bytes that cells hold beside their own size.
    cell_bytes: usize,
    staged: Vec<(usize, Cell)>,
    /// By the tag's place, the number of the row that staged it last.
    staged_in: Vec<u64>,
    row_number: u64,
    /// Whether dictionaries may hold strings of abandoned rows.
    abandoned: bool,
}

impl BatchBuilder {
    /// A builder without rows.
    #[must_use]
    pub fn new(target: Arc<Target>) -> Self {
        Self {
            keys: Keys::new(target.schema.key_type),
            columns: columns(&target),
            rows: 0,
            text_bytes: 0,
            cell_bytes: 0,
            staged: Vec::new(),
            staged_in: vec![0; target.schema.tags.len()],
            row_number: 1,
            abandoned: false,
            target,
        }
    }

    /// Rows kept so far.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// Bytes of text that the rows were read from.
    #[must_use]
    pub const fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Bytes of memory that the rows hold, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let columns = self.columns.iter();
        let columns = columns.map(|column| {
            column.dictionary.bytes() + column.cells.capacity() * size_of::<(u32, Cell)>()
        });
        self.keys.bytes() + columns.sum::<usize>() + self.cell_bytes
    }

    /// Whether the batch has to be taken before more rows are kept.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX || self.text_bytes >= TEXT_BYTES_MAX
    }

    /// The strings of a tag's column.
    pub fn dictionary(&mut self, place: usize) -> &mut Dictionary {
        &mut self.columns[place].dictionary
    }

    /// Says what becomes of a tag in the present row.
    ///
    /// # Errors
    /// `duplicate_column` when the row says it twice; `x+` and `x-` go together.
    pub fn stage(&mut self, place: usize, cell: Cell) -> Result<(), RowFault> {
        let staged_in = &mut self.staged_in[place];
        if *staged_in != self.row_number {
            *staged_in = self.row_number;
            self.staged.push((place, cell));
            return Ok(());
        }
        let earlier = self.staged.iter_mut().find(|(other, _)| *other == place);
        if earlier.is_some_and(|(_, earlier)| join_edits(earlier, cell)) {
            return Ok(());
        }
        let name = &self.target.tag(place).name;
        let detail = format!("column \"{name}\" occurs twice in the row");
        Err(RowFault::new("duplicate_column", detail).in_column(name))
    }

    /// Keeps the staged row under its key; `text_bytes` is what it was read from.
    pub fn keep(&mut self, key: KeyRef<'_>, text_bytes: usize) {
        self.keys.push(key);
        for (place, cell) in self.staged.drain(..) {
            self.cell_bytes += cell.held_bytes();
            self.columns[place].cells.push((self.rows, cell));
        }
        self.rows += 1;
        self.row_number += 1;
        self.text_bytes += text_bytes;
    }

    /// Forgets the staged row.
    pub fn abandon(&mut self) {
        self.staged.clear();
        self.row_number += 1;
        self.abandoned = true;
    }

    /// The rows kept so far; the builder is empty afterwards.
    pub fn take(&mut self) -> RowBatch {
        let keys = std::mem::replace(&mut self.keys, Keys::new(self.target.schema.key_type));
        let mut columns = std::mem::replace(&mut self.columns, columns(&self.target));
        columns.retain(|column| !column.cells.is_empty());
        if std::mem::take(&mut self.abandoned) {
            for column in &mut columns {
                drop_unused_strings(column);
            }
        }
        self.rows = 0;
        self.text_bytes = 0;
        self.cell_bytes = 0;
        RowBatch { keys, columns }
    }
}

fn columns(target: &Target) -> Vec<Column> {
    let column = |tag: &tagdb_storage::schema::Tag| Column {
        tag: tag.id,
        dictionary: Dictionary::default(),
        cells: Vec::new(),
    };
    target.schema.tags.iter().map(column).collect()
}

/// Joins a put and a drop of the same tag, in either order; false if they are not that.
fn join_edits(earlier: &mut Cell, later: Cell) -> bool {
    match (earlier, later) {
        (Cell::EditSet { drop, put }, Cell::EditSet { drop: d, put: p }) => {
            *drop = [&**drop, &d].concat().into();
            join(put, p)
        }
        (Cell::EditMap { drop, put }, Cell::EditMap { drop: d, put: p }) => {
            *drop = [&**drop, &d].concat().into();
            join(put, p)
        }
        _ => false,
    }
}

/// One of the two has to be empty.
fn join<T>(earlier: &mut Box<[T]>, later: Box<[T]>) -> bool {
    if earlier.is_empty() {
        *earlier = later;
        return true;
    }
    later.is_empty()
}

/// A batch registers every string of its dictionaries; those of abandoned rows must not get in.
fn drop_unused_strings(column: &mut Column) {
    let old = std::mem::take(&mut column.dictionary);
    let dictionary = &mut column.dictionary;
    let mut renew = |place: &mut u32| {
        if let Some(string) = old.strings().get(*place as usize) {
            *place = dictionary.place(string);
        }
    };
    if old.strings().is_empty() {
        return;
    }
    for (_, cell) in &mut column.cells {
        match cell {
            Cell::Clear | Cell::Text(_) => {}
            Cell::Value(value) => {
                if let Ok(mut place) = u32::try_from(*value) {
                    renew(&mut place);
                    *value = i64::from(place);
                }
            }
            Cell::Set(members) => members.iter_mut().for_each(&mut renew),
            Cell::Map(entries) => entries.iter_mut().for_each(|(place, _)| renew(place)),
            Cell::EditSet { drop, put } => {
                drop.iter_mut().for_each(&mut renew);
                put.iter_mut().for_each(&mut renew);
            }
            Cell::EditMap { drop, put } => {
                drop.iter_mut().for_each(&mut renew);
                put.iter_mut().for_each(|(place, _)| renew(place));
            }
        }
    }
}
