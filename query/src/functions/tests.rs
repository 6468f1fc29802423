use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tagdb_storage::catalog::Catalog;

use super::time;
use super::*;
use crate::bind::bound::{DateUnit, Interval, Statement};
use crate::bind::{Environment, bind};
use crate::limits::Limits;
use crate::literal::{parse_timestamp, write_value};
use crate::parse::parse;

/// The value of a constant expression, as text; or the code of its error.
fn constant(expr: &str, time_zone: &TimeZone) -> String {
    let limits = Limits::default();
    let env = Environment {
        catalog: &Catalog::default(),
        limits: &limits,
        params: &[],
        now: parse_timestamp("2026-11-20T12:34:56Z").unwrap(),
        time_zone: time_zone.clone(),
        applies_rules: true,
    };
    let create = parse("CREATE TABLE t (k KEYWORD PRIMARY KEY)", &limits).unwrap();
    let Statement::Schema(Some(change)) = bind(&create[0], &env).unwrap() else {
        panic!("no table");
    };
    let catalog = env.catalog.apply(&change).unwrap();
    let env = Environment {
        catalog: &catalog,
        ..env
    };
    let select = parse(&format!("SELECT {expr} FROM t"), &limits).unwrap();
    match bind(&select[0], &env) {
        Ok(Statement::Select(select)) => match eval(&select.output[0], &[]) {
            Ok(Value::Null) => "NULL".to_owned(),
            Ok(value) => {
                let mut text = String::new();
                write_value(&value, &mut text);
                text
            }
            Err(error) => format!("!{}", error.code()),
        },
        Ok(other) => panic!("{other:?}"),
        Err(error) => format!("!{}", error.code()),
    }
}

const CONSTANTS: &[(&str, &str)] = &[
    ("7 / 2", "3"),
    ("-7 / 2", "-3"),
    ("7 % -3", "1"),
    ("-7 % 3", "-1"),
    ("1 / 0", "NULL"),
    ("1 % 0", "NULL"),
    ("1.5 / 0", "NULL"),
    ("1e0 / 0", "NULL"),
    ("1 + NULL", "NULL"),
    ("9223372036854775807 * 2", "!overflow"),
    ("-9223372036854775808 - 1", "!overflow"),
    ("-(-9223372036854775808)", "!overflow"),
    ("-9223372036854775808 / -1", "!overflow"),
    ("-9223372036854775808 % -1", "0"),
    ("1e308 * 10", "!overflow"),
    ("0.1 + 0.2", "0.3"),
    ("1.10 * 1.10", "1.2100"),
    ("10 - 0.01", "9.99"),
    ("7.5 % 2", "1.5"),
    ("1.0 / 4", "0.25"),
    ("0.1e0 + 0.2e0", "0.30000000000000004"),
    ("99999999999999999999999999999999999999 + 1", "!overflow"),
    ("-0e0", "0.0"),
    ("round(2.5)", "3"),
    ("round(-2.5)", "-3"),
    ("round(1.005, 2)", "1.01"),
    ("round(1.005e0, 2)", "1.01"),
    ("round(1.5, 5)", "1.5"),
    ("round(1250, -2)", "1300"),
    ("round(-1250.7, -2)", "-1300"),
    ("round(1e300, 2)", "1e300"),
    ("round(44, -2)", "0"),
    ("round(9223372036854775807, -1)", "!overflow"),
    ("round(5, -40)", "0"),
    ("floor(-1.5)", "-2"),
    ("ceil(-1.5)", "-1"),
    ("ceil(1.01)", "2"),
    ("floor(-0.5e0)", "-1.0"),
    ("ceil(-0.5e0)", "0.0"),
    ("floor(7)", "7"),
    ("abs(-3)", "3"),
    ("abs(-1.50)", "1.50"),
    ("abs(-9223372036854775808)", "!overflow"),
    ("greatest(1, 2.5, NULL)", "2.5"),
    ("least(NULL, NULL)", "NULL"),
    ("least('b', 'a')", "a"),
    ("coalesce(NULL, 3)", "3"),
    ("nullif(1, 1.0)", "NULL"),
    ("nullif(2, 1)", "2"),
    ("length('größe')", "5"),
    ("lower('ÄB')", "äb"),
    ("upper('straße')", "STRASSE"),
    ("concat('a', NULL, 1, true)", "a1true"),
    ("width_bucket(0, 0, 10, 5)", "1"),
    ("width_bucket(-1, 0, 10, 5)", "0"),
    ("width_bucket(10, 0, 10, 5)", "6"),
    ("width_bucket(9.99, 0, 10, 5)", "5"),
    ("width_bucket(9.99e0, 0, 10, 5)", "5"),
    ("width_bucket(9, 10, 0, 5)", "1"),
    ("width_bucket(0, 10, 0, 5)", "6"),
    ("width_bucket(11, 10, 0, 5)", "0"),
    ("width_bucket(1, 5, 5, 5)", "!bad_parameter"),
    ("width_bucket(1, 0, 5, 0)", "!bad_parameter"),
    ("cardinality(['a', 'b', 'a'])", "2"),
    ("array_append(['a'], 'b')", "[\"a\",\"b\"]"),
    ("array_remove(['a', 'b'], 'a')", "[\"b\"]"),
    (
        "has(['a'], 'a') AND NOT has_any(['a'], ['b']) AND has_all(['a', 'b'], ['b'])",
        "true",
    ),
    (
        "CASE WHEN 1 > 2 THEN 'a' WHEN NULL THEN 'b' ELSE 'c' END",
        "c",
    ),
    ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
    ("CASE 3 WHEN 1 THEN 'a' END", "NULL"),
    // Casts.
    ("CAST('12' AS INT)", "12"),
    ("'12.5'::int", "!type_mismatch"),
    ("2.5::int", "3"),
    ("-2.5::decimal(2,0)", "-3"),
    ("2.5e0::bigint", "3"),
    ("70000::smallint", "!overflow"),
    ("1e300::bigint", "!overflow"),
    ("true::int", "1"),
    ("'T'::boolean", "true"),
    ("1::boolean", "!type_mismatch"),
    ("1.239::decimal(3,2)", "1.24"),
    ("12.3::decimal(3,2)", "!overflow"),
    ("12::decimal(38,10)", "12.0000000000"),
    ("'1.239'::decimal(3,2)", "1.24"),
    ("0.1::double", "0.1"),
    ("1.50::text", "1.50"),
    ("now()::text", "2026-11-20T12:34:56Z"),
    ("NULL::int", "NULL"),
    ("CAST('abc' AS DATE)", "!type_mismatch"),
    // Dates.
    ("DATE '2024-02-29' + 1", "2024-03-01"),
    ("1 + DATE '2024-02-29'", "2024-03-01"),
    ("DATE '2024-03-01' - DATE '2023-03-01'", "366"),
    ("DATE '2024-01-31' + INTERVAL '1 month'", "2024-02-29"),
    ("DATE '2024-02-29' - INTERVAL '1 year'", "2023-02-28"),
    ("DATE '2024-01-31' + INTERVAL '1 month 1 day'", "2024-03-01"),
    (
        "DATE '2024-01-31' + INTERVAL '36 hours'",
        "2024-02-01T12:00:00Z",
    ),
    (
        "TIMESTAMP '2024-01-31T10:00:00Z' + INTERVAL '13 months'",
        "2025-02-28T10:00:00Z",
    ),
    (
        "TIMESTAMP '2024-01-31 10:00:00.5' - INTERVAL '1 week 500 milliseconds'",
        "2024-01-24T10:00:00Z",
    ),
    ("DATE '9999-12-31' + 1", "!overflow"),
    ("DATE '0001-01-01' - INTERVAL '1 day'", "!overflow"),
    ("DATE '2024-01-01' + 9223372036854775807", "!overflow"),
    ("extract(YEAR FROM DATE '2024-12-30')", "2024"),
    ("extract(WEEK FROM DATE '2024-12-30')", "1"),
    ("extract(WEEK FROM DATE '2021-01-03')", "53"),
    ("extract(QUARTER FROM DATE '2024-12-30')", "4"),
    ("extract(DOY FROM DATE '2024-12-31')", "366"),
    ("extract(DOW FROM DATE '2026-11-22')", "0"),
    ("extract(ISODOW FROM DATE '2026-11-22')", "7"),
    ("extract(DOW FROM DATE '1969-12-31')", "3"),
    (
        "extract(SECOND FROM TIMESTAMP '2024-01-01 00:00:01.25')",
        "1.25",
    ),
    (
        "extract(EPOCH FROM TIMESTAMP '1969-12-31T23:59:59.5Z')",
        "-0.5",
    ),
    ("date_trunc('week', DATE '2026-11-22')", "2026-11-16"),
    ("date_trunc('quarter', DATE '2026-11-22')", "2026-10-01"),
    ("date_trunc('hour', now())", "2026-11-20T12:00:00Z"),
    (
        "date_trunc('hour', TIMESTAMP '1969-12-31T23:59:59Z')",
        "1969-12-31T23:00:00Z",
    ),
    ("current_date", "2026-11-20"),
    ("CAST(now() AS DATE)", "2026-11-20"),
    ("current_date::timestamp", "2026-11-20T00:00:00Z"),
];

#[test]
fn constants_have_their_values() {
    for (expr, expected) in CONSTANTS {
        assert_eq!(constant(expr, &TimeZone::UTC), *expected, "{expr}");
    }
}

#[test]
fn zones_decide_about_days() {
    let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
    for (expr, expected) in [
        ("current_date", "2026-11-20"),
        ("date_trunc('day', now())", "2026-11-19T15:00:00Z"),
        ("extract(HOUR FROM now())", "21"),
        ("TIMESTAMP '2026-11-20T20:00:00Z'::date", "2026-11-21"),
        ("DATE '2026-11-21'::timestamp", "2026-11-20T15:00:00Z"),
        ("date_trunc('month', DATE '2026-11-21')", "2026-11-01"),
        ("TIMESTAMP '2026-11-20 20:00:00'", "2026-11-20T20:00:00Z"),
        ("extract(EPOCH FROM TIMESTAMP '1970-01-01')", "0.0"),
    ] {
        assert_eq!(constant(expr, &tokyo), expected, "{expr}");
    }
    // Clocks in Berlin went from 2:00 to 3:00 on 2026-03-29, and from 3:00 to 2:00 on 2026-10-25.
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for (expr, expected) in [
        (
            "date_trunc('day', TIMESTAMP '2026-03-29T12:00:00Z')",
            "2026-03-28T23:00:00Z",
        ),
        (
            "date_trunc('day', TIMESTAMP '2026-10-25T12:00:00Z')",
            "2026-10-24T22:00:00Z",
        ),
        (
            "date_trunc('hour', TIMESTAMP '2026-10-25T00:30:00Z')",
            "2026-10-25T00:00:00Z",
        ),
        (
            "date_trunc('hour', TIMESTAMP '2026-10-25T01:30:00Z')",
            "2026-10-25T01:00:00Z",
        ),
        (
            "TIMESTAMP '2026-03-28T12:00:00Z' + INTERVAL '1 day'",
            "2026-03-29T11:00:00Z",
        ),
        (
            "TIMESTAMP '2026-03-28T12:00:00Z' + INTERVAL '24 hours'",
            "2026-03-29T12:00:00Z",
        ),
        (
            "TIMESTAMP '2026-03-28T01:30:00Z' + INTERVAL '1 day'",
            "2026-03-29T01:30:00Z",
        ),
    ] {
        assert_eq!(constant(expr, &berlin), expected, "{expr}");
    }
}

/// The start of a local day by the library's own calendar.
fn start_of_day(instant: i64, zone: &TimeZone) -> i64 {
    let local = Timestamp::from_microsecond(instant)
        .unwrap()
        .to_zoned(zone.clone());
    let midnight = DateTime::from_parts(local.date(), jiff::civil::Time::midnight());
    zone.to_timestamp(midnight).unwrap().as_microsecond()
}

#[test]
fn days_begin_where_the_calendar_says() {
    let mut state = 1_u64;
    for name in [
        "Europe/Berlin",
        "America/Sao_Paulo",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "UTC",
    ] {
        let zone = TimeZone::get(name).unwrap();
        for _ in 0..2_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let instant = (state >> 11).cast_signed() % 2_000_000_000_000_000;
            let expected = start_of_day(instant, &zone);
            let found = time::date_trunc(DateUnit::Day, &Value::Timestamp(instant), &zone).unwrap();
            assert_eq!(found, Value::Timestamp(expected), "{name} {instant}");
            let date = date_of(instant, &zone).unwrap();
            assert_eq!(
                midnight_of(date, &zone).unwrap(),
                expected,
                "{name} {instant}"
            );
        }
    }
}

#[test]
fn months_are_added_as_the_calendar_does() {
    let mut state = 3_u64;
    for _ in 0..5_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let date = i32::try_from((state >> 33) % 40_000).unwrap() - 20_000;
        let months = i32::try_from((state >> 20) % 500).unwrap() - 250;
        let interval = Interval {
            months,
            ..Interval::default()
        };
        let found = add_interval(&Value::Date(date), interval, &TimeZone::UTC).unwrap();
        let epoch = jiff::civil::date(1970, 1, 1);
        let start = epoch + jiff::Span::new().days(date);
        let moved = start + jiff::Span::new().months(months);
        let days = (moved - epoch).get_days();
        assert_eq!(found, Value::Date(days), "{start} + {months} months");
    }
}

#[test]
fn what_is_on_disk_may_lie_outside_the_calendar() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for zone in [&TimeZone::UTC, &berlin] {
        for instant in [i64::MIN, i64::MAX] {
            assert_eq!(date_of(instant, zone).unwrap_err().code(), "overflow");
            let value = Value::Timestamp(instant);
            assert!(time::date_trunc(DateUnit::Year, &value, zone).is_err());
            let day = Interval {
                days: 1,
                ..Interval::default()
            };
            assert!(add_interval(&value, day, zone).is_err());
        }
        for date in [i32::MIN, i32::MAX] {
            assert_eq!(midnight_of(date, zone).unwrap_err().code(), "overflow");
        }
    }
}
