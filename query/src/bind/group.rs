//! Groups: their keys, their aggregates, and expressions over them.

use crate::bind::aggregate::{aggregate, filter, is_aggregate};
use crate::bind::bound::{Aggregate, Column, Expr, GroupKey};
use crate::bind::expr::{is_constant, scalar};
use crate::bind::scope::{Groups, Scope};
use crate::error::{Error, Result};
use crate::parse::ast::{self, Call, ExprKind as Ast};
use crate::value::DataType;

/// The error for a column that a group has many values of.
pub(super) fn not_grouped(name: &str) -> Error {
    let detail = format!("{name:?} is neither in GROUP BY nor inside an aggregate");
    Error::new("not_grouped", detail)
}

/// Whether there is an aggregate in an expression.
pub(super) fn has_aggregate(ast: &ast::Expr) -> bool {
    has_call(ast, &is_aggregate)
}

/// Whether an expression calls a function of such a name.
fn has_call(ast: &ast::Expr, is_wanted: &dyn Fn(&str) -> bool) -> bool {
    let has = |ast: &ast::Expr| has_call(ast, is_wanted);
    let any = |list: &[ast::Expr]| list.iter().any(has);
    let pairs = |list: &[(ast::Expr, ast::Expr)]| list.iter().any(|(a, b)| has(a) || has(b));
    match &ast.kind {
        Ast::Null
        | Ast::Boolean(_)
        | Ast::Number(_)
        | Ast::Text(_)
        | Ast::Interval(_)
        | Ast::Parameter(_)
        | Ast::Query(_)
        | Ast::Column { .. } => false,
        Ast::Call(call) => {
            is_wanted(&call.name.text)
                || any(&call.arguments)
                || call.filter.as_deref().is_some_and(has)
        }
        Ast::Like(like) => {
            has(&like.text) || has(&like.pattern) || like.escape.as_ref().is_some_and(has)
        }
        Ast::Lambda(_, body) => has(body),
        Ast::Negate(inner)
        | Ast::Not(inner)
        | Ast::IsNull(inner)
        | Ast::IsTrue(inner)
        | Ast::IsFalse(inner)
        | Ast::Cast(inner, _)
        | Ast::Extract(_, inner) => has(inner),
        Ast::Element(a, b)
        | Ast::Arithmetic(_, a, b)
        | Ast::Compare(_, a, b)
        | Ast::Overlaps(a, b)
        | Ast::Contains(a, b)
        | Ast::EqualAny(a, b)
        | Ast::IsNotDistinct(a, b) => has(a) || has(b),
        Ast::Between(a, b, c) => has(a) || has(b) || has(c),
        Ast::In(inner, list) => has(inner) || any(list),
        Ast::InQuery(inner, _) => has(inner),
        Ast::List(list) | Ast::And(list) | Ast::Or(list) => any(list),
        Ast::Map(entries) => pairs(entries),
        Ast::Case {
            operand,
            branches,
            otherwise,
        } => {
            pairs(branches)
                || operand.as_deref().is_some_and(has)
                || otherwise.as_deref().is_some_and(has)
        }
    }
}

/// Over groups: the slot of the aggregate or the group key that an expression is, if it is one.
pub(super) fn slot_of(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Option<Expr>> {
    let Some(groups) = &scope.groups else {
        return Ok(None);
    };
    if let Ast::Call(call) = &ast.kind
        && is_aggregate(&call.name.text)
    {
        let has_keys = !groups.keys.is_empty();
        let (aggregate, filter) = over_rows(scope, |scope| {
            Ok((aggregate(scope, call, has_keys)?, filter(scope, call)?))
        })?;
        let data_type = aggregate.data_type;
        let groups = scope.groups.as_mut();
        let place = groups.map(|groups| {
            let filter = filter.map(|filter| place_of(&mut groups.filters, filter));
            let aggregate = Aggregate {
                filter,
                ..aggregate
            };
            groups.keys.len() + place_of(&mut groups.aggregates, aggregate)
        });
        return Ok(place.map(|slot| Expr::slot(slot, data_type)));
    }
    if is_constant(ast) || groups.keys.is_empty() || has_aggregate(ast) {
        return Ok(None);
    }
    // No key has an unnest inside of it, and rows have no value for it.
    let is_unnest = matches!(&ast.kind, Ast::Call(call) if call.name.text == "unnest");
    if !is_unnest && has_call(ast, &|name| name == "unnest") {
        return Ok(None);
    }
    // What it is over rows tells which key it is.
    let mark = scope.mark();
    let nodes = scope.nodes();
    let bound = over_rows(scope, |scope| key(scope, ast))?;
    scope.forget_since(mark);
    scope.restore_nodes(nodes);
    let Some(groups) = &scope.groups else {
        return Ok(None);
    };
    let keys = groups.keys.iter().enumerate();
    let same: Vec<usize> = keys
        .filter(|(_, key)| **key == bound.0)
        .map(|(place, _)| place)
        .collect();
    let place = match same.as_slice() {
        [] => return Ok(None),
        [place] => *place,
        several => match several
            .iter()
            .find(|place| groups.places[**place] == ast.at)
        {
            Some(place) => *place,
            None => {
                let detail = "unnest of what two group keys unnest; name each by an alias or its \
                              output position";
                return Err(Error::unsupported(detail));
            }
        },
    };
    Ok(Some(Expr::slot(place, groups.key_types[place])))
}

/// Where a thing stands in a list, to which it is added if it is new.
fn place_of<T: PartialEq>(list: &mut Vec<T>, thing: T) -> usize {
    let place = list.iter().position(|other| *other == thing);
    place.unwrap_or_else(|| {
        list.push(thing);
        list.len() - 1
    })
}

/// Binds something over the rows of a group.
fn over_rows<T>(
    scope: &mut Scope<'_>,
    bind: impl FnOnce(&mut Scope<'_>) -> Result<T>,
) -> Result<T> {
    let groups: Option<Groups> = scope.groups.take();
    let result = bind(scope);
    scope.groups = groups;
    result
}

/// Binds a group key, and says its type.
pub(super) fn key(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<(GroupKey, DataType)> {
    if let Ast::Call(call) = &ast.kind
        && call.name.text == "unnest"
    {
        let key = unnest(scope, call).map_err(|error| error.at(ast.at))?;
        return Ok((key, DataType::Keyword));
    }
    let expr = scalar(scope, ast, None)?;
    let data_type = expr.data_type;
    Ok((GroupKey::Value(expr), data_type))
}

/// Refuses keys that values cannot be grouped by.
pub(super) fn check_key(key: &GroupKey, data_type: DataType) -> Result<()> {
    if matches!(key, GroupKey::Unnest(_)) {
        return Ok(());
    }
    match data_type {
        DataType::KeywordSet => Err(Error::unsupported(
            "GROUP BY a set; write GROUP BY unnest(set)",
        )),
        DataType::Map(_) => Err(Error::unsupported(
            "GROUP BY a map; write GROUP BY unnest(map_keys(map))",
        )),
        DataType::LongText => Err(Error::unsupported("GROUP BY a LONGTEXT")),
        _ => Ok(()),
    }
}

/// `unnest(set)` and `unnest(map_keys(map))`
fn unnest(scope: &mut Scope<'_>, call: &Call) -> Result<GroupKey> {
    let [argument] = call.arguments.as_slice() else {
        return Err(Error::type_mismatch("unnest takes 1 argument"));
    };
    let (inner, of_map) = match &argument.kind {
        Ast::Call(keys) if keys.name.text == "map_keys" => match keys.arguments.as_slice() {
            [map] => (map, true),
            _ => return Err(Error::type_mismatch("map_keys takes 1 argument")),
        },
        _ => (argument, false),
    };
    let expr = scalar(scope, inner, None)?;
    let fits = match expr.data_type {
        DataType::KeywordSet => !of_map,
        DataType::Map(_) => of_map,
        _ => false,
    };
    let is_column = expr
        .as_slot()
        .and_then(|slot| scope.column(slot))
        .is_some_and(|column| matches!(column, Column::Tag { .. }));
    match expr.as_slot() {
        Some(slot) if fits && is_column => Ok(GroupKey::Unnest(slot)),
        _ if fits => Err(Error::unsupported("unnest of anything but a column")),
        _ => Err(Error::type_mismatch(format!(
            "unnest takes a set, or map_keys(map), not {}",
            expr.data_type
        ))),
    }
}
