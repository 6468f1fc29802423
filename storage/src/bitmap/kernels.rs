//! Loops over whole bitsets.

use super::dispatch::kernels;
use super::{ARRAY_LEN_MAX, Words};

kernels! {
    /// Members of a run of words.
    pub(crate) fn count(words: &[[u8; 8]]) -> u32 {
        words.iter().map(|word| u64::from_le_bytes(*word).count_ones()).sum()
    }

    /// Members of `a & b`.
    pub(crate) fn and_count(a: &Words, b: &Words) -> u32 {
        a.iter()
            .zip(b)
            .map(|(a, b)| (u64::from_le_bytes(*a) & u64::from_le_bytes(*b)).count_ones())
            .sum()
    }

    /// `a &= b`.
    pub(crate) fn and(a: &mut Words, b: &Words) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = (u64::from_le_bytes(*a) & u64::from_le_bytes(*b)).to_le_bytes();
        }
    }

    /// `out = a & b`.
    pub(crate) fn assign_and(out: &mut Words, a: &Words, b: &Words) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = (u64::from_le_bytes(*a) & u64::from_le_bytes(*b)).to_le_bytes();
        }
    }

    /// `a |= b`.
    pub(crate) fn or(a: &mut Words, b: &Words) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = (u64::from_le_bytes(*a) | u64::from_le_bytes(*b)).to_le_bytes();
        }
    }

    /// `a &= !b`.
    pub(crate) fn and_not(a: &mut Words, b: &Words) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = (u64::from_le_bytes(*a) & !u64::from_le_bytes(*b)).to_le_bytes();
        }
    }

    /// `a ^= b`.
    pub(crate) fn xor(a: &mut Words, b: &Words) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = (u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b)).to_le_bytes();
        }
    }

    /// `a = !a`.
    pub(crate) fn not(a: &mut Words) {
        for a in a.iter_mut() {
            *a = (!u64::from_le_bytes(*a)).to_le_bytes();
        }
    }

    /// Whether `a` has a member.
    pub(crate) fn any(a: &Words) -> bool {
        a.chunks_exact(32)
            .any(|block| block.iter().fold(0, |any, word| any | u64::from_le_bytes(*word)) != 0)
    }

    /// Whether `a & b` has a member.
    pub(crate) fn and_any(a: &Words, b: &Words) -> bool {
        a.chunks_exact(32).zip(b.chunks_exact(32)).any(|(a, b)| {
            let both = a.iter().zip(b).fold(0, |any, (a, b)| {
                any | (u64::from_le_bytes(*a) & u64::from_le_bytes(*b))
            });
            both != 0
        })
    }

    /// Runs of neighbouring members.
    pub(crate) fn count_runs(words: &Words) -> u32 {
        // A run begins at each member whose predecessor is none.
        let first = u64::from_le_bytes(words[0]);
        let mut runs = (first & !(first << 1)).count_ones();
        for pair in words.windows(2) {
            let (before, word) = (u64::from_le_bytes(pair[0]), u64::from_le_bytes(pair[1]));
            runs += (word & !(word << 1 | before >> 63)).count_ones();
        }
        runs
    }

    /// Whether each value is above the one before.
    pub(crate) fn is_rising(values: &[[u8; 2]]) -> bool {
        let after = values.get(1..).unwrap_or_default();
        let falls = values.iter().zip(after).fold(false, |falls, (a, b)| {
            falls | (u16::from_le_bytes(*a) >= u16::from_le_bytes(*b))
        });
        !falls
    }

    /// Writes the members of `words` into `lows`, at most [`ARRAY_LEN_MAX`], and returns their
    /// number. The room beyond is written to as well.
    pub(crate) fn collect(words: &Words, lows: &mut [[u8; 2]; ARRAY_LEN_MAX + 64]) -> usize {
        let mut len = 0;
        for (index, mut word) in words.iter().map(|word| u64::from_le_bytes(*word)).enumerate() {
            if word == 0 {
                continue;
            }
            let count = word.count_ones() as usize;
            if len + count > ARRAY_LEN_MAX {
                break;
            }
            // Four at a time, wanted or not: a branch for each member would be mispredicted.
            for four in lows[len..len + 64].chunks_mut(4).take(count.div_ceil(4)) {
                for low in four {
                    *low = ((index * 64) as u16 | word.trailing_zeros() as u16).to_le_bytes();
                    word &= word.wrapping_sub(1);
                }
            }
            len += count;
        }
        len
    }
}
