//! Questions about audiences that one pass answers: what is special about them, how they overlap,
//! who is in them, and why.
//!
//! An [`Analysis`] is one table at one state. Its answers are plain structs of values; who writes
//! them as JSON is not known here. As with statements, every answer is partial (a partition) ->
//! merge -> finalize, chunk by chunk, and codes and ordinals never leave their partition.

mod buckets;
mod conditions;
mod explain_count;
mod matching;
pub(crate) mod membership;
mod numbers;
mod overlap;
mod portrait;
mod significant;
mod statistics;
mod tally;

use std::sync::Arc;

use jiff::tz::TimeZone;
use tagdb_storage::ids::Lsn;
use tagdb_storage::schema::TableSchema;

pub use conditions::{Conditions, Params};
pub use explain_count::NodeCount;
pub use matching::{MATCH_KEYS_MAX, Verdicts};
pub use membership::{Operator, Seen, Verdict};
pub use numbers::Summary;
pub use overlap::{Audience, Cell, OVERLAP_AUDIENCES, OVERLAP_CELLS_MAX, Overlap, Pair};
pub use portrait::{Bucket, Content, Portrait, Question, TagPortrait};
pub use significant::{Significant, SignificantValue, What};
pub use statistics::{Compared, Known, Test};

use crate::bind::Environment;
use crate::database::Database;
use crate::exec::Execution;

/// One table at one state, to be asked.
#[derive(Debug)]
pub struct Analysis<'a> {
    database: &'a Database,
    execution: Execution,
    table: Arc<TableSchema>,
    now: i64,
    time_zone: TimeZone,
}

impl<'a> Analysis<'a> {
    pub(crate) const fn new(
        database: &'a Database,
        execution: Execution,
        table: Arc<TableSchema>,
        now: i64,
        time_zone: TimeZone,
    ) -> Self {
        Self {
            database,
            execution,
            table,
            now,
            time_zone,
        }
    }

    /// The state that answers are of.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.execution.state.lsn()
    }

    /// The table's shape.
    #[must_use]
    pub const fn table(&self) -> &Arc<TableSchema> {
        &self.table
    }

    fn environment<'e>(&'e self, params: &'e [crate::Param]) -> Environment<'e> {
        Environment {
            catalog: self.execution.state.catalog(),
            limits: self.database.limits(),
            params,
            now: self.now,
            time_zone: self.time_zone.clone(),
            applies_rules: self.database.applies_rules,
        }
    }
}
