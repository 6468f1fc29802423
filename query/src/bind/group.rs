//! Groups: their keys, their aggregates, and expressions over them.

use crate::bind::bound::{Aggregate, AggregateKind, Column, Expr, GroupKey};
use crate::bind::expr::{is_constant, scalar};
use crate::bind::scope::{Groups, Scope};
use crate::bind::types::{decimal, scale_of};
use crate::error::{Error, Result};
use crate::parse::ast::{self, Call, ExprKind as Ast};
use crate::value::DataType;

/// The error for a column that a group has many values of.
pub(super) fn not_grouped(name: &str) -> Error {
    let detail = format!("{name:?} is neither in GROUP BY nor inside an aggregate");
    Error::new("not_grouped", detail)
}

/// The aggregate of that name.
pub(super) fn aggregate_kind(name: &str) -> Option<AggregateKind> {
    Some(match name {
        "count" => AggregateKind::Count,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        _ => return None,
    })
}

/// Whether there is an aggregate in an expression.
pub(super) fn has_aggregate(ast: &ast::Expr) -> bool {
    has_call(ast, &|name| aggregate_kind(name).is_some())
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
        Ast::Call(call) => is_wanted(&call.name.text) || any(&call.arguments),
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
        && let Some(kind) = aggregate_kind(&call.name.text)
    {
        return over_rows(scope, |scope| aggregate(scope, call, kind)).map(|aggregate| {
            let data_type = aggregate.data_type;
            let slot = scope.groups.as_mut().map(|groups| {
                let same = groups
                    .aggregates
                    .iter()
                    .position(|other| *other == aggregate);
                let place = same.unwrap_or(groups.aggregates.len());
                if same.is_none() {
                    groups.aggregates.push(aggregate);
                }
                groups.keys.len() + place
            });
            slot.map(|slot| Expr::slot(slot, data_type))
        });
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
    let groups = scope.groups.as_ref();
    Ok(groups.and_then(|groups| {
        let place = groups.keys.iter().position(|key| *key == bound.0)?;
        Some(Expr::slot(place, groups.key_types[place]))
    }))
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

/// Binds an aggregate and its argument, over rows.
fn aggregate(scope: &mut Scope<'_>, call: &Call, kind: AggregateKind) -> Result<Aggregate> {
    let name = call.name.text.as_str();
    if call.star {
        if kind != AggregateKind::Count {
            return Err(Error::type_mismatch(format!("{name}(*) has no meaning")));
        }
        return Ok(Aggregate {
            kind,
            argument: None,
            data_type: DataType::BigInt,
        });
    }
    let [argument] = call.arguments.as_slice() else {
        let detail = format!("{name} takes 1 argument, not {}", call.arguments.len());
        return Err(Error::type_mismatch(detail));
    };
    let kind = match (kind, call.distinct) {
        (AggregateKind::Count, true) => AggregateKind::CountDistinct,
        (AggregateKind::Min | AggregateKind::Max, _) | (_, false) => kind,
        _ => return Err(Error::unsupported(format!("{name}(DISTINCT ...)"))),
    };
    let expr = scalar(scope, argument, None)?;
    let data_type = aggregate_type(kind, expr.data_type).map_err(|()| {
        let detail = format!("{name} of {} has no meaning", expr.data_type);
        Error::type_mismatch(detail).at(argument.at)
    })?;
    Ok(Aggregate {
        kind,
        argument: Some(expr),
        data_type,
    })
}

fn aggregate_type(kind: AggregateKind, argument: DataType) -> Result<DataType, ()> {
    let unordered = matches!(
        argument,
        DataType::KeywordSet | DataType::Map(_) | DataType::LongText
    );
    match kind {
        AggregateKind::Count => Ok(DataType::BigInt),
        AggregateKind::CountDistinct | AggregateKind::Min | AggregateKind::Max if unordered => {
            Err(())
        }
        AggregateKind::CountDistinct => Ok(DataType::BigInt),
        AggregateKind::Min | AggregateKind::Max => Ok(argument),
        AggregateKind::Sum | AggregateKind::Avg if argument == DataType::Null => {
            Ok(DataType::Double)
        }
        AggregateKind::Sum | AggregateKind::Avg if !argument.is_numeric() => Err(()),
        AggregateKind::Avg => Ok(DataType::Double),
        AggregateKind::Sum => Ok(match (argument, scale_of(argument)) {
            (DataType::Decimal { .. }, Some(scale)) => decimal(scale),
            (_, Some(_)) => DataType::BigInt,
            _ => DataType::Double,
        }),
    }
}
