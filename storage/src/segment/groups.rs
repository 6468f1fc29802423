//! Columns and indexes of base form, whose blobs are fetched when asked for.

use std::sync::Arc;

use bytes::Bytes;

use crate::bitmap::Bitmap;
use crate::column::{Lists, TextBlocks, Vector};
use crate::error::{Error, Result};
use crate::ids::{CHUNK_LEN, Code};
use crate::layer::part::{ChunkValues, FlatRows};
use crate::segment::blob_file::{BlobFile, BlobRef};
use crate::segment::cache::Cached;
use crate::segment::directory::{Directory, Record};

/// `extra` of a chunk whose vector's positions are the low bits of the ordinals.
pub(crate) const DENSE: u32 = 1;
/// `extra` of a chunk whose vector is in rank order.
pub(crate) const RANKED: u32 = 0;

/// Values, a vector for each chunk.
#[derive(Clone, Debug)]
pub struct ValueGroups {
    /// The file.
    pub file: Arc<BlobFile>,
    /// By chunk.
    pub directory: Directory,
}

impl ValueGroups {
    /// The values of a chunk.
    ///
    /// # Errors
    /// The chunk is not there, the file cannot be read or is damaged.
    pub fn chunk(&self, chunk: u16, count: usize) -> Result<ChunkValues> {
        self.fetch(chunk, count, vector)
    }

    /// The values of a chunk for somebody who keeps them.
    ///
    /// # Errors
    /// As of [`Self::chunk`].
    pub(super) fn read_chunk(&self, chunk: u16, count: usize) -> Result<ChunkValues> {
        self.fetch(chunk, count, read_vector)
    }

    fn fetch(
        &self,
        chunk: u16,
        count: usize,
        vector: impl Fn(&BlobFile, BlobRef) -> Result<Vector>,
    ) -> Result<ChunkValues> {
        let record = chunk_record(&self.file, &self.directory, chunk)?;
        let vector = vector(&self.file, record.first)?;
        let expected = if record.extra == DENSE {
            CHUNK_LEN as usize
        } else {
            count
        };
        expect_len(&self.file, record, vector.len() == expected)?;
        Ok(ChunkValues {
            vector,
            start: (record.extra != DENSE).then_some(0),
        })
    }
}

/// Texts, a sequence of blocks for each chunk.
#[derive(Clone, Debug)]
pub struct TextGroups {
    /// The file.
    pub file: Arc<BlobFile>,
    /// By chunk.
    pub directory: Directory,
}

impl TextGroups {
    /// The texts of a chunk, in rank order.
    ///
    /// # Errors
    /// The chunk is not there, the file cannot be read or is damaged.
    pub fn chunk(&self, chunk: u16, count: u64) -> Result<TextBlocks> {
        let record = chunk_record(&self.file, &self.directory, chunk)?;
        let texts = self
            .file
            .cached(record.first, |bytes| {
                Ok(Cached::Texts(TextBlocks::parse(bytes)?))
            })?
            .into_texts()?;
        expect_len(&self.file, record, texts.len() == count)?;
        Ok(texts)
    }
}

/// Lists of entries, for each chunk.
#[derive(Clone, Debug)]
pub struct ListGroups {
    /// The file.
    pub file: Arc<BlobFile>,
    /// By chunk: lists of codes, and the values beside them.
    pub directory: Directory,
}

impl ListGroups {
    /// The lists of a chunk, in rank order.
    ///
    /// # Errors
    /// The chunk is not there, the file cannot be read or is damaged.
    pub fn chunk(&self, chunk: u16, count: usize) -> Result<FlatRows> {
        let record = chunk_record(&self.file, &self.directory, chunk)?;
        let lists = self.file.cached(record.first, parse_lists)?;
        self.rows(record, count, lists.into_lists()?, vector)
    }

    /// The lists of a chunk for somebody who keeps them.
    ///
    /// # Errors
    /// As of [`Self::chunk`].
    pub(super) fn read_chunk(&self, chunk: u16, count: usize) -> Result<FlatRows> {
        let record = chunk_record(&self.file, &self.directory, chunk)?;
        let lists = self.file.uncached(record.first, parse_lists)?;
        self.rows(record, count, lists.into_lists()?, read_vector)
    }

    fn rows(
        &self,
        record: Record,
        count: usize,
        codes: Lists,
        vector: impl Fn(&BlobFile, BlobRef) -> Result<Vector>,
    ) -> Result<FlatRows> {
        let payload = match record.second.len {
            0 => None,
            _ => Some(vector(&self.file, record.second)?),
        };
        let entries = codes.items().len();
        let fits = payload
            .as_ref()
            .is_none_or(|payload| payload.len() == entries);
        expect_len(&self.file, record, codes.len() == count && fits)?;
        Ok(FlatRows { codes, payload })
    }
}

/// The subjects of each value of a coded tag.
#[derive(Clone, Debug)]
pub struct MemberIndex {
    /// The file.
    pub file: Arc<BlobFile>,
    /// By code; the cardinality beside it.
    pub directory: Directory,
}

impl MemberIndex {
    /// The subjects of a value.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn get(&self, code: Code) -> Result<Option<Bitmap>> {
        match self.directory.get(code)? {
            Some(record) => bitmap(&self.file, record.first).map(Some),
            None => Ok(None),
        }
    }
}

/// The subjects of each entry of a set or map, and the values beside them.
#[derive(Clone, Debug)]
pub struct EntryIndex {
    /// The file.
    pub file: Arc<BlobFile>,
    /// By code; the cardinality beside it.
    pub directory: Directory,
}

impl EntryIndex {
    /// The subjects of an entry, and their values in member order.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn get(&self, code: Code) -> Result<Option<(Bitmap, Option<Vector>)>> {
        let Some(record) = self.directory.get(code)? else {
            return Ok(None);
        };
        let members = bitmap(&self.file, record.first)?;
        let values = optional_vector(&self.file, record.second)?;
        let fits = values
            .as_ref()
            .is_none_or(|values| values.len() as u64 == members.len());
        expect_len(&self.file, record, fits)?;
        Ok(Some((members, values)))
    }
}

fn chunk_record(file: &BlobFile, directory: &Directory, chunk: u16) -> Result<Record> {
    directory.get(u32::from(chunk))?.ok_or_else(|| {
        let offset = directory.record(0).map_or(0, |record| record.first.offset);
        Error::corrupt(file.path(), offset, format!("a row group of chunk {chunk}"))
    })
}

fn expect_len(file: &BlobFile, record: Record, holds: bool) -> Result<()> {
    if holds {
        return Ok(());
    }
    let expected = "as many values as subjects";
    Err(Error::corrupt(file.path(), record.first.offset, expected))
}

pub(crate) fn bitmap(file: &BlobFile, reference: BlobRef) -> Result<Bitmap> {
    if reference.len == 0 {
        return Ok(Bitmap::default());
    }
    file.cached(reference, |bytes| Ok(Cached::Bitmap(Bitmap::parse(bytes)?)))?
        .into_bitmap()
}

pub(crate) fn vector(file: &BlobFile, reference: BlobRef) -> Result<Vector> {
    file.cached(reference, parse_vector)?.into_vector()
}

fn read_vector(file: &BlobFile, reference: BlobRef) -> Result<Vector> {
    file.uncached(reference, parse_vector)?.into_vector()
}

fn parse_vector(bytes: Bytes) -> Result<Cached> {
    Ok(Cached::Vector(Vector::parse(bytes)?))
}

fn parse_lists(bytes: Bytes) -> Result<Cached> {
    Ok(Cached::Lists(Lists::parse(bytes)?))
}

fn optional_vector(file: &BlobFile, reference: BlobRef) -> Result<Option<Vector>> {
    if reference.len == 0 {
        Ok(None)
    } else {
        vector(file, reference).map(Some)
    }
}
