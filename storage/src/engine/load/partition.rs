//! One partition of a bulk load.
//!
//! New subjects fill chunk after chunk of a base segment. Rows of subjects that exist, or whose
//! chunk has been written, and edits of sets and maps, gather in layers on top of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashTable;
use roaring::RoaringBitmap;

use crate::batch::{KeyRef, Keys};
use crate::bitmap::Chunk;
use crate::engine::Engine;
use crate::engine::load::chunk::ChunkTag;
use crate::engine::load::encode::{ChunkEncoder, Spare, empty_chunk};
use crate::engine::load::memory::cell_bytes;
use crate::engine::root::PartitionState;
use crate::engine::section::{Codes, Resolved, Stored, TagBuilder, check_key};
use crate::error::Result;
use crate::ids::{Ordinal, TagId, chunk_of, low_of};
use crate::manifest::FileRecord;
use crate::paths::{SegmentKind, SegmentName};
use crate::schema::Tag;
use crate::segment::keys::KeySegment;
use crate::segment::tags::{TagSegment, TagSegmentWriter};

/// Keys held in memory before they become a key segment.
const KEYS_MAX: usize = 16 << 20;

/// One partition of a load.
#[derive(Debug)]
pub(super) struct PartitionLoad {
    /// As it was when the load began.
    pub(super) start: Arc<PartitionState>,
    /// Ordinals reserved and not yet given.
    free: Range<Ordinal>,
    /// Ordinals given, in ranges.
    pub(super) given: Vec<Range<Ordinal>>,
    /// Keys of the last ordinals given, which follow each other.
    pub(super) keys: Keys,
    /// By key: 32 bits of its hash, by which a table grows without reading keys, and its row.
    pub(super) rows: HashTable<(u32, u32)>,
    pub(super) key_segments: Vec<(FileRecord, Arc<KeySegment>)>,
    /// The base segment being written.
    base: Option<(SegmentName, TagSegmentWriter)>,
    pub(super) encoder: ChunkEncoder,
    spare: Spare,
    /// The chunk being filled.
    chunk: Option<u16>,
    pub(super) tags: BTreeMap<TagId, ChunkTag>,
    late: BTreeMap<TagId, (Tag, TagBuilder)>,
    late_cells: usize,
    /// Bytes of those cells.
    pub(super) late_bytes: usize,
    /// What is written, oldest first.
    pub(super) segments: Vec<(FileRecord, Arc<TagSegment>)>,
    /// Subjects that existed and are written to.
    pub(super) touched: RoaringBitmap,
}

/// The bits of a key's hash that are kept.
const fn short_hash(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A hash for the table, which looks at the lowest and at the highest bits.
const fn spread(short: u32) -> u64 {
    (short as u64) << 32 | short as u64
}

impl PartitionLoad {
    pub(super) fn new(start: Arc<PartitionState>, spare: Spare) -> Self {
        Self {
            free: 0..0,
            given: Vec::new(),
            keys: Keys::new(start.schema.key_type),
            start,
            rows: HashTable::new(),
            key_segments: Vec::new(),
            base: None,
            encoder: ChunkEncoder::new(spare.clone()),
            spare,
            chunk: None,
            tags: BTreeMap::new(),
            late: BTreeMap::new(),
            late_cells: 0,
            late_bytes: 0,
            segments: Vec::new(),
            touched: RoaringBitmap::new(),
        }
    }

    /// The ordinal of a key that the load has made.
    pub(super) fn find_new(&self, key: KeyRef<'_>, hash: u64) -> Result<Option<Ordinal>> {
        let first = self.first_in_memory();
        let short = short_hash(hash);
        let mut rows = self.rows.iter_hash(spread(short));
        let is_same =
            |entry: &&(u32, u32)| entry.0 == short && self.keys.get(entry.1 as usize) == key;
        if let Some((_, row)) = rows.find(is_same) {
            return Ok(Some(first + row));
        }
        for (_, segment) in self.key_segments.iter().rev() {
            if let Some(ordinal) = segment.find(key, hash, &|_| true)? {
                return Ok(Some(ordinal));
            }
        }
        Ok(None)
    }

    /// Whether keys in memory may have such a hash.
    pub(super) fn may_have(&self, hash: u64) -> bool {
        let short = short_hash(hash);
        self.rows
            .find(spread(short), |entry| entry.0 == short)
            .is_some()
    }

    fn first_in_memory(&self) -> Ordinal {
        self.given
            .last()
            .map_or(0, |given| given.end - self.keys.len() as Ordinal)
    }

    /// The subject of a key, which is made if it does not exist.
    pub(super) fn resolve(
        &mut self,
        engine: &Engine,
        key: KeyRef<'_>,
        hash: u64,
    ) -> Result<Resolved> {
        if let Some(ordinal) = self.find_new(key, hash)? {
            return Ok(Resolved {
                ordinal,
                created: false,
                repeated: true,
            });
        }
        if self.start.next_ordinal > 0
            && let Some(ordinal) = self.start.find(key)?
        {
            let repeated = !self.touched.insert(ordinal);
            return Ok(Resolved {
                ordinal,
                created: false,
                repeated,
            });
        }
        check_key(key)?;
        let ordinal = self.next_ordinal(engine)?;
        let row = self.keys.len() as u32;
        self.keys.push(key);
        let short = short_hash(hash);
        self.rows
            .insert_unique(spread(short), (short, row), |(short, _)| spread(*short));
        if self.chunk != Some(chunk_of(ordinal)) {
            self.write_chunk(engine)?;
            self.chunk = Some(chunk_of(ordinal));
        }
        Ok(Resolved {
            ordinal,
            created: true,
            repeated: false,
        })
    }

    fn next_ordinal(&mut self, engine: &Engine) -> Result<Ordinal> {
        if self.free.is_empty() {
            self.free = engine.reserve(self.start.schema.id, self.start.id)?;
        }
        let ordinal = self.free.start;
        self.free.start += 1;
        let follows = self.given.last().is_some_and(|given| given.end == ordinal);
        if !follows || self.keys.len() >= KEYS_MAX {
            self.write_keys(engine)?;
        }
        match self.given.last_mut() {
            Some(given) if follows => given.end += 1,
            _ => self.given.push(ordinal..ordinal + 1),
        }
        Ok(ordinal)
    }

    /// Whether a key's row would open the next chunk.
    pub(super) fn opens_chunk(&self, key: KeyRef<'_>, hash: u64) -> Result<bool> {
        let Some(chunk) = self.chunk else {
            return Ok(false);
        };
        if !self.free.is_empty() && chunk_of(self.free.start) == chunk {
            return Ok(false);
        }
        let is_known = self.find_new(key, hash)?.is_some() || self.start.find(key)?.is_some();
        Ok(!is_known)
    }

    /// Ordinals that were reserved last and not used.
    pub(super) fn unused(&self) -> Range<Ordinal> {
        self.free.clone()
    }

    /// Where cells of a tag go.
    pub(super) fn cells_of(&mut self, tag: &Tag) -> TagCells<'_> {
        let open = self.chunk.map(|chunk| {
            let made = || empty_chunk(&self.spare, tag);
            (chunk, self.tags.entry(tag.id).or_insert_with(made))
        });
        TagCells {
            tag: tag.clone(),
            first_new: self.start.next_ordinal,
            open,
            late: &mut self.late,
            late_cells: &mut self.late_cells,
            late_bytes: &mut self.late_bytes,
        }
    }

    /// What of some tags is in the open chunk, with their places among `tags`.
    pub(super) fn open_tags(&mut self, tags: &[Tag]) -> Vec<(usize, &mut ChunkTag)> {
        if self.chunk.is_none() {
            return Vec::new();
        }
        for tag in tags {
            let made = || empty_chunk(&self.spare, tag);
            self.tags.entry(tag.id).or_insert_with(made);
        }
        let place = |id: TagId| tags.iter().position(|tag| tag.id == id);
        let open = self.tags.iter_mut();
        open.filter_map(|(id, open)| Some((place(*id)?, open)))
            .collect()
    }

    /// New subjects in the open chunk not all of whose cells belong there.
    pub(super) fn edited(&self) -> Option<Box<Chunk>> {
        let mut all: Option<Box<Chunk>> = None;
        for edited in self.tags.values().filter_map(ChunkTag::edited) {
            all.get_or_insert_default().or(edited);
        }
        all
    }

    /// Where a subject is in the open chunk, if it is new and there.
    pub(super) fn place_in_chunk(&self, ordinal: Ordinal) -> Option<u16> {
        let is_here = self.chunk == Some(chunk_of(ordinal)) && ordinal >= self.start.next_ordinal;
        is_here.then_some(low_of(ordinal))
    }

    /// Turns the strings of a column into codes.
    pub(super) fn codes<'a>(
        &self,
        engine: &Engine,
        tag: &'a Tag,
        dictionary: &'a crate::batch::Dictionary,
    ) -> Codes<'a> {
        Codes::new(tag, dictionary, &self.start, engine.settings.vocabulary)
    }

    pub(super) fn write_keys(&mut self, engine: &Engine) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let first = self.first_in_memory();
        let keys = std::mem::replace(&mut self.keys, Keys::new(self.start.schema.key_type));
        self.rows.clear();
        self.key_segments
            .push(engine.write_key_segment(&self.start, first, &keys)?);
        Ok(())
    }

    fn write_chunk(&mut self, engine: &Engine) -> Result<()> {
        let Some(chunk) = self.chunk.take() else {
            return Ok(());
        };
        if self.base.is_none() {
            let name = engine
                .files
                .lock()
                .new_name(self.start.id, SegmentKind::Tags)?;
            let salt = engine.vfs.random();
            let writer = TagSegmentWriter::create(&*engine.vfs, &name.path(), salt)?;
            self.base = Some((name, writer));
        }
        if let Some((_, writer)) = &mut self.base {
            self.encoder.put(writer)?;
        }
        self.encoder.begin(chunk, std::mem::take(&mut self.tags))
    }

    /// Writes late cells as a layer, once they are many.
    pub(super) fn write_late_if_many(&mut self, engine: &Engine) -> Result<()> {
        if self.late_cells >= engine.settings.load_cells {
            self.write_late(engine)
        } else {
            Ok(())
        }
    }

    pub(super) fn write_late(&mut self, engine: &Engine) -> Result<()> {
        if self.late.is_empty() {
            return Ok(());
        }
        // The base segment is older than all late layers: it must come first.
        self.late_cells = 0;
        self.late_bytes = 0;
        let parts: Vec<_> = std::mem::take(&mut self.late)
            .into_values()
            .map(|(tag, builder)| (tag, builder.finish()))
            .collect();
        let written = engine.write_file(self.start.id, SegmentKind::Tags, &|path, salt| {
            let mut writer = TagSegmentWriter::create(&*engine.vfs, path, salt)?;
            for (tag, part) in &parts {
                writer.put_flat(tag.id, tag.kind.family(), part)?;
            }
            let len = writer.finish()?;
            Ok((
                len,
                TagSegment::open(&*engine.vfs, path, engine.cache.clone())?,
            ))
        })?;
        self.segments.push(written);
        Ok(())
    }

    /// Writes everything that is left. The base segment comes before all late layers.
    pub(super) fn close(&mut self, engine: &Engine) -> Result<()> {
        self.write_chunk(engine)?;
        self.write_keys(engine)?;
        self.write_late(engine)?;
        if let Some((name, mut writer)) = self.base.take() {
            self.encoder.put(&mut writer)?;
            self.encoder.finish(&mut writer)?;
            let len = writer.finish()?;
            let segment = TagSegment::open(&*engine.vfs, &name.path(), engine.cache.clone())?;
            self.segments.insert(0, (FileRecord { name, len }, segment));
        }
        Ok(())
    }

    /// All files written so far.
    pub(super) fn files(&self) -> Vec<SegmentName> {
        let tags = self.segments.iter().map(|(file, _)| file.name);
        let keys = self.key_segments.iter().map(|(file, _)| file.name);
        tags.chain(keys)
            .chain(self.base.iter().map(|(name, _)| *name))
            .collect()
    }
}

/// Where cells of one tag go: to the chunk that is open, or to the layers on top.
#[derive(Debug)]
pub(super) struct TagCells<'a> {
    tag: Tag,
    first_new: Ordinal,
    open: Option<(u16, &'a mut ChunkTag)>,
    late: &'a mut BTreeMap<TagId, (Tag, TagBuilder)>,
    late_cells: &'a mut usize,
    late_bytes: &'a mut usize,
}

impl TagCells<'_> {
    /// Applies a cell to a subject.
    pub(super) fn write(&mut self, ordinal: Ordinal, cell: Stored<'_>) {
        match self.open_for(ordinal, &cell) {
            Some(open) => open.write(low_of(ordinal), cell),
            None => self.write_late(ordinal, cell),
        }
    }

    /// The open chunk, if the cell belongs there.
    fn open_for(&mut self, ordinal: Ordinal, cell: &Stored<'_>) -> Option<&mut ChunkTag> {
        let (chunk, open) = self.open.as_mut()?;
        let is_here = *chunk == chunk_of(ordinal)
            && ordinal >= self.first_new
            && open.takes(low_of(ordinal), cell);
        is_here.then_some(open)
    }

    fn write_late(&mut self, ordinal: Ordinal, cell: Stored<'_>) {
        *self.late_bytes += cell_bytes(&cell);
        let late = self.late.entry(self.tag.id);
        late.or_insert_with(|| (self.tag.clone(), TagBuilder::new(&self.tag)))
            .1
            .write(ordinal, cell);
        *self.late_cells += 1;
    }
}
