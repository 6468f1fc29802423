//! SELECT.

use crate::bind::bound::{
    Expr, ExprKind, GroupKey, Grouping, OrderKey, OutputColumn, Predicate, Scan, Select,
};
use crate::bind::expr::scalar;
use crate::bind::group::{check_key, has_aggregate, key};
use crate::bind::predicate::predicate;
use crate::bind::sample::sample;
use crate::bind::scope::{Groups, Scope};
use crate::error::{Error, Result};
use crate::parse::ast::{self, ExprKind as Ast, SelectItem};
use crate::value::{DataType, Value};

/// Binds a SELECT in a scope of its own. `source` is who it is about, if FROM names a query.
pub(super) fn select(
    mut scope: Scope<'_>,
    ast: &ast::Select,
    source: Option<(&Scan, &str)>,
) -> Result<Select> {
    let (table, who) = match source {
        None => (scope.open(&ast.table, ast.alias.as_ref())?, None),
        Some((keys, name)) => {
            let alias = ast.alias.as_ref().unwrap_or(&ast.table);
            scope.open_keys(keys.table.clone(), alias, name);
            let who = Predicate::IsTrue(Box::new(scope.embed(keys)?));
            (keys.table.clone(), Some(who))
        }
    };
    let mut terms = Vec::from_iter(who);
    if let Some(ast) = &ast.sample {
        terms.push(sample(&mut scope, ast)?);
    }
    if let Some(ast) = &ast.predicate {
        terms.push(predicate(&mut scope, ast)?);
    }
    let filter = scope.simplified(Predicate::And(terms));
    let grouped = !ast.group_by.is_empty()
        || ast.distinct
        || ast.having.is_some()
        || ast.order_by.iter().any(|term| has_aggregate(&term.expr))
        || ast.items.iter().any(|item| match item {
            SelectItem::All { .. } => false,
            SelectItem::Expr { expr, .. } => has_aggregate(expr),
        });
    if grouped {
        scope.groups = Some(group_keys(&mut scope, ast)?);
    }
    let (columns, output) = outputs(&mut scope, ast)?;
    let having = match &ast.having {
        Some(ast) => predicate(&mut scope, ast)?,
        None => Predicate::Constant(Some(true)),
    };
    let having = scope.simplified(having);
    let order = order(&mut scope, ast, &output, &columns)?;
    let limit = ast.limit.as_ref();
    let limit = limit
        .map(|limit| count(&mut scope, limit, "LIMIT"))
        .transpose()?
        .flatten();
    let offset = ast.offset.as_ref();
    let offset = offset
        .map(|offset| count(&mut scope, offset, "OFFSET"))
        .transpose()?
        .flatten();
    let grouping = scope.groups.take().map(|groups| Grouping {
        keys: groups.keys,
        aggregates: groups.aggregates,
        filters: groups.filters,
        having,
    });
    Ok(Select {
        scan: Scan {
            table,
            columns: scope.into_columns(),
            predicate: filter,
        },
        grouping,
        columns,
        output,
        order,
        limit,
        offset: offset.unwrap_or(0),
    })
}

/// The keys of GROUP BY, or of DISTINCT.
fn group_keys(scope: &mut Scope<'_>, ast: &ast::Select) -> Result<Groups> {
    let mut groups = Groups::default();
    if ast.distinct && !ast.group_by.is_empty() {
        return Err(Error::unsupported("SELECT DISTINCT with GROUP BY").at(ast.table.at));
    }
    let mut keys = Vec::new();
    if ast.distinct {
        for item in &ast.items {
            match item {
                SelectItem::All { at } => {
                    return Err(Error::unsupported("SELECT DISTINCT *").at(*at));
                }
                SelectItem::Expr { expr, .. } if has_aggregate(expr) => {
                    let detail = "SELECT DISTINCT with an aggregate";
                    return Err(Error::unsupported(detail).at(expr.at));
                }
                SelectItem::Expr { expr, .. } => keys.push(expr),
            }
        }
    }
    for term in &ast.group_by {
        keys.push(written_key(scope, ast, term)?);
    }
    for ast in keys {
        let (bound, data_type) = key(scope, ast)?;
        check_key(&bound, data_type).map_err(|error| error.at(ast.at))?;
        // To unnest a set twice makes pairs.
        let is_unnest = matches!(bound, GroupKey::Unnest(_));
        let mut same = groups.keys.iter().zip(&groups.places);
        if !same.any(|(key, at)| *key == bound && (!is_unnest || *at == ast.at)) {
            groups.keys.push(bound);
            groups.places.push(ast.at);
            groups.key_types.push(data_type);
        }
    }
    Ok(groups)
}

/// What a term of GROUP BY stands for: an output position, an alias that is no column, or itself.
fn written_key<'q>(
    scope: &Scope<'_>,
    select: &'q ast::Select,
    term: &'q ast::Expr,
) -> Result<&'q ast::Expr> {
    if let Some(expr) = at_position(select, term)? {
        return Ok(expr);
    }
    if let Ast::Column {
        qualifier: None,
        name,
    } = &term.kind
        && !scope.has_column(&name.text)?
        && let Some(expr) = aliased(select, &name.text)
    {
        return Ok(expr);
    }
    Ok(term)
}

fn aliased<'q>(select: &'q ast::Select, name: &str) -> Option<&'q ast::Expr> {
    select.items.iter().find_map(|item| match item {
        SelectItem::Expr {
            expr,
            alias: Some(alias),
            ..
        } if alias.text == name => Some(expr),
        _ => None,
    })
}

/// The output that an integer names; counted from 1.
fn at_position<'q>(select: &'q ast::Select, term: &ast::Expr) -> Result<Option<&'q ast::Expr>> {
    let Ast::Number(number) = &term.kind else {
        return Ok(None);
    };
    let place = number
        .parse::<usize>()
        .ok()
        .and_then(|place| place.checked_sub(1));
    let star = select
        .items
        .iter()
        .any(|item| matches!(item, SelectItem::All { .. }));
    match place.and_then(|place| select.items.get(place)) {
        _ if star => Err(Error::unsupported("an output position beside *").at(term.at)),
        Some(SelectItem::Expr { expr, .. }) => Ok(Some(expr)),
        _ => {
            let outputs = select.items.len();
            let detail = format!("position {number} is not among the {outputs} output columns");
            Err(Error::new("bad_parameter", detail).at(term.at))
        }
    }
}

fn outputs(scope: &mut Scope<'_>, select: &ast::Select) -> Result<(Vec<OutputColumn>, Vec<Expr>)> {
    let (mut columns, mut output) = (Vec::new(), Vec::new());
    for item in &select.items {
        match item {
            SelectItem::All { at } => {
                if scope.groups.is_some() {
                    return Err(crate::bind::group::not_grouped("*").at(*at));
                }
                all_columns(scope, *at, &mut columns, &mut output)?;
            }
            SelectItem::Expr {
                expr,
                alias,
                start,
                end,
            } => {
                let bound = scalar(scope, expr, None)?;
                let name = match (alias, &expr.kind) {
                    (Some(alias), _) => alias.text.clone(),
                    (None, Ast::Column { name, .. }) => name.text.clone(),
                    _ => written(scope.text, *start, *end),
                };
                columns.push(OutputColumn {
                    name,
                    kind: shown_type(bound.data_type),
                });
                output.push(bound);
            }
        }
    }
    Ok((columns, output))
}

/// A column of NULLs has to have some type.
const fn shown_type(data_type: DataType) -> DataType {
    match data_type {
        DataType::Null => DataType::Keyword,
        other => other,
    }
}

/// The text of an expression, with single blanks.
fn written(text: &str, start: u32, end: u32) -> String {
    let text = text.get(start as usize..end as usize).unwrap_or("?");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The key and all tags, in their order.
fn all_columns(
    scope: &mut Scope<'_>,
    at: u32,
    columns: &mut Vec<OutputColumn>,
    output: &mut Vec<Expr>,
) -> Result<()> {
    for text in scope.column_names()? {
        let column = ast::Name { text, at };
        let expr = scope.resolve(None, &column)?;
        columns.push(OutputColumn {
            name: column.text,
            kind: expr.data_type,
        });
        output.push(expr);
    }
    Ok(())
}

fn order(
    scope: &mut Scope<'_>,
    select: &ast::Select,
    output: &[Expr],
    columns: &[OutputColumn],
) -> Result<Vec<OrderKey>> {
    let mut order = Vec::with_capacity(select.order_by.len());
    for term in &select.order_by {
        let expr = order_expr(scope, select, &term.expr, output, columns)?;
        let unordered = matches!(
            expr.data_type,
            DataType::KeywordSet | DataType::Map(_) | DataType::LongText
        );
        if unordered {
            let detail = format!("values of {} have no order", expr.data_type);
            return Err(Error::type_mismatch(detail).at(term.expr.at));
        }
        order.push(OrderKey {
            expr,
            descending: term.descending,
            nulls_first: term.nulls_first.unwrap_or(term.descending),
        });
    }
    Ok(order)
}

/// An output position, an output's name, or an expression.
fn order_expr(
    scope: &mut Scope<'_>,
    select: &ast::Select,
    term: &ast::Expr,
    output: &[Expr],
    columns: &[OutputColumn],
) -> Result<Expr> {
    if let Some(expr) = at_position(select, term)? {
        return scalar(scope, expr, None);
    }
    if let Ast::Column {
        qualifier: None,
        name,
    } = &term.kind
        && let Some(place) = columns.iter().position(|column| column.name == name.text)
    {
        return Ok(output[place].clone());
    }
    scalar(scope, term, None)
}

/// The number behind LIMIT or OFFSET; NULL is none.
pub(super) fn count(scope: &mut Scope<'_>, ast: &ast::Expr, clause: &str) -> Result<Option<u64>> {
    let expr = scalar(scope, ast, Some(DataType::BigInt))?;
    match expr.kind {
        ExprKind::Literal(Value::Null) => Ok(None),
        ExprKind::Literal(Value::Int(count)) if count >= 0 => Ok(u64::try_from(count).ok()),
        _ => {
            let detail = format!("{clause} takes a whole number that is not negative");
            Err(Error::new("bad_parameter", detail).at(ast.at))
        }
    }
}
