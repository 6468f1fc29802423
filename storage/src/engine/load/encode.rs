//! Chunks on their way into a base segment: encoded behind the back of the load, which goes on
//! with the next chunk meanwhile.
//!
//! Only the load itself writes to the file, so that the order of what happens on a disk does not
//! depend on threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use parking_lot::Mutex;

use crate::bitmap::BitmapWriter;
use crate::engine::load::chunk::{ChunkTag, ChunkValues};
use crate::error::{Error, Result};
use crate::ids::TagId;
use crate::parallel;
use crate::schema::{Family, Tag};
use crate::segment::base::{BaseMulti, BaseSingle, BaseText, EncodedChunk};
use crate::segment::tags::TagSegmentWriter;

/// Chunks' tags that are not in use, at most one a tag, shared by a load's partitions.
pub(super) type Spare = Arc<Mutex<BTreeMap<TagId, ChunkTag>>>;

/// A tag's chunk that is unused, or a new one.
pub(super) fn empty_chunk(spare: &Spare, tag: &Tag) -> ChunkTag {
    let unused = spare.lock().remove(&tag.id);
    unused.unwrap_or_else(|| ChunkTag::new(tag))
}

/// What has been written of one tag.
#[derive(Debug)]
struct TagBase {
    tag: Tag,
    base: Base,
    cleared: BitmapWriter,
    encoded: Option<EncodedChunk>,
}

#[derive(Debug)]
enum Base {
    Single(BaseSingle),
    Text(BaseText),
    Multi(BaseMulti),
}

impl TagBase {
    fn new(tag: &Tag) -> Self {
        Self {
            tag: tag.clone(),
            base: match tag.kind.family() {
                Family::Single => Base::Single(BaseSingle::new(tag.kind.is_coded())),
                Family::Text => Base::Text(BaseText::default()),
                Family::Set => Base::Multi(BaseMulti::new(false)),
                Family::Map => Base::Multi(BaseMulti::new(true)),
            },
            cleared: BitmapWriter::new(),
            encoded: None,
        }
    }

    /// Encodes a chunk, and empties it.
    fn encode(&mut self, number: u16, chunk: &mut ChunkTag) {
        self.encoded = match (&mut self.base, &mut chunk.values) {
            (Base::Single(base), ChunkValues::Single { known, values }) => {
                base.encode(number, known, values)
            }
            (Base::Text(base), ChunkValues::Text { texts }) => {
                let taken = (0..=u16::MAX).zip(texts.iter_mut());
                let mut known: Vec<(u16, String)> = taken
                    .filter_map(|(low, text)| Some((low, text.take()?.into())))
                    .collect();
                base.encode(number, &mut known)
            }
            (Base::Multi(base), ChunkValues::Multi { decided, rows, .. }) => {
                let entries = rows.take(decided);
                let encoded = base.encode(number, decided, &entries);
                rows.reuse(entries);
                encoded
            }
            _ => {
                debug_assert!(false, "a chunk of another family");
                None
            }
        };
        if !chunk.cleared.is_empty() {
            self.cleared.push_chunk(number, &chunk.cleared);
        }
        chunk.clear();
    }

    /// Bytes that it holds until the end.
    fn bytes(&self) -> usize {
        let base = match &self.base {
            Base::Single(base) => base.bytes(),
            Base::Text(base) => base.bytes(),
            Base::Multi(base) => base.bytes(),
        };
        self.cleared.bytes() + base
    }

    fn put(&mut self, writer: &mut TagSegmentWriter) -> Result<()> {
        let Some(encoded) = self.encoded.take() else {
            return Ok(());
        };
        match &mut self.base {
            Base::Single(base) => base.put(writer, &encoded),
            Base::Text(base) => base.put(writer, &encoded),
            Base::Multi(base) => base.put(writer, &encoded),
        }
    }

    fn finish(self, writer: &mut TagSegmentWriter) -> Result<()> {
        let cleared = self.cleared.finish();
        match self.base {
            Base::Single(base) => base.finish(writer, self.tag.id, &cleared),
            Base::Text(base) => base.finish(writer, self.tag.id, &cleared),
            Base::Multi(base) => base.finish(writer, self.tag.id),
        }
    }
}

/// A chunk that is being encoded, and what has been written before it.
#[derive(Debug, Default)]
struct Work {
    number: u16,
    chunk: BTreeMap<TagId, ChunkTag>,
    bases: BTreeMap<TagId, TagBase>,
}

impl Work {
    /// Encodes the chunk, on all cores.
    fn run(&mut self, spare: &Spare) -> Result<()> {
        for (id, chunk) in &self.chunk {
            let made = || TagBase::new(&chunk.tag);
            self.bases.entry(*id).or_insert_with(made);
        }
        let chunks = &mut self.chunk;
        let both = self.bases.iter_mut();
        let mut pairs: Vec<(&mut TagBase, ChunkTag)> = both
            .filter_map(|(id, base)| Some((base, chunks.remove(id)?)))
            .collect();
        pairs.sort_by_key(|(_, chunk)| !chunk.is_long());
        let number = self.number;
        parallel::for_each(pairs.into_iter(), |(base, mut chunk)| {
            base.encode(number, &mut chunk);
            spare.lock().insert(chunk.tag.id, chunk);
            Ok(())
        })
    }
}

/// Encodes one chunk after the other.
#[derive(Debug)]
pub(super) struct ChunkEncoder {
    spare: Spare,
    work: Arc<Mutex<Work>>,
    running: Option<JoinHandle<Result<()>>>,
    /// Bytes that are gathered until the end.
    gathered: usize,
}

impl ChunkEncoder {
    /// Nothing has been written yet.
    pub(super) fn new(spare: Spare) -> Self {
        Self {
            spare,
            work: Arc::default(),
            running: None,
            gathered: 0,
        }
    }

    /// Begins to encode a chunk; the one before has been put.
    pub(super) fn begin(&mut self, number: u16, chunk: BTreeMap<TagId, ChunkTag>) -> Result<()> {
        {
            let mut work = self.work.lock();
            (work.number, work.chunk) = (number, chunk);
        }
        let (work, spare) = (self.work.clone(), self.spare.clone());
        let run = move || work.lock().run(&spare);
        match Builder::new().name("tagdb-load".to_owned()).spawn(run) {
            Ok(running) => self.running = Some(running),
            // Without another thread this one does it.
            Err(_) => self.work.lock().run(&self.spare)?,
        }
        Ok(())
    }

    /// Writes the chunk that was begun last, if there is one.
    pub(super) fn put(&mut self, writer: &mut TagSegmentWriter) -> Result<()> {
        if let Some(running) = self.running.take() {
            let panicked = |_| Error::internal("a chunk could not be encoded");
            running.join().map_err(panicked)??;
        }
        let mut work = self.work.lock();
        for base in work.bases.values_mut() {
            base.put(writer)?;
        }
        self.gathered = work.bases.values().map(TagBase::bytes).sum();
        Ok(())
    }

    /// Bytes that are gathered over all chunks that were put.
    pub(super) const fn gathered(&self) -> usize {
        self.gathered
    }

    /// Writes what is gathered over all chunks.
    pub(super) fn finish(&mut self, writer: &mut TagSegmentWriter) -> Result<()> {
        let bases = std::mem::take(&mut self.work.lock().bases);
        bases.into_values().try_for_each(|base| base.finish(writer))
    }
}
