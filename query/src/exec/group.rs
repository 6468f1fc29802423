//! Groups and aggregates: a partial for each partition, merged by value, then finalized.

use std::sync::Arc;

use hashbrown::HashMap;
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
use crate::exec::hashed::{Hashed, order};
use crate::exec::scan::PartitionScan;
use crate::exec::share::{Base, Shares};
use crate::exec::value_counts::ValueCounts;
use crate::exec::view::{View, parts};
use crate::functions::eval_predicate;
use crate::limits::Limits;
use crate::value::{DataType, Value};

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
    // Rows grow by their aggregates.
    let row = (grouping.keys.len() + grouping.aggregates.len()) * size_of::<Value>();
    execution.budget.charge(merged.keys.len() * row)?;
    finalize(merged, grouping, &base)
}

/// What all partitions say.
fn merged(execution: &Execution, scan: &Scan, grouping: &Grouping) -> Result<Option<Partial>> {
    let mut merged: Option<Partial> = None;
    for partition in execution.table(&scan.table)?.partitions() {
        let partial = partial(execution, scan, grouping, partition)?;
        merged = Some(match merged {
            None => partial,
            Some(merged) => merge(merged, partial, execution)?,
        });
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
    let chunks = PartitionScan::open(scan, partition, execution)?;
    let columns = Columns::open(partition, &scan.columns, &slots_of(grouping))?;
    let partial = match ValueCounts::of(grouping, &columns, partition)? {
        Some(counts) => counted(execution, chunks, counts, (scan, grouping, partition))?,
        None => accumulated(execution, chunks, &columns, (scan, grouping, partition))?,
    };
    Limits::check("groups", partial.keys.len(), execution.groups_max)?;
    let bytes = partial.keys.iter().map(|row| bytes_of_row(row)).sum();
    execution.budget.charge(bytes)?;
    Ok(partial)
}

type Place<'a> = (&'a Scan, &'a Grouping, &'a Arc<PartitionState>);

fn counted(
    execution: &Execution,
    mut chunks: PartitionScan,
    mut counts: ValueCounts<'_>,
    (scan, grouping, partition): Place<'_>,
) -> Result<Partial> {
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
    Ok(Partial {
        keys,
        states: states.collect(),
    })
}

fn accumulated(
    execution: &Execution,
    mut chunks: PartitionScan,
    columns: &Columns,
    (scan, grouping, partition): Place<'_>,
) -> Result<Partial> {
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
    // The values of the keys come column by column and then as rows.
    budget.check(2 * ids.len() * grouping.keys.len() * size_of::<Value>())?;
    let keys = ids.values(partition, &scan.columns)?;
    budget.release(ids.charged());
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
    // Each row is hashed as well, and its texts are shared.
    let rows = own.keys.len() + other.keys.len();
    let width = own.keys.first().map_or(0, Vec::len);
    let row = size_of::<(Vec<Hashed>, usize)>() + width * size_of::<Hashed>();
    execution.budget.check(2 * rows * row)?;
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

fn finalize(mut merged: Partial, grouping: &Grouping, base: &Base) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::with_capacity(merged.keys.len());
    let keys = grouping.keys.len();
    for (group, mut row) in merged.keys.into_iter().enumerate() {
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
            rows.push(row);
        }
    }
    rows.sort_by(|a, b| {
        let orders = a.iter().zip(b).take(keys).map(|(a, b)| order(a, b));
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    Ok(rows)
}
