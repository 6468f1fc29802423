//! The root: one immutable value that reaches all state at one LSN.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::{KeyRef, Keys};
use crate::bitmap::Chunk;
use crate::catalog::Catalog;
use crate::column::Spread;
use crate::engine::memtable::MemoryLayer;
use crate::engine::segments::{SegmentSet, Vocabularies};
use crate::engine::subject::Subject;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{
    Lsn, Ordinal, PartitionId, TableId, TagId, chunk_count, chunk_of, low_of, ordinal_at,
};
use crate::keys::{KeyMemory, PartitionKeys};
use crate::layer::{MultiStack, Part, SingleStack, TextStack};
use crate::partitioning::partition_of;
use crate::schema::{Family, Key, TableSchema, TagType};
use crate::segment::keys::GatheredKeys;
use crate::subjects::Dead;
use crate::vocabulary::Vocabulary;

/// All state at one LSN.
#[derive(Clone, Debug)]
pub struct DbState {
    pub(crate) lsn: Lsn,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) tables: BTreeMap<TableId, Arc<TableState>>,
}

/// A table at one LSN.
#[derive(Clone, Debug)]
pub struct TableState {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) partitions: Vec<Arc<PartitionState>>,
}

/// A partition at one LSN.
#[derive(Clone, Debug)]
pub struct PartitionState {
    pub(crate) id: PartitionId,
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) next_ordinal: Ordinal,
    pub(crate) dead: Dead,
    pub(crate) memory: Vec<MemoryLayer>,
    pub(crate) segments: Arc<SegmentSet>,
    pub(crate) keys: PartitionKeys,
    pub(crate) vocabularies: Arc<Vocabularies>,
}

impl DbState {
    /// The last batch that is in it.
    #[must_use]
    pub const fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// The tables' shapes.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// A table.
    #[must_use]
    pub fn table(&self, id: TableId) -> Option<&TableState> {
        self.tables.get(&id).map(|table| &**table)
    }

    /// A table that must be there.
    ///
    /// # Errors
    /// It was dropped meanwhile.
    pub fn require(&self, id: TableId) -> Result<&TableState> {
        self.table(id).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "unknown_table",
                "the table was dropped meanwhile",
            )
        })
    }
}

impl TableState {
    /// An empty table.
    #[must_use]
    pub(crate) fn new(schema: Arc<TableSchema>) -> Self {
        let partitions = (0..schema.partitions)
            .map(|id| Arc::new(PartitionState::new(PartitionId(id), schema.clone())))
            .collect();
        Self { schema, partitions }
    }

    /// Its shape.
    #[must_use]
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// Its partitions, by id.
    #[must_use]
    pub fn partitions(&self) -> &[Arc<PartitionState>] {
        &self.partitions
    }

    /// Which partition a key belongs to.
    #[must_use]
    pub fn partition_of(&self, key: KeyRef<'_>) -> PartitionId {
        partition_of(key, self.schema.partitions)
    }

    /// The partition of that id.
    ///
    /// # Errors
    /// The table has no such partition.
    pub fn partition(&self, id: PartitionId) -> Result<&Arc<PartitionState>> {
        self.partitions
            .get(usize::from(id.0))
            .ok_or_else(|| Error::internal(format!("table has no partition {id}")))
    }
}

impl PartitionState {
    /// Stops reading tags that the schema does not have any more.
    pub(crate) fn forget_dropped(&mut self) {
        if let Some(segments) = self.segments.without_dropped(&self.schema) {
            self.segments = Arc::new(segments);
        }
    }

    pub(crate) fn new(id: PartitionId, schema: Arc<TableSchema>) -> Self {
        let memory = Arc::new(KeyMemory::new(0, schema.key_type));
        Self {
            id,
            schema,
            next_ordinal: 0,
            dead: Dead::default(),
            memory: Vec::new(),
            segments: Arc::default(),
            keys: PartitionKeys {
                segments: Vec::new(),
                memory: vec![memory],
            },
            vocabularies: Arc::default(),
        }
    }

    /// Its number in the table.
    #[must_use]
    pub const fn id(&self) -> PartitionId {
        self.id
    }

    /// The end of the ordinals so far.
    #[must_use]
    pub const fn next_ordinal(&self) -> Ordinal {
        self.next_ordinal
    }

    /// The number of chunks that ordinals reach into.
    #[must_use]
    pub const fn chunks(&self) -> u32 {
        chunk_count(self.next_ordinal)
    }

    /// The number of subjects.
    #[must_use]
    pub const fn subjects(&self) -> u64 {
        self.next_ordinal as u64 - self.dead.count()
    }

    /// Whether a subject exists.
    #[must_use]
    pub fn is_alive(&self, ordinal: Ordinal) -> bool {
        ordinal < self.next_ordinal && !self.dead.contains(ordinal)
    }

    /// The subjects of a chunk.
    pub fn alive(&self, chunk: u16, out: &mut Chunk) {
        let first = u64::from(chunk) << 16;
        let below = u64::from(self.next_ordinal)
            .saturating_sub(first)
            .min(65_536);
        out.fill_below(below as usize);
        if let Some(dead) = self.dead.chunk(chunk) {
            out.and_not(dead);
        }
    }

    /// The subject of a key.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn find(&self, key: KeyRef<'_>) -> Result<Option<Ordinal>> {
        self.keys.find(key, &|ordinal| self.is_alive(ordinal))
    }

    /// The subjects of keys. Tells `likely` the places of keys and their probable subjects before
    /// these are certain, so that what is asked of them can be fetched meanwhile.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn find_all(
        &self,
        keys: &[KeyRef<'_>],
        likely: &mut dyn FnMut(usize, Ordinal),
    ) -> Result<Vec<Option<Ordinal>>> {
        let accept = |ordinal| self.is_alive(ordinal);
        self.keys.find_all(keys, &accept, &mut |key, ordinal| {
            if accept(ordinal) {
                likely(key, ordinal);
            }
        })
    }

    /// The key of a subject.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn key(&self, ordinal: Ordinal) -> Result<Key> {
        self.keys.key(ordinal)
    }

    /// Calls `visit` with position and key of each of the audience, by rising position. The
    /// audience holds living subjects only.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn for_each_key(
        &self,
        chunk: u16,
        audience: &Chunk,
        visit: &mut dyn FnMut(u16, KeyRef<'_>),
    ) -> Result<()> {
        let Some((first, last)) = audience.bounds() else {
            return Ok(());
        };
        let start = ordinal_at(chunk, first);
        let end = self
            .next_ordinal
            .min(ordinal_at(chunk, last).saturating_add(1));
        let wanted =
            |ordinal: Ordinal| chunk_of(ordinal) == chunk && audience.contains(low_of(ordinal));
        self.keys
            .for_each(start..end, &wanted, &mut |ordinal, key| {
                visit(low_of(ordinal), key)
            })
    }

    /// The keys of subjects of a chunk, whose positions rise.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn keys_of(&self, chunk: u16, lows: &[u16]) -> Result<Keys> {
        let mut keys = GatheredKeys::new(self.schema.key_type, lows.len());
        self.keys.gather(chunk, lows, &mut keys)?;
        keys.finish()
    }

    /// The strings of a tag.
    #[must_use]
    pub fn vocabulary(&self, tag: TagId) -> Arc<Vocabulary> {
        self.vocabularies.get(tag)
    }

    /// Appends the strings of tags.
    pub fn vocabularies(&self, tags: impl Iterator<Item = TagId>, out: &mut Vec<Arc<Vocabulary>>) {
        self.vocabularies.get_all(tags, out);
    }

    /// The layers of a boolean, keyword or number.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn single(&self, tag: TagId) -> Result<SingleStack> {
        let resolved = self.segments.resolved(tag).cloned();
        SingleStack::over(&self.flushed(tag)?, resolved, &self.unflushed(tag))
    }

    /// The layers of a set or map.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn multi(&self, tag: TagId) -> Result<MultiStack> {
        let resolved = self.segments.resolved(tag).cloned();
        MultiStack::over(&self.flushed(tag)?, resolved, &self.unflushed(tag))
    }

    /// The layers of a long text.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn text(&self, tag: TagId) -> Result<TextStack> {
        TextStack::new(&self.parts(tag)?)
    }

    /// What is known of one subject.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn subject(&self, ordinal: Ordinal) -> Result<Subject<'_>> {
        Subject::new(self, ordinal)
    }

    /// The subjects of a chunk that have a value, or at least one entry.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn known(&self, tag: TagId, family: Family, chunk: u16, out: &mut Chunk) -> Result<()> {
        match family {
            Family::Single => self.single(tag)?.known(chunk, out),
            Family::Text => self.text(tag)?.known(chunk, out),
            Family::Set | Family::Map => self.multi(tag)?.nonempty(chunk, out),
        }
    }

    /// Adds to `counts[code]` how many of the living have each value, member or map key of a tag
    /// with codes (0 and 1 are those of booleans), and gives how many have any. What is in files is counted once and remembered, so that it takes little more than what
    /// was written since.
    ///
    /// # Errors
    /// `cancelled` when it is not to go on; the tag has no codes, a value is no index of `counts`,
    /// or a file cannot be read or is damaged.
    pub fn count_everybody(
        &self,
        tag: TagId,
        kind: TagType,
        go_on: &dyn Fn() -> bool,
        counts: &mut [u64],
    ) -> Result<u64> {
        let alive = &mut |chunk, out: &mut Chunk| self.living(go_on, chunk, out);
        match kind.family() {
            Family::Single if kind.is_coded() => {
                let stack = self.single(tag)?;
                stack.count_everybody(self.chunks(), alive, counts)
            }
            Family::Set | Family::Map => {
                let stack = self.multi(tag)?;
                stack.count_everybody(self.chunks(), alive, counts)
            }
            Family::Single | Family::Text => Err(Error::internal("a tag without codes")),
        }
    }

    /// How the numbers of all the living spread; extremes may be those of values that are hidden.
    ///
    /// # Errors
    /// `cancelled` when it is not to go on; a file cannot be read or is damaged.
    pub fn spread_everybody(&self, tag: TagId, go_on: &dyn Fn() -> bool) -> Result<Spread> {
        let alive = &mut |chunk, out: &mut Chunk| self.living(go_on, chunk, out);
        self.single(tag)?.spread_everybody(self.chunks(), alive)
    }

    /// The subjects of a chunk, and whether none of them is dead.
    fn living(&self, go_on: &dyn Fn() -> bool, chunk: u16, out: &mut Chunk) -> Result<bool> {
        if !go_on() {
            let detail = "the count was stopped";
            return Err(Error::new(ErrorKind::Busy, "cancelled", detail));
        }
        self.alive(chunk, out);
        Ok(self.dead.chunk(chunk).is_none())
    }

    /// How many layers a tag has.
    #[must_use]
    pub fn depth(&self, tag: TagId) -> usize {
        let memory = self
            .memory
            .iter()
            .filter(|layer| layer.layer.part(tag).is_some());
        self.segments.stack(tag).len() + memory.count()
    }

    /// Bytes on disk that hold a tag's values and bitmaps.
    #[must_use]
    pub fn tag_bytes(&self, tag: TagId) -> u64 {
        let entries = self
            .segments
            .stack(tag)
            .iter()
            .filter_map(|s| s.entries().get(&tag));
        entries.map(|entry| entry.bytes).sum()
    }

    /// Bytes of the files that hold the partition.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        let tags = self
            .segments
            .live
            .iter()
            .map(|live| live.segment.file().len());
        let keys = self
            .keys
            .segments
            .iter()
            .map(|segment| segment.file().len());
        tags.chain(keys).sum()
    }

    /// Bytes of the layers and keys that are not yet in segments.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let layers = self
            .memory
            .iter()
            .map(|layer| layer.layer.bytes)
            .sum::<usize>();
        layers
            + self
                .keys
                .memory
                .iter()
                .map(|keys| keys.bytes())
                .sum::<usize>()
    }

    /// The layers of a tag, oldest first.
    pub(crate) fn parts(&self, tag: TagId) -> Result<Vec<Arc<Part>>> {
        let mut parts = self.flushed(tag)?;
        parts.extend(self.unflushed(tag));
        Ok(parts)
    }

    fn flushed(&self, tag: TagId) -> Result<Vec<Arc<Part>>> {
        let mut parts = Vec::new();
        for segment in self.segments.stack(tag) {
            parts.extend(segment.part(tag)?);
        }
        Ok(parts)
    }

    fn unflushed(&self, tag: TagId) -> Vec<Arc<Part>> {
        let layers = self.memory.iter();
        layers
            .filter_map(|layer| layer.layer.part(tag).cloned())
            .collect()
    }
}
