//! Clients whose network breaks: what was acknowledged is there, what was not can be settled by
//! its name, and nothing happens twice.

mod proxy;

use std::collections::BTreeMap;
use std::time::Duration;

use tagdb_client::wire::BulkMode;
use tagdb_client::{Client, Error};

use crate::server::Server;
use proxy::{Proxy, Random};

/// Clients at a time.
const CLIENTS: u64 = 6;
/// Writes of each.
const WRITES: u64 = 60;
/// A client that hears nothing gives up.
const PATIENCE: Duration = Duration::from_millis(700);

/// What a client knows of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Acknowledged,
    Unknown,
}

/// One write, so that it can be sent again as it was.
#[derive(Clone, Debug)]
struct Write {
    key: String,
    client: u64,
    number: u64,
    known: Known,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_over_a_network_that_breaks() {
    let seed = 20_261_120;
    let server = Server::start("header_timeout = \"1s\"\nbody_timeout = \"1s\"");
    let direct = Client::new(&format!("http://{}", server.address)).unwrap();
    for sql in [
        "CREATE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT)",
        "CREATE TABLE events (id KEYWORD PRIMARY KEY, n BIGINT)",
    ] {
        direct.sql(sql).run().await.unwrap();
    }
    for id in 0..CLIENTS {
        let sql = format!("INSERT INTO counters (id, n) VALUES ({id}, 0)");
        direct.sql(sql).run().await.unwrap();
    }
    let proxy = Proxy::start(server.address, seed);
    let url = format!("http://{}", proxy.address);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|id| tokio::spawn(live(url.clone(), id, seed + id)))
        .collect();
    let mut writes = Vec::new();
    for client in clients {
        writes.extend(client.await.unwrap());
    }
    let faults = proxy.faults();
    drop(proxy);
    let unknown = writes.iter().filter(|w| w.known == Known::Unknown).count();
    println!(
        "{} writes, {unknown} of unknown fate; connections by fault: {faults:?}",
        writes.len()
    );
    assert!(
        unknown > 0 && faults.iter().all(|count| *count > 0),
        "{faults:?}"
    );

    crate::server::until("all requests have ended", || {
        let status = server.status();
        let connections = status["connections"].as_u64().unwrap();
        status["statements"] == 0 && connections <= 2
    });
    let committed = before_settling(&direct, &writes).await;
    check(&direct, &writes, &committed).await;
    // All that is unknown is sent again under its name: then all has happened once.
    for write in writes.iter().filter(|w| w.known == Known::Unknown) {
        send(&direct, write).await.unwrap();
    }
    let all = writes
        .iter()
        .map(|write| (write.key.clone(), true))
        .collect();
    check(&direct, &writes, &all).await;
    let log = server.stop();
    assert!(!log.contains("panicked"), "{log}");
}

/// A client's life: writes of three kinds, one after the other.
async fn live(url: String, client: u64, seed: u64) -> Vec<Write> {
    let mut random = Random(seed);
    let mut writes = Vec::new();
    for number in 0..WRITES {
        let mut write = Write {
            key: format!("write-{client}-{number}"),
            client,
            number,
            known: Known::Unknown,
        };
        // Some clients ask again at once, as programs do that were restarted.
        let attempts = 1 + random.below(2);
        for _ in 0..attempts {
            // A client of its own has a connection of its own, so that each meets a fault.
            let connection = Client::builder(&url).timeout(PATIENCE).build().unwrap();
            let sent = tokio::time::timeout(PATIENCE, send(&connection, &write)).await;
            match sent {
                Ok(Ok(())) => write.known = Known::Acknowledged,
                Ok(Err(error)) => assert!(error.problem().is_none(), "{error}"),
                Err(_) => {}
            }
        }
        writes.push(write);
    }
    writes
}

/// Sends a write: an increment, an upload of two rows, or an insert.
async fn send(client: &Client, write: &Write) -> Result<(), Error> {
    let Write {
        key,
        client: id,
        number,
        ..
    } = write;
    match number % 3 {
        0 => {
            let sql = format!("UPDATE counters SET n = n + 1 WHERE id = {id}");
            client.sql(sql).idempotency_key(key).run().await.map(drop)
        }
        1 => {
            let rows = format!("id,n\n{key}-a,{number}\n{key}-b,{number}\n");
            let bulk = client.bulk("events", BulkMode::Insert).idempotency_key(key);
            bulk.csv(rows).await.map(drop)
        }
        _ => {
            let sql = format!("INSERT INTO events (id, n) VALUES ('{key}-a', {number})");
            client.sql(sql).idempotency_key(key).run().await.map(drop)
        }
    }
}

/// Which writes have happened, as their names tell; those acknowledged must have.
async fn before_settling(client: &Client, writes: &[Write]) -> BTreeMap<String, bool> {
    let mut committed = BTreeMap::new();
    for write in writes {
        let state = client.write_state(&write.key).await.unwrap();
        if write.known == Known::Acknowledged {
            assert!(
                state.is_some(),
                "{} was acknowledged and is lost",
                write.key
            );
        }
        committed.insert(write.key.clone(), state.is_some());
    }
    committed
}

/// The tables hold exactly what has happened.
async fn check(client: &Client, writes: &[Write], committed: &BTreeMap<String, bool>) {
    let mut counters: BTreeMap<u64, u64> = (0..CLIENTS).map(|id| (id, 0)).collect();
    let mut events = BTreeMap::new();
    for write in writes.iter().filter(|write| committed[&write.key]) {
        match write.number % 3 {
            0 => *counters.get_mut(&write.client).unwrap() += 1,
            kind => {
                events.insert(format!("{}-a", write.key), write.number);
                if kind == 1 {
                    events.insert(format!("{}-b", write.key), write.number);
                }
            }
        }
    }
    let found: Vec<(u64, u64)> = rows(client, "SELECT id, n FROM counters ORDER BY id").await;
    assert_eq!(found, counters.into_iter().collect::<Vec<_>>());
    let found: Vec<(String, u64)> = rows(client, "SELECT id, n FROM events ORDER BY id").await;
    assert_eq!(found, events.into_iter().collect::<Vec<_>>());
}

async fn rows<T: serde::de::DeserializeOwned>(client: &Client, sql: &str) -> Vec<T> {
    let answer = client.sql(sql).run().await.unwrap();
    let rows = answer.rows.into_iter();
    rows.map(|row| serde_json::from_value(row.into()).unwrap())
        .collect()
}
