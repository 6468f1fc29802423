//! Arithmetic: types of results, and dates that are moved.

use crate::bind::bound::{Arithmetic, Expr, ExprKind, Function, Interval};
use crate::bind::expr::{called, coerce, scalar};
use crate::bind::params;
use crate::bind::scope::Scope;
use crate::bind::types::{decimal, scale_of};
use crate::decimal::DIGITS_MAX;
use crate::error::{Error, Result};
use crate::parse::ast::{self, ExprKind as Ast};
use crate::value::{DataType, Value};

pub(super) fn negate(
    scope: &mut Scope<'_>,
    inner: &ast::Expr,
    expected: Option<DataType>,
) -> Result<Expr> {
    // The smallest integer has no positive counterpart.
    if let Ast::Number(text) = &inner.kind {
        return params::number(&format!("-{text}"));
    }
    let inner = scalar(scope, inner, expected)?;
    let data_type = match inner.data_type {
        DataType::Null | DataType::Double | DataType::Decimal { .. } => inner.data_type,
        other if other.is_integer() => DataType::BigInt,
        other => {
            return Err(Error::type_mismatch(format!(
                "a number is expected behind -, not {other}"
            )));
        }
    };
    Ok(Expr {
        kind: ExprKind::Negate(Box::new(inner)),
        data_type,
    })
}

pub(super) fn arithmetic(
    scope: &mut Scope<'_>,
    operator: Arithmetic,
    left: &ast::Expr,
    right: &ast::Expr,
) -> Result<Expr> {
    match (&left.kind, &right.kind, operator) {
        (_, Ast::Interval(interval), Arithmetic::Add) => shift(scope, left, *interval),
        (Ast::Interval(interval), _, Arithmetic::Add) => shift(scope, right, *interval),
        (_, Ast::Interval(interval), Arithmetic::Subtract) => {
            shift(scope, left, negative(*interval)?)
        }
        (Ast::Interval(_), _, _) | (_, Ast::Interval(_), _) => Err(Error::unsupported(
            "an INTERVAL behind anything but + and -",
        )),
        _ => numbers(scope, operator, left, right),
    }
}

fn negative(interval: Interval) -> Result<Interval> {
    let negative = || {
        Some(Interval {
            months: interval.months.checked_neg()?,
            days: interval.days.checked_neg()?,
            microseconds: interval.microseconds.checked_neg()?,
        })
    };
    negative().ok_or_else(|| Error::overflow("the interval is too long"))
}

/// A date or timestamp and an interval. A date stays a date if the interval has whole days.
fn shift(scope: &mut Scope<'_>, base: &ast::Expr, interval: Interval) -> Result<Expr> {
    let at = base.at;
    let base = scalar(scope, base, None)?;
    let zone = scope.env.time_zone.clone();
    match base.data_type {
        DataType::Date if interval.microseconds == 0 => Ok(called(
            Function::Shift(interval, zone),
            vec![base],
            DataType::Date,
        )),
        DataType::Date | DataType::Timestamp | DataType::Null => {
            let base = coerce(scope, base, DataType::Timestamp)?;
            let function = Function::Shift(interval, zone);
            Ok(called(function, vec![base], DataType::Timestamp))
        }
        other => Err(Error::type_mismatch(format!(
            "an INTERVAL moves a DATE or TIMESTAMP, not {other}"
        ))
        .at(at)),
    }
}

fn numbers(
    scope: &mut Scope<'_>,
    operator: Arithmetic,
    left: &ast::Expr,
    right: &ast::Expr,
) -> Result<Expr> {
    let (mut left, mut right) = (scalar(scope, left, None)?, scalar(scope, right, None)?);
    let swapped = left.data_type.is_integer()
        && right.data_type == DataType::Date
        && operator == Arithmetic::Add;
    if swapped {
        std::mem::swap(&mut left, &mut right);
    }
    let data_type = result_type(operator, left.data_type, right.data_type)?;
    if data_type == DataType::Null || left.data_type == DataType::Null {
        return Ok(Expr::literal(Value::Null, data_type));
    }
    Ok(Expr {
        kind: ExprKind::Arithmetic(operator, Box::new(left), Box::new(right)),
        data_type,
    })
}

fn result_type(operator: Arithmetic, left: DataType, right: DataType) -> Result<DataType> {
    use DataType as T;
    let mismatch = || {
        let symbol = match operator {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
        };
        Error::type_mismatch(format!("{left} {symbol} {right} has no meaning"))
    };
    match (left, right) {
        (T::Null, T::Null) => Ok(T::Null),
        (T::Null, other) | (other, T::Null) => result_type(operator, other, other),
        (T::Date, T::Date) if operator == Arithmetic::Subtract => Ok(T::BigInt),
        (T::Date, _)
            if right.is_integer() && matches!(operator, Arithmetic::Add | Arithmetic::Subtract) =>
        {
            Ok(T::Date)
        }
        (T::Timestamp, T::Timestamp | T::Date) if operator == Arithmetic::Subtract => {
            Err(Error::unsupported(
                "the difference of timestamps; write extract(EPOCH FROM a) - extract(EPOCH FROM b)",
            ))
        }
        _ if left.is_integer() && right.is_integer() => Ok(T::BigInt),
        _ if !left.is_numeric() || !right.is_numeric() => Err(mismatch()),
        _ => match (scale_of(left), scale_of(right)) {
            (Some(_), Some(_)) if operator == Arithmetic::Divide => Ok(T::Double),
            (Some(a), Some(b)) if operator == Arithmetic::Multiply => match a.checked_add(b) {
                Some(scale) if scale <= DIGITS_MAX => Ok(decimal(scale)),
                _ => Err(Error::overflow(format!(
                    "{left} * {right} has more than {DIGITS_MAX} digits after the point"
                ))),
            },
            (Some(a), Some(b)) => Ok(decimal(a.max(b))),
            _ => Ok(T::Double),
        },
    }
}
