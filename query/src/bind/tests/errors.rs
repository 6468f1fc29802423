use super::{bound, condition};
use crate::error::Error;

/// Statements, the code, the place (line, column) and a part of the sentence.
const ERRORS: &[(&str, &str, (u32, u32), &str)] = &[
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
        "\"x\" is not a INT",
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
        "SELECT median(age) FROM users",
        "unsupported",
        (1, 8),
        "median",
    ),
    (
        "SELECT age FROM users WHERE bucket_of(user_id, 100, 's') < 5",
        "unsupported",
        (1, 29),
        "bucket_of",
    ),
    // Left out by name.
    (
        "SELECT age FROM users JOIN devices ON true",
        "unsupported",
        (1, 23),
        "JOIN",
    ),
    (
        "SELECT age FROM users u LEFT JOIN devices ON true",
        "unsupported",
        (1, 25),
        "JOIN",
    ),
    (
        "SELECT age FROM users, devices",
        "unsupported",
        (1, 22),
        "join",
    ),
    (
        "SELECT age FROM (SELECT age FROM users)",
        "unsupported",
        (1, 17),
        "sub-query",
    ),
    (
        "SELECT age FROM users WHERE user_id IN (SELECT user_id FROM users)",
        "unsupported",
        (1, 41),
        "sub-query",
    ),
    (
        "SELECT age FROM users WHERE EXISTS (SELECT 1)",
        "unsupported",
        (1, 29),
        "sub-query",
    ),
    (
        "SELECT sum(age) OVER (PARTITION BY city) FROM users",
        "unsupported",
        (1, 17),
        "window",
    ),
    (
        "SELECT count(*) FILTER (WHERE vip) FROM users",
        "unsupported",
        (1, 17),
        "FILTER",
    ),
    (
        "SELECT DISTINCT ON (city) age FROM users",
        "unsupported",
        (1, 17),
        "DISTINCT ON",
    ),
    (
        "SELECT age FROM users WHERE city LIKE 'a%'",
        "unsupported",
        (1, 34),
        "LIKE",
    ),
    (
        "SELECT age FROM users WHERE city NOT ILIKE 'a%'",
        "unsupported",
        (1, 34),
        "ILIKE",
    ),
    (
        "SELECT age FROM users TABLESAMPLE BERNOULLI (1)",
        "unsupported",
        (1, 23),
        "TABLESAMPLE",
    ),
    (
        "SELECT user_id FROM users UNION SELECT user_id FROM users",
        "unsupported",
        (1, 27),
        "UNION",
    ),
    (
        "WITH a AS (SELECT 1) SELECT 1 FROM a",
        "unsupported",
        (1, 1),
        "WITH",
    ),
    ("SELECT 1", "unsupported", (1, 9), "SELECT without FROM"),
    (
        "SELECT age || city FROM users",
        "unsupported",
        (1, 12),
        "concat",
    ),
    (
        "SELECT city FROM users GROUP BY ROLLUP(city)",
        "unsupported",
        (1, 33),
        "ROLLUP",
    ),
    (
        "SELECT city FROM users FOR UPDATE",
        "unsupported",
        (1, 24),
        "FOR UPDATE",
    ),
    (
        "SELECT city FROM users LIMIT 1, 2",
        "unsupported",
        (1, 31),
        "OFFSET",
    ),
    ("SELECT city FROM a.users", "unsupported", (1, 19), "schema"),
    (
        "SELECT * EXCEPT (age) FROM users",
        "unsupported",
        (1, 10),
        "* EXCEPT",
    ),
    ("BEGIN", "unsupported", (1, 1), "BEGIN"),
    ("  MERGE INTO users", "unsupported", (1, 3), "MERGE"),
    (
        "CREATE INDEX i ON users (age)",
        "unsupported",
        (1, 1),
        "CREATE INDEX",
    ),
    (
        "ALTER TABLE users ALTER COLUMN age TYPE INT",
        "unsupported",
        (1, 19),
        "ALTER TABLE",
    ),
    ("DROP VIEW v", "unsupported", (1, 1), "DROP"),
    (
        "CREATE TABLE t (id UUID PRIMARY KEY)",
        "unsupported",
        (1, 20),
        "uuid",
    ),
    (
        "CREATE TABLE t (id KEYWORD PRIMARY KEY, a INT NOT NULL)",
        "unsupported",
        (1, 47),
        "NOT NULL",
    ),
    (
        "CREATE TABLE t (id KEYWORD PRIMARY KEY, a VARCHAR(10))",
        "unsupported",
        (1, 50),
        "VARCHAR",
    ),
    (
        "CREATE TABLE t (id KEYWORD PRIMARY KEY, a INT[])",
        "unsupported",
        (1, 43),
        "array",
    ),
    (
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "type_mismatch",
        (1, 20),
        "KEYWORD or BIGINT",
    ),
    (
        "CREATE TABLE t (id KEYWORD)",
        "syntax_error",
        (1, 27),
        "PRIMARY KEY",
    ),
    (
        "CREATE TABLE t (id KEYWORD PRIMARY KEY, a INT, a INT)",
        "duplicate_column",
        (1, 48),
        "twice",
    ),
    (
        "CREATE TABLE t (id KEYWORD PRIMARY KEY) WITH (partitions = 3)",
        "bad_parameter",
        (1, 60),
        "power of two",
    ),
    (
        "CREATE TABLE users (id KEYWORD PRIMARY KEY)",
        "already_exists",
        (1, 14),
        "users",
    ),
    (
        "CREATE TABLE t (id KEYWORD PRIMARY KEY, a DECIMAL(19,2))",
        "type_mismatch",
        (1, 43),
        "18 digits",
    ),
    (
        "ALTER TABLE users ADD COLUMN age INT",
        "already_exists",
        (1, 30),
        "age",
    ),
    (
        "ALTER TABLE users DROP COLUMN agee",
        "unknown_tag",
        (1, 31),
        "\"age\"?",
    ),
    (
        "ALTER TABLE users DROP COLUMN user_id",
        "unsupported",
        (1, 31),
        "key",
    ),
    (
        "UPDATE users SET age = 1",
        "unsupported",
        (1, 25),
        "WHERE TRUE",
    ),
    ("DELETE FROM users", "unsupported", (1, 18), "WHERE TRUE"),
    (
        "UPDATE users SET user_id = 'x' WHERE TRUE",
        "unsupported",
        (1, 18),
        "key",
    ),
    (
        "UPDATE users SET age = 1, age = 2 WHERE TRUE",
        "duplicate_column",
        (1, 27),
        "twice",
    ),
    (
        "UPDATE users SET age = 40000 WHERE TRUE",
        "overflow",
        (1, 24),
        "SMALLINT",
    ),
    (
        "UPDATE users SET age = 1.5 WHERE TRUE",
        "type_mismatch",
        (1, 24),
        "fraction",
    ),
    (
        "UPDATE users SET age = score WHERE TRUE",
        "type_mismatch",
        (1, 24),
        "CAST",
    ),
    (
        "UPDATE users SET age['x'] = 1 WHERE TRUE",
        "type_mismatch",
        (1, 22),
        "no elements",
    ),
    (
        "INSERT INTO users VALUES ('u1')",
        "syntax_error",
        (1, 19),
        "list of columns",
    ),
    (
        "INSERT INTO users (age) VALUES (1)",
        "bad_key",
        (1, 13),
        "user_id",
    ),
    (
        "INSERT INTO users (user_id) VALUES (NULL)",
        "bad_key",
        (1, 37),
        "NULL",
    ),
    (
        "INSERT INTO users (user_id, age) VALUES ('u1')",
        "syntax_error",
        (1, 41),
        "1 values for 2",
    ),
    (
        "INSERT INTO users (user_id, age, age) VALUES ('u1', 1, 1)",
        "duplicate_column",
        (1, 34),
        "twice",
    ),
    (
        "INSERT INTO users (user_id) VALUES (1)",
        "type_mismatch",
        (1, 37),
        "KEYWORD",
    ),
    (
        "INSERT INTO users (user_id) SELECT user_id FROM users",
        "unsupported",
        (1, 29),
        "INSERT ... SELECT",
    ),
    (
        "INSERT INTO users (user_id) VALUES ('a') ON CONFLICT (user_id) DO NOTHING",
        "unsupported",
        (1, 42),
        "ON CONFLICT",
    ),
    (
        "INSERT INTO users (user_id, age) VALUES ('a', points)",
        "unsupported",
        (1, 47),
        "constants",
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
    for (sql, code, place, part) in ERRORS {
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
fn conditions_on_their_own_are_located_too() {
    let error = condition("vip AND gendr = 'x'", &[]).unwrap_err();
    assert_eq!(error.code(), "unknown_tag");
}
