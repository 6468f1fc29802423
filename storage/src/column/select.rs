//! Comparisons of values: which positions of a chunk hold a value that is asked for.

use super::kernels;
use super::vector::{Deltas, Vector};
use crate::bitmap::{CHUNK_BITS, Chunk, Container};

impl Vector {
    /// Sets `out` to the positions `0..len` at which the value of position `start` on is in
    /// `low ..= high`.
    ///
    /// # Panics
    /// If `len` is above 65,536 or there are not that many values.
    pub fn select_range(&self, start: usize, len: usize, low: i64, high: i64, out: &mut Chunk) {
        assert!(len <= CHUNK_BITS, "{len} positions in a chunk");
        let deltas = self.deltas(start, len);
        match self.delta_range(low, high) {
            Overlap::None => out.clear(),
            Overlap::All => out.fill_below(len),
            Overlap::Some { low, span } => {
                let words = out.words_mut();
                match deltas {
                    // The range has all of a constant or none.
                    Deltas::Zero => {}
                    Deltas::One(deltas) => kernels::select_1(deltas, low as u8, span as u8, words),
                    Deltas::Two(deltas) => {
                        kernels::select_2(deltas, low as u16, span as u16, words);
                    }
                    Deltas::Four(deltas) => {
                        kernels::select_4(deltas, low as u32, span as u32, words);
                    }
                    Deltas::Eight(deltas) => kernels::select_8(deltas, low, span, words),
                }
            }
        }
    }

    /// Sets `out` to those of `candidates` that are in `container` and whose value is in
    /// `low ..= high`. The value of a member is at `first` plus its rank in the container:
    /// the pair is what [`Bitmap::chunk`](crate::bitmap::Bitmap::chunk) returns.
    ///
    /// # Panics
    /// If there are fewer values than members.
    pub fn select_range_ranked(
        &self,
        (first, container): (u64, Container<'_>),
        candidates: &Chunk,
        low: i64,
        high: i64,
        out: &mut Chunk,
    ) {
        match self.delta_range(low, high) {
            Overlap::None => out.clear(),
            Overlap::All => {
                out.copy_from(candidates);
                container.and_into(out);
            }
            Overlap::Some { .. } => {
                let mut ranks = Chunk::new();
                self.select_range(
                    first as usize,
                    container.len() as usize,
                    low,
                    high,
                    &mut ranks,
                );
                container.members_at(&ranks, out);
                out.and(candidates);
            }
        }
    }

    /// The part of `low ..= high` that values of this vector can be in, as stored differences.
    fn delta_range(&self, low: i64, high: i64) -> Overlap {
        if low > high || high < self.min() || low > self.max() || self.is_empty() {
            return Overlap::None;
        }
        if low <= self.min() && self.max() <= high {
            return Overlap::All;
        }
        let low_delta = low.max(self.min()).wrapping_sub(self.min()) as u64;
        let high_delta = high.min(self.max()).wrapping_sub(self.min()) as u64;
        Overlap::Some {
            low: low_delta,
            span: high_delta - low_delta,
        }
    }
}

enum Overlap {
    None,
    All,
    Some { low: u64, span: u64 },
}
