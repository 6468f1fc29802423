//! From statements that write to what storage is asked to write.
//!
//! What depends on the schema alone is prepared beforehand; what reads subjects is evaluated on
//! the pending state, under the write lock, so that no update is ever lost.

mod cells;
mod insert;
mod update;

use std::sync::Arc;

use tagdb_storage::batch::{Change, Keys, WriteSet};
use tagdb_storage::catalog::{Catalog, SchemaChange};
use tagdb_storage::engine::Outcome;
use tagdb_storage::schema::TableSchema;

use crate::bind::bound::{
    Assignment, KeyTest, Leaf, Predicate, Scan, Statement, TagChange, Update,
};
use crate::error::{Error, Result};
use crate::exec::{Execution, in_query, scan};

/// A statement that writes, as far as it could be prepared without reading subjects.
#[derive(Debug)]
pub(crate) enum Mutation {
    Schema(Option<SchemaChange>),
    Insert {
        table: Arc<TableSchema>,
        change: Change,
    },
    Update(Update),
    Delete(Scan),
}

impl Mutation {
    /// Prepares a statement.
    ///
    /// # Errors
    /// A value does not fit its tag, or the statement does not write.
    pub(crate) fn prepare(statement: Statement) -> Result<Self> {
        match statement {
            Statement::Schema(change) => Ok(Self::Schema(change)),
            Statement::Insert(insert) => Ok(Self::Insert {
                table: insert.table.clone(),
                change: insert::change(insert)?,
            }),
            Statement::Update(update) => Ok(Self::Update(update)),
            Statement::Delete(scan) => Ok(Self::Delete(scan)),
            Statement::Select(_)
            | Statement::Union(_)
            | Statement::ShowTables
            | Statement::Describe(_)
            | Statement::Explain { .. }
            | Statement::Membership(_) => Err(Error::internal("a statement that reads")),
        }
    }

    /// Whether what it was bound to is still so in a catalog. Of the tables of queries in it that
    /// is not looked at.
    pub(crate) fn is_current(&self, catalog: &Catalog) -> bool {
        let table = match self {
            Self::Schema(_) => return false,
            Self::Insert { table, .. } => table,
            Self::Update(update) => {
                let asks = |assignment: &Assignment| match &assignment.change {
                    TagChange::Set(expr) | TagChange::Entry { value: expr, .. } => expr.has_query(),
                    TagChange::EditSet { .. } => false,
                };
                if update.scan.predicate.has_query() || update.assignments.iter().any(asks) {
                    return false;
                }
                &update.scan.table
            }
            Self::Delete(scan) if scan.predicate.has_query() => return false,
            Self::Delete(scan) => &scan.table,
        };
        catalog.table(&table.name) == Some(table)
    }

    /// What is to be written, given the state before it.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, an expression cannot be computed, a value does not
    /// fit its tag, `limit_exceeded`, or the statement has to stop.
    pub(crate) fn write_set(self, execution: &Execution) -> Result<WriteSet> {
        match self {
            Self::Schema(schema) => Ok(WriteSet {
                schema,
                ..WriteSet::default()
            }),
            Self::Insert { table, change } => {
                let changes = vec![(table.id, change)];
                Ok(WriteSet {
                    changes,
                    ..WriteSet::default()
                })
            }
            Self::Update(mut update) => {
                in_query::run_in_update(execution, &mut update)?;
                update::write_set(execution, &update)
            }
            Self::Delete(mut scan) => {
                in_query::run_in_scan(execution, &mut scan)?;
                delete(execution, &scan)
            }
        }
    }
}

/// What `rows_affected` of a statement is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Affected {
    Nothing,
    Rows,
    Matched,
}

impl Affected {
    /// The number, from what was done.
    pub(crate) const fn of(self, outcome: Outcome) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Rows => outcome.rows,
            Self::Matched => outcome.matched,
        }
    }
}

fn delete(execution: &Execution, scan: &Scan) -> Result<WriteSet> {
    let table = execution.table(&scan.table)?;
    if let Predicate::Leaf(Leaf::Key(_, KeyTest::OneOf(wanted))) = &scan.predicate {
        let mut keys = Keys::new(scan.table.key_type);
        wanted.iter().for_each(|key| keys.push(key.as_ref()));
        let changes = vec![(scan.table.id, Change::DeleteKeys(keys))];
        return Ok(WriteSet {
            changes,
            ..WriteSet::default()
        });
    }
    let mut changes = Vec::new();
    let mut matched = 0;
    for partition in table.partitions() {
        let subjects = scan::bitmap(scan, partition, execution)?;
        if !subjects.is_empty() {
            matched += subjects.len();
            let partition = partition.id();
            changes.push((
                scan.table.id,
                Change::DeleteSubjects {
                    partition,
                    subjects,
                },
            ));
        }
    }
    Ok(WriteSet {
        changes,
        matched: Some(matched),
        ..WriteSet::default()
    })
}
