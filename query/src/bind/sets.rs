//! Conditions on sets and maps.

use std::sync::Arc;

use crate::bind::any_key;
use crate::bind::bound::{Column, Expr, Function, Leaf, Operand, Predicate, Slot};
use crate::bind::compare::in_values;
use crate::bind::expr::{called, scalar};
use crate::bind::in_query::set_query;
use crate::bind::params::{self, Param};
use crate::bind::scope::Scope;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::ast::{self, Call, ExprKind as Ast};
use crate::value::{DataType, Value};

/// A call that is a condition on sets or maps.
pub(super) fn call(scope: &mut Scope<'_>, call: &Call) -> Result<Option<Predicate>> {
    let arguments = call.arguments.as_slice();
    let predicate = match (call.name.text.as_str(), arguments) {
        ("has", [set, member]) => has(scope, set, member),
        ("has_any", [left, right]) => overlaps(scope, left, right),
        ("has_all", [left, right]) => contains(scope, left, right),
        ("map_contains", [map, key]) => map_contains(scope, map, key),
        ("any_key", _) => any_key::any_key(scope, call),
        ("has" | "has_any" | "has_all" | "map_contains", _) => Err(Error::type_mismatch(format!(
            "{} takes 2 arguments, not {}",
            call.name.text,
            arguments.len()
        ))),
        _ => return Ok(None),
    };
    predicate.map(Some)
}

/// `left = ANY(list)`: of a set column, or of a list.
pub(super) fn equal_any(
    scope: &mut Scope<'_>,
    left: &ast::Expr,
    list: &ast::Expr,
) -> Result<Predicate> {
    match &list.kind {
        Ast::List(items) if items.is_empty() => {
            scalar(scope, left, None)?;
            Ok(Predicate::Constant(Some(false)))
        }
        Ast::List(items) => crate::bind::compare::in_list(scope, left, items),
        Ast::Parameter(index) => match scope.param(*index)? {
            Param::List(items) => {
                let most = scope.env.limits.list_elements_max;
                Limits::check("list_elements", items.len(), most)?;
                let mark = scope.mark();
                let expected = scalar(scope, left, None)?.data_type;
                scope.forget_since(mark);
                let values = items
                    .iter()
                    .map(|item| params::constant(item, Some(expected)))
                    .collect::<Result<Vec<_>>>()?;
                scope.count_constants(values.iter().filter_map(Expr::as_literal))?;
                in_values(scope, left, values)
            }
            Param::Null => Ok(Predicate::Constant(None)),
            _ => Err(Error::new("bad_parameter", "the parameter of ANY is not a list").at(list.at)),
        },
        _ => has(scope, list, left),
    }
}

/// `has(set, member)`
fn has(scope: &mut Scope<'_>, set: &ast::Expr, member: &ast::Expr) -> Result<Predicate> {
    let set_expr = set_of(scope, set)?;
    let member_expr = scalar(scope, member, Some(DataType::Keyword))?;
    if !matches!(member_expr.data_type, DataType::Keyword | DataType::Null) {
        let detail = format!(
            "the members of a set are strings, not {}",
            member_expr.data_type
        );
        return Err(Error::type_mismatch(detail).at(member.at));
    }
    match (column_of(scope, &set_expr), member_expr.as_literal()) {
        (_, Some(Value::Null)) => Ok(Predicate::Constant(None)),
        (Some(slot), Some(Value::Text(text))) => {
            Ok(Predicate::Leaf(Leaf::HasAny(slot, vec![text.clone()])))
        }
        _ => by_rows(Function::Has, vec![set_expr, member_expr]),
    }
}

/// `has_any(a, b)`, `a && b`
pub(super) fn overlaps(
    scope: &mut Scope<'_>,
    left: &ast::Expr,
    right: &ast::Expr,
) -> Result<Predicate> {
    if let Ast::Query(query) = &right.kind {
        let left = set_of(scope, left)?;
        return set_query(scope, &left, query, Operand::AnyMember);
    }
    let (left, right) = (set_of(scope, left)?, set_of(scope, right)?);
    let (left_slot, right_slot) = (column_of(scope, &left), column_of(scope, &right));
    match (left_slot, right_slot) {
        (Some(left), Some(right)) => Ok(Predicate::Leaf(Leaf::Overlaps(left, right))),
        (Some(slot), None) if is_set(&right) => Ok(any_of(slot, right)),
        (None, Some(slot)) if is_set(&left) => Ok(any_of(slot, left)),
        _ => by_rows(Function::HasAny, vec![left, right]),
    }
}

/// `has_all(a, b)`, `a @> b`
pub(super) fn contains(
    scope: &mut Scope<'_>,
    left: &ast::Expr,
    right: &ast::Expr,
) -> Result<Predicate> {
    if let Ast::Query(query) = &right.kind {
        let left = set_of(scope, left)?;
        return set_query(scope, &left, query, Operand::AllValues);
    }
    let (left, right) = (set_of(scope, left)?, set_of(scope, right)?);
    match (column_of(scope, &left), column_of(scope, &right)) {
        (Some(left), Some(right)) => Ok(Predicate::Leaf(Leaf::Contains(left, right))),
        (Some(slot), None) if is_set(&right) => Ok(match members(right) {
            members if members.is_empty() => Predicate::Constant(Some(true)),
            members => Predicate::Leaf(Leaf::HasAll(slot, members)),
        }),
        _ => by_rows(Function::HasAll, vec![left, right]),
    }
}

fn any_of(slot: Slot, list: Expr) -> Predicate {
    match members(list) {
        members if members.is_empty() => Predicate::Constant(Some(false)),
        members => Predicate::Leaf(Leaf::HasAny(slot, members)),
    }
}

fn is_set(expr: &Expr) -> bool {
    matches!(expr.as_literal(), Some(Value::Set(_)))
}

fn members(list: Expr) -> Vec<Arc<str>> {
    match list.kind {
        crate::bind::bound::ExprKind::Literal(Value::Set(members)) => members,
        _ => Vec::new(),
    }
}

/// `map_contains(map, key)`
fn map_contains(scope: &mut Scope<'_>, map: &ast::Expr, key: &ast::Expr) -> Result<Predicate> {
    let mark = scope.mark();
    let map_expr = scalar(scope, map, None)?;
    if !matches!(map_expr.data_type, DataType::Map(_)) {
        let detail = format!("map_contains takes a map, not {}", map_expr.data_type);
        return Err(Error::type_mismatch(detail).at(map.at));
    }
    let key_expr = scalar(scope, key, Some(DataType::Keyword))?;
    let column = map_expr
        .as_slot()
        .filter(|_| scope.groups.is_none())
        .and_then(|slot| scope.column(slot))
        .cloned();
    match (column, key_expr.as_literal()) {
        (_, Some(Value::Null)) => Ok(Predicate::Constant(None)),
        (Some(Column::Tag { id, .. }), Some(Value::Text(text))) => {
            let DataType::Map(number) = map_expr.data_type else {
                return Err(Error::internal("a map that is no map"));
            };
            let key = text.clone();
            // The whole map need not be read.
            scope.forget_since(mark);
            let slot = scope.slot(Column::MapValue { id, number, key });
            Ok(Predicate::Leaf(Leaf::Known(slot)))
        }
        _ if matches!(key_expr.data_type, DataType::Keyword | DataType::Null) => {
            by_rows(Function::MapContains, vec![map_expr, key_expr])
        }
        _ => Err(Error::type_mismatch("the keys of a map are strings").at(key.at)),
    }
}

fn set_of(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Expr> {
    let expr = scalar(scope, ast, Some(DataType::KeywordSet))?;
    match expr.data_type {
        DataType::KeywordSet => Ok(expr),
        DataType::Null => Ok(Expr::literal(Value::Null, DataType::KeywordSet)),
        other => {
            let detail = format!("a set is expected, not {other}");
            Err(Error::type_mismatch(detail).at(ast.at))
        }
    }
}

/// The slot, if the expression is a column of the table.
fn column_of(scope: &Scope<'_>, expr: &Expr) -> Option<Slot> {
    expr.as_slot().filter(|_| scope.groups.is_none())
}

fn by_rows(function: Function, arguments: Vec<Expr>) -> Result<Predicate> {
    let call = crate::bind::expr::fold(called(function, arguments, DataType::Boolean))?;
    Ok(match call.as_literal() {
        Some(Value::Boolean(value)) => Predicate::Constant(Some(*value)),
        Some(_) => Predicate::Constant(None),
        None => Predicate::Leaf(Leaf::Holds(call)),
    })
}
