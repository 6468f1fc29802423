//! Translation between members of a container and their ranks, a word at a time.
//!
//! A vector in rank order has its values where the members' ranks are. With an audience translated
//! to ranks, the kernels of dense vectors serve ranked vectors too; what they select is translated
//! back.

use super::chunk::for_each_bit;
use super::container::{Container, Kind, run_range};
use super::dispatch::{Level, level};
use super::{CHUNK_WORDS, Chunk, Words};

impl Container<'_> {
    /// Makes `ranks` the ranks of those members that are in `chunk`.
    pub fn ranks_in(self, chunk: &Chunk, ranks: &mut Chunk) {
        match self.kind {
            Kind::Array(values) => {
                ranks.clear();
                for (rank, value) in values.iter().enumerate() {
                    if chunk.contains(u16::from_le_bytes(*value)) {
                        ranks.set(rank as u16);
                    }
                }
            }
            Kind::Bitset(words) => compress(words, chunk, ranks),
            Kind::Runs(runs) => {
                ranks.clear();
                let mut rank = 0;
                for run in runs.iter().map(|run| run_range(*run)) {
                    or_bits(chunk, run.start, ranks, rank, run.len());
                    rank += run.len();
                }
            }
        }
    }

    /// Makes `members` the members whose ranks are in `ranks`.
    pub fn members_at(self, ranks: &Chunk, members: &mut Chunk) {
        match self.kind {
            Kind::Array(values) => {
                members.clear();
                for (rank, value) in values.iter().enumerate() {
                    if ranks.contains(rank as u16) {
                        members.set(u16::from_le_bytes(*value));
                    }
                }
            }
            Kind::Bitset(words) => expand(words, ranks, members),
            Kind::Runs(runs) => {
                members.clear();
                let mut rank = 0;
                for run in runs.iter().map(|run| run_range(*run)) {
                    or_bits(ranks, rank, members, run.start, run.len());
                    rank += run.len();
                }
            }
        }
    }
}

/// Adds the bits `from_start .. from_start + len` of `from` to `to` from `to_start` on.
fn or_bits(from: &Chunk, from_start: usize, to: &mut Chunk, to_start: usize, len: usize) {
    let mut done = 0;
    while done < len {
        let at = to_start + done;
        // Up to the end of the word that is written to.
        let count = (64 - at % 64).min(len - done);
        let bits = bits_at(from, from_start + done) & u64::MAX >> (64 - count);
        to.set_word(at / 64, to.word(at / 64) | bits << (at % 64));
        done += count;
    }
}

/// The 64 bits from `at` on; zeros beyond the last.
#[inline(always)]
fn bits_at(chunk: &Chunk, at: usize) -> u64 {
    let (index, shift) = (at / 64, at % 64);
    let low = if index < CHUNK_WORDS {
        chunk.word(index) >> shift
    } else {
        0
    };
    if shift == 0 || index + 1 >= CHUNK_WORDS {
        return low;
    }
    low | chunk.word(index + 1) << (64 - shift)
}

/// Makes `ranks` the ranks in `words` of the members of `chunk`.
fn compress(words: &Words, chunk: &Chunk, ranks: &mut Chunk) {
    #[cfg(target_arch = "x86_64")]
    if matches!(level(), Level::V3 | Level::V4) {
        // SAFETY: these levels have the features that the function names.
        #[expect(unsafe_code, reason = "calls code compiled for the processor found")]
        return unsafe { bmi2::compress(words, chunk, ranks) };
    }
    compress_with(words, chunk, ranks, |bits, mask| {
        let mut packed = 0;
        let mut rank = 0;
        for_each_bit(mask, |bit| {
            packed |= (bits >> bit & 1) << rank;
            rank += 1;
        });
        packed
    });
}

/// Makes `members` the members of `words` whose ranks are in `ranks`.
fn expand(words: &Words, ranks: &Chunk, members: &mut Chunk) {
    #[cfg(target_arch = "x86_64")]
    if matches!(level(), Level::V3 | Level::V4) {
        // SAFETY: these levels have the features that the function names.
        #[expect(unsafe_code, reason = "calls code compiled for the processor found")]
        return unsafe { bmi2::expand(words, ranks, members) };
    }
    expand_with(words, ranks, members, |bits, mask| {
        let mut spread = 0;
        let mut rank = 0;
        for_each_bit(mask, |bit| {
            spread |= (bits >> rank & 1) << bit;
            rank += 1;
        });
        spread
    });
}

#[cfg(target_arch = "x86_64")]
mod bmi2 {
    use std::arch::x86_64::{_pdep_u64, _pext_u64};

    use super::{Chunk, Words, compress_with, expand_with};

    #[target_feature(enable = "bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn compress(words: &Words, chunk: &Chunk, ranks: &mut Chunk) {
        compress_with(words, chunk, ranks, |bits, mask| _pext_u64(bits, mask));
    }

    #[target_feature(enable = "bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn expand(words: &Words, ranks: &Chunk, members: &mut Chunk) {
        expand_with(words, ranks, members, |bits, mask| _pdep_u64(bits, mask));
    }
}

/// `pack` gathers the bits of its first argument that are in the second in the lowest places.
#[inline(always)]
fn compress_with(words: &Words, chunk: &Chunk, ranks: &mut Chunk, pack: impl Fn(u64, u64) -> u64) {
    let (mut filled, mut pending, mut index) = (0, 0_u64, 0);
    for (at, word) in words.iter().enumerate() {
        let mask = u64::from_le_bytes(*word);
        let packed = pack(chunk.word(at), mask);
        pending |= packed << filled;
        filled += mask.count_ones();
        if filled >= 64 {
            ranks.set_word(index, pending);
            index += 1;
            filled -= 64;
            // The bits of `packed` that had no room; none if all of them had.
            let taken = mask.count_ones() - filled;
            pending = packed.checked_shr(taken).unwrap_or(0);
        }
    }
    if index < CHUNK_WORDS {
        ranks.set_word(index, pending);
        ranks.words_mut()[index + 1..].fill([0; 8]);
    }
}

/// `spread` puts the lowest bits of its first argument in the places of the second.
#[inline(always)]
fn expand_with(
    words: &Words,
    ranks: &Chunk,
    members: &mut Chunk,
    spread: impl Fn(u64, u64) -> u64,
) {
    let mut rank = 0;
    for (at, word) in words.iter().enumerate() {
        let mask = u64::from_le_bytes(*word);
        members.set_word(at, spread(bits_at(ranks, rank), mask));
        rank += mask.count_ones() as usize;
    }
}
