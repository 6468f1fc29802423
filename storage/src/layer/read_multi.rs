//! Reading a stack of layers of a set or map, chunk by chunk.

use std::sync::Arc;

use crate::bitmap::{Chunk, Container};
use crate::error::Result;
use crate::ids::{Code, Ordinal, chunk_of, low_of, ordinal_at};
use crate::layer::part::{FlatRows, MultiPart, Part, chunk_of_bitmap};
use crate::layer::read::wrong_family;
use crate::layer::write::EntryState;
use crate::segment::groups::EntryIndex;

/// The layers of a set or map, oldest first.
#[derive(Clone, Debug, Default)]
pub struct MultiStack {
    pub(super) layers: Vec<Arc<MultiPart>>,
}

/// What a layer says of an entry of a subject.
enum Verdict {
    Silent,
    Absent,
    Present(i64),
}

impl MultiStack {
    /// A stack of parts, oldest first.
    ///
    /// # Errors
    /// A part is of another family.
    pub fn new(parts: &[Arc<Part>]) -> Result<Self> {
        let layers = parts
            .iter()
            .map(|part| part.as_multi().cloned())
            .collect::<Option<_>>();
        layers
            .map(|layers| Self { layers })
            .ok_or_else(wrong_family)
    }

    /// The subjects that have at least one entry.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn nonempty(&self, chunk: u16, out: &mut Chunk) -> Result<()> {
        out.clear();
        let mut everybody = Chunk::new();
        everybody.fill();
        let mut mixed = Chunk::new();
        self.for_each_owner(chunk, &everybody, &mut mixed, &mut |full, own| {
            full.set.for_each_in(own, |low, rank| {
                if full.rows.len_of(full.start + rank as usize) > 0 {
                    out.set(low);
                }
            });
        })?;
        let mut entries = Vec::new();
        for low in mixed.iter() {
            self.collect(ordinal_at(chunk, low), &mut entries)?;
            if !entries.is_empty() {
                out.set(low);
            }
        }
        Ok(())
    }

    /// The subjects that have an entry.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn members(&self, chunk: u16, code: Code, out: &mut Chunk) -> Result<()> {
        out.clear();
        let (mut ranks, mut found) = (Chunk::new(), Chunk::new());
        for layer in &self.layers {
            let reset = chunk_of_bitmap(&layer.reset, chunk);
            if let Some((_, reset)) = &reset {
                reset.and_not_into(out);
            }
            if let Some(index) = &layer.index {
                if let Some((members, _)) = index.get(code)?
                    && let Some((_, members)) = chunk_of_bitmap(&members, chunk)
                {
                    members.or_into(out);
                }
                continue;
            }
            if let Some((first_rank, reset)) = reset {
                let (rows, start) = layer.full.chunk(chunk, (first_rank, reset.len()))?;
                rows.lists_with(start, reset.len() as usize, code, &mut ranks);
                reset.members_at(&ranks, &mut found);
                out.or(&found);
            }
            if let Some((first_rank, dirty)) = chunk_of_bitmap(&layer.dirty, chunk) {
                let (first, count) = (first_rank as usize, dirty.len() as usize);
                layer.drops.lists_with(first, count, code, &mut ranks);
                dirty.members_at(&ranks, &mut found);
                out.and_not(&found);
                layer.puts.lists_with(first, count, code, &mut ranks);
                dirty.members_at(&ranks, &mut found);
                out.or(&found);
            }
        }
        Ok(())
    }

    /// The number of subjects in layers that have no bitmap for each entry: there `members` goes
    /// over all entries.
    #[must_use]
    pub fn unindexed(&self) -> u64 {
        let layers = self.layers.iter().filter(|layer| layer.index.is_none());
        layers
            .map(|layer| layer.reset.len() + layer.dirty.len())
            .sum()
    }

    /// The candidates whose value under an entry lies in `[low, high]`.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn in_range(
        &self,
        chunk: u16,
        code: Code,
        candidates: &Chunk,
        bounds: (i64, i64),
        out: &mut Chunk,
    ) -> Result<()> {
        out.clear();
        self.for_each_value(chunk, code, candidates, &mut |low, value| {
            if bounds.0 <= value && value <= bounds.1 {
                out.set(low);
            }
        })
    }

    /// Calls `visit` with position and value of each subject of the audience that has an entry.
    /// The positions rise within a layer, not over all.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn for_each_value(
        &self,
        chunk: u16,
        code: Code,
        audience: &Chunk,
        visit: &mut dyn FnMut(u16, i64),
    ) -> Result<()> {
        let (mut ranks, mut found) = (Chunk::new(), Chunk::new());
        let mut left = audience.clone();
        for layer in self.layers.iter().rev() {
            if left.is_empty() {
                break;
            }
            layer.dirty_values(chunk, code, &mut left, visit);
            let Some((first_rank, reset)) = chunk_of_bitmap(&layer.reset, chunk) else {
                continue;
            };
            if let Some(index) = &layer.index {
                if let Some((members, values)) = index.get(code)?
                    && let Some((first, container)) = chunk_of_bitmap(&members, chunk)
                {
                    container.for_each_in(&left, |low, rank| {
                        let place = first as usize + rank as usize;
                        visit(low, values.as_ref().map_or(0, |values| values.get(place)));
                    });
                }
            } else {
                let (rows, start) = layer.full.chunk(chunk, (first_rank, reset.len()))?;
                rows.lists_with(start, reset.len() as usize, code, &mut ranks);
                reset.members_at(&ranks, &mut found);
                found.and(&left);
                reset.for_each_in(&found, |low, rank| {
                    if let Some(value) = rows.find(start + rank as usize, code) {
                        visit(low, value);
                    }
                });
            }
            reset.and_not_into(&mut left);
        }
        Ok(())
    }

    /// Calls `visit` with position and entries (by rising code; 0 beside each in sets) of each
    /// subject of the audience that has any. The positions come in no particular order.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn for_each_row(
        &self,
        chunk: u16,
        audience: &Chunk,
        visit: &mut dyn FnMut(u16, &[(Code, i64)]),
    ) -> Result<()> {
        let mut mixed = Chunk::new();
        let mut entries = Vec::new();
        self.for_each_owner(chunk, audience, &mut mixed, &mut |full, own| {
            full.set.for_each_in(own, |low, rank| {
                entries.clear();
                full.rows
                    .for_each(full.start + rank as usize, |code, value| {
                        entries.push((code, value));
                    });
                if !entries.is_empty() {
                    visit(low, &entries);
                }
            });
        })?;
        for low in mixed.iter() {
            self.collect(ordinal_at(chunk, low), &mut entries)?;
            if !entries.is_empty() {
                visit(low, &entries);
            }
        }
        Ok(())
    }

    /// A subject's entries, by rising code; 0 beside each in sets.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn get(&self, ordinal: Ordinal) -> Result<Vec<(Code, i64)>> {
        let mut entries = Vec::new();
        self.collect(ordinal, &mut entries)?;
        Ok(entries)
    }

    /// Whether a subject has an entry, and the value beside it (0 in sets).
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn get_entry(&self, ordinal: Ordinal, code: Code) -> Result<Option<i64>> {
        for layer in self.layers.iter().rev() {
            match layer.verdict(ordinal, code)? {
                Verdict::Silent => {}
                Verdict::Absent => return Ok(None),
                Verdict::Present(value) => return Ok(Some(value)),
            }
        }
        Ok(None)
    }

    /// Visits, newest first, the full rows of each layer with those of the audience that nothing
    /// newer touches; those that need several layers are left in `mixed`.
    pub(super) fn for_each_owner(
        &self,
        chunk: u16,
        audience: &Chunk,
        mixed: &mut Chunk,
        visit: &mut dyn FnMut(&FullRows<'_>, &Chunk),
    ) -> Result<()> {
        let mut left = audience.clone();
        let mut own = Chunk::new();
        mixed.clear();
        for layer in self.layers.iter().rev() {
            if let Some((_, dirty)) = chunk_of_bitmap(&layer.dirty, chunk) {
                own.copy_from(&left);
                dirty.and_into(&mut own);
                mixed.or(&own);
                left.and_not(&own);
            }
            if let Some((first_rank, reset)) = chunk_of_bitmap(&layer.reset, chunk) {
                own.copy_from(&left);
                reset.and_into(&mut own);
                if !own.is_empty() {
                    let (rows, start) = layer.full.chunk(chunk, (first_rank, reset.len()))?;
                    visit(
                        &FullRows {
                            set: reset,
                            rows: &rows,
                            start,
                            index: layer.index.as_ref(),
                        },
                        &own,
                    );
                    left.and_not(&own);
                }
            }
            if left.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Makes `entries` those of a subject, by rising code.
    pub(super) fn collect(&self, ordinal: Ordinal, entries: &mut Vec<(Code, i64)>) -> Result<()> {
        let mut found: Vec<EntryState> = Vec::new();
        for layer in self.layers.iter().rev() {
            if let Some(state) = layer.state(ordinal)? {
                let reset = state.reset;
                found.push(state);
                if reset {
                    break;
                }
            }
        }
        entries.clear();
        entries.append(&mut EntryState::fold(found));
        Ok(())
    }
}

/// The full rows of a layer in one chunk.
pub(super) struct FullRows<'a> {
    pub(super) set: Container<'a>,
    pub(super) rows: &'a FlatRows,
    pub(super) start: usize,
    pub(super) index: Option<&'a EntryIndex>,
}

impl MultiPart {
    /// What the layer says of a subject, if anything.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn state(&self, ordinal: Ordinal) -> Result<Option<EntryState>> {
        let mut state = EntryState::default();
        if let Some((first_rank, reset)) = chunk_of_bitmap(&self.reset, chunk_of(ordinal))
            && let Some(rank) = reset.position(low_of(ordinal))
        {
            let (rows, start) = self
                .full
                .chunk(chunk_of(ordinal), (first_rank, reset.len()))?;
            state.reset = true;
            rows.for_each(start + rank as usize, |code, value| {
                state.puts.push((code, value))
            });
            return Ok(Some(state));
        }
        let Some(index) = self.dirty_index(ordinal) else {
            return Ok(None);
        };
        self.puts
            .for_each(index, |code, value| state.puts.push((code, value)));
        self.drops.for_each(index, |code, _| state.drops.push(code));
        Ok(Some(state))
    }

    fn verdict(&self, ordinal: Ordinal, code: Code) -> Result<Verdict> {
        if let Some((first_rank, reset)) = chunk_of_bitmap(&self.reset, chunk_of(ordinal))
            && let Some(rank) = reset.position(low_of(ordinal))
        {
            let (rows, start) = self
                .full
                .chunk(chunk_of(ordinal), (first_rank, reset.len()))?;
            let found = rows.find(start + rank as usize, code);
            return Ok(found.map_or(Verdict::Absent, Verdict::Present));
        }
        let Some(index) = self.dirty_index(ordinal) else {
            return Ok(Verdict::Silent);
        };
        if let Some(value) = self.puts.find(index, code) {
            return Ok(Verdict::Present(value));
        }
        let dropped = self.drops.find(index, code).is_some();
        Ok(if dropped {
            Verdict::Absent
        } else {
            Verdict::Silent
        })
    }

    fn dirty_index(&self, ordinal: Ordinal) -> Option<usize> {
        if self.dirty.is_empty() {
            return None;
        }
        self.dirty.position(ordinal).map(|rank| rank as usize)
    }

    /// Visits those of `left` that this layer puts or drops an entry of, and takes them away.
    fn dirty_values(
        &self,
        chunk: u16,
        code: Code,
        left: &mut Chunk,
        visit: &mut dyn FnMut(u16, i64),
    ) {
        let Some((first_rank, dirty)) = chunk_of_bitmap(&self.dirty, chunk) else {
            return;
        };
        let (first, count) = (first_rank as usize, dirty.len() as usize);
        let (mut ranks, mut found) = (Chunk::new(), Chunk::new());
        self.puts.lists_with(first, count, code, &mut ranks);
        dirty.members_at(&ranks, &mut found);
        found.and(left);
        dirty.for_each_in(&found, |low, rank| {
            if let Some(value) = self.puts.find(first + rank as usize, code) {
                visit(low, value);
            }
        });
        left.and_not(&found);
        self.drops.lists_with(first, count, code, &mut ranks);
        dirty.members_at(&ranks, &mut found);
        left.and_not(&found);
    }
}
