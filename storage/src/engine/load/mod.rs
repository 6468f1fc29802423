//! Bulk load: rows become segments outside any lock, and one manifest edit makes all of them part
//! of the database.
//!
//! New subjects get ordinals from ranges that the load reserves; until it is done those count as
//! dead, so that nobody sees them. Keys are resolved as the rows come, on the state at the load's
//! beginning. What has happened to the same keys meanwhile is mended at the end, under the write
//! lock: the load is the later write.

mod chunk;
mod columns;
mod conflicts;
mod encode;
mod finish;
mod memory;
mod partition;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::batch::{Keys, RowBatch, RowMode, WriteSet};
use crate::catalog::SchemaChange;
use crate::engine::Engine;
use crate::engine::apply::skip_to;
use crate::engine::batch::Outcome;
use crate::engine::root::DbState;
use crate::engine::section::{Resolved, Stored};
use crate::engine::sequence::{being_replaced, key_exists, require_tag};
use crate::engine::write::WriteOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{CHUNK_LEN, Ordinal, PartitionId, TableId, TagId};
use crate::limits::ORDINALS_MAX;
use crate::partitioning::partition_of;
use crate::schema::{TableSchema, Tag};
use crate::segment::keys::hash_of;
use encode::Spare;
use partition::{PartitionLoad, TagCells};

/// Ordinals reserved at a time.
const RESERVE: Ordinal = 32 * CHUNK_LEN;
/// Rows whose keys are looked for together.
const ROWS_AHEAD: usize = 256;

/// A bulk load under way. Dropped before [`Loader::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Loader {
    engine: Arc<Engine>,
    schema: Arc<TableSchema>,
    mode: RowMode,
    partitions: Vec<PartitionLoad>,
    outcome: Outcome,
    /// The hidden tags that are written instead, when tags are replaced.
    replaced: BTreeMap<TagId, Tag>,
    spare: Spare,
}

impl Engine {
    /// Begins a bulk load.
    ///
    /// # Errors
    /// There is no such table.
    pub fn loader(self: &Arc<Self>, table: TableId, mode: RowMode) -> Result<Loader> {
        self.throttle()?;
        let state = self.sequencer.lock().pending.clone();
        self.loader_on(&state, table, mode)
    }

    /// Begins to replace tags: in the end exactly the loaded subjects have them. Other writes to
    /// these tags are refused meanwhile.
    ///
    /// # Errors
    /// There is no such table or tag, or another load replaces one of the tags.
    pub fn tag_loader(self: &Arc<Self>, table: TableId, tags: &[TagId]) -> Result<Loader> {
        let mut first_new = 0;
        self.write(&WriteOptions::default(), |state| {
            let schema = state.require(table)?;
            tags.iter()
                .try_for_each(|tag| require_tag(schema, *tag).map(drop))?;
            first_new = state.catalog.next_tag();
            let schema = Some(SchemaChange::ReserveTags(tags.len() as u32));
            Ok::<_, Error>(WriteSet {
                schema,
                ..WriteSet::default()
            })
        })?;
        let state = {
            let mut sequencer = self.sequencer.lock();
            if tags.iter().any(|tag| sequencer.replacing.contains(tag)) {
                return Err(being_replaced());
            }
            sequencer.replacing.extend(tags);
            sequencer.pending.clone()
        };
        let mut loader = self.loader_on(&state, table, RowMode::Upsert)?;
        for (id, new) in tags.iter().zip(first_new..) {
            let tag = require_tag(state.require(table)?, *id)?;
            loader.replaced.insert(
                *id,
                Tag {
                    id: TagId(new),
                    ..tag.clone()
                },
            );
        }
        Ok(loader)
    }

    fn loader_on(
        self: &Arc<Self>,
        state: &DbState,
        table: TableId,
        mode: RowMode,
    ) -> Result<Loader> {
        let table = state.require(table)?;
        self.sequencer.lock().loads += 1;
        let spare = Spare::default();
        Ok(Loader {
            engine: self.clone(),
            schema: table.schema.clone(),
            mode,
            partitions: table
                .partitions
                .iter()
                .cloned()
                .map(|partition| PartitionLoad::new(partition, spare.clone()))
                .collect(),
            outcome: Outcome::default(),
            replaced: BTreeMap::new(),
            spare,
        })
    }

    /// Takes ordinals out of everybody's reach, up to the end of a chunk.
    fn reserve(&self, table: TableId, partition: PartitionId) -> Result<Range<Ordinal>> {
        let mut sequencer = self.sequencer.lock();
        let first = sequencer
            .pending
            .require(table)?
            .partition(partition)?
            .next_ordinal;
        let end = first.saturating_add(RESERVE) / CHUNK_LEN * CHUNK_LEN;
        if end >= ORDINALS_MAX {
            let detail = "the partition has no room for more subjects: use more partitions";
            return Err(Error::new(ErrorKind::Limit, "limit_exceeded", detail));
        }
        let state = Arc::make_mut(&mut sequencer.pending);
        super::edit::edit_partition(state, table, partition, &|partition| {
            skip_to(partition, end)
        });
        Ok(first..end)
    }
}

impl Loader {
    /// What was loaded so far.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Adds rows.
    ///
    /// # Errors
    /// A row is refused, or files cannot be written: the load cannot go on.
    pub fn push(&mut self, rows: &RowBatch) -> Result<()> {
        let mut start = 0;
        // A chunk's worth of rows at a time, so that few rows come late to a chunk that is written.
        while start < rows.keys.len() {
            let mut places = Vec::new();
            let end = self.resolve_some(&rows.keys, start, &mut places)?;
            self.write_rows(rows, start, end, &places)?;
            start = end;
        }
        for partition in &mut self.partitions {
            partition.write_late_if_many(&self.engine)?;
        }
        Ok(())
    }

    /// Resolves rows until a chunk of any partition is full; the row that opens the next chunk
    /// comes with the next call.
    fn resolve_some(
        &mut self,
        keys: &Keys,
        start: usize,
        places: &mut Vec<Option<(PartitionId, Resolved)>>,
    ) -> Result<usize> {
        let mut ahead = Vec::with_capacity(ROWS_AHEAD);
        for row in start..keys.len() {
            let key = keys.get(row);
            if (row - start).is_multiple_of(ROWS_AHEAD) {
                self.look_ahead(keys, row, &mut ahead);
            }
            let (id, hash) = ahead[(row - start) % ROWS_AHEAD];
            let partition = &mut self.partitions[usize::from(id.0)];
            if row > start && partition.opens_chunk(key, hash)? {
                return Ok(row);
            }
            let resolved = partition.resolve(&self.engine, key, hash)?;
            let mode = self.mode;
            if mode == RowMode::Insert && !resolved.created {
                return Err(key_exists(&key.to_key()));
            }
            self.outcome.duplicates += u64::from(resolved.repeated);
            self.outcome.created += u64::from(resolved.created);
            let skipped = mode == RowMode::InsertIgnore && !resolved.created;
            self.outcome.rows += u64::from(!skipped);
            places.push((!skipped).then_some((id, resolved)));
        }
        Ok(keys.len())
    }

    /// Hashes the keys from a row on, and looks where they would be: processors then fetch many
    /// such places at the same time, and not one after the other.
    fn look_ahead(&self, keys: &Keys, row: usize, ahead: &mut Vec<(PartitionId, u64)>) {
        ahead.clear();
        let rows = row..keys.len().min(row + ROWS_AHEAD);
        ahead.extend(rows.map(|row| {
            let key = keys.get(row);
            (partition_of(key, self.schema.partitions), hash_of(key))
        }));
        for (id, hash) in ahead {
            std::hint::black_box(self.partitions[usize::from(id.0)].may_have(*hash));
        }
    }

    fn write_rows(
        &mut self,
        rows: &RowBatch,
        start: usize,
        end: usize,
        places: &[Option<(PartitionId, Resolved)>],
    ) -> Result<()> {
        let named: Vec<_> = rows.columns.iter().map(|column| column.tag).collect();
        self.clear_unnamed(&named, places);
        let clearing = self.mode == RowMode::Replace || !self.replaced.is_empty();
        for column in &rows.columns {
            let tag = self.tag(column.tag)?;
            let from = column
                .cells
                .partition_point(|(row, _)| (*row as usize) < start);
            let to = column
                .cells
                .partition_point(|(row, _)| (*row as usize) < end);
            let cells = &column.cells[from..to];
            let mut codes: Vec<_> = self
                .partitions
                .iter()
                .map(|partition| partition.codes(&self.engine, &tag, &column.dictionary))
                .collect();
            let mut targets = self.cells_of(&tag);
            let mut next = cells.iter().peekable();
            for (row, place) in (start..end).zip(places) {
                if let Some((id, resolved)) = place
                    && clearing
                    && !resolved.created
                {
                    targets[usize::from(id.0)].write(resolved.ordinal, Stored::Clear);
                }
                while let Some((_, cell)) = next.next_if(|(at, _)| *at as usize <= row) {
                    let Some((id, resolved)) = place else {
                        continue;
                    };
                    let index = usize::from(id.0);
                    let stored = codes[index].resolve(cell)?;
                    targets[index].write(resolved.ordinal, stored);
                }
            }
        }
        Ok(())
    }

    /// Clears the tags that rows clear by not naming them.
    fn clear_unnamed(&mut self, named: &[TagId], places: &[Option<(PartitionId, Resolved)>]) {
        // Else a chunk would be opened of tags that nobody has.
        if places.iter().flatten().all(|(_, place)| place.created) {
            return;
        }
        for tag in self.cleared_when_unnamed() {
            if named.iter().any(|id| self.target(*id) == tag.id) {
                continue;
            }
            let mut targets = self.cells_of(&tag);
            for (id, resolved) in places.iter().flatten().filter(|(_, place)| !place.created) {
                targets[usize::from(id.0)].write(resolved.ordinal, Stored::Clear);
            }
        }
    }

    fn cells_of(&mut self, tag: &Tag) -> Vec<TagCells<'_>> {
        let partitions = self.partitions.iter_mut();
        partitions
            .map(|partition| partition.cells_of(tag))
            .collect()
    }

    /// The tags that a row clears by not naming them.
    fn cleared_when_unnamed(&self) -> Vec<Tag> {
        if self.mode == RowMode::Replace {
            self.schema.tags.clone()
        } else {
            self.replaced.values().cloned().collect()
        }
    }

    fn target(&self, id: TagId) -> TagId {
        self.replaced.get(&id).map_or(id, |tag| tag.id)
    }

    fn tag(&self, id: TagId) -> Result<Tag> {
        if let Some(tag) = self.replaced.get(&id) {
            return Ok(tag.clone());
        }
        let known = self.schema.tag_by_id(id);
        if known.is_none() || !self.replaced.is_empty() {
            let detail = "a row names a tag that the load does not write";
            return Err(Error::new(ErrorKind::Invalid, "unknown_tag", detail));
        }
        known
            .cloned()
            .ok_or_else(|| Error::internal("a tag has gone"))
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        {
            let files = self.engine.files.lock();
            for name in self.partitions.iter().flat_map(PartitionLoad::files) {
                files.abandon(name);
            }
        }
        let mut sequencer = self.engine.sequencer.lock();
        sequencer.loads -= 1;
        sequencer
            .replacing
            .retain(|tag| !self.replaced.contains_key(tag));
    }
}
