//! Values as text.

use std::fmt::Write as _;

use crate::decimal;
use crate::error::{Error, Result};
use crate::literal::{shown, time};
use crate::value::Value;

/// Reads a BOOLEAN: `true`, `false`, `t` or `f`, in any case.
///
/// # Errors
/// `type_mismatch` if it is none of them.
pub fn parse_boolean(text: &str) -> Result<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("t") {
        Ok(true)
    } else if is("false") || is("f") {
        Ok(false)
    } else {
        let detail = format!("{:?} is not a BOOLEAN", shown(text));
        Err(Error::type_mismatch(detail))
    }
}

/// Appends a value as people and CSV files write it: decimals with all digits of their scale,
/// timestamps in UTC, sets and maps as JSON; nothing for NULL.
pub fn write_value(value: &Value, out: &mut String) {
    // Writing to a String cannot fail.
    match value {
        Value::Null => {}
        Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Decimal { digits, scale } => out.push_str(&decimal::to_text(*digits, *scale)),
        Value::Double(value) => {
            let _ = write!(out, "{value:?}");
        }
        Value::Text(text) => out.push_str(text),
        Value::Date(days) => time::write_date(*days, out),
        Value::Timestamp(microseconds) => time::write_timestamp(*microseconds, out),
        Value::Set(members) => write_list(out, ('[', ']'), members, |member, out| {
            write_json_string(member, out);
        }),
        Value::Map(entries) => write_list(out, ('{', '}'), entries, |(key, value), out| {
            write_json_string(key, out);
            out.push(':');
            match value {
                Value::Int(_) | Value::Double(_) => write_value(value, out),
                _ => {
                    out.push('"');
                    write_value(value, out);
                    out.push('"');
                }
            }
        }),
    }
}

fn write_list<T>(
    out: &mut String,
    (open, close): (char, char),
    items: &[T],
    write: impl Fn(&T, &mut String),
) {
    out.push(open);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

/// Appends a string as JSON.
pub fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    // Nearly all strings have nothing to escape, and are copied whole.
    let mut rest = text;
    while let Some(place) = rest.bytes().position(is_escaped) {
        out.push_str(&rest[..place]);
        match rest.as_bytes()[place] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &rest[place + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Whether a byte of UTF-8 text stands for a character that JSON strings must escape.
const fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}
