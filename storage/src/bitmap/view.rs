//! An immutable bitmap over its serialised bytes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::container::{Container, ContainerIter, Kind};
use super::{ARRAY_LEN_MAX, BITSET_BYTES, Chunk};

/// Up to this many containers the members before one are added up on demand; above it their prefix
/// sums are kept.
pub(super) const SUMMED_CONTAINERS_MAX: usize = 8;

/// A set of `u32` in the portable Roaring serialisation. Immutable; cloning shares the bytes.
///
/// Two bitmaps are equal if they have the same members.
#[derive(Clone)]
pub struct Bitmap {
    pub(super) bytes: Bytes,
    pub(super) layout: Layout,
    pub(super) len: u64,
    /// The number of members before each container; absent if there are few containers.
    pub(super) first_ranks: Option<Arc<[u32]>>,
}

/// Where in the bytes things are, as told by the cookie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) containers: u32,
    pub(super) has_runs: bool,
}

/// Cookie of a bitmap without run containers.
pub(super) const COOKIE_PLAIN: u32 = 12_346;
/// Lower half of the cookie of a bitmap with run containers.
pub(super) const COOKIE_RUNS: u32 = 12_347;
/// With run containers, fewer than this many containers have no offset header.
pub(super) const OFFSETS_CONTAINERS_MIN: usize = 4;

impl Layout {
    pub(super) fn count(self) -> usize {
        self.containers as usize
    }

    /// Where key and cardinality of the first container are.
    pub(super) fn descriptions(self) -> usize {
        if self.has_runs {
            4 + self.count().div_ceil(8)
        } else {
            8
        }
    }

    pub(super) fn offsets(self) -> usize {
        self.descriptions() + 4 * self.count()
    }

    pub(super) fn has_offsets(self) -> bool {
        !self.has_runs || self.count() >= OFFSETS_CONTAINERS_MIN
    }

    /// Where the first container is: the bytes before it are the header.
    pub(super) fn data(self) -> usize {
        self.offsets()
            + if self.has_offsets() {
                4 * self.count()
            } else {
                0
            }
    }
}

impl Bitmap {
    /// Makes a bitmap without members.
    #[must_use]
    pub fn empty() -> Self {
        const EMPTY: [u8; 8] = [0x3a, 0x30, 0, 0, 0, 0, 0, 0];
        Self {
            bytes: Bytes::from_static(&EMPTY),
            layout: Layout {
                containers: 0,
                has_runs: false,
            },
            len: 0,
            first_ranks: None,
        }
    }

    /// The portable Roaring serialisation.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `value` is a member.
    #[must_use]
    pub fn contains(&self, value: u32) -> bool {
        self.find((value >> 16) as u16)
            .is_ok_and(|index| self.container(index).contains(value as u16))
    }

    /// The number of members below `value`.
    #[must_use]
    pub fn rank(&self, value: u32) -> u64 {
        match self.find((value >> 16) as u16) {
            Ok(index) => {
                self.first_rank(index) + u64::from(self.container(index).rank(value as u16))
            }
            Err(index) => self.first_rank(index),
        }
    }

    /// The number of members below `value` if it is a member.
    #[must_use]
    pub fn position(&self, value: u32) -> Option<u64> {
        let index = self.find((value >> 16) as u16).ok()?;
        let position = self.container(index).position(value as u16)?;
        Some(self.first_rank(index) + u64::from(position))
    }

    /// The member that has `rank` members below it.
    #[must_use]
    pub fn select(&self, rank: u64) -> Option<u32> {
        if rank >= self.len {
            return None;
        }
        let index = match &self.first_ranks {
            Some(ranks) => ranks.partition_point(|first| u64::from(*first) <= rank) - 1,
            None => (1..self.layout.count())
                .take_while(|index| self.first_rank(*index) <= rank)
                .last()
                .unwrap_or(0),
        };
        let low = self
            .container(index)
            .select((rank - self.first_rank(index)) as u32)?;
        Some(u32::from(self.key(index)) << 16 | u32::from(low))
    }

    /// The lowest member.
    #[must_use]
    pub fn min(&self) -> Option<u32> {
        (!self.is_empty())
            .then(|| u32::from(self.key(0)) << 16 | u32::from(self.container(0).min()))
    }

    /// The highest member.
    #[must_use]
    pub fn max(&self) -> Option<u32> {
        let last = self.layout.count().checked_sub(1)?;
        Some(u32::from(self.key(last)) << 16 | u32::from(self.container(last).max()))
    }

    /// The members, rising.
    #[must_use]
    pub fn iter(&self) -> BitmapIter<'_> {
        BitmapIter {
            chunks: self.chunks(),
            current: None,
        }
    }

    /// The number of chunks that have members.
    #[must_use]
    pub fn chunk_count(&self) -> usize {
        self.layout.count()
    }

    /// The chunks that have members, rising: key (upper 16 bits of the members), number of members
    /// in earlier chunks, and container.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks {
            bitmap: self,
            index: 0,
            first_rank: 0,
        }
    }

    /// The number of members in earlier chunks and the container of chunk `key`, if it has members.
    #[must_use]
    pub fn chunk(&self, key: u16) -> Option<(u64, Container<'_>)> {
        let index = self.find(key).ok()?;
        Some((self.first_rank(index), self.container(index)))
    }

    /// Makes `chunk` the members of chunk `key`.
    pub fn write_chunk(&self, key: u16, chunk: &mut Chunk) {
        match self.find(key) {
            Ok(index) => self.container(index).copy_into(chunk),
            Err(_) => chunk.clear(),
        }
    }

    /// Key and cardinality minus one of each container.
    fn descriptions(&self) -> &[[u8; 4]] {
        self.bytes[self.layout.descriptions()..self.layout.offsets()]
            .as_chunks()
            .0
    }

    pub(super) fn key(&self, index: usize) -> u16 {
        let [low, high, ..] = self.descriptions()[index];
        u16::from_le_bytes([low, high])
    }

    pub(super) fn cardinality(&self, index: usize) -> u32 {
        let [.., low, high] = self.descriptions()[index];
        u32::from(u16::from_le_bytes([low, high])) + 1
    }

    /// The container of chunk `key`, or where it would be.
    fn find(&self, key: u16) -> Result<usize, usize> {
        let descriptions = self.descriptions();
        let key_of = |description: &[u8; 4]| u16::from_le_bytes([description[0], description[1]]);
        // Where all chunks have members, as those of a common value, the key is the index.
        let guess = usize::from(key);
        if descriptions
            .get(guess)
            .is_some_and(|description| key_of(description) == key)
        {
            return Ok(guess);
        }
        descriptions.binary_search_by_key(&key, key_of)
    }

    /// The number of members before container `index`, which may be one past the last.
    fn first_rank(&self, index: usize) -> u64 {
        if index == self.layout.count() {
            return self.len;
        }
        match &self.first_ranks {
            Some(ranks) => u64::from(ranks[index]),
            None => (0..index)
                .map(|index| u64::from(self.cardinality(index)))
                .sum(),
        }
    }

    pub(super) fn container(&self, index: usize) -> Container<'_> {
        let len = self.cardinality(index);
        let bytes = &self.bytes[self.offset(index)..];
        Container {
            len,
            kind: kind_of(bytes, len, self.is_run(index)),
        }
    }

    fn is_run(&self, index: usize) -> bool {
        self.layout.has_runs && self.bytes[4 + index / 8] >> (index % 8) & 1 != 0
    }

    fn offset(&self, index: usize) -> usize {
        if self.layout.has_offsets() {
            let offsets: &[[u8; 4]] = self.bytes[self.layout.offsets()..self.layout.data()]
                .as_chunks()
                .0;
            return u32::from_le_bytes(offsets[index]) as usize;
        }
        // Without offsets there are at most three containers.
        (0..index).fold(self.layout.data(), |offset, before| {
            let len = self.cardinality(before);
            offset + kind_of(&self.bytes[offset..], len, self.is_run(before)).byte_len()
        })
    }
}

/// The container at the beginning of `bytes`, which have been validated.
fn kind_of(bytes: &[u8], len: u32, is_run: bool) -> Kind<'_> {
    if is_run {
        let count = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        Kind::Runs(bytes[2..2 + 4 * count].as_chunks().0)
    } else if len as usize <= ARRAY_LEN_MAX {
        Kind::Array(bytes[..2 * len as usize].as_chunks().0)
    } else {
        let words = bytes[..BITSET_BYTES].as_chunks().0;
        #[expect(clippy::expect_used, reason = "8,192 bytes are 1,024 words")]
        Kind::Bitset(words.try_into().expect("a bitset's words"))
    }
}

impl Kind<'_> {
    /// Length of the serialised container.
    pub(super) fn byte_len(self) -> usize {
        match self {
            Kind::Array(values) => 2 * values.len(),
            Kind::Bitset(_) => BITSET_BYTES,
            Kind::Runs(runs) => 2 + 4 * runs.len(),
        }
    }
}

impl Default for Bitmap {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bitmap")
            .field("len", &self.len)
            .field("min", &self.min())
            .field("max", &self.max())
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

impl PartialEq for Bitmap {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
            || self.len == other.len
                && self.layout.containers == other.layout.containers
                && self
                    .chunks()
                    .zip(other.chunks())
                    .all(|((key, _, a), (other_key, _, b))| {
                        key == other_key && a.len() == b.len() && a.iter().eq(b.iter())
                    })
    }
}

impl Eq for Bitmap {}

impl<'a> IntoIterator for &'a Bitmap {
    type Item = u32;
    type IntoIter = BitmapIter<'a>;

    fn into_iter(self) -> BitmapIter<'a> {
        self.iter()
    }
}

/// The chunks of a bitmap that have members. Made by [`Bitmap::chunks`].
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    bitmap: &'a Bitmap,
    index: usize,
    first_rank: u64,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (u16, u64, Container<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.index == self.bitmap.layout.count() {
            return None;
        }
        let container = self.bitmap.container(self.index);
        let item = (self.bitmap.key(self.index), self.first_rank, container);
        self.index += 1;
        self.first_rank += u64::from(container.len());
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.bitmap.layout.count() - self.index;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Chunks<'_> {}

/// The members of a bitmap, rising. Made by [`Bitmap::iter`].
#[derive(Clone, Debug)]
pub struct BitmapIter<'a> {
    chunks: Chunks<'a>,
    current: Option<(u32, ContainerIter<'a>)>,
}

impl Iterator for BitmapIter<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        loop {
            if let Some((high, lows)) = &mut self.current
                && let Some(low) = lows.next()
            {
                return Some(*high | u32::from(low));
            }
            let (key, _, container) = self.chunks.next()?;
            self.current = Some((u32::from(key) << 16, container.iter()));
        }
    }
}
