//! What only a real connection shows.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Server;
use crate::config::Config;
use crate::http::serve;

struct Listening {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

fn listen(settings: &[(&str, &str)]) -> Listening {
    listen_with(&Server::new(), settings)
}

fn listen_with(server: &Server, settings: &[(&str, &str)]) -> Listening {
    let mut config = Config::default();
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let database = Arc::clone(&server.database);
    let served = tokio::spawn(serve(config, database, listener, async {
        let _ = stopped.await;
    }));
    Listening {
        address,
        stop,
        served,
    }
}

/// Sends bytes, and reads until the connection ends.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const CLOSE: &str = "host: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn requests_are_answered_until_the_stop() {
    let server = listen(&[]);
    let request = format!("GET /healthz HTTP/1.1\r\n{CLOSE}");
    let answer = exchange(server.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let idle = TcpStream::connect(server.address).await.unwrap();
    server.stop.send(()).unwrap();
    server.served.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(idle);
}

/// The same row around the router and through it, and none, on one connection.
#[tokio::test]
async fn look_ups_follow_one_another() {
    let server = listen(&[]);
    let row = "/v1/tables/users/rows/u1";
    let body = "{\"age\":5}";
    let asked = format!(
        "PATCH {row} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}\
         GET {row} HTTP/1.1\r\nhost: localhost\r\n\r\n\
         GET {row}0 HTTP/1.1\r\nhost: localhost\r\n\r\n\
         HEAD {row} HTTP/1.1\r\nhost: localhost\r\n\r\n\
         GET /v1/tables/users/rows/%751 HTTP/1.1\r\n{CLOSE}",
        body.len()
    );
    let answer = exchange(server.address, asked.as_bytes()).await;
    let found = "{\"user_id\":\"u1\",\"age\":5}";
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 4, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 404 Not Found").count(), 1);
    assert_eq!(answer.matches(found).count(), 2, "{answer}");
    let length = format!("content-length: {}\r\n", found.len());
    assert_eq!(answer.matches(&length).count(), 3, "{answer}");
}

#[tokio::test]
async fn a_slow_head_is_not_waited_for() {
    let server = listen(&[("header_timeout", "100ms")]);
    let answer = exchange(server.address, b"GET /healthz HTTP/1.1\r\nhost: loc").await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn a_head_is_bounded() {
    let server = listen(&[]);
    let long = "x".repeat(20_000);
    let request = format!("GET /healthz HTTP/1.1\r\nx: {long}\r\n{CLOSE}");
    let answer = exchange(server.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn connections_are_counted() {
    let server = listen(&[("connections_max", "1"), ("header_timeout", "300ms")]);
    // The first connection says nothing: the second is served once the first is given up.
    let first = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\n{CLOSE}");
    let second = exchange(server.address, request.as_bytes());
    let answer = tokio::time::timeout(Duration::from_secs(20), second)
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    drop(first);
}

#[tokio::test]
async fn garbage_is_refused() {
    let server = listen(&[]);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ] {
        let answer = exchange(server.address, bytes).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let request = format!("GET /healthz HTTP/1.1\r\n{CLOSE}");
    let answer = exchange(server.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_refused_upload_gets_its_answer() {
    let server = listen(&[("bulk_bytes_max", "64KiB")]);
    let body = "x".repeat(4 << 20);
    let request = format!(
        "POST /v1/tables/users/rows HTTP/1.1\r\ncontent-type: text/csv\r\ncontent-length: {}\r\n\
         {CLOSE}{body}",
        body.len()
    );
    let answer = exchange(server.address, request.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 4"),
        "{}",
        &answer[..answer.len().min(200)]
    );
}

#[tokio::test]
async fn a_large_upload_gets_its_answer_while_it_comes() {
    let server = listen(&[]);
    let head = format!(
        "POST /v1/tables/users/rows HTTP/1.1\r\ncontent-type: text/csv\r\n\
         content-length: {}\r\nhost: localhost\r\n\r\nuser_id,age\nu1,x\n",
        1_u64 << 40
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = "x".repeat(1 << 20);
    // The first hundred bad rows are enough, and more than the connection's buffers hold follows.
    let row = "u2,x\n".repeat(1_000);
    stream.write_all(row.as_bytes()).await.unwrap();
    for _ in 0..40 {
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 422");
}

#[tokio::test]
async fn a_result_that_breaks_off_says_why() {
    let server = Server::new();
    let line = |row| {
        let points = i64::from(row == 19_999);
        format!("{{\"user_id\": \"u{row:05}\", \"points\": {points}}}\n")
    };
    let lines: String = (0..20_000).map(line).collect();
    server.ndjson("/v1/tables/users/rows", &lines).await.ok();
    let listening = listen_with(&server, &[]);
    let sql = "SELECT+user_id,9223372036854775807%2Bpoints+AS+n+FROM+users";
    let request = format!("GET /v1/sql?format=ndjson&sql={sql} HTTP/1.1\r\n{CLOSE}");
    let answer = exchange(listening.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut lines = answer.lines().filter(|line| line.starts_with('{'));
    let last: serde_json::Value = serde_json::from_str(lines.next_back().unwrap()).unwrap();
    assert_eq!(last["$error"]["code"], "overflow", "{last}");
    // The last chunk of a body that is whole has no bytes.
    assert!(!answer.ends_with("0\r\n\r\n"));
}
