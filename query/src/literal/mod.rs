//! Values as text and as stored: one place for SQL literals, parameters and uploads.
//!
//! Numbers of tags are stored as i64: decimals scaled, dates in days, timestamps in microseconds,
//! doubles by [`sortable_from_double`].

mod ranges;
mod text;
mod time;

use std::sync::Arc;

use tagdb_storage::schema::{NumberType, double_from_sortable, sortable_from_double};

pub use ranges::{Operator, ranges};
pub use text::{parse_boolean, write_json_string, write_value};
pub(crate) use time::civil_from_days;
pub use time::{
    DATE_MAX, DATE_MIN, MICROSECONDS_PER_DAY, TIMESTAMP_MAX, TIMESTAMP_MIN, days_from_civil,
    parse_date, parse_timestamp,
};

use crate::decimal;
use crate::error::{Error, Result};
use crate::value::{DataType, Value};

/// Reads a number, date or timestamp of that type from text, as stored. Decimals with too many
/// digits after the point are rounded half away from zero; integers may be written as `12.0` or
/// `1.2e1`.
///
/// # Errors
/// `type_mismatch` if the text is no such value, `overflow` if it lies outside the type's range.
pub fn parse_number(kind: NumberType, text: &str) -> Result<i64> {
    match kind {
        NumberType::SmallInt | NumberType::Int | NumberType::BigInt => match text.parse::<i64>() {
            Ok(value) => check_integer(kind, value),
            Err(_) => to_stored(kind, &parse_fixed(kind, text)?),
        },
        NumberType::Decimal { .. } => to_stored(kind, &parse_fixed(kind, text)?),
        NumberType::Double => Ok(sortable_from_double(parse_double(text)?)),
        NumberType::Date => Ok(i64::from(parse_date(text)?)),
        NumberType::Timestamp => parse_timestamp(text),
    }
}

fn parse_fixed(kind: NumberType, text: &str) -> Result<Value> {
    if let Some((digits, scale)) = decimal::parse(text) {
        return Ok(Value::Decimal { digits, scale });
    }
    if let Some((digits, scale)) = decimal::parse_cut(text) {
        return Ok(Value::Decimal { digits, scale });
    }
    // Too long to be exact, but a number all the same?
    match parse_double(text) {
        Ok(value) if value.abs() < 1e19 => Ok(Value::Double(value)),
        Ok(_) => Err(out_of_range(text, kind)),
        Err(error) if error.code() == "overflow" => Err(out_of_range(text, kind)),
        Err(_) => Err(not_a(text, kind)),
    }
}

/// Reads a DOUBLE from text.
///
/// # Errors
/// `type_mismatch` if the text is no number (NaN and infinities are none), `overflow` if it is
/// beyond the largest double.
pub fn parse_double(text: &str) -> Result<f64> {
    let is_number = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    let value = text.bytes().all(is_number).then(|| text.parse::<f64>());
    match value {
        Some(Ok(value)) if value.is_finite() => Ok(positive_zero(value)),
        Some(Ok(_)) => Err(out_of_range(text, NumberType::Double)),
        _ => Err(not_a(text, NumberType::Double)),
    }
}

/// The double, with -0.0 as 0.0.
#[must_use]
pub fn positive_zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

/// A value as the tag's type stores it. Integers, decimals and doubles convert into each other if
/// no more than digits after a decimal's point are lost.
///
/// # Errors
/// `type_mismatch` for a value of another kind or a fraction for an integer, `overflow` for one
/// outside the type's range.
pub fn to_stored(kind: NumberType, value: &Value) -> Result<i64> {
    match (kind, value) {
        (NumberType::SmallInt | NumberType::Int | NumberType::BigInt, Value::Int(value)) => {
            check_integer(kind, *value)
        }
        (NumberType::SmallInt | NumberType::Int | NumberType::BigInt, _) => {
            let (digits, scale) = fixed_of(kind, value)?;
            let has_fraction = matches!(value, Value::Double(double) if double.fract() != 0.0);
            let whole = decimal::rescale_exactly(digits, scale, 0);
            let Some(whole) = whole.filter(|_| !has_fraction) else {
                let text = display(value);
                let kind = DataType::from(kind);
                let detail = format!("{text} has a fraction and does not fit {kind}");
                return Err(Error::type_mismatch(detail));
            };
            let whole = i64::try_from(whole).map_err(|_| out_of_range(&display(value), kind))?;
            check_integer(kind, whole)
        }
        (
            NumberType::Decimal {
                precision,
                scale: to,
            },
            _,
        ) => {
            let (digits, scale) = fixed_of(kind, value)?;
            decimal::rescale(digits, scale, to)
                .filter(|digits| decimal::power(precision).is_some_and(|end| digits.abs() < end))
                .and_then(|digits| i64::try_from(digits).ok())
                .ok_or_else(|| out_of_range(&display(value), kind))
        }
        (NumberType::Double, _) => match value.to_double() {
            Some(value) => Ok(sortable_from_double(value)),
            None => Err(wrong_kind(kind, value)),
        },
        (NumberType::Date, Value::Date(days)) => Ok(i64::from(*days)),
        (NumberType::Timestamp, Value::Timestamp(microseconds)) => Ok(*microseconds),
        _ => Err(wrong_kind(kind, value)),
    }
}

fn fixed_of(kind: NumberType, value: &Value) -> Result<(i128, u8)> {
    match value {
        Value::Double(double) => decimal::parse(&format!("{double:e}"))
            .or_else(|| decimal::from_double(*double, 38).map(|digits| (digits, 38)))
            .ok_or_else(|| out_of_range(&display(value), kind)),
        _ => value.to_fixed().ok_or_else(|| wrong_kind(kind, value)),
    }
}

/// What a stored number means.
#[must_use]
pub fn from_stored(kind: NumberType, stored: i64) -> Value {
    match kind {
        NumberType::SmallInt | NumberType::Int | NumberType::BigInt => Value::Int(stored),
        NumberType::Decimal { scale, .. } => Value::Decimal {
            digits: i128::from(stored),
            scale,
        },
        NumberType::Double => Value::Double(double_from_sortable(stored)),
        NumberType::Date => Value::Date(i32::try_from(stored).unwrap_or(if stored < 0 {
            i32::MIN
        } else {
            i32::MAX
        })),
        NumberType::Timestamp => Value::Timestamp(stored),
    }
}

/// Reads text as a value of a type: what a string literal means where that type is expected.
///
/// # Errors
/// As of [`parse_number`]; `type_mismatch` also for sets and maps, which have no such text.
pub fn parse_as(data_type: DataType, text: &str) -> Result<Value> {
    match (data_type, data_type.number_type()) {
        // A decimal of an expression may have more digits than a tag's.
        (DataType::Decimal { precision, scale }, _) => {
            let kind = NumberType::Decimal { precision, scale };
            let value = parse_fixed(kind, text)?;
            let (digits, from) = fixed_of(kind, &value)?;
            decimal::rescale(digits, from, scale)
                .filter(|digits| decimal::power(precision).is_none_or(|end| digits.abs() < end))
                .map(|digits| Value::Decimal { digits, scale })
                .ok_or_else(|| out_of_range(text, kind))
        }
        (_, Some(kind)) => Ok(from_stored(kind, parse_number(kind, text)?)),
        (DataType::Boolean, _) => parse_boolean(text).map(Value::Boolean),
        (DataType::Keyword | DataType::LongText | DataType::Null, _) => {
            Ok(Value::Text(Arc::from(text)))
        }
        _ => Err(Error::type_mismatch(format!(
            "{text:?} is a string, not a {data_type}"
        ))),
    }
}

fn check_integer(kind: NumberType, value: i64) -> Result<i64> {
    let fits = match kind {
        NumberType::SmallInt => i16::try_from(value).is_ok(),
        NumberType::Int => i32::try_from(value).is_ok(),
        _ => true,
    };
    if fits {
        return Ok(value);
    }
    Err(out_of_range(&value.to_string(), kind))
}

fn display(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

fn out_of_range(text: &str, kind: NumberType) -> Error {
    let kind = DataType::from(kind);
    Error::overflow(format!("{} is outside the range of {kind}", shown(text)))
}

fn not_a(text: &str, kind: NumberType) -> Error {
    let kind = DataType::from(kind);
    Error::type_mismatch(format!("{:?} is not a valid {kind}", shown(text)))
}

fn wrong_kind(kind: NumberType, value: &Value) -> Error {
    let kind = DataType::from(kind);
    Error::type_mismatch(format!(
        "{:?} is not a valid {kind}",
        shown(&display(value))
    ))
}

/// Text short enough to be shown in an error.
#[must_use]
pub fn shown(text: &str) -> &str {
    let end = (0..=64.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests;
