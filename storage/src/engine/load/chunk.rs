//! The chunk of new subjects that a bulk load is filling, tag by tag.

use crate::bitmap::{Bitmap, BitmapWriter, Chunk};
use crate::engine::section::Stored;
use crate::error::Result;
use crate::ids::{CHUNK_LEN, Code};
use crate::layer::write::{Edit, EntryState};
use crate::schema::{Family, Tag};
use crate::segment::base::{BaseMulti, BaseSingle, BaseText};
use crate::segment::tags::TagSegmentWriter;

/// One tag of the chunk, and what has been written of the chunks before.
#[derive(Debug)]
pub(super) struct ChunkTag {
    tag: Tag,
    values: ChunkValues,
    cleared: Chunk,
    all_cleared: BitmapWriter,
}

#[derive(Debug)]
enum ChunkValues {
    Single {
        base: BaseSingle,
        known: Box<Chunk>,
        values: Vec<i64>,
    },
    Text {
        base: BaseText,
        texts: Vec<Option<Box<str>>>,
    },
    Multi {
        base: BaseMulti,
        /// Whose content is decided.
        decided: Box<Chunk>,
        /// Whose content is not: of those nothing is here.
        edited: Box<Chunk>,
        states: Vec<EntryState>,
    },
}

impl ChunkTag {
    pub(super) fn new(tag: &Tag) -> Self {
        let len = CHUNK_LEN as usize;
        let multi = |payload| ChunkValues::Multi {
            base: BaseMulti::new(payload),
            decided: Box::default(),
            edited: Box::default(),
            states: vec![EntryState::default(); len],
        };
        let values = match tag.kind.family() {
            Family::Single => ChunkValues::Single {
                base: BaseSingle::new(tag.kind.is_coded()),
                known: Box::new(Chunk::new()),
                values: vec![0; len],
            },
            Family::Text => ChunkValues::Text {
                base: BaseText::default(),
                texts: vec![None; len],
            },
            Family::Set => multi(false),
            Family::Map => multi(true),
        };
        let (cleared, all_cleared) = (Chunk::new(), BitmapWriter::new());
        Self {
            tag: tag.clone(),
            values,
            cleared,
            all_cleared,
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
            (
                ChunkValues::Multi {
                    decided, states, ..
                },
                cell,
            ) => {
                decided.set(low);
                let state = &mut states[index];
                state.reset = true;
                match cell {
                    Stored::Edit(edit) => state.apply(&edit),
                    _ => state.apply(&Edit::Replace(Vec::new())),
                }
            }
            _ => debug_assert!(false, "a cell of another family"),
        }
    }

    /// Replaces the content of the subject at a position by entries in any order.
    pub(super) fn write_entries(
        &mut self,
        low: u16,
        mut fill: impl FnMut(&mut Vec<(Code, i64)>) -> Result<()>,
    ) -> Result<()> {
        let ChunkValues::Multi {
            decided, states, ..
        } = &mut self.values
        else {
            debug_assert!(false, "a cell of another family");
            return Ok(());
        };
        decided.set(low);
        let state = &mut states[usize::from(low)];
        state.reset = true;
        state.drops.clear();
        state.puts.clear();
        fill(&mut state.puts)?;
        if !state.puts.is_sorted_by(|a, b| a.0 < b.0) {
            state.puts.sort_by_key(|(code, _)| *code);
            // Of the same code, the later entry wins.
            state.puts.dedup_by(|later, earlier| {
                let is_same = later.0 == earlier.0;
                if is_same {
                    *earlier = *later;
                }
                is_same
            });
        }
        Ok(())
    }

    /// Writes the chunk, and begins an empty one.
    pub(super) fn push(&mut self, writer: &mut TagSegmentWriter, chunk: u16) -> Result<()> {
        match &mut self.values {
            ChunkValues::Single {
                base,
                known,
                values,
            } => {
                base.push(writer, chunk, known, values)?;
                known.clear();
            }
            ChunkValues::Text { base, texts } => {
                let taken = (0..=u16::MAX).zip(texts.iter_mut());
                let mut known: Vec<(u16, String)> = taken
                    .filter_map(|(low, text)| Some((low, text.take()?.into())))
                    .collect();
                base.push(writer, chunk, &mut known)?;
            }
            ChunkValues::Multi {
                base,
                decided,
                edited,
                states,
            } => {
                let mut entries: Vec<(Code, u16, i64)> = Vec::new();
                decided.for_each(|low| {
                    let state = &mut states[usize::from(low)];
                    entries.extend(state.puts.iter().map(|(code, value)| (*code, low, *value)));
                    state.puts.clear();
                });
                base.push(writer, chunk, decided, &mut entries)?;
                decided.clear();
                edited.clear();
            }
        }
        if !self.cleared.is_empty() {
            self.all_cleared.push_chunk(chunk, &self.cleared);
            self.cleared.clear();
        }
        Ok(())
    }

    /// Writes what is gathered over all chunks.
    pub(super) fn finish(self, writer: &mut TagSegmentWriter) -> Result<()> {
        let cleared: Bitmap = self.all_cleared.finish();
        match self.values {
            ChunkValues::Single { base, .. } => base.finish(writer, self.tag.id, &cleared),
            ChunkValues::Text { base, .. } => base.finish(writer, self.tag.id, &cleared),
            ChunkValues::Multi { base, .. } => base.finish(writer, self.tag.id),
        }
    }
}
