//! Queries: SELECTs, what WITH names, and UNION, INTERSECT and EXCEPT.
//!
//! A query that gives keys of one table is a predicate over it, so that nothing has to be
//! gathered: what combines such queries combines their predicates. Keys of another table are asked
//! for with a condition that holds the query.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::bind::bound::{
    Column, Expr, GroupKey, InQuery, Leaf, Operand, OrderKey, OutputColumn, Predicate, Query, Scan,
    Select, Statement, Union,
};
use crate::bind::scope::{Environment, Scope};
use crate::bind::select::{count, select};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::ast::{self, CommonTable, ExprKind as Ast, QueryBody, SelectItem, SetOperation};
use crate::plan::simplify;

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
    repeated: Option<Vec<Scan>>,
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
fn body(scope: Scope<'_>, ast: &ast::Query) -> Result<BoundQuery> {
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
fn keys_of(bound: &BoundQuery) -> Option<Keys> {
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
fn among(key: crate::bind::bound::Slot, query: &Arc<Query>) -> Predicate {
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
fn all_keys(mut scan: Scan) -> Select {
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

/// Binds queries with UNION, INTERSECT or EXCEPT between them.
fn combined(mut scope: Scope<'_>, ast: &ast::Combined) -> Result<BoundQuery> {
    let mut terms = Vec::with_capacity(ast.terms.len());
    let mut column: Option<OutputColumn> = None;
    for term in &ast.terms {
        let bound = body(scope.inner(), term)?;
        let Some(keys) = keys_of(&bound) else {
            return Err(Error::unsupported(not_keys(ast.operation, &bound)).at(term.at));
        };
        for found in bound.query.columns() {
            let first = column.get_or_insert_with(|| found.clone());
            if first.kind != found.kind {
                let detail = format!("{} and {} do not go together", first.kind, found.kind);
                return Err(Error::type_mismatch(detail).at(term.at));
            }
        }
        terms.push(keys);
    }
    let column = column.ok_or_else(|| Error::internal("a set operation on nothing"))?;
    let keys = match ast.operation {
        SetOperation::Union => union(&scope, &terms)?,
        SetOperation::UnionAll => {
            let parts = terms.iter().flat_map(|keys| match &keys.repeated {
                Some(parts) => parts,
                None => &keys.set,
            });
            Keys {
                repeated: Some(parts.cloned().collect()),
                ..union(&scope, &terms)?
            }
        }
        SetOperation::Intersect => narrowed(&scope, &terms, false)?,
        SetOperation::Except => narrowed(&scope, &terms, true)?,
    };
    finish(&mut scope, ast, column, keys)
}

/// What to say of a query that gives no keys.
fn not_keys(operation: SetOperation, bound: &BoundQuery) -> String {
    let word = match operation {
        SetOperation::Union | SetOperation::UnionAll => "UNION",
        SetOperation::Intersect => "INTERSECT",
        SetOperation::Except => "EXCEPT",
    };
    match &*bound.query {
        Query::Select(_) => format!("{word} of a SELECT of anything but one key"),
        Query::Union(_) => format!("{word} of a LIMIT over several tables"),
    }
}

/// The keys of all terms, each once.
fn union(scope: &Scope<'_>, terms: &[Keys]) -> Result<Keys> {
    let mut tables: Vec<Vec<&Scan>> = Vec::new();
    for scan in terms.iter().flat_map(|keys| &keys.set) {
        let same = |scans: &&mut Vec<&Scan>| scans.iter().any(|s| s.table.id == scan.table.id);
        match tables.iter_mut().find(same) {
            Some(scans) => scans.push(scan),
            None => tables.push(vec![scan]),
        }
    }
    let joined = tables.into_iter().map(|scans| {
        in_table(scope, scans[0], |scope| {
            let mut any = Vec::with_capacity(scans.len());
            for scan in &scans {
                any.push(Predicate::IsTrue(Box::new(scope.embed(scan)?)));
            }
            Ok(Predicate::Or(any))
        })
    });
    Ok(Keys {
        set: joined.collect::<Result<_>>()?,
        repeated: None,
    })
}

/// The keys of the first term that are in all others, or in none of them.
fn narrowed(scope: &Scope<'_>, terms: &[Keys], except: bool) -> Result<Keys> {
    let Some((first, others)) = terms.split_first() else {
        return Err(Error::internal("a set operation on nothing"));
    };
    let scans = first.set.iter().map(|scan| {
        in_table(scope, scan, |scope| {
            let mut all = vec![Predicate::IsTrue(Box::new(scope.embed(scan)?))];
            for other in others {
                let is_in = among_keys(scope, other)?;
                all.push(match except {
                    true => Predicate::Not(Box::new(is_in)),
                    false => is_in,
                });
            }
            Ok(Predicate::And(all))
        })
    });
    Ok(Keys {
        set: scans.collect::<Result<_>>()?,
        repeated: None,
    })
}

/// A scan of the table of another.
fn in_table(
    scope: &Scope<'_>,
    like: &Scan,
    predicate: impl FnOnce(&mut Scope<'_>) -> Result<Predicate>,
) -> Result<Scan> {
    let mut scope = scope.inner();
    scope.table = Some(like.table.clone());
    let predicate = simplify(predicate(&mut scope)?);
    Ok(Scan {
        table: like.table.clone(),
        columns: scope.into_columns(),
        predicate,
    })
}

/// The query that gives some keys, with the order and limit of the whole.
fn finish(
    scope: &mut Scope<'_>,
    ast: &ast::Combined,
    column: OutputColumn,
    keys: Keys,
) -> Result<BoundQuery> {
    let mut parts = match &keys.repeated {
        Some(parts) => parts.clone(),
        None => disjoint(scope, &keys.set)?,
    };
    let bounds = [(&ast.limit, "LIMIT"), (&ast.offset, "OFFSET")];
    let [limit, offset] = bounds.map(|(bound, clause)| match bound {
        Some(bound) => count(scope, bound, clause),
        None => Ok(None),
    });
    let (limit, offset) = (limit?, offset?.unwrap_or(0));
    let order = order(ast, &column)?;
    let query = match parts.pop() {
        Some(part) if parts.is_empty() => {
            let mut select = all_keys(part);
            let order = order.into_iter().map(|key| OrderKey {
                expr: select.output[0].clone(),
                ..key
            });
            select.order = order.collect();
            (select.limit, select.offset) = (limit, offset);
            select.columns = vec![column];
            Query::Select(Box::new(select))
        }
        last => {
            let parts = parts.into_iter().chain(last).map(all_keys).collect();
            Query::Union(Box::new(Union {
                columns: vec![column],
                parts,
                order,
                limit,
                offset,
            }))
        }
    };
    let is_whole = limit.is_none() && offset == 0;
    Ok(BoundQuery {
        query: Arc::new(query),
        keys: Some(keys).filter(|_| is_whole),
    })
}

/// The same scans so that no key comes twice.
fn disjoint(scope: &Scope<'_>, scans: &[Scan]) -> Result<Vec<Scan>> {
    let mut parts: Vec<Scan> = Vec::with_capacity(scans.len());
    for scan in scans {
        let before = Keys {
            set: parts.clone(),
            repeated: None,
        };
        parts.push(match parts.is_empty() {
            true => scan.clone(),
            false => in_table(scope, scan, |scope| {
                let own = Predicate::IsTrue(Box::new(scope.embed(scan)?));
                let came = among_keys(scope, &before)?;
                Ok(Predicate::And(vec![own, Predicate::Not(Box::new(came))]))
            })?,
        });
    }
    Ok(parts)
}

/// ORDER BY of the whole: its one column by name or position.
fn order(ast: &ast::Combined, column: &OutputColumn) -> Result<Vec<OrderKey>> {
    let key = |term: &ast::OrderTerm| {
        let is_column = match &term.expr.kind {
            Ast::Number(position) => position == "1",
            Ast::Column {
                qualifier: None,
                name,
            } => name.text == column.name,
            _ => false,
        };
        if !is_column {
            let feature = "ORDER BY of a set operation by anything but its column";
            return Err(Error::unsupported(feature).at(term.expr.at));
        }
        Ok(OrderKey {
            expr: Expr::slot(0, column.kind),
            descending: term.descending,
            nulls_first: term.nulls_first.unwrap_or(term.descending),
        })
    };
    ast.order_by.iter().map(key).collect()
}
