//! SQL: long, deep, wide and malformed.

use crate::lists;
use crate::raw::{Case, Expect};
use Expect::{Code, Limit, Refused, Status};

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, sql, expect) in chains().into_iter().chain(nested()).chain(lists::lists()) {
        cases.push(statement(&name, &sql, expect));
    }
    for (sql, expect) in malformed() {
        cases.push(statement(sql, sql, expect));
    }
    cases.extend(lists::parameters());
    cases.push(statement(
        "heavy: a self-made product of groups",
        HEAVY,
        Status(200),
    ));
    cases
}

const HEAVY: &str = "SELECT user_id, count(*) FROM users GROUP BY user_id LIMIT 1";

/// A name, a statement, and what it must be answered with.
pub(crate) type Made = (String, String, Expect);

/// A statement as text.
pub(crate) fn statement(name: &str, sql: &str, expect: Expect) -> Case {
    let shown: String = name.chars().take(80).collect();
    Case::request(
        format!("SQL {shown}"),
        ("POST", "/v1/sql"),
        "text/plain",
        sql,
        expect,
    )
}

/// Counts the users of a condition.
pub(crate) fn counting(condition: &str) -> String {
    format!("SELECT count(*) FROM users WHERE {condition}")
}

/// Operators side by side: 100,000 of them, and as many as just fit.
fn chains() -> Vec<Made> {
    let mut made = Vec::new();
    let joined = |piece: &str, operator: &str, count: usize| {
        vec![piece; count].join(&format!(" {operator} "))
    };
    for (operator, piece) in [
        ("OR", "b"),
        ("AND", "b"),
        ("OR", "age = 1"),
        ("AND", "NOT b"),
    ] {
        let name = |count: usize| format!("{count} of {piece:?} by {operator}");
        let huge = counting(&joined(piece, operator, 100_000));
        made.push((name(100_000), huge, Limit("statement_bytes")));
        let many = counting(&joined("b", operator, 30_000));
        made.push((format!("30,000 by {operator}"), many, Limit("tokens")));
        let fit = counting(&joined(piece, operator, 8_000));
        made.push((name(8_000), fit, Status(200)));
    }
    for operator in ["+", "-", "*", "/", "||", "%"] {
        let piece = if operator == "||" { "city" } else { "age" };
        let equals = if operator == "||" { "= 'x'" } else { "= 1" };
        let huge = counting(&format!("{} {equals}", joined(piece, operator, 100_000)));
        made.push((
            format!("100,000 by {operator}"),
            huge,
            Limit("statement_bytes"),
        ));
        let many = counting(&format!("{} {equals}", joined(piece, operator, 20_000)));
        made.push((format!("20,000 by {operator}"), many, Refused(400)));
        let high = counting(&format!("{} {equals}", joined(piece, operator, 300)));
        made.push((format!("300 by {operator}"), high, Refused(400)));
    }
    for operator in [
        "=",
        "<",
        "IS NOT DISTINCT FROM",
        "IN",
        "LIKE",
        "BETWEEN 1 AND",
    ] {
        let sql = counting(&joined("age", operator, 5_000));
        made.push((format!("5,000 by {operator}"), sql, Refused(400)));
    }
    for (name, piece) in [
        ("NOT", "NOT "),
        ("minus", "- "),
        ("plus", "+ "),
        ("tilde", "~ "),
    ] {
        let sql = counting(&format!("{}b", piece.repeat(100_000 / piece.len())));
        made.push((
            format!("a hundred thousand bytes of {name}"),
            sql,
            Refused(400),
        ));
    }
    for (name, piece) in [
        ("IS TRUE", " IS TRUE"),
        ("IS NOT NULL", " IS NOT NULL"),
        ("casts", "::BIGINT"),
        ("subscripts", "['a']"),
        ("dots", ".x"),
        ("COLLATE", " COLLATE x"),
        ("AT TIME ZONE", " AT TIME ZONE 'UTC'"),
    ] {
        let count = 200_000 / piece.len();
        let sql = counting(&format!("b{}", piece.repeat(count)));
        made.push((format!("{count} {name} in a row"), sql, Refused(400)));
    }
    made
}

/// Things inside of each other.
fn nested() -> Vec<Made> {
    let around = |open: &str, inner: &str, close: &str, count: usize| {
        format!("{}{inner}{}", open.repeat(count), close.repeat(count))
    };
    let shapes = [
        ("brackets", "(", "b", ")"),
        ("NOT in brackets", "NOT (", "b", ")"),
        ("calls", "lower(", "city", ")"),
        ("CASE", "CASE WHEN b THEN ", "b", " END"),
        ("CASE in ELSE", "CASE WHEN b THEN b ELSE ", "b", " END"),
        ("arrays", "[", "1", "]"),
        ("queries", "age IN (SELECT age FROM users WHERE ", "b", ")"),
        ("EXISTS", "EXISTS (SELECT 1 FROM users WHERE ", "b", ")"),
        ("casts", "CAST(", "b", " AS BOOLEAN)"),
        ("coalesce", "coalesce(b, ", "b", ")"),
        ("lambdas", "any(interests, x -> ", "b", ")"),
        ("structs", "{'a': ", "1", "}"),
        ("open brackets", "(", "b", ""),
        ("closed brackets", "", "b", ")"),
        ("types", "CAST(b AS ARRAY<", "INT", ">)"),
        ("half-open types", "CAST(b AS ARRAY<", "INT", ""),
        ("intervals", "INTERVAL (", "b", ")"),
    ];
    let mut made = Vec::new();
    for (name, open, inner, close) in shapes {
        let most = 250_000 / (open.len() + close.len());
        for count in [65, 1_000, most] {
            let sql = counting(&around(open, inner, close, count));
            made.push((format!("{count} {name} in each other"), sql, Refused(400)));
        }
    }
    let froms = |count: usize| around("SELECT * FROM (", "SELECT * FROM users", ") t", count);
    made.push((
        "1,000 queries in FROM".to_owned(),
        froms(1_000),
        Refused(400),
    ));
    let explains = format!("{}SELECT 1", "EXPLAIN ".repeat(30_000));
    made.push(("30,000 EXPLAIN".to_owned(), explains, Refused(400)));
    let comments = format!("{}x{}", "/*".repeat(60_000), "*/".repeat(60_000));
    made.push((
        "60,000 comments in each other".to_owned(),
        comments,
        Code(400, "syntax_error"),
    ));
    made
}

/// What is no SQL, or SQL of others.
#[expect(clippy::too_many_lines, reason = "a table")]
fn malformed() -> Vec<(&'static str, Expect)> {
    let syntax = || Code(400, "syntax_error");
    let unsupported = || Code(400, "unsupported");
    vec![
        ("", syntax()),
        (" ", syntax()),
        (";", syntax()),
        ("\0", syntax()),
        ("SELECT \0 FROM users", syntax()),
        ("SELECT", syntax()),
        ("SELECT FROM", syntax()),
        ("SELECT * FROM", syntax()),
        ("SELECT * FROM users WHERE", syntax()),
        ("SELECT * FROM users WHERE (", syntax()),
        ("SELECT * FROM users WHERE )", syntax()),
        ("SELECT * FROM users WHERE b AND", syntax()),
        ("SELECT * FROM users WHERE b b", syntax()),
        ("\u{feff}SELECT 1", syntax()),
        ("SELECT \u{202e}1", syntax()),
        ("SEL\u{fc}CT 1", syntax()),
        ("SELECT $0 FROM users", syntax()),
        ("SELECT $65536 FROM users", syntax()),
        ("SELECT $ FROM users", syntax()),
        ("SELECT 'a", syntax()),
        ("SELECT \"a", syntax()),
        ("SELECT E'\\x00'", Refused(400)),
        ("SELECT $$a$$", unsupported()),
        ("SELECT 1e", syntax()),
        ("SELECT 0x", syntax()),
        ("SELECT 1..2", syntax()),
        ("BEGIN", unsupported()),
        ("SET x = 1", unsupported()),
        ("COPY users FROM '/etc/passwd'", unsupported()),
        (
            "LOAD DATA INFILE '/etc/passwd' INTO TABLE users",
            unsupported(),
        ),
        ("ATTACH DATABASE '/etc/passwd' AS x", unsupported()),
        ("PRAGMA journal_mode = OFF", Refused(400)),
        (
            "CREATE FUNCTION f() RETURNS INT LANGUAGE C AS '/lib/x.so'",
            unsupported(),
        ),
        (
            "SELECT pg_sleep(1000) FROM users",
            Code(400, "unknown_function"),
        ),
        (
            "SELECT load_extension('x') FROM users",
            Code(400, "unknown_function"),
        ),
        ("SELECT * FROM read_csv('/etc/passwd')", Refused(400)),
        ("SELECT * FROM '/etc/passwd'", Refused(400)),
        ("SELECT * FROM information_schema.tables", Refused(400)),
        (
            "SELECT * FROM users; DROP TABLE nothing --",
            Code(400, "unknown_table"),
        ),
        ("SELECT * FROM none", Code(400, "unknown_table")),
        ("SELECT none FROM users", Code(400, "unknown_tag")),
        (
            "SELECT count(*) FROM users WHERE 'a'",
            Code(400, "type_mismatch"),
        ),
        (
            "SELECT count(*) FROM users WHERE city = 1",
            Code(400, "type_mismatch"),
        ),
        (
            "SELECT count(*) FROM users WHERE age = 'x'",
            Code(400, "type_mismatch"),
        ),
        ("SELECT age / 0 FROM users LIMIT 1", Status(200)),
        (
            "SELECT n * 9223372036854775807 FROM users",
            Code(400, "overflow"),
        ),
        (
            "SELECT sum(n * 4611686018427387904) FROM users",
            Code(400, "overflow"),
        ),
        ("SELECT -(-9223372036854775808) FROM users", Refused(400)),
        ("SELECT abs(-9223372036854775808) FROM users", Refused(400)),
        (
            "SELECT date_add('month', 9223372036854775807, day) FROM users",
            Refused(400),
        ),
        (
            "SELECT count(*) FROM users WHERE day > DATE '9999-99-99'",
            Refused(400),
        ),
        (
            "INSERT INTO users (user_id) VALUES ('a'), ('a'), ('a', 'b')",
            Refused(400),
        ),
        (
            "INSERT INTO users (user_id) VALUES (NULL)",
            Code(400, "bad_key"),
        ),
        ("INSERT INTO users (city) VALUES ('x')", Refused(400)),
        (
            "INSERT INTO users (user_id, age) VALUES ('x', 99999)",
            Code(400, "overflow"),
        ),
        ("UPDATE users SET user_id = 'x'", Refused(400)),
        (
            "UPDATE users SET age = age + 32767 WHERE age > 0",
            Code(400, "overflow"),
        ),
        (
            "CREATE TABLE users (k KEYWORD PRIMARY KEY)",
            Code(409, "already_exists"),
        ),
        ("CREATE TABLE x (k KEYWORD)", Refused(400)),
        ("CREATE TABLE x (k DOUBLE PRIMARY KEY)", Refused(400)),
        (
            "CREATE TABLE x (k KEYWORD PRIMARY KEY) WITH (partitions = 0)",
            Refused(400),
        ),
        (
            "CREATE TABLE x (k KEYWORD PRIMARY KEY, k INT)",
            Refused(400),
        ),
        ("ALTER TABLE users DROP COLUMN user_id", Refused(400)),
        ("ALTER TABLE users RENAME TO \"\"", Refused(400)),
        ("DROP TABLE \"../../etc\"", Code(400, "unknown_table")),
        (
            "CREATE TABLE \"a/../b\" (k KEYWORD PRIMARY KEY, \"../x\" INT)",
            Status(200),
        ),
        ("DROP TABLE \"a/../b\"", Status(200)),
    ]
}
