//! The bitset that expressions are evaluated in.

use std::fmt;
use std::ops::Range;

use super::{CHUNK_BITS, CHUNK_WORDS, Words, kernels};

/// A bitset of 65,536 bits (8 KiB): the unit of evaluation.
///
/// Bits are kept as the little-endian words of a Roaring bitset container, so that one kernel
/// serves both. A chunk is large for a stack frame; keep and reuse them.
#[derive(Clone, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Chunk {
    words: Words,
}

impl Chunk {
    /// Makes a chunk without members.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            words: [[0; 8]; CHUNK_WORDS],
        }
    }

    /// Makes a chunk with every member.
    #[must_use]
    pub const fn full() -> Self {
        Self {
            words: [[0xff; 8]; CHUNK_WORDS],
        }
    }

    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    pub(crate) fn words_mut(&mut self) -> &mut Words {
        &mut self.words
    }

    /// The bits `64 * index .. 64 * index + 64`, lowest first; `index < 1024`.
    #[inline]
    #[must_use]
    pub fn word(&self, index: usize) -> u64 {
        u64::from_le_bytes(self.words[index])
    }

    /// Replaces the bits `64 * index .. 64 * index + 64`; `index < 1024`.
    #[inline]
    pub fn set_word(&mut self, index: usize, bits: u64) {
        self.words[index] = bits.to_le_bytes();
    }

    /// Removes all members.
    pub fn clear(&mut self) {
        self.words.fill([0; 8]);
    }

    /// Makes everyone a member.
    pub fn fill(&mut self) {
        self.words.fill([0xff; 8]);
    }

    /// Makes exactly the `count` lowest members, at most 65,536.
    pub fn fill_below(&mut self, count: usize) {
        let count = count.min(CHUNK_BITS);
        self.words[..count / 64].fill([0xff; 8]);
        self.words[count / 64..].fill([0; 8]);
        if !count.is_multiple_of(64) {
            self.set_word(count / 64, !(u64::MAX << (count % 64)));
        }
    }

    /// Takes over the members of `other`.
    pub fn copy_from(&mut self, other: &Chunk) {
        self.words.copy_from_slice(&other.words);
    }

    /// The number of members.
    #[must_use]
    pub fn count(&self) -> u32 {
        kernels::count(&self.words)
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !kernels::any(&self.words)
    }

    /// Takes over what both have in common.
    pub fn assign_and(&mut self, a: &Chunk, b: &Chunk) {
        kernels::assign_and(&mut self.words, &a.words, &b.words);
    }

    /// Keeps what is in `other` too.
    pub fn and(&mut self, other: &Chunk) {
        kernels::and(&mut self.words, &other.words);
    }

    /// Adds what is in `other`.
    pub fn or(&mut self, other: &Chunk) {
        kernels::or(&mut self.words, &other.words);
    }

    /// Removes what is in `other`.
    pub fn and_not(&mut self, other: &Chunk) {
        kernels::and_not(&mut self.words, &other.words);
    }

    /// Keeps what is in exactly one of the two.
    pub fn xor(&mut self, other: &Chunk) {
        kernels::xor(&mut self.words, &other.words);
    }

    /// Swaps members and non-members of all 65,536.
    pub fn not(&mut self) {
        kernels::not(&mut self.words);
    }

    /// The number of members that `a` and `b` have in common.
    #[must_use]
    pub fn count_and(a: &Chunk, b: &Chunk) -> u32 {
        kernels::and_count(&a.words, &b.words)
    }

    /// Whether the two have a member in common.
    #[must_use]
    pub fn intersects(&self, other: &Chunk) -> bool {
        kernels::and_any(&self.words, &other.words)
    }

    /// Whether `low` is a member.
    #[inline]
    #[must_use]
    pub fn contains(&self, low: u16) -> bool {
        self.word(usize::from(low) / 64) >> (low % 64) & 1 != 0
    }

    /// Makes `low` a member.
    #[inline]
    pub fn set(&mut self, low: u16) {
        let index = usize::from(low) / 64;
        self.set_word(index, self.word(index) | 1 << (low % 64));
    }

    /// Makes `low` no member.
    #[inline]
    pub fn remove(&mut self, low: u16) {
        let index = usize::from(low) / 64;
        self.set_word(index, self.word(index) & !(1 << (low % 64)));
    }

    /// Makes the bits of `range` members; `range.end <= 65_536`.
    #[inline]
    pub fn set_range(&mut self, range: Range<usize>) {
        let Some(Span {
            first,
            last,
            head,
            tail,
        }) = Span::of(range)
        else {
            return;
        };
        if first == last {
            return self.set_word(first, self.word(first) | head & tail);
        }
        self.set_word(first, self.word(first) | head);
        self.words[first + 1..last].fill([0xff; 8]);
        self.set_word(last, self.word(last) | tail);
    }

    /// Makes the bits of `range` non-members; `range.end <= 65_536`.
    #[inline]
    pub fn clear_range(&mut self, range: Range<usize>) {
        let Some(Span {
            first,
            last,
            head,
            tail,
        }) = Span::of(range)
        else {
            return;
        };
        if first == last {
            return self.set_word(first, self.word(first) & !(head & tail));
        }
        self.set_word(first, self.word(first) & !head);
        self.words[first + 1..last].fill([0; 8]);
        self.set_word(last, self.word(last) & !tail);
    }

    /// The number of members in `range`; `range.end <= 65_536`.
    #[must_use]
    pub fn count_range(&self, range: Range<usize>) -> u32 {
        let Some(Span {
            first,
            last,
            head,
            tail,
        }) = Span::of(range)
        else {
            return 0;
        };
        if first == last {
            return (self.word(first) & head & tail).count_ones();
        }
        (self.word(first) & head).count_ones()
            + kernels::count(&self.words[first + 1..last])
            + (self.word(last) & tail).count_ones()
    }

    /// The lowest and the highest member, if there is one.
    #[must_use]
    pub fn bounds(&self) -> Option<(u16, u16)> {
        let has_members = |index: &usize| self.word(*index) != 0;
        let first = (0..CHUNK_WORDS).find(has_members)?;
        let last = (0..CHUNK_WORDS).rev().find(has_members)?;
        let low = first as u32 * 64 + self.word(first).trailing_zeros();
        let high = last as u32 * 64 + 63 - self.word(last).leading_zeros();
        Some((low as u16, high as u16))
    }

    /// The number of members below `low`.
    #[must_use]
    pub fn rank(&self, low: u16) -> u32 {
        self.count_range(0..usize::from(low))
    }

    /// The members, rising.
    #[must_use]
    pub fn iter(&self) -> ChunkIter<'_> {
        ChunkIter {
            words: &self.words,
            index: 0,
            rest: self.word(0),
        }
    }

    /// Calls `visit` with each member, rising; faster than [`iter`](Self::iter).
    #[inline]
    pub fn for_each(&self, mut visit: impl FnMut(u16)) {
        for (index, word) in self.words.iter().enumerate() {
            for_each_bit(u64::from_le_bytes(*word), |bit| {
                visit((index * 64) as u16 | bit as u16);
            });
        }
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for &'a Chunk {
    type Item = u16;
    type IntoIter = ChunkIter<'a>;

    fn into_iter(self) -> ChunkIter<'a> {
        self.iter()
    }
}

/// The members of a bitset, rising. Made by [`Chunk::iter`].
#[derive(Clone, Debug)]
pub struct ChunkIter<'a> {
    words: &'a Words,
    index: usize,
    rest: u64,
}

impl<'a> ChunkIter<'a> {
    pub(super) fn over(words: &'a Words) -> Self {
        Self {
            words,
            index: 0,
            rest: u64::from_le_bytes(words[0]),
        }
    }
}

impl Iterator for ChunkIter<'_> {
    type Item = u16;

    #[inline]
    fn next(&mut self) -> Option<u16> {
        while self.rest == 0 {
            self.index += 1;
            self.rest = u64::from_le_bytes(*self.words.get(self.index)?);
        }
        let bit = self.rest.trailing_zeros();
        self.rest &= self.rest - 1;
        Some((self.index * 64) as u16 | bit as u16)
    }
}

/// Calls `visit` with the number of each bit that is set, rising.
#[inline(always)]
pub(crate) fn for_each_bit(mut word: u64, mut visit: impl FnMut(u32)) {
    while word != 0 {
        visit(word.trailing_zeros());
        word &= word - 1;
    }
}

/// The words that a range of bits touches.
struct Span {
    first: usize,
    last: usize,
    /// The bits of the first word from the beginning of the range on.
    head: u64,
    /// The bits of the last word up to the end of the range.
    tail: u64,
}

impl Span {
    #[inline(always)]
    fn of(range: Range<usize>) -> Option<Self> {
        (range.start < range.end).then(|| Self {
            first: range.start / 64,
            last: (range.end - 1) / 64,
            head: u64::MAX << (range.start % 64),
            tail: u64::MAX >> (63 - (range.end - 1) % 64),
        })
    }
}

/// The words that `range` touches, each with the mask of its bits in `range`.
#[inline(always)]
pub(super) fn word_masks(range: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    let span = Span::of(range).unwrap_or(Span {
        first: 1,
        last: 0,
        head: 0,
        tail: 0,
    });
    (span.first..=span.last).map(move |index| {
        let head = if index == span.first {
            span.head
        } else {
            u64::MAX
        };
        let tail = if index == span.last {
            span.tail
        } else {
            u64::MAX
        };
        (index, head & tail)
    })
}
