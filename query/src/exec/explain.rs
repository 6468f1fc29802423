//! EXPLAIN: what a statement means, how each condition is going to be met, and what it took.

use std::time::Instant;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::traffic::{self, Traffic};

use crate::bind::bound::{Predicate, Scan, Statement};
use crate::error::Result;
use crate::exec::predicate::{Filter, Report};
use crate::exec::rows::RowStream;
use crate::exec::show::{columns, text};
use crate::exec::{Execution, in_query, select, union};
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
    let mut statement = statement;
    let mut lines = meaning(&statement);
    if analyze {
        match &mut statement {
            Statement::Select(select) => in_query::run_in_select(&execution, select)?,
            Statement::Union(union) => in_query::run_in_union(&execution, union)?,
            _ => {}
        }
    }
    for scan in scans_of(&statement) {
        let plan = Plan::of(&execution, scan, analyze)?;
        lines.push("plan".to_owned());
        plan.lines(scan, analyze, &mut lines);
    }
    if analyze {
        ran(execution, statement, &mut lines)?;
    }
    let rows = lines.into_iter().map(|line| vec![text(line)]).collect();
    Ok(RowStream::made(
        columns(&[("plan", DataType::Keyword)]),
        lsn,
        rows,
    ))
}

/// Runs a statement whose queries in conditions have been run.
fn ran(execution: Execution, statement: Statement, lines: &mut Vec<String>) -> Result<()> {
    let (started, before) = (Instant::now(), traffic::so_far());
    let mut rows = match statement {
        Statement::Select(select) => select::select(execution, *select)?,
        Statement::Union(union) => union::union(execution, *union)?,
        _ => return Ok(()),
    };
    let mut count = 0;
    while let Some(batch) = rows.next()? {
        count += batch.len();
    }
    let micros = started.elapsed().as_micros();
    let bytes = traffic_text(traffic::so_far().since(before));
    lines.push(format!("  rows: {count}, made in {micros} us, {bytes}"));
    Ok(())
}

fn scans_of(statement: &Statement) -> Vec<&Scan> {
    match statement {
        Statement::Select(select) => vec![&select.scan],
        Statement::Union(union) => union.parts.iter().map(|part| &part.scan).collect(),
        Statement::Update(update) => vec![&update.scan],
        Statement::Delete(scan) => vec![scan],
        Statement::Explain { statement, .. } => scans_of(statement),
        Statement::Insert(_)
        | Statement::Schema(_)
        | Statement::ShowTables
        | Statement::Membership(_)
        | Statement::Describe(_) => Vec::new(),
    }
}

/// How an audience is found, and if it was, what that took; all partitions together.
struct Plan {
    partitions: usize,
    chunks: u64,
    /// Chunks in which somebody can be.
    visited: u64,
    audience: u64,
    report: Report,
}

impl Plan {
    /// The plan of a scan; with `run` the audience is counted.
    fn of(execution: &Execution, scan: &Scan, run: bool) -> Result<Self> {
        let partitions = execution.table(&scan.table)?.partitions();
        let mut plan = Self {
            partitions: partitions.len(),
            chunks: 0,
            visited: 0,
            audience: 0,
            report: Report::default(),
        };
        let mut audience = Box::<Chunk>::default();
        for partition in partitions {
            let mut filter = Filter::compile(&scan.predicate, (scan, partition), execution)?;
            let chunks = filter.chunks();
            plan.chunks += u64::from(partition.chunks());
            plan.visited += chunks.len() as u64;
            if run {
                filter.watch();
                for chunk in chunks {
                    execution.interrupt.check()?;
                    filter.audience(chunk, &mut audience)?;
                    plan.audience += u64::from(audience.count());
                }
            }
            plan.report.merge(filter.report());
        }
        Ok(plan)
    }

    fn lines(&self, scan: &Scan, ran: bool, lines: &mut Vec<String>) {
        let Self {
            partitions,
            chunks,
            visited,
            ..
        } = self;
        lines.push(format!(
            "  {visited} of {chunks} chunks in {partitions} partitions"
        ));
        node(&scan.predicate, &self.report, (scan, ran, 1), lines);
        if ran {
            let profile = &self.report.profile;
            let (micros, bytes) = (profile.time.as_micros(), traffic_text(profile.traffic));
            let skipped = chunks - visited;
            lines.push("ran".to_owned());
            lines.push(format!(
                "  audience: {}, found in {micros} us, {bytes}; {skipped} chunks skipped",
                self.audience
            ));
        }
    }
}

/// The lines of a predicate; conditions that are met first come first.
fn node(
    predicate: &Predicate,
    report: &Report,
    (scan, ran, depth): (&Scan, bool, usize),
    lines: &mut Vec<String>,
) {
    let (name, terms): (&str, &[Predicate]) = match predicate {
        Predicate::And(terms) => ("all, cheapest first", terms),
        Predicate::Or(terms) => ("any, cheapest first", terms),
        Predicate::Not(inner) => ("not", std::slice::from_ref(inner)),
        Predicate::IsTrue(inner) => ("is true", std::slice::from_ref(inner)),
        Predicate::IsFalse(inner) => ("is false", std::slice::from_ref(inner)),
        Predicate::IsNull(inner) => ("is unknown", std::slice::from_ref(inner)),
        Predicate::Constant(_) | Predicate::Leaf(_) => ("", &[]),
    };
    let mut line = "  ".repeat(depth);
    match terms.is_empty() {
        true => {
            line += &predicate_text(predicate, scan);
            line += ": ";
            line += &report.method();
        }
        false => line += name,
    }
    if ran {
        let profile = &report.profile;
        line += &format!(
            "; cost {}; ran in {} chunks, {} of {} subjects, {} us, {}",
            report.cost,
            profile.chunks,
            profile.found,
            profile.candidates,
            profile.time.as_micros(),
            traffic_text(profile.traffic)
        );
    }
    lines.push(line);
    let mut terms: Vec<_> = terms.iter().zip(&report.children).collect();
    terms.sort_by_key(|(_, report)| report.cost);
    for (term, report) in terms {
        node(term, report, (scan, ran, depth + 1), lines);
    }
}

fn traffic_text(traffic: Traffic) -> String {
    let Traffic {
        asked_bytes,
        read_bytes,
    } = traffic;
    format!("{asked_bytes} bytes asked for, {read_bytes} read from files")
}
