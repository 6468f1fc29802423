//! Clients that go away: what they asked for stops, and what they sent half is not there.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::raw::{Case, Expect};
use crate::server::{Server, until};
use crate::table;

/// Statements that no test waits for run for hours, so that only their end by force is seen.
const SETTINGS: &str = "statement_timeout = \"1h\"\nbody_timeout = \"1h\"\nheader_timeout = \"1h\"";

/// A condition that takes minutes: rows are computed one by one, and it is true of nobody.
fn heavy() -> String {
    let parts: Vec<String> = (0..3_000).map(|n| format!("n * {n} % 7 = 9")).collect();
    parts.join(" OR ")
}

fn statements(server: &Server) -> u64 {
    server.status()["statements"].as_u64().unwrap()
}

fn send(server: &Server, case: &Case) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(&case.bytes).unwrap();
    stream
}

/// All kinds of requests that take long.
fn heavy_requests() -> [Case; 8] {
    let heavy = heavy();
    let sql = |name: &str, target: &str, text: String| {
        Case::request(
            name,
            ("POST", target),
            "text/plain",
            text,
            Expect::Status(200),
        )
    };
    let json = |name: &str, target: &str, body: String| {
        Case::request(
            name,
            ("POST", target),
            "application/json",
            body,
            Expect::Status(200),
        )
    };
    [
        sql(
            "count",
            "/v1/sql",
            format!("SELECT count(*) FROM users WHERE {heavy}"),
        ),
        sql(
            "export",
            "/v1/sql?format=ndjson",
            format!("SELECT user_id FROM users WHERE {heavy}"),
        ),
        sql(
            "page",
            "/v1/sql?page_size=10",
            format!("SELECT user_id FROM users WHERE {heavy}"),
        ),
        sql(
            "groups",
            "/v1/sql",
            format!("SELECT age, count(*) FROM users WHERE {heavy} GROUP BY age"),
        ),
        sql(
            "update",
            "/v1/sql",
            format!("UPDATE users SET city = 'lost' WHERE NOT ({heavy})"),
        ),
        sql(
            "delete",
            "/v1/sql",
            format!("DELETE FROM users WHERE NOT ({heavy})"),
        ),
        json(
            "portrait",
            "/v1/tables/users/portrait",
            format!("{{\"where\":\"{heavy}\"}}"),
        ),
        json(
            "overlap",
            "/v1/tables/users/overlap",
            format!("{{\"audiences\":{{\"a\":\"{heavy}\",\"b\":\"b\"}}}}"),
        ),
    ]
}

#[test]
fn statements_of_clients_who_have_gone_are_stopped() {
    let server = Server::start(SETTINGS);
    table::create(&server);
    table::grow(&server, 100_000);
    let cases = heavy_requests();
    for case in &cases {
        let stream = send(&server, case);
        until(&case.name, || statements(&server) == 1);
        drop(stream);
        until(&case.name, || statements(&server) == 0);
    }
    // The write lock is free again, and nothing was written under it.
    table::run(&server, "UPDATE users SET b = b WHERE age = 1");
    let answer = table::run(&server, "SELECT count(*) FROM users WHERE city = 'lost'");
    assert!(answer.text.contains("\"rows\":[[0]]"), "{}", answer.text);
    let answer = table::run(&server, "SELECT count(*) FROM users");
    assert!(
        answer.text.contains("\"rows\":[[100000]]"),
        "{}",
        answer.text
    );
    table::check_alive(&server, "clients who went away");
}

#[test]
fn exports_of_clients_who_have_gone_are_stopped() {
    let server = Server::start(SETTINGS);
    table::create(&server);
    table::grow(&server, 100_000);
    for format in ["ndjson", "csv", "arrow"] {
        let target = format!("/v1/sql?format={format}&sql=SELECT+*+FROM+users");
        let mut stream = send(
            &server,
            &Case::get("an export", &target, Expect::Status(200)),
        );
        let mut some = [0; 1_000];
        stream.read_exact(&mut some).unwrap();
        drop(stream);
        until("the export is let go", || {
            let status = server.status();
            status["statements"] == 0 && status["connections"] == 1
        });
    }
}

#[test]
fn half_an_upload_is_no_upload() {
    let server = Server::start(SETTINGS);
    table::create(&server);
    let line = |n: u64| format!("half{n},ulm,{}\n", n % 90);
    let rows: String = (0..120_000).map(line).collect();
    // As one write, and as a load of segments.
    for rows in [&rows[..10_000], &rows[..]] {
        let text = format!("user_id,city,age\n{rows}");
        let head = format!(
            "POST /v1/tables/users/rows HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\n\
             content-length: {}\r\n\r\n{text}",
            text.len() + 1
        );
        let stream = send(&server, &Case::raw("half an upload", head, Expect::Closed));
        drop(stream);
        until("the upload is let go", || {
            server.status()["connections"] == 1
        });
    }
    let answer = table::run(
        &server,
        "SELECT count(*) FROM users WHERE user_id LIKE 'half%'",
    );
    assert!(answer.text.contains("\"rows\":[[0]]"), "{}", answer.text);
    // Their turns are free: as many uploads as may run at a time are taken at once.
    for _ in 0..10 {
        let body = format!("user_id,city,age\n{}", line(1));
        let target = ("POST", "/v1/tables/users/rows");
        let case = Case::request("an upload", target, "text/csv", body, Expect::Status(200));
        assert_eq!(case.wrong(&server.send(&case)), None);
    }
}
