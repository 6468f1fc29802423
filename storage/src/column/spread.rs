//! How values spread: counts by value, or by ranges of values where there are too many.

use super::vector::{Deltas, Vector};
use super::{Totals, kernels};
use crate::bitmap::{CHUNK_BITS, Chunk, Container};

/// Counters at most: half a megabyte.
const BINS_MAX: u64 = 1 << 16;

/// Counts of values in bins, which are as narrow as their number allows: `2^shift` neighbouring
/// values each, and single values as long as the least and the greatest are not far apart. Values
/// come in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    shift: u32,
    /// The first counter's bin: the value shifted down.
    first: i64,
    counts: Vec<u64>,
    totals: Totals,
}

impl Spread {
    /// What the values add up to.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Memory held, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>()
    }

    /// Whether each bin is one value.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.shift == 0
    }

    /// The bins that have values, rising: their least and greatest possible value, and how many.
    pub fn bins(&self) -> impl Iterator<Item = ((i64, i64), u64)> + '_ {
        let bins = self.counts.iter().enumerate();
        let bins = bins.filter(|(_, count)| **count > 0);
        bins.map(|(index, count)| {
            let low = (self.first + index as i64) << self.shift;
            ((low, low | ((1_i64 << self.shift) - 1)), *count)
        })
    }

    /// The bin of the value of a rank, counted from 0 in rising order, and how many values are in
    /// lower bins. Nothing if there are not that many values.
    #[must_use]
    pub fn rank(&self, rank: u64) -> Option<((i64, i64), u64)> {
        let mut below = 0;
        for (range, count) in self.bins() {
            if rank < below + count {
                return Some((range, below));
            }
            below += count;
        }
        None
    }

    /// Adds one value.
    pub fn add(&mut self, value: i64) {
        self.cover(value, value);
        self.totals.add(value);
        self.count(value);
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        if let Some((min, max)) = other.totals.bounds {
            self.cover(min, max);
            while self.shift < other.shift {
                self.widen();
            }
            self.cover(min, max);
            for ((low, _), count) in other.bins() {
                // A bin of the other may begin below its least value, so below all bins here.
                let bin = (low >> self.shift).max(self.first);
                self.counts[(bin - self.first) as usize] += count;
            }
            self.totals.merge(&other.totals);
        }
    }

    /// Takes values away that are among those added. (The extremes stay, for nobody knows others.)
    pub fn take_away(&mut self, other: &Self) {
        if other.totals.count == 0 {
            return;
        }
        let mut other = other.clone();
        while other.shift < self.shift {
            other.widen();
        }
        while self.shift < other.shift {
            self.widen();
        }
        for (index, count) in other.counts.iter().enumerate() {
            let place = (other.first + index as i64).checked_sub(self.first);
            let place = place.and_then(|place| usize::try_from(place).ok());
            if let Some(own) = place.and_then(|place| self.counts.get_mut(place)) {
                *own = own.saturating_sub(*count);
            }
        }
        self.totals.count = self.totals.count.saturating_sub(other.totals.count);
        self.totals.sum -= other.totals.sum;
    }

    #[inline]
    fn count(&mut self, value: i64) {
        self.counts[((value >> self.shift) - self.first) as usize] += 1;
    }

    /// Makes room for the values from `min` to `max`.
    fn cover(&mut self, min: i64, max: i64) {
        if self.counts.is_empty() {
            self.first = min >> self.shift;
            self.counts.push(0);
        }
        loop {
            let last = self.first + (self.counts.len() as i64 - 1);
            let low = self.first.min(min >> self.shift);
            let high = last.max(max >> self.shift);
            if high.abs_diff(low) < BINS_MAX {
                let before = self.first.abs_diff(low) as usize;
                if before > 0 {
                    self.counts.splice(0..0, std::iter::repeat_n(0, before));
                    self.first = low;
                }
                self.counts.resize(high.abs_diff(low) as usize + 1, 0);
                return;
            }
            self.widen();
        }
    }

    /// Makes bins twice as wide.
    fn widen(&mut self) {
        self.shift += 1;
        if self.counts.is_empty() {
            return;
        }
        let first = self.first >> 1;
        let last = (self.first + (self.counts.len() as i64 - 1)) >> 1;
        let mut counts = vec![0; last.abs_diff(first) as usize + 1];
        for (index, count) in self.counts.iter().enumerate() {
            let bin = (self.first + index as i64) >> 1;
            counts[(bin - first) as usize] += count;
        }
        (self.first, self.counts) = (first, counts);
    }
}

impl Vector {
    /// Adds the values of `audience`, member `m` of which is at position `start + m`.
    ///
    /// # Panics
    /// If a member of the audience has no value.
    pub fn spread(&self, start: usize, audience: &Chunk, spread: &mut Spread) {
        let totals = self.totals(start, audience);
        let Some((min, max)) = totals.bounds else {
            return;
        };
        spread.cover(min, max);
        spread.totals.merge(&totals);
        // A kernel counts by differences from the vector's least value, in or out of the audience.
        let offset = self.min().checked_sub(spread.first);
        let fits = offset.filter(|offset| *offset >= 0).and_then(|offset| {
            let offset = usize::try_from(offset).ok()?;
            let span = usize::try_from(self.max().checked_sub(self.min())?).ok()?;
            (offset + span < spread.counts.len()).then_some(offset..offset + span + 1)
        });
        if let Some(range) = fits.filter(|_| spread.shift == 0) {
            let words = audience.words();
            let counts = &mut spread.counts[range];
            let len = self.len().saturating_sub(start).min(CHUNK_BITS);
            match self.deltas(start.min(self.len()), len) {
                Deltas::Zero => counts[0] += totals.count,
                Deltas::One(deltas) => kernels::histogram_1(deltas, words, counts),
                Deltas::Two(deltas) => kernels::histogram_2(deltas, words, counts),
                Deltas::Four(deltas) => kernels::histogram_4(deltas, words, counts),
                Deltas::Eight(deltas) => kernels::histogram_8(deltas, words, counts),
            }
            return;
        }
        audience.for_each(|low| spread.count(self.get(start + usize::from(low))));
    }

    /// Adds the values of those of `audience` that are in `container`, whose value is at `first`
    /// plus its rank in the container.
    ///
    /// # Panics
    /// If there are fewer values than members.
    pub fn spread_ranked(
        &self,
        (first, container): (u64, Container<'_>),
        audience: &Chunk,
        spread: &mut Spread,
    ) {
        let mut ranks = Chunk::new();
        container.ranks_in(audience, &mut ranks);
        self.spread(first as usize, &ranks, spread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64]) {
        let mut one_by_one = Spread::default();
        values.iter().for_each(|value| one_by_one.add(*value));
        let mut whole = Spread::default();
        let vector = Vector::from_values(values);
        for start in (0..values.len()).step_by(CHUNK_BITS) {
            let mut audience = Chunk::new();
            audience.fill_below(values.len() - start);
            vector.spread(start, &audience, &mut whole);
        }
        let (low, high) = values.split_at(values.len() / 3);
        let mut merged = Spread::default();
        for part in [high, low] {
            let mut spread = Spread::default();
            part.iter().for_each(|value| spread.add(*value));
            merged.merge(&spread);
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let mut less = merged.clone();
        let mut more = Spread::default();
        for value in [7, -7, 1 << 50] {
            less.add(value);
            more.add(value);
        }
        less.take_away(&more);
        for spread in [&one_by_one, &whole, &merged, &less] {
            assert_eq!(spread.totals().count, values.len() as u64);
            let bins: Vec<_> = spread.bins().collect();
            assert!(bins.windows(2).all(|pair| pair[0].0.1 < pair[1].0.0));
            for ((low, high), count) in bins {
                let within = sorted.iter().filter(|value| (low..=high).contains(value));
                assert_eq!(within.count() as u64, count);
            }
            for rank in [0, values.len() / 2, values.len() - 1] {
                let ((low, high), below) = spread.rank(rank as u64).unwrap();
                assert!((low..=high).contains(&sorted[rank]));
                let lower = sorted.iter().filter(|value| **value < low).count();
                assert_eq!(lower as u64, below);
            }
            assert_eq!(spread.rank(values.len() as u64), None);
        }
    }

    #[test]
    fn values_near_each_other_are_counted_one_by_one() {
        let values: Vec<i64> = (0..5_000).map(|n| n * 7_919 % 500 - 250).collect();
        check(&values);
        let mut spread = Spread::default();
        values.iter().for_each(|value| spread.add(*value));
        assert!(spread.is_exact());
        assert_eq!(spread.bins().count(), 500);
    }

    #[test]
    fn values_far_apart_share_bins() {
        check(&[i64::MIN, -1, 0, 1, i64::MAX]);
        check(&[i64::MAX, i64::MAX - 1]);
        check(&[i64::MIN]);
        check(&[5, 1 << 20, -(1 << 33), 7, 7, 1 << 40]);
        let values: Vec<i64> = (0..2_000)
            .map(|n: i64| n.wrapping_mul(0x1E37_79B9_7F4A_7C15))
            .collect();
        check(&values);
    }

    #[test]
    fn an_audience_of_some_is_counted_alone() {
        let values: Vec<i64> = (0..1_000).map(|n| n % 10 * 100_000).collect();
        let vector = Vector::from_values(&values);
        let mut audience = Chunk::new();
        (0..1_000).step_by(20).for_each(|low| audience.set(low));
        let mut spread = Spread::default();
        vector.spread(0, &audience, &mut spread);
        assert_eq!(spread.totals().count, 50);
        assert_eq!(spread.bins().collect::<Vec<_>>(), [((0, 0), 50)]);
    }
}
