//! Counting the subjects of an audience by value, or everybody, which is remembered for layers in
//! files.

use std::sync::Arc;

use crate::bitmap::{Chunk, Container};
use crate::column::Spread;
use crate::error::{Error, Result};
use crate::ids::{Code, ordinal_at};
use crate::layer::part::{ChunkValues, chunk_of_bitmap};
use crate::layer::read::SingleStack;
use crate::layer::read_multi::{FullRows, MultiStack};

/// How many of everybody have each value, member or key, in the layers of a tag that are in files.
#[derive(Debug, Default)]
pub struct ValueCounts {
    /// Subjects with any.
    pub known: u64,
    /// By code.
    pub counts: Vec<u64>,
}

/// Tells who of a chunk is alive, and whether nobody in it is dead; fails to stop the count.
pub type Alive<'a> = &'a mut dyn FnMut(u16, &mut Chunk) -> Result<bool>;

impl ValueCounts {
    pub(crate) fn bytes(&self) -> usize {
        self.counts.len() * size_of::<u64>()
    }
}

impl SingleStack {
    /// Adds to `counts[code]` for each of the audience that has a value, and gives how many have
    /// one.
    ///
    /// # Errors
    /// A value is no index of `counts`; a file cannot be read or is damaged.
    pub fn count_codes(&self, chunk: u16, audience: &Chunk, counts: &mut [u64]) -> Result<u64> {
        let mut known = 0;
        self.for_each_owner(chunk, audience, &mut |set, values, own| {
            known += u64::from(own.count());
            values.histogram(set, own, counts)
        })?;
        Ok(known)
    }

    /// Adds the values of those of the audience that have one.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn spread(&self, chunk: u16, audience: &Chunk, spread: &mut Spread) -> Result<()> {
        self.for_each_owner(chunk, audience, &mut |set, values, own| {
            spread_values(set, values, own, spread);
            Ok(())
        })
    }

    /// As [`Self::count_codes`] of all the living. What is in files is counted once and remembered;
    /// then only those are looked at who are dead or whom layers in memory speak of.
    ///
    /// # Errors
    /// As of [`Self::count_codes`].
    pub fn count_everybody(
        &self,
        chunks: u32,
        alive: Alive<'_>,
        counts: &mut [u64],
    ) -> Result<u64> {
        let flushed = self.flushed();
        let count = |chunk, audience: &Chunk, counts: &mut [u64]| {
            flushed.count_codes(chunk, audience, counts)
        };
        let mut all = || count_all(chunks, counts.len(), alive, &count);
        let all = match &self.layers.resolved {
            Some(resolved) => resolved.everybody(all)?,
            None => Arc::new(all()?),
        };
        let mut known = Known::start(&all, counts);
        let touched = |chunk| self.is_touched(chunk);
        known.correct(
            (chunks, &touched),
            alive,
            counts,
            &mut |chunk, left, counts| {
                let mut known = 0;
                self.for_each_in_memory(chunk, left, &mut |set, values, own| {
                    known += u64::from(own.count());
                    values.histogram(set, own, counts)
                })?;
                Ok(known)
            },
            &count,
        )
    }
}

impl SingleStack {
    /// As [`Self::spread`] of all the living, with what is in files remembered (see
    /// [`Self::count_everybody`]). Extremes may be those of values that are hidden.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn spread_everybody(&self, chunks: u32, alive: Alive<'_>) -> Result<Spread> {
        let flushed = self.flushed();
        let mut all = || {
            let mut all = Spread::default();
            let (everybody, mut ignored) = (Chunk::full(), Chunk::new());
            for chunk in (0..chunks).map(|chunk| chunk as u16) {
                alive(chunk, &mut ignored)?;
                flushed.spread(chunk, &everybody, &mut all)?;
            }
            Ok(all)
        };
        let mut found = match &self.layers.resolved {
            Some(resolved) => (*resolved.spread(all)?).clone(),
            None => all()?,
        };
        let (mut left, mut lost) = (Chunk::new(), Spread::default());
        for chunk in (0..chunks).map(|chunk| chunk as u16) {
            let all_live = alive(chunk, &mut left)?;
            if all_live && !self.is_touched(chunk) {
                continue;
            }
            self.for_each_in_memory(chunk, &mut left, &mut |set, values, own| {
                spread_values(set, values, own, &mut found);
                Ok(())
            })?;
            left.not();
            flushed.spread(chunk, &left, &mut lost)?;
        }
        found.take_away(&lost);
        Ok(found)
    }

    /// Whether layers in memory speak of anybody in a chunk.
    fn is_touched(&self, chunk: u16) -> bool {
        let mut parts = self
            .layers
            .memory
            .iter()
            .flat_map(|layer| [&layer.set, &layer.cleared]);
        parts.any(|part| chunk_of_bitmap(part, chunk).is_some())
    }
}

impl MultiStack {
    /// Adds to `counts[code]` for each entry of each of the audience, and gives how many have any.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn count_entries(&self, chunk: u16, audience: &Chunk, counts: &mut [u64]) -> Result<u64> {
        let mut known = 0;
        let mut mixed = Chunk::new();
        self.for_each_owner(chunk, audience, &mut mixed, &mut |full, own| {
            known += full.add_entries(own, counts);
        })?;
        Ok(known + self.add_mixed(chunk, &mixed, counts)?)
    }

    /// As [`Self::count_entries`] of all the living; see [`SingleStack::count_everybody`].
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn count_everybody(
        &self,
        chunks: u32,
        alive: Alive<'_>,
        counts: &mut [u64],
    ) -> Result<u64> {
        let flushed = self.flushed();
        let count = |chunk, audience: &Chunk, counts: &mut [u64]| {
            flushed.count_entries(chunk, audience, counts)
        };
        let mut all = || count_all(chunks, counts.len(), alive, &count);
        let all = match &self.layers.resolved {
            Some(resolved) => resolved.everybody(all)?,
            None => Arc::new(all()?),
        };
        let mut known = Known::start(&all, counts);
        let touched = |chunk| self.is_touched(chunk);
        known.correct(
            (chunks, &touched),
            alive,
            counts,
            &mut |chunk, left, counts| {
                // A subject that memory speaks of in part has its other entries in files.
                let mut own = Chunk::new();
                self.in_memory(chunk, &mut own);
                own.and(left);
                left.and_not(&own);
                self.count_entries(chunk, &own, counts)
            },
            &count,
        )
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
    /// Adds the entries of the audience, all of whom have rows here; gives how many have any.
    fn add_entries(&self, audience: &Chunk, counts: &mut [u64]) -> u64 {
        let mut lists = Vec::with_capacity(audience.count() as usize);
        let start = self.start as u32;
        self.set
            .for_each_in(audience, |_, rank| lists.push(start + rank));
        self.rows.codes.tally(&lists, counts)
    }
}

/// Adds to counts the values of an audience in a chunk; gives how many have any.
type Count<'a> = &'a dyn Fn(u16, &Chunk, &mut [u64]) -> Result<u64>;

/// Counts everybody, dead or alive, in the layers that are in files.
fn count_all(chunks: u32, codes: usize, alive: Alive<'_>, count: Count<'_>) -> Result<ValueCounts> {
    let mut all = ValueCounts {
        known: 0,
        counts: vec![0; codes],
    };
    let (everybody, mut ignored) = (Chunk::full(), Chunk::new());
    for chunk in (0..chunks).map(|chunk| chunk as u16) {
        alive(chunk, &mut ignored)?;
        all.known += count(chunk, &everybody, &mut all.counts)?;
    }
    Ok(all)
}

/// Subjects with any value while everybody is counted.
struct Known(u64);

impl Known {
    /// With what is in files.
    fn start(all: &ValueCounts, counts: &mut [u64]) -> Self {
        // A vocabulary that grew since has new codes only for what is in memory.
        for (count, all) in counts.iter_mut().zip(&all.counts) {
            *count += all;
        }
        Self(all.known)
    }

    /// Corrects what files say, chunk by chunk: adds those whom `memory` counts among the living,
    /// which it takes away, and takes off whoever is not left.
    fn correct(
        &mut self,
        (chunks, touched): (u32, &dyn Fn(u16) -> bool),
        alive: Alive<'_>,
        counts: &mut [u64],
        memory: &mut dyn FnMut(u16, &mut Chunk, &mut [u64]) -> Result<u64>,
        files: Count<'_>,
    ) -> Result<u64> {
        let mut left = Chunk::new();
        let mut lost = vec![0; counts.len()];
        let mut gone = 0;
        for chunk in (0..chunks).map(|chunk| chunk as u16) {
            let all_live = alive(chunk, &mut left)?;
            if all_live && !touched(chunk) {
                continue;
            }
            self.0 += memory(chunk, &mut left, counts)?;
            left.not();
            gone += files(chunk, &left, &mut lost)?;
        }
        for (count, lost) in counts.iter_mut().zip(lost) {
            *count = count.checked_sub(lost).ok_or_else(wrong)?;
        }
        self.0.checked_sub(gone).ok_or_else(wrong)
    }
}

/// Adds the values of the audience, all of whom are in `set`.
fn spread_values(set: Container<'_>, values: &ChunkValues, audience: &Chunk, spread: &mut Spread) {
    match values.start {
        Some(start) => {
            let ranked = (start as u64, set);
            values.vector.spread_ranked(ranked, audience, spread);
        }
        None => values.vector.spread(0, audience, spread),
    }
}

fn wrong() -> Error {
    Error::internal("more values are hidden than there are")
}

fn add(counts: &mut [u64], code: Code) {
    // Codes of what was written since the vocabulary was read are not in this state.
    if let Some(count) = counts.get_mut(code as usize) {
        *count += 1;
    }
}
