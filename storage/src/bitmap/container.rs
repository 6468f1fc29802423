//! The part of a bitmap that lies in one chunk, read in place, and its kernels with a [`Chunk`].

use std::ops::Range;

use super::chunk::{Chunk, ChunkIter, for_each_bit, word_masks};
use super::search::first_at_least;
use super::{ARRAY_LEN_MAX, CHUNK_BITS, Words, kernels};

/// A Roaring container in its serialised, unaligned bytes. Never empty.
///
/// Members are the low 16 bits of ordinals. The *rank* of a member is the number of members below
/// it; it is the member's place in a vector that is kept in rank order.
#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    pub(super) len: u32,
    pub(super) kind: Kind<'a>,
}

/// How a container's members are written down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    /// Members, rising; at most [`ARRAY_LEN_MAX`].
    Array(&'a [[u8; 2]]),
    /// One bit for each of the 65,536.
    Bitset(&'a Words),
    /// First member and number of further members of each run, rising.
    Runs(&'a [[u8; 4]]),
}

/// The members of one run.
#[inline(always)]
pub(super) fn run_range(run: [u8; 4]) -> Range<usize> {
    let start = usize::from(u16::from_le_bytes([run[0], run[1]]));
    start..start + usize::from(u16::from_le_bytes([run[2], run[3]])) + 1
}

#[inline(always)]
fn bit(words: &Words, low: u16) -> bool {
    u64::from_le_bytes(words[usize::from(low) / 64]) >> (low % 64) & 1 != 0
}

/// Where a member is in an array.
fn find(values: &[[u8; 2]], low: u16) -> Option<usize> {
    let at = |index: usize| u16::from_le_bytes(values[index]);
    let index = first_at_least(values.len(), low, &at);
    (index < values.len() && at(index) == low).then_some(index)
}

#[expect(clippy::len_without_is_empty, reason = "a container is never empty")]
impl<'a> Container<'a> {
    /// The number of members, 1 to 65,536.
    #[must_use]
    pub fn len(self) -> u32 {
        self.len
    }

    /// Whether all 65,536 are members.
    #[must_use]
    pub fn is_full(self) -> bool {
        self.len == CHUNK_BITS as u32
    }

    /// Whether the container is a list of at most 4,096 members, so that visiting them is cheaper
    /// than an operation on whole bitsets.
    #[must_use]
    pub fn is_array(self) -> bool {
        matches!(self.kind, Kind::Array(_))
    }

    /// Whether `low` is a member.
    #[must_use]
    pub fn contains(self, low: u16) -> bool {
        match self.kind {
            Kind::Array(values) => find(values, low).is_some(),
            Kind::Bitset(words) => bit(words, low),
            Kind::Runs(runs) => {
                let after = runs.partition_point(|run| run_range(*run).start <= usize::from(low));
                after > 0 && run_range(runs[after - 1]).contains(&usize::from(low))
            }
        }
    }

    /// The number of members below `low`.
    #[must_use]
    pub fn rank(self, low: u16) -> u32 {
        match self.kind {
            Kind::Array(values) => {
                values.partition_point(|value| u16::from_le_bytes(*value) < low) as u32
            }
            Kind::Bitset(words) => {
                let index = usize::from(low) / 64;
                let word = u64::from_le_bytes(words[index]);
                let below = (word & !(u64::MAX << (low % 64))).count_ones();
                // Counts the shorter side.
                if index < words.len() / 2 {
                    kernels::count(&words[..index]) + below
                } else {
                    self.len - kernels::count(&words[index..]) + below
                }
            }
            Kind::Runs(runs) => {
                let low = usize::from(low);
                let members = runs
                    .iter()
                    .map(|run| run_range(*run))
                    .take_while(|run| run.start < low)
                    .map(|run| run.end.min(low) - run.start)
                    .sum::<usize>();
                members as u32
            }
        }
    }

    /// The rank of `low` if it is a member.
    #[must_use]
    pub fn position(self, low: u16) -> Option<u32> {
        match self.kind {
            Kind::Array(values) => find(values, low).map(|index| index as u32),
            _ => self.contains(low).then(|| self.rank(low)),
        }
    }

    /// The member of the given rank, if there are that many.
    #[must_use]
    pub fn select(self, rank: u32) -> Option<u16> {
        if rank >= self.len {
            return None;
        }
        match self.kind {
            Kind::Array(values) => values
                .get(rank as usize)
                .map(|value| u16::from_le_bytes(*value)),
            Kind::Bitset(words) => {
                let mut left = rank;
                for (index, word) in words.iter().enumerate() {
                    let mut word = u64::from_le_bytes(*word);
                    if left < word.count_ones() {
                        for _ in 0..left {
                            word &= word - 1;
                        }
                        return Some((index * 64) as u16 | word.trailing_zeros() as u16);
                    }
                    left -= word.count_ones();
                }
                None
            }
            Kind::Runs(runs) => {
                let mut left = rank as usize;
                for run in runs.iter().map(|run| run_range(*run)) {
                    if left < run.len() {
                        return Some((run.start + left) as u16);
                    }
                    left -= run.len();
                }
                None
            }
        }
    }

    /// The lowest member.
    #[must_use]
    pub fn min(self) -> u16 {
        self.select(0).unwrap_or_default()
    }

    /// The highest member.
    #[must_use]
    pub fn max(self) -> u16 {
        match self.kind {
            Kind::Array(values) => values.last().map_or(0, |value| u16::from_le_bytes(*value)),
            Kind::Bitset(words) => {
                let last = words
                    .iter()
                    .rposition(|word| *word != [0; 8])
                    .unwrap_or_default();
                let word = u64::from_le_bytes(words[last]);
                (last * 64) as u16 | (63 - (word | 1).leading_zeros()) as u16
            }
            Kind::Runs(runs) => runs
                .last()
                .map_or(0, |run| (run_range(*run).end - 1) as u16),
        }
    }

    /// The members, rising.
    #[must_use]
    pub fn iter(self) -> ContainerIter<'a> {
        ContainerIter(match self.kind {
            Kind::Array(values) => Cursor::Array(values.iter()),
            Kind::Bitset(words) => Cursor::Bitset(ChunkIter::over(words)),
            Kind::Runs(runs) => Cursor::Runs(0..0, runs.iter()),
        })
    }

    /// Makes `chunk` the members of this container.
    pub fn copy_into(self, chunk: &mut Chunk) {
        if let Kind::Bitset(words) = self.kind {
            chunk.words_mut().copy_from_slice(words);
        } else {
            chunk.clear();
            self.or_into(chunk);
        }
    }

    /// `chunk |= self`.
    pub fn or_into(self, chunk: &mut Chunk) {
        match self.kind {
            Kind::Array(values) => {
                for value in values {
                    chunk.set(u16::from_le_bytes(*value));
                }
            }
            Kind::Bitset(words) => kernels::or(chunk.words_mut(), words),
            Kind::Runs(runs) => {
                for run in runs {
                    chunk.set_range(run_range(*run));
                }
            }
        }
    }

    /// `chunk &= self`.
    pub fn and_into(self, chunk: &mut Chunk) {
        match self.kind {
            Kind::Array(values) => {
                let mut kept = [0; ARRAY_LEN_MAX];
                let mut len = 0;
                for value in values {
                    let value = u16::from_le_bytes(*value);
                    kept[len] = value;
                    len += usize::from(chunk.contains(value));
                    // Cannot be reached with 4,096 kept; tells the compiler so.
                    if len >= ARRAY_LEN_MAX {
                        break;
                    }
                }
                chunk.clear();
                for value in &kept[..len] {
                    chunk.set(*value);
                }
            }
            Kind::Bitset(words) => kernels::and(chunk.words_mut(), words),
            Kind::Runs(runs) => {
                let mut end = 0;
                for run in runs {
                    let run = run_range(*run);
                    chunk.clear_range(end..run.start);
                    end = run.end;
                }
                chunk.clear_range(end..CHUNK_BITS);
            }
        }
    }

    /// `chunk &= !self`.
    pub fn and_not_into(self, chunk: &mut Chunk) {
        match self.kind {
            Kind::Array(values) => {
                for value in values {
                    chunk.remove(u16::from_le_bytes(*value));
                }
            }
            Kind::Bitset(words) => kernels::and_not(chunk.words_mut(), words),
            Kind::Runs(runs) => {
                for run in runs {
                    chunk.clear_range(run_range(*run));
                }
            }
        }
    }

    /// The number of members that are in `chunk` too.
    #[must_use]
    pub fn and_len(self, chunk: &Chunk) -> u32 {
        match self.kind {
            Kind::Array(values) => values
                .iter()
                .map(|value| u32::from(chunk.contains(u16::from_le_bytes(*value))))
                .sum(),
            Kind::Bitset(words) => kernels::and_count(chunk.words(), words),
            Kind::Runs(runs) => runs
                .iter()
                .map(|run| chunk.count_range(run_range(*run)))
                .sum(),
        }
    }

    /// Whether a member is in `chunk` too.
    #[must_use]
    pub fn intersects(self, chunk: &Chunk) -> bool {
        match self.kind {
            Kind::Array(values) => values
                .iter()
                .any(|value| chunk.contains(u16::from_le_bytes(*value))),
            Kind::Bitset(words) => kernels::and_any(chunk.words(), words),
            Kind::Runs(runs) => runs.iter().any(|run| {
                word_masks(run_range(*run)).any(|(index, mask)| chunk.word(index) & mask != 0)
            }),
        }
    }

    /// Calls `visit` with each member and its rank, rising.
    #[inline]
    pub fn for_each(self, mut visit: impl FnMut(u16, u32)) {
        match self.kind {
            Kind::Array(values) => {
                for (rank, value) in values.iter().enumerate() {
                    visit(u16::from_le_bytes(*value), rank as u32);
                }
            }
            Kind::Bitset(words) => {
                let mut rank = 0;
                for (index, word) in words.iter().enumerate() {
                    for_each_bit(u64::from_le_bytes(*word), |bit| {
                        visit((index * 64) as u16 | bit as u16, rank);
                        rank += 1;
                    });
                }
            }
            Kind::Runs(runs) => {
                let mut rank = 0;
                for run in runs {
                    for low in run_range(*run) {
                        visit(low as u16, rank);
                        rank += 1;
                    }
                }
            }
        }
    }

    /// Calls `visit` with each member that is in `chunk` too, and its rank in this container,
    /// rising.
    #[inline]
    pub fn for_each_in(self, chunk: &Chunk, mut visit: impl FnMut(u16, u32)) {
        match self.kind {
            Kind::Array(values) => {
                for (rank, value) in values.iter().enumerate() {
                    let low = u16::from_le_bytes(*value);
                    if chunk.contains(low) {
                        visit(low, rank as u32);
                    }
                }
            }
            Kind::Bitset(words) => {
                let mut before = 0;
                for (index, word) in words.iter().enumerate() {
                    let word = u64::from_le_bytes(*word);
                    for_each_bit(word & chunk.word(index), |bit| {
                        let rank = before + (word & !(u64::MAX << bit)).count_ones();
                        visit((index * 64) as u16 | bit as u16, rank);
                    });
                    before += word.count_ones();
                }
            }
            Kind::Runs(runs) => {
                let mut before = 0;
                for run in runs {
                    let run = run_range(*run);
                    for (index, mask) in word_masks(run.clone()) {
                        for_each_bit(chunk.word(index) & mask, |bit| {
                            let low = index * 64 + bit as usize;
                            visit(low as u16, (before + low - run.start) as u32);
                        });
                    }
                    before += run.len();
                }
            }
        }
    }
}

impl<'a> IntoIterator for Container<'a> {
    type Item = u16;
    type IntoIter = ContainerIter<'a>;

    fn into_iter(self) -> ContainerIter<'a> {
        self.iter()
    }
}

/// The members of a container, rising. Made by [`Container::iter`].
#[derive(Clone, Debug)]
pub struct ContainerIter<'a>(Cursor<'a>);

#[derive(Clone, Debug)]
enum Cursor<'a> {
    Array(std::slice::Iter<'a, [u8; 2]>),
    Bitset(ChunkIter<'a>),
    Runs(Range<usize>, std::slice::Iter<'a, [u8; 4]>),
}

impl Iterator for ContainerIter<'_> {
    type Item = u16;

    #[inline]
    fn next(&mut self) -> Option<u16> {
        match &mut self.0 {
            Cursor::Array(values) => values.next().map(|value| u16::from_le_bytes(*value)),
            Cursor::Bitset(bits) => bits.next(),
            Cursor::Runs(run, rest) => {
                let low = run.next().or_else(|| {
                    *run = run_range(*rest.next()?);
                    run.next()
                });
                low.map(|low| low as u16)
            }
        }
    }
}
