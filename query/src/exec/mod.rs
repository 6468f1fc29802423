//! Running bound statements: chunk by chunk, partition by partition.
//!
//! Every plan is partial -> merge -> finalize: what a partition says is a plain struct of values
//! (codes never leave their partition), and partials add up. Nothing here materialises a bitmap of
//! a whole table to count an audience.

pub(crate) mod accumulate;
pub(crate) mod aggregate;
pub(crate) mod batch;
pub(crate) mod budget;
pub(crate) mod column_rows;
pub(crate) mod columns;
mod distinct;
pub(crate) mod explain;
pub(crate) mod group;
pub(crate) mod group_ids;
pub(crate) mod hashed;
pub(crate) mod in_query;
pub(crate) mod lines;
pub(crate) mod lookup;
pub(crate) mod membership;
pub(crate) mod merge;
pub(crate) mod moments;
pub(crate) mod mutate;
pub(crate) mod order;
pub(crate) mod pages;
pub(crate) mod predicate;
pub(crate) mod progress;
pub(crate) mod quantile;
pub(crate) mod row_function;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod select;
pub(crate) mod share;
pub(crate) mod show;
pub(crate) mod union;
pub(crate) mod value_counts;
pub(crate) mod view;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tagdb_storage::engine::{DbState, TableState};
use tagdb_storage::schema::TableSchema;

use crate::error::{Error, Result};
use budget::Budget;

/// Set when a statement shall stop at its next look.
pub type CancelFlag = Arc<AtomicBool>;

/// What a statement runs with: one state of the database, and when to stop.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub(crate) state: Arc<DbState>,
    pub(crate) interrupt: Interrupt,
    pub(crate) budget: Arc<Budget>,
    pub(crate) groups_max: usize,
    pub(crate) subquery_values_max: usize,
}

impl Execution {
    /// The state of a table.
    pub(crate) fn table(&self, schema: &TableSchema) -> Result<&TableState> {
        Ok(self.state.require(schema.id)?)
    }
}

/// When a statement has to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    pub(crate) deadline: Option<Instant>,
    pub(crate) cancel: CancelFlag,
}

impl Interrupt {
    /// Looks whether the statement has to stop; done between chunks, and within one wherever the
    /// statement decides how much there is to do.
    ///
    /// # Errors
    /// `cancelled`, `timeout`.
    pub(crate) fn check(&self) -> Result<()> {
        #[cfg(test)]
        LOOKS.set(LOOKS.get() + 1);
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new("cancelled", "the statement was cancelled"));
        }
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(Error::new(
                "timeout",
                "the statement took too long and was stopped",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
thread_local! {
    /// How often a statement of this thread has looked.
    static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
