//! What names mean in one statement, and what has been read so far.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tagdb_storage::catalog::Catalog;
use tagdb_storage::ids::TagId;
use tagdb_storage::schema::{TableSchema, Tag};

use crate::bind::bound::{Aggregate, Column, Expr, GroupKey, Predicate, Scan, Slot};
use crate::bind::params::Param;
use crate::bind::query::Queries;
use crate::bind::{any_key, names};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::ast::Name;
use crate::plan::simplify;
use crate::value::{DataType, Value};

/// Bytes of constants that count as a node of the tree.
const CONSTANT_BYTES_PER_NODE: usize = 4_096;

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
    /// What the key is called if it is all that may be named.
    only_key: Option<String>,
    columns: Vec<Column>,
    slots: HashMap<Column, Slot>,
    /// Set while expressions are bound over groups.
    pub(super) groups: Option<Groups>,
    /// Set while the condition of `any_key` is bound.
    pub(super) lambda: Option<Lambda>,
    nodes: usize,
    /// The tables of the queries around this one, and what they are called.
    outer: Option<Rc<Outer>>,
    /// Whether it is a query in a statement, not the statement.
    is_inner: bool,
    pub(super) statement: Rc<StatementScope>,
}

/// What all queries of a statement share.
#[derive(Debug, Default)]
pub(super) struct StatementScope {
    /// Parameters used so far: the highest number.
    used: Cell<usize>,
    /// Nodes of queries in queries. They are never forgotten.
    inner_nodes: Cell<usize>,
    pub(super) queries: Queries,
}

/// A table around a query, and the ones around that.
#[derive(Debug)]
struct Outer {
    table: Arc<TableSchema>,
    name: String,
    outer: Option<Rc<Outer>>,
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
            only_key: None,
            columns: Vec::new(),
            slots: HashMap::new(),
            groups: None,
            lambda: None,
            nodes: 0,
            outer: None,
            is_inner: false,
            statement: Rc::default(),
        }
    }

    /// Of a query in this one, before its table is looked up.
    pub(super) fn inner(&self) -> Self {
        let outer = match &self.table {
            Some(table) => Some(Rc::new(Outer {
                table: table.clone(),
                name: self.name().to_owned(),
                outer: self.outer.clone(),
            })),
            None => self.outer.clone(),
        };
        Self {
            outer,
            is_inner: true,
            statement: self.statement.clone(),
            ..Self::new(self.env, self.text)
        }
    }

    /// Looks the table up, whose columns may be named from now on.
    pub(super) fn open(&mut self, table: &Name, alias: Option<&Name>) -> Result<Arc<TableSchema>> {
        let found = find_table(self.env.catalog, table)?;
        self.alias = alias.map(|alias| alias.text.clone());
        self.table = Some(found.clone());
        Ok(found)
    }

    /// Opens a table of which only the key may be named, under other names.
    pub(super) fn open_keys(&mut self, table: Arc<TableSchema>, alias: &Name, key: &str) {
        self.table = Some(table);
        self.alias = Some(alias.text.clone());
        self.only_key = Some(key.to_owned());
    }

    /// What the table is called.
    fn name(&self) -> &str {
        let table = self.table.as_ref().map_or("", |table| &*table.name);
        self.alias.as_deref().unwrap_or(table)
    }

    /// The columns of the table, in their order.
    pub(super) fn column_names(&self) -> Result<Vec<String>> {
        if let Some(key) = &self.only_key {
            return Ok(vec![key.clone()]);
        }
        let table = self.table()?;
        let tags = table.tags.iter().map(|tag| tag.name.to_string());
        let key = std::iter::once(table.key_name.to_string());
        Ok(key.chain(tags).collect())
    }

    /// Whether the table has a column of that name.
    pub(super) fn has_column(&self, name: &str) -> Result<bool> {
        Ok(match &self.only_key {
            Some(key) => key == name,
            None => has_column(self.table()?, name),
        })
    }

    /// A predicate over the columns of a scan of the same table, over the columns of this scope.
    pub(super) fn embed(&mut self, scan: &Scan) -> Result<Predicate> {
        self.count(scan.predicate.size())?;
        let mut predicate = scan.predicate.clone();
        let mut slots = BTreeMap::new();
        predicate.for_each_slot(&mut |slot| {
            slots.insert(slot, slot);
        });
        for (from, to) in &mut slots {
            let column = scan.columns.get(*from);
            let column = column.ok_or_else(|| Error::internal("a slot without a column"))?;
            *to = self.slot(column.clone());
        }
        predicate.renumber(&mut |slot| slots.get(&slot).copied().unwrap_or(slot));
        Ok(predicate)
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
            let right = self.name();
            if qualifier.text != right {
                if self.is_outer(|outer| outer.name == qualifier.text) {
                    return Err(correlated().at(qualifier.at));
                }
                let detail = format!("unknown table {:?}; the table is {right:?}", qualifier.text);
                return Err(Error::new("unknown_table", detail).at(qualifier.at));
            }
        }
        if let Some(key) = any_key::own_key(self, qualifier, name) {
            return Ok(key);
        }
        if !self.has_column(&name.text)?
            && self.is_outer(|outer| has_column(&outer.table, &name.text))
        {
            return Err(correlated().at(name.at));
        }
        let key_name = self.only_key.as_deref().unwrap_or(&table.key_name);
        if key_name == name.text {
            let slot = self.slot(Column::Key);
            return Ok(Expr::slot(slot, table.key_type.into()));
        }
        if self.only_key.is_some() {
            let alias = self.name();
            let detail = format!(
                "unknown tag {:?} of {alias:?}; it has {key_name:?} only",
                name.text
            );
            return Err(Error::new("unknown_tag", detail).at(name.at));
        }
        let tag = find_tag(&table, name)?;
        let slot = self.slot(Column::Tag {
            id: tag.id,
            kind: tag.kind,
        });
        Ok(Expr::slot(slot, tag.kind.into()))
    }

    fn is_outer(&self, test: impl Fn(&Outer) -> bool) -> bool {
        std::iter::successors(self.outer.as_deref(), |outer| outer.outer.as_deref()).any(test)
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
        let mut counted = self.nodes;
        if self.is_inner {
            let inner = &self.statement.inner_nodes;
            inner.set(inner.get().saturating_add(nodes));
            counted = inner.get();
        }
        Limits::check("tree_nodes", counted, self.env.limits.tree_nodes_max)
    }

    /// Counts constants that are longer than their text: a parameter stands wherever it is named,
    /// and what is computed may be long.
    pub(super) fn count_constants<'v>(
        &mut self,
        values: impl Iterator<Item = &'v Value>,
    ) -> Result<()> {
        let bytes: usize = values.map(bytes_of).sum();
        self.count(bytes / CONSTANT_BYTES_PER_NODE)
    }

    /// The value of a parameter, counted from 0.
    pub(super) fn param(&self, index: usize) -> Result<&'a Param> {
        let used = &self.statement.used;
        used.set(used.get().max(index + 1));
        self.env.params.get(index).ok_or_else(|| {
            let detail = format!(
                "parameter {} has no value: {} given",
                index + 1,
                self.env.params.len()
            );
            Error::new("bad_parameter", detail)
        })
    }

    /// The highest number of a parameter used so far.
    pub(super) fn params_used(&self) -> usize {
        self.statement.used.get()
    }

    /// Refuses parameters that the statement does not have.
    pub(super) fn check_params(&self) -> Result<()> {
        self.statement.check_params(self.env)
    }
}

impl StatementScope {
    /// As [`Scope::check_params`].
    pub(super) fn check_params(&self, env: &Environment<'_>) -> Result<()> {
        let (used, given) = (self.used.get(), env.params.len());
        if given > used {
            let detail = format!("{given} parameters are given, the statement has {used}");
            return Err(Error::new("bad_parameter", detail));
        }
        Ok(())
    }
}

/// Bytes that a constant holds (about).
fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Set(members) => members.iter().map(|member| member.len() + 32).sum(),
        Value::Map(entries) => entries.iter().map(|(key, _)| key.len() + 64).sum(),
        _ => 0,
    }
}

/// Whether a table has a column of that name.
pub(super) fn has_column(table: &TableSchema, name: &str) -> bool {
    *table.key_name == *name || table.tag(name).is_some()
}

fn correlated() -> Error {
    Error::unsupported("a correlated sub-query (one that reads the table around it)")
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
