//! Subjects as flat JSON objects, as look-ups answer them.

use tagdb_query::literal::{from_stored, write_json_string};
use tagdb_query::{DataType, TagValue};
use tagdb_storage::batch::KeyRef;
use tagdb_storage::schema::{NumberType, TableSchema};
use tagdb_wire::BigIntForm;

use crate::http::convert::write_json;

/// Appends a subject: its key, and tags by their places in the schema.
pub(in crate::http) fn write_row(
    schema: &TableSchema,
    key: KeyRef<'_>,
    row: &[(usize, TagValue<'_>)],
    out: &mut String,
) {
    out.push('{');
    write_json_string(&schema.key_name, out);
    out.push(':');
    match key {
        KeyRef::Int(key) => out.push_str(itoa::Buffer::new().format(key)),
        KeyRef::Text(key) => write_json_string(key, out),
    }
    for (place, value) in row {
        let Some(tag) = schema.tags.get(*place) else {
            continue;
        };
        out.push(',');
        write_json_string(&tag.name, out);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

fn write_value(value: &TagValue<'_>, out: &mut String) {
    match *value {
        TagValue::Null => out.push_str("null"),
        TagValue::Boolean(value) => out.push_str(if value { "true" } else { "false" }),
        TagValue::Number(kind, stored) => write_number(kind, stored, out),
        TagValue::Text(text) => write_json_string(text, out),
        TagValue::Set(members) => {
            let mut before = '[';
            for member in members {
                out.push(before);
                write_json_string(member, out);
                before = ',';
            }
            out.push_str(if members.is_empty() { "[]" } else { "]" });
        }
        TagValue::Map(kind, entries) => {
            let mut before = '{';
            for (key, stored) in entries {
                out.push(before);
                write_json_string(key, out);
                out.push(':');
                write_number(kind, *stored, out);
                before = ',';
            }
            out.push_str(if entries.is_empty() { "{}" } else { "}" });
        }
    }
}

/// A number as tags store it.
fn write_number(kind: NumberType, stored: i64, out: &mut String) {
    match kind {
        NumberType::SmallInt | NumberType::Int | NumberType::BigInt => {
            out.push_str(itoa::Buffer::new().format(stored));
        }
        NumberType::Double
        | NumberType::Decimal { .. }
        | NumberType::Date
        | NumberType::Timestamp => {
            let value = from_stored(kind, stored);
            write_json(&value, DataType::from(kind), BigIntForm::Number, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;
    use tagdb_query::Value;
    use tagdb_storage::schema::sortable_from_double;

    use super::*;

    /// Compared with what results of statements write of the same value.
    #[test]
    fn values_are_written_as_in_results() {
        let decimal = NumberType::Decimal {
            precision: 12,
            scale: 2,
        };
        let double = sortable_from_double(-0.1);
        let texts = [
            "",
            "a\"b\\c",
            "\u{0}\n\r\t\u{1f}\u{7f}",
            "h\u{e9}\u{1F600}",
            "/",
        ];
        let members = ["", "a,b", "\"q\"", "\u{2028}"];
        let entries = [("a\"", i64::MIN), ("b", 0), ("c", i64::MAX)];
        let mut values = vec![
            TagValue::Null,
            TagValue::Boolean(true),
            TagValue::Boolean(false),
            TagValue::Number(NumberType::SmallInt, -32_768),
            TagValue::Number(NumberType::Int, i64::from(i32::MAX)),
            TagValue::Number(NumberType::BigInt, 9_007_199_254_740_993),
            TagValue::Number(NumberType::BigInt, i64::MIN),
            TagValue::Number(decimal, -1_250),
            TagValue::Number(decimal, 5),
            TagValue::Number(NumberType::Double, double),
            TagValue::Number(NumberType::Date, -719_162),
            TagValue::Number(NumberType::Timestamp, 1_795_158_960_123_456),
            TagValue::Set(&[]),
            TagValue::Set(&members),
            TagValue::Set(&members[..1]),
            TagValue::Map(NumberType::BigInt, &[]),
            TagValue::Map(NumberType::BigInt, &entries),
            TagValue::Map(NumberType::Double, &entries[1..2]),
        ];
        values.extend(texts.map(TagValue::Text));
        for value in values {
            let kind = match (&value, value.to_value()) {
                (TagValue::Number(kind, _), _) => DataType::from(*kind),
                (TagValue::Map(kind, _), _) => DataType::Map(*kind),
                (_, Value::Set(_)) => DataType::KeywordSet,
                (_, Value::Boolean(_)) => DataType::Boolean,
                _ => DataType::Keyword,
            };
            let (mut found, mut expected) = (String::new(), String::new());
            write_value(&value, &mut found);
            write_json(&value.to_value(), kind, BigIntForm::Number, &mut expected);
            assert_eq!(found, expected);
            let json: Json = serde_json::from_str(&found).unwrap();
            if let TagValue::Text(text) = value {
                assert_eq!(json, text);
            }
        }
    }
}
