//! Many large uploads at a time: those for which there is no memory are refused, and all of it is
//! there again afterwards.

use std::collections::BTreeMap;

use crate::raw::{Answer, Case, Expect};
use crate::server::{Server, until};
use crate::table;

const SETTINGS: &str = "
    uploads_max = 8
    requests_memory_max = \"96MiB\"
    cache_bytes = \"16MiB\"
    flush_bytes = \"4MiB\"
    memory_bytes_max = \"32MiB\"
";
const UPLOADS: usize = 16;
/// What the budgets of [`SETTINGS`] add up to.
const BUDGET: u64 = (96 + 16 + 32) << 20;
/// What each upload holds beside: what is encoded and compressed of a chunk.
const BESIDE: u64 = 8 * (12 << 20);

/// Rows with a text of 500 bytes each.
fn upload(number: usize, rows: usize) -> Case {
    let text = "x".repeat(500);
    let lines: String = (0..rows)
        .map(|row| format!("{{\"user_id\":\"w{number}-{row}\",\"bio\":\"{row} {text}\"}}\n"))
        .collect();
    Case::request(
        format!("upload {number}"),
        ("POST", "/v1/tables/users/rows"),
        "application/x-ndjson",
        lines,
        Expect::Status(200),
    )
}

fn check(answer: &Answer) {
    let shown: String = answer.text.chars().take(300).collect();
    assert!([200, 503].contains(&answer.status), "{shown}");
    if answer.status == 503 {
        assert!(answer.text.contains("retry-after: 1"), "{shown}");
        assert!(answer.text.contains("\"code\":\"overloaded\""), "{shown}");
    }
}

#[test]
fn large_uploads_stay_within_the_budget() {
    let server = Server::start(SETTINGS);
    table::create(&server);
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..UPLOADS)
            .map(|number| {
                let server = &server;
                // 55,000 rows are loaded, fewer are one write.
                let rows = [20_000, 55_000][number % 2];
                scope.spawn(move || {
                    let answer = server.send(&upload(number, rows));
                    check(&answer);
                    answer.status
                })
            })
            .collect();
        for client in clients {
            *statuses.entry(client.join().unwrap()).or_default() += 1;
        }
    });
    let peak = server.peak_bytes();
    println!(
        "{UPLOADS} large uploads {statuses:?}: peak of {} MiB, budget {} MiB",
        peak >> 20,
        BUDGET >> 20
    );
    assert!(statuses.contains_key(&503), "{statuses:?}");
    assert!(peak <= BUDGET + BESIDE, "{peak} bytes");
    until("all is given back", || {
        let case = Case::get("metrics", "/metrics", Expect::Status(200));
        server
            .send(&case)
            .text
            .contains("tagdb_requests_memory_bytes 0\n")
    });
    let answer = server.send(&upload(99, 20_000));
    assert_eq!(answer.status, 200, "{}", answer.text);
    table::check_alive(&server, "uploads");
    let log = server.stop();
    assert!(!log.contains("panicked"), "{log}");
}
