//! Loops over stored differences, one for each width.

use crate::bitmap::Words;
use crate::bitmap::dispatch::kernels;
use crate::bitmap::for_each_bit;

/// From this many members of 64 on, all 64 values are read and masked instead of visited singly.
const DENSE_MEMBERS_MIN: u32 = 12;

/// What differences add up to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DeltaTotals {
    /// Sum of their lower 32 bits, and of their upper 32: each fits for a chunk of values.
    pub(super) sums: (u64, u64),
    /// Least and greatest; `(MAX, 0)` of none.
    pub(super) bounds: (u64, u64),
}

/// Defines the kernels of one width.
macro_rules! width_kernels {
    (
        $bytes:literal, $int:ty, $asked:ty,
        $bounds:ident, $select:ident, $lookup:ident, $totals:ident, $histogram:ident
    ) => {
        kernels! {
            /// The least and the greatest difference; `(MAX, 0)` of none.
            pub(super) fn $bounds(deltas: &[[u8; $bytes]]) -> (u64, u64) {
                let (mut min, mut max) = (<$int>::MAX, 0);
                for delta in deltas {
                    let delta = <$int>::from_le_bytes(*delta);
                    min = min.min(delta);
                    max = max.max(delta);
                }
                (u64::from(min), u64::from(max))
            }

            /// Sets `out` to the positions of the differences in `low ..= low + span`.
            pub(super) fn $select(deltas: &[[u8; $bytes]], low: $int, span: $int, out: &mut Words) {
                let selected = |delta: &[u8; $bytes]| {
                    <$int>::from_le_bytes(*delta).wrapping_sub(low) <= span
                };
                let mut blocks = deltas.chunks(64);
                for word in out {
                    let mut bits = 0_u64;
                    for (bit, delta) in blocks.next().unwrap_or_default().iter().enumerate() {
                        bits |= u64::from(selected(delta)) << bit;
                    }
                    *word = bits.to_le_bytes();
                }
            }

            /// Sets `out` to the positions of the differences `d` with `asked[d]`.
            pub(super) fn $lookup(deltas: &[[u8; $bytes]], asked: &$asked, out: &mut Words) {
                let mut blocks = deltas.chunks(64);
                for word in out {
                    let mut bits = 0_u64;
                    for (bit, delta) in blocks.next().unwrap_or_default().iter().enumerate() {
                        let delta = <$int>::from_le_bytes(*delta) as usize;
                        bits |= u64::from(asked.get(delta) == Some(&true)) << bit;
                    }
                    *word = bits.to_le_bytes();
                }
            }

            /// Totals of the differences at the positions in `audience`.
            pub(super) fn $totals(deltas: &[[u8; $bytes]], audience: &Words) -> DeltaTotals {
                let (mut low, mut high) = (0_u64, 0_u64);
                let (mut min, mut max) = (<$int>::MAX, 0);
                for (block, word) in blocks_of(deltas, audience) {
                    if word.count_ones() >= DENSE_MEMBERS_MIN {
                        for (bit, delta) in block.iter().enumerate() {
                            let mask = (word >> bit & 1).wrapping_neg() as $int;
                            let delta = <$int>::from_le_bytes(*delta);
                            let wide = u64::from(delta & mask);
                            low += wide & 0xffff_ffff;
                            high += wide >> 32;
                            min = min.min(delta | !mask);
                            max = max.max(delta & mask);
                        }
                    } else {
                        for_each_bit(word, |bit| {
                            let delta = <$int>::from_le_bytes(block[bit as usize]);
                            low += u64::from(delta) & 0xffff_ffff;
                            high += u64::from(delta) >> 32;
                            min = min.min(delta);
                            max = max.max(delta);
                        });
                    }
                }
                DeltaTotals { sums: (low, high), bounds: (u64::from(min), u64::from(max)) }
            }

            /// Adds to `counts[d]` for the difference `d` at each position in `audience`.
            pub(super) fn $histogram(deltas: &[[u8; $bytes]], audience: &Words, counts: &mut [u64]) {
                for (block, word) in blocks_of(deltas, audience) {
                    if word.count_ones() >= DENSE_MEMBERS_MIN {
                        for (bit, delta) in block.iter().enumerate() {
                            counts[<$int>::from_le_bytes(*delta) as usize] += word >> bit & 1;
                        }
                    } else {
                        for_each_bit(word, |bit| {
                            counts[<$int>::from_le_bytes(block[bit as usize]) as usize] += 1;
                        });
                    }
                }
            }
        }
    };
}

width_kernels!(
    1,
    u8,
    [bool; 256],
    bounds_1,
    select_1,
    lookup_1,
    totals_1,
    histogram_1
);
width_kernels!(
    2,
    u16,
    [bool],
    bounds_2,
    select_2,
    lookup_2,
    totals_2,
    histogram_2
);
width_kernels!(
    4,
    u32,
    [bool],
    bounds_4,
    select_4,
    lookup_4,
    totals_4,
    histogram_4
);
width_kernels!(
    8,
    u64,
    [bool],
    bounds_8,
    select_8,
    lookup_8,
    totals_8,
    histogram_8
);

/// Counts of one byte's values. Neighbouring values are counted in different tables, since adding
/// to the same count again and again waits for the store before.
pub(super) type ByteCounts = [[u32; 256]; 4];

kernels! {
    /// Adds to the counts of the differences at the positions in `audience`.
    pub(super) fn histogram_bytes(deltas: &[[u8; 1]], audience: &Words, counts: &mut ByteCounts) {
        let [first, second, third, fourth] = counts;
        for (block, mut word) in blocks_of(deltas, audience) {
            if word.count_ones() >= DENSE_MEMBERS_MIN {
                for eight in block.as_flattened().chunks(8) {
                    let mut deltas = [0; 8];
                    deltas[..eight.len()].copy_from_slice(eight);
                    let [a, b, c, d, e, f, g, h] = deltas.map(usize::from);
                    let bits = word as u32;
                    first[a] += bits & 1;
                    second[b] += bits >> 1 & 1;
                    third[c] += bits >> 2 & 1;
                    fourth[d] += bits >> 3 & 1;
                    first[e] += bits >> 4 & 1;
                    second[f] += bits >> 5 & 1;
                    third[g] += bits >> 6 & 1;
                    fourth[h] += bits >> 7 & 1;
                    word >>= 8;
                }
            } else {
                for_each_bit(word, |bit| first[usize::from(block[bit as usize][0])] += 1);
            }
        }
    }
}

/// The differences of 64 positions each with their bits in `audience`, where there are any.
#[inline(always)]
fn blocks_of<'a, T>(deltas: &'a [T], audience: &'a Words) -> impl Iterator<Item = (&'a [T], u64)> {
    let blocks = deltas.chunks(64).zip(audience);
    blocks
        .map(|(block, word)| (block, u64::from_le_bytes(*word)))
        .filter(|(_, word)| *word != 0)
}
