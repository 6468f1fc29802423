//! The segments of a partition, as roots hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::ids::{Lsn, TagId};
use crate::layer::resolved::ChunkCache;
use crate::schema::TableSchema;
use crate::segment::row_group::RowPlace;
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
    /// By rising tag.
    stacks: Vec<(TagId, TagStack)>,
}

/// The segments of a tag.
#[derive(Debug)]
pub struct TagStack {
    /// Oldest first.
    pub segments: Vec<Arc<TagSegment>>,
    /// Where each of them stands among all segments of the partition, and the tag in its row
    /// groups.
    places: Vec<(usize, Option<RowPlace>)>,
    /// Where chunks are kept once they are resolved.
    pub resolved: ChunkCache,
}

/// A segment of a tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentPlace<'a> {
    /// Among `live`.
    pub(super) place: usize,
    pub(super) segment: &'a Arc<TagSegment>,
    /// The tag's place in its row groups.
    pub(super) rows: Option<RowPlace>,
}

impl TagStack {
    fn new(tag: TagId, (places, segments): (Vec<usize>, Vec<Arc<TagSegment>>)) -> Option<Self> {
        let cache = segments.first()?.file().cache().clone();
        let files = segments.iter().map(|segment| segment.file().cache_id());
        let stack = cache.stack_id(tag, files.collect());
        let resolved = ChunkCache::new(cache, stack);
        let rows = segments.iter().map(|segment| segment.row_place(tag));
        let places = places.into_iter().zip(rows).collect();
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
        self.of(tag).map_or(&[], |stack| &stack.segments)
    }

    fn of(&self, tag: TagId) -> Option<&TagStack> {
        let (first, _) = self.stacks.first()?;
        // Tags that were made together have numbers without gaps.
        let guess = tag.0.checked_sub(first.0)? as usize;
        match self.stacks.get(guess) {
            Some((id, stack)) if *id == tag => Some(stack),
            _ => {
                let index = self.stacks.binary_search_by_key(&tag, |(id, _)| *id);
                Some(&self.stacks[index.ok()?].1)
            }
        }
    }

    /// The segments of a tag, oldest first.
    pub(super) fn places(&self, tag: TagId) -> impl DoubleEndedIterator<Item = SegmentPlace<'_>> {
        let stack = self.of(tag).into_iter();
        stack.flat_map(|stack| {
            let places = stack.places.iter().zip(&stack.segments);
            places.map(|((place, rows), segment)| SegmentPlace {
                place: *place,
                segment,
                rows: *rows,
            })
        })
    }

    /// Where chunks of a tag are kept once they are resolved, if it has segments.
    #[must_use]
    pub fn resolved(&self, tag: TagId) -> Option<&ChunkCache> {
        self.of(tag).map(|stack| &stack.resolved)
    }

    /// The tags that have segments.
    pub fn tags(&self) -> impl Iterator<Item = TagId> + '_ {
        self.stacks.iter().map(|(tag, _)| *tag)
    }
}

/// The vocabularies of a partition: one object for all roots.
#[derive(Debug, Default)]
pub struct Vocabularies {
    /// By rising tag; the lock is taken for writing when a tag is asked for the first time.
    tags: RwLock<Vec<(TagId, Arc<Vocabulary>)>>,
    segments: Vec<Arc<VocabularySegment>>,
}

impl Vocabularies {
    /// Vocabularies whose strings so far are in segments, oldest first.
    #[must_use]
    pub const fn new(segments: Vec<Arc<VocabularySegment>>) -> Self {
        Self {
            tags: RwLock::new(Vec::new()),
            segments,
        }
    }

    /// The vocabulary of a tag.
    #[must_use]
    pub fn get(&self, tag: TagId) -> Arc<Vocabulary> {
        if let Some(opened) = self.opened(tag) {
            return opened;
        }
        let mut tags = self.tags.write();
        match tags.binary_search_by_key(&tag, |(id, _)| *id) {
            Ok(place) => tags[place].1.clone(),
            Err(place) => {
                let has = |segment: &&Arc<VocabularySegment>| {
                    segment.runs().iter().any(|run| run.tag == tag)
                };
                let segments = self.segments.iter().filter(has).cloned().collect();
                let opened = Arc::new(Vocabulary::new(tag, segments));
                tags.insert(place, (tag, opened.clone()));
                opened
            }
        }
    }

    /// Appends the vocabularies of tags.
    pub fn get_all(&self, tags: impl Iterator<Item = TagId>, out: &mut Vec<Arc<Vocabulary>>) {
        let known = self.tags.read();
        let mut tags = tags.peekable();
        while let Some(tag) = tags.peek()
            && let Ok(place) = known.binary_search_by_key(tag, |(id, _)| *id)
        {
            out.push(known[place].1.clone());
            tags.next();
        }
        drop(known);
        out.extend(tags.map(|tag| self.get(tag)));
    }

    /// The vocabulary of a tag, if anybody has asked for it.
    #[must_use]
    pub fn opened(&self, tag: TagId) -> Option<Arc<Vocabulary>> {
        let tags = self.tags.read();
        let place = tags.binary_search_by_key(&tag, |(id, _)| *id).ok()?;
        Some(tags[place].1.clone())
    }
}
