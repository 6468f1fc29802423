//! Compaction of what names things: the keys of subjects and the strings of codes.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::compact::Choose;
use crate::engine::edit::PartitionEdit;
use crate::engine::root::{DbState, PartitionState};
use crate::error::Result;
use crate::ids::{PartitionId, TableId, TagId};
use crate::manifest::{FileRecord, Manifest};
use crate::paths::{SegmentKind, SegmentName};
use crate::segment::keys::{KeySegment, write_keys};
use crate::segment::vocabulary::{VocabularySegment, merge_strings};

/// More vocabulary segments than this are merged into one.
const VOCABULARIES_MAX: usize = 8;

impl Engine {
    /// Merges key segments as `choose` says, and vocabulary segments where there are many. Tells
    /// whether there was anything to do.
    pub(super) fn compact_names(&self, only: Option<TableId>, choose: &Choose<'_>) -> Result<bool> {
        let _one = self.compacting.lock();
        let (state, loading) = self.state_and_loads();
        // Merging forgets the dead for good, so their deletion must survive a crash.
        self.commit(state.lsn)?;
        let mut any = false;
        for table in state.tables.values() {
            if only.is_some_and(|only| only != table.schema.id) {
                continue;
            }
            for partition in &table.partitions {
                any |= self.compact_keys(table.schema.id, partition, loading, choose)?;
                any |= self.compact_strings(table.schema.id, partition.id)?;
            }
        }
        Ok(any)
    }

    /// The published root, and whether any load may hold ordinals below its last one: a load that
    /// begins later reserves others.
    fn state_and_loads(&self) -> (Arc<DbState>, bool) {
        let sequencer = self.sequencer.lock();
        (self.snapshot(), sequencer.loads > 0)
    }

    fn compact_keys(
        &self,
        table: TableId,
        partition: &PartitionState,
        loading: bool,
        choose: &Choose<'_>,
    ) -> Result<bool> {
        let mut any = false;
        for run in runs(&partition.keys.segments, loading) {
            let counts: Vec<u64> = run.iter().map(|keys| u64::from(keys.count)).collect();
            if let Some(inputs) = choose(&counts).and_then(|chosen| run.get(chosen)) {
                let paths: Vec<_> = inputs
                    .iter()
                    .map(|keys| keys.file().path().clone())
                    .collect();
                let merge = || self.merge_keys(table, partition, inputs);
                any |= self.merge_sound(&paths, merge)?;
            }
        }
        Ok(any)
    }

    fn merge_keys(
        &self,
        table: TableId,
        partition: &PartitionState,
        inputs: &[Arc<KeySegment>],
    ) -> Result<()> {
        let (Some(first), Some(last)) = (inputs.first(), inputs.last()) else {
            return Ok(());
        };
        let kind = partition.schema.key_type;
        let is_alive = |ordinal| partition.is_alive(ordinal);
        let merged = self.write_file(partition.id, SegmentKind::Keys, &|path, salt| {
            let file = (&*self.vfs, path, salt);
            let len = write_keys(file, kind, first.first..last.end(), &|visit| {
                inputs.iter().try_for_each(|input| {
                    input.for_each(input.first, input.end(), &is_alive, visit)
                })
            })?;
            Ok((len, KeySegment::open(&*self.vfs, path, self.cache.clone())?))
        })?;
        let mut edit = PartitionEdit::new(table, partition.id);
        edit.keys.push(merged);
        let names = inputs.iter().map(|input| input.file().path());
        edit.old_keys = names.filter_map(SegmentName::parse).collect();
        self.install(&[edit], None)
    }

    /// Merges the vocabulary segments of a partition into one, without the tags that are gone.
    /// Vocabularies that have not read their strings yet do so from the old files, which they hold.
    fn compact_strings(&self, table: TableId, partition: PartitionId) -> Result<bool> {
        let (inputs, keep) = {
            let files = self.files.lock();
            let manifest = files.manifest();
            let inputs = vocabularies(manifest, table, partition);
            (inputs, tags_of(manifest, table))
        };
        if inputs.len() <= VOCABULARIES_MAX {
            return Ok(false);
        }
        let paths: Vec<_> = inputs.iter().map(|input| input.name.path()).collect();
        self.merge_sound(&paths, || {
            self.merge_strings(table, partition, &inputs, &keep)
        })
    }

    fn merge_strings(
        &self,
        table: TableId,
        partition: PartitionId,
        inputs: &[FileRecord],
        keep: &[TagId],
    ) -> Result<()> {
        let mut segments = Vec::with_capacity(inputs.len());
        for input in inputs {
            let path = input.name.path();
            segments.push(VocabularySegment::open(
                &*self.vfs,
                &path,
                self.cache.clone(),
            )?);
        }
        let merged = self.write_file(partition, SegmentKind::Vocabulary, &|path, salt| {
            let vfs = &*self.vfs;
            let len = merge_strings(vfs, path, salt, &segments, &|tag| keep.contains(&tag))?;
            Ok((len, VocabularySegment::open(vfs, path, self.cache.clone())?))
        })?;
        let mut edit = PartitionEdit::new(table, partition);
        edit.vocabulary = Some(merged);
        edit.old_vocabularies = inputs.iter().map(|input| input.name).collect();
        self.install(&[edit], None)
    }
}

/// Segments that may be merged with each other: those whose ordinals follow each other without a
/// gap, while a load may fill gaps; all otherwise.
fn runs(segments: &[Arc<KeySegment>], loading: bool) -> impl Iterator<Item = &[Arc<KeySegment>]> {
    segments.chunk_by(move |a, b| !loading || a.end() == b.first)
}

fn vocabularies(manifest: &Manifest, table: TableId, partition: PartitionId) -> Vec<FileRecord> {
    let mut partitions = manifest.partitions.iter();
    let own = partitions.find(|files| files.table == table && files.partition == partition);
    own.map_or_else(Vec::new, |files| files.vocabularies.clone())
}

fn tags_of(manifest: &Manifest, table: TableId) -> Vec<TagId> {
    let schema = manifest.catalog.table_by_id(table);
    schema.map_or_else(Vec::new, |schema| {
        schema.tags.iter().map(|tag| tag.id).collect()
    })
}
