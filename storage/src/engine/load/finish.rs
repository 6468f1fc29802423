//! The end of a bulk load: under the write lock, one manifest edit.

use std::sync::Arc;

use crate::batch::{Change, WriteSet};
use crate::engine::apply::{apply_catalog, apply_sections};
use crate::engine::batch::Batch;
use crate::engine::edit::{Boundary, NewSegment, PartitionEdit, edit_partition};
use crate::engine::flush::rotate_keys;
use crate::engine::load::{Loader, conflicts};
use crate::engine::root::{DbState, PartitionState};
use crate::engine::sequence::Sequence;
use crate::engine::write::{Receipt, WriteOptions};
use crate::engine::{Engine, Sequencer};
use crate::error::Result;
use crate::ids::{Lsn, Ordinal, TagId};
use crate::keys::KeyMemory;
use crate::manifest::RecordedWrite;
use crate::schema::Tag;

impl Loader {
    /// Makes everything that was loaded part of the database, at once and durably.
    ///
    /// # Errors
    /// The load is refused, or files cannot be written: nothing has happened.
    pub fn finish(mut self, options: &WriteOptions) -> Result<Receipt> {
        let engine = self.engine.clone();
        for partition in &mut self.partitions {
            partition.close(&engine)?;
        }
        let _one = engine.flushing.lock();
        engine.flush_alone()?;
        let mut sequencer = engine.sequencer.lock();
        if let Some(error) = engine.poisoned() {
            return Err(error);
        }
        if let Some(receipt) = engine.repeated(&sequencer, options)? {
            return Ok(receipt);
        }
        let receipt = self.install(&engine, &mut sequencer, options)?;
        // The files belong to the database now.
        self.partitions.clear();
        drop(sequencer);
        // The load has happened, whether or not old files can be deleted.
        if let Err(error) = engine.log.trim(receipt.lsn.0 + 1) {
            tracing::warn!(%error, "cannot trim the log");
        }
        engine.count_layers(&engine.snapshot());
        engine.maintenance.flushed();
        Ok(receipt)
    }

    fn install(
        &mut self,
        engine: &Engine,
        sequencer: &mut Sequencer,
        options: &WriteOptions,
    ) -> Result<Receipt> {
        let mut state = DbState::clone(&sequencer.pending);
        state.require(self.schema.id)?;
        let write = self.mend(&mut state)?;
        let now = engine.clock.now_micros();
        let mut lsn = Lsn(state.lsn.0 + 1);
        let sequence = Sequence::new(&state, engine.settings.vocabulary, &sequencer.replacing);
        let mended = sequence.run(write, lsn, now)?;
        apply_sections(&mut state, &mended, None)?;
        rotate_keys(&mut state);
        let mut edits = engine.flush_state(&state)?;
        self.add_segments(&mut edits, &mut lsn);
        if let Err(error) = engine.skip_lsns(sequencer, lsn, now) {
            engine.abandon(&edits);
            return Err(error);
        }
        state.lsn = lsn;
        let mut writes: Vec<RecordedWrite> = sequencer.writes.up_to(lsn).cloned().collect();
        let outcome = self.outcome;
        let recorded = options
            .idempotency
            .clone()
            .map(|idempotency| RecordedWrite {
                idempotency,
                lsn,
                commit_time: now,
                outcome,
            });
        writes.extend(recorded.clone());
        let boundary = Boundary {
            lsn,
            state: Arc::new(state.clone()),
            writes,
        };
        if let Err(error) = engine.publish_edits(&edits, Some(&boundary)) {
            engine.roots.publish_at_once(sequencer.pending.clone());
            return Err(error);
        }
        for edit in &edits {
            edit_partition(&mut state, edit.table, edit.partition, &|partition| {
                edit.apply_to_root(partition);
            });
        }
        sequencer.pending = Arc::new(state);
        engine.roots.publish_at_once(sequencer.pending.clone());
        if let Some(recorded) = recorded {
            let oldest = now.saturating_sub(engine.settings.idempotency_micros);
            let most = engine.settings.recorded_max();
            sequencer.writes.push(recorded, oldest, most);
        }
        Ok(engine.receipt(lsn, outcome, true))
    }

    /// Brings the load's new subjects to life, but for those whose keys others have made, and says
    /// what is to be written again.
    fn mend(&mut self, state: &mut DbState) -> Result<WriteSet> {
        let mut write = WriteSet::default();
        let tags: Vec<Tag> = if self.replaced.is_empty() {
            let now = &state.require(self.schema.id)?.schema;
            now.tags.clone()
        } else {
            self.replaced.values().cloned().collect()
        };
        let table = self.schema.id;
        for load in &self.partitions {
            let now = state.require(table)?.partition(load.start.id)?.clone();
            let meanwhile = conflicts::find(load, &now)?;
            edit_partition(state, table, load.start.id, &|partition| {
                own_keys(partition);
                for given in &load.given {
                    partition.dead.remove_range(given.start, given.end);
                }
                for (_, ordinal) in &meanwhile {
                    partition.dead.insert(*ordinal);
                }
                give_back(partition, load.unused());
            });
            if !meanwhile.is_empty() {
                let rows = conflicts::rows(load, &meanwhile, &tags)?;
                write.changes.push((
                    table,
                    Change::Rows {
                        mode: self.mode,
                        rows,
                    },
                ));
            }
        }
        if !self.replaced.is_empty() {
            let pairs: Vec<(TagId, TagId)> = self
                .replaced
                .iter()
                .map(|(old, new)| (*old, new.id))
                .collect();
            let catalog = state.catalog.with_tag_ids(table, &pairs)?;
            apply_catalog(state, catalog);
        }
        Ok(write)
    }

    /// Puts the load's files on top of what is flushed, each with an LSN of its own.
    fn add_segments(&mut self, edits: &mut [PartitionEdit], lsn: &mut Lsn) {
        for load in &mut self.partitions {
            let own = |edit: &&mut PartitionEdit| {
                edit.table == self.schema.id && edit.partition == load.start.id
            };
            let Some(edit) = edits.iter_mut().find(own) else {
                continue;
            };
            for (file, segment) in &load.segments {
                lsn.0 += 1;
                let (first_lsn, last_lsn) = (*lsn, *lsn);
                let segment = segment.clone();
                edit.add.push(NewSegment {
                    file: *file,
                    segment,
                    first_lsn,
                    last_lsn,
                });
            }
            edit.keys.extend(load.key_segments.iter().cloned());
        }
    }
}

/// Lets further keys go to a memory that no other root has: if the load fails, nobody may come to
/// know them.
fn own_keys(partition: &mut PartitionState) {
    let next = partition.next_ordinal;
    let memory = &mut partition.keys.memory;
    memory.retain(|memory| memory.first() < next);
    memory.push(Arc::new(KeyMemory::new(next, partition.schema.key_type)));
}

/// Lets ordinals that were reserved last and not used be given again.
fn give_back(partition: &mut PartitionState, unused: std::ops::Range<Ordinal>) {
    if unused.is_empty() || partition.next_ordinal != unused.end {
        return;
    }
    partition.dead.remove_range(unused.start, unused.end);
    partition.next_ordinal = unused.start;
    own_keys(partition);
}

impl Engine {
    /// Takes LSNs up to `last` that stand for nothing in the log: what they did is in the next
    /// manifest, and if that is never published, they have done nothing. Nobody sees a root of the
    /// last one yet, as it is to be the load's.
    fn skip_lsns(&self, sequencer: &mut Sequencer, last: Lsn, now: i64) -> Result<()> {
        for lsn in sequencer.pending.lsn.0 + 1..=last.0 {
            let lsn = Lsn(lsn);
            let batch = Batch::empty(lsn, now);
            let payload = batch.encode()?;
            self.log.reserve(payload.len(), &|| 0)?;
            let mut state = DbState::clone(&sequencer.pending);
            state.lsn = lsn;
            if lsn < last {
                sequencer.push(state, &self.roots);
            } else {
                sequencer.pending = Arc::new(state);
            }
            self.log.append(lsn.0, &payload);
        }
        self.commit(last)
    }
}
