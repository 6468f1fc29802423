//! Writing base form: row groups of one chunk, and a bitmap for each value or entry.
//!
//! Chunks come by rising number: from a stack of layers that compaction reads, or from a bulk
//! load as it fills them. Base form holds whole contents only: nothing is dropped in it.

use crate::bitmap::{Bitmap, BitmapWriter, Chunk};
use crate::column::{TextBlocks, Vector};
use crate::error::Result;
use crate::ids::{CHUNK_LEN, Code, TagId};
use crate::layer::{MultiStack, SingleStack, TextStack};
use crate::schema::Family;
use crate::segment::blob_file::BlobRef;
use crate::segment::directory::{DirectoryBuilder, Record};
use crate::segment::groups::{DENSE, RANKED};
pub use crate::segment::members::Entries;
use crate::segment::members::Members;
use crate::segment::packed::Packed;
use crate::segment::tags::{TagEntry, TagSegmentWriter};
use crate::subjects::Dead;

/// What every tag in base form has.
#[derive(Debug, Default)]
struct Groups {
    set: BitmapWriter,
    directory: DirectoryBuilder,
    bytes: u64,
}

/// A chunk that is ready to be written.
#[derive(Debug)]
pub struct EncodedChunk {
    chunk: u16,
    extra: u32,
    first: Packed,
    second: Option<Packed>,
}

impl Groups {
    /// Bytes that are held until the end.
    fn held(&self) -> usize {
        self.set.bytes() + self.directory.bytes()
    }

    /// Writes a chunk.
    fn put(&mut self, writer: &mut TagSegmentWriter, encoded: &EncodedChunk) -> Result<()> {
        let first = writer.file.put_packed(&encoded.first)?;
        let second = match &encoded.second {
            Some(second) => writer.file.put_packed(second)?,
            None => BlobRef::default(),
        };
        self.directory.push(Record {
            key: u32::from(encoded.chunk),
            extra: encoded.extra,
            first,
            second,
        });
        self.bytes += u64::from(first.len) + u64::from(second.len);
        Ok(())
    }

    /// Writes what is gathered over all chunks. Nothing is written of a tag that nobody has.
    fn finish(
        self,
        writer: &mut TagSegmentWriter,
        tag: (TagId, Family),
        cleared: &Bitmap,
        index: impl FnOnce(&mut TagSegmentWriter) -> Result<BlobRef>,
    ) -> Result<()> {
        let set = self.set.finish();
        if set.is_empty() && cleared.is_empty() {
            return Ok(());
        }
        let before = writer.file.position();
        let mut entry = TagEntry::new(tag.1, true);
        entry.subjects = set.len();
        entry.values = writer.file.put(&self.directory.finish())?;
        entry.index = index(writer)?;
        entry.set = writer.put_bitmap(&set)?;
        entry.cleared = writer.put_bitmap(cleared)?;
        entry.bytes = self.bytes + writer.file.position() - before;
        writer.push(tag.0, entry, Bitmap::union(&[&set, cleared]));
        Ok(())
    }
}

/// Writes a boolean, keyword or number.
#[derive(Debug, Default)]
pub struct BaseSingle {
    groups: Groups,
    members: Members,
    coded: bool,
}

impl BaseSingle {
    /// With a bitmap for each value if `coded`.
    #[must_use]
    pub fn new(coded: bool) -> Self {
        Self {
            coded,
            ..Self::default()
        }
    }

    /// Bytes that it holds until the end.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.groups.held() + self.members.bytes()
    }

    /// Adds a chunk, which is still to be put: who has a value, and the values by position.
    pub fn encode(&mut self, chunk: u16, known: &Chunk, values: &[i64]) -> Option<EncodedChunk> {
        if known.is_empty() {
            return None;
        }
        let (vector, is_dense) = Vector::narrow(known, values);
        self.groups.set.push_chunk(chunk, known);
        if self.coded {
            let mut entries = Entries::default();
            known.for_each(|low| {
                entries.codes.push(values[usize::from(low)] as Code);
                entries.lows.push(low);
            });
            self.members.add(chunk, &entries.group());
        }
        Some(EncodedChunk {
            chunk,
            extra: if is_dense { DENSE } else { RANKED },
            first: Packed::vector(&vector),
            second: None,
        })
    }

    /// Writes a chunk that was encoded.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&mut self, writer: &mut TagSegmentWriter, encoded: &EncodedChunk) -> Result<()> {
        self.groups.put(writer, encoded)
    }

    /// Writes the rest; `cleared` are subjects whose value is taken away.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self, writer: &mut TagSegmentWriter, tag: TagId, cleared: &Bitmap) -> Result<()> {
        let Self {
            groups,
            members,
            coded,
        } = self;
        groups.finish(writer, (tag, Family::Single), cleared, |writer| {
            if coded {
                members.write(writer, false)
            } else {
                Ok(BlobRef::default())
            }
        })
    }
}

/// Writes a long text.
#[derive(Debug, Default)]
pub struct BaseText {
    groups: Groups,
}

impl BaseText {
    /// Bytes that it holds until the end.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.groups.held()
    }

    /// Adds a chunk, which is still to be put: who has a text, and the texts by position, in any
    /// order.
    pub fn encode(&mut self, chunk: u16, texts: &mut [(u16, String)]) -> Option<EncodedChunk> {
        if texts.is_empty() {
            return None;
        }
        texts.sort_unstable_by_key(|(low, _)| *low);
        let mut known = Chunk::new();
        texts.iter().for_each(|(low, _)| known.set(*low));
        let blocks = TextBlocks::from_texts(texts.iter().map(|(_, text)| text.as_bytes()));
        self.groups.set.push_chunk(chunk, &known);
        Some(EncodedChunk {
            chunk,
            extra: RANKED,
            // Compressed already, block by block.
            first: Packed::plain(blocks.bytes().clone()),
            second: None,
        })
    }

    /// Writes a chunk that was encoded.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&mut self, writer: &mut TagSegmentWriter, encoded: &EncodedChunk) -> Result<()> {
        self.groups.put(writer, encoded)
    }

    /// Writes the rest; `cleared` are subjects whose text is taken away.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self, writer: &mut TagSegmentWriter, tag: TagId, cleared: &Bitmap) -> Result<()> {
        self.groups
            .finish(writer, (tag, Family::Text), cleared, |_| {
                Ok(BlobRef::default())
            })
    }
}

/// Writes a set or map.
#[derive(Debug)]
pub struct BaseMulti {
    groups: Groups,
    members: Members,
    payload: bool,
}

impl BaseMulti {
    /// With values beside the entries if `payload`.
    #[must_use]
    pub fn new(payload: bool) -> Self {
        Self {
            groups: Groups::default(),
            members: Members::default(),
            payload,
        }
    }

    /// Bytes that it holds until the end.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.groups.held() + self.members.bytes()
    }

    /// Adds a chunk, which is still to be put: whose content is decided, and the entries of those.
    pub fn encode(
        &mut self,
        chunk: u16,
        decided: &Chunk,
        entries: &Entries,
    ) -> Option<EncodedChunk> {
        if decided.is_empty() {
            return None;
        }
        let grouped = entries.group();
        let rows = grouped.rows(decided, self.payload);
        self.groups.set.push_chunk(chunk, decided);
        self.members.add(chunk, &grouped);
        Some(EncodedChunk {
            chunk,
            extra: RANKED,
            first: Packed::lists(&rows.codes),
            second: rows.payload.map(|payload| Packed::vector(&payload)),
        })
    }

    /// Writes a chunk that was encoded.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&mut self, writer: &mut TagSegmentWriter, encoded: &EncodedChunk) -> Result<()> {
        self.groups.put(writer, encoded)
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self, writer: &mut TagSegmentWriter, tag: TagId) -> Result<()> {
        let Self {
            groups,
            members,
            payload,
        } = self;
        let family = if payload { Family::Map } else { Family::Set };
        let nothing = Bitmap::default();
        groups.finish(writer, (tag, family), &nothing, |writer| {
            members.write(writer, payload)
        })
    }
}

/// What to write of a stack that is the whole of a tag.
#[derive(Clone, Copy, Debug)]
pub struct BaseContext<'a> {
    /// The tag.
    pub tag: TagId,
    /// Chunks to read: `0..chunks`.
    pub chunks: u32,
    /// Subjects that are gone for good.
    pub dead: &'a Dead,
}

impl BaseContext<'_> {
    fn chunk_keys(&self) -> impl Iterator<Item = u16> + use<> {
        (0..self.chunks).map(|chunk| chunk as u16)
    }

    fn living(&self, chunk: u16) -> Chunk {
        let mut living = Chunk::new();
        living.fill();
        if let Some(dead) = self.dead.chunk(chunk) {
            living.and_not(dead);
        }
        living
    }
}

/// Writes a whole stack of a boolean, keyword (`coded`) or number.
///
/// # Errors
/// The source cannot be read, or the file cannot be written.
pub fn write_single(
    writer: &mut TagSegmentWriter,
    stack: &SingleStack,
    coded: bool,
    context: BaseContext<'_>,
) -> Result<()> {
    let mut base = BaseSingle::new(coded);
    let mut known = Chunk::new();
    let mut values = vec![0; CHUNK_LEN as usize];
    for chunk in context.chunk_keys() {
        stack.known(chunk, &mut known)?;
        known.and(&context.living(chunk));
        stack.for_each(chunk, &known, &mut |low, value| {
            values[usize::from(low)] = value
        })?;
        if let Some(encoded) = base.encode(chunk, &known, &values) {
            base.put(writer, &encoded)?;
        }
    }
    base.finish(writer, context.tag, &Bitmap::default())
}

/// Writes a whole stack of a long text.
///
/// # Errors
/// The source cannot be read, or the file cannot be written.
pub fn write_text(
    writer: &mut TagSegmentWriter,
    stack: &TextStack,
    context: BaseContext<'_>,
) -> Result<()> {
    let mut base = BaseText::default();
    for chunk in context.chunk_keys() {
        let mut texts = Vec::new();
        let mut keep = |low, text: &str| texts.push((low, text.to_owned()));
        stack.for_each(chunk, &context.living(chunk), &mut keep)?;
        if let Some(encoded) = base.encode(chunk, &mut texts) {
            base.put(writer, &encoded)?;
        }
    }
    base.finish(writer, context.tag, &Bitmap::default())
}

/// Writes a whole stack of a set, or of a map (`payload`).
///
/// # Errors
/// The source cannot be read, or the file cannot be written.
pub fn write_multi(
    writer: &mut TagSegmentWriter,
    stack: &MultiStack,
    payload: bool,
    context: BaseContext<'_>,
) -> Result<()> {
    let mut base = BaseMulti::new(payload);
    let mut present = Chunk::new();
    for chunk in context.chunk_keys() {
        let mut entries = Entries::default();
        present.clear();
        stack.for_each_row(chunk, &context.living(chunk), &mut |low, row| {
            present.set(low);
            for (code, value) in row {
                entries.codes.push(*code);
                entries.lows.push(low);
                if payload {
                    entries.values.push(*value);
                }
            }
        })?;
        if let Some(encoded) = base.encode(chunk, &present, &entries) {
            base.put(writer, &encoded)?;
        }
    }
    base.finish(writer, context.tag)
}
