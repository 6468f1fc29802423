//! Writing base form: row groups of one chunk, and a bitmap for each value or entry.
//!
//! Chunks come by rising number: from a stack of layers that compaction reads, or from a bulk
//! load as it fills them. Base form holds whole contents only: nothing is dropped in it.

use std::collections::BTreeMap;

use crate::bitmap::{Bitmap, BitmapWriter, Chunk};
use crate::column::{TextBlocks, Vector};
use crate::error::Result;
use crate::ids::{CHUNK_LEN, Code, TagId};
use crate::layer::part::FlatRows;
use crate::layer::{MultiStack, SingleStack, TextStack};
use crate::schema::Family;
use crate::segment::blob_file::{BlobRef, Packed};
use crate::segment::directory::{DirectoryBuilder, Record};
use crate::segment::groups::{DENSE, RANKED};
use crate::segment::tags::{TagEntry, TagSegmentWriter};
use crate::subjects::Dead;

/// Codes below this are counted in a table, others are sorted.
const COUNTED_CODES: usize = 1 << 16;

/// The subjects of each code, gathered chunk by chunk.
#[derive(Debug, Default)]
struct Members {
    codes: BTreeMap<Code, (BitmapWriter, Vec<i64>)>,
    counts: Vec<u32>,
}

impl Members {
    /// Adds `(code, low, value)` of one chunk, by rising position; the values are kept for maps.
    fn add(
        &mut self,
        chunk: u16,
        entries: impl Iterator<Item = (Code, u16, i64)> + Clone,
        payload: bool,
    ) {
        self.counts.clear();
        self.counts.resize(COUNTED_CODES, 0);
        let mut rest = Vec::new();
        for entry in entries.clone() {
            match self.counts.get_mut(entry.0 as usize) {
                Some(count) => *count += 1,
                None => rest.push(entry),
            }
        }
        let mut start = 0;
        for count in &mut self.counts {
            (*count, start) = (start, start + *count);
        }
        let mut lows = vec![0_u16; start as usize];
        let mut values = vec![0_i64; if payload { lows.len() } else { 0 }];
        for (code, low, value) in entries {
            if let Some(place) = self.counts.get_mut(code as usize) {
                lows[*place as usize] = low;
                if payload {
                    values[*place as usize] = value;
                }
                *place += 1;
            }
        }
        let mut from = 0;
        for (code, end) in (0..).zip(&self.counts) {
            let own = from..*end as usize;
            if !own.is_empty() {
                from = own.end;
                let (members, all_values) = self.codes.entry(code).or_default();
                members.push_sorted(chunk, &lows[own.clone()]);
                if payload {
                    all_values.extend_from_slice(&values[own]);
                }
            }
        }
        self.add_sorted(chunk, rest, payload);
    }

    /// Adds entries of codes that are too many to be counted.
    fn add_sorted(&mut self, chunk: u16, mut entries: Vec<(Code, u16, i64)>, payload: bool) {
        entries.sort_unstable_by_key(|(code, low, _)| (*code, *low));
        for same in entries.chunk_by(|a, b| a.0 == b.0) {
            let lows: Vec<u16> = same.iter().map(|(_, low, _)| *low).collect();
            let (members, values) = self.codes.entry(same[0].0).or_default();
            members.push_sorted(chunk, &lows);
            if payload {
                values.extend(same.iter().map(|(_, _, value)| *value));
            }
        }
    }

    fn write(self, writer: &mut TagSegmentWriter, payload: bool) -> Result<BlobRef> {
        let mut directory = DirectoryBuilder::default();
        for (code, (members, values)) in self.codes {
            let members = members.finish();
            let first = writer.file.put(members.bytes())?;
            let second = if payload {
                writer.file.put(Vector::from_values(&values).bytes())?
            } else {
                BlobRef::default()
            };
            let extra = u32::try_from(members.len()).unwrap_or(u32::MAX);
            directory.push(Record {
                key: code,
                extra,
                first,
                second,
            });
        }
        writer.file.put(&directory.finish())
    }
}

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

    /// Adds a chunk, which is still to be put: who has a value, and the values by position.
    pub fn encode(&mut self, chunk: u16, known: &Chunk, values: &[i64]) -> Option<EncodedChunk> {
        if known.is_empty() {
            return None;
        }
        let (vector, is_dense) = Vector::narrow(known, values);
        self.groups.set.push_chunk(chunk, known);
        if self.coded {
            let entries = known
                .iter()
                .map(|low| (values[usize::from(low)] as Code, low, 0));
            self.members.add(chunk, entries, false);
        }
        Some(EncodedChunk {
            chunk,
            extra: if is_dense { DENSE } else { RANKED },
            first: Packed::new(vector.bytes()),
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

    /// Adds a chunk, which is still to be put: whose content is decided, and the entries
    /// `(code, low, value)` of those, in any order.
    pub fn encode(
        &mut self,
        chunk: u16,
        decided: &Chunk,
        entries: &mut [(Code, u16, i64)],
    ) -> Option<EncodedChunk> {
        if decided.is_empty() {
            return None;
        }
        let rows = FlatRows::from_entries(decided, entries, self.payload);
        self.groups.set.push_chunk(chunk, decided);
        self.members
            .add(chunk, entries.iter().copied(), self.payload);
        Some(EncodedChunk {
            chunk,
            extra: RANKED,
            first: Packed::new(rows.codes.bytes()),
            second: rows.payload.map(|payload| Packed::new(payload.bytes())),
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
        let mut entries: Vec<(Code, u16, i64)> = Vec::new();
        present.clear();
        stack.for_each_row(chunk, &context.living(chunk), &mut |low, row| {
            present.set(low);
            entries.extend(row.iter().map(|(code, value)| (*code, low, *value)));
        })?;
        if let Some(encoded) = base.encode(chunk, &present, &mut entries) {
            base.put(writer, &encoded)?;
        }
    }
    base.finish(writer, context.tag)
}
