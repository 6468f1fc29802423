//! Reading a stack of layers of a set or map, chunk by chunk.

use std::sync::Arc;

use crate::bitmap::{Chunk, Container};
use crate::error::Result;
use crate::ids::{Code, Ordinal, ordinal_at};
use crate::layer::multi_part::Verdict;
use crate::layer::part::{FlatRows, MultiPart, Part, chunk_of_bitmap};
use crate::layer::resolved::{ChunkCache, Members, ResolvedRows, is_worth};
use crate::layer::stack::Layers;
use crate::layer::write::EntryState;

/// The layers of a set or map.
#[derive(Clone, Debug, Default)]
pub struct MultiStack {
    pub(super) layers: Layers<MultiPart>,
}

impl MultiStack {
    /// A stack of parts, oldest first.
    ///
    /// # Errors
    /// A part is of another family.
    pub fn new(parts: &[Arc<Part>]) -> Result<Self> {
        Self::over(parts, None, &[])
    }

    /// A stack of parts in files, whose chunks may be kept, and parts in memory.
    ///
    /// # Errors
    /// A part is of another family.
    pub(crate) fn over(
        flushed: &[Arc<Part>],
        resolved: Option<ChunkCache>,
        memory: &[Arc<Part>],
    ) -> Result<Self> {
        let layers = Layers::new(flushed, resolved, memory, Part::as_multi)?;
        Ok(Self { layers })
    }

    /// The flushed layers alone.
    pub(super) fn flushed(&self) -> Self {
        let layers = self.layers.flushed();
        Self { layers }
    }

    /// Whether layers in memory speak of anybody in a chunk.
    pub(super) fn is_touched(&self, chunk: u16) -> bool {
        subjects_in(&self.layers.memory, chunk) > 0
    }

    /// Of whom layers in memory speak.
    pub(super) fn in_memory(&self, chunk: u16, out: &mut Chunk) {
        out.clear();
        for layer in &self.layers.memory {
            for part in [&layer.reset, &layer.dirty] {
                if let Some((_, subjects)) = chunk_of_bitmap(part, chunk) {
                    subjects.or_into(out);
                }
            }
        }
    }

    /// The subjects that have at least one entry.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn nonempty(&self, chunk: u16, out: &mut Chunk) -> Result<()> {
        if let Some(resolved) = self.layers.settled() {
            let known = resolved.known(chunk, |out| self.flushed().nonempty(chunk, out))?;
            known.copy_into(out);
            return Ok(());
        }
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
        match &self.layers.resolved {
            Some(resolved) => self.resolved(resolved, chunk, code)?.copy_into(out),
            None => {
                out.clear();
                write_members(&self.layers.flushed, chunk, code, out)?;
            }
        }
        write_members(&self.layers.memory, chunk, code, out)
    }

    /// The subjects that have any of some entries.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn members_any(&self, chunk: u16, codes: &[Code], out: &mut Chunk) -> Result<()> {
        out.clear();
        if let Some(resolved) = self.layers.settled() {
            for code in codes {
                self.resolved(resolved, chunk, *code)?.or_into(out);
            }
            return Ok(());
        }
        let mut found = Chunk::new();
        for code in codes {
            self.members(chunk, *code, &mut found)?;
            out.or(&found);
        }
        Ok(())
    }

    /// The candidates that have an entry.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn members_among(
        &self,
        chunk: u16,
        code: Code,
        candidates: &Chunk,
        out: &mut Chunk,
    ) -> Result<()> {
        if let Some(resolved) = self.layers.settled() {
            self.resolved(resolved, chunk, code)?.among(candidates, out);
            return Ok(());
        }
        self.members(chunk, code, out)?;
        out.and(candidates);
        Ok(())
    }

    fn resolved(&self, resolved: &ChunkCache, chunk: u16, code: Code) -> Result<Arc<Members>> {
        resolved.members(chunk, code, |out| {
            write_members(&self.layers.flushed, chunk, code, out)
        })
    }

    /// Whether everything is in files: layers in memory have no bitmap for each entry.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.layers.memory.is_empty()
    }

    /// The number of subjects in layers that have no bitmap for each entry: there `members` goes
    /// over all entries.
    #[must_use]
    pub fn unindexed(&self) -> u64 {
        let layers = self
            .layers
            .newest_first()
            .filter(|layer| layer.index.is_none());
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
        for layer in self.layers.newest_first() {
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
        for layer in self.layers.newest_first() {
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
        mixed.clear();
        visit_owners(&self.layers.memory, chunk, (&mut left, mixed), visit)?;
        if let Some(resolved) = self.layers.several() {
            let make = is_worth(left.count(), subjects_in(&self.layers.flushed, chunk));
            if let Some(found) = resolved.rows(chunk, make, || self.resolve(chunk))? {
                if let Some((_, set)) = chunk_of_bitmap(&found.set, chunk) {
                    set.and_into(&mut left);
                    let (rows, start) = (&found.rows, 0);
                    visit(&FullRows { set, rows, start }, &left);
                }
                return Ok(());
            }
        }
        visit_owners(&self.layers.flushed, chunk, (&mut left, mixed), visit)
    }

    /// What the flushed layers come to in a chunk.
    fn resolve(&self, chunk: u16) -> Result<ResolvedRows> {
        let mut everybody = Chunk::new();
        everybody.fill();
        let mut present = Chunk::new();
        let mut entries = Vec::new();
        self.flushed()
            .for_each_row(chunk, &everybody, &mut |low, row| {
                present.set(low);
                entries.extend(row.iter().map(|(code, value)| (*code, low, *value)));
            })?;
        // No values read as 0.
        let payload = entries.iter().any(|(_, _, value)| *value != 0);
        let rows = FlatRows::from_entries(&present, &mut entries, payload);
        Ok(ResolvedRows::new(chunk, &present, rows))
    }

    /// Makes `entries` those of a subject, by rising code.
    pub(super) fn collect(&self, ordinal: Ordinal, entries: &mut Vec<(Code, i64)>) -> Result<()> {
        let mut found: Vec<EntryState> = Vec::new();
        for layer in self.layers.newest_first() {
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

/// Visits, newest first, the full rows of each layer with those of `left` that nothing newer
/// touches, and takes them away; those that need several layers go to `mixed`.
fn visit_owners(
    layers: &[Arc<MultiPart>],
    chunk: u16,
    (left, mixed): (&mut Chunk, &mut Chunk),
    visit: &mut dyn FnMut(&FullRows<'_>, &Chunk),
) -> Result<()> {
    let mut own = Chunk::new();
    for layer in layers.iter().rev() {
        if left.is_empty() {
            break;
        }
        if let Some((_, dirty)) = chunk_of_bitmap(&layer.dirty, chunk) {
            own.copy_from(left);
            dirty.and_into(&mut own);
            mixed.or(&own);
            left.and_not(&own);
        }
        if let Some((first_rank, set)) = chunk_of_bitmap(&layer.reset, chunk) {
            own.copy_from(left);
            set.and_into(&mut own);
            if !own.is_empty() {
                let (rows, start) = layer.full.chunk(chunk, (first_rank, set.len()))?;
                let rows = &rows;
                visit(&FullRows { set, rows, start }, &own);
                left.and_not(&own);
            }
        }
    }
    Ok(())
}

fn subjects_in(layers: &[Arc<MultiPart>], chunk: u16) -> u64 {
    let bitmaps = layers.iter().flat_map(|layer| [&layer.reset, &layer.dirty]);
    let own = bitmaps.filter_map(|bitmap| chunk_of_bitmap(bitmap, chunk));
    own.map(|(_, subjects)| u64::from(subjects.len())).sum()
}

/// Puts layers on top of what older ones say of who has an entry.
fn write_members(layers: &[Arc<MultiPart>], chunk: u16, code: Code, out: &mut Chunk) -> Result<()> {
    let (mut ranks, mut found) = (Chunk::new(), Chunk::new());
    for layer in layers {
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

/// The full rows of a layer in one chunk.
pub(super) struct FullRows<'a> {
    pub(super) set: Container<'a>,
    pub(super) rows: &'a FlatRows,
    pub(super) start: usize,
}
