//! The table that is attacked.

use crate::raw::{Answer, Case, Expect};
use crate::server::Server;

const USERS: &str = "CREATE TABLE users (user_id KEYWORD PRIMARY KEY, city KEYWORD, b BOOLEAN,
    age SMALLINT, n BIGINT, d DECIMAL(12,2), f DOUBLE, day DATE, at TIMESTAMP, bio LONGTEXT,
    interests KEYWORD[], visits MAP(KEYWORD, INT))";

/// Runs a statement that must succeed.
pub(crate) fn run(server: &Server, sql: &str) -> Answer {
    let case = Case::request(
        sql,
        ("POST", "/v1/sql"),
        "text/plain",
        sql,
        Expect::Status(200),
    );
    let answer = server.send(&case);
    assert_eq!(case.wrong(&answer), None);
    answer
}

/// Makes the table and fills it a little.
pub(crate) fn create(server: &Server) {
    run(server, USERS);
    let rows: Vec<String> = (0..2_000)
        .map(|n| {
            format!(
                "('u{n}', 'c{}', {}, {}, {n}, {{'i{}'}})",
                n % 9,
                n % 2 == 0,
                n % 90,
                n % 7
            )
        })
        .collect();
    let rows = rows.join(",").replace("{'", "ARRAY['").replace("'}", "']");
    let columns = "user_id, city, b, age, n, interests";
    run(
        server,
        &format!("INSERT INTO users ({columns}) VALUES {rows}"),
    );
}

/// The server answers a look-up with what was written.
pub(crate) fn check_alive(server: &Server, after: &str) {
    let case = Case::get(
        format!("a look-up after {after}"),
        "/v1/tables/users/rows/u7?tags=city,age",
        Expect::Status(200),
    );
    let answer = server.send(&case);
    assert_eq!(case.wrong(&answer), None, "{}", server.log());
    let row = "{\"user_id\":\"u7\",\"city\":\"c7\",\"age\":7}";
    assert!(answer.text.ends_with(row), "{after}: {}", answer.text);
}

/// Makes it so many rows.
pub(crate) fn grow(server: &Server, rows: u64) {
    let line = |n: u64| {
        format!(
            "u{n},c{},{},{},{n},2026-{:02}-11,\"[\"\"i{}\"\",\"\"j{}\"\"]\"\n",
            n % 9,
            n.is_multiple_of(2),
            n % 90,
            n % 12 + 1,
            n % 7,
            n % 5
        )
    };
    let lines: String = (0..rows).map(line).collect();
    let body = format!("user_id,city,b,age,n,day,interests\n{lines}");
    let target = ("POST", "/v1/tables/users/rows");
    let case = Case::request("rows", target, "text/csv", body, Expect::Status(200));
    assert_eq!(case.wrong(&server.send(&case)), None);
}
