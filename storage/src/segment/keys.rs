//! Key segments: the keys of a range of ordinals, and the way from a key to its ordinals.
//!
//! The keys stand in blocks of 4,096 by ordinal. Beside them is a table of `(fingerprint,
//! ordinal)` sorted by the 64-bit hash of the key, in blocks of about 8,192; a fingerprint is 16
//! bits of the hash below those that choose the block. The stored key settles what the fingerprint
//! leaves open. Subjects that were dead at the time of writing keep their place, but not their key.

mod find;
mod gather;
mod writer;

use std::sync::Arc;

use bytes::Bytes;

pub use gather::GatheredKeys;
pub use writer::{KeySource, write_keys};

use crate::batch::KeyRef;
use crate::codec::Decoder;
use crate::column::Vector;
use crate::error::{Error, Result};
use crate::ids::Ordinal;
use crate::prefetch::prefetch;
use crate::schema::{Key, KeyType};
use crate::segment::blob_file::{BlobFile, BlobRef, FileKind};
use crate::segment::cache::{BlobCache, Cached};
use crate::segment::directory::{Directory, Record};
use crate::traffic;
use crate::vfs::{RelPath, Vfs};

const KEYS_PER_BLOCK: usize = 4_096;
const ENTRIES_PER_BLOCK: usize = 8_192;

/// The hash that key segments are ordered by: xxh3-64 of the key's bytes.
#[must_use]
pub fn hash_of(key: KeyRef<'_>) -> u64 {
    match key {
        KeyRef::Int(key) => xxhash_rust::xxh3::xxh3_64(&key.to_le_bytes()),
        KeyRef::Text(key) => xxhash_rust::xxh3::xxh3_64(key.as_bytes()),
    }
}

const fn block_of(hash: u64, bits: u32) -> u32 {
    if bits == 0 {
        0
    } else {
        (hash >> (64 - bits)) as u32
    }
}

const fn fingerprint_of(hash: u64, bits: u32) -> u16 {
    (hash.wrapping_shl(bits) >> 48) as u16
}

/// The keys of one block.
#[derive(Clone, Debug)]
pub struct KeyBlock {
    places: Vector,
    texts: Option<Bytes>,
}

impl KeyBlock {
    /// A key by its place in the block.
    ///
    /// # Errors
    /// The block is damaged.
    pub fn get(&self, index: usize) -> Result<KeyRef<'_>> {
        let Some(texts) = &self.texts else {
            return Ok(KeyRef::Int(self.places.get(index)));
        };
        let start = if index == 0 {
            0
        } else {
            self.places.get(index - 1)
        };
        let end = self.places.get(index);
        let damaged = || Error::corrupt("a key block", index as u64, "a key in UTF-8");
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let bytes = range
            .and_then(|(start, end)| texts.get(start..end))
            .ok_or_else(damaged)?;
        std::str::from_utf8(bytes)
            .map(KeyRef::Text)
            .map_err(|_| damaged())
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.places.bytes().len() + self.texts.as_ref().map_or(0, Bytes::len)
    }

    /// Begins to fetch where a key is.
    fn prefetch(&self, index: usize) {
        self.places.prefetch(index);
    }

    /// Begins to fetch a key, whose place is at hand.
    fn prefetch_text(&self, index: usize) {
        if let Some(texts) = &self.texts
            && let Some(before) = index.checked_sub(1)
            && let Ok(start) = usize::try_from(self.places.get(before))
        {
            prefetch(texts, start);
        }
    }
}

/// An open key segment.
#[derive(Debug)]
pub struct KeySegment {
    file: Arc<BlobFile>,
    kind: KeyType,
    /// The first ordinal.
    pub first: Ordinal,
    /// The number of ordinals.
    pub count: u32,
    bits: u32,
    blocks: Directory,
    hashes: Directory,
    /// Where the directories are.
    directories: [BlobRef; 2],
}

impl KeySegment {
    /// Opens a segment.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn open(vfs: &dyn Vfs, path: &RelPath, cache: Arc<BlobCache>) -> Result<Arc<Self>> {
        let (file, footer) = BlobFile::open(vfs, path, FileKind::Keys, cache)?;
        let mut input = Decoder::new(&footer);
        let kind = match input.u8()? {
            1 => KeyType::BigInt,
            2 => KeyType::Keyword,
            _ => return Err(Error::corrupt(path, 0, "a type of keys")),
        };
        let (first, count) = (input.u32()?, input.u32()?);
        let bits = u32::from(input.u8()?);
        let (blocks, hashes) = (BlobRef::decode(&mut input)?, BlobRef::decode(&mut input)?);
        input.finish()?;
        let directories = [blocks, hashes];
        let blocks = Directory::parse(file.read(blocks)?)?;
        let hashes = Directory::parse(file.read(hashes)?)?;
        let whole = blocks.len() == (count as usize).div_ceil(KEYS_PER_BLOCK);
        if bits > 32 || !whole || first.checked_add(count).is_none() {
            return Err(Error::corrupt(path, 0, "a block for every 4,096 keys"));
        }
        Ok(Arc::new(Self {
            file,
            kind,
            first,
            count,
            bits,
            blocks,
            hashes,
            directories,
        }))
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &Arc<BlobFile> {
        &self.file
    }

    /// The type of the keys.
    #[must_use]
    pub const fn kind(&self) -> KeyType {
        self.kind
    }

    /// All blobs that the footer reaches.
    #[must_use]
    pub fn blobs(&self) -> Vec<BlobRef> {
        let directories = [&self.blocks, &self.hashes];
        let named = directories.into_iter().flat_map(Directory::blobs);
        named.chain(self.directories).collect()
    }

    /// The end of the ordinals.
    #[must_use]
    pub const fn end(&self) -> Ordinal {
        self.first + self.count
    }

    /// A block of keys; one look into the cache finds places and texts.
    fn block(&self, index: usize) -> Result<Arc<KeyBlock>> {
        let record = self.blocks.record(index)?;
        traffic::asked(u64::from(record.first.len) + u64::from(record.second.len));
        let key = (self.file.cache_id(), record.first.offset);
        let make = || Ok(Cached::KeyBlock(Arc::new(self.read_block(index, record)?)));
        self.file.cache().get_or_insert(key, make)?.into_key_block()
    }

    fn read_block(&self, index: usize, record: Record) -> Result<KeyBlock> {
        let damaged =
            |expected: String| Error::corrupt(self.file.path(), record.first.offset, expected);
        let places = Vector::parse(self.file.read(record.first)?)
            .map_err(|error| damaged(format!("a sound blob: {error}")))?;
        let expected = KEYS_PER_BLOCK.min(self.count as usize - index * KEYS_PER_BLOCK);
        if places.len() != expected {
            return Err(damaged(format!("{expected} keys")));
        }
        let texts = match self.kind {
            KeyType::BigInt => None,
            KeyType::Keyword => Some(self.file.read(record.second)?),
        };
        Ok(KeyBlock { places, texts })
    }

    fn bytes(&self, reference: BlobRef) -> Result<Bytes> {
        self.file
            .cached(reference, |bytes| Ok(Cached::Bytes(bytes)))?
            .into_bytes()
    }

    /// The key of an ordinal of this segment.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn key(&self, ordinal: Ordinal) -> Result<Key> {
        let row = (ordinal - self.first) as usize;
        let block = self.block(row / KEYS_PER_BLOCK)?;
        block.get(row % KEYS_PER_BLOCK).map(KeyRef::to_key)
    }

    /// Calls `visit` with the keys of `[start, end)`, which lie in this segment and for which
    /// `wanted` holds.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn for_each(
        &self,
        start: Ordinal,
        end: Ordinal,
        wanted: &dyn Fn(Ordinal) -> bool,
        visit: &mut dyn FnMut(Ordinal, KeyRef<'_>),
    ) -> Result<()> {
        let mut open: Option<(usize, Arc<KeyBlock>)> = None;
        for ordinal in (start..end).filter(|ordinal| wanted(*ordinal)) {
            let row = (ordinal - self.first) as usize;
            let index = row / KEYS_PER_BLOCK;
            let block = match &open {
                Some((number, block)) if *number == index => block,
                _ => &open.insert((index, self.block(index)?)).1,
            };
            visit(ordinal, block.get(row % KEYS_PER_BLOCK)?);
        }
        Ok(())
    }

    /// Appends the keys of the ordinals `base + low`, which rise and are of this segment.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn gather(&self, base: Ordinal, lows: &[u16], out: &mut GatheredKeys) -> Result<()> {
        let first = base.wrapping_sub(self.first);
        let place_of = |low: u16| first.wrapping_add(u32::from(low)) as usize;
        let mut rest = lows;
        while let Some(low) = rest.first() {
            let index = place_of(*low) / KEYS_PER_BLOCK;
            let end = (index + 1) * KEYS_PER_BLOCK;
            let (own, others) = rest.split_at(rest.partition_point(|low| place_of(*low) < end));
            let places = gather::Places {
                first: first.wrapping_sub((index * KEYS_PER_BLOCK) as u32),
                lows: own,
            };
            let block = self.block(index)?;
            gather::gather(&block.places, block.texts.as_deref(), places, out)?;
            rest = others;
        }
        Ok(())
    }
}
