//! Aggregates of the same audience: of everybody, or of those whom a FILTER leaves.

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;

use crate::bind::bound::{Grouping, Scan};
use crate::error::Result;
use crate::exec::Execution;
use crate::exec::accumulate::Accumulator;
use crate::exec::batch::{Batch, Remaining};
use crate::exec::budget::Budget;
use crate::exec::columns::Columns;
use crate::exec::group_ids::{Group, GroupIds};
use crate::exec::predicate::Filter;

/// Those whom a FILTER leaves, chunk by chunk.
#[derive(Debug)]
pub(crate) struct Part {
    filter: Filter,
    pub(crate) members: Box<Chunk>,
}

impl Part {
    /// Finds those of the audience of a chunk.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or an expression cannot be computed.
    pub(crate) fn find(&mut self, chunk: u16, audience: &Chunk) -> Result<()> {
        self.filter.side(true, chunk, audience, &mut self.members)
    }
}

/// Bytes that are held for a filter in a partition (about): buffers of chunks, and of a batch.
const PART_BYTES: usize = 64 << 10;

/// The filters of a grouping in a partition.
///
/// # Errors
/// A file cannot be read or is damaged, `limit_exceeded`.
pub(crate) fn parts(
    grouping: &Grouping,
    place: (&Scan, &Arc<PartitionState>),
    execution: &Execution,
) -> Result<Vec<Part>> {
    execution
        .budget
        .check(grouping.filters.len() * PART_BYTES)?;
    let part = |predicate| {
        Ok(Part {
            filter: Filter::compile(predicate, place, execution)?,
            members: Box::default(),
        })
    };
    grouping.filters.iter().map(part).collect()
}

/// Aggregates of the same audience, with their places among all.
#[derive(Debug)]
pub(crate) struct View {
    part: Option<Part>,
    /// Those that take chunks as a whole.
    whole: Vec<(usize, Accumulator)>,
    by_rows: Vec<(usize, Accumulator)>,
    batch: Batch,
    rows: Vec<(u32, Group)>,
}

impl View {
    /// The views of a grouping.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn all(
        grouping: &Grouping,
        columns: &Columns,
        place: (&Scan, &Arc<PartitionState>),
        execution: &Execution,
    ) -> Result<Vec<Self>> {
        let parts = parts(grouping, place, execution)?;
        let mut views: Vec<Self> = std::iter::once(None)
            .chain(parts.into_iter().map(Some))
            .map(|part| Self {
                part,
                whole: Vec::new(),
                by_rows: Vec::new(),
                batch: Batch::default(),
                rows: Vec::new(),
            })
            .collect();
        for (number, aggregate) in grouping.aggregates.iter().enumerate() {
            let accumulator = Accumulator::new(aggregate, columns)?;
            let view = &mut views[aggregate.filter.map_or(0, |filter| filter + 1)];
            match grouping.keys.is_empty() && accumulator.takes_chunks(columns) {
                true => view.whole.push((number, accumulator)),
                false => view.by_rows.push((number, accumulator)),
            }
        }
        Ok(views)
    }

    /// Whether it has to see rows.
    pub(crate) fn needs_rows(&self) -> bool {
        !self.by_rows.is_empty()
    }

    /// Finds its members in a chunk, and adds them to what takes them as a whole.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, an expression cannot be computed, `overflow`,
    /// `limit_exceeded`.
    pub(crate) fn enter(
        &mut self,
        columns: &Columns,
        (chunk, audience): (u16, &Chunk),
        budget: &Budget,
    ) -> Result<()> {
        if let Some(part) = &mut self.part {
            part.find(chunk, audience)?;
        }
        let members = self.part.as_ref().map_or(audience, |part| &part.members);
        for (_, accumulator) in &mut self.whole {
            accumulator.add_chunk(columns, chunk, members, budget)?;
        }
        Ok(())
    }

    /// Adds its members in a chunk, without groups.
    ///
    /// # Errors
    /// As of [`View::enter`].
    pub(crate) fn add_members(
        &mut self,
        columns: &Columns,
        (chunk, audience): (u16, &Chunk),
        (ids, left): (&GroupIds, &mut Remaining),
        budget: &Budget,
    ) -> Result<()> {
        left.reset(self.part.as_ref().map_or(audience, |part| &part.members));
        while self.batch.take(chunk, left, columns.batch_rows()) {
            self.rows.clear();
            self.rows
                .extend((0..self.batch.len() as u32).map(|row| (row, 0)));
            for (_, accumulator) in &mut self.by_rows {
                accumulator.add(columns, &self.batch, (&self.rows, ids), budget)?;
            }
        }
        Ok(())
    }

    /// Adds those rows of a batch, in their groups, that are its members.
    ///
    /// # Errors
    /// As of [`View::enter`].
    pub(crate) fn add_rows(
        &mut self,
        columns: &Columns,
        (batch, rows): (&Batch, &[(u32, Group)]),
        ids: &GroupIds,
        budget: &Budget,
    ) -> Result<()> {
        let (batch, rows) = match &self.part {
            None => (batch, rows),
            Some(part) => {
                // What is filtered away is not even computed.
                self.batch.pick(batch, &part.members);
                self.rows.clear();
                for (row, group) in rows {
                    let low = batch.lows()[*row as usize];
                    if part.members.contains(low) {
                        self.rows.push((self.batch.row(low) as u32, *group));
                    }
                }
                (&self.batch, &self.rows[..])
            }
        };
        if batch.len() == 0 {
            return Ok(());
        }
        for (_, accumulator) in &mut self.by_rows {
            accumulator.add(columns, batch, (rows, ids), budget)?;
        }
        Ok(())
    }

    /// The aggregates with their places.
    pub(crate) fn into_accumulators(self) -> impl Iterator<Item = (usize, Accumulator)> {
        self.whole.into_iter().chain(self.by_rows)
    }
}
