//! Scalar functions.

use std::cmp::Ordering;
use std::sync::Arc;

use tagdb_storage::limits::LONG_TEXT_BYTES_MAX;

use crate::bind::bound::{Expr, Function};
use crate::decimal;
use crate::error::{Error, Result};
use crate::functions::arithmetic::{negate, overflow};
use crate::functions::{
    bucket_of, cardinality, eval, has, has_all, has_any, key, members_of, text, time,
};
use crate::limits::Limits;
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
        Function::Has => {
            let wanted = text(&values[1]);
            let is_member = wanted.is_some_and(|wanted| has(members_of(first), wanted));
            Ok(Value::Boolean(is_member))
        }
        Function::HasAny => {
            let is_any = has_any(members_of(&values[1]), members_of(first));
            Ok(Value::Boolean(is_any))
        }
        Function::HasAll => {
            let are_all = has_all(members_of(first), members_of(&values[1]));
            Ok(Value::Boolean(are_all))
        }
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
        Limits::check("longtext_bytes", all.len(), LONG_TEXT_BYTES_MAX)?;
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
        Some(Value::Int(places)) => i32::try_from((*places).clamp(-400, 400)).unwrap_or(0),
        _ => 0,
    };
    if let Value::Double(double) = values[0] {
        // If it gets too long, it has no digit there that could be rounded.
        let rounded = decimal::from_double(double, places).map_or(Some(double), |digits| {
            format!("{digits}e{}", -places).parse().ok()
        });
        let finite = rounded.filter(|rounded: &f64| rounded.is_finite());
        return finite
            .map(|rounded| Value::Double(positive_zero(rounded)))
            .ok_or_else(overflow);
    }
    let (digits, scale) = values[0]
        .to_fixed()
        .ok_or_else(|| Error::internal("rounding what is no number"))?;
    let scale = i32::from(scale);
    let kept = places.min(scale);
    let to = match result {
        DataType::Decimal { scale, .. } => scale,
        _ => 0,
    };
    let digits = decimal::rescale_signed(digits, scale, kept)
        .and_then(|rounded| decimal::rescale_signed(rounded, kept, i32::from(to)))
        .ok_or_else(overflow)?;
    match (result, i64::try_from(digits)) {
        (DataType::Decimal { .. }, _) => Ok(Value::Decimal { digits, scale: to }),
        (_, Ok(whole)) => Ok(Value::Int(whole)),
        _ => Err(overflow()),
    }
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
    if let Some(bucket) = fixed_bucket(x, low, high, *count) {
        return Ok(Value::Int(bucket));
    }
    // Halves, for the distance of two doubles may be none.
    let half = |value: &Value| value.to_double().unwrap_or_default() / 2.0;
    let share = (half(x) - half(low)) / (half(high) - half(low));
    // Rounding must not reach the bucket beyond the last one.
    let bucket = (share * *count as f64)
        .floor()
        .clamp(0.0, (*count - 1) as f64);
    Ok(Value::Int(bucket as i64 + 1))
}

/// The same of exact numbers, if what it takes to compute does not get too long.
fn fixed_bucket(x: &Value, low: &Value, high: &Value, count: i64) -> Option<i64> {
    let numbers = [x.to_fixed()?, low.to_fixed()?, high.to_fixed()?];
    let scale = numbers.iter().map(|(_, scale)| *scale).max()?;
    let [x, low, high] = numbers.map(|(digits, from)| decimal::rescale(digits, from, scale));
    let (part, all) = (x?.checked_sub(low?)?, high?.checked_sub(low?)?);
    let bucket = part.checked_mul(i128::from(count))?.checked_div(all)?;
    i64::try_from(bucket + 1).ok()
}
