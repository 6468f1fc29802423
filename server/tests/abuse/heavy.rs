//! Two hundred heavy requests at a time: some are refused, none takes the server's memory beyond
//! its budget, and all of it is there again afterwards.

use std::collections::BTreeMap;

use crate::raw::{Answer, Case, Expect};
use crate::server::{Server, until};
use crate::table;

const SETTINGS: &str = "
    statements_max = 16
    statement_memory_max = \"32MiB\"
    requests_memory_max = \"96MiB\"
    result_rows_max = 1000000
    result_bytes_max = \"16MiB\"
    cache_bytes = \"32MiB\"
    flush_bytes = \"4MiB\"
    memory_bytes_max = \"64MiB\"
    cursor_memory_max = \"16MiB\"
";
const CLIENTS: usize = 200;
/// What the budgets of [`SETTINGS`] add up to.
const BUDGET: u64 = (96 + 32 + 64) << 20;
/// What each statement holds that is too small or too short-lived to be counted: the rows of a
/// batch, a text that grows while the old one is copied, what the allocator keeps of a thread's in
/// pages of 2 MiB.
const BESIDE: u64 = 16 * (16 << 20);

fn requests() -> Vec<Case> {
    let sql = |text: &str| {
        Case::request(
            text,
            ("POST", "/v1/sql"),
            "text/plain",
            text,
            Expect::Status(200),
        )
    };
    let stream = |format: &str, text: &str| {
        let target = format!("/v1/sql?format={format}");
        Case::request(
            text,
            ("POST", &target),
            "text/plain",
            text,
            Expect::Status(200),
        )
    };
    let call = |call: &str, body: &str| {
        let target = format!("/v1/tables/users/{call}");
        Case::request(
            call,
            ("POST", &target),
            "application/json",
            body,
            Expect::Status(200),
        )
    };
    let sums: Vec<_> = (0..20).map(|n| format!("sum(n + {n})")).collect();
    let sums = format!("SELECT {} FROM users", sums.join(", "));
    let numbers = vec!["1234567"; 100_000].join(",");
    let parameters = format!(
        "{{\"sql\":\"SELECT count(*) FROM users WHERE n = ANY($1)\",\"params\":[[{numbers}]]}}"
    );
    vec![
        sql("SELECT user_id, count(*) FROM users GROUP BY user_id ORDER BY 2 DESC LIMIT 5"),
        sql("SELECT n, city, count(*), sum(age) FROM users GROUP BY n, city"),
        sql("SELECT count(DISTINCT n), count(DISTINCT user_id) FROM users"),
        sql("SELECT DISTINCT user_id, n FROM users"),
        sql("SELECT * FROM users ORDER BY city, n DESC"),
        sql("SELECT user_id FROM users"),
        sql(&sums),
        sql("SELECT city, median(n), count(DISTINCT user_id) FROM users GROUP BY city"),
        sql("SELECT user_id FROM users WHERE n IN (SELECT n FROM users WHERE b)"),
        stream("csv", "SELECT * FROM users"),
        stream("ndjson", "SELECT user_id, n FROM users ORDER BY n"),
        call("portrait", "{\"where\":\"b\",\"top\":1000}"),
        call("significant", "{\"where\":\"age > 3\",\"top\":1000}"),
        call(
            "overlap",
            "{\"audiences\":{\"a\":\"b\",\"c\":\"age < 20\",\"d\":\"n > 9\"}}",
        ),
        Case::request(
            "parameters",
            ("POST", "/v1/sql"),
            "application/json",
            parameters,
            Expect::Status(200),
        ),
    ]
}

/// A heavy request is answered, or refused for what it asks or for what others hold.
fn check(case: &Case, answer: &Answer) {
    let refused = [
        "\"limit\":\"statement_memory_bytes\"",
        "\"limit\":\"requests_memory_bytes\"",
        "\"code\":\"result_too_large\"",
        "\"code\":\"overloaded\"",
    ];
    let fits = answer.status == 200 || refused.iter().any(|refused| answer.text.contains(refused));
    let shown: String = answer.text.chars().take(300).collect();
    assert!(fits, "{}: {} {shown}", case.name, answer.status);
    if answer.status == 503 {
        assert!(answer.text.contains("retry-after: 1"), "{shown}");
    }
}

#[test]
fn two_hundred_heavy_requests_stay_within_the_budget() {
    let server = Server::start(SETTINGS);
    table::create(&server);
    table::grow(&server, 200_000);
    let before = server.resident_bytes();
    let cases = requests();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    std::thread::scope(|scope| {
        let ask = |client: usize| {
            let (server, case) = (&server, &cases[client % cases.len()]);
            scope.spawn(move || {
                let answer = server.send(case);
                check(case, &answer);
                answer.status
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(ask).collect();
        for client in clients {
            *statuses.entry(client.join().unwrap()).or_default() += 1;
        }
    });
    let peak = server.peak_bytes();
    println!(
        "{CLIENTS} heavy requests {statuses:?}: {} MiB before, peak of {} MiB, budget {} MiB",
        before >> 20,
        peak >> 20,
        BUDGET >> 20
    );
    assert!(statuses.contains_key(&200));
    assert!(peak <= BUDGET + BESIDE, "{peak} bytes");
    // Nobody holds anything any more, so one alone is answered.
    until("all is given back", || server.status()["statements"] == 0);
    for case in &cases[..2] {
        let answer = server.send(case);
        check(case, &answer);
        assert_ne!(answer.status, 503, "{}", answer.text);
    }
    table::check_alive(&server, "heavy requests");
    let log = server.stop();
    assert!(!log.contains("panicked"), "{log}");
}
