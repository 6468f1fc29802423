//! Casts.

use std::sync::Arc;

use tagdb_storage::limits::LONG_TEXT_BYTES_MAX;

use crate::decimal;
use crate::error::{Error, Result};
use crate::functions::arithmetic::overflow;
use crate::limits::Limits;
use crate::literal::{parse_as, positive_zero, to_stored, write_value};
use crate::value::{DataType, Value};

/// A value as another type; numbers are rounded half away from zero. Dates and timestamps become
/// each other by [`super::date_of`] and [`super::midnight_of`], since that needs a time zone.
///
/// # Errors
/// `type_mismatch` for a text that does not parse, `overflow` for a number outside the range.
pub fn cast(value: Value, to: DataType) -> Result<Value> {
    match (&value, to) {
        (Value::Null, _) | (_, DataType::Null) => Ok(Value::Null),
        (Value::Text(_), DataType::Keyword | DataType::LongText) => Ok(value),
        (Value::Text(text), _) => parse_as(to, text),
        (_, DataType::Keyword | DataType::LongText) => {
            let mut text = String::new();
            write_value(&value, &mut text);
            Limits::check("longtext_bytes", text.len(), LONG_TEXT_BYTES_MAX)?;
            Ok(Value::Text(Arc::from(text)))
        }
        (Value::Boolean(flag), DataType::SmallInt | DataType::Int | DataType::BigInt) => {
            Ok(Value::Int(i64::from(*flag)))
        }
        (Value::Boolean(_), DataType::Boolean)
        | (Value::Date(_), DataType::Date)
        | (Value::Timestamp(_), DataType::Timestamp)
        | (Value::Set(_), DataType::KeywordSet)
        | (Value::Map(_), DataType::Map(_)) => Ok(value),
        (_, DataType::SmallInt | DataType::Int | DataType::BigInt) => {
            let whole = round_to(&value, 0)?;
            match to.number_type() {
                Some(kind) => to_stored(kind, &whole).map(Value::Int),
                None => Err(Error::internal("an integer without a number type")),
            }
        }
        (_, DataType::Decimal { precision, scale }) => {
            let Value::Decimal { digits, .. } = round_to(&value, scale)? else {
                return Err(Error::internal("rounding gave no decimal"));
            };
            let fits = decimal::power(precision).is_none_or(|end| digits.abs() < end);
            match fits {
                true => Ok(Value::Decimal { digits, scale }),
                false => Err(overflow()),
            }
        }
        (_, DataType::Double) => match value.to_double() {
            Some(double) => Ok(Value::Double(positive_zero(double))),
            None => Err(Error::internal("a cast that binding should have refused")),
        },
        _ => Err(Error::internal("a cast that binding should have refused")),
    }
}

/// The decimal of that scale that is nearest to a number.
pub(super) fn round_to(value: &Value, scale: u8) -> Result<Value> {
    let digits = match value {
        Value::Double(double) => decimal::from_double(*double, i32::from(scale)),
        _ => match value.to_fixed() {
            Some((digits, from)) => decimal::rescale(digits, from, scale),
            None => return Err(Error::internal("rounding what is no number")),
        },
    };
    digits
        .map(|digits| Value::Decimal { digits, scale })
        .ok_or_else(overflow)
}
