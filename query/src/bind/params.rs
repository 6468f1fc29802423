//! Values that come beside a statement.

use std::sync::Arc;

use crate::bind::bound::Expr;
use crate::bind::types;
use crate::decimal;
use crate::error::{Error, Result};
use crate::literal::{from_stored, parse_as, parse_double, parse_number, to_stored};
use crate::value::{DataType, Value};

/// The value of a parameter, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// NULL.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A number with all its digits.
    Number(String),
    /// A string: cast to the type that is expected.
    Text(String),
    /// A set, or the list of `= ANY($1)`.
    List(Vec<Param>),
    /// A map.
    Object(Vec<(String, Param)>),
}

/// A parameter as a constant, of the type that is expected if it is a string.
pub(super) fn constant(param: &Param, expected: Option<DataType>) -> Result<Expr> {
    match param {
        Param::Null => Ok(Expr::literal(Value::Null, DataType::Null)),
        Param::Boolean(value) => Ok(Expr::literal(Value::Boolean(*value), DataType::Boolean)),
        Param::Number(text) => number(text),
        Param::Text(text) => match expected {
            None | Some(DataType::Null | DataType::KeywordSet | DataType::Map(_)) => Ok(
                Expr::literal(Value::Text(text.as_str().into()), DataType::Keyword),
            ),
            Some(to @ DataType::Decimal { .. }) => decimal_text(text, to),
            Some(expected) => Ok(Expr::literal(parse_as(expected, text)?, expected)),
        },
        Param::List(items) => {
            let members = items.iter().map(member).collect::<Result<Vec<_>>>()?;
            Ok(Expr::literal(Value::set(members), DataType::KeywordSet))
        }
        Param::Object(entries) => map(entries, expected),
    }
}

/// A string as the number that it says, where a decimal is expected. It keeps its own digits: what
/// it is compared with may have fewer, and what it is written to rounds it.
pub(super) fn decimal_text(text: &str, expected: DataType) -> Result<Expr> {
    if let Some((digits, scale)) = decimal::parse(text) {
        let value = Value::Decimal { digits, scale };
        return Ok(Expr::literal(value, types::decimal(scale)));
    }
    match parse_double(text) {
        Ok(value) => Ok(Expr::literal(Value::Double(value), DataType::Double)),
        // It says which type it is not.
        Err(_) => Ok(Expr::literal(parse_as(expected, text)?, expected)),
    }
}

/// A number without sign or with one: an integer if it fits, an exact decimal if it is short
/// enough and has no exponent, else a double.
pub(super) fn number(text: &str) -> Result<Expr> {
    if let Ok(value) = text.parse::<i64>() {
        return Ok(Expr::literal(Value::Int(value), DataType::BigInt));
    }
    let has_exponent = text.contains(['e', 'E']);
    if !has_exponent && let Some((digits, scale)) = decimal::parse(text) {
        let value = Value::Decimal { digits, scale };
        return Ok(Expr::literal(value, types::decimal(scale)));
    }
    let value = parse_double(text)?;
    Ok(Expr::literal(Value::Double(value), DataType::Double))
}

fn member(param: &Param) -> Result<Arc<str>> {
    match param {
        Param::Text(text) => Ok(text.as_str().into()),
        Param::Null => Err(Error::type_mismatch("a set has no NULL members")),
        _ => Err(Error::type_mismatch("the members of a set are strings")),
    }
}

fn map(entries: &[(String, Param)], expected: Option<DataType>) -> Result<Expr> {
    let Some(DataType::Map(number)) = expected else {
        return Err(Error::type_mismatch("a map where no map is expected"));
    };
    let mut values = Vec::with_capacity(entries.len());
    for (key, param) in entries {
        let value = match param {
            Param::Null => continue,
            Param::Number(text) | Param::Text(text) => {
                from_stored(number, parse_number(number, text)?)
            }
            _ => {
                let detail = format!("the value of {key:?} is not a {}", DataType::from(number));
                return Err(Error::type_mismatch(detail));
            }
        };
        // What was read is in range already; this keeps NaN and the like out for good.
        to_stored(number, &value)?;
        values.push((key.as_str().into(), value));
    }
    Ok(Expr::literal(Value::map(values), DataType::Map(number)))
}
