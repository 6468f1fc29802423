//! The program and the client against a server of their own, on a data folder of their own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

use std::collections::BTreeMap;
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

/// Numbers that are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

struct Customer {
    age: u64,
    job: &'static str,
    balance: i64,
    housing_loan: &'static str,
}

/// Customers of a bank and the CSV that tells of them, in the shape of a well-known data set.
fn bank(count: u64) -> (Vec<Customer>, String) {
    let mut numbers = Numbers(20_261_120);
    let mut csv = String::from(
        "customer_id,age,job,marital,education,in_default,balance,housing_loan,personal_loan,\
         contact,last_contact_day,last_contact_month,last_call_seconds,campaign_calls,\
         days_since_previous,previous_calls,previous_outcome,subscribed\n",
    );
    let mut customers = Vec::new();
    for id in 1..=count {
        let customer = Customer {
            age: 18 + numbers.below(78),
            job: numbers.of(&["management", "technician", "blue-collar", "self-employed"]),
            balance: numbers.below(110_000) as i64 - 8_000,
            housing_loan: numbers.of(&["yes", "no"]),
        };
        let Customer {
            age,
            job,
            balance,
            housing_loan,
        } = customer;
        csv.push_str(&format!(
            "{id},{age},{job},{},{},no,{balance},{housing_loan},{},{},{},{},{},{},{},0,unknown,{}\n",
            numbers.of(&["married", "single", "divorced"]),
            numbers.of(&["primary", "secondary", "tertiary", "unknown"]),
            numbers.of(&["yes", "no"]),
            numbers.of(&["cellular", "telephone", "unknown"]),
            1 + numbers.below(31),
            numbers.of(&["jan", "may", "nov"]),
            numbers.below(4_900),
            1 + numbers.below(60),
            numbers.below(800) as i64 - 1,
            numbers.of(&["yes", "no"]),
        ));
        customers.push(customer);
    }
    (customers, csv)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_is_imported_asked_exported_and_imported_again() {
    let dir = tempfile::tempdir().unwrap();
    let (customers, csv) = bank(5_000);
    std::fs::write(path(&dir, "bank.csv"), &csv).unwrap();
    let server = Server::start(&dir.path().join("data"));

    let told = server.run(&[
        "import",
        &path(&dir, "bank.csv"),
        "--table",
        "bank",
        "--create",
    ]);
    assert!(told.contains("customer_id BIGINT PRIMARY KEY"), "{told}");
    assert!(told.contains("housing_loan KEYWORD"), "{told}");
    assert!(told.contains("5000 rows in"), "{told}");
    assert!(told.contains("5000 created"), "{told}");

    let client = server.client();
    asks(&client, &customers).await;

    // Export, import and export again give the same rows.
    let first = path(&dir, "first.csv");
    server.run(&["export", "SELECT * FROM bank", "-o", &first]);
    server.run(&["import", &first, "--table", "copy", "--create"]);
    let second = path(&dir, "second.csv");
    server.run(&["export", "SELECT * FROM copy", "-o", &second]);
    assert_eq!(sorted_lines(&first), sorted_lines(&second));
    let mut lines: Vec<&str> = csv.lines().collect();
    lines.sort_unstable();
    assert_eq!(sorted_lines(&first), lines);

    // What was written is there after a crash, and after a proper stop.
    server.kill();
    let server = Server::start(&dir.path().join("data"));
    asks(&server.client(), &customers).await;
    server.run(&["flush"]);
    server.run(&["compact", "--table", "bank"]);
    asks(&server.client(), &customers).await;
    server.stop();
    let server = Server::start(&dir.path().join("data"));
    asks(&server.client(), &customers).await;
}

/// Asks questions of which the answers are counted here too.
async fn asks(client: &Client, customers: &[Customer]) {
    #[derive(serde::Deserialize)]
    struct Group {
        job: String,
        n: u64,
        total: i64,
    }
    let groups: Vec<Group> = client
        .sql(
            "SELECT job, count(*) AS n, sum(balance) AS total FROM bank \
             WHERE housing_loan = 'yes' AND age BETWEEN $1 AND $2 GROUP BY job",
        )
        .param(30)
        .param(60)
        .rows()
        .await
        .unwrap();
    let mut expected: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    for customer in customers {
        if customer.housing_loan == "yes" && (30..=60).contains(&customer.age) {
            let group = expected.entry(customer.job).or_default();
            group.0 += 1;
            group.1 += customer.balance;
        }
    }
    let groups: BTreeMap<&str, (u64, i64)> = groups
        .iter()
        .map(|group| (group.job.as_str(), (group.n, group.total)))
        .collect();
    assert_eq!(groups, expected);

    let row: Value = client
        .row("bank", 17, &["age", "job"])
        .await
        .unwrap()
        .unwrap();
    let customer = &customers[16];
    assert_eq!(
        row,
        json!({"customer_id": 17, "age": customer.age, "job": customer.job})
    );
    let none: Option<Value> = client.row("bank", 999_999, &[]).await.unwrap();
    assert_eq!(none, None);
    let rows: Vec<Option<Value>> = client.lookup("bank", &[3, -1], &["age"]).await.unwrap();
    assert_eq!(
        rows[0],
        Some(json!({"customer_id": 3, "age": customers[2].age}))
    );
    assert_eq!(rows[1], None);

    let mut stream = client
        .sql("SELECT customer_id FROM bank WHERE age < 25")
        .stream::<Value>()
        .await
        .unwrap();
    let mut count = 0;
    while stream.next().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(
        count,
        customers
            .iter()
            .filter(|customer| customer.age < 25)
            .count()
    );
}

fn sorted_lines(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
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
    assert!(told.contains("1 tables with 500 subjects"), "{told}");
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
