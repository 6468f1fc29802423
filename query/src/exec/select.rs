//! Running a SELECT.

use std::collections::VecDeque;

use tagdb_storage::bitmap::Chunk;

use crate::bind::bound::{Aggregate, AggregateKind, Expr, Grouping, Predicate, Select};
use crate::error::Result;
use crate::exec::batch::{Batch, Remaining};
use crate::exec::budget::bytes_of_row;
use crate::exec::columns::{Columns, Reader};
use crate::exec::order::Ordered;
use crate::exec::progress::Progress;
use crate::exec::rows::{Output, PickedRows, RowStream, ScannedRows, Subject};
use crate::exec::scan::{self, PartitionScan};
use crate::exec::{Execution, group};
use crate::functions::{eval, eval_predicate};
use crate::literal::to_stored;
use crate::value::Value;

/// Begins a SELECT: groups and orders are made at once, rows when they are pulled.
///
/// # Errors
/// A file cannot be read or is damaged, an expression cannot be computed, `overflow`,
/// `limit_exceeded`, or the statement has to stop.
pub(crate) fn select(execution: Execution, mut select: Select) -> Result<RowStream> {
    if let Some(grouping) = select.grouping.take() {
        return grouped(&execution, select, &grouping);
    }
    let columns = std::mem::take(&mut select.columns);
    if select.order.is_empty() {
        return Ok(RowStream::scanned(
            columns,
            ScannedRows::new(execution, select),
        ));
    }
    let held = execution.budget.used();
    let subjects = ordered(&execution, &select)?;
    // What they were ordered by is not needed any more.
    let ordered = execution.budget.used().saturating_sub(held);
    execution.budget.release(ordered);
    execution
        .budget
        .charge(subjects.len() * size_of::<Subject>())?;
    let rows = PickedRows::new(execution, &select.scan, select.output, subjects)?;
    Ok(RowStream::picked(columns, rows))
}

fn grouped(execution: &Execution, select: Select, grouping: &Grouping) -> Result<RowStream> {
    let groups = match only_counts(grouping) {
        true => counted(execution, &select, grouping)?,
        false => group::groups(execution, &select.scan, grouping)?,
    };
    let mut kept = Ordered::new(&select.order, last_row(&select));
    let mut progress = Progress::default();
    let nodes = select.order.iter().map(|key| key.expr.size()).sum();
    for group in groups {
        progress.step(nodes, &execution.interrupt)?;
        let keys = values(select.order.iter().map(|key| &key.expr), &group)?;
        kept.offer(keys, group, &execution.budget)?;
    }
    let offset = usize::try_from(select.offset).unwrap_or(usize::MAX);
    let nodes = select.output.iter().map(Expr::size).sum();
    let row = |group: Vec<Value>| {
        progress.step(nodes, &execution.interrupt)?;
        let row = values(&select.output, &group)?;
        progress.made(bytes_of_row(&row), &execution.budget)?;
        Ok(row)
    };
    let rows = kept.finish(&execution.interrupt)?.skip(offset).map(row);
    let rows = rows.collect::<Result<_>>()?;
    Ok(RowStream::made(select.columns, execution.state.lsn(), rows))
}

/// Whether there is one group, of which only `count(*)` is asked.
fn only_counts(grouping: &Grouping) -> bool {
    let is_plain =
        |a: &Aggregate| a.kind == AggregateKind::Count && a.counts_subjects() && a.filter.is_none();
    grouping.keys.is_empty() && grouping.aggregates.iter().all(is_plain)
}

fn counted(execution: &Execution, select: &Select, grouping: &Grouping) -> Result<Vec<Vec<Value>>> {
    let count = match select.scan.predicate {
        Predicate::Constant(Some(true)) => {
            let partitions = execution.table(&select.scan.table)?.partitions();
            partitions
                .iter()
                .map(|partition| partition.subjects())
                .sum()
        }
        _ => scan::count(execution, &select.scan)?,
    };
    let count = Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    let row = vec![count; grouping.aggregates.len()];
    let is_kept = eval_predicate(&grouping.having, &row)? == Some(true);
    Ok(if is_kept { vec![row] } else { Vec::new() })
}

fn values<'a>(exprs: impl IntoIterator<Item = &'a Expr>, row: &[Value]) -> Result<Vec<Value>> {
    exprs.into_iter().map(|expr| eval(expr, row)).collect()
}

/// How many rows can matter at most.
fn last_row(select: &Select) -> Option<usize> {
    let last = select.limit?.saturating_add(select.offset);
    usize::try_from(last).ok()
}

/// The subjects of the result in their order.
fn ordered(execution: &Execution, select: &Select) -> Result<VecDeque<Subject>> {
    let mut kept = Ordered::new(&select.order, last_row(select));
    let mut keys = Output::new(select.order.iter().map(|key| key.expr.clone()).collect());
    let mut audience = Box::<Chunk>::default();
    let (mut batch, mut left) = (Batch::default(), Remaining::default());
    let partitions = execution.table(&select.scan.table)?.partitions();
    for (place, partition) in (0..).zip(partitions) {
        let mut chunks = PartitionScan::open(&select.scan, partition, execution)?;
        let columns = Columns::open(partition, &select.scan.columns, keys.slots(), execution)?;
        while let Some(chunk) = chunks.next(&mut audience)? {
            left.reset(&audience);
            for number in 0.. {
                // What comes behind the bar need not be looked at; the first batch may set it.
                if number < 2
                    && let Some(better) = better(&kept, select, &columns, (chunk, &audience))?
                {
                    left.keep(&better);
                }
                if !batch.take(chunk, &mut left, columns.batch_rows()) {
                    break;
                }
                for (row, keys) in keys.rows(&columns, &batch)?.into_iter().enumerate() {
                    kept.offer(keys, (place, batch.ordinal(row)), &execution.budget)?;
                }
            }
        }
    }
    let offset = usize::try_from(select.offset).unwrap_or(usize::MAX);
    Ok(kept.finish(&execution.interrupt)?.skip(offset).collect())
}

/// Those of the audience that may still be among the first rows, if the column of the first key
/// can tell.
fn better(
    kept: &Ordered<Subject>,
    select: &Select,
    columns: &Columns,
    (chunk, audience): (u16, &Chunk),
) -> Result<Option<Box<Chunk>>> {
    let (Some(bar), Some(first)) = (kept.bar(), select.order.first()) else {
        return Ok(None);
    };
    let Some(slot) = first.expr.as_slot() else {
        return Ok(None);
    };
    let Reader::Number(stack, number) = columns.reader(slot)? else {
        return Ok(None);
    };
    let mut found = Box::<Chunk>::default();
    if !bar.is_null() {
        let bar = to_stored(*number, bar)?;
        // Of rows that are equal in all, those that came first stay.
        let step = i64::from(select.order.len() == 1);
        let bounds = if first.descending {
            (bar.saturating_add(step), i64::MAX)
        } else {
            (i64::MIN, bar.saturating_sub(step))
        };
        stack.in_range(chunk, audience, bounds, &mut found)?;
    } else if !first.nulls_first {
        return Ok(None);
    }
    if first.nulls_first {
        let mut known = Box::<Chunk>::default();
        stack.known(chunk, &mut known)?;
        known.not();
        found.or(&known);
    }
    Ok(Some(found))
}
