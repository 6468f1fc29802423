//! SQL: long, deep, wide and malformed.

use crate::raw::{Case, Expect};
use Expect::{Code, Limit, Refused, Status};

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, sql, expect) in chains().into_iter().chain(nested()).chain(lists()) {
        cases.push(statement(&name, &sql, expect));
    }
    for (sql, expect) in malformed() {
        cases.push(statement(sql, sql, expect));
    }
    cases.extend(parameters());
    cases.push(statement(
        "heavy: a self-made product of groups",
        HEAVY,
        Status(200),
    ));
    cases
}

const HEAVY: &str = "SELECT user_id, count(*), array_agg(city) FROM users GROUP BY user_id LIMIT 1";

type Made = (String, String, Expect);

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

fn counting(condition: &str) -> String {
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

/// Lists and repetitions.
fn lists() -> Vec<Made> {
    let made = |name: &str, sql: String, expect| (name.to_owned(), sql, expect);
    let numbers = |count: usize| vec!["1"; count].join(",");
    let select = "SELECT user_id FROM users";
    let columns = |count: usize| {
        (0..count)
            .map(|n| format!("c{n} INT"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let with: Vec<String> = (0..5_000).map(|n| format!("t{n} AS (SELECT 1)")).collect();
    vec![
        made(
            "100,001 in a list",
            counting(&format!("age IN ({})", numbers(100_001))),
            Limit("list_elements"),
        ),
        made(
            "100,000 in a list",
            counting(&format!("age IN ({})", numbers(100_000))),
            Status(200),
        ),
        made(
            "100,001 in an array",
            counting(&format!("age = ANY([{}])", numbers(100_001))),
            Limit("list_elements"),
        ),
        made(
            "a long list of texts",
            counting(&format!("city IN ({})", vec!["'x'"; 60_000].join(","))),
            Status(200),
        ),
        made(
            "5,000 in UNION ALL",
            vec![select; 5_000].join(" UNION ALL "),
            Refused(400),
        ),
        made(
            "500 in UNION",
            vec![select; 500].join(" UNION "),
            Refused(400),
        ),
        made(
            "500 in INTERSECT",
            vec![select; 500].join(" INTERSECT "),
            Refused(400),
        ),
        made(
            "5,000 in WITH",
            format!("WITH {} SELECT 1", with.join(",")),
            Refused(400),
        ),
        made(
            "101 statements",
            "SELECT 1;".repeat(101),
            Limit("statements"),
        ),
        made("100,000 semicolons", ";".repeat(100_000), Refused(400)),
        made(
            "5,000 JOINs",
            format!("SELECT count(*) FROM users{}", " JOIN users".repeat(5_000)),
            Refused(400),
        ),
        made(
            "50,000 commas",
            format!("SELECT {} FROM users", ",".repeat(50_000)),
            Code(400, "syntax_error"),
        ),
        made(
            "20,000 columns",
            format!("SELECT {} FROM users", vec!["age"; 20_000].join(",")),
            Refused(400),
        ),
        made(
            "20,000 sort keys",
            format!("{select} ORDER BY {}", vec!["age"; 20_000].join(",")),
            Refused(400),
        ),
        made(
            "5,000 GROUP BY",
            format!(
                "SELECT count(*) FROM users GROUP BY {}",
                vec!["age"; 5_000].join(",")
            ),
            Refused(400),
        ),
        made(
            "5,000 aggregates",
            format!("SELECT {} FROM users", vec!["count(*)"; 5_000].join(",")),
            Refused(400),
        ),
        made(
            "5,000 WHEN",
            format!(
                "SELECT CASE{} END FROM users",
                " WHEN b THEN 1".repeat(5_000)
            ),
            Refused(400),
        ),
        made(
            "5,000 arguments",
            counting(&format!("coalesce({}) = 1", vec!["age"; 5_000].join(","))),
            Refused(400),
        ),
        made(
            "300 tags over the maximum",
            format!(
                "CREATE TABLE wide (k KEYWORD PRIMARY KEY, {})",
                columns(4_400)
            ),
            Refused(400),
        ),
        made(
            "257 partitions",
            "CREATE TABLE p (k KEYWORD PRIMARY KEY) WITH (partitions = 257)".to_owned(),
            Limit("partitions"),
        ),
        made(
            "a name of 64 bytes",
            format!("CREATE TABLE {} (k KEYWORD PRIMARY KEY)", "n".repeat(64)),
            Limit("name_bytes"),
        ),
        made(
            "a name of 200,000 bytes",
            format!("SELECT {} FROM users", "n".repeat(200_000)),
            Limit("name_bytes"),
        ),
        made(
            "a key of 513 bytes",
            format!("INSERT INTO users (user_id) VALUES ('{}')", "k".repeat(513)),
            Code(400, "bad_key"),
        ),
        made(
            "a keyword of 1,025 bytes",
            format!(
                "INSERT INTO users (user_id, city) VALUES ('x', '{}')",
                "k".repeat(1_025)
            ),
            Limit("keyword_bytes"),
        ),
        made(
            "a comment of 5,000 bytes",
            format!(
                "CREATE TABLE cc (k KEYWORD PRIMARY KEY COMMENT '{}')",
                "c".repeat(5_000)
            ),
            Refused(400),
        ),
        made(
            "200,000 digits",
            counting(&format!("age = {}", "9".repeat(200_000))),
            Refused(400),
        ),
        made(
            "200,000 zeros behind the point",
            counting(&format!("d = 0.{}1", "0".repeat(200_000))),
            Refused(400),
        ),
        made("1e999999999", counting("f = 1e999999999"), Refused(400)),
        made(
            "200,000 wildcards",
            counting(&format!("city LIKE '{}'", "%_".repeat(100_000))),
            Limit("keyword_bytes"),
        ),
        made(
            "wildcards that backtrack",
            counting(&format!("city LIKE '{}b'", "%a".repeat(500))),
            Status(200),
        ),
        made(
            "wildcards on long texts",
            counting(&format!("bio LIKE '{}b'", "%a".repeat(500))),
            Status(200),
        ),
        made(
            "a text of 250,000 bytes",
            counting(&format!("city = '{}'", "x".repeat(250_000))),
            Refused(400),
        ),
        made(
            "a line of 250,000 blanks",
            format!("SELECT 1{}", " ".repeat(250_000)),
            Refused(400),
        ),
        made(
            "a text that does not end",
            format!("SELECT '{}", "x".repeat(200_000)),
            Code(400, "syntax_error"),
        ),
        made(
            "a comment that does not end",
            format!("SELECT 1 /*{}", "x".repeat(200_000)),
            Code(400, "syntax_error"),
        ),
        made(
            "LIMIT 2^64",
            format!("{select} LIMIT 18446744073709551616"),
            Refused(400),
        ),
        made("OFFSET -1", format!("{select} OFFSET -1"), Refused(400)),
        made(
            "more bytes than a document may have",
            format!("SELECT {} FROM users", vec!["interests"; 100].join(",")),
            Code(413, "result_too_large"),
        ),
    ]
}

/// What is no SQL, or SQL of others.
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
        ("SELECT E'\\x00'", unsupported()),
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
        ("PRAGMA journal_mode = OFF", unsupported()),
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
        ("SELECT age / 0 FROM users LIMIT 1", Refused(400)),
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

/// Statements in JSON, with parameters.
fn parameters() -> Vec<Case> {
    let bad = || Code(400, "bad_parameter");
    let many = vec!["1"; 70_000].join(",");
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let placeholders = (0..20_000).map(|_| "?").collect::<Vec<_>>().join(",");
    let list = |sql: &str, params: &str| format!("{{\"sql\":{sql:?},\"params\":[{params}]}}");
    let one = "SELECT count(*) FROM users WHERE age = $1";
    let bodies = [
        ("none of one", list(one, ""), bad()),
        ("two of one", list(one, "1,2"), bad()),
        ("70,000 of one", list(one, &many), bad()),
        ("100 arrays in each other", list(one, &deep), Refused(400)),
        ("an object", list(one, "{\"$gt\":0}"), Refused(400)),
        (
            "text for a number",
            list(one, "\"1 OR 1=1\""),
            Code(400, "type_mismatch"),
        ),
        ("a number too large", list(one, "1e300"), Refused(400)),
        (
            "an array of 70,000",
            list(
                "SELECT count(*) FROM users WHERE age = ANY($1)",
                &format!("[{many}]"),
            ),
            Status(200),
        ),
        (
            "20,000 placeholders",
            list(
                &format!("SELECT count(*) FROM users WHERE age IN ({placeholders})"),
                &vec!["1"; 20_000].join(","),
            ),
            Status(200),
        ),
        (
            "with several statements",
            list("SELECT 1; SELECT $1", "1"),
            bad(),
        ),
        (
            "$65535",
            list("SELECT count(*) FROM users WHERE age = $65535", "1"),
            bad(),
        ),
        (
            "as text",
            "{\"sql\":\"SELECT 1\",\"params\":\"1\"}".to_owned(),
            bad(),
        ),
        (
            "a page of no rows",
            "{\"sql\":\"SELECT 1\",\"page_size\":0}".to_owned(),
            bad(),
        ),
        (
            "a page of too many rows",
            "{\"sql\":\"SELECT 1\",\"page_size\":10001}".to_owned(),
            bad(),
        ),
        (
            "a page of -1 rows",
            "{\"sql\":\"SELECT 1\",\"page_size\":-1}".to_owned(),
            bad(),
        ),
        (
            "SQL as an array",
            "{\"sql\":[\"SELECT 1\"]}".to_owned(),
            bad(),
        ),
        ("no SQL", "{\"params\":[]}".to_owned(), bad()),
        (
            "a zone that is a path",
            "{\"sql\":\"SELECT 1\",\"time_zone\":\"../../etc/passwd\"}".to_owned(),
            bad(),
        ),
        (
            "a cursor beside SQL",
            "{\"sql\":\"SELECT 1\",\"cursor\":\"x\"}".to_owned(),
            bad(),
        ),
        (
            "SQL twice",
            "{\"sql\":\"SELECT 1\",\"sql\":\"DROP TABLE users\"}".to_owned(),
            bad(),
        ),
    ];
    let case = |(name, body, expect): (&str, String, Expect)| {
        let name = format!("parameters: {name}");
        Case::request(name, ("POST", "/v1/sql"), "application/json", body, expect)
    };
    bodies.into_iter().map(case).collect()
}
