//! Queries: SELECTs, what WITH names, and what keys they give.
//!
//! A query that gives keys of one table is a predicate over it, so that nothing has to be
//! gathered. Keys of another table are asked for with a condition that holds the query.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::bind::bound::{
    Column, Expr, GroupKey, InQuery, Leaf, Operand, OutputColumn, Predicate, Query, Scan, Select,
    Slot, Statement,
};
use crate::bind::combined::combined;
use crate::bind::scope::{Environment, Scope};
use crate::bind::select::select;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::ast::{self, CommonTable, ExprKind as Ast, QueryBody, SelectItem};

/// The queries of a statement.
#[derive(Debug, Default)]
pub(super) struct Queries {
    /// What WITH has named so far.
    named: RefCell<Vec<Rc<Named>>>,
    /// Queries in conditions, by where they start: what surrounds one does not change it.
    inner: RefCell<HashMap<u32, Rc<BoundQuery>>>,
    /// The largest height of what was named and is used in the query that is being bound.
    used_height: Cell<u32>,
}

/// A query that WITH names.
#[derive(Debug)]
struct Named {
    name: ast::Name,
    query: Rc<BoundQuery>,
    /// As of [`ast::Query::height`], with what it uses.
    height: u32,
    is_used: Cell<bool>,
}

/// A query and what is known of it.
#[derive(Debug)]
pub(super) struct BoundQuery {
    pub(super) query: Arc<Query>,
    /// If it gives keys.
    pub(super) keys: Option<Keys>,
}

/// The keys that a query gives.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// Who they are: one scan a table.
    pub(super) set: Vec<Scan>,
    /// If keys may come several times: the parts of the result.
    pub(super) repeated: Option<Vec<Scan>>,
}

/// Binds a query as a statement.
pub(super) fn statement(
    env: &Environment<'_>,
    text: &str,
    with: &[CommonTable],
    ast: &ast::Query,
) -> Result<Statement> {
    let scope = Scope::new(env, text);
    let statement = scope.statement.clone();
    for table in with {
        let named = named(&scope, table)?;
        statement.queries.named.borrow_mut().push(Rc::new(named));
    }
    let limits = env.limits;
    let bound = body(scope, ast)?;
    check_height(ast, &statement.queries, limits)?;
    statement.check_params(env)?;
    let named = statement.queries.named.borrow();
    if let Some(unused) = named.iter().find(|named| !named.is_used.get()) {
        let detail = format!("WITH names {:?}, which nothing uses", unused.name.text);
        return Err(Error::syntax(detail).at(unused.name.at));
    }
    Ok(match Arc::unwrap_or_clone(bound.query) {
        Query::Select(select) => Statement::Select(select),
        Query::Union(union) => Statement::Union(union),
    })
}

fn named(scope: &Scope<'_>, table: &CommonTable) -> Result<Named> {
    let queries = &scope.statement.queries;
    let at = table.name.at;
    if find(scope, &table.name.text).is_some() {
        let detail = format!("WITH names {:?} twice", table.name.text);
        return Err(Error::new("already_exists", detail).at(at));
    }
    queries.used_height.set(0);
    let mut query = body(scope.inner(), &table.query)?;
    let height = check_height(&table.query, queries, scope.env.limits)?;
    if query.query.columns().len() != 1 {
        let feature = "WITH for a SELECT of anything but one column";
        return Err(Error::unsupported(feature).at(table.query.at));
    }
    query.keys = keys_of(&query);
    queries.used_height.set(0);
    Ok(Named {
        name: table.name.clone(),
        query: Rc::new(query),
        height,
        is_used: Cell::new(false),
    })
}

/// The height of a query together with what it uses, if it is not too much.
fn check_height(ast: &ast::Query, queries: &Queries, limits: &Limits) -> Result<u32> {
    let height = ast.height + queries.used_height.get();
    let max = limits.expression_height_max;
    Limits::check("expression_height", height as usize, max).map_err(|error| error.at(ast.at))?;
    Ok(height)
}

fn find(scope: &Scope<'_>, name: &str) -> Option<Rc<Named>> {
    let named = scope.statement.queries.named.borrow();
    named.iter().find(|named| named.name.text == name).cloned()
}

/// Binds a query in a condition, which has one column.
pub(super) fn in_condition(scope: &Scope<'_>, ast: &ast::Query) -> Result<Rc<BoundQuery>> {
    if scope.lambda.is_some() {
        return Err(Error::unsupported("a sub-query in any_key").at(ast.at));
    }
    let queries = &scope.statement.queries;
    if let Some(bound) = queries.inner.borrow().get(&ast.at) {
        return Ok(bound.clone());
    }
    let mut bound = body(scope.inner(), ast)?;
    let columns = bound.query.columns().len();
    if columns != 1 {
        let detail = format!("a sub-query here has one column, not {columns}");
        return Err(Error::type_mismatch(detail).at(ast.at));
    }
    bound.keys = keys_of(&bound);
    let bound = Rc::new(bound);
    queries.inner.borrow_mut().insert(ast.at, bound.clone());
    Ok(bound)
}

/// Binds a query in a scope of its own.
pub(super) fn body(scope: Scope<'_>, ast: &ast::Query) -> Result<BoundQuery> {
    match &ast.body {
        QueryBody::Combined(ast) => combined(scope, ast),
        QueryBody::Select(ast) => match find(&scope, &ast.table.text) {
            Some(named) => from_named(scope, ast, &named),
            None => select(scope, ast, None).map(BoundQuery::of_select),
        },
    }
}

/// A SELECT from what WITH names.
fn from_named(scope: Scope<'_>, ast: &ast::Select, named: &Named) -> Result<BoundQuery> {
    named.is_used.set(true);
    let used = &scope.statement.queries.used_height;
    used.set(used.get().max(named.height));
    let query = &named.query;
    let [column] = query.query.columns() else {
        return Err(Error::internal("WITH of several columns"));
    };
    if let Some(Keys { set, repeated }) = &query.keys
        && let ([keys], None) = (set.as_slice(), repeated)
    {
        let select = select(scope, ast, Some((keys, &column.name)))?;
        return Ok(BoundQuery::of_select(select));
    }
    let item = match ast.items.as_slice() {
        [SelectItem::All { .. }] => Some(None),
        [SelectItem::Expr { expr, alias, .. }] => match &expr.kind {
            Ast::Column { name, .. } if name.text == column.name => Some(alias.as_ref()),
            _ => None,
        },
        _ => None,
    };
    let clauses = [&ast.predicate, &ast.having, &ast.limit, &ast.offset];
    let is_plain = clauses.iter().all(|clause| clause.is_none())
        && ast.group_by.is_empty()
        && ast.order_by.is_empty()
        && ast.sample.is_none()
        && !ast.distinct;
    let Some(alias) = item.filter(|_| is_plain) else {
        let feature = format!(
            "a SELECT from {:?}, which is not the keys of one table; write x IN (SELECT {} FROM {})",
            named.name.text, column.name, named.name.text
        );
        return Err(Error::unsupported(feature).at(ast.table.at));
    };
    let mut bound = BoundQuery {
        query: query.query.clone(),
        keys: query.keys.clone(),
    };
    if let Some(alias) = alias {
        let columns = match Arc::make_mut(&mut bound.query) {
            Query::Select(select) => &mut select.columns,
            Query::Union(union) => &mut union.columns,
        };
        if let Some(column) = columns.first_mut() {
            column.name.clone_from(&alias.text);
        }
    }
    Ok(bound)
}

impl BoundQuery {
    fn of_select(select: Select) -> Self {
        Self {
            query: Arc::new(Query::Select(Box::new(select))),
            keys: None,
        }
    }
}

/// The keys that a query gives, if it gives keys.
pub(super) fn keys_of(bound: &BoundQuery) -> Option<Keys> {
    if bound.keys.is_some() {
        return bound.keys.clone();
    }
    let Query::Select(select) = &*bound.query else {
        return None;
    };
    let [output] = select.output.as_slice() else {
        return None;
    };
    let scan = &select.scan;
    let is_key = |expr: &Expr| {
        let column = expr.as_slot().and_then(|slot| scan.columns.get(slot));
        column == Some(&Column::Key)
    };
    let gives_all = match &select.grouping {
        None if is_key(output) => true,
        None => return None,
        // SELECT DISTINCT of the key, and what groups by it.
        Some(grouping) => match grouping.keys.as_slice() {
            [GroupKey::Value(key)] if is_key(key) && output.as_slot() == Some(0) => {
                grouping.having == Predicate::Constant(Some(true))
            }
            _ => return None,
        },
    };
    let scan = match gives_all && select.limit.is_none() && select.offset == 0 {
        true => scan.clone(),
        false => Scan {
            table: scan.table.clone(),
            columns: vec![Column::Key],
            predicate: among(0, &bound.query),
        },
    };
    Some(Keys {
        set: vec![scan],
        repeated: None,
    })
}

/// Whether the key is among those that a query gives.
fn among(key: Slot, query: &Arc<Query>) -> Predicate {
    Predicate::Leaf(Leaf::InQuery(Box::new(InQuery {
        operand: Operand::Key(key),
        query: query.clone(),
        found: None,
    })))
}

/// Whether the key of a scope's table is among some keys; never unknown.
pub(super) fn among_keys(scope: &mut Scope<'_>, keys: &Keys) -> Result<Predicate> {
    let own = scope.table()?.id;
    let mut terms = Vec::with_capacity(keys.set.len());
    for scan in &keys.set {
        let is_in = if scan.table.id == own {
            scope.embed(scan)?
        } else {
            scope.count(scan.predicate.size())?;
            let slot = scope.slot(Column::Key);
            among(
                slot,
                &Arc::new(Query::Select(Box::new(all_keys(scan.clone())))),
            )
        };
        terms.push(Predicate::IsTrue(Box::new(is_in)));
    }
    Ok(Predicate::Or(terms))
}

/// The SELECT of the keys of a scan.
pub(super) fn all_keys(mut scan: Scan) -> Select {
    let kind = scan.table.key_type.into();
    let name = scan.table.key_name.to_string();
    let slot = scan
        .columns
        .iter()
        .position(|column| *column == Column::Key);
    let slot = slot.unwrap_or_else(|| {
        scan.columns.push(Column::Key);
        scan.columns.len() - 1
    });
    Select {
        scan,
        grouping: None,
        columns: vec![OutputColumn { name, kind }],
        output: vec![Expr::slot(slot, kind)],
        order: Vec::new(),
        limit: None,
        offset: 0,
    }
}
