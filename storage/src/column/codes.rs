//! A set of value codes, as a comparison asks for it.

use super::kernels;
use super::vector::{Deltas, Vector};
use crate::bitmap::{CHUNK_BITS, Chunk, Container};

/// Up to this many ranges of neighbouring codes are compared; above it each value is looked up.
const RANGES_MAX: usize = 4;

/// A set of value codes that is asked for, prepared once for all chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeSet {
    /// Whether each code is in the set, up to the greatest that is.
    asked: Vec<bool>,
    /// First and last of each range of neighbouring codes; empty if there are too many.
    ranges: Vec<(i64, i64)>,
}

impl CodeSet {
    /// Whether `value` is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, value: i64) -> bool {
        usize::try_from(value).is_ok_and(|code| self.asked.get(code) == Some(&true))
    }

    /// Whether each value from `base` on is in the set, up to the greatest that is. None if values
    /// below 0 would be asked for.
    fn asked_from(&self, base: i64) -> Option<&[bool]> {
        let base = usize::try_from(base).ok()?;
        Some(self.asked.get(base..).unwrap_or_default())
    }
}

impl FromIterator<u32> for CodeSet {
    /// Takes the codes in any order; needs a byte for each code up to the greatest.
    fn from_iter<I: IntoIterator<Item = u32>>(codes: I) -> Self {
        let mut asked = Vec::new();
        for code in codes.into_iter().map(|code| code as usize) {
            if asked.len() <= code {
                asked.resize(code + 1, false);
            }
            asked[code] = true;
        }
        let mut ranges = Vec::new();
        let mut code = 0;
        for run in asked.chunk_by(|a, b| a == b) {
            if run[0] && ranges.len() <= RANGES_MAX {
                ranges.push((code, code + run.len() as i64 - 1));
            }
            code += run.len() as i64;
        }
        if ranges.len() > RANGES_MAX {
            ranges.clear();
        }
        Self { asked, ranges }
    }
}

impl Vector {
    /// Sets `out` to the positions `0..len` at which the value of position `start` on is in `codes`.
    ///
    /// # Panics
    /// If `len` is above 65,536 or there are not that many values.
    pub fn select_codes(&self, start: usize, len: usize, codes: &CodeSet, out: &mut Chunk) {
        let Some(((first, last), rest)) = codes.ranges.split_first() else {
            return self.look_up(start, len, codes, out);
        };
        self.select_range(start, len, *first, *last, out);
        let mut others = rest
            .iter()
            .filter(|(first, last)| *first <= self.max() && *last >= self.min())
            .peekable();
        if others.peek().is_some() {
            let mut more = Chunk::new();
            for (first, last) in others {
                self.select_range(start, len, *first, *last, &mut more);
                out.or(&more);
            }
        }
    }

    /// Sets `out` to those of `candidates` that are in `container` and whose value is in `codes`;
    /// `first` and `container` are as in [`select_range_ranked`](Self::select_range_ranked).
    ///
    /// # Panics
    /// If there are fewer values than members.
    pub fn select_codes_ranked(
        &self,
        (first, container): (u64, Container<'_>),
        candidates: &Chunk,
        codes: &CodeSet,
        out: &mut Chunk,
    ) {
        let mut ranks = Chunk::new();
        self.select_codes(first as usize, container.len() as usize, codes, &mut ranks);
        container.members_at(&ranks, out);
        out.and(candidates);
    }

    fn look_up(&self, start: usize, len: usize, codes: &CodeSet, out: &mut Chunk) {
        assert!(len <= CHUNK_BITS, "{len} positions in a chunk");
        let Some(asked) = codes.asked_from(self.min()) else {
            // Codes are not negative; a vector that has negative values is no vector of codes.
            out.clear();
            for position in 0..len {
                if codes.contains(self.get(start + position)) {
                    out.set(position as u16);
                }
            }
            return;
        };
        let words = out.words_mut();
        match self.deltas(start, len) {
            Deltas::Zero => out.fill_below(if codes.contains(self.min()) { len } else { 0 }),
            Deltas::One(deltas) => {
                let mut table = [false; 256];
                table
                    .iter_mut()
                    .zip(asked)
                    .for_each(|(entry, asked)| *entry = *asked);
                kernels::lookup_1(deltas, &table, words);
            }
            Deltas::Two(deltas) => kernels::lookup_2(deltas, asked, words),
            Deltas::Four(deltas) => kernels::lookup_4(deltas, asked, words),
            Deltas::Eight(deltas) => kernels::lookup_8(deltas, asked, words),
        }
    }
}
