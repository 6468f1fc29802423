//! A folder that is damaged on the disk: what the server does beside the damage, and `tagdb check`
//! and `tagdb repair --accept-loss` on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::server::{Server, tagdb, text};

/// All files below a folder with their bytes, but the lock.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() != "LOCK" {
                found.insert(entry.path(), fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Changes one byte of a file in place.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// Runs a verb on a folder, and gives its status and all that it told.
fn verb(arguments: &[&str], data: &Path) -> (Option<i32>, String) {
    let data = data.to_str().unwrap();
    let arguments: Vec<&str> = arguments.iter().copied().chain([data]).collect();
    let output = tagdb(&arguments);
    let told = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), told)
}

/// Two tables in segments, of which `a` has a segment of numbers only.
fn two_tables(data: &Path) {
    let server = Server::start(data, "");
    for table in ["a", "b"] {
        let rows: Vec<_> = (0..500).map(|n| format!("({n},{})", n % 7)).collect();
        let create = "(id BIGINT PRIMARY KEY, n INT) WITH (partitions = 1)";
        server.rows(&format!("CREATE TABLE {table} {create}"));
        server.rows(&format!(
            "INSERT INTO {table} (id, n) VALUES {}",
            rows.join(",")
        ));
    }
    let flushed = tagdb(&["flush", "--url", &server.url]);
    assert!(flushed.status.success());
    server.stop();
}

fn status(server: &Server) -> String {
    let output = tagdb(&["status", "--url", &server.url]);
    assert!(output.status.success());
    text(&output.stdout)
}

/// The server names the damaged file, and serves the table beside it; which table is lost, and which
/// is not.
fn served_beside(data: &Path, name: &str) -> (&'static str, &'static str) {
    let server = Server::start(data, "");
    let told = status(&server);
    assert!(told.contains(name), "{told}");
    let sums = ["a", "b"].map(|table| server.sql(&format!("SELECT sum(n) FROM {table}")));
    assert_eq!(sums.iter().filter(|sum| sum.status.success()).count(), 1);
    let (lost, kept) = if sums[0].status.success() {
        ("b", "a")
    } else {
        ("a", "b")
    };
    let refused = sums.iter().find(|sum| !sum.status.success()).unwrap();
    assert!(
        text(&refused.stderr).contains("corrupt"),
        "{}",
        text(&refused.stderr)
    );
    assert!(server.log().contains(name), "{}", server.log());
    server.stop();
    (lost, kept)
}

#[test]
fn a_damaged_segment_is_named_given_up_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    two_tables(&data);
    let is_segment = |path: &&PathBuf| path.extension().is_some_and(|kind| kind == "seg");
    let segment = files(&data).keys().find(is_segment).unwrap().clone();
    // A segment's trailer is at its end: without it nothing in the file can be found.
    flip(&segment, fs::metadata(&segment).unwrap().len() as usize - 5);
    let damaged = fs::read(&segment).unwrap();
    let name = segment.strip_prefix(&data).unwrap().to_str().unwrap();

    let (lost, kept) = served_beside(&data, name);
    let before = files(&data);
    let (code, told) = verb(&["check"], &data);
    assert_eq!(code, Some(1));
    assert!(told.contains(name), "{told}");
    assert_eq!(files(&data), before, "a check changes nothing");
    let (code, _) = verb(&["repair"], &data);
    assert_eq!(
        (code, files(&data)),
        (Some(2), before),
        "not without being asked"
    );

    let (code, told) = verb(&["repair", "--accept-loss"], &data);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains(name) && told.contains("given-up-0001"),
        "{told}"
    );
    assert!(told.contains(&format!("table {lost}")), "{told}");
    let aside = files(&data.join("given-up-0001"));
    assert!(
        aside.values().any(|bytes| *bytes == damaged),
        "the original is kept"
    );
    let (code, told) = verb(&["check"], &data);
    assert_eq!(code, Some(0), "{told}");
    let before = files(&data);
    let (code, told) = verb(&["repair", "--accept-loss"], &data);
    assert!(
        code == Some(0) && told.contains("nothing is damaged"),
        "{told}"
    );
    assert_eq!(files(&data), before);

    let server = Server::start(&data, "");
    assert!(!status(&server).contains("damaged"));
    assert_eq!(
        server.rows(&format!("SELECT sum(n), count(*) FROM {kept}")),
        ["1494,500"]
    );
    assert_eq!(
        server.rows(&format!("SELECT count(n), count(*) FROM {lost}")),
        ["0,500"]
    );
    server.rows(&format!("UPDATE {lost} SET n = 1 WHERE n IS NULL"));
    assert_eq!(server.rows(&format!("SELECT sum(n) FROM {lost}")), ["500"]);
    server.stop();
}

#[test]
fn a_damaged_frame_is_named_and_what_follows_it_given_up_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data, "");
    server.rows("CREATE TABLE t (id KEYWORD PRIMARY KEY, n INT)");
    for key in ["before", "needle", "after"] {
        server.rows(&format!("INSERT INTO t (id, n) VALUES ('{key}', 1)"));
    }
    server.kill();
    let is_log = |(path, bytes): &(PathBuf, Vec<u8>)| {
        let place = bytes.windows(6).position(|bytes| bytes == b"needle");
        path.extension().is_some_and(|kind| kind == "log") && place.is_some()
    };
    let (log, bytes) = files(&data).into_iter().find(is_log).unwrap();
    let place = bytes
        .windows(6)
        .position(|bytes| bytes == b"needle")
        .unwrap();
    flip(&log, place);
    let before = files(&data);
    let name = log.strip_prefix(&data).unwrap().to_str().unwrap();

    // A later frame says that this one was durable: it is no torn tail.
    let Err(told) = Server::try_start(&data, "") else {
        panic!("it opens");
    };
    assert!(told.contains(name) && told.contains("at byte"), "{told}");
    let (code, told) = verb(&["check"], &data);
    assert_eq!(code, Some(1));
    assert!(told.contains(name), "{told}");
    assert_eq!(files(&data), before, "nothing has been changed");

    let (code, told) = verb(&["repair", "--accept-loss"], &data);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains(name) && told.contains("all writes after write 2"),
        "{told}"
    );
    let aside = files(&data.join("given-up-0001"));
    assert!(
        aside.values().any(|bytes| *bytes == before[&log]),
        "the original is kept"
    );
    let (code, told) = verb(&["check"], &data);
    assert_eq!(code, Some(0), "{told}");

    let server = Server::start(&data, "");
    assert_eq!(server.rows("SELECT id FROM t"), ["before"]);
    server.rows("INSERT INTO t (id, n) VALUES ('again', 2)");
    server.kill();
    let server = Server::start(&data, "");
    assert_eq!(server.rows("SELECT count(*) FROM t"), ["2"]);
    server.stop();
}
