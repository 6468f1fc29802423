//! Sets of `u32` ordinals in the portable Roaring serialisation, read in place.
//!
//! One type, [`Bitmap`], serves in-memory layers, log frames and segment files: it is the
//! serialised bytes, validated once, and shared by cloning. Expressions are not evaluated on whole
//! bitmaps but chunk by chunk: a [`Chunk`] is a bitset of 65,536 neighbouring ordinals that stays in
//! the L1 cache, and a [`Container`] (the part of a bitmap that lies in one chunk) is combined with
//! it without being decoded.
//!
//! This module knows nothing of tags, files or layers.

mod algebra;
mod chunk;
mod container;
pub(crate) mod dispatch;
mod kernels;
mod parse;
mod ranks;
pub(crate) mod search;
pub(crate) mod small;
mod view;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use chunk::for_each_bit;
pub use chunk::{Chunk, ChunkIter};
pub use container::{Container, ContainerIter};
pub use view::{Bitmap, BitmapIter, Chunks};
pub use writer::BitmapWriter;

/// Ordinals in one chunk.
pub const CHUNK_BITS: usize = 65_536;

/// 64-bit words in one chunk.
pub(crate) const CHUNK_WORDS: usize = CHUNK_BITS / 64;

/// Bytes of a bitset container, and of a [`Chunk`].
pub(crate) const BITSET_BYTES: usize = CHUNK_BITS / 8;

/// The most members an array container may have; more are stored as a bitset.
pub(crate) const ARRAY_LEN_MAX: usize = 4096;

/// The words of a chunk as little-endian bytes, which is also what a bitset container is.
pub(crate) type Words = [[u8; 8]; CHUNK_WORDS];

/// Bytes that are not a valid portable Roaring bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged bitmap: expected {expected} at byte {offset}")]
pub struct BitmapError {
    /// Where in the bitmap, in bytes from its beginning.
    pub offset: usize,
    /// What should have been there.
    pub expected: &'static str,
}
