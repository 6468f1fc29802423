//! SQL with long lists, and with parameters.

use crate::raw::{Case, Expect};
use crate::statements::{Made, counting};
use Expect::{Code, Limit, Refused, Status, Survived};

/// Lists and repetitions.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn lists() -> Vec<Made> {
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
            Code(413, "result_too_large"),
        ),
        made(
            "500 in UNION",
            vec![select; 500].join(" UNION "),
            Status(200),
        ),
        made(
            "500 in INTERSECT",
            vec![select; 500].join(" INTERSECT "),
            Status(200),
        ),
        made(
            "5,000 in WITH",
            format!("WITH {} SELECT 1", with.join(",")),
            Refused(400),
        ),
        made(
            "101 statements",
            "SHOW TABLES;".repeat(101),
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
            Code(413, "result_too_large"),
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
            Survived,
        ),
        made(
            "5,000 aggregates",
            format!("SELECT {} FROM users", vec!["count(*)"; 5_000].join(",")),
            Status(200),
        ),
        made(
            "5,000 WHEN",
            format!(
                "SELECT CASE{} END FROM users",
                " WHEN b THEN 1".repeat(5_000)
            ),
            Status(200),
        ),
        made(
            "5,000 arguments",
            counting(&format!("coalesce({}) = 1", vec!["age"; 5_000].join(","))),
            Status(200),
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
            "512 partitions",
            "CREATE TABLE p (k KEYWORD PRIMARY KEY) WITH (partitions = 512)".to_owned(),
            Refused(400),
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
            Status(200),
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
            Refused(400),
        ),
        made(
            "a text of 250,000 bytes",
            counting(&format!("city = '{}'", "x".repeat(250_000))),
            Status(200),
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

/// Statements in JSON, with parameters.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn parameters() -> Vec<Case> {
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
        ("a number too large", list(one, "1e300"), Status(200)),
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
            list("SHOW TABLES; SHOW TABLES", "1"),
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
