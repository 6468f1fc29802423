//! The chunk of new subjects that a bulk load is filling, tag by tag.

use std::ops::Range;

use crate::bitmap::Chunk;
use crate::engine::section::Stored;
use crate::error::{Error, Result};
use crate::ids::{CHUNK_LEN, Code};
use crate::layer::write::{Edit, EntryState};
use crate::schema::{Family, Tag};
use crate::segment::base::Entries;

/// A row of a batch, and its subject's position in the chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) row: u32,
    pub(super) low: u16,
}

/// One tag of the chunk.
#[derive(Debug)]
pub(super) struct ChunkTag {
    pub(super) tag: Tag,
    pub(super) values: ChunkValues,
    pub(super) cleared: Chunk,
}

/// The values of the chunk's subjects by position.
#[derive(Debug)]
pub(super) enum ChunkValues {
    Single {
        known: Box<Chunk>,
        values: Vec<i64>,
    },
    Text {
        texts: Vec<Option<Box<str>>>,
    },
    Multi {
        /// Whose content is decided.
        decided: Box<Chunk>,
        /// Whose content is not: of those nothing is here.
        edited: Box<Chunk>,
        rows: ChunkRows,
    },
}

/// The entries of a chunk's subjects. What is replaced is left behind.
#[derive(Debug)]
pub(super) struct ChunkRows {
    pub(super) codes: Vec<Code>,
    /// Of maps, the values beside the codes.
    pub(super) values: Option<Vec<i64>>,
    /// Where each subject's entries are, in any order; of a code that occurs twice the later counts.
    pub(super) places: Vec<Range<usize>>,
}

impl ChunkRows {
    fn new(payload: bool) -> Self {
        Self {
            codes: Vec::new(),
            values: payload.then(Vec::new),
            places: vec![0..0; CHUNK_LEN as usize],
        }
    }

    /// A subject's entries by rising code.
    fn get(&self, low: u16) -> Vec<(Code, i64)> {
        let own = self.places[usize::from(low)].clone();
        let mut state = EntryState::default();
        let value = |from: usize| self.values.as_ref().map_or(0, |values| values[from]);
        let entries = own.map(|from| (self.codes[from], value(from))).collect();
        state.apply(&Edit::Replace(entries));
        state.puts
    }

    /// Adds an entry to those of the subject that comes next.
    fn push(&mut self, code: Code, value: i64) {
        self.codes.push(code);
        if let Some(values) = &mut self.values {
            values.push(value);
        }
    }

    /// Gives a subject the entries from `start` on.
    fn replace(&mut self, low: u16, start: usize) {
        self.places[usize::from(low)] = start..self.codes.len();
    }

    fn replace_by(&mut self, low: u16, entries: &[(Code, i64)]) {
        let start = self.codes.len();
        for (code, value) in entries {
            self.push(*code, *value);
        }
        self.replace(low, start);
    }

    /// Makes room for a chunk's entries out of those of the chunk before.
    pub(super) fn reuse(&mut self, mut entries: Entries) {
        entries.codes.clear();
        self.codes = entries.codes;
        if let Some(values) = &mut self.values {
            entries.values.clear();
            *values = entries.values;
        }
    }

    /// All entries of some subjects; none are left.
    pub(super) fn take(&mut self, decided: &Chunk) -> Entries {
        let mut entries = Entries::default();
        let mut end = 0;
        let mut follow = true;
        decided.for_each(|low| {
            let own = self.places[usize::from(low)].clone();
            follow &= own.start == end;
            end = own.end;
            let lows = entries.lows.len() + own.len();
            entries.lows.resize(lows, low);
        });
        if follow && end == self.codes.len() {
            entries.codes = std::mem::take(&mut self.codes);
            entries.values = self.values.as_mut().map(std::mem::take).unwrap_or_default();
        } else {
            decided.for_each(|low| {
                let own = self.places[usize::from(low)].clone();
                entries.codes.extend_from_slice(&self.codes[own.clone()]);
                if let Some(values) = &self.values {
                    entries.values.extend_from_slice(&values[own]);
                }
            });
            self.codes.clear();
            self.values.iter_mut().for_each(Vec::clear);
        }
        entries
    }
}

impl ChunkTag {
    pub(super) fn new(tag: &Tag) -> Self {
        let len = CHUNK_LEN as usize;
        let multi = |payload| ChunkValues::Multi {
            decided: Box::default(),
            edited: Box::default(),
            rows: ChunkRows::new(payload),
        };
        let values = match tag.kind.family() {
            Family::Single => ChunkValues::Single {
                known: Box::new(Chunk::new()),
                values: vec![0; len],
            },
            Family::Text => ChunkValues::Text {
                texts: vec![None; len],
            },
            Family::Set => multi(false),
            Family::Map => multi(true),
        };
        Self {
            tag: tag.clone(),
            values,
            cleared: Chunk::new(),
        }
    }

    /// Whether a cell of the new subject at a position belongs here. An edit of a set or map that
    /// nothing has decided does not, nor what follows it: if somebody else makes the subject
    /// meanwhile, it must not count as the whole content.
    pub(super) fn takes(&mut self, low: u16, cell: &Stored<'_>) -> bool {
        let ChunkValues::Multi {
            decided, edited, ..
        } = &mut self.values
        else {
            return true;
        };
        if matches!(cell, Stored::Edit(Edit::Change { .. })) && !decided.contains(low) {
            edited.set(low);
        }
        !edited.contains(low)
    }

    /// Applies a cell to the new subject at a position.
    pub(super) fn write(&mut self, low: u16, cell: Stored<'_>) {
        let index = usize::from(low);
        match (&mut self.values, cell) {
            (ChunkValues::Single { known, values, .. }, Stored::Number(value)) => {
                known.set(low);
                self.cleared.remove(low);
                values[index] = value;
            }
            (ChunkValues::Single { known, .. }, Stored::Clear) => {
                known.remove(low);
                self.cleared.set(low);
            }
            (ChunkValues::Text { texts, .. }, Stored::Text(text)) => {
                self.cleared.remove(low);
                texts[index] = Some(text.into());
            }
            (ChunkValues::Text { texts, .. }, Stored::Clear) => {
                self.cleared.set(low);
                texts[index] = None;
            }
            (ChunkValues::Multi { decided, rows, .. }, cell) => {
                decided.set(low);
                match cell {
                    Stored::Edit(Edit::Replace(entries)) => rows.replace_by(low, &entries),
                    Stored::Edit(edit) => {
                        let mut state = EntryState {
                            reset: true,
                            puts: rows.get(low),
                            drops: Vec::new(),
                        };
                        state.apply(&edit);
                        rows.replace_by(low, &state.puts);
                    }
                    _ => rows.replace_by(low, &[]),
                }
            }
            _ => debug_assert!(false, "a cell of another family"),
        }
    }

    /// The subjects whose cells do not belong here, if there are any.
    pub(super) fn edited(&self) -> Option<&Chunk> {
        match &self.values {
            ChunkValues::Multi { edited, .. } if !edited.is_empty() => Some(edited),
            _ => None,
        }
    }

    /// Whether it takes long to write or encode, so that it had better be begun early.
    pub(super) fn is_long(&self) -> bool {
        !matches!(self.values, ChunkValues::Single { .. })
    }

    /// Begins an empty chunk.
    pub(super) fn clear(&mut self) {
        match &mut self.values {
            ChunkValues::Single { known, .. } => known.clear(),
            ChunkValues::Text { texts } => texts.fill(None),
            ChunkValues::Multi {
                decided,
                edited,
                rows,
            } => {
                decided.clear();
                edited.clear();
                rows.codes.clear();
                rows.values.iter_mut().for_each(Vec::clear);
            }
        }
        self.cleared.clear();
    }
}

/// Cells of a chunk's new subjects that come by columns, all of which decide.
impl ChunkTag {
    /// Gives subjects numbers, row by row; `number` says none for a row that takes the value away.
    ///
    /// # Errors
    /// Those of `number`.
    pub(super) fn write_numbers(
        &mut self,
        rows: &[Row],
        mut number: impl FnMut(usize) -> Result<Option<i64>>,
    ) -> Result<()> {
        let ChunkValues::Single { known, values, .. } = &mut self.values else {
            return Err(another_family());
        };
        let Some((first, last)) = rows.first().zip(rows.last()) else {
            return Ok(());
        };
        // New subjects mostly follow each other: then they become known all at once.
        let follow = rows.is_sorted_by(|a, b| u32::from(a.low) + 1 == u32::from(b.low));
        if follow {
            let all = usize::from(first.low)..usize::from(last.low) + 1;
            known.set_range(all.clone());
            self.cleared.clear_range(all);
        }
        for Row { row, low } in rows {
            match number(*row as usize)? {
                Some(value) => {
                    values[usize::from(*low)] = value;
                    if !follow {
                        known.set(*low);
                        self.cleared.remove(*low);
                    }
                }
                None => {
                    known.remove(*low);
                    self.cleared.set(*low);
                }
            }
        }
        Ok(())
    }

    /// Gives subjects entries, row by row: `entries` hands them over.
    ///
    /// # Errors
    /// Those of `entries`.
    pub(super) fn write_entries(
        &mut self,
        rows: &[Row],
        mut entries: impl FnMut(usize, &mut dyn FnMut(Code, i64)) -> Result<()>,
    ) -> Result<()> {
        let ChunkValues::Multi {
            decided, rows: own, ..
        } = &mut self.values
        else {
            return Err(another_family());
        };
        for Row { row, low } in rows {
            let start = own.codes.len();
            entries(*row as usize, &mut |code, value| own.push(code, value))?;
            own.replace(*low, start);
            decided.set(*low);
        }
        Ok(())
    }
}

fn another_family() -> Error {
    Error::internal("a cell of another family")
}
