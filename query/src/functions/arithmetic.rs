//! Arithmetic: exact for integers and decimals; overflow is an error, division by zero is NULL.

use crate::bind::bound::Arithmetic;
use crate::decimal;
use crate::error::{Error, Result};
use crate::literal::{DATE_MAX, DATE_MIN, positive_zero};
use crate::value::Value;

/// The result of an operator; NULL if an operand is NULL.
///
/// # Errors
/// `overflow`.
pub fn arithmetic(operator: Arithmetic, left: &Value, right: &Value) -> Result<Value> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Int(left), Value::Int(right)) => integers(operator, *left, *right),
        (Value::Date(left), Value::Date(right)) if operator == Arithmetic::Subtract => {
            Ok(Value::Int(i64::from(*left) - i64::from(*right)))
        }
        (Value::Date(date), Value::Int(days)) => move_date(operator, *date, *days),
        _ if operator == Arithmetic::Divide => doubles(operator, left, right),
        _ => match (left.to_fixed(), right.to_fixed()) {
            (Some(left), Some(right)) => decimals(operator, left, right),
            _ => doubles(operator, left, right),
        },
    }
}

/// The number with its sign changed.
pub(super) fn negate(value: &Value) -> Result<Value> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Int(value) => value.checked_neg().map(Value::Int).ok_or_else(overflow),
        Value::Decimal { digits, scale } => Ok(Value::Decimal {
            digits: -digits,
            scale: *scale,
        }),
        Value::Double(value) => Ok(Value::Double(positive_zero(-value))),
        _ => Err(Error::internal("a sign before what is no number")),
    }
}

pub(super) fn overflow() -> Error {
    Error::overflow("the result of an expression is too large for its type")
}

fn integers(operator: Arithmetic, left: i64, right: i64) -> Result<Value> {
    let result = match operator {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide | Arithmetic::Modulo if right == 0 => return Ok(Value::Null),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Modulo => Some(left.wrapping_rem(right)),
    };
    result.map(Value::Int).ok_or_else(overflow)
}

fn move_date(operator: Arithmetic, date: i32, days: i64) -> Result<Value> {
    let days = match operator {
        Arithmetic::Add => Some(days),
        Arithmetic::Subtract => days.checked_neg(),
        _ => return Err(Error::internal("a date can only be moved")),
    };
    days.and_then(|days| i64::from(date).checked_add(days))
        .and_then(|moved| i32::try_from(moved).ok())
        .filter(|moved| (DATE_MIN..=DATE_MAX).contains(moved))
        .map(Value::Date)
        .ok_or_else(overflow)
}

fn doubles(operator: Arithmetic, left: &Value, right: &Value) -> Result<Value> {
    let (Some(left), Some(right)) = (left.to_double(), right.to_double()) else {
        return Err(Error::internal("arithmetic on values that are no numbers"));
    };
    let result = match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide | Arithmetic::Modulo if right == 0.0 => return Ok(Value::Null),
        Arithmetic::Divide => left / right,
        Arithmetic::Modulo => left % right,
    };
    if !result.is_finite() {
        return Err(overflow());
    }
    Ok(Value::Double(positive_zero(result)))
}

fn decimals(operator: Arithmetic, left: (i128, u8), right: (i128, u8)) -> Result<Value> {
    if operator == Arithmetic::Multiply {
        let scale = left.1.saturating_add(right.1);
        let digits = left.0.checked_mul(right.0).and_then(decimal::checked);
        return match digits {
            Some(digits) if scale <= decimal::DIGITS_MAX => Ok(Value::Decimal { digits, scale }),
            _ => Err(overflow()),
        };
    }
    let scale = left.1.max(right.1);
    let (Some(a), Some(b)) = (
        decimal::rescale(left.0, left.1, scale),
        decimal::rescale(right.0, right.1, scale),
    ) else {
        return Err(overflow());
    };
    let digits = match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        _ if b == 0 => return Ok(Value::Null),
        _ => Some(a % b),
    };
    digits
        .and_then(decimal::checked)
        .map(|digits| Value::Decimal { digits, scale })
        .ok_or_else(overflow)
}
