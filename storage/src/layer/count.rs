//! Counting the subjects of an audience by value, or everybody, whose bitmaps know their sizes.

use crate::bitmap::{Bitmap, Chunk};
use crate::column::Spread;
use crate::error::{Error, Result};
use crate::ids::{Code, ordinal_at};
use crate::layer::part::{SinglePart, chunk_of_bitmap};
use crate::layer::read::SingleStack;
use crate::layer::read_multi::{FullRows, MultiStack};
use crate::segment::directory::Directory;
use crate::segment::groups::{EntryIndex, MemberIndex};

/// Up to so many values, most of their bitmaps have many members in a chunk: an AND-count of each
/// takes as long as looking at [`MEMBERS_PER_BITMAP`] codes.
const BITMAPS_MAX: u64 = 16;
/// See [`BITMAPS_MAX`].
const MEMBERS_PER_BITMAP: u64 = 256;
/// Subjects whose entries are visited in the time that an AND-count takes of one entry's bitmap.
const ROWS_PER_BITMAP: u64 = 100;

impl SingleStack {
    /// Adds to `counts[code]` for each of the audience that has a value, and gives how many have
    /// one. Of a layer with a bitmap for each value either these are counted or the codes.
    ///
    /// # Errors
    /// A value is no index of `counts`; a file cannot be read or is damaged.
    pub fn count_codes(&self, chunk: u16, audience: &Chunk, counts: &mut [u64]) -> Result<u64> {
        let mut known = 0;
        self.for_each_owner(chunk, audience, &mut |layer, first_rank, own| {
            let members = u64::from(own.count());
            known += members;
            match &layer.members {
                Some(index) if by_bitmaps(counts.len() as u64, members) => {
                    index.add_counts(chunk, own, counts)
                }
                _ => add_codes(layer, (chunk, first_rank), own, counts),
            }
        })?;
        Ok(known)
    }

    /// Adds the values of those of the audience that have one.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn spread(&self, chunk: u16, audience: &Chunk, spread: &mut Spread) -> Result<()> {
        self.for_each_owner(chunk, audience, &mut |layer, first_rank, own| {
            let Some((_, set)) = chunk_of_bitmap(&layer.set, chunk) else {
                return Ok(());
            };
            let values = layer.values.chunk(chunk, (first_rank, set.len()))?;
            match values.start {
                Some(start) => values
                    .vector
                    .spread_ranked((start as u64, set), own, spread),
                None => values.vector.spread(0, own, spread),
            }
            Ok(())
        })
    }

    /// As [`Self::count_codes`] of all the living, whom `alive` tells chunk by chunk. Layers with a
    /// bitmap for each value know how many are in it; only those in it who are hidden by newer
    /// layers, or dead, are looked at.
    ///
    /// # Errors
    /// As of [`Self::count_codes`], and those of `alive`.
    pub fn count_everybody(
        &self,
        chunks: u32,
        alive: &mut dyn FnMut(u16, &mut Chunk) -> Result<bool>,
        counts: &mut [u64],
    ) -> Result<u64> {
        let mut known = 0;
        for layer in &self.layers {
            if let Some(index) = &layer.members {
                add_sizes(&index.directory, counts)?;
                known += layer.set.len();
            }
        }
        let (mut left, mut own) = (Chunk::new(), Chunk::new());
        let mut lost = vec![0; counts.len()];
        for chunk in (0..chunks).map(|chunk| chunk as u16) {
            let all_live = alive(chunk, &mut left)?;
            let touches = |part: &Bitmap| chunk_of_bitmap(part, chunk).is_some();
            let touching = self.layers.iter();
            let touching = touching.filter(|part| touches(&part.set) || touches(&part.cleared));
            let touching: Vec<_> = touching.collect();
            if let ([layer], true) = (&*touching, all_live)
                && layer.members.is_some()
            {
                continue;
            }
            for layer in touching.into_iter().rev() {
                if let Some((first_rank, set)) = chunk_of_bitmap(&layer.set, chunk) {
                    match &layer.members {
                        Some(_) => {
                            set.copy_into(&mut own);
                            own.and_not(&left);
                            known -= u64::from(own.count());
                            add_codes(layer, (chunk, first_rank), &own, &mut lost)?;
                        }
                        None => {
                            own.copy_from(&left);
                            set.and_into(&mut own);
                            known += u64::from(own.count());
                            add_codes(layer, (chunk, first_rank), &own, counts)?;
                        }
                    }
                    set.and_not_into(&mut left);
                }
                if let Some((_, cleared)) = chunk_of_bitmap(&layer.cleared, chunk) {
                    cleared.and_not_into(&mut left);
                }
            }
        }
        take_away(counts, &lost)?;
        Ok(known)
    }
}

impl MultiStack {
    /// Adds to `counts[code]` for each entry of each of the audience, and gives how many have any.
    /// Of a layer with a bitmap for each entry either these are counted or the rows.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn count_entries(&self, chunk: u16, audience: &Chunk, counts: &mut [u64]) -> Result<u64> {
        let mut known = 0;
        let mut failed = Ok(());
        let mut mixed = Chunk::new();
        self.for_each_owner(chunk, audience, &mut mixed, &mut |full, own| {
            let members = u64::from(own.count());
            match full.index {
                Some(index) if counts.len() as u64 * ROWS_PER_BITMAP <= members => {
                    known += full.nonempty(own);
                    let added = index.add_counts(chunk, own, counts);
                    failed = std::mem::replace(&mut failed, Ok(())).and(added);
                }
                _ => known += full.add_entries(own, counts),
            }
        })?;
        failed?;
        Ok(known + self.add_mixed(chunk, &mixed, counts)?)
    }

    /// As [`Self::count_entries`] of all the living, whom `alive` tells chunk by chunk; see
    /// [`SingleStack::count_everybody`].
    ///
    /// # Errors
    /// A file cannot be read or is damaged, and those of `alive`.
    pub fn count_everybody(
        &self,
        chunks: u32,
        alive: &mut dyn FnMut(u16, &mut Chunk) -> Result<bool>,
        counts: &mut [u64],
    ) -> Result<u64> {
        let mut known = 0;
        for layer in &self.layers {
            if let Some(index) = &layer.index {
                add_sizes(&index.directory, counts)?;
            }
        }
        let (mut left, mut own, mut mixed) = (Chunk::new(), Chunk::new(), Chunk::new());
        let mut lost = vec![0; counts.len()];
        for chunk in (0..chunks).map(|chunk| chunk as u16) {
            alive(chunk, &mut left)?;
            mixed.clear();
            for layer in self.layers.iter().rev() {
                if let Some((_, dirty)) = chunk_of_bitmap(&layer.dirty, chunk) {
                    own.copy_from(&left);
                    dirty.and_into(&mut own);
                    mixed.or(&own);
                    left.and_not(&own);
                }
                let Some((first_rank, set)) = chunk_of_bitmap(&layer.reset, chunk) else {
                    continue;
                };
                let (rows, start) = layer.full.chunk(chunk, (first_rank, set.len()))?;
                let full = FullRows {
                    set,
                    rows: &rows,
                    start,
                    index: layer.index.as_ref(),
                };
                own.copy_from(&left);
                set.and_into(&mut own);
                match full.index {
                    Some(_) => {
                        known += full.nonempty(&own);
                        set.copy_into(&mut own);
                        own.and_not(&left);
                        full.add_entries(&own, &mut lost);
                    }
                    None => known += full.add_entries(&own, counts),
                }
                set.and_not_into(&mut left);
            }
            known += self.add_mixed(chunk, &mixed, counts)?;
        }
        take_away(counts, &lost)?;
        Ok(known)
    }

    /// Adds the entries of subjects that several layers speak of; gives how many have any.
    fn add_mixed(&self, chunk: u16, mixed: &Chunk, counts: &mut [u64]) -> Result<u64> {
        let mut known = 0;
        let mut entries = Vec::new();
        for low in mixed {
            self.collect(ordinal_at(chunk, low), &mut entries)?;
            known += u64::from(!entries.is_empty());
            for (code, _) in &entries {
                add(counts, *code);
            }
        }
        Ok(known)
    }
}

impl FullRows<'_> {
    /// How many of the audience, all of whom have rows here, have a row that is not empty.
    fn nonempty(&self, audience: &Chunk) -> u64 {
        let mut known = 0;
        self.set.for_each_in(audience, |_, rank| {
            known += u64::from(self.rows.len_of(self.start + rank as usize) > 0);
        });
        known
    }

    /// Adds the entries of the audience, all of whom have rows here; gives how many have any.
    fn add_entries(&self, audience: &Chunk, counts: &mut [u64]) -> u64 {
        let mut known = 0;
        let items = self.rows.codes.items();
        self.set.for_each_in(audience, |_, rank| {
            let places = self.rows.codes.get(self.start + rank as usize);
            known += u64::from(!places.is_empty());
            for place in places {
                add(counts, items.get(place) as Code);
            }
        });
        known
    }
}

/// Whether counting the bitmaps of all values is cheaper than looking at each member's code.
const fn by_bitmaps(values: u64, members: u64) -> bool {
    values <= BITMAPS_MAX && values * MEMBERS_PER_BITMAP <= members
}

fn add(counts: &mut [u64], code: Code) {
    // Codes of what was written since the vocabulary was read are not in this state.
    if let Some(count) = counts.get_mut(code as usize) {
        *count += 1;
    }
}

/// Adds the codes of the audience, all of whom have a value in a layer.
fn add_codes(
    layer: &SinglePart,
    (chunk, first_rank): (u16, u64),
    audience: &Chunk,
    counts: &mut [u64],
) -> Result<()> {
    match chunk_of_bitmap(&layer.set, chunk) {
        Some((_, set)) if !audience.is_empty() => {
            let values = layer.values.chunk(chunk, (first_rank, set.len()))?;
            values.histogram(set, audience, counts)
        }
        _ => Ok(()),
    }
}

/// Adds to `counts[code]` the members that bitmaps have by their directory.
fn add_sizes(directory: &Directory, counts: &mut [u64]) -> Result<()> {
    for record in directory.iter() {
        let record = record?;
        if let Some(count) = counts.get_mut(record.key as usize) {
            *count += u64::from(record.extra);
        }
    }
    Ok(())
}

/// Adds to `count` how many of the audience a bitmap has.
fn add_common(members: &Bitmap, chunk: u16, audience: &Chunk, count: &mut u64) {
    if let Some((_, members)) = chunk_of_bitmap(members, chunk) {
        *count += u64::from(members.and_len(audience));
    }
}

fn take_away(counts: &mut [u64], lost: &[u64]) -> Result<()> {
    for (count, lost) in counts.iter_mut().zip(lost) {
        let left = count.checked_sub(*lost);
        *count = left.ok_or_else(|| Error::internal("more members are hidden than there are"))?;
    }
    Ok(())
}

impl MemberIndex {
    /// Adds to `counts[code]` how many of the audience have each value.
    fn add_counts(&self, chunk: u16, audience: &Chunk, counts: &mut [u64]) -> Result<()> {
        for (code, count) in (0..).zip(counts) {
            if let Some(members) = self.get(code)? {
                add_common(&members, chunk, audience, count);
            }
        }
        Ok(())
    }
}

impl EntryIndex {
    /// Adds to `counts[code]` how many of the audience have each entry.
    fn add_counts(&self, chunk: u16, audience: &Chunk, counts: &mut [u64]) -> Result<()> {
        for (code, count) in (0..).zip(counts) {
            if let Some((members, _)) = self.get(code)? {
                add_common(&members, chunk, audience, count);
            }
        }
        Ok(())
    }
}
