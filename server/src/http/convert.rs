//! Values to JSON text and parameters from JSON, by type and never by value.

use std::fmt::Write;

use serde_json::Value as Json;
use tagdb_query::literal::{write_json_string, write_value};
use tagdb_query::{DataType, Param, Value};
use tagdb_storage::schema::NumberType;
use tagdb_wire::BigIntForm;

use super::error::{ApiError, ApiResult};

/// Nesting of a parameter: a list of lists is the deepest.
const PARAM_DEPTH_MAX: usize = 4;

/// Appends a value of a column of that type as JSON.
pub(super) fn write_json(value: &Value, kind: DataType, bigint: BigIntForm, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let quote = if kind == DataType::BigInt && bigint == BigIntForm::String {
                "\""
            } else {
                ""
            };
            out.push_str(quote);
            out.push_str(itoa::Buffer::new().format(*value));
            out.push_str(quote);
        }
        // The debug form has the fewest digits that give the number back, and is valid JSON.
        Value::Double(value) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{value:?}");
        }
        Value::Text(text) => write_json_string(text, out),
        Value::Decimal { .. } | Value::Date(_) | Value::Timestamp(_) => {
            out.push('"');
            write_value(value, out);
            out.push('"');
        }
        Value::Set(members) => {
            out.push('[');
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json_string(member, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            let kind = match kind {
                DataType::Map(number) => number.into(),
                _ => DataType::from(NumberType::Double),
            };
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json_string(key, out);
                out.push(':');
                write_json(value, kind, bigint, out);
            }
            out.push('}');
        }
    }
}

/// A parameter of a statement.
pub(super) fn param(value: Json) -> ApiResult<Param> {
    param_within(value, PARAM_DEPTH_MAX)
}

fn param_within(value: Json, depth: usize) -> ApiResult<Param> {
    if depth == 0 {
        return Err(ApiError::bad_parameter("a parameter is nested too deeply"));
    }
    Ok(match value {
        Json::Null => Param::Null,
        Json::Bool(value) => Param::Boolean(value),
        Json::Number(number) => Param::Number(number.to_string()),
        Json::String(text) => Param::Text(text),
        Json::Array(elements) => Param::List(
            elements
                .into_iter()
                .map(|element| param_within(element, depth - 1))
                .collect::<ApiResult<_>>()?,
        ),
        Json::Object(members) => Param::Object(
            members
                .into_iter()
                .map(|(name, value)| Ok((name, param_within(value, depth - 1)?)))
                .collect::<ApiResult<_>>()?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &Value, kind: DataType) -> String {
        let mut out = String::new();
        write_json(value, kind, BigIntForm::Number, &mut out);
        out
    }

    #[test]
    fn values_are_written_by_type() {
        let decimal = DataType::Decimal {
            precision: 12,
            scale: 2,
        };
        for (value, kind, expected) in [
            (Value::Null, DataType::Int, "null"),
            (Value::Boolean(true), DataType::Boolean, "true"),
            (
                Value::Int(i64::MIN),
                DataType::BigInt,
                "-9223372036854775808",
            ),
            (
                Value::Int(i64::MAX),
                DataType::BigInt,
                "9223372036854775807",
            ),
            (
                Value::Decimal {
                    digits: -1250,
                    scale: 2,
                },
                decimal,
                "\"-12.50\"",
            ),
            (Value::Double(0.1), DataType::Double, "0.1"),
            (Value::Double(1e300), DataType::Double, "1e300"),
            (Value::Double(-2.0), DataType::Double, "-2.0"),
            (
                Value::Text("a\"\u{1}é".into()),
                DataType::Keyword,
                "\"a\\\"\\u0001é\"",
            ),
            (Value::Date(20_777), DataType::Date, "\"2026-11-20\""),
            (
                Value::Timestamp(1_795_158_960_123_456),
                DataType::Timestamp,
                "\"2026-11-20T07:16:00.123456Z\"",
            ),
            (
                Value::Timestamp(0),
                DataType::Timestamp,
                "\"1970-01-01T00:00:00Z\"",
            ),
            (Value::Set(vec![]), DataType::KeywordSet, "[]"),
            (
                Value::set(vec!["tea".into(), "a,b".into()]),
                DataType::KeywordSet,
                "[\"a,b\",\"tea\"]",
            ),
            (
                Value::map(vec![("nike".into(), Value::Int(3))]),
                DataType::Map(NumberType::Int),
                "{\"nike\":3}",
            ),
        ] {
            let text = json(&value, kind);
            assert_eq!(text, expected);
            serde_json::from_str::<Json>(&text).unwrap();
        }
    }

    #[test]
    fn only_bigints_become_strings() {
        let string = |value: &Value, kind| {
            let mut out = String::new();
            write_json(value, kind, BigIntForm::String, &mut out);
            out
        };
        assert_eq!(string(&Value::Int(7), DataType::BigInt), "\"7\"");
        assert_eq!(string(&Value::Int(7), DataType::Int), "7");
        let map = Value::map(vec![("a".into(), Value::Int(7))]);
        assert_eq!(
            string(&map, DataType::Map(NumberType::BigInt)),
            "{\"a\":\"7\"}"
        );
        assert_eq!(string(&map, DataType::Map(NumberType::Int)), "{\"a\":7}");
    }

    #[test]
    fn doubles_come_back_as_they_were() {
        for value in [
            f64::MIN,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            1e16,
            0.1 + 0.2,
        ] {
            let text = json(&Value::Double(value), DataType::Double);
            assert_eq!(text.parse::<f64>().unwrap(), value);
            serde_json::from_str::<Json>(&text).unwrap();
        }
    }

    #[test]
    fn parameters_keep_their_digits() {
        let value: Json = serde_json::from_str(r#"[1.10, {"a": null}]"#).unwrap();
        let Param::List(elements) = param(value).unwrap() else {
            panic!("not a list");
        };
        assert!(matches!(&elements[0], Param::Number(text) if text == "1.10"));
        let deep: Json = serde_json::from_str("[[[[[1]]]]]").unwrap();
        assert!(param(deep).is_err());
    }
}
