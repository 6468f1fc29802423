//! Writing base form: row groups of one chunk, and a bitmap for each value or entry.
//!
//! The source is a stack of layers, read chunk by chunk, so that a bulk load (a stack of one) and
//! a compaction are the same. Base form is the bottom of a stack or holds only whole contents:
//! nothing is dropped in it.

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

/// What goes into a base form, and what stays out.
#[derive(Clone, Copy, Debug)]
pub struct BaseContext<'a> {
    /// The tag.
    pub tag: TagId,
    /// Chunks to read: `0..chunks`.
    pub chunks: u32,
    /// Subjects that are gone for good.
    pub dead: &'a Dead,
    /// Subjects whose value is taken away, when older layers exist.
    pub cleared: &'a Bitmap,
}

impl BaseContext<'_> {
    fn chunk_keys(&self) -> impl Iterator<Item = u16> + use<> {
        (0..self.chunks).map(|chunk| chunk as u16)
    }

    fn drop_dead(&self, chunk: u16, subjects: &mut Chunk) {
        if let Some(dead) = self.dead.chunk(chunk) {
            subjects.and_not(dead);
        }
    }
}

/// The subjects of each code, gathered chunk by chunk.
#[derive(Debug, Default)]
struct Members {
    codes: BTreeMap<Code, (BitmapWriter, Vec<i64>)>,
}

impl Members {
    /// Adds `(code, low, value)` of one chunk, in any order; `values` are kept for maps.
    fn add(&mut self, chunk: u16, entries: &mut [(Code, u16, i64)], payload: bool) {
        entries.sort_unstable_by_key(|(code, low, _)| (*code, *low));
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

/// Writes a boolean, keyword (`coded`) or number.
///
/// # Errors
/// The source cannot be read, or the file cannot be written.
pub fn write_single(
    writer: &mut TagSegmentWriter,
    stack: &SingleStack,
    coded: bool,
    context: BaseContext<'_>,
) -> Result<()> {
    let before = writer.file.position();
    let mut set = BitmapWriter::new();
    let mut groups = DirectoryBuilder::default();
    let mut members = Members::default();
    let mut known = Chunk::new();
    let mut dense = vec![0; CHUNK_LEN as usize];
    for chunk in context.chunk_keys() {
        stack.known(chunk, &mut known)?;
        context.drop_dead(chunk, &mut known);
        if known.is_empty() {
            continue;
        }
        let mut entries = Vec::new();
        stack.for_each(chunk, &known, &mut |low, value| {
            dense[usize::from(low)] = value;
            if coded {
                entries.push((value as Code, low, 0));
            }
        })?;
        let (vector, extra) = narrow(&known, &dense);
        let first = writer.file.put(vector.bytes())?;
        let second = BlobRef::default();
        groups.push(Record {
            key: u32::from(chunk),
            extra,
            first,
            second,
        });
        set.push_chunk(chunk, &known);
        members.add(chunk, &mut entries, false);
    }
    let set = set.finish();
    let mut entry = TagEntry::new(Family::Single, true);
    entry.subjects = set.len();
    entry.values = writer.file.put(&groups.finish())?;
    if coded {
        entry.index = members.write(writer, false)?;
    }
    close(writer, context, entry, &set, before)
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
///
/// # Errors
/// The source cannot be read, or the file cannot be written.
pub fn write_text(
    writer: &mut TagSegmentWriter,
    stack: &TextStack,
    context: BaseContext<'_>,
) -> Result<()> {
    let before = writer.file.position();
    let mut set = BitmapWriter::new();
    let mut groups = DirectoryBuilder::default();
    let mut known = Chunk::new();
    for chunk in context.chunk_keys() {
        stack.known(chunk, &mut known)?;
        context.drop_dead(chunk, &mut known);
        if known.is_empty() {
            continue;
        }
        let mut texts = Vec::new();
        stack.for_each(chunk, &known, &mut |low, text| {
            texts.push((low, text.to_owned()))
        })?;
        texts.sort_unstable_by_key(|(low, _)| *low);
        let blocks = TextBlocks::from_texts(texts.iter().map(|(_, text)| text.as_bytes()));
        let first = writer.file.put(blocks.bytes())?;
        let second = BlobRef::default();
        groups.push(Record {
            key: u32::from(chunk),
            extra: RANKED,
            first,
            second,
        });
        set.push_chunk(chunk, &known);
    }
    let set = set.finish();
    let mut entry = TagEntry::new(Family::Text, true);
    entry.subjects = set.len();
    entry.values = writer.file.put(&groups.finish())?;
    close(writer, context, entry, &set, before)
}

/// Writes a set or map: the subjects with any entry, or all of `context.cleared` too.
///
/// # Errors
/// The source cannot be read, or the file cannot be written.
pub fn write_multi(
    writer: &mut TagSegmentWriter,
    stack: &MultiStack,
    family: Family,
    context: BaseContext<'_>,
) -> Result<()> {
    let before = writer.file.position();
    let payload = family == Family::Map;
    let mut set = BitmapWriter::new();
    let mut groups = DirectoryBuilder::default();
    let mut members = Members::default();
    let (mut audience, mut present) = (Chunk::new(), Chunk::new());
    for chunk in context.chunk_keys() {
        audience.fill();
        context.drop_dead(chunk, &mut audience);
        let mut entries: Vec<(Code, u16, i64)> = Vec::new();
        present.clear();
        stack.for_each_row(chunk, &audience, &mut |low, row| {
            present.set(low);
            entries.extend(row.iter().map(|(code, value)| (*code, low, *value)));
        })?;
        if !context.cleared.is_empty()
            && let Some((_, emptied)) = context.cleared.chunk(chunk)
        {
            emptied.or_into(&mut present);
        }
        if present.is_empty() {
            continue;
        }
        entries.sort_unstable_by_key(|(code, low, _)| (*low, *code));
        let (codes, values) = lists(&present, &entries);
        let first = writer.file.put(codes.bytes())?;
        let second = if payload {
            writer.file.put(values.bytes())?
        } else {
            BlobRef::default()
        };
        groups.push(Record {
            key: u32::from(chunk),
            extra: RANKED,
            first,
            second,
        });
        set.push_chunk(chunk, &present);
        members.add(chunk, &mut entries, payload);
    }
    let set = set.finish();
    let mut entry = TagEntry::new(family, true);
    entry.subjects = set.len();
    entry.values = writer.file.put(&groups.finish())?;
    entry.index = members.write(writer, payload)?;
    let nothing = Bitmap::default();
    close(
        writer,
        BaseContext {
            cleared: &nothing,
            ..context
        },
        entry,
        &set,
        before,
    )
}

fn lists(present: &Chunk, entries: &[(Code, u16, i64)]) -> (Lists, Vector) {
    let mut codes = ListsBuilder::default();
    let mut rest = entries;
    present.for_each(|low| {
        let count = rest.iter().take_while(|entry| entry.1 == low).count();
        let (own, others) = rest.split_at(count);
        codes.push(own.iter().map(|(code, _, _)| i64::from(*code)));
        rest = others;
    });
    let values: Vec<i64> = entries.iter().map(|(_, _, value)| *value).collect();
    (codes.finish(), Vector::from_values(&values))
}

fn close(
    writer: &mut TagSegmentWriter,
    context: BaseContext<'_>,
    mut entry: TagEntry,
    set: &Bitmap,
    before: u64,
) -> Result<()> {
    entry.set = writer.put_bitmap(set)?;
    entry.cleared = writer.put_bitmap(context.cleared)?;
    entry.bytes = writer.file.position() - before;
    let touched = if context.cleared.is_empty() {
        set.clone()
    } else {
        Bitmap::union(&[set, context.cleared])
    };
    writer.push(context.tag, entry, touched);
    Ok(())
}
