//! A table of customers, imported, asked every kind of question, exported and imported again.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tagdb_client::Client;

use crate::{Server, path};

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

    // The same through files of columns.
    for name in ["first.parquet", "first.arrow", "first.arrows"] {
        let file = path(&dir, name);
        server.run(&["export", "SELECT * FROM bank", "-o", &file]);
        assert!(!std::fs::exists(format!("{file}.part")).unwrap());
        let table = name.replace('.', "_");
        let told = server.run(&["import", &file, "--table", &table, "--create"]);
        assert!(told.contains("customer_id BIGINT PRIMARY KEY"), "{told}");
        assert!(told.contains("housing_loan KEYWORD"), "{told}");
        assert!(told.contains("5000 created"), "{told}");
        let again = path(&dir, "again.csv");
        let sql = format!("SELECT * FROM {table}");
        server.run(&["export", &sql, "-o", &again]);
        assert_eq!(sorted_lines(&again), lines, "{name}");
    }
    let ids = path(&dir, "ids.roaring64");
    let sql = "SELECT customer_id FROM bank WHERE housing_loan = 'yes'";
    server.run(&["export", sql, "-o", &ids]);
    let ids = std::fs::read(ids).unwrap();
    let ids = roaring::RoaringTreemap::deserialize_from(&*ids).unwrap();
    let expected = (1..)
        .zip(&customers)
        .filter(|(_, customer)| customer.housing_loan == "yes");
    assert!(ids.iter().eq(expected.map(|(id, _)| id)));

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

    special(client, customers).await;

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

/// What is special about those with a housing loan.
async fn special(client: &Client, customers: &[Customer]) {
    #[derive(serde::Deserialize)]
    struct Group {
        job: String,
        share: f64,
        tgi: f64,
        young: u64,
    }
    let groups: Vec<Group> = client
        .sql(
            "SELECT job, share() AS share, tgi() AS tgi, count(*) FILTER (WHERE age < 30) AS young \
             FROM bank WHERE housing_loan = 'yes' GROUP BY job ORDER BY tgi() DESC",
        )
        .rows()
        .await
        .unwrap();
    assert_eq!(groups.len(), 4);
    assert!(groups.windows(2).all(|pair| pair[0].tgi >= pair[1].tgi));
    let loan = |customer: &&Customer| customer.housing_loan == "yes";
    let all_with_loan = customers.iter().filter(loan).count() as f64;
    for group in groups {
        let own = || customers.iter().filter(|c| c.job == group.job);
        let share = own().filter(loan).count() as f64 / all_with_loan;
        let base = own().count() as f64 / customers.len() as f64;
        assert!((group.share - share).abs() < 1e-9, "{}", group.job);
        assert!(
            (group.tgi - 100.0 * share / base).abs() < 1e-6,
            "{}",
            group.job
        );
        let young = own().filter(loan).filter(|c| c.age < 30).count();
        assert_eq!(group.young, young as u64, "{}", group.job);
    }
}

fn sorted_lines(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}
