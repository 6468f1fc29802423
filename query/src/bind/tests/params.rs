use jiff::tz::TimeZone;

use super::{bind_zoned, catalog, condition};
use crate::bind::Param;
use crate::bind::bound::Statement;

#[test]
fn parameters_take_the_expected_type() {
    let text = |text: &str| Param::Text(text.into());
    let list = |items: &[&str]| Param::List(items.iter().map(|item| text(item)).collect());
    for (written, param, expected) in [
        ("age = ?", Param::Number("5".into()), "age = 5"),
        ("age = $1", text("5"), "age = 5"),
        ("age > ?", Param::Number("1.5".into()), "age >= 2"),
        ("age = ?", Param::Null, "unknown"),
        (
            "spend_30d = ?",
            Param::Number("0.1".into()),
            "spend_30d = 0.10",
        ),
        (
            "birthday = ?",
            text("2026-01-01"),
            "birthday = DATE '2026-01-01'",
        ),
        ("city = ?", text("x"), "city in ('x')"),
        (
            "user_id = ANY(?)",
            list(&["b", "a"]),
            "user_id in ('a', 'b')",
        ),
        ("city = ANY($1)", list(&[]), "false"),
        ("city = ANY($1)", Param::Null, "unknown"),
        ("age = ANY($1)", list(&["1", "2"]), "age between 1 and 2"),
        (
            "age = ANY($1)",
            Param::List(vec![Param::Number("1".into()), Param::Null]),
            "(age = 1 or unknown)",
        ),
        (
            "has_any(interests, ?)",
            list(&["a"]),
            "has_any(interests, ['a'])",
        ),
        (
            "has(interests, $1) AND city = $1",
            text("x"),
            "(has_any(interests, ['x']) and city in ('x'))",
        ),
        ("vip = ?", Param::Boolean(true), "vip"),
        (
            "brand_visits_30d[?] > 1",
            text("a"),
            "brand_visits_30d['a'] >= 2",
        ),
    ] {
        let found = condition(written, std::slice::from_ref(&param));
        assert_eq!(
            found.unwrap_or_else(|error| error.to_string()),
            expected,
            "{written}"
        );
    }
    let code = |written: &str, params: &[Param]| condition(written, params).unwrap_err().code();
    assert_eq!(code("age = ?", &[]), "bad_parameter");
    assert_eq!(code("age = 1", &[Param::Null]), "bad_parameter");
    assert_eq!(code("age = ANY(?)", &[text("x")]), "bad_parameter");
    assert_eq!(code("age = ?", &[text("x")]), "type_mismatch");
    assert_eq!(
        code("has_any(interests, ?)", &[Param::List(vec![Param::Null])]),
        "type_mismatch"
    );
}

#[test]
fn the_time_zone_decides_which_day_it_is() {
    let zone = TimeZone::get("Asia/Tokyo").unwrap();
    let sql = "SELECT age FROM users WHERE birthday = now()::date + 1 AND last_login >= \
               date_trunc('day', now()) AND birthday < now()";
    let statement = bind_zoned(&catalog(), sql, &[], zone).unwrap();
    let Statement::Select(select) = statement else {
        panic!("{statement:?}");
    };
    let text = crate::explain::predicate_text(&select.scan.predicate, &select.scan);
    // 12:34 UTC is 21:34 in Tokyo, where midnight was at 15:00 UTC of the day before.
    assert_eq!(
        text,
        "(birthday is nothing and last_login >= TIMESTAMP '2026-11-19T15:00:00Z')"
    );
}
