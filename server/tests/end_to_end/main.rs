//! The program and the client against a server of their own, on a data folder of their own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

mod bank;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tagdb_client::Client;
use tagdb_client::wire::BulkMode;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tagdb");

/// A server that ends with its test.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = Self::spawn("serve", data);
        let told = child.stderr.take().unwrap();
        Self::listening(child, told).0
    }

    /// Also gives what it told before it listened.
    fn quickstart(data: &Path) -> (Self, String) {
        let mut child = Self::spawn("quickstart", data);
        let told = child.stdout.take().unwrap();
        Self::listening(child, told)
    }

    fn spawn(command: &str, data: &Path) -> Child {
        Command::new(PROGRAM)
            .args([command, "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Waits until the server tells its address.
    fn listening(child: Child, told: impl Read + Send + 'static) -> (Self, String) {
        let mut lines = BufReader::new(told);
        let mut told = String::new();
        let url = loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                panic!("the server did not start: {told}");
            }
            if let Some(place) = line.find("http://") {
                let url = line[place..].split_whitespace().next().unwrap();
                break url.to_owned();
            }
            told.push_str(&line);
        };
        // What it tells later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        (Self { child, url }, told)
    }

    fn client(&self) -> Client {
        Client::new(&self.url).unwrap()
    }

    /// Runs a command that must succeed, and gives its standard output.
    fn run(&self, arguments: &[&str]) -> String {
        let output = run(&self.url, arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks the server to stop, and waits until it has.
    fn stop(mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(asked.success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// Ends the server without a warning.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(url: &str, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .env("TAGDB_URL", url)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn path(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_str().unwrap().to_owned()
}

const EVERY_TYPE: &str = "CREATE TABLE kinds (
    id KEYWORD PRIMARY KEY, b BOOLEAN, k KEYWORD, s SMALLINT, i INT, l BIGINT,
    d DECIMAL(12,2), f DOUBLE, day DATE, at TIMESTAMP, t LONGTEXT, ks KEYWORD[],
    m MAP(KEYWORD, INT), md MAP(KEYWORD, DECIMAL(8,3)))";

#[tokio::test(flavor = "multi_thread")]
async fn every_type_survives_export_and_import() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("data"));
    let client = server.client();
    client.sql(EVERY_TYPE).run().await.unwrap();
    let rows = [
        json!({"id": "plain", "b": true, "k": "x", "s": -32768, "i": 2147483647,
            "l": -9_223_372_036_854_775_808_i64, "d": "-9999999999.99", "f": 1e-300,
            "day": "0001-01-01", "at": "9999-12-31T23:59:59.999999Z", "t": "long",
            "ks": ["a", "b"], "m": {"nike": 3, "adidas": -1}, "md": {"x": "1.500"}}),
        json!({"id": "quotes \",\n'", "b": false, "k": "", "t": "", "ks": [""], "m": {"": 0},
            "f": 0.1, "d": "0.01"}),
        json!({"id": "", "k": "naïve 😀", "t": "line\r\nline", "ks": ["[", "{\"", "😀"]}),
        json!({"id": "nothing"}),
        json!({"id": "null", "k": "NULL", "t": "null", "at": "1969-12-31T23:59:59.5Z"}),
    ];
    let answer = client
        .bulk("kinds", BulkMode::Insert)
        .rows(&rows)
        .await
        .unwrap();
    assert_eq!((answer.rows, answer.created), (5, 5));
    let copy = EVERY_TYPE.replace("kinds", "copy");
    let ask = "SELECT * FROM kinds ORDER BY id";
    for name in ["a.csv", "a.ndjson"] {
        let first = path(&dir, name);
        server.run(&["export", ask, "-o", &first]);
        client.sql(copy.as_str()).run().await.unwrap();
        server.run(&["import", &first, "--table", "copy"]);
        let second = path(&dir, &format!("again-{name}"));
        server.run(&["export", &ask.replace("kinds", "copy"), "-o", &second]);
        assert_eq!(
            std::fs::read_to_string(&first).unwrap(),
            std::fs::read_to_string(&second).unwrap()
        );
        let rows_of = |table: &str| {
            let keys = ["plain", "quotes \",\n'", "", "nothing", "null"];
            let (client, table) = (client.clone(), table.to_owned());
            async move { client.lookup::<Value>(&table, &keys, &[]).await.unwrap() }
        };
        let found = rows_of("kinds").await;
        assert_eq!(found, rows_of("copy").await);
        assert_eq!(found[3], Some(json!({"id": "nothing"})));
        client.sql("DROP TABLE copy").run().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_checked_and_restored() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(&data);
    let client = server.client();
    client
        .sql("CREATE TABLE t (id BIGINT PRIMARY KEY, x INT)")
        .run()
        .await
        .unwrap();
    let rows = (0..1_000).map(|id| json!({"id": id, "x": id * 2}));
    client.bulk("t", BulkMode::Upsert).rows(rows).await.unwrap();
    server.run(&["snapshot", "create", "monday"]);
    client
        .sql("DELETE FROM t WHERE x >= 1000")
        .run()
        .await
        .unwrap();
    assert!(server.run(&["snapshot", "list"]).contains("monday"));
    assert_eq!(count(&client).await, 500);
    server.stop();

    let told = run("", &["check", data.to_str().unwrap()]);
    assert!(told.status.success(), "{told:?}");
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("1 table with 500 subjects"), "{told}");
    let restored = dir.path().join("restored");
    let snapshot = data.join("snapshots").join("monday");
    let (snapshot, restored_name) = (snapshot.to_str().unwrap(), restored.to_str().unwrap());
    let told = run("", &["restore", snapshot, "--data", restored_name]);
    assert!(told.status.success(), "{told:?}");
    let told = run("", &["restore", snapshot, "--data", restored_name]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");

    let server = Server::start(&restored);
    assert_eq!(count(&server.client()).await, 1_000);
    server.stop();
    let server = Server::start(&data);
    assert_eq!(count(&server.client()).await, 500);
    // What is in use cannot be checked.
    let told = run("", &["check", data.to_str().unwrap()]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    server.run(&["snapshot", "delete", "monday"]);
    assert!(!server.run(&["snapshot", "list"]).contains("monday"));
}

#[test]
fn damage_is_found_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(&data);
    let file = path(&dir, "a.csv");
    let rows: String = (0..1_000).map(|id| format!("{id},{}\n", id % 7)).collect();
    std::fs::write(&file, format!("id,x\n{rows}")).unwrap();
    server.run(&["import", &file, "--table", "t", "--create"]);
    server.run(&["flush"]);
    server.stop();
    let segment = files_below(&data)
        .into_iter()
        .find(|file| file.extension().is_some_and(|ending| ending == "seg"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let told = run("", &["check", data.to_str().unwrap()]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let name = segment.file_name().unwrap().to_str().unwrap();
    let found = String::from_utf8(told.stdout).unwrap();
    assert!(found.contains(name), "{found}");
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

async fn count(client: &Client) -> Value {
    let answer = client.sql("SELECT count(*) FROM t").run().await.unwrap();
    answer.rows[0][0].clone()
}

#[test]
fn bad_rows_are_refused_or_skipped_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("data"));
    let good = path(&dir, "good.csv");
    std::fs::write(&good, "id,x\n1,10\n2,20\n").unwrap();
    server.run(&["import", &good, "--table", "t", "--create"]);
    let bad = path(&dir, "bad.csv");
    std::fs::write(&bad, "id,x\n3,30\n4,many\n\"5\",\"\"\n6,60\n").unwrap();
    let refused = run(&server.url, &["import", &bad, "--table", "t"]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("row 2") && told.contains("row 3"), "{told}");
    assert_eq!(
        server.run(&[
            "sql",
            "--format",
            "csv",
            "-c",
            "SELECT count(*) AS n FROM t"
        ]),
        "n\n2\n"
    );
    let rejects = path(&dir, "rejects.csv");
    let told = server.run(&[
        "import",
        &bad,
        "--table",
        "t",
        "--on-error",
        "skip",
        "--rejects",
        &rejects,
    ]);
    assert!(told.contains("2 rejected"), "{told}");
    assert_eq!(
        std::fs::read_to_string(&rejects).unwrap(),
        "id,x\n4,many\n\"5\",\"\"\n"
    );
    assert_eq!(
        server.run(&["sql", "--format", "csv", "-c", "SELECT sum(x) AS n FROM t"]),
        "n\n120\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quickstart_serves_a_million_users_and_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (server, told) = Server::quickstart(&data);
    for line in [
        "1000000 users written in",
        "GROUP BY gender, city",
        "u262219",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let client = server.client();
    let sql = "SELECT count(*) AS n, count(gender) AS known FROM users";
    let answer = client.sql(sql).run().await.unwrap();
    assert_eq!(answer.rows[0][0], 1_000_000);
    let known = answer.rows[0][1].as_u64().unwrap();
    assert!((900_000..960_000).contains(&known), "{known}");
    client
        .patch("users", "u1", &json!({"city": "ulm"}))
        .await
        .unwrap();
    server.stop();

    let (server, told) = Server::quickstart(&data);
    assert!(told.contains("serving what is there"), "{told}");
    let row: Value = server
        .client()
        .row("users", "u1", &["city"])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row["city"], "ulm");
}
