//! Sums, extremes and histograms of values under an audience.

use super::kernels::{self, DeltaTotals};
use super::vector::{Deltas, Vector};
use crate::bitmap::{CHUNK_BITS, Chunk, Container};

/// From this many members for each value but one, comparing all values of a chunk with each is
/// faster than visiting the members.
const COMPARED_MEMBERS_MIN: usize = 4096;

/// From this many members on, counting in several tables makes up for adding the tables.
const BYTE_COUNTS_MEMBERS_MIN: u32 = 2048;

/// What a number of values add up to. The empty total is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of values.
    pub count: u64,
    /// Their sum, exactly.
    pub sum: i128,
    /// Least and greatest of them, if there are any.
    pub bounds: Option<(i64, i64)>,
}

impl Totals {
    /// Adds one value.
    #[inline]
    pub fn add(&mut self, value: i64) {
        self.merge(&Totals {
            count: 1,
            sum: i128::from(value),
            bounds: Some((value, value)),
        });
    }

    /// Adds the values that `other` is the total of.
    #[inline]
    pub fn merge(&mut self, other: &Totals) {
        self.count += other.count;
        self.sum += other.sum;
        self.bounds = match (self.bounds, other.bounds) {
            (Some((min, max)), Some((other_min, other_max))) => {
                Some((min.min(other_min), max.max(other_max)))
            }
            (bounds, None) | (None, bounds) => bounds,
        };
    }
}

impl Vector {
    /// Totals of the values of `audience`, member `m` of which is at position `start + m`.
    ///
    /// # Panics
    /// If a member of the audience has no value.
    #[must_use]
    pub fn totals(&self, start: usize, audience: &Chunk) -> Totals {
        let words = audience.words();
        let totals = match self.deltas_of(start, audience) {
            Deltas::Zero => DeltaTotals {
                sums: (0, 0),
                bounds: (0, 0),
            },
            Deltas::One(deltas) => kernels::totals_1(deltas, words),
            Deltas::Two(deltas) => kernels::totals_2(deltas, words),
            Deltas::Four(deltas) => kernels::totals_4(deltas, words),
            Deltas::Eight(deltas) => kernels::totals_8(deltas, words),
        };
        let count = u64::from(audience.count());
        let (low, high) = totals.sums;
        let deltas = i128::from(low) + (i128::from(high) << 32);
        let (least, greatest) = totals.bounds;
        Totals {
            count,
            sum: i128::from(count) * i128::from(self.min()) + deltas,
            bounds: (count > 0).then(|| (self.value(least), self.value(greatest))),
        }
    }

    /// Totals of the values of those of `audience` that are in `container`. The value of a member
    /// is at `first` plus its rank in the container: the pair is what
    /// [`Bitmap::chunk`](crate::bitmap::Bitmap::chunk) returns.
    ///
    /// # Panics
    /// If there are fewer values than members.
    #[must_use]
    pub fn totals_ranked(
        &self,
        (first, container): (u64, Container<'_>),
        audience: &Chunk,
    ) -> Totals {
        let mut ranks = Chunk::new();
        container.ranks_in(audience, &mut ranks);
        self.totals(first as usize, &ranks)
    }

    /// Adds to `counts[value]` for each of `audience`, member `m` of which is at position
    /// `start + m`.
    ///
    /// # Panics
    /// If a member of the audience has no value, or a value of the vector is no index of `counts`.
    pub fn histogram(&self, start: usize, audience: &Chunk, counts: &mut [u64]) {
        let words = audience.words();
        let deltas = self.deltas_of(start, audience);
        let members = audience.count();
        if members == 0 {
            return;
        }
        let counts = &mut counts[self.min() as usize..=self.max() as usize];
        match deltas {
            Deltas::Zero => counts[0] += u64::from(members),
            Deltas::One(deltas)
                if members as usize >= COMPARED_MEMBERS_MIN * (counts.len() - 1) =>
            {
                count_by_comparing(deltas, audience, members, counts);
            }
            Deltas::One(deltas) if members >= BYTE_COUNTS_MEMBERS_MIN => {
                let mut tables = [[0; 256]; 4];
                kernels::histogram_bytes(deltas, words, &mut tables);
                for (value, count) in counts.iter_mut().enumerate() {
                    *count += tables
                        .iter()
                        .map(|table| u64::from(table[value]))
                        .sum::<u64>();
                }
            }
            Deltas::One(deltas) => kernels::histogram_1(deltas, words, counts),
            Deltas::Two(deltas) => kernels::histogram_2(deltas, words, counts),
            Deltas::Four(deltas) => kernels::histogram_4(deltas, words, counts),
            Deltas::Eight(deltas) => kernels::histogram_8(deltas, words, counts),
        }
    }

    /// Adds to `counts[value]` for each of `audience` that is in `container`, whose value is at
    /// `first` plus its rank in the container.
    ///
    /// # Panics
    /// If there are fewer values than members, or a value of the vector is no index of `counts`.
    pub fn histogram_ranked(
        &self,
        (first, container): (u64, Container<'_>),
        audience: &Chunk,
        counts: &mut [u64],
    ) {
        let mut ranks = Chunk::new();
        container.ranks_in(audience, &mut ranks);
        self.histogram(first as usize, &ranks, counts);
    }

    /// The differences that the positions of `audience` can refer to.
    fn deltas_of(&self, start: usize, audience: &Chunk) -> Deltas<'_> {
        let len = self.len().saturating_sub(start).min(CHUNK_BITS);
        assert!(
            audience.count_range(len..CHUNK_BITS) == 0,
            "an audience beyond the vector"
        );
        self.deltas(start.min(self.len()), len)
    }
}

/// Adds to the count of each value by comparing all values with it; what is left has the last.
fn count_by_comparing(deltas: &[[u8; 1]], audience: &Chunk, members: u32, counts: &mut [u64]) {
    let Some((last, others)) = counts.split_last_mut() else {
        return;
    };
    let mut selected = Chunk::new();
    let mut left = members;
    for (delta, count) in (0..).zip(others) {
        kernels::select_1(deltas, delta, 0, selected.words_mut());
        let selected = Chunk::count_and(&selected, audience);
        *count += u64::from(selected);
        left -= selected;
    }
    *last += u64::from(left);
}
