//! Reading a stack of layers of a single-valued tag, or of a long text, chunk by chunk.
//!
//! Layers are held oldest first. What a newer layer decides hides what older ones say. Results are
//! not intersected with the living subjects: whoever combines them does that once.

use std::sync::Arc;

use crate::bitmap::{Bitmap, Chunk, Container};
use crate::column::{TextBlock, Totals};
use crate::error::{Error, Result};
use crate::ids::{CHUNK_LEN, Code, Ordinal, chunk_of, low_of};
use crate::layer::part::{ChunkValues, Part, SinglePart, TextPart, chunk_of_bitmap};
use crate::layer::resolved::{ChunkCache, Members, ResolvedValues, is_worth};
use crate::layer::stack::Layers;

/// The layers of a boolean, keyword or number.
#[derive(Clone, Debug, Default)]
pub struct SingleStack {
    pub(super) layers: Layers<SinglePart>,
}

impl SingleStack {
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
        let layers = Layers::new(flushed, resolved, memory, Part::as_single)?;
        Ok(Self { layers })
    }

    /// The subjects that have a value.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn known(&self, chunk: u16, out: &mut Chunk) -> Result<()> {
        let of = |layers: &[Arc<SinglePart>], out: &mut Chunk| {
            let layers = layers.iter().map(|layer| (&layer.set, &layer.cleared));
            known_of(layers, chunk, out);
        };
        out.clear();
        match self.layers.several() {
            Some(resolved) => {
                let known = resolved.known(chunk, |out| {
                    of(&self.layers.flushed, out);
                    Ok(())
                })?;
                known.copy_into(out);
            }
            None => of(&self.layers.flushed, out),
        }
        of(&self.layers.memory, out);
        Ok(())
    }

    /// The subjects whose value is `code`.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn members(&self, chunk: u16, code: Code, out: &mut Chunk) -> Result<()> {
        self.members_any(chunk, &[code], out)
    }

    /// The subjects whose value is one of `codes`, which rise.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn members_any(&self, chunk: u16, codes: &[Code], out: &mut Chunk) -> Result<()> {
        out.clear();
        match &self.layers.resolved {
            Some(resolved) => {
                for code in codes {
                    self.resolved(resolved, chunk, *code)?.or_into(out);
                }
            }
            None => write_members(&self.layers.flushed, chunk, codes, out)?,
        }
        write_members(&self.layers.memory, chunk, codes, out)
    }

    /// The candidates whose value is `code`.
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
        self.members_any(chunk, &[code], out)?;
        out.and(candidates);
        Ok(())
    }

    fn resolved(&self, resolved: &ChunkCache, chunk: u16, code: Code) -> Result<Arc<Members>> {
        resolved.members(chunk, code, |out| {
            write_members(&self.layers.flushed, chunk, &[code], out)
        })
    }

    /// The candidates whose value lies in `[low, high]`.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn in_range(
        &self,
        chunk: u16,
        candidates: &Chunk,
        bounds: (i64, i64),
        out: &mut Chunk,
    ) -> Result<()> {
        out.clear();
        let mut found = Chunk::new();
        self.for_each_owner(chunk, candidates, &mut |set, values, own| {
            values.select_range(set, own, bounds, &mut found);
            out.or(&found);
            Ok(())
        })
    }

    /// Calls `visit` with position and value of each subject of the audience that has one. The
    /// positions rise within a layer, not over all.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn for_each(
        &self,
        chunk: u16,
        audience: &Chunk,
        visit: &mut dyn FnMut(u16, i64),
    ) -> Result<()> {
        self.for_each_owner(chunk, audience, &mut |set, values, own| {
            set.for_each_in(own, |low, rank| visit(low, values.get(low, rank)));
            Ok(())
        })
    }

    /// What the values of the audience add up to.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn totals(&self, chunk: u16, audience: &Chunk) -> Result<Totals> {
        let mut totals = Totals::default();
        self.for_each_owner(chunk, audience, &mut |set, values, own| {
            totals.merge(&values.totals(set, own));
            Ok(())
        })?;
        Ok(totals)
    }

    /// Adds to `counts[value]` for each of the audience that has a value.
    ///
    /// # Errors
    /// A value is no index of `counts`; a file cannot be read or is damaged.
    pub fn histogram(&self, chunk: u16, audience: &Chunk, counts: &mut [u64]) -> Result<()> {
        self.for_each_owner(chunk, audience, &mut |set, values, own| {
            values.histogram(set, own, counts)
        })
    }

    /// A subject's value.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn get(&self, ordinal: Ordinal) -> Result<Option<i64>> {
        for layer in self.layers.newest_first() {
            if let Some(value) = layer.get(ordinal)? {
                return Ok(value);
            }
        }
        Ok(None)
    }

    /// Visits, newest first, each layer with those of the audience whose value it owns.
    pub(super) fn for_each_owner(
        &self,
        chunk: u16,
        audience: &Chunk,
        visit: Visit<'_>,
    ) -> Result<()> {
        let mut left = audience.clone();
        visit_owners(&self.layers.memory, chunk, &mut left, visit)?;
        if let Some(resolved) = self.layers.several() {
            let make = is_worth(left.count(), subjects_in(&self.layers.flushed, chunk));
            if let Some(found) = resolved.values(chunk, make, || self.resolve(chunk))? {
                if let Some((_, set)) = chunk_of_bitmap(&found.set, chunk) {
                    set.and_into(&mut left);
                    visit(set, &found.values, &left)?;
                }
                return Ok(());
            }
        }
        visit_owners(&self.layers.flushed, chunk, &mut left, visit)
    }

    /// As [`Self::for_each_owner`] of the layers in memory; takes away whom they speak of.
    pub(super) fn for_each_in_memory(
        &self,
        chunk: u16,
        left: &mut Chunk,
        visit: Visit<'_>,
    ) -> Result<()> {
        visit_owners(&self.layers.memory, chunk, left, visit)
    }

    /// The flushed layers alone.
    pub(super) fn flushed(&self) -> Self {
        let layers = self.layers.flushed();
        Self { layers }
    }

    /// What the flushed layers come to in a chunk.
    fn resolve(&self, chunk: u16) -> Result<ResolvedValues> {
        let flushed = self.flushed();
        let mut known = Chunk::new();
        flushed.known(chunk, &mut known)?;
        let mut values = vec![0; CHUNK_LEN as usize];
        flushed.for_each(chunk, &known, &mut |low, value| {
            values[usize::from(low)] = value;
        })?;
        Ok(ResolvedValues::new(chunk, &known, &values))
    }
}

fn subjects_in(layers: &[Arc<SinglePart>], chunk: u16) -> u64 {
    let sets = layers
        .iter()
        .map(|layer| chunk_of_bitmap(&layer.set, chunk));
    sets.flatten().map(|(_, set)| u64::from(set.len())).sum()
}

/// Is given the subjects of a layer in a chunk, their values, and those of them that are meant.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Container<'_>, &ChunkValues, &Chunk) -> Result<()>;

/// Visits, newest first, each layer with those of `left` whose value it owns, and takes them away.
fn visit_owners(
    layers: &[Arc<SinglePart>],
    chunk: u16,
    left: &mut Chunk,
    visit: Visit<'_>,
) -> Result<()> {
    let mut own = Chunk::new();
    for layer in layers.iter().rev() {
        if left.is_empty() {
            break;
        }
        if let Some((first_rank, set)) = chunk_of_bitmap(&layer.set, chunk) {
            own.copy_from(left);
            set.and_into(&mut own);
            if !own.is_empty() {
                let values = layer.values.chunk(chunk, (first_rank, set.len()))?;
                visit(set, &values, &own)?;
                left.and_not(&own);
            }
        }
        if let Some((_, cleared)) = chunk_of_bitmap(&layer.cleared, chunk) {
            cleared.and_not_into(left);
        }
    }
    Ok(())
}

/// Puts layers on top of what older ones say of who has one of `codes`.
fn write_members(
    layers: &[Arc<SinglePart>],
    chunk: u16,
    codes: &[Code],
    out: &mut Chunk,
) -> Result<()> {
    let mut found = Chunk::new();
    for layer in layers {
        if let Some((_, cleared)) = chunk_of_bitmap(&layer.cleared, chunk) {
            cleared.and_not_into(out);
        }
        let Some((first_rank, set)) = chunk_of_bitmap(&layer.set, chunk) else {
            continue;
        };
        set.and_not_into(out);
        if let Some(index) = &layer.members {
            for code in codes {
                if let Some(members) = index.get(*code)?
                    && let Some((_, members)) = chunk_of_bitmap(&members, chunk)
                {
                    members.or_into(out);
                }
            }
            continue;
        }
        let values = layer.values.chunk(chunk, (first_rank, set.len()))?;
        values.select_codes(set, codes, &mut found);
        out.or(&found);
    }
    Ok(())
}

impl SinglePart {
    /// What the layer says of a subject: nothing, that it has no value, or its value.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn get(&self, ordinal: Ordinal) -> Result<Option<Option<i64>>> {
        let (chunk, low) = (chunk_of(ordinal), low_of(ordinal));
        if let Some((first_rank, set)) = chunk_of_bitmap(&self.set, chunk)
            && set.contains(low)
        {
            let values = self.values.chunk(chunk, (first_rank, set.len()))?;
            // A rank takes counting, and dense values do without.
            let rank = values.start.map_or(0, |_| set.rank(low));
            return Ok(Some(Some(values.get(low, rank))));
        }
        Ok((!self.cleared.is_empty() && self.cleared.contains(ordinal)).then_some(None))
    }
}

/// The layers of a long text.
#[derive(Clone, Debug, Default)]
pub struct TextStack {
    layers: Layers<TextPart>,
}

impl TextStack {
    /// A stack of parts, oldest first.
    ///
    /// # Errors
    /// A part is of another family.
    pub fn new(parts: &[Arc<Part>]) -> Result<Self> {
        let layers = Layers::new(parts, None, &[], Part::as_text)?;
        Ok(Self { layers })
    }

    /// The subjects that have a text.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn known(&self, chunk: u16, out: &mut Chunk) -> Result<()> {
        let layers = self
            .layers
            .flushed
            .iter()
            .map(|layer| (&layer.set, &layer.cleared));
        out.clear();
        known_of(layers, chunk, out);
        Ok(())
    }

    /// Calls `visit` with position and text of each subject of the audience that has one. The
    /// positions rise within a layer, not over all.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn for_each(
        &self,
        chunk: u16,
        audience: &Chunk,
        visit: &mut dyn FnMut(u16, &str),
    ) -> Result<()> {
        let mut left = audience.clone();
        for layer in self.layers.newest_first() {
            if let Some((first_rank, set)) = chunk_of_bitmap(&layer.set, chunk) {
                let mut own = left.clone();
                set.and_into(&mut own);
                if !own.is_empty() {
                    let (blocks, start) = layer.texts.chunk(chunk, (first_rank, set.len()))?;
                    let mut places = Vec::with_capacity(own.count() as usize);
                    set.for_each_in(&own, |low, rank| places.push((low, rank)));
                    // Neighbours share a block, which is unpacked once for all of them.
                    let mut unpacked: Option<TextBlock> = None;
                    for (low, rank) in places {
                        let index = start + u64::from(rank);
                        let block = match unpacked.take() {
                            Some(block) if block.strings().contains(&index) => block,
                            _ => blocks.block(index)?,
                        };
                        visit(low, text_of(block.get(index), index)?);
                        unpacked = Some(block);
                    }
                    left.and_not(&own);
                }
            }
            if let Some((_, cleared)) = chunk_of_bitmap(&layer.cleared, chunk) {
                cleared.and_not_into(&mut left);
            }
        }
        Ok(())
    }

    /// A subject's text.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn get(&self, ordinal: Ordinal) -> Result<Option<String>> {
        for layer in self.layers.newest_first() {
            if let Some(text) = layer.get(ordinal)? {
                return Ok(text);
            }
        }
        Ok(None)
    }
}

impl TextPart {
    /// What the layer says of a subject: nothing, that it has no text, or its text.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn get(&self, ordinal: Ordinal) -> Result<Option<Option<String>>> {
        if let Some((first_rank, set)) = chunk_of_bitmap(&self.set, chunk_of(ordinal))
            && let Some(rank) = set.position(low_of(ordinal))
        {
            let place = (first_rank, set.len());
            let (blocks, start) = self.texts.chunk(chunk_of(ordinal), place)?;
            let index = start + u64::from(rank);
            let bytes = blocks.get(index)?;
            return text_of(&bytes, index).map(|text| Some(Some(text.to_owned())));
        }
        Ok((!self.cleared.is_empty() && self.cleared.contains(ordinal)).then_some(None))
    }
}

fn text_of(bytes: &[u8], index: u64) -> Result<&str> {
    str::from_utf8(bytes).map_err(|_| Error::corrupt("a text block", index, "valid UTF-8"))
}

/// Puts layers of `set` and `cleared`, oldest first, on top of who had something.
fn known_of<'a>(
    layers: impl Iterator<Item = (&'a Bitmap, &'a Bitmap)>,
    chunk: u16,
    out: &mut Chunk,
) {
    for (set, cleared) in layers {
        if let Some((_, cleared)) = chunk_of_bitmap(cleared, chunk) {
            cleared.and_not_into(out);
        }
        if let Some((_, set)) = chunk_of_bitmap(set, chunk) {
            set.or_into(out);
        }
    }
}
