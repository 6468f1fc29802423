use super::*;
use crate::bind::bound::Ranges;

const MONEY: NumberType = NumberType::Decimal {
    precision: 12,
    scale: 2,
};

fn code<T>(result: Result<T>) -> &'static str {
    result.err().map_or("ok", |error| error.code())
}

fn text(value: &Value) -> String {
    display(value)
}

#[test]
fn numbers_are_read_at_the_borders_of_their_types() {
    for (kind, text, stored) in [
        (NumberType::SmallInt, "32767", 32_767),
        (NumberType::SmallInt, "-32768", -32_768),
        (NumberType::Int, "2147483647", i64::from(i32::MAX)),
        (NumberType::BigInt, "-9223372036854775808", i64::MIN),
        (NumberType::BigInt, "12.0", 12),
        (NumberType::BigInt, "1.2e1", 12),
        (MONEY, "9999999999.99", 999_999_999_999),
        (MONEY, "0.005", 1),
        (MONEY, "-0.005", -1),
        (MONEY, "0.0049", 0),
        (NumberType::Double, "-0.0", 0),
        (NumberType::Date, "1970-01-02", 1),
        (NumberType::Date, "0001-01-01", i64::from(DATE_MIN)),
        (NumberType::Date, "9999-12-31", i64::from(DATE_MAX)),
        (NumberType::Timestamp, "1970-01-01T00:00:01.5Z", 1_500_000),
        (NumberType::Timestamp, "1970-01-01 02:00:00+02:00", 0),
        (NumberType::Timestamp, "1969-12-31T22:30-0130", 0),
        (NumberType::Timestamp, "1970-01-02", MICROSECONDS_PER_DAY),
        (
            NumberType::Timestamp,
            "9999-12-31T23:59:59.9999999Z",
            TIMESTAMP_MAX,
        ),
    ] {
        assert_eq!(parse_number(kind, text).unwrap(), stored, "{kind:?} {text}");
    }
    for (kind, text, expected) in [
        (NumberType::SmallInt, "32768", "overflow"),
        (NumberType::Int, "-2147483649", "overflow"),
        (NumberType::BigInt, "9223372036854775808", "overflow"),
        (NumberType::BigInt, "1e300", "overflow"),
        (NumberType::BigInt, "12.5", "type_mismatch"),
        (NumberType::BigInt, "", "type_mismatch"),
        (NumberType::BigInt, " 1", "type_mismatch"),
        (MONEY, "9999999999.995", "overflow"),
        (MONEY, "abc", "type_mismatch"),
        (NumberType::Double, "NaN", "type_mismatch"),
        (NumberType::Double, "inf", "type_mismatch"),
        (NumberType::Double, "1e400", "overflow"),
        (NumberType::Date, "2026-02-29", "type_mismatch"),
        (NumberType::Date, "0000-01-01", "type_mismatch"),
        (NumberType::Date, "2026-1-01", "type_mismatch"),
        (NumberType::Date, "2026-01-01T00:00:00", "type_mismatch"),
        (
            NumberType::Timestamp,
            "2026-01-01T24:00:00",
            "type_mismatch",
        ),
        (
            NumberType::Timestamp,
            "2026-01-01T00:00:60",
            "type_mismatch",
        ),
        (
            NumberType::Timestamp,
            "2026-01-01T00:00:00 ",
            "type_mismatch",
        ),
        (
            NumberType::Timestamp,
            "0001-01-01T00:00:00+01:00",
            "overflow",
        ),
    ] {
        assert_eq!(code(parse_number(kind, text)), expected, "{kind:?} {text}");
    }
}

#[test]
fn dates_and_timestamps_come_back_as_they_were() {
    let mut days = DATE_MIN;
    while days <= DATE_MAX {
        let written = text(&Value::Date(days));
        assert_eq!(parse_date(&written).unwrap(), days, "{written}");
        let there = jiff::civil::Date::new(1970, 1, 1).unwrap();
        let there = there + jiff::Span::new().days(i64::from(days));
        assert_eq!(there.to_string(), written);
        days += 367;
    }
    for microseconds in [
        TIMESTAMP_MIN,
        -1,
        0,
        1,
        1_000,
        123_456_789_012_345,
        TIMESTAMP_MAX,
    ] {
        let written = text(&Value::Timestamp(microseconds));
        assert_eq!(
            parse_timestamp(&written).unwrap(),
            microseconds,
            "{written}"
        );
    }
    assert_eq!(text(&Value::Timestamp(1_500_000)), "1970-01-01T00:00:01.5Z");
    // What is on disk may be anything; writing it must not fail.
    text(&Value::Timestamp(i64::MIN));
    text(&Value::Date(i32::MAX));
}

#[test]
fn sets_and_maps_are_written_as_json() {
    let set = Value::set(vec!["b".into(), "a\"\n\u{1}".into(), "b".into()]);
    assert_eq!(text(&set), r#"["a\"\n\u0001","b"]"#);
    let money = Value::Decimal {
        digits: -5,
        scale: 2,
    };
    let map = Value::map(vec![
        ("b".into(), Value::Int(1)),
        ("a".into(), money),
        ("b".into(), Value::Int(2)),
    ]);
    assert_eq!(text(&map), r#"{"a":"-0.05","b":2}"#);
}

fn decimal(text: &str) -> Value {
    let (digits, scale) = decimal::parse(text).unwrap();
    Value::Decimal { digits, scale }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn constants_of_any_type_become_ranges() {
    let int = NumberType::SmallInt;
    let all = Ranges::between(i64::MIN, i64::MAX);
    for (kind, operator, constant, expected) in [
        (
            int,
            Operator::Greater,
            decimal("12.5"),
            Ranges::between(13, i64::MAX),
        ),
        (
            int,
            Operator::Less,
            decimal("12.5"),
            Ranges::between(i64::MIN, 12),
        ),
        (
            int,
            Operator::LessOrEqual,
            decimal("-12.5"),
            Ranges::between(i64::MIN, -13),
        ),
        (int, Operator::Equal, decimal("12.5"), Ranges::none()),
        (
            int,
            Operator::Equal,
            decimal("12.0"),
            Ranges::between(12, 12),
        ),
        (int, Operator::Less, decimal("1e30"), all),
        (
            int,
            Operator::GreaterOrEqual,
            decimal("1e30"),
            Ranges::none(),
        ),
        (
            int,
            Operator::Greater,
            Value::Double(12.5),
            Ranges::between(13, i64::MAX),
        ),
        (int, Operator::Less, Value::Int(i64::MIN), Ranges::none()),
        (int, Operator::Greater, Value::Int(i64::MAX), Ranges::none()),
        (
            MONEY,
            Operator::Equal,
            Value::Int(3),
            Ranges::between(300, 300),
        ),
        (
            MONEY,
            Operator::Less,
            decimal("0.015"),
            Ranges::between(i64::MIN, 1),
        ),
        (
            MONEY,
            Operator::Equal,
            Value::Double(0.1),
            Ranges::between(10, 10),
        ),
        (
            MONEY,
            Operator::Greater,
            Value::Double(1e300),
            Ranges::none(),
        ),
        (
            NumberType::Date,
            Operator::Less,
            Value::Date(5),
            Ranges::between(i64::MIN, 4),
        ),
    ] {
        assert_eq!(
            ranges(kind, operator, &constant),
            Some(expected),
            "{kind:?} {operator:?} {constant:?}"
        );
    }
    // 0.1 against a DOUBLE means the double that is written so.
    let tenth = sortable_from_double(0.1);
    assert_eq!(
        ranges(NumberType::Double, Operator::Equal, &decimal("0.1")),
        Some(Ranges::between(tenth, tenth))
    );
    assert_eq!(ranges(int, Operator::Equal, &Value::Date(1)), None);
    assert_eq!(
        ranges(NumberType::Date, Operator::Less, &Value::Int(1)),
        None
    );
}

#[test]
fn ranges_say_what_comparing_says() {
    let constants = [
        Value::Int(0),
        Value::Int(-7),
        Value::Double(0.07),
        Value::Double(-3.0),
        Value::Double(2.5),
        Value::Decimal {
            digits: 699,
            scale: 4,
        },
        Value::Decimal {
            digits: -35,
            scale: 1,
        },
    ];
    let kinds = [int_kind(), MONEY, NumberType::Double];
    for kind in kinds {
        for constant in &constants {
            for stored in -1_000..1_000 {
                let stored = match kind {
                    NumberType::Double => sortable_from_double(stored as f64 / 100.0),
                    _ => stored,
                };
                let order = from_stored(kind, stored).compare(constant).unwrap();
                for (operator, expected) in [
                    (Operator::Equal, order.is_eq()),
                    (Operator::Less, order.is_lt()),
                    (Operator::LessOrEqual, order.is_le()),
                    (Operator::Greater, order.is_gt()),
                    (Operator::GreaterOrEqual, order.is_ge()),
                ] {
                    let ranges = ranges(kind, operator, constant).unwrap();
                    assert_eq!(
                        ranges.contains(stored),
                        expected,
                        "{stored} {operator:?} {constant:?}"
                    );
                }
            }
        }
    }
}

const fn int_kind() -> NumberType {
    NumberType::Int
}
