//! How audiences overlap: all of them evaluated chunk by chunk, side by side.

use std::ops::RangeInclusive;
use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;

use super::{Analysis, Conditions};
use crate::bind::bound::Scan;
use crate::error::{Error, Result};
use crate::exec::predicate::Filter;

/// How many audiences are compared at a time.
pub const OVERLAP_AUDIENCES: RangeInclusive<usize> = 2..=64;
/// Up to so many audiences the cells are counted too.
pub const OVERLAP_CELLS_MAX: usize = 8;

/// Sizes of audiences and of what they have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlap {
    /// Subjects of the table.
    pub subjects: u64,
    /// Subjects in any of the audiences.
    pub union: u64,
    /// In the order asked.
    pub audiences: Vec<Audience>,
    /// Every two of them, by place: (0, 1), (0, 2), ...
    pub pairs: Vec<Pair>,
    /// Who is in exactly these audiences, largest first, without empty ones; nothing for more than
    /// [`OVERLAP_CELLS_MAX`].
    pub cells: Option<Vec<Cell>>,
}

/// One audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Its name.
    pub name: String,
    /// Subjects in it.
    pub size: u64,
}

/// Two audiences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The places of both, rising.
    pub places: (usize, usize),
    /// Subjects in both.
    pub both: u64,
    /// Both of either; nothing if nobody is in either.
    pub jaccard: Option<f64>,
    /// Of the first, those in the second too; nothing if nobody is in the first.
    pub of_first: Option<f64>,
    /// Of the second, those in the first too; nothing if nobody is in the second.
    pub of_second: Option<f64>,
}

/// Subjects that are in some audiences and in no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The places of the audiences, rising; never none.
    pub places: Vec<usize>,
    /// Subjects.
    pub count: u64,
}

/// What a partition says, or all of them so far.
#[derive(Debug)]
struct Counts {
    sizes: Vec<u64>,
    /// Of each pair, in their order.
    both: Vec<u64>,
    union: u64,
    /// By the audiences as bits; empty if they are not asked for.
    cells: Vec<u64>,
}

impl Analysis<'_> {
    /// Sizes of audiences, of every two of them together, and of the cells that they cut each
    /// other into.
    ///
    /// # Errors
    /// A condition is at fault, there are too few or too many of them, a file cannot be read or is
    /// damaged, or the call has to stop.
    pub fn overlap(&self, conditions: &Conditions) -> Result<Overlap> {
        let count = conditions.len();
        if count < *OVERLAP_AUDIENCES.start() {
            let detail = "an overlap is of two audiences or more";
            return Err(Error::new("bad_parameter", detail));
        }
        crate::Limits::check("audiences", count, *OVERLAP_AUDIENCES.end())?;
        let scans = self.scans(conditions)?;
        self.execution
            .budget
            .charge((count + OVERLAP_CELLS_MAX) * size_of::<Chunk>())?;
        let mut counts = Counts::new(count);
        let mut subjects = 0;
        for partition in self.execution.table(&self.table)?.partitions() {
            subjects += partition.subjects();
            self.overlap_in(partition, &scans, conditions, &mut counts)?;
        }
        Ok(counts.finish(subjects, conditions))
    }

    fn overlap_in(
        &self,
        partition: &Arc<PartitionState>,
        scans: &[Scan],
        conditions: &Conditions,
        counts: &mut Counts,
    ) -> Result<()> {
        let named = |place| move |error: Error| error.in_condition(conditions.name(place));
        let mut filters = Vec::with_capacity(scans.len());
        for (place, scan) in scans.iter().enumerate() {
            let filter = Filter::compile(&scan.predicate, (scan, partition), &self.execution)
                .map_err(named(place))?;
            filters.push((filter.chunks().into_iter().peekable(), filter));
        }
        let mut audiences = vec![Chunk::new(); scans.len()];
        let mut present = Vec::with_capacity(scans.len());
        let next = |filters: &mut Vec<(std::iter::Peekable<std::vec::IntoIter<u16>>, Filter)>| {
            let heads = filters.iter_mut().filter_map(|(chunks, _)| chunks.peek());
            heads.copied().min()
        };
        while let Some(chunk) = next(&mut filters) {
            self.execution.interrupt.check()?;
            present.clear();
            for (place, (chunks, filter)) in filters.iter_mut().enumerate() {
                if chunks.next_if_eq(&chunk).is_none() {
                    continue;
                }
                let audience = &mut audiences[place];
                filter.audience(chunk, audience).map_err(named(place))?;
                let size = audience.count();
                if size > 0 {
                    counts.sizes[place] += u64::from(size);
                    present.push(place);
                }
            }
            counts.add(&audiences, &present);
        }
        Ok(())
    }
}

impl Counts {
    fn new(audiences: usize) -> Self {
        let cells = match audiences <= OVERLAP_CELLS_MAX {
            true => 1 << audiences,
            false => 0,
        };
        Self {
            sizes: vec![0; audiences],
            both: vec![0; audiences * (audiences - 1) / 2],
            union: 0,
            cells: vec![0; cells],
        }
    }

    /// Counts one chunk; `present` are the places of audiences in which there is anybody.
    fn add(&mut self, audiences: &[Chunk], present: &[usize]) {
        let count = audiences.len();
        for (index, a) in present.iter().enumerate() {
            // Pairs before those that begin with `a`, less one for each.
            let first = a * (2 * count - a - 1) / 2;
            for b in &present[index + 1..] {
                let both = Chunk::count_and(&audiences[*a], &audiences[*b]);
                self.both[first + b - a - 1] += u64::from(both);
            }
        }
        let Some((first, rest)) = present.split_first() else {
            return;
        };
        let mut union = audiences[*first].clone();
        rest.iter().for_each(|place| union.or(&audiences[*place]));
        self.union += u64::from(union.count());
        if !self.cells.is_empty() {
            self.split(&union, audiences, present, 0);
        }
    }

    /// Counts subjects, all of which are in the audiences `cell`, by the audiences of `left`.
    fn split(&mut self, subjects: &Chunk, audiences: &[Chunk], left: &[usize], cell: usize) {
        let Some((first, rest)) = left.split_first() else {
            self.cells[cell] += u64::from(subjects.count());
            return;
        };
        let mut part = subjects.clone();
        part.and(&audiences[*first]);
        if !part.is_empty() {
            self.split(&part, audiences, rest, cell | 1 << first);
        }
        part.copy_from(subjects);
        part.and_not(&audiences[*first]);
        if !part.is_empty() {
            self.split(&part, audiences, rest, cell);
        }
    }

    fn finish(self, subjects: u64, conditions: &Conditions) -> Overlap {
        let count = self.sizes.len();
        let places = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let pair = |((a, b), both): ((usize, usize), &u64)| {
            let (first, second) = (self.sizes[a], self.sizes[b]);
            Pair {
                places: (a, b),
                both: *both,
                jaccard: share(*both, first + second - both),
                of_first: share(*both, first),
                of_second: share(*both, second),
            }
        };
        let pairs = places.zip(&self.both).map(pair).collect();
        let cells = (count <= OVERLAP_CELLS_MAX).then(|| cells(&self.cells, count));
        let names = conditions.texts.iter().map(|(name, _)| name.clone());
        let audience = |(name, size): (String, &u64)| Audience { name, size: *size };
        Overlap {
            subjects,
            union: self.union,
            audiences: names.zip(&self.sizes).map(audience).collect(),
            pairs,
            cells,
        }
    }
}

fn cells(counts: &[u64], audiences: usize) -> Vec<Cell> {
    let found = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let cell = |(bits, count): (usize, &u64)| Cell {
        places: (0..audiences).filter(|at| bits >> at & 1 != 0).collect(),
        count: *count,
    };
    let mut cells: Vec<Cell> = found.map(cell).collect();
    cells.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.places.cmp(&b.places)));
    cells
}
