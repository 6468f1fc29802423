//! Scalar functions.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::bind::bound::{Arithmetic, Expr, Function};
use crate::decimal;
use crate::error::{Error, Result};
use crate::functions::arithmetic::{arithmetic, negate, overflow};
use crate::functions::cast::round_to;
use crate::functions::{bucket_of, cardinality, eval, key, members_of, text, time};
use crate::literal::{positive_zero, write_value};
use crate::value::{DataType, Value};

/// Calls a function with arguments that binding has checked.
pub(super) fn call(
    function: &Function,
    arguments: &[Expr],
    row: &[Value],
    result: DataType,
) -> Result<Value> {
    // These look at no more arguments than they need.
    match function {
        Function::Coalesce => return coalesce(arguments, row),
        Function::Greatest => return extreme(arguments, row, Ordering::Greater),
        Function::Least => return extreme(arguments, row, Ordering::Less),
        Function::Concat => return concat(arguments, row),
        _ => {}
    }
    let mut values = Vec::with_capacity(arguments.len());
    for argument in arguments {
        values.push(eval(argument, row)?);
    }
    let Some(first) = values.first() else {
        return Err(Error::internal("a function without its arguments"));
    };
    match function {
        Function::Nullif => nullif(&values),
        Function::ArrayAppend => Ok(array_append(&values)),
        Function::ArrayRemove => Ok(array_remove(&values)),
        Function::Cardinality => Ok(Value::Int(cardinality(first))),
        _ if values.iter().any(Value::is_null) => Ok(Value::Null),
        Function::Has => Ok(Value::Boolean(text(&values[1]).is_some_and(|wanted| {
            let found = members_of(first).binary_search_by(|member| (**member).cmp(wanted));
            found.is_ok()
        }))),
        Function::HasAny => Ok(Value::Boolean(overlap(&values))),
        Function::HasAll => Ok(Value::Boolean(contain(&values))),
        Function::MapContains => Ok(Value::Boolean(has_key(&values))),
        Function::Abs => absolute(first),
        Function::Round => round(&values, result),
        Function::Floor => Ok(whole(first, Ordering::Less)),
        Function::Ceil => Ok(whole(first, Ordering::Greater)),
        Function::Length => Ok(text(first).map_or(Value::Null, |text| {
            Value::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
        })),
        Function::Lower => Ok(map_text(first, str::to_lowercase)),
        Function::Upper => Ok(map_text(first, str::to_uppercase)),
        Function::WidthBucket => width_bucket(&values),
        Function::Like(pattern) => {
            Ok(text(first).map_or(Value::Null, |text| Value::Boolean(pattern.matches(text))))
        }
        Function::BucketOf { buckets, salt } => Ok(key(first).map_or(Value::Null, |key| {
            Value::Int(bucket_of(key, *buckets, salt))
        })),
        Function::Extract(field, zone) => time::extract(*field, first, zone),
        Function::DateTrunc(unit, zone) => time::date_trunc(*unit, first, zone),
        Function::Shift(interval, zone) => time::add_interval(first, *interval, zone),
        Function::DateOf(zone) => match first {
            Value::Timestamp(instant) => time::date_of(*instant, zone).map(Value::Date),
            _ => Err(Error::internal("the date of what is no timestamp")),
        },
        Function::MidnightOf(zone) => match first {
            Value::Date(days) => time::midnight_of(*days, zone).map(Value::Timestamp),
            _ => Err(Error::internal("midnight of what is no date")),
        },
        Function::Coalesce | Function::Greatest | Function::Least | Function::Concat => {
            Err(Error::internal("a function was called twice"))
        }
    }
}

fn coalesce(arguments: &[Expr], row: &[Value]) -> Result<Value> {
    for argument in arguments {
        let value = eval(argument, row)?;
        if !value.is_null() {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

fn extreme(arguments: &[Expr], row: &[Value], wanted: Ordering) -> Result<Value> {
    let mut best = Value::Null;
    for argument in arguments {
        let value = eval(argument, row)?;
        let better = best.is_null() || value.compare(&best) == Some(wanted);
        if !value.is_null() && better {
            best = value;
        }
    }
    Ok(best)
}

fn concat(arguments: &[Expr], row: &[Value]) -> Result<Value> {
    let mut all = String::new();
    for argument in arguments {
        write_value(&eval(argument, row)?, &mut all);
    }
    Ok(Value::Text(Arc::from(all)))
}

fn nullif(values: &[Value]) -> Result<Value> {
    match values {
        [first, second] if first.compare(second) == Some(Ordering::Equal) => Ok(Value::Null),
        [first, ..] => Ok(first.clone()),
        [] => Err(Error::internal("a function without its arguments")),
    }
}

fn array_append(values: &[Value]) -> Value {
    let mut members = members_of(&values[0]).to_vec();
    if let Some(Value::Text(member)) = values.get(1)
        && let Err(place) = members.binary_search(member)
    {
        members.insert(place, member.clone());
    }
    Value::Set(members)
}

fn array_remove(values: &[Value]) -> Value {
    let mut members = members_of(&values[0]).to_vec();
    if let Some(Value::Text(member)) = values.get(1)
        && let Ok(place) = members.binary_search(member)
    {
        members.remove(place);
    }
    Value::Set(members)
}

fn overlap(values: &[Value]) -> bool {
    let set = members_of(&values[1]);
    let mut members = members_of(&values[0]).iter();
    members.any(|member| set.binary_search(member).is_ok())
}

fn contain(values: &[Value]) -> bool {
    let set = members_of(&values[0]);
    let mut members = members_of(&values[1]).iter();
    members.all(|member| set.binary_search(member).is_ok())
}

fn has_key(values: &[Value]) -> bool {
    match values {
        [Value::Map(entries), Value::Text(key)] => {
            entries.binary_search_by(|entry| entry.0.cmp(key)).is_ok()
        }
        _ => false,
    }
}

fn map_text(value: &Value, change: fn(&str) -> String) -> Value {
    text(value).map_or(Value::Null, |text| Value::Text(Arc::from(change(text))))
}

fn absolute(value: &Value) -> Result<Value> {
    let zero = Value::Int(0);
    match value.compare(&zero) {
        Some(Ordering::Less) => negate(value),
        _ => Ok(value.clone()),
    }
}

/// To `values[1]` digits after the point, or before it if that is negative.
fn round(values: &[Value], result: DataType) -> Result<Value> {
    let places = match values.get(1) {
        Some(Value::Int(places)) => (*places).clamp(-40, 40),
        _ => 0,
    };
    let value = &values[0];
    let rounded = match u8::try_from(places) {
        Ok(places) => match value {
            Value::Int(_) => return Ok(value.clone()),
            Value::Decimal { scale, .. } if *scale <= places => value.clone(),
            // A double with more digits than a decimal has no place to be rounded at.
            Value::Double(_) => match round_to(value, places.min(decimal::DIGITS_MAX)) {
                Ok(rounded) => rounded,
                Err(_) => return Ok(value.clone()),
            },
            _ => round_to(value, places)?,
        },
        Err(_) => {
            let unit = u8::try_from(-places).ok().and_then(decimal::power);
            let whole = match value {
                Value::Double(double) => {
                    decimal::from_double(*double, 20).map(|digits| (digits, 20))
                }
                _ => value.to_fixed(),
            };
            round_whole(whole, unit)?
        }
    };
    match result {
        DataType::Double => Ok(Value::Double(positive_zero(
            rounded.to_double().unwrap_or_default(),
        ))),
        DataType::Decimal { scale, .. } => round_to(&rounded, scale),
        _ => match rounded.to_fixed().map(|(digits, _)| i64::try_from(digits)) {
            Some(Ok(value)) => Ok(Value::Int(value)),
            _ => Err(overflow()),
        },
    }
}

/// A whole multiple of a power of ten.
fn round_whole(value: Option<(i128, u8)>, unit: Option<i128>) -> Result<Value> {
    let Some((digits, scale)) = value else {
        return Err(overflow());
    };
    let Some(unit) = unit else {
        return Ok(Value::Decimal {
            digits: 0,
            scale: 0,
        });
    };
    let step = decimal::rescale(unit, 0, scale);
    let multiple = match step {
        None => 0,
        Some(step) => {
            let (whole, rest) = (digits / step, digits % step);
            let away = rest.unsigned_abs() >= step.unsigned_abs().div_ceil(2);
            if away { whole + digits.signum() } else { whole }
        }
    };
    multiple
        .checked_mul(unit)
        .and_then(decimal::checked)
        .map(|digits| Value::Decimal { digits, scale: 0 })
        .ok_or_else(overflow)
}

/// The whole number below (`Less`) or above a number.
fn whole(value: &Value, side: Ordering) -> Value {
    match value {
        Value::Double(double) => Value::Double(positive_zero(match side {
            Ordering::Less => double.floor(),
            _ => double.ceil(),
        })),
        Value::Decimal { digits, scale } => {
            let digits = match decimal::power(*scale) {
                Some(unit) if side == Ordering::Less => digits.div_euclid(unit),
                Some(unit) => -(-digits).div_euclid(unit),
                None if side == Ordering::Less => -i128::from(*digits < 0),
                None => i128::from(*digits > 0),
            };
            Value::Decimal { digits, scale: 0 }
        }
        _ => value.clone(),
    }
}

/// `width_bucket(x, low, high, n)`: which of n equal buckets x lies in, counted from 1.
fn width_bucket(values: &[Value]) -> Result<Value> {
    let [x, low, high, Value::Int(count)] = values else {
        return Err(Error::internal("width_bucket without its arguments"));
    };
    let order = low.compare(high);
    if *count <= 0 || *count == i64::MAX || order == Some(Ordering::Equal) {
        let detail = "width_bucket needs two different bounds and at least one bucket";
        return Err(Error::new("bad_parameter", detail));
    }
    // Bounds may fall: then buckets count downwards.
    if x.compare(low) == order {
        return Ok(Value::Int(0));
    }
    if x.compare(high) != order {
        return Ok(Value::Int(count + 1));
    }
    let part = arithmetic(Arithmetic::Subtract, x, low)?;
    let all = arithmetic(Arithmetic::Subtract, high, low)?;
    if let (Some((part, part_scale)), Some((all, all_scale))) = (part.to_fixed(), all.to_fixed())
        && let scale = part_scale.max(all_scale)
        && let Some(part) = decimal::rescale(part, part_scale, scale)
        && let Some(all) = decimal::rescale(all, all_scale, scale)
        && let Some(scaled) = part.checked_mul(i128::from(*count))
    {
        let bucket = i64::try_from(scaled / all).map_err(|_| overflow())?;
        return Ok(Value::Int(bucket + 1));
    }
    let share = part.to_double().unwrap_or_default() / all.to_double().unwrap_or(1.0);
    // Rounding must not reach the bucket beyond the last one.
    let bucket = (share * *count as f64)
        .floor()
        .clamp(0.0, (*count - 1) as f64);
    Ok(Value::Int(bucket as i64 + 1))
}
