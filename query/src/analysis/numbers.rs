//! Buckets, extremes, mean and median of numbers and dates. Where values lie so far apart that they
//! were not counted one by one, they are visited again, with the question narrowed down.

use tagdb_storage::column::Spread;
use tagdb_storage::layer::SingleStack;
use tagdb_storage::schema::{NumberType, Tag};

use super::Analysis;
use super::tally::{Numbers, Side, Sides};
use crate::bind::bound::Scan;
use crate::decimal;
use crate::error::Result;
use crate::literal::from_stored;
use crate::value::{DataType, Value};
use tagdb_storage::bitmap::Chunk;

/// So few values are collected and sorted.
const COLLECTED_MAX: u64 = 1 << 16;

/// A number or date over an audience; of numbers, mean and median are DOUBLE, of dates they are
/// dates, rounded down.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The least value.
    pub min: Value,
    /// The greatest value.
    pub max: Value,
    /// Their sum by their number.
    pub mean: Value,
    /// The one in the middle, or the middle of two.
    pub median: Value,
    /// The type of mean and median.
    pub kind: DataType,
}

/// What becomes of one tag.
pub(super) struct Wanted<'a> {
    pub(super) tag: &'a Tag,
    pub(super) number: NumberType,
    pub(super) found: &'a Numbers,
    /// Where buckets begin, but for the first.
    pub(super) bounds: Vec<i64>,
}

/// What is known of one tag.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) bounds: Vec<i64>,
    /// By bucket and side.
    pub(super) buckets: Vec<[u64; 2]>,
    /// Nothing of nobody.
    pub(super) summary: Option<Summary>,
}

/// One tag while its values are visited again.
struct Visit<'a> {
    wanted: Wanted<'a>,
    buckets: Vec<[u64; 2]>,
    /// Whether the buckets are to be counted by visiting.
    is_counted: [bool; 2],
    /// The values in the middle; the same twice if their number is odd.
    medians: Option<[Search; 2]>,
}

/// Looks for the value of a rank.
#[derive(Debug)]
struct Search {
    /// Among the values of the range, from 0.
    rank: u64,
    range: (i64, i64),
    /// Values in the range.
    count: u64,
    values: Vec<i64>,
    spread: Spread,
}

impl Search {
    fn new(rank: u64, spread: &Spread) -> Option<Self> {
        let (range, below) = spread.rank(rank)?;
        let bin = spread.bins().find(|(found, _)| *found == range);
        Some(Self {
            rank: rank - below,
            range,
            count: bin.map_or(0, |(_, count)| count),
            values: Vec::new(),
            spread: Spread::default(),
        })
    }

    const fn is_found(&self) -> bool {
        self.range.0 == self.range.1
    }

    fn add(&mut self, value: i64) {
        if self.is_found() || value < self.range.0 || self.range.1 < value {
            return;
        }
        match self.count <= COLLECTED_MAX {
            true => self.values.push(value),
            false => self.spread.add(value),
        }
    }

    /// Narrows the range down by what was visited.
    fn settle(&mut self) {
        if self.is_found() {
            return;
        }
        if let Some(next) = Self::new(self.rank, &self.spread) {
            *self = next;
            return;
        }
        self.values.sort_unstable();
        let value = self.values.get(self.rank as usize).copied();
        // What was counted before is there again: both are of one state.
        let value = value.unwrap_or(self.range.0);
        self.range = (value, value);
    }
}

impl Analysis<'_> {
    /// Buckets and summaries of tags.
    pub(super) fn finish_numbers(
        &self,
        wanted: Vec<Wanted<'_>>,
        audience: &Scan,
        base: Option<&Scan>,
    ) -> Result<Vec<Finished>> {
        let mut visits: Vec<_> = wanted.into_iter().map(Visit::new).collect();
        let bytes = 4 * COLLECTED_MAX as usize * size_of::<i64>();
        while visits.iter().any(Visit::is_open) {
            let open = visits.iter().filter(|visit| visit.is_open()).count();
            self.execution.budget.check(open * bytes)?;
            self.visit(&mut visits, audience, base)?;
            visits.iter_mut().for_each(Visit::settle);
        }
        visits.into_iter().map(Visit::finish).collect()
    }

    /// Visits the values of all tags that need it, once.
    fn visit(&self, visits: &mut [Visit<'_>], audience: &Scan, base: Option<&Scan>) -> Result<()> {
        let needs_base = visits.iter().any(|visit| visit.is_counted[1]);
        for partition in self.execution.table(&self.table)?.partitions() {
            let mut sides = Sides::open(audience, base, partition, &self.execution)?;
            let open = visits.iter_mut().filter(|visit| visit.is_open());
            let open = open.map(|visit| {
                let stack = partition.single(visit.wanted.tag.id)?;
                Ok((visit, stack))
            });
            let mut open: Vec<(&mut Visit<'_>, SingleStack)> = open.collect::<Result<_>>()?;
            let mut subjects = Box::<Chunk>::default();
            for chunk in sides.chunks(needs_base) {
                self.execution.interrupt.check()?;
                sides.subjects(Side::Audience, chunk, &mut subjects)?;
                if !subjects.is_empty() {
                    for (visit, stack) in &mut open {
                        visit.add_audience(stack, chunk, &subjects)?;
                    }
                }
                if !needs_base {
                    continue;
                }
                sides.subjects(Side::Base, chunk, &mut subjects)?;
                for (visit, stack) in &mut open {
                    visit.add_base(stack, chunk, &subjects)?;
                }
            }
        }
        Ok(())
    }
}

impl<'a> Visit<'a> {
    fn new(wanted: Wanted<'a>) -> Self {
        let spreads = &wanted.found.spreads;
        let mut buckets = vec![[0; 2]; wanted.bounds.len() + 1];
        for (side, spread) in spreads.iter().enumerate() {
            if spread.is_exact() {
                for ((value, _), count) in spread.bins() {
                    buckets[bucket_of(&wanted.bounds, value)][side] += count;
                }
            }
        }
        let is_counted = [!spreads[0].is_exact(), !spreads[1].is_exact()];
        let count = spreads[0].totals().count;
        let middle = |rank: u64| Search::new(rank, &spreads[0]);
        let medians = count.checked_sub(1).and_then(|last| {
            let (low, high) = (last / 2, count / 2);
            Some([middle(low)?, middle(high)?])
        });
        Self {
            wanted,
            buckets,
            is_counted,
            medians,
        }
    }

    fn is_open(&self) -> bool {
        let medians = self.medians.iter().flatten();
        self.is_counted.contains(&true) || medians.into_iter().any(|search| !search.is_found())
    }

    fn add_audience(&mut self, stack: &SingleStack, chunk: u16, subjects: &Chunk) -> Result<()> {
        let Self {
            wanted,
            buckets,
            is_counted: [is_counted, _],
            medians,
        } = self;
        Ok(stack.for_each(chunk, subjects, &mut |_, value| {
            if *is_counted {
                buckets[bucket_of(&wanted.bounds, value)][0] += 1;
            }
            for search in medians.iter_mut().flatten() {
                search.add(value);
            }
        })?)
    }

    fn add_base(&mut self, stack: &SingleStack, chunk: u16, subjects: &Chunk) -> Result<()> {
        if !self.is_counted[1] {
            return Ok(());
        }
        let (bounds, buckets) = (&self.wanted.bounds, &mut self.buckets);
        Ok(stack.for_each(chunk, subjects, &mut |_, value| {
            buckets[bucket_of(bounds, value)][1] += 1;
        })?)
    }

    fn settle(&mut self) {
        self.is_counted = [false; 2];
        self.medians.iter_mut().flatten().for_each(Search::settle);
    }

    fn finish(self) -> Result<Finished> {
        let medians = self.medians.map(|[low, high]| (low.range.0, high.range.0));
        let summary = medians.map(|medians| summary(&self.wanted, medians));
        Ok(Finished {
            summary: summary.transpose()?,
            bounds: self.wanted.bounds,
            buckets: self.buckets,
        })
    }
}

/// The bucket of a value: below the first bound, from one bound up to the next, from the last on.
fn bucket_of(bounds: &[i64], value: i64) -> usize {
    bounds.partition_point(|bound| *bound <= value)
}

fn summary(wanted: &Wanted<'_>, (low, high): (i64, i64)) -> Result<Summary> {
    let number = wanted.number;
    let totals = wanted.found.spreads[0].totals();
    let (min, max) = totals.bounds.unwrap_or_default();
    let count = i128::from(totals.count.max(1));
    let value = |stored| from_stored(number, stored);
    let double = |value: Value| value.to_double().unwrap_or_default();
    let (mean, median, kind) = match number {
        NumberType::Date | NumberType::Timestamp => {
            let mean = totals.sum.div_euclid(count);
            let middle = (i128::from(low) + i128::from(high)).div_euclid(2);
            let rounded = |value: i128| from_stored(number, value as i64);
            (rounded(mean), rounded(middle), number.into())
        }
        _ => {
            let sum = match number {
                NumberType::Double => wanted.found.sum.total()?,
                NumberType::Decimal { scale, .. } => decimal::to_double(totals.sum, scale),
                _ => totals.sum as f64,
            };
            let mean = sum / totals.count as f64;
            let (low, high) = (double(value(low)), double(value(high)));
            // Not their sum by two, which can be beyond the largest double.
            let middle = low / 2.0 + high / 2.0;
            let middle = if low == high { low } else { middle };
            (Value::Double(mean), Value::Double(middle), DataType::Double)
        }
    };
    Ok(Summary {
        min: value(min),
        max: value(max),
        mean,
        median,
        kind,
    })
}
