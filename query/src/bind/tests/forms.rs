use super::{bound, condition, select};
use crate::bind::bound::GroupKey;
use crate::explain::explain;
use crate::value::DataType;

/// What is written, and what it is bound to.
const CONDITIONS: &[(&str, &str)] = &[
    // Keywords and keys.
    ("city = 'x'", "city in ('x')"),
    ("'x' = city", "city in ('x')"),
    ("city <> 'x'", "not city in ('x')"),
    ("NOT (city = 'x')", "not city in ('x')"),
    ("city != ''", "not city in ('')"),
    ("city IN ('b', 'a', 'b')", "city in ('a', 'b')"),
    ("city NOT IN ('a', 'b')", "not city in ('a', 'b')"),
    ("city IN ('a', NULL)", "(city in ('a') or unknown)"),
    ("city IN (NULL)", "unknown"),
    ("city = NULL", "unknown"),
    ("city < 'x'", "city < 'x'"),
    ("'x' < city", "city > 'x'"),
    ("city BETWEEN 'a' AND 'c'", "(city >= 'a' and city <= 'c')"),
    ("city IS NULL", "not city is known"),
    ("city IS NOT NULL", "city is known"),
    ("user_id = 'u1'", "user_id in ('u1')"),
    ("user_id IN ('u2', 'u1')", "user_id in ('u1', 'u2')"),
    ("user_id >= 'u'", "user_id >= 'u'"),
    ("user_id IS NULL", "false"),
    ("users.city = 'it''s'", "city in ('it''s')"),
    // Numbers: by value, whatever is written.
    ("age > 12.5", "age >= 13"),
    ("age < 100000", "age <= 99999"),
    ("age = 12.5", "age is nothing"),
    ("age <> 12.5", "age is known"),
    ("age = 12.0", "age = 12"),
    ("age = -1", "age = -1"),
    ("age > 1e3", "age >= 1001"),
    ("age BETWEEN 18 AND 30", "age between 18 and 30"),
    ("age NOT BETWEEN 18 AND 30", "(age <= 17 or age >= 31)"),
    ("age BETWEEN 30 AND 18", "age is nothing"),
    (
        "age >= 18 AND age <= 30 AND age <> 20",
        "(age between 18 and 19 or age between 21 and 30)",
    ),
    (
        "age IN (1, 3, 2, 2.5, 9)",
        "(age between 1 and 3 or age = 9)",
    ),
    ("age IN (1, NULL)", "(age = 1 or unknown)"),
    (
        "age = 1 OR age = 2 OR city = 'x'",
        "(age between 1 and 2 or city in ('x'))",
    ),
    (
        "points = 9223372036854775807",
        "points = 9223372036854775807",
    ),
    ("points > 9223372036854775807", "points is nothing"),
    ("points >= -9223372036854775808", "points is known"),
    ("points < 1e30", "points is known"),
    ("spend_30d >= 1000", "spend_30d >= 1000.00"),
    ("spend_30d = '0.05'", "spend_30d = 0.05"),
    ("spend_30d < 0.015", "spend_30d <= 0.01"),
    ("score = 0.1", "score = 0.1"),
    ("score > 1", "score >= 1.0000000000000002"),
    ("vip", "vip"),
    ("NOT vip", "not vip"),
    ("vip = true", "vip"),
    ("vip = FALSE", "not vip"),
    ("vip <> true", "not vip"),
    ("vip IN (true, false)", "(vip or not vip)"),
    ("vip IS TRUE", "(vip is true)"),
    ("vip IS NOT FALSE", "not (vip is false)"),
    ("vip IS UNKNOWN", "not vip is known"),
    ("(age > 1) IS NULL", "(age >= 2 is null)"),
    ("(age IS NULL) IS TRUE", "not age is known"),
    // Dates: 2026-11-20 is today.
    ("birthday = '1990-01-31'", "birthday = DATE '1990-01-31'"),
    (
        "birthday < DATE '1990-01-31'",
        "birthday <= DATE '1990-01-30'",
    ),
    (
        "birthday >= current_date - INTERVAL '1 month'",
        "birthday >= DATE '2026-10-20'",
    ),
    ("birthday > now()", "birthday >= DATE '2026-11-21'"),
    (
        "birthday = TIMESTAMP '2026-11-20 00:00:00'",
        "birthday = DATE '2026-11-20'",
    ),
    (
        "birthday = TIMESTAMP '2026-11-20 00:00:01'",
        "birthday is nothing",
    ),
    (
        "last_login >= now() - INTERVAL '7 days'",
        "last_login >= TIMESTAMP '2026-11-13T12:34:56Z'",
    ),
    (
        "last_login >= now() - INTERVAL 7 DAY",
        "last_login >= TIMESTAMP '2026-11-13T12:34:56Z'",
    ),
    (
        "last_login = '2026-11-20T10:00:00+02:00'",
        "last_login = TIMESTAMP '2026-11-20T08:00:00Z'",
    ),
    (
        "last_login = DATE '2026-11-20'",
        "last_login = TIMESTAMP '2026-11-20T00:00:00Z'",
    ),
    // Sets and maps.
    ("has(interests, 'tea')", "has_any(interests, ['tea'])"),
    ("'tea' = ANY(interests)", "has_any(interests, ['tea'])"),
    ("has(interests, NULL)", "unknown"),
    (
        "has_any(interests, ['b', 'a'])",
        "has_any(interests, ['a', 'b'])",
    ),
    ("interests && ['a', 'b']", "has_any(interests, ['a', 'b'])"),
    ("interests && ARRAY['a']", "has_any(interests, ['a'])"),
    ("interests @> ['a', 'b']", "has_all(interests, ['a', 'b'])"),
    ("has_any(interests, [])", "false"),
    ("has_all(interests, [])", "true"),
    ("has_any(interests, wishes)", "has_any(interests, wishes)"),
    ("interests @> wishes", "has_all(interests, wishes)"),
    (
        "has(interests, 'a') OR has(interests, 'b')",
        "has_any(interests, ['a', 'b'])",
    ),
    (
        "has(interests, 'a') AND has(interests, 'b')",
        "(has_any(interests, ['a']) and has_any(interests, ['b']))",
    ),
    (
        "NOT has(interests, 'nike')",
        "not has_any(interests, ['nike'])",
    ),
    ("has(interests, city)", "has(interests, city) by rows"),
    ("cardinality(interests) >= 3", "cardinality(interests) >= 3"),
    ("cardinality(interests) = 0", "cardinality(interests) = 0"),
    (
        "brand_visits_30d['nike'] >= 3",
        "brand_visits_30d['nike'] >= 3",
    ),
    (
        "brand_visits_30d['nike'] IS NULL",
        "not brand_visits_30d['nike'] is known",
    ),
    (
        "map_contains(brand_visits_30d, 'nike')",
        "brand_visits_30d['nike'] is known",
    ),
    (
        "map_contains(brand_visits_30d, city)",
        "map_contains(brand_visits_30d, city) by rows",
    ),
    (
        "spent_at['x'] > '2026-11-20'",
        "spent_at['x'] >= TIMESTAMP '2026-11-20T00:00:00.000001Z'",
    ),
    // Written out.
    ("city IS NOT DISTINCT FROM 'x'", "(city in ('x') is true)"),
    ("city IS DISTINCT FROM 'x'", "not (city in ('x') is true)"),
    ("city IS DISTINCT FROM NULL", "city is known"),
    (
        "CASE WHEN vip THEN age > 1 ELSE false END",
        "((vip is true) and age >= 2)",
    ),
    (
        "CASE city WHEN 'x' THEN vip END",
        "(((city in ('x') is true) and vip) or (not (city in ('x') is true) and unknown))",
    ),
    // By rows.
    ("gender = city", "gender = city by rows"),
    ("gender <> city", "not gender = city by rows"),
    ("age + 1 > points", "points < (age + 1) by rows"),
    ("age + 1 IN (3, 2)", "(age + 1) in (2, 3) by rows"),
    ("age > score", "score < age by rows"),
    (
        "birthday < last_login",
        "timestamp(birthday) < last_login by rows",
    ),
    ("age + 1 IS NULL", "not (age + 1) is not null by rows"),
    ("coalesce(vip, false)", "coalesce(vip, false) by rows"),
    ("lower(city) = 'x'", "lower(city) = 'x' by rows"),
    (
        "date_trunc('month', last_login) = DATE '2026-11-01'",
        "date_trunc month(last_login) = TIMESTAMP '2026-11-01T00:00:00Z' by rows",
    ),
    // Constants.
    ("TRUE", "true"),
    ("1 = 1.0", "true"),
    ("1 / 0 = 1", "unknown"),
    ("1 IN (2, 3)", "false"),
    ("'a' < 'b' AND vip", "vip"),
    ("vip OR NOT NULL", "(vip or unknown)"),
    ("false AND age / 0 > 1", "false"),
    ("a.b = 1 OR true", "!unknown_table"),
];

#[test]
fn conditions_are_bound_to_what_bitmaps_can_answer() {
    for (written, expected) in CONDITIONS {
        match (condition(written, &[]), expected.strip_prefix('!')) {
            (Ok(found), None) => assert_eq!(found, *expected, "{written}"),
            (Err(error), Some(code)) => assert_eq!(error.code(), code, "{written}"),
            (Ok(found), Some(code)) => panic!("{written}: {found}, expected {code}"),
            (Err(error), None) => panic!("{written}: {error}"),
        }
    }
}

/// Statements, and the lines of their plans.
const STATEMENTS: &[(&str, &[&str])] = &[
    (
        "SELECT count(*) FROM users",
        &[
            "select count(*) BIGINT",
            "  group by nothing",
            "  aggregate count(*)",
            "  scan users",
            "    true",
        ],
    ),
    (
        "select user_id, age + 1 AS next, vip and age > 18 from users u where u.city = 'x' \
         order by age desc, 1 nulls first limit 10 offset 5",
        &[
            "select user_id KEYWORD, (age + 1) as \"next\" BIGINT, (vip and age >= 19) as \"vip \
             and age > 18\" BOOLEAN",
            "  limit 10 offset 5",
            "  order by age desc nulls first, user_id asc nulls first",
            "  scan users",
            "    city in ('x')",
        ],
    ),
    (
        "SELECT gender, age / 10 AS decade, count(*), avg(spend_30d) FROM users \
         WHERE vip OR NOT has(interests, 'tea') GROUP BY gender, decade \
         HAVING count(*) >= 100 AND gender IS NOT NULL ORDER BY count(*) DESC, 2",
        &[
            "select gender KEYWORD, (age / 10) as \"decade\" BIGINT, count(*) BIGINT, \
             avg(spend_30d) DOUBLE",
            "  order by count(*) desc nulls first, (age / 10) asc nulls last",
            "  having (100 <= count(*) by rows and gender is not null by rows)",
            "  group by gender, (age / 10)",
            "  aggregate count(*), avg(spend_30d)",
            "  scan users",
            "    or",
            "      vip",
            "      not",
            "        has_any(interests, ['tea'])",
        ],
    ),
    (
        "SELECT unnest(interests) AS interest, count(*) n FROM users GROUP BY 1 ORDER BY n",
        &[
            "select unnest(interests) as \"interest\" KEYWORD, count(*) as \"n\" BIGINT",
            "  order by count(*) asc nulls last",
            "  group by unnest(interests)",
            "  aggregate count(*)",
            "  scan users",
            "    true",
        ],
    ),
    (
        "SELECT unnest(map_keys(brand_visits_30d)), sum(brand_visits_30d['nike']) FROM users \
         GROUP BY unnest(map_keys(brand_visits_30d))",
        &[
            "select unnest(map_keys(brand_visits_30d)) KEYWORD, sum(brand_visits_30d['nike']) \
             BIGINT",
            "  group by unnest(map_keys(brand_visits_30d))",
            "  aggregate sum(brand_visits_30d['nike'])",
            "  scan users",
            "    true",
        ],
    ),
    (
        "SELECT DISTINCT city, vip FROM users ORDER BY city",
        &[
            "select city KEYWORD, vip BOOLEAN",
            "  order by city asc nulls last",
            "  group by city, vip",
            "  aggregate nothing",
            "  scan users",
            "    true",
        ],
    ),
    (
        "SELECT sum(age) + count(DISTINCT city) * 2, min(user_id), max(last_login), sum(score) \
         FROM users",
        &[
            "select (sum(age) + (count(distinct city) * 2)) as \"sum(age) + count(DISTINCT city) \
             * 2\" BIGINT, min(user_id) KEYWORD, max(last_login) TIMESTAMP, sum(score) DOUBLE",
            "  group by nothing",
            "  aggregate sum(age), count(distinct city), min(user_id), max(last_login), \
             sum(score)",
            "  scan users",
            "    true",
        ],
    ),
    (
        "UPDATE users SET age = age + 1, interests = array_append(array_remove(interests, 'a'), \
         'b'), brand_visits_30d['nike'] = coalesce(brand_visits_30d['nike'], 0) + 1, city = NULL \
         WHERE user_id = 'u1'",
        &[
            "update",
            "  set age = (age + 1)",
            "  edit interests: drop [\"a\"], put [\"b\"]",
            "  set brand_visits_30d['nike'] = (coalesce(brand_visits_30d['nike'], 0) + 1)",
            "  set city = NULL",
            "  scan users",
            "    user_id in ('u1')",
        ],
    ),
    (
        "DELETE FROM users WHERE user_id IN ('u1','u2') AND TRUE",
        &["delete", "  scan users", "    user_id in ('u1', 'u2')"],
    ),
    ("DROP TABLE IF EXISTS nothing", &["nothing to do"]),
    (
        "CREATE TABLE IF NOT EXISTS users (id KEYWORD PRIMARY KEY)",
        &["nothing to do"],
    ),
    (
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS age INT",
        &["nothing to do"],
    ),
    ("SHOW TABLES", &["show tables"]),
    ("DESC users", &["describe users"]),
    (
        "EXPLAIN ANALYZE SELECT age FROM users LIMIT 1",
        &[
            "select age SMALLINT",
            "  limit 1 offset 0",
            "  scan users",
            "    true",
        ],
    ),
];

#[test]
fn statements_are_bound() {
    for (sql, expected) in STATEMENTS {
        let statement = bound(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(explain(&statement), *expected, "{sql}");
    }
}

#[test]
fn star_is_the_key_and_all_tags_in_order() {
    let select = select("SELECT * FROM users");
    let names: Vec<_> = select
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names.len(), 15);
    assert_eq!(names[..3], ["user_id", "gender", "age"]);
    assert_eq!(select.columns[9].kind.to_string(), "DECIMAL(12,2)");
    assert_eq!(select.columns[12].kind.to_string(), "MAP(KEYWORD, INT)");
}

#[test]
fn types_of_results_are_as_documented() {
    for (expr, expected) in [
        ("age + 1", "BIGINT"),
        ("age / 2", "BIGINT"),
        ("spend_30d + 1", "DECIMAL(38,2)"),
        ("spend_30d * 1.055", "DECIMAL(38,5)"),
        ("spend_30d / 3", "DOUBLE"),
        ("score * age", "DOUBLE"),
        ("round(spend_30d, 1)", "DECIMAL(38,1)"),
        ("round(spend_30d)", "DECIMAL(38,0)"),
        ("round(score, 1)", "DOUBLE"),
        ("date_trunc('month', birthday)", "DATE"),
        ("date_trunc('month', last_login)", "TIMESTAMP"),
        ("extract(YEAR FROM birthday)", "BIGINT"),
        ("extract(SECOND FROM last_login)", "DOUBLE"),
        ("birthday - DATE '2000-01-01'", "BIGINT"),
        ("birthday + 7", "DATE"),
        ("birthday + INTERVAL '1 day'", "DATE"),
        ("birthday + INTERVAL '1 hour'", "TIMESTAMP"),
        ("last_login::date", "DATE"),
        ("birthday::timestamp", "TIMESTAMP"),
        ("coalesce(age, points)", "BIGINT"),
        ("coalesce(age, 1.5)", "DECIMAL(38,1)"),
        ("coalesce(NULL, city)", "KEYWORD"),
        ("CASE WHEN vip THEN 1 ELSE 2.5 END", "DECIMAL(38,1)"),
        ("CASE WHEN vip THEN birthday ELSE now() END", "TIMESTAMP"),
        ("NULL", "KEYWORD"),
        ("age > 1", "BOOLEAN"),
        ("concat(city, age)", "KEYWORD"),
        ("length(bio)", "BIGINT"),
        ("CAST(age AS DECIMAL(5,2))", "DECIMAL(5,2)"),
        ("array_append(interests, 'x')", "KEYWORD[]"),
        ("nullif(age, 0)", "SMALLINT"),
        ("width_bucket(age, 0, 100, 10)", "BIGINT"),
        ("spent_at['x']", "TIMESTAMP"),
    ] {
        let select = select(&format!("SELECT {expr} FROM users"));
        assert_eq!(select.columns[0].kind.to_string(), expected, "{expr}");
    }
    for (aggregate, expected) in [
        ("sum(age)", "BIGINT"),
        ("sum(spend_30d)", "DECIMAL(38,2)"),
        ("sum(score)", "DOUBLE"),
        ("avg(age)", "DOUBLE"),
        ("min(age)", "SMALLINT"),
        ("max(birthday)", "DATE"),
        ("count(bio)", "BIGINT"),
    ] {
        let select = select(&format!("SELECT {aggregate} FROM users"));
        assert_eq!(select.columns[0].kind.to_string(), expected, "{aggregate}");
    }
}

#[test]
fn group_keys_are_found_again_in_expressions() {
    let select =
        select("SELECT age / 10 * 2 + 1, u.age / 10 FROM users AS u GROUP BY u.age / 10, age / 10");
    let grouping = select.grouping.unwrap();
    assert_eq!(grouping.keys.len(), 1);
    assert!(matches!(grouping.keys[0], GroupKey::Value(_)));
    assert_eq!(select.output[1].as_slot(), Some(0));
    assert_eq!(select.output[1].data_type, DataType::BigInt);
    assert_eq!(select.scan.columns.len(), 1);
}
