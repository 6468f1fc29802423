//! Groups and aggregates: a partial for each partition, merged by value, then finalized.

use std::sync::Arc;

use hashbrown::HashMap;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;

use crate::bind::bound::{GroupKey, Grouping, Scan, Slot};
use crate::error::Result;
use crate::exec::Execution;
use crate::exec::accumulate::Accumulator;
use crate::exec::aggregate::States;
use crate::exec::batch::{Batch, Remaining};
use crate::exec::budget::bytes_of_row;
use crate::exec::columns::Columns;
use crate::exec::group_ids::GroupIds;
use crate::exec::hashed::{Hashed, order};
use crate::exec::scan::PartitionScan;
use crate::exec::value_counts::ValueCounts;
use crate::functions::eval_predicate;
use crate::limits::Limits;
use crate::value::Value;

/// What one partition says about groups: values only.
#[derive(Debug)]
struct Partial {
    /// The keys of each group.
    keys: Vec<Vec<Value>>,
    /// Of each aggregate, by group.
    states: Vec<States>,
}

/// The rows of the groups that HAVING leaves: keys, then aggregates. Ordered by keys.
///
/// # Errors
/// A file cannot be read or is damaged, an expression cannot be computed, `overflow`,
/// `limit_exceeded`, or the statement has to stop.
pub(crate) fn groups(
    execution: &Execution,
    scan: &Scan,
    grouping: &Grouping,
) -> Result<Vec<Vec<Value>>> {
    let mut merged: Option<Partial> = None;
    for partition in execution.table(&scan.table)?.partitions() {
        let partial = partial(execution, scan, grouping, partition)?;
        merged = Some(match merged {
            None => partial,
            Some(merged) => merge(merged, partial, execution)?,
        });
    }
    merged.map_or_else(|| Ok(Vec::new()), |merged| finalize(merged, grouping))
}

fn partial(
    execution: &Execution,
    scan: &Scan,
    grouping: &Grouping,
    partition: &Arc<PartitionState>,
) -> Result<Partial> {
    let chunks = PartitionScan::open(scan, partition, &execution.interrupt)?;
    let columns = Columns::open(partition, &scan.columns, &slots_of(grouping))?;
    let partial = match ValueCounts::of(grouping, &columns, partition)? {
        Some(counts) => counted(chunks, counts, (scan, grouping, partition))?,
        None => accumulated(execution, chunks, &columns, (scan, grouping, partition))?,
    };
    Limits::check("groups", partial.keys.len(), execution.groups_max)?;
    let bytes = partial.keys.iter().map(|row| bytes_of_row(row)).sum();
    execution.budget.charge(bytes)?;
    Ok(partial)
}

type Place<'a> = (&'a Scan, &'a Grouping, &'a Arc<PartitionState>);

fn counted(
    mut chunks: PartitionScan,
    mut counts: ValueCounts<'_>,
    (scan, grouping, partition): Place<'_>,
) -> Result<Partial> {
    let mut audience = Box::<Chunk>::default();
    while let Some(chunk) = chunks.next(&mut audience)? {
        counts.add(chunk, &audience)?;
    }
    let (keys, counts) = counts.finish(partition, &scan.columns)?;
    let states = grouping.aggregates.iter();
    let states = states.map(|_| States::Count(counts.clone())).collect();
    Ok(Partial { keys, states })
}

fn accumulated(
    execution: &Execution,
    mut chunks: PartitionScan,
    columns: &Columns,
    (scan, grouping, partition): Place<'_>,
) -> Result<Partial> {
    let mut ids = GroupIds::new(&grouping.keys, columns, execution.groups_max)?;
    let aggregates = grouping.aggregates.iter();
    let accumulators = aggregates
        .map(|aggregate| Accumulator::new(aggregate, columns))
        .collect::<Result<Vec<_>>>()?;
    // What a kernel can do for a whole chunk needs no rows.
    let is_whole = |a: &Accumulator| grouping.keys.is_empty() && a.takes_chunks(columns);
    let (mut whole, mut by_rows): (Vec<_>, Vec<_>) = (0..)
        .zip(accumulators)
        .partition(|(_, accumulator)| is_whole(accumulator));
    let budget = &execution.budget;
    let mut audience = Box::<Chunk>::default();
    let (mut batch, mut left) = (Batch::default(), Remaining::default());
    let mut rows = Vec::new();
    let needs_rows = !by_rows.is_empty() || !grouping.keys.is_empty();
    while let Some(chunk) = chunks.next(&mut audience)? {
        for (_, accumulator) in &mut whole {
            accumulator.add_chunk(columns, chunk, &audience, budget)?;
        }
        left.reset(&audience);
        while needs_rows && batch.take(chunk, &mut left, columns.batch_rows()) {
            ids.assign(columns, &batch, budget, &mut rows)?;
            for (_, accumulator) in &mut by_rows {
                let rows = (&*rows, ids.len());
                accumulator.add(columns, &batch, rows, budget)?;
            }
        }
    }
    whole.append(&mut by_rows);
    whole.sort_by_key(|(place, _): &(usize, _)| *place);
    let finish = |(_, a): (_, Accumulator)| a.finish(ids.len(), partition, &scan.columns, budget);
    let states = whole.into_iter().map(finish).collect::<Result<_>>()?;
    let keys = ids.values(partition, &scan.columns)?;
    Ok(Partial { keys, states })
}

/// The slots that groups and aggregates read.
fn slots_of(grouping: &Grouping) -> Vec<Slot> {
    let mut slots = Vec::new();
    for key in &grouping.keys {
        match key {
            GroupKey::Value(expr) => expr.for_each_slot(&mut |slot| slots.push(slot)),
            GroupKey::Unnest(slot) => slots.push(*slot),
        }
    }
    for argument in grouping
        .aggregates
        .iter()
        .filter_map(|a| a.argument.as_ref())
    {
        argument.for_each_slot(&mut |slot| slots.push(slot));
    }
    slots
}

fn merge(mut own: Partial, other: Partial, execution: &Execution) -> Result<Partial> {
    let hashed = |row: &[Value]| row.iter().cloned().map(Hashed).collect::<Vec<_>>();
    let mut places: HashMap<Vec<Hashed>, usize> = own
        .keys
        .iter()
        .enumerate()
        .map(|(place, row)| (hashed(row), place))
        .collect();
    let mut groups = Vec::with_capacity(other.keys.len());
    for row in other.keys {
        let next = own.keys.len();
        let place = *places.entry(hashed(&row)).or_insert(next);
        if place == next {
            own.keys.push(row);
        }
        groups.push(place);
    }
    Limits::check("groups", own.keys.len(), execution.groups_max)?;
    for (states, other) in own.states.iter_mut().zip(other.states) {
        states.merge(other, &groups, own.keys.len(), &execution.budget)?;
    }
    Ok(own)
}

fn finalize(merged: Partial, grouping: &Grouping) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::with_capacity(merged.keys.len());
    for (group, mut row) in merged.keys.into_iter().enumerate() {
        for (states, aggregate) in merged.states.iter().zip(&grouping.aggregates) {
            row.push(states.value(group, aggregate)?);
        }
        if eval_predicate(&grouping.having, &row)? == Some(true) {
            rows.push(row);
        }
    }
    let keys = grouping.keys.len();
    rows.sort_by(|a, b| {
        let orders = a.iter().zip(b).take(keys).map(|(a, b)| order(a, b));
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    Ok(rows)
}
