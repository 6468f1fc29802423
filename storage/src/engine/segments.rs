//! The segments of a partition, as roots hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::ids::{Lsn, TagId};
use crate::layer::resolved::ChunkCache;
use crate::schema::TableSchema;
use crate::segment::tags::TagSegment;
use crate::segment::vocabulary::VocabularySegment;
use crate::vocabulary::Vocabulary;

/// A tag segment, and what is read from it.
#[derive(Clone, Debug)]
pub struct LiveSegment {
    /// The segment.
    pub segment: Arc<TagSegment>,
    /// The first batch in it.
    pub first_lsn: Lsn,
    /// The last batch in it.
    pub last_lsn: Lsn,
    /// The tags that are read from it.
    pub tags: Vec<TagId>,
}

/// The tag segments of a partition.
#[derive(Debug, Default)]
pub struct SegmentSet {
    /// Oldest first.
    pub live: Vec<LiveSegment>,
    stacks: BTreeMap<TagId, TagStack>,
}

/// The segments of a tag.
#[derive(Debug)]
pub struct TagStack {
    /// Oldest first.
    pub segments: Vec<Arc<TagSegment>>,
    /// Where each of them stands among all segments of the partition.
    places: Vec<usize>,
    /// Where chunks are kept once they are resolved.
    pub resolved: ChunkCache,
}

impl TagStack {
    fn new(tag: TagId, (places, segments): (Vec<usize>, Vec<Arc<TagSegment>>)) -> Option<Self> {
        let cache = segments.first()?.file().cache().clone();
        let files = segments.iter().map(|segment| segment.file().cache_id());
        let stack = cache.stack_id(tag, files.collect());
        let resolved = ChunkCache::new(cache, stack);
        Some(Self {
            segments,
            places,
            resolved,
        })
    }
}

impl SegmentSet {
    /// A set of segments, in any order, with the tags to be read from each.
    #[must_use]
    pub fn new(mut live: Vec<LiveSegment>) -> Self {
        live.retain(|live| !live.tags.is_empty());
        live.sort_by_key(|live| live.first_lsn);
        let mut stacks: BTreeMap<TagId, (Vec<usize>, Vec<Arc<TagSegment>>)> = BTreeMap::new();
        for (place, LiveSegment { segment, tags, .. }) in live.iter().enumerate() {
            for tag in tags {
                let (places, segments) = stacks.entry(*tag).or_default();
                places.push(place);
                segments.push(segment.clone());
            }
        }
        let stacks = stacks
            .into_iter()
            .filter_map(|(tag, stack)| Some((tag, TagStack::new(tag, stack)?)))
            .collect();
        Self { live, stacks }
    }

    /// The set without the tags that a schema does not have, if it reads any such.
    #[must_use]
    pub fn without_dropped(&self, schema: &TableSchema) -> Option<Self> {
        let known: BTreeSet<TagId> = schema.tags.iter().map(|tag| tag.id).collect();
        if self.tags().all(|tag| known.contains(&tag)) {
            return None;
        }
        let mut live = self.live.clone();
        for live in &mut live {
            live.tags.retain(|tag| known.contains(tag));
        }
        Some(Self::new(live))
    }

    /// The segments of a tag, oldest first.
    #[must_use]
    pub fn stack(&self, tag: TagId) -> &[Arc<TagSegment>] {
        self.stacks.get(&tag).map_or(&[], |stack| &stack.segments)
    }

    /// The segments of a tag, oldest first, each with its place among `live`.
    pub fn places(&self, tag: TagId) -> impl DoubleEndedIterator<Item = (usize, &Arc<TagSegment>)> {
        let stack = self.stacks.get(&tag).into_iter();
        stack.flat_map(|stack| stack.places.iter().copied().zip(&stack.segments))
    }

    /// Where chunks of a tag are kept once they are resolved, if it has segments.
    #[must_use]
    pub fn resolved(&self, tag: TagId) -> Option<&ChunkCache> {
        self.stacks.get(&tag).map(|stack| &stack.resolved)
    }

    /// The tags that have segments.
    pub fn tags(&self) -> impl Iterator<Item = TagId> + '_ {
        self.stacks.keys().copied()
    }
}

/// The vocabularies of a partition: one object for all roots.
#[derive(Debug, Default)]
pub struct Vocabularies {
    tags: Mutex<BTreeMap<TagId, Arc<Vocabulary>>>,
    segments: Vec<Arc<VocabularySegment>>,
}

impl Vocabularies {
    /// Vocabularies whose strings so far are in segments, oldest first.
    #[must_use]
    pub const fn new(segments: Vec<Arc<VocabularySegment>>) -> Self {
        Self {
            tags: Mutex::new(BTreeMap::new()),
            segments,
        }
    }

    /// The vocabulary of a tag.
    #[must_use]
    pub fn get(&self, tag: TagId) -> Arc<Vocabulary> {
        let mut tags = self.tags.lock();
        let make = || {
            let has =
                |segment: &&Arc<VocabularySegment>| segment.runs().iter().any(|run| run.tag == tag);
            Arc::new(Vocabulary::new(
                tag,
                self.segments.iter().filter(has).cloned().collect(),
            ))
        };
        tags.entry(tag).or_insert_with(make).clone()
    }

    /// The vocabulary of a tag, if anybody has asked for it.
    #[must_use]
    pub fn opened(&self, tag: TagId) -> Option<Arc<Vocabulary>> {
        self.tags.lock().get(&tag).cloned()
    }
}
