//! Flush: what is in memory becomes segments, and the log can be trimmed.
//!
//! A flush takes the whole database at one LSN, its barrier. Writes go on meanwhile; layers up to
//! the barrier are not merged with newer ones until the flush has ended.

use std::sync::Arc;

use crate::batch::Keys;
use crate::engine::Engine;
use crate::engine::edit::{Boundary, FlushedMemory, NewSegment, PartitionEdit};
use crate::engine::memtable::merge_to_one;
use crate::engine::root::{DbState, PartitionState};
use crate::error::Result;
use crate::ids::{Ordinal, PartitionId};
use crate::keys::KeyMemory;
use crate::layer::Layer;
use crate::manifest::FileRecord;
use crate::paths::SegmentKind;
use crate::planted::{Planted, is_planted};
use crate::schema::TableSchema;
use crate::segment::keys::{KeySegment, write_keys};
use crate::segment::tags::{TagSegment, TagSegmentWriter};
use crate::segment::vocabulary::{Strings, VocabularySegment, write_strings};
use crate::vfs::RelPath;

impl Engine {
    /// Writes everything that is in memory to segments, and trims the log.
    ///
    /// # Errors
    /// A file cannot be written: everything stays as it was.
    pub fn flush(&self) -> Result<()> {
        let _one = self.flushing.lock();
        self.flush_alone()?;
        self.count_layers(&self.snapshot());
        self.maintenance.flushed();
        Ok(())
    }

    /// Flushes; the caller sees to it that nobody else does.
    pub(super) fn flush_alone(&self) -> Result<()> {
        let boundary = self.freeze();
        let flushed = self.flush_up_to(&boundary);
        self.sequencer.lock().barrier = None;
        flushed
    }

    /// Sets the barrier: the pending root as it is now.
    pub(super) fn freeze(&self) -> Boundary {
        let mut sequencer = self.sequencer.lock();
        let mut state = DbState::clone(&sequencer.pending);
        rotate_keys(&mut state);
        let state = Arc::new(state);
        sequencer.pending = state.clone();
        sequencer.barrier = Some(state.lsn);
        let writes = sequencer.writes.up_to(state.lsn).cloned().collect();
        Boundary {
            lsn: state.lsn,
            state,
            writes,
        }
    }

    fn flush_up_to(&self, boundary: &Boundary) -> Result<()> {
        self.commit(boundary.lsn)?;
        if self.files.lock().manifest().lsn == boundary.lsn {
            return Ok(());
        }
        let edits = self.flush_state(&boundary.state)?;
        if is_planted(Planted::TrimEarly) {
            self.log.trim(boundary.lsn.0 + 1)?;
        }
        self.install(&edits, Some(boundary))?;
        self.log.trim(boundary.lsn.0 + 1)?;
        tracing::info!(lsn = boundary.lsn.0, "flushed");
        Ok(())
    }

    /// Writes what a root has in memory.
    ///
    /// # Errors
    /// A file cannot be written: those that were are gone again.
    pub(super) fn flush_state(&self, state: &DbState) -> Result<Vec<PartitionEdit>> {
        let mut edits = Vec::new();
        for table in state.tables.values() {
            for partition in &table.partitions {
                let mut edit = PartitionEdit::new(table.schema.id, partition.id);
                let flushed = self.flush_partition(state, partition, &mut edit);
                edits.push(edit);
                if let Err(error) = flushed {
                    self.abandon(&edits);
                    return Err(error);
                }
            }
        }
        Ok(edits)
    }

    fn flush_partition(
        &self,
        state: &DbState,
        partition: &PartitionState,
        edit: &mut PartitionEdit,
    ) -> Result<()> {
        let schema = &partition.schema;
        let layers: Vec<_> = partition
            .memory
            .iter()
            .map(|layer| layer.layer.clone())
            .collect();
        if !layers.is_empty() {
            let bottom = |tag| partition.segments.stack(tag).is_empty();
            let merged = merge_to_one(&layers, schema, &partition.dead, &bottom)?;
            edit.add
                .extend(self.write_layer(partition.id, schema, &merged)?);
        }
        for memory in &partition.keys.memory {
            let end = memory.end().min(partition.next_ordinal);
            if end > memory.first() {
                let keys = memory.first_keys(end - memory.first());
                edit.keys
                    .push(self.write_key_segment(partition, memory.first(), &keys)?);
            }
        }
        edit.vocabulary = self.write_vocabulary(partition)?;
        edit.flushed = Some(FlushedMemory {
            barrier: state.lsn,
            next_ordinal: partition.next_ordinal,
            dead: partition.dead.to_bitmap(),
        });
        Ok(())
    }

    fn write_layer(
        &self,
        partition: PartitionId,
        schema: &TableSchema,
        layer: &Layer,
    ) -> Result<Option<NewSegment>> {
        let parts = layer
            .parts
            .iter()
            .filter_map(|(id, part)| Some((schema.tag_by_id(*id)?, part)));
        let parts: Vec<_> = parts.collect();
        if parts.is_empty() {
            return Ok(None);
        }
        let (file, segment) = self.write_file(partition, SegmentKind::Tags, &|path, salt| {
            let mut writer = TagSegmentWriter::create(&*self.vfs, path, salt)?;
            for (tag, part) in &parts {
                writer.put_flat(tag.id, tag.kind.family(), part)?;
            }
            let len = writer.finish()?;
            Ok((len, TagSegment::open(&*self.vfs, path, self.cache.clone())?))
        })?;
        let (first_lsn, last_lsn) = (layer.first_lsn, layer.last_lsn);
        Ok(Some(NewSegment {
            file,
            segment,
            first_lsn,
            last_lsn,
        }))
    }

    /// Writes a file under a new name; it is gone again if that fails.
    pub(super) fn write_file<T>(
        &self,
        partition: PartitionId,
        kind: SegmentKind,
        write: &dyn Fn(&RelPath, u64) -> Result<(u64, T)>,
    ) -> Result<(FileRecord, T)> {
        let name = self.files.lock().new_name(partition, kind)?;
        match write(&name.path(), self.vfs.random()) {
            Ok((len, written)) => Ok((FileRecord { name, len }, written)),
            Err(error) => {
                self.files.lock().abandon(name);
                Err(error)
            }
        }
    }

    /// Writes the keys of ordinals from `first` on.
    pub(super) fn write_key_segment(
        &self,
        partition: &PartitionState,
        first: Ordinal,
        keys: &Keys,
    ) -> Result<(FileRecord, Arc<KeySegment>)> {
        let end = first + keys.len() as Ordinal;
        self.write_file(partition.id, SegmentKind::Keys, &|path, salt| {
            let file = (&*self.vfs, path, salt);
            let len = write_keys(file, partition.schema.key_type, first..end, &|visit| {
                for (ordinal, row) in (first..end).zip(0..) {
                    if !partition.dead.contains(ordinal) {
                        visit(ordinal, keys.get(row));
                    }
                }
                Ok(())
            })?;
            Ok((len, KeySegment::open(&*self.vfs, path, self.cache.clone())?))
        })
    }

    /// Writes the strings that no vocabulary segment has yet.
    pub(super) fn write_vocabulary(
        &self,
        partition: &PartitionState,
    ) -> Result<Option<(FileRecord, Arc<VocabularySegment>)>> {
        let mut runs = Vec::new();
        for tag in partition
            .schema
            .tags
            .iter()
            .filter(|tag| tag.kind.has_vocabulary())
        {
            let Some(vocabulary) = partition.vocabularies.opened(tag.id) else {
                continue;
            };
            if !vocabulary.is_read() {
                // It has nothing new, and need not be sound.
                continue;
            }
            let first = vocabulary.stored();
            let strings = vocabulary.read()?.from(first);
            if !strings.is_empty() {
                runs.push(Strings {
                    tag: tag.id,
                    first,
                    strings,
                });
            }
        }
        if runs.is_empty() {
            return Ok(None);
        }
        let written = self.write_file(partition.id, SegmentKind::Vocabulary, &|path, salt| {
            let len = write_strings(&*self.vfs, path, salt, &runs)?;
            Ok((
                len,
                VocabularySegment::open(&*self.vfs, path, self.cache.clone())?,
            ))
        })?;
        Ok(Some(written))
    }

    /// Deletes the files of edits that do not come into force.
    pub(super) fn abandon(&self, edits: &[PartitionEdit]) {
        let files = self.files.lock();
        let new = edits.iter().flat_map(PartitionEdit::new_files);
        new.for_each(|name| files.abandon(name));
    }
}

/// Lets new keys go to new memories, so that the old ones are whole.
pub(super) fn rotate_keys(state: &mut DbState) {
    for table in state.tables.values_mut() {
        for partition in &mut Arc::make_mut(table).partitions {
            let next = partition.next_ordinal;
            if partition
                .keys
                .memory
                .last()
                .is_some_and(|memory| memory.first() < next)
            {
                let memory = Arc::new(KeyMemory::new(next, partition.schema.key_type));
                Arc::make_mut(partition).keys.memory.push(memory);
            }
        }
    }
}
