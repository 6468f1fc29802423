//! EXPLAIN: what a statement means, how each condition is going to be met, and what it took.

use std::time::Instant;

use tagdb_storage::engine::PartitionState;

use crate::bind::bound::{Predicate, Scan, Statement};
use crate::error::Result;
use crate::exec::predicate::Filter;
use crate::exec::rows::RowStream;
use crate::exec::show::{columns, text};
use crate::exec::{Execution, scan, select};
use crate::explain::{explain as meaning, predicate_text};
use crate::value::DataType;

/// The lines of EXPLAIN.
///
/// # Errors
/// A file cannot be read or is damaged; of ANALYZE also whatever the statement fails with.
pub(crate) fn explain(
    execution: Execution,
    statement: Statement,
    analyze: bool,
) -> Result<RowStream> {
    let lsn = execution.state.lsn();
    let mut lines = meaning(&statement);
    if let Some(scan) = scan_of(&statement) {
        lines.push("plan".to_owned());
        plan(&execution, scan, &mut lines)?;
    }
    if let (true, Statement::Select(select)) = (analyze, statement) {
        let started = Instant::now();
        let audience = scan::count(&execution, &select.scan)?;
        let counted = started.elapsed();
        let mut rows = select::select(execution, *select)?;
        let mut count = 0;
        while let Some(batch) = rows.next()? {
            count += batch.len();
        }
        let ran = started.elapsed().saturating_sub(counted);
        lines.push("ran".to_owned());
        lines.push(format!(
            "  audience: {audience}, counted in {} us",
            counted.as_micros()
        ));
        lines.push(format!("  rows: {count}, made in {} us", ran.as_micros()));
    }
    let rows = lines.into_iter().map(|line| vec![text(line)]).collect();
    Ok(RowStream::made(
        columns(&[("plan", DataType::Keyword)]),
        lsn,
        rows,
    ))
}

fn scan_of(statement: &Statement) -> Option<&Scan> {
    match statement {
        Statement::Select(select) => Some(&select.scan),
        Statement::Update(update) => Some(&update.scan),
        Statement::Delete(scan) => Some(scan),
        Statement::Explain { statement, .. } => scan_of(statement),
        Statement::Insert(_)
        | Statement::Schema(_)
        | Statement::ShowTables
        | Statement::Membership(_)
        | Statement::Describe(_) => None,
    }
}

/// How the audience is found, as of the first partition.
fn plan(execution: &Execution, scan: &Scan, lines: &mut Vec<String>) -> Result<()> {
    let partitions = execution.table(&scan.table)?.partitions();
    let (mut visited, mut all) = (0, 0);
    for partition in partitions {
        let filter = Filter::compile(&scan.predicate, scan, partition)?;
        visited += filter.chunks().len();
        all += partition.chunks();
    }
    let count = partitions.len();
    lines.push(format!("  {visited} of {all} chunks in {count} partitions"));
    if let Some(partition) = partitions.first() {
        lines.extend(node(&scan.predicate, scan, partition, 1)?.1);
    }
    Ok(())
}

/// The cost of a predicate and its lines; conditions that are met first come first.
fn node(
    predicate: &Predicate,
    scan: &Scan,
    partition: &std::sync::Arc<PartitionState>,
    depth: usize,
) -> Result<(u32, Vec<String>)> {
    let indent = "  ".repeat(depth);
    let cost = Filter::compile(predicate, scan, partition)?.cost();
    let (name, terms): (&str, &[Predicate]) = match predicate {
        Predicate::And(terms) => ("all, cheapest first", terms),
        Predicate::Or(terms) => ("any, cheapest first", terms),
        Predicate::Not(inner) => ("not", std::slice::from_ref(inner)),
        Predicate::IsTrue(inner) => ("is true", std::slice::from_ref(inner)),
        Predicate::IsFalse(inner) => ("is false", std::slice::from_ref(inner)),
        Predicate::IsNull(inner) => ("is unknown", std::slice::from_ref(inner)),
        Predicate::Constant(_) | Predicate::Leaf(_) => {
            let how = Filter::compile(predicate, scan, partition)?.method();
            let condition = predicate_text(predicate, scan);
            return Ok((cost, vec![format!("{indent}{condition}: {how}")]));
        }
    };
    let terms = terms
        .iter()
        .map(|term| node(term, scan, partition, depth + 1));
    let mut terms = terms.collect::<Result<Vec<_>>>()?;
    terms.sort_by_key(|(cost, _)| *cost);
    let mut lines = vec![format!("{indent}{name}")];
    lines.extend(terms.into_iter().flat_map(|(_, lines)| lines));
    Ok((cost, lines))
}
