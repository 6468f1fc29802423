//! What names mean in one statement, and what has been read so far.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tagdb_storage::catalog::Catalog;
use tagdb_storage::ids::TagId;
use tagdb_storage::schema::{TableSchema, Tag};

use crate::bind::bound::{Aggregate, Column, Expr, GroupKey, Predicate, Slot};
use crate::bind::params::Param;
use crate::bind::{any_key, names};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::ast::Name;
use crate::plan::simplify;
use crate::value::DataType;

/// What a statement is bound against.
#[derive(Clone, Debug)]
pub struct Environment<'a> {
    /// The tables.
    pub catalog: &'a Catalog,
    /// What the statement may ask for.
    pub limits: &'a Limits,
    /// Values of `$1` or `?`.
    pub params: &'a [Param],
    /// now() in microseconds since 1970.
    pub now: i64,
    /// Of `date_trunc`, `extract`, `current_date` and dates of timestamps.
    pub time_zone: TimeZone,
    /// Whether the rules of [`crate::plan`] are applied; tests compare with what comes out without.
    pub applies_rules: bool,
}

/// A table whose subjects are read, and what is read of them.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) env: &'a Environment<'a>,
    pub(super) text: &'a str,
    /// Nothing where no column may be named.
    pub(super) table: Option<Arc<TableSchema>>,
    alias: Option<String>,
    columns: Vec<Column>,
    slots: HashMap<Column, Slot>,
    /// Set while expressions are bound over groups.
    pub(super) groups: Option<Groups>,
    /// Set while the condition of `any_key` is bound.
    pub(super) lambda: Option<Lambda>,
    nodes: usize,
    /// Parameters used so far: the highest number.
    used: Cell<usize>,
}

/// What a group's row holds.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) keys: Vec<GroupKey>,
    /// Where each key is written.
    pub(super) places: Vec<u32>,
    pub(super) key_types: Vec<DataType>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) filters: Vec<Predicate>,
}

/// The key that `any_key` tries.
#[derive(Debug)]
pub(super) struct Lambda {
    pub(super) name: String,
    pub(super) map: TagId,
}

/// What was read outside of an `any_key`.
#[derive(Debug)]
pub(super) struct Outside {
    columns: Vec<Column>,
    slots: HashMap<Column, Slot>,
}

impl<'a> Scope<'a> {
    /// Without a table: only constants.
    pub(super) fn new(env: &'a Environment<'a>, text: &'a str) -> Self {
        Self {
            env,
            text,
            table: None,
            alias: None,
            columns: Vec::new(),
            slots: HashMap::new(),
            groups: None,
            lambda: None,
            nodes: 0,
            used: Cell::new(0),
        }
    }

    /// Looks the table up, whose columns may be named from now on.
    pub(super) fn open(&mut self, table: &Name, alias: Option<&Name>) -> Result<Arc<TableSchema>> {
        let found = find_table(self.env.catalog, table)?;
        self.alias = alias.map(|alias| alias.text.clone());
        self.table = Some(found.clone());
        Ok(found)
    }

    /// The table, if columns may be named.
    pub(super) fn table(&self) -> Result<&Arc<TableSchema>> {
        let table = self.table.as_ref();
        table.ok_or_else(|| Error::unsupported("a column among constants"))
    }

    /// What the columns read so far are; the scope is done.
    pub(super) fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// The column of a slot.
    pub(super) fn column(&self, slot: Slot) -> Option<&Column> {
        self.columns.get(slot)
    }

    /// The slot of a column.
    pub(super) fn slot(&mut self, column: Column) -> Slot {
        if let Some(slot) = self.slots.get(&column) {
            return *slot;
        }
        let slot = self.columns.len();
        self.columns.push(column.clone());
        self.slots.insert(column, slot);
        slot
    }

    /// Begins the condition of an `any_key`, which has columns of its own.
    pub(super) fn enter(&mut self, lambda: Lambda) -> Outside {
        self.lambda = Some(lambda);
        Outside {
            columns: std::mem::take(&mut self.columns),
            slots: std::mem::take(&mut self.slots),
        }
    }

    /// Ends it, and gives its columns.
    pub(super) fn leave(&mut self, outside: Outside) -> Vec<Column> {
        self.lambda = None;
        self.slots = outside.slots;
        std::mem::replace(&mut self.columns, outside.columns)
    }

    /// The condition with less to do.
    pub(super) fn simplified(&self, predicate: Predicate) -> Predicate {
        if self.env.applies_rules {
            simplify(predicate)
        } else {
            predicate
        }
    }

    /// How many columns are read so far.
    pub(super) fn mark(&self) -> usize {
        self.columns.len()
    }

    /// Forgets the columns read since the mark.
    pub(super) fn forget_since(&mut self, mark: usize) {
        for column in self.columns.drain(mark..) {
            self.slots.remove(&column);
        }
    }

    /// What a name reads of a subject.
    pub(super) fn resolve(&mut self, qualifier: Option<&Name>, name: &Name) -> Result<Expr> {
        let table = self.table().map_err(|error| error.at(name.at))?.clone();
        if let Some(qualifier) = qualifier {
            let right = self.alias.as_deref().unwrap_or(&table.name);
            if qualifier.text != right {
                let detail = format!("unknown table {:?}; the table is {right:?}", qualifier.text);
                return Err(Error::new("unknown_table", detail).at(qualifier.at));
            }
        }
        if let Some(key) = any_key::own_key(self, qualifier, name) {
            return Ok(key);
        }
        if *table.key_name == *name.text {
            let slot = self.slot(Column::Key);
            return Ok(Expr::slot(slot, table.key_type.into()));
        }
        let tag = find_tag(&table, name)?;
        let slot = self.slot(Column::Tag {
            id: tag.id,
            kind: tag.kind,
        });
        Ok(Expr::slot(slot, tag.kind.into()))
    }

    /// The nodes counted so far.
    pub(super) const fn nodes(&self) -> usize {
        self.nodes
    }

    /// Forgets the nodes counted since.
    pub(super) const fn restore_nodes(&mut self, nodes: usize) {
        self.nodes = nodes;
    }

    /// Counts nodes of the bound tree.
    pub(super) fn count(&mut self, nodes: usize) -> Result<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        Limits::check("tree_nodes", self.nodes, self.env.limits.tree_nodes_max)
    }

    /// The value of a parameter, counted from 0.
    pub(super) fn param(&self, index: usize) -> Result<&'a Param> {
        self.used.set(self.used.get().max(index + 1));
        self.env.params.get(index).ok_or_else(|| {
            let detail = format!(
                "parameter {} has no value: {} given",
                index + 1,
                self.env.params.len()
            );
            Error::new("bad_parameter", detail)
        })
    }

    /// Refuses parameters that the statement does not have.
    pub(super) fn check_params(&self) -> Result<()> {
        let (used, given) = (self.used.get(), self.env.params.len());
        if given > used {
            let detail = format!("{given} parameters are given, the statement has {used}");
            return Err(Error::new("bad_parameter", detail));
        }
        Ok(())
    }
}

/// The table of that name.
pub(super) fn find_table(catalog: &Catalog, name: &Name) -> Result<Arc<TableSchema>> {
    let table = catalog.table(&name.text).cloned();
    table.ok_or_else(|| names::unknown_table(&name.text, catalog).at(name.at))
}

/// The tag of that name.
pub(super) fn find_tag<'t>(table: &'t TableSchema, name: &Name) -> Result<&'t Tag> {
    let tag = table.tag(&name.text);
    tag.ok_or_else(|| names::unknown_tag(&name.text, table).at(name.at))
}
