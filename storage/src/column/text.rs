//! Byte strings in rank order, in compressed blocks.
//!
//! ```text
//! 0   8  number of strings
//! 8   8  number of blocks
//! 16  -  for each block, 24 bytes:
//!        0   8  number of the first string in it
//!        8   8  where the block begins, from the beginning of the whole
//!        16  4  length of its content in bytes
//!        20  4  0: the block is its content; 1: the block is its content compressed with zstd
//! -   -  the blocks, without gaps
//! ```
//!
//! The content of a block is the end of each of its strings (4 bytes each, from the first string's
//! beginning), then the strings. All numbers are little-endian.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::ColumnError;
use crate::bitmap::small;

/// A block is closed when its strings have this many bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// The longest string.
pub const TEXT_BYTES_MAX: usize = 16 << 20;

/// The longest content of a block: strings that do not yet fill it, a longest one, and their ends.
const CONTENT_BYTES_MAX: usize = TEXT_BYTES_MAX + BLOCK_BYTES + 4 * (BLOCK_STRINGS_MAX + 1);

/// Strings in one block at most, so that empty strings fill blocks too.
const BLOCK_STRINGS_MAX: usize = 64 << 10;

/// Content that is shorter is not worth a decompression.
const COMPRESSED_BYTES_MIN: usize = 256;

const HEADER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 24;
const STORED: u32 = 0;
const COMPRESSED: u32 = 1;

/// An immutable sequence of byte strings over its serialised bytes. Cloning shares them.
#[derive(Clone, PartialEq, Eq)]
pub struct TextBlocks {
    bytes: Bytes,
    len: u64,
    blocks: usize,
}

/// What the directory says of a block.
#[derive(Clone, Copy, Debug)]
struct Entry {
    first: u64,
    offset: u64,
    content_len: u32,
    form: u32,
}

impl Entry {
    fn read(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let word = |at: usize| {
            let (words, _) = bytes.as_chunks();
            u64::from_le_bytes(words[at])
        };
        Self {
            first: word(0),
            offset: word(1),
            content_len: word(2) as u32,
            form: (word(2) >> 32) as u32,
        }
    }

    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.first.to_le_bytes());
        bytes.extend(self.offset.to_le_bytes());
        bytes.extend(self.content_len.to_le_bytes());
        bytes.extend(self.form.to_le_bytes());
    }
}

impl TextBlocks {
    /// Takes `bytes` as blocks if their directory is valid. The blocks themselves are checked when
    /// they are read.
    ///
    /// # Errors
    /// If the directory is not as the format says, or asks for more memory than a block may have.
    pub fn parse(bytes: Bytes) -> Result<Self, ColumnError> {
        let damaged = |offset, expected| ColumnError { offset, expected };
        let header = bytes.get(..HEADER_BYTES).unwrap_or_default().as_chunks().0;
        let [len, blocks] = *header else {
            return Err(damaged(bytes.len(), "a header of 16 bytes"));
        };
        let directory_len = bytes.len() - HEADER_BYTES;
        let blocks = usize::try_from(u64::from_le_bytes(blocks))
            .ok()
            .filter(|blocks| *blocks <= directory_len / ENTRY_BYTES)
            .ok_or(damaged(8, "as many blocks as the directory has room for"))?;
        let text = Self {
            len: u64::from_le_bytes(len),
            blocks,
            bytes,
        };
        if blocks == 0 {
            let empty = text.len == 0 && directory_len == 0;
            return if empty {
                Ok(text)
            } else {
                Err(damaged(0, "blocks with strings"))
            };
        }
        let data = HEADER_BYTES + blocks * ENTRY_BYTES;
        let first = text.entry(0);
        if (first.first, first.offset) != (0, data as u64) {
            return Err(damaged(HEADER_BYTES, "the first string and block"));
        }
        for index in 0..blocks {
            let entry = text.entry(index);
            let at = HEADER_BYTES + index * ENTRY_BYTES;
            let (strings, stored) = text.extents(index).ok_or(damaged(at, "rising blocks"))?;
            let content_len = u64::from(entry.content_len);
            let ends_len = (strings.end - strings.start).saturating_mul(4);
            let stored_len = stored.end - stored.start;
            let holds = content_len <= CONTENT_BYTES_MAX as u64
                && ends_len <= content_len
                && match entry.form {
                    STORED => stored_len == content_len,
                    COMPRESSED => stored_len < content_len,
                    _ => false,
                };
            if !holds {
                return Err(damaged(at + 16, "a block's content of bounded length"));
            }
        }
        Ok(text)
    }

    /// Makes blocks of `texts`, none longer than [`TEXT_BYTES_MAX`].
    #[must_use]
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut builder = TextBlocksBuilder::new();
        texts.into_iter().for_each(|text| builder.push(text));
        builder.finish()
    }

    /// The serialisation.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The number of strings.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no string.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// String `index`. Reading neighbours, keep their [`block`](Self::block) instead.
    ///
    /// # Errors
    /// If the block is damaged.
    ///
    /// # Panics
    /// If `index` is not below `len()`.
    pub fn get(&self, index: u64) -> Result<Bytes, ColumnError> {
        let block = self.block(index)?;
        let range = block.range(index);
        Ok(block.content.slice(range))
    }

    /// The block that has string `index`.
    ///
    /// # Errors
    /// If the block is damaged.
    ///
    /// # Panics
    /// If `index` is not below `len()`.
    pub fn block(&self, index: u64) -> Result<TextBlock, ColumnError> {
        assert!(index < self.len, "string {index} of {}", self.len);
        let entries = self.entries();
        let at = entries.partition_point(|entry| Entry::read(entry).first <= index) - 1;
        let entry = self.entry(at);
        let damaged = ColumnError {
            offset: entry.offset as usize,
            expected: "an undamaged block",
        };
        let (strings, stored) = self.extents(at).ok_or(damaged)?;
        let stored = self.bytes.slice(stored.start as usize..stored.end as usize);
        let content = match entry.form {
            STORED => stored,
            _ => zstd::bulk::decompress(&stored, entry.content_len as usize)
                .map_err(|_| damaged)?
                .into(),
        };
        if content.len() != entry.content_len as usize {
            return Err(damaged);
        }
        let block = TextBlock { content, strings };
        if block.is_valid() {
            Ok(block)
        } else {
            Err(damaged)
        }
    }

    fn entries(&self) -> &[[u8; ENTRY_BYTES]] {
        self.bytes[HEADER_BYTES..][..self.blocks * ENTRY_BYTES]
            .as_chunks()
            .0
    }

    fn entry(&self, index: usize) -> Entry {
        Entry::read(&self.entries()[index])
    }

    /// Numbers of the strings of block `index`, and where its bytes are; nothing if the directory
    /// does not rise.
    fn extents(&self, index: usize) -> Option<(Range<u64>, Range<u64>)> {
        let entry = self.entry(index);
        let next = match index + 1 < self.blocks {
            true => self.entry(index + 1),
            false => Entry {
                first: self.len,
                offset: self.bytes.len() as u64,
                ..entry
            },
        };
        let rises = entry.first < next.first
            && entry.offset <= next.offset
            && next.offset <= self.bytes.len() as u64;
        rises.then_some((entry.first..next.first, entry.offset..next.offset))
    }
}

impl Default for TextBlocks {
    fn default() -> Self {
        TextBlocksBuilder::new().finish()
    }
}

impl fmt::Debug for TextBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextBlocks")
            .field("len", &self.len)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

/// Neighbouring strings, decompressed.
#[derive(Clone, Debug)]
pub struct TextBlock {
    content: Bytes,
    strings: Range<u64>,
}

impl TextBlock {
    /// Numbers of the strings in this block.
    #[must_use]
    pub fn strings(&self) -> Range<u64> {
        self.strings.clone()
    }

    /// String `index`, which is a number in the whole sequence.
    ///
    /// # Panics
    /// If `index` is not in [`strings`](Self::strings).
    #[must_use]
    pub fn get(&self, index: u64) -> &[u8] {
        &self.content[self.range(index)]
    }

    /// Length of the content in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.content.len()
    }

    fn count(&self) -> usize {
        (self.strings.end - self.strings.start) as usize
    }

    fn ends(&self) -> &[[u8; 4]] {
        self.content[..4 * self.count()].as_chunks().0
    }

    fn range(&self, index: u64) -> Range<usize> {
        assert!(
            self.strings.contains(&index),
            "string {index} of {:?}",
            self.strings
        );
        let ends = self.ends();
        let at = (index - self.strings.start) as usize;
        let end = |at: usize| u32::from_le_bytes(ends[at]) as usize;
        let start = at.checked_sub(1).map_or(0, end);
        let strings = 4 * ends.len();
        strings + start..strings + end(at)
    }

    fn is_valid(&self) -> bool {
        let ends = self.ends().iter().map(|end| u32::from_le_bytes(*end));
        let last = ends.clone().next_back().unwrap_or(0);
        ends.is_sorted() && last as usize == self.content.len() - 4 * self.count()
    }
}

/// Builds [`TextBlocks`].
#[derive(Debug, Default)]
pub struct TextBlocksBuilder {
    len: u64,
    directory: Vec<Entry>,
    data: Vec<u8>,
    ends: Vec<u32>,
    strings: Vec<u8>,
}

impl TextBlocksBuilder {
    /// Makes a builder of no strings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a string.
    ///
    /// # Panics
    /// If it is longer than [`TEXT_BYTES_MAX`].
    pub fn push(&mut self, string: &[u8]) {
        assert!(
            string.len() <= TEXT_BYTES_MAX,
            "a string of {} bytes",
            string.len()
        );
        self.strings.extend(string);
        self.ends.push(self.strings.len() as u32);
        self.len += 1;
        if self.strings.len() >= BLOCK_BYTES || self.ends.len() == BLOCK_STRINGS_MAX {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        let mut content = Vec::with_capacity(4 * self.ends.len() + self.strings.len());
        content.extend(self.ends.iter().flat_map(|end| end.to_le_bytes()));
        content.append(&mut self.strings);
        let compressed = if content.len() < COMPRESSED_BYTES_MIN {
            None
        } else {
            // A failure to compress is no reason to lose the strings: they are stored as they are.
            zstd::bulk::compress(&content, 1).ok()
        };
        // Compressed only where that saves an eighth.
        let compressed = compressed.filter(|it| it.len() < content.len() - content.len() / 8);
        self.directory.push(Entry {
            first: self.len - self.ends.len() as u64,
            offset: self.data.len() as u64,
            content_len: content.len() as u32,
            form: if compressed.is_some() {
                COMPRESSED
            } else {
                STORED
            },
        });
        self.data.extend(compressed.unwrap_or(content));
        self.ends.clear();
    }

    /// Finishes the sequence.
    #[must_use]
    pub fn finish(mut self) -> TextBlocks {
        if !self.ends.is_empty() {
            self.close_block();
        }
        let data = HEADER_BYTES + ENTRY_BYTES * self.directory.len();
        let mut bytes = Vec::with_capacity(data + self.data.len());
        bytes.extend(self.len.to_le_bytes());
        bytes.extend((self.directory.len() as u64).to_le_bytes());
        for entry in &self.directory {
            Entry {
                offset: entry.offset + data as u64,
                ..*entry
            }
            .write(&mut bytes);
        }
        bytes.extend(&self.data);
        let blocks = self.directory.len();
        TextBlocks {
            bytes: small::from_vec(bytes),
            len: self.len,
            blocks,
        }
    }
}
