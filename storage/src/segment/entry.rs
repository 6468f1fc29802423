//! What the footer of a tag segment says of each tag.

use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::schema::Family;
use crate::segment::blob_file::BlobRef;

/// What the footer says of one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagEntry {
    /// The layout of its values.
    pub family: Family,
    /// Whether there are row groups and bitmaps by value, or flat vectors.
    pub base: bool,
    /// Subjects that have something set.
    pub subjects: u64,
    /// Bytes of its blobs.
    pub bytes: u64,
    /// `set` or `reset`.
    pub set: BlobRef,
    /// `cleared` or `dirty`.
    pub cleared: BlobRef,
    /// Flat: values, texts or the codes of full lists. Base: the directory of chunks.
    pub values: BlobRef,
    /// Flat: the values beside the codes. Base: the directory of codes.
    pub index: BlobRef,
    /// Flat sets and maps: codes put, values beside them, codes dropped.
    pub edits: [BlobRef; 3],
}

impl TagEntry {
    /// An entry without blobs.
    #[must_use]
    pub fn new(family: Family, base: bool) -> Self {
        let none = BlobRef::default();
        Self {
            family,
            base,
            subjects: 0,
            bytes: 0,
            set: none,
            cleared: none,
            values: none,
            index: none,
            edits: [none; 3],
        }
    }

    /// Bytes of what is read when the tag's part is opened: of base form its bitmaps and
    /// directories.
    pub(super) fn own_bytes(&self) -> u64 {
        let blobs = [self.set, self.cleared, self.values, self.index];
        blobs.iter().map(|blob| u64::from(blob.len)).sum()
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.u8(match self.family {
            Family::Single => 1,
            Family::Text => 2,
            Family::Set => 3,
            Family::Map => 4,
        });
        out.u8(u8::from(self.base));
        out.varint(self.subjects);
        out.varint(self.bytes);
        for reference in [self.set, self.cleared, self.values, self.index] {
            reference.encode(out);
        }
        for reference in self.edits {
            reference.encode(out);
        }
    }

    pub(super) fn decode(input: &mut Decoder<'_>) -> Result<Self> {
        let family = match input.u8()? {
            1 => Family::Single,
            2 => Family::Text,
            3 => Family::Set,
            4 => Family::Map,
            _ => {
                return Err(Error::corrupt(
                    "a footer",
                    input.offset() as u64,
                    "a family",
                ));
            }
        };
        let base = input.u8()? != 0;
        Ok(Self {
            family,
            base,
            subjects: input.varint()?,
            bytes: input.varint()?,
            set: BlobRef::decode(input)?,
            cleared: BlobRef::decode(input)?,
            values: BlobRef::decode(input)?,
            index: BlobRef::decode(input)?,
            edits: [
                BlobRef::decode(input)?,
                BlobRef::decode(input)?,
                BlobRef::decode(input)?,
            ],
        })
    }
}
