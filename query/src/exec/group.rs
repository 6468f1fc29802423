//! Groups and aggregates: a partial for each partition, merged by value, then finalized.

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;

use crate::bind::bound::{Aggregate, AggregateKind, GroupKey, Grouping, Predicate, Scan, Slot};
use crate::error::{Error, Result};
use crate::exec::Execution;
use crate::exec::accumulate::Accumulator;
use crate::exec::aggregate::States;
use crate::exec::batch::{Batch, Remaining};
use crate::exec::budget::bytes_of_row;
use crate::exec::columns::Columns;
use crate::exec::group_ids::GroupIds;
use crate::exec::hashed::order;
use crate::exec::merge::{Merged, Partial};
use crate::exec::progress::Progress;
use crate::exec::scan::PartitionScan;
use crate::exec::share::{Base, Shares};
use crate::exec::value_counts::ValueCounts;
use crate::exec::view::{View, parts};
use crate::functions::eval_predicate;
use crate::limits::Limits;
use crate::value::{DataType, Value};

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
    let Some(merged) = merged(execution, scan, grouping)? else {
        return Ok(Vec::new());
    };
    let compares = grouping
        .aggregates
        .iter()
        .any(|a| a.kind == AggregateKind::Tgi);
    let base = if compares {
        base(execution, scan, grouping)?
    } else {
        Base::default()
    };
    finalize(merged, grouping, &base, execution)
}

/// What all partitions say.
fn merged(execution: &Execution, scan: &Scan, grouping: &Grouping) -> Result<Option<Merged>> {
    let mut merged: Option<Merged> = None;
    for partition in execution.table(&scan.table)?.partitions() {
        let partial = partial(execution, scan, grouping, partition)?;
        match &mut merged {
            None => merged = Some(Merged::new(partial)),
            Some(merged) => merged.add(partial, execution)?,
        }
    }
    Ok(merged)
}

/// The groups of all subjects of the table.
fn base(execution: &Execution, scan: &Scan, grouping: &Grouping) -> Result<Base> {
    let everybody = Scan {
        predicate: Predicate::Constant(Some(true)),
        ..scan.clone()
    };
    let shares = Grouping {
        keys: grouping.keys.clone(),
        aggregates: vec![Aggregate {
            kind: AggregateKind::Share,
            argument: None,
            filter: None,
            data_type: DataType::Double,
        }],
        filters: Vec::new(),
        having: Predicate::Constant(Some(true)),
    };
    let Some(mut merged) = merged(execution, &everybody, &shares)? else {
        return Ok(Base::default());
    };
    match merged.states.pop() {
        Some(States::Shares(shares)) => Base::new(merged.keys, shares, &execution.budget),
        _ => Err(Error::internal("shares that are none")),
    }
}

fn partial(
    execution: &Execution,
    scan: &Scan,
    grouping: &Grouping,
    partition: &Arc<PartitionState>,
) -> Result<Partial> {
    let budget = &execution.budget;
    let before = budget.used();
    let chunks = PartitionScan::open(scan, partition, execution)?;
    let columns = Columns::open(partition, &scan.columns, &slots_of(grouping), execution)?;
    let (keys, states) = match ValueCounts::of(grouping, &columns, partition)? {
        Some(counts) => counted(execution, chunks, counts, (scan, grouping, partition))?,
        None => accumulated(execution, chunks, &columns, (scan, grouping, partition))?,
    };
    Limits::check("groups", keys.len(), execution.groups_max)?;
    let bytes = keys.iter().map(|row| bytes_of_row(row)).sum();
    budget.charge(bytes)?;
    let held = budget.used().saturating_sub(before);
    Ok(Partial { keys, states, held })
}

/// The keys of each group, and of each aggregate the states by group.
type Counted = (Vec<Vec<Value>>, Vec<States>);

type Place<'a> = (&'a Scan, &'a Grouping, &'a Arc<PartitionState>);

fn counted(
    execution: &Execution,
    mut chunks: PartitionScan,
    mut counts: ValueCounts<'_>,
    (scan, grouping, partition): Place<'_>,
) -> Result<Counted> {
    let budget = &execution.budget;
    let mut parts = parts(grouping, (scan, partition), execution)?;
    let bytes = counts.watch(parts.len(), budget)?;
    let mut audience = Box::<Chunk>::default();
    while let Some(chunk) = chunks.next(&mut audience)? {
        counts.add(0, chunk, &audience)?;
        for (number, part) in (1..).zip(&mut parts) {
            part.find(chunk, &audience)?;
            if !part.members.is_empty() {
                counts.add(number, chunk, &part.members)?;
            }
        }
    }
    let (keys, tallies) = counts.finish(partition, &scan.columns)?;
    budget.release(bytes);
    budget.charge(grouping.aggregates.len() * keys.len() * size_of::<u64>())?;
    let states = grouping.aggregates.iter().map(|aggregate| {
        let (counts, known) = &tallies[aggregate.filter.map_or(0, |filter| filter + 1)];
        match aggregate.kind {
            AggregateKind::Share | AggregateKind::Tgi => States::Shares(Shares {
                counts: counts.clone(),
                known: *known,
            }),
            _ => States::Count(counts.clone()),
        }
    });
    Ok((keys, states.collect()))
}

fn accumulated(
    execution: &Execution,
    mut chunks: PartitionScan,
    columns: &Columns,
    (scan, grouping, partition): Place<'_>,
) -> Result<Counted> {
    let mut ids = GroupIds::new(&grouping.keys, columns, execution.groups_max)?;
    let mut views = View::all(grouping, columns, (scan, partition), execution)?;
    let budget = &execution.budget;
    let mut audience = Box::<Chunk>::default();
    let (mut batch, mut left) = (Batch::default(), Remaining::default());
    let mut rows = Vec::new();
    while let Some(chunk) = chunks.next(&mut audience)? {
        for view in &mut views {
            view.enter(columns, (chunk, &audience), budget)?;
        }
        if grouping.keys.is_empty() {
            for view in views.iter_mut().filter(|view| view.needs_rows()) {
                view.add_members(columns, (chunk, &audience), (&ids, &mut left), budget)?;
            }
            continue;
        }
        left.reset(&audience);
        while batch.take(chunk, &mut left, columns.batch_rows()) {
            ids.assign(columns, &batch, budget, &mut rows)?;
            for view in views.iter_mut().filter(|view| view.needs_rows()) {
                view.add_rows(columns, (&batch, &rows), &ids, budget)?;
            }
        }
    }
    let mut all: Vec<_> = views
        .into_iter()
        .flat_map(View::into_accumulators)
        .collect();
    all.sort_by_key(|(place, _)| *place);
    let finish = |(_, a): (_, Accumulator)| a.finish(ids.len(), partition, &scan.columns, budget);
    let states = all.into_iter().map(finish).collect::<Result<_>>()?;
    // The values of keys come column by column, and then as rows.
    budget.check(2 * ids.len() * grouping.keys.len() * size_of::<Value>())?;
    let keys = ids.values(partition, &scan.columns)?;
    budget.release(ids.held_bytes());
    Ok((keys, states))
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

fn finalize(
    mut merged: Merged,
    grouping: &Grouping,
    base: &Base,
    execution: &Execution,
) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::with_capacity(merged.keys.len());
    let keys = grouping.keys.len();
    let mut progress = Progress::default();
    let nodes = grouping.aggregates.len() + grouping.having.size();
    for (group, mut row) in merged.keys.into_iter().enumerate() {
        progress.step(nodes, &execution.interrupt)?;
        for (states, aggregate) in merged.states.iter_mut().zip(&grouping.aggregates) {
            row.push(match (aggregate.kind, &mut *states) {
                (AggregateKind::Share | AggregateKind::Tgi, _) if row[0].is_null() => Value::Null,
                (AggregateKind::Tgi, States::Shares(shares)) => {
                    base.tgi(&row[..keys], shares, group)
                }
                (_, states) => states.value(group, aggregate)?,
            });
        }
        if eval_predicate(&grouping.having, &row)? == Some(true) {
            let values = grouping.aggregates.len() * size_of::<Value>();
            execution.budget.charge(values)?;
            rows.push(row);
        }
    }
    rows.sort_by(|a, b| {
        let orders = a.iter().zip(b).take(keys).map(|(a, b)| order(a, b));
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    Ok(rows)
}
