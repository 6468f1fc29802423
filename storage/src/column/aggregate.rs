//! Sums, extremes and histograms of values under an audience.

use super::vector::Vector;
use crate::bitmap::{Chunk, Container};

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
        let mut totals = Totals::default();
        audience.for_each(|member| totals.add(self.get(start + usize::from(member))));
        totals
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
        let mut totals = Totals::default();
        container.for_each_in(audience, |_, rank| {
            totals.add(self.get(first as usize + rank as usize));
        });
        totals
    }

    /// Adds to `counts[value]` for each of `audience`, member `m` of which is at position
    /// `start + m`.
    ///
    /// # Panics
    /// If a member of the audience has no value, or a value of the vector is no index of `counts`.
    pub fn histogram(&self, start: usize, audience: &Chunk, counts: &mut [u64]) {
        audience.for_each(|member| counts[self.get(start + usize::from(member)) as usize] += 1);
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
        container.for_each_in(audience, |_, rank| {
            counts[self.get(first as usize + rank as usize) as usize] += 1;
        });
    }

    /// Calls `visit` with each of the positions `0..len` and the value of position `start` on.
    #[inline]
    pub(super) fn for_each_in_range(
        &self,
        start: usize,
        len: usize,
        mut visit: impl FnMut(usize, i64),
    ) {
        for position in 0..len {
            visit(position, self.get(start + position));
        }
    }
}
