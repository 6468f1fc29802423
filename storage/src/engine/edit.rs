//! Edits: how a flush, a load or a compaction changes the files of partitions, in the manifest and
//! in all roots alike.
//!
//! Edits commute: each takes away what only it may take away, and LSNs say where what it adds
//! belongs. So the manifest's lock is never held while the write lock is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::bitmap::Bitmap;
use crate::engine::root::{DbState, PartitionState};
use crate::engine::segments::{LiveSegment, SegmentSet};
use crate::engine::{Engine, Sequencer};
use crate::error::{ErrorKind, Result};
use crate::ids::{Lsn, Ordinal, PartitionId, TableId, TagId};
use crate::manifest::{FileRecord, Manifest, PartitionFiles, RecordedWrite, TagFile};
use crate::paths::SegmentName;
use crate::segment::keys::KeySegment;
use crate::segment::tags::TagSegment;
use crate::segment::vocabulary::VocabularySegment;

/// A new tag segment.
#[derive(Debug)]
pub(super) struct NewSegment {
    pub(super) file: FileRecord,
    pub(super) segment: Arc<TagSegment>,
    pub(super) first_lsn: Lsn,
    pub(super) last_lsn: Lsn,
}

/// What changes about one partition's files.
#[derive(Debug)]
pub(super) struct PartitionEdit {
    pub(super) table: TableId,
    pub(super) partition: PartitionId,
    /// New tag segments.
    pub(super) add: Vec<NewSegment>,
    /// Tags that are no longer read from a segment.
    pub(super) remove: Vec<(SegmentName, Vec<TagId>)>,
    /// New key segments, and those that they replace.
    pub(super) keys: Vec<(FileRecord, Arc<KeySegment>)>,
    pub(super) old_keys: Vec<SegmentName>,
    /// A new vocabulary segment, and those that it replaces: then it is the oldest.
    pub(super) vocabulary: Option<(FileRecord, Arc<VocabularySegment>)>,
    pub(super) old_vocabularies: Vec<SegmentName>,
    /// What was in memory and is now in files.
    pub(super) flushed: Option<FlushedMemory>,
}

/// What a partition had at a flush's barrier.
#[derive(Debug)]
pub(super) struct FlushedMemory {
    /// Layers up to here are in segments.
    pub(super) barrier: Lsn,
    /// The end of the ordinals.
    pub(super) next_ordinal: Ordinal,
    /// Subjects that are gone.
    pub(super) dead: Bitmap,
}

/// What changes about the database as a whole at a flush.
#[derive(Debug)]
pub(super) struct Boundary {
    /// The last batch in the segments.
    pub(super) lsn: Lsn,
    /// The root at that batch.
    pub(super) state: Arc<DbState>,
    /// Named writes up to it.
    pub(super) writes: Vec<RecordedWrite>,
}

impl PartitionEdit {
    /// Nothing yet.
    pub(super) const fn new(table: TableId, partition: PartitionId) -> Self {
        Self {
            table,
            partition,
            add: Vec::new(),
            remove: Vec::new(),
            keys: Vec::new(),
            old_keys: Vec::new(),
            vocabulary: None,
            old_vocabularies: Vec::new(),
            flushed: None,
        }
    }

    /// The files that it adds.
    pub(super) fn new_files(&self) -> impl Iterator<Item = SegmentName> + '_ {
        let tags = self.add.iter().map(|new| new.file.name);
        let keys = self.keys.iter().map(|(file, _)| file.name);
        tags.chain(keys)
            .chain(self.vocabulary.iter().map(|(file, _)| file.name))
    }

    fn apply_to_files(&self, files: &mut PartitionFiles) {
        for (name, tags) in &self.remove {
            for segment in files
                .segments
                .iter_mut()
                .filter(|segment| segment.file.name == *name)
            {
                segment.tags.retain(|tag| !tags.contains(tag));
            }
        }
        for NewSegment {
            file,
            segment,
            first_lsn,
            last_lsn,
        } in &self.add
        {
            let (first_lsn, last_lsn) = (*first_lsn, *last_lsn);
            let tags = segment.entries().keys().copied().collect();
            files.segments.push(TagFile {
                file: *file,
                first_lsn,
                last_lsn,
                tags,
            });
        }
        files.segments.sort_by_key(|segment| segment.first_lsn);
        files
            .keys
            .retain(|file| !self.old_keys.contains(&file.name));
        files.keys.extend(self.keys.iter().map(|(file, _)| *file));
        let vocabularies = &mut files.vocabularies;
        vocabularies.retain(|file| !self.old_vocabularies.contains(&file.name));
        if let Some((file, _)) = &self.vocabulary {
            let at = match self.old_vocabularies.is_empty() {
                true => vocabularies.len(),
                false => 0,
            };
            vocabularies.insert(at, *file);
        }
        if let Some(flushed) = &self.flushed {
            files.next_ordinal = flushed.next_ordinal;
            files.dead = flushed.dead.clone();
        }
    }

    pub(super) fn apply_to_root(&self, partition: &mut PartitionState) {
        let mut live = partition.segments.live.clone();
        for (name, tags) in &self.remove {
            let path = name.path();
            for old in live
                .iter_mut()
                .filter(|live| *live.segment.file().path() == path)
            {
                old.tags.retain(|tag| !tags.contains(tag));
            }
        }
        for NewSegment {
            segment,
            first_lsn,
            last_lsn,
            ..
        } in &self.add
        {
            let (first_lsn, last_lsn) = (*first_lsn, *last_lsn);
            let tags = segment.entries().keys().copied().collect();
            live.push(LiveSegment {
                segment: segment.clone(),
                first_lsn,
                last_lsn,
                tags,
            });
        }
        partition.segments = Arc::new(SegmentSet::new(live));
        partition.forget_dropped();
        let old: Vec<_> = self.old_keys.iter().map(SegmentName::path).collect();
        let keys = &mut partition.keys;
        keys.segments
            .retain(|segment| !old.contains(segment.file().path()));
        keys.segments
            .extend(self.keys.iter().map(|(_, segment)| segment.clone()));
        keys.segments.sort_by_key(|segment| segment.first);
        if let Some(flushed) = &self.flushed {
            partition
                .memory
                .retain(|layer| layer.layer.last_lsn > flushed.barrier);
            keys.memory
                .retain(|memory| memory.first() >= flushed.next_ordinal);
        }
    }
}

impl Engine {
    /// Puts edits into force: one new manifest, then all roots. Tags and tables that the catalog
    /// no longer has lose their files.
    ///
    /// # Errors
    /// The manifest cannot be written: nothing has changed, and the edits' files are gone. After
    /// `write_unknown` the edits may be in force after a restart; the engine takes no more writes.
    pub(super) fn install(
        &self,
        edits: &[PartitionEdit],
        boundary: Option<&Boundary>,
    ) -> Result<()> {
        self.publish_edits(edits, boundary)?;
        let mut sequencer = self.sequencer.lock();
        self.edit_roots(&mut sequencer, &|state| {
            for edit in edits {
                edit_partition(state, edit.table, edit.partition, &|partition| {
                    edit.apply_to_root(partition);
                });
            }
        });
        Ok(())
    }

    /// Puts edits into a new manifest, and no further.
    ///
    /// # Errors
    /// As [`Engine::install`].
    pub(super) fn publish_edits(
        &self,
        edits: &[PartitionEdit],
        boundary: Option<&Boundary>,
    ) -> Result<()> {
        let mut files = self.files.lock();
        let mut next: Manifest = files.manifest().clone();
        if let Some(boundary) = boundary {
            next.lsn = boundary.lsn;
            next.catalog = boundary.state.catalog.as_ref().clone();
            next.writes.clone_from(&boundary.writes);
        }
        for edit in edits {
            edit.apply_to_files(partition_files(&mut next, edit.table, edit.partition));
        }
        forget_dropped(&mut next);
        if let Err(error) = files.publish(next) {
            let new = edits.iter().flat_map(PartitionEdit::new_files);
            new.for_each(|name| files.abandon(name));
            if error.kind() == ErrorKind::Unknown {
                self.log.close_to_writes(error.detail());
            }
            return Err(error);
        }
        // Files of a table that was dropped meanwhile are nobody's.
        let named: BTreeSet<_> = files.manifest().files().map(|file| file.name).collect();
        let new = edits.iter().flat_map(PartitionEdit::new_files);
        new.filter(|name| !named.contains(name))
            .for_each(|name| files.abandon(name));
        drop(files);
        edits.iter().for_each(|edit| self.mark_stored(edit));
        Ok(())
    }

    fn mark_stored(&self, edit: &PartitionEdit) {
        let Some((_, segment)) = &edit.vocabulary else {
            return;
        };
        if !edit.old_vocabularies.is_empty() {
            return;
        }
        let state = self.snapshot();
        let Some(table) = state.table(edit.table) else {
            return;
        };
        let Ok(partition) = table.partition(edit.partition) else {
            return;
        };
        for run in segment.runs() {
            partition
                .vocabulary(run.tag)
                .set_stored(run.first + run.count);
        }
    }

    /// Changes the pending root, those that wait, and the published one.
    pub(super) fn edit_roots(&self, sequencer: &mut Sequencer, edit: &dyn Fn(&mut DbState)) {
        edit(Arc::make_mut(&mut sequencer.pending));
        self.roots.edit(edit);
    }
}

fn partition_files(
    manifest: &mut Manifest,
    table: TableId,
    partition: PartitionId,
) -> &mut PartitionFiles {
    let own = |files: &PartitionFiles| files.table == table && files.partition == partition;
    let index = manifest.partitions.iter().position(own).unwrap_or_else(|| {
        manifest.partitions.push(PartitionFiles {
            table,
            partition,
            ..PartitionFiles::default()
        });
        manifest.partitions.len() - 1
    });
    &mut manifest.partitions[index]
}

/// Changes one partition of a root, if the root has it.
pub(super) fn edit_partition(
    state: &mut DbState,
    table: TableId,
    partition: PartitionId,
    edit: &dyn Fn(&mut PartitionState),
) {
    let Some(table) = state.tables.get_mut(&table) else {
        return;
    };
    let index = usize::from(partition.0);
    if let Some(partition) = Arc::make_mut(table).partitions.get_mut(index) {
        edit(Arc::make_mut(partition));
    }
}

fn forget_dropped(manifest: &mut Manifest) {
    let Manifest {
        catalog,
        partitions,
        ..
    } = manifest;
    partitions.retain(|files| catalog.table_by_id(files.table).is_some());
    for files in partitions {
        let Some(schema) = catalog.table_by_id(files.table) else {
            continue;
        };
        for segment in &mut files.segments {
            segment.tags.retain(|tag| schema.tag_by_id(*tag).is_some());
        }
        files.segments.retain(|segment| !segment.tags.is_empty());
    }
}
