//! Clients that take their time: each is given up, and none holds a place for ever.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::raw::{Answer, Case, Expect, read_answer};
use crate::server::{Server, until};
use crate::table;

const SETTINGS: &str = "
    header_timeout = \"600ms\"
    body_timeout = \"600ms\"
    send_timeout = \"600ms\"
    connections_per_address_max = 8
";
const PATIENCE: Duration = Duration::from_secs(20);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a byte at a time until the server will have no more, and gives its answer.
fn dribble(server: &Server, at_once: &str, slowly: &[u8], name: &str) -> Answer {
    let mut stream = connect(server);
    stream.write_all(at_once.as_bytes()).unwrap();
    for byte in slowly.iter().cycle() {
        std::thread::park_timeout(Duration::from_millis(20));
        if stream.write_all(&[*byte]).is_err() || has_answer(&stream) {
            break;
        }
    }
    read_answer(&mut stream, name)
}

fn has_answer(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut byte = [0];
    let peeked = stream.peek(&mut byte);
    stream.set_nonblocking(false).unwrap();
    !matches!(peeked, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn slow_heads_and_idle_connections_are_given_up() {
    let server = Server::start(SETTINGS);
    let mut idle = connect(&server);
    assert_eq!(idle.read(&mut [0; 100]).unwrap(), 0);
    let answer = dribble(&server, "GET /healthz HTTP/1.1\r\nx: ", b"a", "a slow head");
    assert!([0, 408].contains(&answer.status), "{}", answer.text);
    let mut kept = connect(&server);
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let answer = read_answer(&mut kept, "a connection that is kept and not used");
    assert_eq!(answer.status, 200);
    until("only the asking connection is left", || {
        server.status()["connections"] == 1
    });
}

#[test]
fn slow_bodies_are_given_up() {
    let server = Server::start(SETTINGS);
    table::create(&server);
    let head = |target: &str, media: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: {media}\r\n\
             content-length: 100000\r\n\r\n"
        )
    };
    for (target, media) in [
        ("/v1/sql", "text/plain"),
        ("/v1/tables/users/lookup", "application/json"),
        ("/v1/tables/users/rows", "text/csv"),
        ("/v1/tables/users/rows", "application/vnd.apache.parquet"),
    ] {
        let answer = dribble(&server, &head(target, media), b"a", target);
        assert_eq!(answer.status, 408, "{target}: {}", answer.text);
        assert!(
            answer.text.contains("\"code\":\"timeout\""),
            "{}",
            answer.text
        );
        let mut stopped = connect(&server);
        stopped.write_all(head(target, media).as_bytes()).unwrap();
        let answer = read_answer(&mut stopped, target);
        assert_eq!(answer.status, 408, "{target}: {}", answer.text);
    }
    table::check_alive(&server, "slow bodies");
}

#[test]
fn clients_who_do_not_read_are_given_up() {
    let server = Server::start(SETTINGS);
    table::create(&server);
    table::grow(&server, 100_000);
    let mut streams = Vec::new();
    for format in ["ndjson", "csv"] {
        let target = format!("/v1/sql?format={format}&sql=SELECT+*+FROM+users");
        let mut stream = connect(&server);
        write!(stream, "GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        streams.push(stream);
    }
    until("the exports are given up", || {
        server.status()["connections"] == 1
    });
    for mut stream in streams {
        let mut bytes = Vec::new();
        // What the system had taken is still there; the proper end is not.
        let _ = stream.read_to_end(&mut bytes);
        assert!(
            !bytes.ends_with(b"\r\n0\r\n\r\n"),
            "the whole export fitted the connection"
        );
    }
}

#[test]
fn one_address_does_not_take_all_connections() {
    let server = Server::start(&SETTINGS.replace("\"600ms\"", "\"30s\""));
    let mut taken: Vec<TcpStream> = (0..8).map(|_| connect(&server)).collect();
    let case = Case::get(
        "one too many",
        "/healthz",
        Expect::Code(429, "rate_limited"),
    );
    let mut answer = Answer::default();
    until("the connections are counted", || {
        answer = read_answer(&mut connect(&server), &case.name);
        answer.status != 0
    });
    assert_eq!(case.wrong(&answer), None);
    let limit = "\"limit\":\"connections_per_address\",\"value\":9,\"maximum\":8";
    assert!(
        answer.text.contains(limit) && answer.text.contains("retry-after: 1"),
        "{}",
        answer.text
    );
    taken.pop();
    let case = Case::get("a place is free", "/healthz", Expect::Status(200));
    until("a place is free", || {
        case.wrong(&server.send(&case)).is_none()
    });
}
