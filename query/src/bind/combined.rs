//! UNION, INTERSECT and EXCEPT of queries that give keys: what combines them combines their
//! predicates, table by table.

use std::sync::Arc;

use crate::bind::bound::{Expr, OrderKey, OutputColumn, Predicate, Query, Scan, Union};
use crate::bind::query::{BoundQuery, Keys, all_keys, among_keys, body, keys_of};
use crate::bind::scope::Scope;
use crate::bind::select::count;
use crate::error::{Error, Result};
use crate::parse::ast::{self, ExprKind as Ast, SetOperation};

/// Binds queries with UNION, INTERSECT or EXCEPT between them.
pub(super) fn combined(mut scope: Scope<'_>, ast: &ast::Combined) -> Result<BoundQuery> {
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
            let mut parts = Vec::with_capacity(terms.len());
            for keys in &terms {
                match &keys.repeated {
                    Some(repeated) => parts.extend(repeated.iter().cloned()),
                    None => parts.extend(disjoint(&scope, &keys.set)?),
                }
            }
            Keys {
                repeated: Some(parts),
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
    let predicate = predicate(&mut scope)?;
    let predicate = scope.simplified(predicate);
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
