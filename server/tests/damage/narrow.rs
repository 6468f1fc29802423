//! Too few file descriptors, too little address space: requests are refused, or the
//! process ends; what was acknowledged stays either way.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::server::{Server, text};

/// Writes rows until the server has gone, or until there are enough; gives those acknowledged.
fn write_some(server: &mut Server, acknowledged: &mut Vec<u32>, count: u32) -> usize {
    let first = acknowledged.last().map_or(0, |last| last + 1);
    let mut refused = 0;
    for n in first..first + count {
        if !server.is_alive() {
            break;
        }
        let output = server.sql(&format!("INSERT INTO t (id, n) VALUES ({n}, {n})"));
        if output.status.success() {
            acknowledged.push(n);
        } else {
            refused += 1;
        }
    }
    refused
}

fn all_there(server: &Server, acknowledged: &[u32]) {
    let found = server.rows("SELECT id FROM t ORDER BY id");
    for n in acknowledged {
        assert!(found.contains(&n.to_string()), "{n} is lost");
    }
}

#[test]
fn few_file_descriptors_refuse_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data, "ulimit -n 64;");
    server.rows("CREATE TABLE t (id BIGINT PRIMARY KEY, n INT)");
    let mut acknowledged = Vec::new();
    assert_eq!(write_some(&mut server, &mut acknowledged, 10), 0);
    // Clients take all that are left, and keep them.
    let mut held = Vec::new();
    for _ in 0..200 {
        let address = server.address().parse().unwrap();
        if let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
            held.push(stream);
        }
    }
    assert!(server.is_alive(), "{}", server.log());
    assert!(
        !server.log().contains("Too many open files"),
        "{}",
        server.log()
    );
    assert!(!server.log().contains("panicked"), "{}", server.log());
    // Once they let go, everything goes on, flushes too, which open files.
    drop(held);
    let mut ready = false;
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let request = b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
        let mut answer = String::new();
        let told = stream
            .write_all(request)
            .and_then(|()| stream.read_to_string(&mut answer));
        if told.is_ok() && answer.starts_with("HTTP/1.1 200") {
            ready = true;
            break;
        }
    }
    assert!(ready, "{}", server.log());
    assert_eq!(write_some(&mut server, &mut acknowledged, 10), 0);
    let flushed = crate::server::tagdb(&["flush", "--url", &server.url]);
    assert!(flushed.status.success(), "{}", text(&flushed.stderr));
    all_there(&server, &acknowledged);
    let log = server.stop();
    assert!(!log.contains("panicked"), "{log}");
    let server = Server::start(&data, "");
    all_there(&server, &acknowledged);
}

#[test]
fn little_memory_refuses_or_ends_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data, "");
    server.rows("CREATE TABLE t (id BIGINT PRIMARY KEY, n INT)");
    server.stop();
    let mut acknowledged = Vec::new();
    let (mut starts, mut refusals) = (0, 0);
    // From far too little to enough, in kibibytes of address space.
    for kib in [
        15_000, 25_000, 35_000, 50_000, 75_000, 100_000, 200_000, 1_500_000,
    ] {
        match Server::try_start(&data, &format!("ulimit -v {kib};")) {
            Ok(mut server) => {
                starts += 1;
                refusals += write_some(&mut server, &mut acknowledged, 5);
                let wide = "SELECT id, count(*) FROM t GROUP BY id ORDER BY 2 DESC";
                refusals += usize::from(!server.sql(wide).status.success());
                server.kill();
            }
            Err(_) => refusals += 1,
        }
        let server = Server::start(&data, "");
        all_there(&server, &acknowledged);
        server.kill();
    }
    println!(
        "{starts} starts with little memory, {refusals} refusals, {} writes",
        acknowledged.len()
    );
    assert!(!acknowledged.is_empty());
}
