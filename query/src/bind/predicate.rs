//! Conditions: logic, and what is written out in terms of it.

use crate::bind::bound::{Expr, ExprKind, Leaf, Predicate};
use crate::bind::compare::{compare, compare_bound, in_list};
use crate::bind::expr::{alike, scalar};
use crate::bind::in_query::in_query;
use crate::bind::scope::Scope;
use crate::bind::{group, like, sets};
use crate::error::{Error, Result};
use crate::parse::ast::{self, CompareOp, ExprKind as Ast};
use crate::value::{DataType, Value};

/// How high a CASE may be that is written out: each of its branches goes on top of those behind it,
/// and whatever follows a tree goes as deep. A higher one is asked row by row.
const CASE_HEIGHT_MAX: usize = 64;

/// Binds a condition.
pub(super) fn predicate(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Predicate> {
    let bound = scope.count(1).and_then(|()| {
        let may_be_key = is_logic(ast) || matches!(ast.kind, Ast::Call(_));
        if may_be_key && let Some(slot) = group::slot_of(scope, ast)? {
            return of_value(scope, slot);
        }
        kind(scope, ast)
    });
    bound.map_err(|error| error.at(ast.at))
}

/// Whether it is a condition by its form, whatever its parts are.
pub(super) fn is_logic(ast: &ast::Expr) -> bool {
    matches!(
        ast.kind,
        Ast::Compare(..)
            | Ast::Overlaps(..)
            | Ast::Contains(..)
            | Ast::EqualAny(..)
            | Ast::And(_)
            | Ast::Or(_)
            | Ast::Not(_)
            | Ast::IsNull(_)
            | Ast::IsTrue(_)
            | Ast::IsFalse(_)
            | Ast::IsNotDistinct(..)
            | Ast::In(..)
            | Ast::InQuery(..)
            | Ast::Between(..)
            | Ast::Like(_)
    )
}

fn kind(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Predicate> {
    let boxed = |predicate: Predicate| Box::new(predicate);
    match &ast.kind {
        Ast::And(terms) => Ok(Predicate::And(all(scope, terms)?)),
        Ast::Or(terms) => Ok(Predicate::Or(all(scope, terms)?)),
        Ast::Not(inner) => Ok(Predicate::Not(boxed(predicate(scope, inner)?))),
        Ast::IsTrue(inner) => Ok(Predicate::IsTrue(boxed(predicate(scope, inner)?))),
        Ast::IsFalse(inner) => Ok(Predicate::IsFalse(boxed(predicate(scope, inner)?))),
        Ast::IsNull(inner) => is_null(scope, inner),
        Ast::IsNotDistinct(left, right) => is_not_distinct(scope, left, right),
        Ast::Compare(operator, left, right) => compare(scope, *operator, left, right),
        Ast::Between(inner, low, high) => {
            let from = compare(scope, CompareOp::GreaterOrEqual, inner, low)?;
            let to = compare(scope, CompareOp::LessOrEqual, inner, high)?;
            Ok(Predicate::And(vec![from, to]))
        }
        Ast::In(inner, list) => in_list(scope, inner, list),
        Ast::InQuery(left, query) => in_query(scope, left, query),
        Ast::Like(ast) => like::like(scope, ast),
        Ast::EqualAny(left, list) => sets::equal_any(scope, left, list),
        Ast::Overlaps(left, right) => sets::overlaps(scope, left, right),
        Ast::Contains(left, right) => sets::contains(scope, left, right),
        Ast::Call(call) => match sets::call(scope, call)? {
            Some(predicate) => Ok(predicate),
            None => value(scope, ast),
        },
        _ => value(scope, ast),
    }
}

fn all(scope: &mut Scope<'_>, terms: &[ast::Expr]) -> Result<Vec<Predicate>> {
    terms.iter().map(|term| predicate(scope, term)).collect()
}

fn value(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Predicate> {
    let expr = scalar(scope, ast, Some(DataType::Boolean))?;
    of_value(scope, expr)
}

/// A BOOLEAN value as a condition.
fn of_value(scope: &mut Scope<'_>, expr: Expr) -> Result<Predicate> {
    if !matches!(expr.data_type, DataType::Boolean | DataType::Null) {
        let detail = format!("a condition is expected, not a {}", expr.data_type);
        return Err(Error::type_mismatch(detail));
    }
    if matches!(expr.kind, ExprKind::Case { .. }) && expr.height() > CASE_HEIGHT_MAX {
        return Ok(Predicate::Leaf(Leaf::Holds(expr)));
    }
    Ok(match expr.kind {
        ExprKind::Literal(Value::Boolean(value)) => Predicate::Constant(Some(value)),
        ExprKind::Literal(_) => Predicate::Constant(None),
        ExprKind::Predicate(predicate) => *predicate,
        ExprKind::Slot(slot) if scope.groups.is_none() => Predicate::Leaf(Leaf::Boolean(slot)),
        ExprKind::Case {
            branches,
            otherwise,
        } => case(scope, branches, *otherwise)?,
        _ => Predicate::Leaf(Leaf::Holds(expr)),
    })
}

/// `CASE WHEN w THEN t ELSE e END` is `(w IS TRUE AND t) OR (w IS NOT TRUE AND e)`.
fn case(
    scope: &mut Scope<'_>,
    branches: Vec<(Predicate, Expr)>,
    otherwise: Expr,
) -> Result<Predicate> {
    let mut rest = of_value(scope, otherwise)?;
    for (when, then) in branches.into_iter().rev() {
        let then = of_value(scope, then)?;
        scope.count(when.size() + 5)?;
        let holds = Predicate::IsTrue(Box::new(when.clone()));
        let not = Predicate::Not(Box::new(Predicate::IsTrue(Box::new(when))));
        rest = Predicate::Or(vec![
            Predicate::And(vec![holds, then]),
            Predicate::And(vec![not, rest]),
        ]);
    }
    Ok(rest)
}

fn is_null(scope: &mut Scope<'_>, inner: &ast::Expr) -> Result<Predicate> {
    let expr = match is_logic(inner) {
        true => crate::bind::expr::of_predicate(predicate(scope, inner)?),
        false => scalar(scope, inner, None)?,
    };
    if matches!(expr.data_type, DataType::KeywordSet | DataType::Map(_)) {
        let detail = format!(
            "a {} is never NULL; write cardinality(x) = 0 for an empty one",
            expr.data_type
        );
        return Err(Error::type_mismatch(detail));
    }
    Ok(known(scope, expr, false))
}

/// Whether an expression is (not) NULL.
fn known(scope: &Scope<'_>, expr: Expr, wanted: bool) -> Predicate {
    let leaf = match expr.kind {
        ExprKind::Literal(value) => return Predicate::Constant(Some(value.is_null() != wanted)),
        ExprKind::Predicate(predicate) => {
            let is_null = Predicate::IsNull(predicate);
            return match wanted {
                true => Predicate::Not(Box::new(is_null)),
                false => is_null,
            };
        }
        ExprKind::Slot(slot) if scope.groups.is_none() => match scope.column(slot) {
            Some(crate::bind::bound::Column::Key) => return Predicate::Constant(Some(wanted)),
            _ => Leaf::Known(slot),
        },
        _ => Leaf::NotNull(expr),
    };
    match wanted {
        true => Predicate::Leaf(leaf),
        false => Predicate::Not(Box::new(Predicate::Leaf(leaf))),
    }
}

/// Equal, or both NULL.
fn is_not_distinct(
    scope: &mut Scope<'_>,
    left: &ast::Expr,
    right: &ast::Expr,
) -> Result<Predicate> {
    let (exprs, common) = alike(scope, &[left, right], None)?;
    let Ok([left, right]) = <[Expr; 2]>::try_from(exprs) else {
        return Err(Error::internal("two expressions became another number"));
    };
    // Both are written twice, also inside of each other.
    scope.count(left.size() + right.size())?;
    let equal = compare_bound(scope, CompareOp::Equal, left.clone(), right.clone(), common)?;
    let same = Predicate::IsTrue(Box::new(equal));
    let neither = Predicate::And(vec![known(scope, left, false), known(scope, right, false)]);
    Ok(Predicate::Or(vec![same, neither]))
}
