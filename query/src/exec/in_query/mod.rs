//! Queries in conditions: each is run once, before what asks for its values is evaluated.
//!
//! What a query gives becomes what the condition can be asked quickly: subjects of the table for
//! its key, codes for its strings, a set of numbers, or, inside of expressions, sorted values. All
//! queries of a statement read the same state.

mod gather;

use std::collections::HashMap;
use std::sync::Arc;

use tagdb_storage::schema::TableSchema;

use crate::bind::bound::{
    Column, Expr, ExprKind, GroupKey, Grouping, InQuery, Leaf, Operand, Predicate, Query, Ranges,
    Scan, Select, TagChange, Union, Update,
};
use crate::bind::written::Condition;
use crate::error::Result;
use crate::exec::rows::RowStream;
use crate::exec::{Execution, select, union};
use crate::plan::simplify;
use crate::value::DataType;
use gather::{Gathered, Gatherer, Target};

/// Runs the queries in the conditions of a SELECT.
///
/// # Errors
/// Whatever one of them fails with; `limit_exceeded` if its values are too many.
pub(crate) fn run_in_select(execution: &Execution, select: &mut Select) -> Result<()> {
    Runner::new(execution).select(select)
}

/// As [`run_in_select`].
pub(crate) fn run_in_union(execution: &Execution, union: &mut Union) -> Result<()> {
    let mut runner = Runner::new(execution);
    union
        .parts
        .iter_mut()
        .try_for_each(|part| runner.select(part))
}

/// As [`run_in_select`], of who is asked for.
pub(crate) fn run_in_scan(execution: &Execution, scan: &mut Scan) -> Result<()> {
    Runner::new(execution).scan(scan)
}

/// As [`run_in_select`], of an UPDATE.
pub(crate) fn run_in_update(execution: &Execution, update: &mut Update) -> Result<()> {
    let mut runner = Runner::new(execution);
    runner.scan(&mut update.scan)?;
    for assignment in &mut update.assignments {
        match &mut assignment.change {
            TagChange::Set(expr) | TagChange::Entry { value: expr, .. } => {
                runner.expr(&update.scan, expr)?;
            }
            TagChange::EditSet { .. } => {}
        }
    }
    Ok(())
}

/// As [`run_in_select`], of a condition as it is written.
pub(crate) fn run_in_condition(
    execution: &Execution,
    condition: &mut Condition,
    place: Place,
) -> Result<()> {
    let mut runner = Runner::new(execution);
    let scan = &condition.scan;
    condition
        .root
        .try_for_each_test_mut(&mut |test| runner.predicate(scan, test, place))
}

/// Runs the queries of one statement.
struct Runner<'a> {
    execution: &'a Execution,
    /// What was found, by the query and what it was found for. Queries that WITH names are shared.
    done: HashMap<*const Query, Vec<(Arc<Query>, Target, Gathered)>>,
    /// Bytes that the values take which were found.
    bytes: usize,
}

/// Where a condition is met: against bitmaps, or row by row in an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Chunk by chunk.
    Bitmaps,
    /// In an expression.
    Rows,
}

impl<'a> Runner<'a> {
    fn new(execution: &'a Execution) -> Self {
        Self {
            execution,
            done: HashMap::new(),
            bytes: 0,
        }
    }

    fn select(&mut self, select: &mut Select) -> Result<()> {
        self.scan(&mut select.scan)?;
        if let Some(Grouping {
            keys,
            aggregates,
            filters,
            having,
        }) = &mut select.grouping
        {
            for key in keys {
                if let GroupKey::Value(expr) = key {
                    self.expr(&select.scan, expr)?;
                }
            }
            for argument in aggregates.iter_mut().filter_map(|a| a.argument.as_mut()) {
                self.expr(&select.scan, argument)?;
            }
            for filter in filters {
                self.predicate(&select.scan, filter, Place::Bitmaps)?;
            }
            self.predicate(&select.scan, having, Place::Rows)?;
        }
        let order = select.order.iter_mut().map(|key| &mut key.expr);
        for expr in select.output.iter_mut().chain(order) {
            self.expr(&select.scan, expr)?;
        }
        Ok(())
    }

    fn scan(&mut self, scan: &mut Scan) -> Result<()> {
        let mut predicate = std::mem::replace(&mut scan.predicate, Predicate::Constant(None));
        let done = self.predicate(scan, &mut predicate, Place::Bitmaps);
        scan.predicate = predicate;
        done
    }

    fn expr(&mut self, scan: &Scan, expr: &mut Expr) -> Result<()> {
        expr.try_for_each_predicate_mut(&mut |predicate| {
            self.predicate(scan, predicate, Place::Rows)
        })
    }

    fn predicate(&mut self, scan: &Scan, predicate: &mut Predicate, place: Place) -> Result<()> {
        let mut has_query = false;
        predicate.try_for_each_leaf_mut(&mut |leaf| {
            let Predicate::Leaf(inner) = leaf else {
                return Ok(());
            };
            inner.try_for_each_expr_mut(&mut |expr| self.expr(scan, expr))?;
            if let Predicate::Leaf(Leaf::InQuery(test)) = leaf
                && test.found.is_none()
            {
                has_query = true;
                *leaf = self.test(scan, test, place)?;
            }
            Ok(())
        })?;
        if has_query {
            let whole = std::mem::replace(predicate, Predicate::Constant(None));
            *predicate = simplify(whole);
        }
        Ok(())
    }

    /// What a condition becomes once its query is run.
    fn test(&mut self, scan: &Scan, test: &InQuery, place: Place) -> Result<Predicate> {
        let target = target_of(scan, &test.operand, place);
        let gathered = self.gathered(&test.query, target)?;
        let of_set = match test.operand {
            Operand::AnyMember(_) => Some(false),
            Operand::AllValues(_) => Some(true),
            _ => None,
        };
        match (gathered.is_empty, of_set) {
            // NULLs are no members.
            (true, Some(value)) => return Ok(Predicate::Constant(Some(value))),
            (true, None) if gathered.has_null => return Ok(Predicate::Constant(None)),
            (true, None) => return Ok(Predicate::Constant(Some(false))),
            _ => {}
        }
        let leaf = match (&test.operand, gathered.few) {
            (Operand::Number(slot, _), Some(numbers)) => {
                let ranges = numbers.iter().map(|number| (*number, *number)).collect();
                Leaf::Number(*slot, Ranges::union(ranges))
            }
            _ => Leaf::InQuery(Box::new(InQuery {
                found: Some(gathered.found),
                ..test.clone()
            })),
        };
        if gathered.has_null && of_set.is_none() {
            let terms = vec![Predicate::Leaf(leaf), Predicate::Constant(None)];
            return Ok(Predicate::Or(terms));
        }
        Ok(Predicate::Leaf(leaf))
    }

    fn gathered(&mut self, query: &Arc<Query>, target: Target) -> Result<Gathered> {
        if let Some(known) = self.done.get(&Arc::as_ptr(query))
            && let Some((_, _, gathered)) = known.iter().find(|(_, t, _)| *t == target)
        {
            return Ok(gathered.clone());
        }
        let budget = &self.execution.budget;
        let mut gatherer = Gatherer::new(self.execution, &target)?;
        let (held, bytes) = (budget.used(), self.bytes);
        let mut rows = self.rows(query)?;
        while let Some(batch) = rows.next()? {
            gatherer.take(batch)?;
            budget.check(gatherer.kept_bytes())?;
        }
        drop(rows);
        // What the query held while it ran is free again, but not the values of those inside of it.
        let held = held + (self.bytes - bytes);
        budget.release(budget.used().saturating_sub(held));
        let gathered = gatherer.finish();
        budget.charge(gathered.bytes)?;
        self.bytes += gathered.bytes;
        let known = self.done.entry(Arc::as_ptr(query)).or_default();
        known.push((query.clone(), target, gathered.clone()));
        Ok(gathered)
    }

    /// The rows of a query, the queries in which are run.
    fn rows(&mut self, query: &Query) -> Result<RowStream> {
        let mut execution = self.execution.clone();
        match query.clone() {
            Query::Select(mut inner) => {
                if distinct_strings(&mut inner) {
                    execution.groups_max = usize::MAX;
                }
                self.select(&mut inner)?;
                select::select(execution, *inner)
            }
            Query::Union(mut inner) => {
                for part in &mut inner.parts {
                    self.select(part)?;
                }
                union::union(execution, *inner)
            }
        }
    }
}

/// What a condition needs of the values.
fn target_of(scan: &Scan, operand: &Operand, place: Place) -> Target {
    let tag = |slot: usize| match scan.columns.get(slot) {
        Some(Column::Tag { id, .. }) => Some(*id),
        _ => None,
    };
    let table: &Arc<TableSchema> = &scan.table;
    match (operand, place) {
        (Operand::Number(_, number), _) => Target::Numbers(*number),
        (Operand::Key(_), Place::Bitmaps) => Target::Subjects(table.id),
        (Operand::Text(slot) | Operand::AnyMember(slot), Place::Bitmaps) => match tag(*slot) {
            Some(tag) => Target::Codes(table.id, tag, false),
            None => Target::Values(DataType::Keyword),
        },
        (Operand::AllValues(slot), Place::Bitmaps) => match tag(*slot) {
            Some(tag) => Target::Codes(table.id, tag, true),
            None => Target::Values(DataType::Keyword),
        },
        (Operand::Key(_), Place::Rows) => Target::Values(table.key_type.into()),
        (Operand::Rows(expr), _) => Target::Values(expr.data_type),
        (_, Place::Rows) => Target::Values(DataType::Keyword),
    }
}

/// Lets the strings of a tag come once each, as there are not many different ones.
fn distinct_strings(select: &mut Select) -> bool {
    let is_whole = select.grouping.is_none() && select.limit.is_none() && select.offset == 0;
    let [
        Expr {
            kind: ExprKind::Slot(slot),
            data_type,
        },
    ] = select.output[..]
    else {
        return false;
    };
    let is_tag = matches!(select.scan.columns.get(slot), Some(Column::Tag { .. }));
    if !is_whole || !is_tag || data_type != DataType::Keyword {
        return false;
    }
    select.order.clear();
    select.grouping = Some(Grouping {
        keys: vec![GroupKey::Value(Expr::slot(slot, data_type))],
        aggregates: Vec::new(),
        filters: Vec::new(),
        having: Predicate::Constant(Some(true)),
    });
    select.output = vec![Expr::slot(0, data_type)];
    true
}
