//! A sorted table of references, read in place: chunks of a column, or codes of an index.

use bytes::Bytes;

use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::segment::blob_file::BlobRef;

const RECORD_BYTES: usize = 8 + 2 * BlobRef::ENCODED_BYTES;

/// What a directory says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// A chunk or a code.
    pub key: u32,
    /// Something small beside it.
    pub extra: u32,
    /// The first blob.
    pub first: BlobRef,
    /// The second blob; none if its length is 0.
    pub second: BlobRef,
}

/// Collects records by rising key.
#[derive(Debug, Default)]
pub struct DirectoryBuilder {
    out: Encoder,
}

impl DirectoryBuilder {
    /// Adds a record, whose key is above the last one's.
    pub fn push(&mut self, record: Record) {
        self.out.u32(record.key);
        self.out.u32(record.extra);
        record.first.encode(&mut self.out);
        record.second.encode(&mut self.out);
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// The table's bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out.finish()
    }
}

/// A sorted table of references.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    bytes: Bytes,
}

impl Directory {
    /// Checks the bytes of a table: whole records, rising keys.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn parse(bytes: Bytes) -> Result<Self> {
        if !bytes.len().is_multiple_of(RECORD_BYTES) {
            let end = bytes.len() as u64;
            return Err(Error::corrupt(
                "a directory",
                end,
                "a whole number of records",
            ));
        }
        let directory = Self { bytes };
        for index in 1..directory.len() {
            if directory.key(index - 1) >= directory.key(index) {
                let offset = (index * RECORD_BYTES) as u64;
                return Err(Error::corrupt("a directory", offset, "rising keys"));
            }
        }
        Ok(directory)
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / RECORD_BYTES
    }

    /// Memory held, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    fn key(&self, index: usize) -> u32 {
        let at = index * RECORD_BYTES;
        let mut key = [0; 4];
        key.copy_from_slice(&self.bytes[at..at + 4]);
        u32::from_le_bytes(key)
    }

    /// The record at a place.
    ///
    /// # Errors
    /// There is none.
    pub fn record(&self, index: usize) -> Result<Record> {
        let at = index * RECORD_BYTES;
        let record = self.bytes.get(at..at + RECORD_BYTES);
        let mut input = Decoder::new(record.unwrap_or_default());
        Ok(Record {
            key: input.u32()?,
            extra: input.u32()?,
            first: BlobRef::decode(&mut input)?,
            second: BlobRef::decode(&mut input)?,
        })
    }

    /// The record of a key.
    ///
    /// # Errors
    /// Never for a directory that was parsed.
    pub fn get(&self, key: u32) -> Result<Option<Record>> {
        let guess = key as usize;
        if guess < self.len() && self.key(guess) == key {
            return self.record(guess).map(Some);
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.key(middle).cmp(&key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.record(middle).map(Some),
            }
        }
        Ok(None)
    }

    /// All blobs that it names.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> + '_ {
        let records = self.iter().filter_map(Result::ok);
        records.flat_map(|record| [record.first, record.second])
    }

    /// All records.
    pub fn iter(&self) -> impl Iterator<Item = Result<Record>> + '_ {
        (0..self.len()).map(|index| self.record(index))
    }
}
