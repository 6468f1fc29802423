//! The chunk of new subjects that a bulk load is filling, tag by tag.

use std::ops::Range;

use crate::bitmap::{Bitmap, BitmapWriter, Chunk};
use crate::engine::section::Stored;
use crate::error::Result;
use crate::ids::{CHUNK_LEN, Code};
use crate::layer::write::{Edit, EntryState};
use crate::schema::{Family, Tag};
use crate::segment::base::{BaseMulti, BaseSingle, BaseText, EncodedChunk};
use crate::segment::tags::TagSegmentWriter;

/// One tag of the chunk, and what has been written of the chunks before.
#[derive(Debug)]
pub(super) struct ChunkTag {
    tag: Tag,
    values: ChunkValues,
    cleared: Chunk,
    all_cleared: BitmapWriter,
    encoded: Option<EncodedChunk>,
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
        rows: ChunkRows,
    },
}

/// The entries of a chunk's subjects, by rising code. What is replaced is left behind.
#[derive(Debug)]
struct ChunkRows {
    entries: Vec<(Code, i64)>,
    /// Where each subject's entries are.
    places: Vec<Range<usize>>,
}

impl ChunkRows {
    fn get(&self, low: u16) -> &[(Code, i64)] {
        &self.entries[self.places[usize::from(low)].clone()]
    }

    /// Gives a subject these entries, in any order; a later one of the same code wins.
    fn replace(&mut self, low: u16, entries: &[(Code, i64)]) {
        let start = self.entries.len();
        self.entries.extend_from_slice(entries);
        let own = &mut self.entries[start..];
        let mut end = own.len();
        if !own.is_sorted_by(|a, b| a.0 < b.0) {
            // Stable, so that the last of a code stays the last; it is then moved to the front.
            own.sort_by_key(|(code, _)| *code);
            end = 0;
            for index in 0..own.len() {
                if own.get(index + 1).is_none_or(|next| next.0 != own[index].0) {
                    own[end] = own[index];
                    end += 1;
                }
            }
        }
        self.entries.truncate(start + end);
        self.places[usize::from(low)] = start..start + end;
    }
}

impl ChunkTag {
    pub(super) fn new(tag: &Tag) -> Self {
        let len = CHUNK_LEN as usize;
        let multi = |payload| ChunkValues::Multi {
            base: BaseMulti::new(payload),
            decided: Box::default(),
            edited: Box::default(),
            rows: ChunkRows {
                entries: Vec::new(),
                places: vec![0..0; len],
            },
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
        Self {
            tag: tag.clone(),
            values,
            cleared: Chunk::new(),
            all_cleared: BitmapWriter::new(),
            encoded: None,
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
                    Stored::Edit(Edit::Replace(entries)) => rows.replace(low, &entries),
                    Stored::Edit(edit) => {
                        let mut state = EntryState {
                            reset: true,
                            puts: rows.get(low).to_vec(),
                            drops: Vec::new(),
                        };
                        state.apply(&edit);
                        rows.replace(low, &state.puts);
                    }
                    _ => rows.replace(low, &[]),
                }
            }
            _ => debug_assert!(false, "a cell of another family"),
        }
    }

    /// Replaces the content of the subject at a position; of a code that occurs twice, the later
    /// entry counts.
    pub(super) fn replace(&mut self, low: u16, entries: &[(Code, i64)]) {
        if let ChunkValues::Multi { decided, rows, .. } = &mut self.values {
            decided.set(low);
            rows.replace(low, entries);
        } else {
            debug_assert!(false, "a cell of another family");
        }
    }

    /// Encodes the chunk, and begins an empty one.
    pub(super) fn encode(&mut self, chunk: u16) {
        self.encoded = match &mut self.values {
            ChunkValues::Single {
                base,
                known,
                values,
            } => {
                let encoded = base.encode(chunk, known, values);
                known.clear();
                encoded
            }
            ChunkValues::Text { base, texts } => {
                let taken = (0..=u16::MAX).zip(texts.iter_mut());
                let mut known: Vec<(u16, String)> = taken
                    .filter_map(|(low, text)| Some((low, text.take()?.into())))
                    .collect();
                base.encode(chunk, &mut known)
            }
            ChunkValues::Multi {
                base,
                decided,
                edited,
                rows,
            } => {
                let mut entries: Vec<(Code, u16, i64)> = Vec::with_capacity(rows.entries.len());
                decided.for_each(|low| {
                    entries.extend(
                        rows.get(low)
                            .iter()
                            .map(|(code, value)| (*code, low, *value)),
                    );
                });
                let encoded = base.encode(chunk, decided, &mut entries);
                decided.clear();
                edited.clear();
                rows.entries.clear();
                encoded
            }
        };
        if !self.cleared.is_empty() {
            self.all_cleared.push_chunk(chunk, &self.cleared);
            self.cleared.clear();
        }
    }

    /// Writes what was encoded.
    pub(super) fn put(&mut self, writer: &mut TagSegmentWriter) -> Result<()> {
        let Some(encoded) = self.encoded.take() else {
            return Ok(());
        };
        match &mut self.values {
            ChunkValues::Single { base, .. } => base.put(writer, &encoded),
            ChunkValues::Text { base, .. } => base.put(writer, &encoded),
            ChunkValues::Multi { base, .. } => base.put(writer, &encoded),
        }
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
