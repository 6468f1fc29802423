//! The database as its callers see it: text in, answers out.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use jiff::tz::TimeZone;
use tagdb_storage::batch::KeyRef;
use tagdb_storage::catalog::Catalog;
use tagdb_storage::engine::{DbState, Engine, Receipt, WriteOptions};

use crate::analysis::Analysis;
use crate::bind::{self, Environment, Param, bound};
use crate::error::{Error, Result};
use crate::exec::budget::Budget;
use crate::exec::mutate::{Affected, Mutation};
use crate::exec::{
    CancelFlag, Execution, Interrupt, explain, in_query, lookup, membership, select, show, union,
};
use crate::limits::Limits;
use crate::memory::MemoryPool;
use crate::parse::{self, Statement};

pub use crate::exec::lookup::{Row, TagValue};
pub use crate::exec::rows::RowStream;

/// An engine and what statements may ask of it.
#[derive(Debug)]
pub struct Database {
    engine: Arc<Engine>,
    limits: Limits,
    memory: Arc<MemoryPool>,
    pub(crate) applies_rules: bool,
}

/// What a statement runs with.
#[derive(Clone, Debug)]
pub struct Context {
    /// Values of `$1` or `?`.
    pub params: Vec<Param>,
    /// Of `date_trunc`, `extract`, `current_date` and dates of timestamps.
    pub time_zone: TimeZone,
    /// When to stop.
    pub deadline: Option<Instant>,
    /// Set to stop it at once.
    pub cancel: CancelFlag,
    /// How writes are made.
    pub write: WriteOptions,
    /// Memory that it may hold, in bytes.
    pub memory_bytes_max: usize,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            params: Vec::new(),
            time_zone: TimeZone::UTC,
            deadline: None,
            cancel: Arc::new(AtomicBool::new(false)),
            write: WriteOptions::default(),
            memory_bytes_max: 1 << 30,
        }
    }
}

/// What a statement that reads sees: a state of the whole database, and the time.
#[derive(Clone, Debug)]
pub struct Moment {
    state: Arc<DbState>,
    now: i64,
}

/// What a statement comes to.
#[derive(Debug)]
pub enum Answer {
    /// Rows, made while they are pulled.
    Rows(RowStream),
    /// A write is done.
    Written {
        /// Rows of an INSERT; subjects matched by UPDATE and DELETE.
        rows_affected: u64,
        /// What it was.
        receipt: Receipt,
    },
}

impl Database {
    /// The database of an engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, limits: Limits) -> Self {
        Self {
            engine,
            memory: Arc::new(MemoryPool::new(limits.requests_memory_max)),
            limits,
            applies_rules: true,
        }
    }

    /// The same without the rules that make conditions smaller: for tests, which compare the two.
    #[doc(hidden)]
    #[must_use]
    pub fn without_rules(engine: Arc<Engine>, limits: Limits) -> Self {
        Self {
            applies_rules: false,
            ..Self::new(engine, limits)
        }
    }

    /// Its engine.
    #[must_use]
    pub const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What a statement may ask for.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What all statements share, for those who hold memory beside them.
    #[must_use]
    pub const fn memory(&self) -> &Arc<MemoryPool> {
        &self.memory
    }

    /// Reads statements, which semicolons part.
    ///
    /// # Errors
    /// `syntax_error`, `unsupported` and `limit_exceeded`, with line and column.
    pub fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        parse::parse(sql, &self.limits)
    }

    /// Runs a statement. A statement that reads sees one state of the whole database, also while
    /// its rows are pulled.
    ///
    /// # Errors
    /// Names and types that do not fit, limits, values out of range, damage; see
    /// [`Error::code`].
    pub fn run(&self, statement: &Statement, context: &Context) -> Result<Answer> {
        if statement.is_read() {
            return self
                .read(statement, context, &self.moment())
                .map(Answer::Rows);
        }
        self.write(statement, context)
    }

    /// The last state that readers see, and the time.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            state: self.engine.snapshot(),
            now: self.now(),
        }
    }

    /// Runs a statement that reads. At the same moment it gives the same rows in the same order.
    ///
    /// # Errors
    /// As of [`Self::run`]; `internal` if it writes.
    pub fn read(
        &self,
        statement: &Statement,
        context: &Context,
        moment: &Moment,
    ) -> Result<RowStream> {
        let state = moment.state.clone();
        let bound = self.bind(statement, context, state.catalog(), moment.now)?;
        let execution = self.execution(context, state);
        match bound {
            bound::Statement::Select(mut select) => {
                in_query::run_in_select(&execution, &mut select)?;
                select::select(execution, *select)
            }
            bound::Statement::Union(mut union) => {
                in_query::run_in_union(&execution, &mut union)?;
                union::union(execution, *union)
            }
            bound::Statement::ShowTables => Ok(show::tables(&execution)),
            bound::Statement::Describe(schema) => show::describe(&execution, &schema),
            bound::Statement::Explain { analyze, statement } => {
                explain::explain(execution, *statement, analyze)
            }
            bound::Statement::Membership(asked) => membership::membership(&execution, *asked),
            bound::Statement::Insert(_)
            | bound::Statement::Update(_)
            | bound::Statement::Delete(_)
            | bound::Statement::Schema(_) => Err(Error::internal("a statement that writes")),
        }
    }

    fn write(&self, statement: &Statement, context: &Context) -> Result<Answer> {
        let now = self.now();
        let prepare = |catalog: &Catalog| {
            self.bind(statement, context, catalog, now)
                .and_then(Mutation::prepare)
        };
        // Most of the work needs no lock. With a name the write may have been made before, and
        // what fails today may have been right then.
        let early = match prepare(self.engine.snapshot().catalog()) {
            Err(error) if context.write.idempotency.is_none() => return Err(error),
            early => early.ok(),
        };
        let receipt = self.engine.write(&context.write, |pending| {
            let mutation = match early.filter(|early| early.is_current(pending.catalog())) {
                Some(early) => early,
                None => prepare(pending.catalog())?,
            };
            mutation.write_set(&self.execution(context, Arc::new(pending.clone())))
        })?;
        let rows_affected = affected(statement).of(receipt.outcome);
        Ok(Answer::Written {
            rows_affected,
            receipt,
        })
    }

    /// The subjects of keys, in the order asked; nothing for keys that nobody has. Without `tags`
    /// only what is known of them.
    ///
    /// # Errors
    /// `unknown_table`, `unknown_tag`, or a file cannot be read or is damaged.
    pub fn lookup(
        &self,
        snapshot: &DbState,
        table: &str,
        keys: &[KeyRef<'_>],
        tags: Option<&[String]>,
    ) -> Result<Vec<Option<Row>>> {
        let schema = snapshot
            .catalog()
            .table(table)
            .ok_or_else(|| Error::new("unknown_table", format!("unknown table {table:?}")))?;
        lookup::lookup(snapshot, schema, keys, tags)
    }

    /// Shows the subjects of keys to `visit`, in the order asked: places in the schema, and values;
    /// nothing for keys that nobody has. Without `tags` only what is known of them. Nothing is
    /// copied. `visit` must not ask the database anything, nor wait: writers wait for it.
    ///
    /// # Errors
    /// As of [`Self::lookup`], and those of `visit`.
    pub fn lookup_each<E: From<Error>>(
        &self,
        snapshot: &DbState,
        table: &str,
        keys: &[KeyRef<'_>],
        tags: Option<&[String]>,
        visit: impl FnMut(Option<&[(usize, TagValue<'_>)]>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let schema = snapshot
            .catalog()
            .table(table)
            .ok_or_else(|| Error::new("unknown_table", format!("unknown table {table:?}")))?;
        lookup::for_each(snapshot, schema, keys, tags, visit)
    }

    /// A table at one state, to be asked about audiences. (Parameters of the context are not
    /// read: conditions bring their own.)
    ///
    /// # Errors
    /// `unknown_table`.
    pub fn analysis(
        &self,
        state: Arc<DbState>,
        table: &str,
        context: &Context,
    ) -> Result<Analysis<'_>> {
        let schema = state.catalog().table(table).cloned();
        let schema = schema
            .ok_or_else(|| Error::new("unknown_table", format!("unknown table {table:?}")))?;
        let execution = self.execution(context, state);
        let time_zone = context.time_zone.clone();
        Ok(Analysis::new(
            self,
            execution,
            schema,
            self.now(),
            time_zone,
        ))
    }

    fn bind(
        &self,
        statement: &Statement,
        context: &Context,
        catalog: &Catalog,
        now: i64,
    ) -> Result<bound::Statement> {
        let environment = Environment {
            catalog,
            limits: &self.limits,
            params: &context.params,
            now,
            time_zone: context.time_zone.clone(),
            applies_rules: self.applies_rules,
        };
        bind::bind(statement, &environment)
    }

    fn execution(&self, context: &Context, state: Arc<DbState>) -> Execution {
        Execution {
            state,
            interrupt: Interrupt {
                deadline: context.deadline,
                cancel: context.cancel.clone(),
            },
            budget: Arc::new(Budget::new(
                context.memory_bytes_max,
                Arc::clone(&self.memory),
            )),
            groups_max: self.limits.groups_max,
            subquery_values_max: self.limits.subquery_values_max,
        }
    }

    fn now(&self) -> i64 {
        self.engine.clock().now_micros()
    }
}

fn affected(statement: &Statement) -> Affected {
    match statement.kind {
        parse::ast::StatementKind::Insert(_) => Affected::Rows,
        parse::ast::StatementKind::Update(_) | parse::ast::StatementKind::Delete(_) => {
            Affected::Matched
        }
        _ => Affected::Nothing,
    }
}
