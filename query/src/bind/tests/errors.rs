use super::{bound, condition};
use crate::error::Error;

/// Statements, the code, the place (line, column) and a part of the sentence.
const ERRORS: &[Case] = &[
    (
        "SELECT gendr FROM users",
        "unknown_tag",
        (1, 8),
        "did you mean \"gender\"?",
    ),
    (
        "SELECT age\nFROM users\nWHERE  zzz = 1",
        "unknown_tag",
        (3, 8),
        "of table \"users\"",
    ),
    (
        "SELECT age FROM user",
        "unknown_table",
        (1, 17),
        "did you mean \"users\"?",
    ),
    (
        "SELECT x.age FROM users",
        "unknown_table",
        (1, 8),
        "the table is \"users\"",
    ),
    (
        "SELECT users.age FROM users u",
        "unknown_table",
        (1, 8),
        "the table is \"u\"",
    ),
    (
        "SELECT hasAny(interests, ['a']) FROM users",
        "unknown_function",
        (1, 8),
        "has_any",
    ),
    (
        "SELECT list_contains(interests, 'a') FROM users",
        "unknown_function",
        (1, 8),
        "has(set",
    ),
    (
        "SELECT uniq(city) FROM users",
        "unknown_function",
        (1, 8),
        "count(DISTINCT",
    ),
    (
        "SELECT countIf(vip) FROM users",
        "unknown_function",
        (1, 8),
        "count(*)",
    ),
    (
        "SELECT arrayJoin(interests) FROM users",
        "unknown_function",
        (1, 8),
        "unnest",
    ),
    (
        "SELECT counnt(*) FROM users",
        "unknown_function",
        (1, 8),
        "\"count\"?",
    ),
    (
        "SELECT lenght(city) FROM users",
        "unknown_function",
        (1, 8),
        "\"length\"?",
    ),
    (
        "SELECT age FROM users WHERE vip = 1",
        "type_mismatch",
        (1, 35),
        "BOOLEAN and BIGINT",
    ),
    (
        "SELECT age FROM users WHERE has(interests, 1)",
        "type_mismatch",
        (1, 44),
        "strings",
    ),
    (
        "SELECT age FROM users WHERE age = '30'",
        "type_mismatch",
        (1, 35),
        "KEYWORD",
    ),
    (
        "SELECT age FROM users WHERE birthday = 'x'",
        "type_mismatch",
        (1, 40),
        "not a DATE",
    ),
    (
        "SELECT age FROM users WHERE age",
        "type_mismatch",
        (1, 29),
        "a condition is expected",
    ),
    (
        "SELECT age FROM users WHERE interests IS NULL",
        "type_mismatch",
        (1, 39),
        "cardinality",
    ),
    (
        "SELECT age FROM users WHERE has_any(interests, ['a', NULL])",
        "type_mismatch",
        (1, 54),
        "NULL",
    ),
    (
        "SELECT age FROM users WHERE bio = 'x'",
        "unsupported",
        (1, 33),
        "LONGTEXT",
    ),
    (
        "SELECT age['x'] FROM users",
        "type_mismatch",
        (1, 8),
        "not a map",
    ),
    (
        "SELECT age + city FROM users",
        "type_mismatch",
        (1, 12),
        "SMALLINT + KEYWORD",
    ),
    (
        "SELECT age FROM users ORDER BY interests",
        "type_mismatch",
        (1, 32),
        "no order",
    ),
    (
        "SELECT CAST('x' AS INT) FROM users",
        "type_mismatch",
        (1, 8),
        "\"x\" is not a valid INT",
    ),
    (
        "SELECT CAST(interests AS INT) FROM users",
        "type_mismatch",
        (1, 8),
        "cannot be cast",
    ),
    (
        "SELECT 9223372036854775807 + 1 FROM users",
        "overflow",
        (1, 28),
        "too large",
    ),
    (
        "SELECT age, count(*) FROM users",
        "not_grouped",
        (1, 8),
        "\"age\"",
    ),
    (
        "SELECT city FROM users GROUP BY gender",
        "not_grouped",
        (1, 8),
        "\"city\"",
    ),
    (
        "SELECT * FROM users GROUP BY gender",
        "not_grouped",
        (1, 8),
        "GROUP BY",
    ),
    (
        "SELECT gender FROM users GROUP BY gender ORDER BY age",
        "not_grouped",
        (1, 51),
        "\"age\"",
    ),
    (
        "SELECT count(*) FROM users WHERE count(*) > 1",
        "unsupported",
        (1, 34),
        "aggregate count",
    ),
    (
        "SELECT sum(count(*)) FROM users",
        "unsupported",
        (1, 12),
        "aggregate count",
    ),
    (
        "SELECT sum(city) FROM users",
        "type_mismatch",
        (1, 12),
        "sum of KEYWORD",
    ),
    (
        "SELECT interests FROM users GROUP BY interests",
        "unsupported",
        (1, 38),
        "unnest(set)",
    ),
    (
        "SELECT 1 FROM users GROUP BY 2",
        "bad_parameter",
        (1, 30),
        "position 2",
    ),
    (
        "SELECT unnest(interests) FROM users",
        "unsupported",
        (1, 8),
        "GROUP BY unnest",
    ),
    (
        "SELECT age FROM users LIMIT -1",
        "bad_parameter",
        (1, 29),
        "not negative",
    ),
    (
        "SELECT median(city) FROM users",
        "type_mismatch",
        (1, 15),
        "median of KEYWORD",
    ),
    (
        "SELECT quantile(age) FROM users",
        "type_mismatch",
        (1, 8),
        "2 arguments",
    ),
    (
        "SELECT quantile(age, 1.1) FROM users",
        "bad_parameter",
        (1, 22),
        "from 0 to 1",
    ),
    (
        "SELECT quantile(age, age) FROM users",
        "bad_parameter",
        (1, 22),
        "constant",
    ),
    (
        "SELECT stddev(birthday) FROM users",
        "type_mismatch",
        (1, 15),
        "stddev of DATE",
    ),
    (
        "SELECT median(DISTINCT age) FROM users",
        "unsupported",
        (1, 8),
        "DISTINCT",
    ),
    (
        "SELECT share() FROM users",
        "not_grouped",
        (1, 8),
        "GROUP BY",
    ),
    (
        "SELECT city, tgi(age) FROM users GROUP BY city",
        "type_mismatch",
        (1, 14),
        "0 arguments",
    ),
    (
        "SELECT count(*) FILTER (WHERE sum(age) > 1) FROM users",
        "unsupported",
        (1, 31),
        "aggregate sum here",
    ),
    (
        "SELECT abs(age) FILTER (WHERE vip) FROM users",
        "syntax_error",
        (1, 8),
        "FILTER",
    ),
    (
        "SELECT count(*) FILTER (WHERE age) FROM users",
        "type_mismatch",
        (1, 31),
        "condition",
    ),
    (
        "SELECT age FROM users WHERE age LIKE '3%'",
        "type_mismatch",
        (1, 29),
        "LIKE takes a string, not SMALLINT",
    ),
    (
        "SELECT age FROM users WHERE interests LIKE 'a%'",
        "type_mismatch",
        (1, 29),
        "has(set",
    ),
    (
        "SELECT age FROM users WHERE bio LIKE 'a%'",
        "unsupported",
        (1, 29),
        "LONGTEXT",
    ),
    (
        "SELECT age FROM users WHERE city LIKE gender",
        "unsupported",
        (1, 39),
        "no constant",
    ),
    (
        "SELECT age FROM users WHERE city LIKE 1",
        "type_mismatch",
        (1, 39),
        "string",
    ),
    (
        "SELECT age FROM users WHERE city LIKE 'a' ESCAPE 'ab'",
        "bad_parameter",
        (1, 50),
        "one character",
    ),
    (
        "SELECT age FROM users WHERE city LIKE ANY (['a'])",
        "unsupported",
        (1, 34),
        "LIKE ANY",
    ),
    (
        "SELECT age FROM users WHERE bucket_of(user_id, 0, 's') < 5",
        "bad_parameter",
        (1, 48),
        "from 1 on",
    ),
    (
        "SELECT age FROM users WHERE bucket_of(user_id, 10) < 5",
        "type_mismatch",
        (1, 29),
        "3 arguments",
    ),
    (
        "SELECT age FROM users WHERE bucket_of(vip, 10, 's') < 5",
        "type_mismatch",
        (1, 39),
        "BOOLEAN",
    ),
    (
        "SELECT age FROM users TABLESAMPLE BERNOULLI (101)",
        "bad_parameter",
        (1, 46),
        "from 0 to 100",
    ),
    (
        "SELECT age FROM users TABLESAMPLE SYSTEM (1)",
        "unsupported",
        (1, 35),
        "BERNOULLI",
    ),
    (
        "SELECT age FROM users TABLESAMPLE BERNOULLI (1) REPEATABLE (1.5)",
        "bad_parameter",
        (1, 61),
        "whole number",
    ),
    (
        "SELECT age FROM users WHERE any_key(interests, k -> true)",
        "type_mismatch",
        (1, 37),
        "takes a map, not KEYWORD[]",
    ),
    (
        "SELECT age FROM users WHERE any_key(brand_visits_30d)",
        "type_mismatch",
        (1, 29),
        "k ->",
    ),
    (
        "SELECT age FROM users WHERE any_key(brand_visits_30d, k -> any_key(spent_at, j -> true))",
        "unsupported",
        (1, 60),
        "inside of any_key",
    ),
    (
        "SELECT age FROM users WHERE k -> true",
        "unsupported",
        (1, 29),
        "outside of any_key",
    ),
    (
        "SELECT unnest(interests), count(*) FROM users GROUP BY unnest(interests), unnest(interests)",
        "unsupported",
        (1, 8),
        "two group keys",
    ),
    // Not in the grammar.
    ("SELECT FROM users", "syntax_error", (1, 8), "keyword FROM"),
    (
        "SELECT age FROM users WHERE age = ",
        "syntax_error",
        (1, 35),
        "found the end",
    ),
    (
        "SELECT age FROM users WHERE (age = 1",
        "syntax_error",
        (1, 37),
        "\")\"",
    ),
    (
        "SELECT age FROM users WHERE a = 1 = 2",
        "syntax_error",
        (1, 35),
        "second comparison",
    ),
    ("SELECT 'abc", "syntax_error", (1, 8), "does not end"),
    ("SELECT /* abc", "syntax_error", (1, 8), "comment"),
    ("SELECT 1abc FROM users", "syntax_error", (1, 8), "1abc"),
    (
        "SELECT größe FROM users",
        "syntax_error",
        (1, 10),
        "double quotes",
    ),
    (
        "SELECT 'größe', zzz FROM users",
        "unknown_tag",
        (1, 17),
        "zzz",
    ),
    (
        "SELECT age FROM users WHERE age = ? AND age = $1",
        "syntax_error",
        (1, 47),
        "not both",
    ),
    (
        "SELECT age FROM users WHERE age IN ()",
        "syntax_error",
        (1, 37),
        "expression",
    ),
    ("FROB users", "syntax_error", (1, 1), "a statement"),
    ("", "syntax_error", (0, 0), "no statement"),
];

#[test]
fn errors_have_a_code_a_place_and_a_sentence() {
    check(ERRORS);
}

/// A statement, the code, the place and a part of the sentence of its error.
pub(super) type Case = (&'static str, &'static str, (u32, u32), &'static str);

pub(super) fn check(cases: &[Case]) {
    for (sql, code, place, part) in cases {
        let error: Error = match bound(sql) {
            Ok(statement) => panic!("{sql}: {statement:?}"),
            Err(error) => error,
        };
        let found = error.position().unwrap_or((0, 0));
        assert_eq!((error.code(), found), (*code, *place), "{sql}: {error}");
        let sentence = error.to_string();
        assert!(sentence.contains(part), "{sql}: {sentence}");
    }
}

#[test]
fn the_documented_sentence_is_given() {
    let error = bound("SELECT gender, age FROM users WHERE gendr = 'f'").unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown tag \"gendr\" of table \"users\" (line 1, column 37); did you mean \"gender\"?"
    );
}

#[test]
fn hints_stand_behind_the_place() {
    let error = bound("SELECT city || 'x' FROM users").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the operator || is not supported (line 1, column 13); write concat(a, b)"
    );
}

#[test]
fn conditions_on_their_own_are_located_too() {
    let error = condition("vip AND gendr = 'x'", &[]).unwrap_err();
    assert_eq!(error.code(), "unknown_tag");
}
