//! Scalar expressions.

use tagdb_storage::schema::{NumberType, TagType};

use crate::bind::bound::{Column, Expr, ExprKind, Function, Predicate};
use crate::bind::compare::compare;
use crate::bind::scope::Scope;
use crate::bind::types::{castable, common_type};
use crate::bind::{any_key, arithmetic, call, group, params, predicate};
use crate::error::{Error, Result};
use crate::functions::eval;
use crate::parse::ast::{self, ExprKind as Ast};
use crate::value::{DataType, Value};

/// Binds an expression. A string literal becomes a date, timestamp or decimal, and a string
/// parameter any type, if that is expected; nothing else is converted.
pub(super) fn scalar(
    scope: &mut Scope<'_>,
    ast: &ast::Expr,
    expected: Option<DataType>,
) -> Result<Expr> {
    // Constants are counted as elements of their lists.
    let nodes = usize::from(!is_constant(ast));
    let bound = scope.count(nodes).and_then(|()| {
        if let Some(slot) = group::slot_of(scope, ast)? {
            return Ok(slot);
        }
        kind(scope, ast, expected)
    });
    let folded = bound.and_then(fold).and_then(|expr| match &expr.kind {
        // Of what is written in the statement there is no more than it has bytes.
        ExprKind::Literal(value) if !matches!(ast.kind, Ast::Text(_)) => {
            scope.count_constants(std::iter::once(value))?;
            Ok(expr)
        }
        _ => Ok(expr),
    });
    folded.map_err(|error| error.at(ast.at))
}

/// Whether it is a literal or a parameter.
pub(super) const fn is_constant(ast: &ast::Expr) -> bool {
    matches!(
        ast.kind,
        Ast::Null | Ast::Boolean(_) | Ast::Number(_) | Ast::Text(_) | Ast::Parameter(_)
    )
}

fn kind(scope: &mut Scope<'_>, ast: &ast::Expr, expected: Option<DataType>) -> Result<Expr> {
    match &ast.kind {
        Ast::Null => Ok(Expr::literal(Value::Null, DataType::Null)),
        Ast::Boolean(value) => Ok(Expr::literal(Value::Boolean(*value), DataType::Boolean)),
        Ast::Number(text) => params::number(text),
        Ast::Text(text) => match expected {
            Some(to @ DataType::Decimal { .. }) => params::decimal_text(text, to),
            Some(to @ (DataType::Date | DataType::Timestamp)) => {
                Ok(Expr::literal(crate::literal::parse_as(to, text)?, to))
            }
            _ => {
                let value = Value::Text(text.as_str().into());
                Ok(Expr::literal(value, DataType::Keyword))
            }
        },
        Ast::Parameter(index) => params::constant(scope.param(*index)?, expected),
        Ast::Interval(_) => Err(Error::type_mismatch(
            "an INTERVAL stands only beside + and -",
        )),
        Ast::Column { qualifier, name } => {
            if scope.groups.is_some() {
                return Err(group::not_grouped(&name.text));
            }
            scope.resolve(qualifier.as_ref(), name)
        }
        Ast::Query(_) => Err(Error::unsupported(
            "a sub-query other than behind IN, && and @>",
        )),
        Ast::Element(map, key) => element(scope, map, key),
        Ast::List(items) => list(scope, items),
        Ast::Map(entries) => map(scope, entries, expected),
        Ast::Negate(inner) => arithmetic::negate(scope, inner, expected),
        Ast::Arithmetic(operator, left, right) => {
            arithmetic::arithmetic(scope, *operator, left, right)
        }
        Ast::Case {
            operand,
            branches,
            otherwise,
        } => case(
            scope,
            operand.as_deref(),
            branches,
            otherwise.as_deref(),
            expected,
        ),
        Ast::Cast(inner, to) => cast(scope, inner, *to),
        Ast::Extract(field, inner) => {
            let inner = date_or_timestamp(scope, inner)?;
            let data_type = match field {
                crate::bind::bound::DateField::Second | crate::bind::bound::DateField::Epoch => {
                    DataType::Double
                }
                _ => DataType::BigInt,
            };
            let function = Function::Extract(*field, scope.env.time_zone.clone());
            Ok(called(function, vec![inner], data_type))
        }
        Ast::Call(call) => call::call(scope, call, ast.at, expected),
        Ast::Lambda(..) => Err(Error::unsupported("the operator -> outside of any_key")),
        _ => {
            let bound = predicate::predicate(scope, ast)?;
            Ok(of_predicate(scope.simplified(bound)))
        }
    }
}

/// A condition as a value.
pub(super) fn of_predicate(predicate: Predicate) -> Expr {
    Expr {
        kind: ExprKind::Predicate(Box::new(predicate)),
        data_type: DataType::Boolean,
    }
}

/// A call of a function.
pub(super) fn called(function: Function, arguments: Vec<Expr>, data_type: DataType) -> Expr {
    Expr {
        kind: ExprKind::Call(function, arguments),
        data_type,
    }
}

/// Computes what reads no slot.
pub(super) fn fold(expr: Expr) -> Result<Expr> {
    let constant = match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Slot(_) => false,
        ExprKind::Negate(inner) | ExprKind::Cast(inner) => inner.as_literal().is_some(),
        ExprKind::Arithmetic(_, left, right) => {
            left.as_literal().is_some() && right.as_literal().is_some()
        }
        ExprKind::Call(_, arguments) => arguments.iter().all(|a| a.as_literal().is_some()),
        ExprKind::Case { .. } => {
            let mut constant = true;
            expr.for_each_slot(&mut |_| constant = false);
            constant
        }
        ExprKind::Predicate(predicate) => matches!(**predicate, Predicate::Constant(_)),
    };
    if !constant {
        return Ok(expr);
    }
    Ok(Expr::literal(eval(&expr, &[])?, expr.data_type))
}

/// Whether the type of a constant is decided by what stands beside it.
fn is_flexible(scope: &Scope<'_>, ast: &ast::Expr) -> Result<bool> {
    Ok(match &ast.kind {
        Ast::Text(_) | Ast::Null => true,
        Ast::Parameter(index) => {
            matches!(
                scope.param(*index)?,
                params::Param::Text(_) | params::Param::Null
            )
        }
        _ => false,
    })
}

/// Binds expressions that are to have one type, and says which.
pub(super) fn alike(
    scope: &mut Scope<'_>,
    asts: &[&ast::Expr],
    expected: Option<DataType>,
) -> Result<(Vec<Expr>, DataType)> {
    let mut common = DataType::Null;
    let mut bound: Vec<Option<Expr>> = Vec::with_capacity(asts.len());
    for ast in asts {
        let flexible = is_flexible(scope, ast).map_err(|error| error.at(ast.at))?;
        bound.push(match flexible {
            true => None,
            false => {
                let expr = scalar(scope, ast, expected)?;
                common = join(common, expr.data_type).map_err(|error| error.at(ast.at))?;
                Some(expr)
            }
        });
    }
    let wanted = match common {
        DataType::Null => expected,
        common => Some(common),
    };
    let mut exprs = Vec::with_capacity(asts.len());
    for (ast, expr) in asts.iter().zip(bound) {
        exprs.push(match expr {
            Some(expr) => expr,
            None => {
                let expr = scalar(scope, ast, wanted)?;
                common = join(common, expr.data_type).map_err(|error| error.at(ast.at))?;
                expr
            }
        });
    }
    Ok((exprs, common))
}

fn join(a: DataType, b: DataType) -> Result<DataType> {
    common_type(a, b).ok_or_else(|| Error::type_mismatch(format!("{a} and {b} do not go together")))
}

/// The expression as a type that [`common_type`] gave for it.
pub(super) fn coerce(scope: &Scope<'_>, expr: Expr, to: DataType) -> Result<Expr> {
    let from = expr.data_type;
    if from == to || to == DataType::Null {
        return Ok(expr);
    }
    if from == DataType::Date && to == DataType::Timestamp {
        let function = Function::MidnightOf(scope.env.time_zone.clone());
        return fold(called(function, vec![expr], to));
    }
    // Values of these types look alike.
    let same = from == DataType::Null
        || (from.is_integer() && to.is_integer())
        || (from.is_text() && to.is_text());
    if same {
        return Ok(Expr {
            data_type: to,
            ..expr
        });
    }
    fold(Expr {
        kind: ExprKind::Cast(Box::new(expr)),
        data_type: to,
    })
}

/// Binds expressions and brings them to one type.
pub(super) fn coerced(
    scope: &mut Scope<'_>,
    asts: &[&ast::Expr],
    expected: Option<DataType>,
) -> Result<(Vec<Expr>, DataType)> {
    let (exprs, common) = alike(scope, asts, expected)?;
    let exprs = exprs
        .into_iter()
        .map(|expr| coerce(scope, expr, common))
        .collect::<Result<_>>()?;
    Ok((exprs, common))
}

/// Binds an argument that has to be a DATE or TIMESTAMP.
pub(super) fn date_or_timestamp(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Expr> {
    let expr = scalar(scope, ast, Some(DataType::Timestamp))?;
    match expr.data_type {
        DataType::Date | DataType::Timestamp | DataType::Null => Ok(expr),
        other => Err(
            Error::type_mismatch(format!("a DATE or TIMESTAMP is expected, not {other}"))
                .at(ast.at),
        ),
    }
}

fn cast(scope: &mut Scope<'_>, inner: &ast::Expr, to: DataType) -> Result<Expr> {
    let inner = scalar(scope, inner, None)?;
    let from = inner.data_type;
    let zone = || scope.env.time_zone.clone();
    match (from, to) {
        (DataType::Timestamp, DataType::Date) => {
            Ok(called(Function::DateOf(zone()), vec![inner], to))
        }
        (DataType::Date, DataType::Timestamp) => {
            Ok(called(Function::MidnightOf(zone()), vec![inner], to))
        }
        _ if from == to => Ok(inner),
        _ if castable(from, to) => Ok(Expr {
            kind: ExprKind::Cast(Box::new(inner)),
            data_type: to,
        }),
        _ => Err(Error::type_mismatch(format!(
            "{from} cannot be cast to {to}"
        ))),
    }
}

fn case(
    scope: &mut Scope<'_>,
    operand: Option<&ast::Expr>,
    branches: &[(ast::Expr, ast::Expr)],
    otherwise: Option<&ast::Expr>,
    expected: Option<DataType>,
) -> Result<Expr> {
    let mut whens = Vec::with_capacity(branches.len());
    for (when, _) in branches {
        whens.push(match operand {
            None => predicate::predicate(scope, when)?,
            Some(operand) => compare(scope, ast::CompareOp::Equal, operand, when)
                .map_err(|error| error.at(when.at))?,
        });
    }
    let results: Vec<_> = branches
        .iter()
        .map(|(_, then)| then)
        .chain(otherwise)
        .collect();
    let (mut results, data_type) = coerced(scope, &results, expected)?;
    let otherwise = match otherwise {
        Some(_) => results.pop(),
        None => None,
    };
    let otherwise = otherwise.unwrap_or_else(|| Expr::literal(Value::Null, data_type));
    let whens = whens.into_iter().map(|when| scope.simplified(when));
    Ok(Expr {
        kind: ExprKind::Case {
            branches: whens.zip(results).collect(),
            otherwise: Box::new(otherwise),
        },
        data_type,
    })
}

/// `map['key']`
fn element(scope: &mut Scope<'_>, map: &ast::Expr, key: &ast::Expr) -> Result<Expr> {
    let Ast::Column { qualifier, name } = &map.kind else {
        return Err(Error::unsupported(
            "an element of anything but a map column",
        ));
    };
    if scope.groups.is_some() {
        return Err(group::not_grouped(&name.text));
    }
    let mark = scope.mark();
    let column = scope.resolve(qualifier.as_ref(), name)?;
    let found = column
        .as_slot()
        .and_then(|slot| scope.column(slot))
        .cloned();
    scope.forget_since(mark);
    let (Some(Column::Tag { id, .. }), DataType::Map(number)) = (found, column.data_type) else {
        let detail = format!("{:?} is a {}, not a map", name.text, column.data_type);
        return Err(Error::type_mismatch(detail).at(map.at));
    };
    if any_key::is_own_key(scope, key) {
        let kind = TagType::Number(number);
        return Ok(Expr::slot(
            scope.slot(Column::Tag { id, kind }),
            number.into(),
        ));
    }
    let key_expr = scalar(scope, key, Some(DataType::Keyword))?;
    match key_expr.as_literal() {
        Some(Value::Text(key)) => {
            let slot = scope.slot(Column::MapValue {
                id,
                number,
                key: key.clone(),
            });
            Ok(Expr::slot(slot, number.into()))
        }
        Some(Value::Null) => Ok(Expr::literal(Value::Null, number.into())),
        Some(_) => Err(Error::type_mismatch("the keys of a map are strings").at(key.at)),
        None => Err(Error::unsupported("a map's key that is no constant").at(key.at)),
    }
}

/// A list of string constants as a set.
fn list(scope: &mut Scope<'_>, items: &[ast::Expr]) -> Result<Expr> {
    let mut members = Vec::with_capacity(items.len());
    for item in items {
        let expr = scalar(scope, item, Some(DataType::Keyword))?;
        members.push(match expr.as_literal() {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Null) => {
                return Err(Error::type_mismatch("a set has no NULL members").at(item.at));
            }
            Some(_) => {
                return Err(Error::type_mismatch("the members of a set are strings").at(item.at));
            }
            None => return Err(Error::unsupported("a list of anything but constants").at(item.at)),
        });
    }
    Ok(Expr::literal(Value::set(members), DataType::KeywordSet))
}

/// A map of constants; entries with NULL are left out.
fn map(
    scope: &mut Scope<'_>,
    entries: &[(ast::Expr, ast::Expr)],
    expected: Option<DataType>,
) -> Result<Expr> {
    let Some(DataType::Map(number)) = expected else {
        return Err(Error::type_mismatch("a map where no map is expected"));
    };
    let mut values = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key_expr = scalar(scope, key, Some(DataType::Keyword))?;
        let Some(Value::Text(key_text)) = key_expr.as_literal() else {
            return Err(Error::type_mismatch("the keys of a map are strings").at(key.at));
        };
        let mut bound = scalar(scope, value, Some(number.into()))?;
        if (bound.data_type, number) == (DataType::Date, NumberType::Timestamp) {
            bound = coerce(scope, bound, DataType::Timestamp)?;
        }
        let Some(constant) = bound.as_literal() else {
            return Err(Error::unsupported("a map of anything but constants").at(value.at));
        };
        if !constant.is_null() {
            let stored = crate::literal::to_stored(number, constant);
            let stored = stored.map_err(|error| error.at(value.at))?;
            let constant = crate::literal::from_stored(number, stored);
            values.push((key_text.clone(), constant));
        }
    }
    Ok(Expr::literal(Value::map(values), DataType::Map(number)))
}
