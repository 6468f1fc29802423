//! Writing base form: row groups of one chunk, and a bitmap for each value or entry.
//!
//! Chunks come by rising number: from a stack of layers that compaction reads, or from a bulk
//! load as it fills them. Base form holds whole contents only: nothing is dropped in it.

use std::collections::BTreeMap;

use crate::bitmap::{Bitmap, BitmapWriter, Chunk};
use crate::column::{Lists, ListsBuilder, TextBlocks, Vector};
use crate::error::Result;
use crate::ids::{CHUNK_LEN, Code, TagId};
use crate::layer::{MultiStack, SingleStack, TextStack};
use crate::schema::Family;
use crate::segment::blob_file::BlobRef;
use crate::segment::directory::{DirectoryBuilder, Record};
use crate::segment::groups::{DENSE, RANKED};
use crate::segment::tags::{TagEntry, TagSegmentWriter};
use crate::subjects::Dead;

/// A chunk is stored dense when at least one in this many of its positions has a value.
const DENSE_SHARE: u32 = 4;

/// Codes below this are counted in a table, others are sorted.
const COUNTED_CODES: usize = 1 << 16;

/// The subjects of each code, gathered chunk by chunk.
#[derive(Debug, Default)]
struct Members {
    codes: BTreeMap<Code, (BitmapWriter, Vec<i64>)>,
    counts: Vec<u32>,
}

impl Members {
    /// Adds the values of one chunk's subjects.
    fn add_values(&mut self, chunk: u16, known: &Chunk, values: &[i64]) {
        self.counts.clear();
        self.counts.resize(COUNTED_CODES, 0);
        let mut rest = Vec::new();
        known.for_each(|low| {
            let code = values[usize::from(low)] as Code;
            match self.counts.get_mut(code as usize) {
                Some(count) => *count += 1,
                None => rest.push((code, low, 0)),
            }
        });
        let mut start = 0;
        for count in &mut self.counts {
            (*count, start) = (start, start + *count);
        }
        let mut lows = vec![0_u16; start as usize];
        known.for_each(|low| {
            let code = values[usize::from(low)] as Code;
            if let Some(place) = self.counts.get_mut(code as usize) {
                lows[*place as usize] = low;
                *place += 1;
            }
        });
        let mut from = 0;
        for (code, end) in (0..).zip(&self.counts) {
            if *end > from {
                let own = &lows[from as usize..*end as usize];
                self.codes
                    .entry(code)
                    .or_default()
                    .0
                    .push_sorted(chunk, own);
                from = *end;
            }
        }
        if !rest.is_empty() {
            self.add_entries(chunk, &mut rest, false);
        }
    }

    /// Adds `(code, low, value)` of one chunk, by rising position; the values are kept for maps.
    fn add_entries(&mut self, chunk: u16, entries: &mut Vec<(Code, u16, i64)>, payload: bool) {
        self.sort_by_code(entries);
        let mut lows = Vec::new();
        for same in entries.chunk_by(|a, b| a.0 == b.0) {
            lows.clear();
            lows.extend(same.iter().map(|(_, low, _)| *low));
            let (writer, values) = self.codes.entry(same[0].0).or_default();
            writer.push_sorted(chunk, &lows);
            if payload {
                values.extend(same.iter().map(|(_, _, value)| *value));
            }
        }
    }

    /// Brings entries into the order of their codes; those of one code keep theirs.
    fn sort_by_code(&mut self, entries: &mut Vec<(Code, u16, i64)>) {
        if entries
            .iter()
            .any(|entry| entry.0 as usize >= COUNTED_CODES)
        {
            entries.sort_by_key(|(code, _, _)| *code);
            return;
        }
        self.counts.clear();
        self.counts.resize(COUNTED_CODES, 0);
        entries
            .iter()
            .for_each(|entry| self.counts[entry.0 as usize] += 1);
        let mut start = 0;
        for count in &mut self.counts {
            (*count, start) = (start, start + *count);
        }
        let mut sorted = vec![(0, 0, 0); entries.len()];
        for entry in entries.iter() {
            let place = &mut self.counts[entry.0 as usize];
            sorted[*place as usize] = *entry;
            *place += 1;
        }
        *entries = sorted;
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

impl Groups {
    fn push(&mut self, chunk: u16, subjects: &Chunk, extra: u32, first: BlobRef, second: BlobRef) {
        self.directory.push(Record {
            key: u32::from(chunk),
            extra,
            first,
            second,
        });
        self.set.push_chunk(chunk, subjects);
        self.bytes += u64::from(first.len) + u64::from(second.len);
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

    /// Adds a chunk: who has a value, and the values by position.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(
        &mut self,
        writer: &mut TagSegmentWriter,
        chunk: u16,
        known: &Chunk,
        values: &[i64],
    ) -> Result<()> {
        if known.is_empty() {
            return Ok(());
        }
        let (vector, extra) = narrow(known, values);
        let first = writer.file.put(vector.bytes())?;
        self.groups
            .push(chunk, known, extra, first, BlobRef::default());
        if self.coded {
            self.members.add_values(chunk, known, values);
        }
        Ok(())
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

/// The values of a chunk's subjects, dense if they are many: then positions without a value repeat
/// one that occurs, so that minimum and maximum stay true.
fn narrow(known: &Chunk, dense: &[i64]) -> (Vector, u32) {
    let mut ranked = Vec::with_capacity(known.count() as usize);
    known.for_each(|low| ranked.push(dense[usize::from(low)]));
    if (ranked.len() as u32) < CHUNK_LEN / DENSE_SHARE {
        return (Vector::from_values(&ranked), RANKED);
    }
    let mut values = vec![ranked[0]; CHUNK_LEN as usize];
    known.for_each(|low| values[usize::from(low)] = dense[usize::from(low)]);
    (Vector::from_values(&values), DENSE)
}

/// Writes a long text.
#[derive(Debug, Default)]
pub struct BaseText {
    groups: Groups,
}

impl BaseText {
    /// Adds a chunk: who has a text, and the texts by position, in any order.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(
        &mut self,
        writer: &mut TagSegmentWriter,
        chunk: u16,
        texts: &mut [(u16, String)],
    ) -> Result<()> {
        if texts.is_empty() {
            return Ok(());
        }
        texts.sort_unstable_by_key(|(low, _)| *low);
        let mut known = Chunk::new();
        texts.iter().for_each(|(low, _)| known.set(*low));
        let blocks = TextBlocks::from_texts(texts.iter().map(|(_, text)| text.as_bytes()));
        let first = writer.file.put(blocks.bytes())?;
        self.groups
            .push(chunk, &known, RANKED, first, BlobRef::default());
        Ok(())
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

    /// Adds a chunk: whose content is decided, and the entries `(code, low, value)` of those, in
    /// any order.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(
        &mut self,
        writer: &mut TagSegmentWriter,
        chunk: u16,
        decided: &Chunk,
        entries: &mut Vec<(Code, u16, i64)>,
    ) -> Result<()> {
        if decided.is_empty() {
            return Ok(());
        }
        entries.sort_unstable_by_key(|(code, low, _)| (*low, *code));
        let (codes, values) = lists(decided, entries);
        let first = writer.file.put(codes.bytes())?;
        let second = if self.payload {
            writer.file.put(values.bytes())?
        } else {
            BlobRef::default()
        };
        self.groups.push(chunk, decided, RANKED, first, second);
        self.members.add_entries(chunk, entries, self.payload);
        Ok(())
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

fn lists(decided: &Chunk, entries: &[(Code, u16, i64)]) -> (Lists, Vector) {
    let mut codes = ListsBuilder::default();
    let mut rest = entries;
    decided.for_each(|low| {
        let count = rest.iter().take_while(|entry| entry.1 == low).count();
        let (own, others) = rest.split_at(count);
        codes.push(own.iter().map(|(code, _, _)| i64::from(*code)));
        rest = others;
    });
    let values: Vec<i64> = entries.iter().map(|(_, _, value)| *value).collect();
    (codes.finish(), Vector::from_values(&values))
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
        base.push(writer, chunk, &known, &values)?;
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
        base.push(writer, chunk, &mut texts)?;
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
        base.push(writer, chunk, &present, &mut entries)?;
    }
    base.finish(writer, context.tag)
}
