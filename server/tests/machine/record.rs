//! What was sent and what was acknowledged, outside of the database; and whether the database has
//! it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use serde_json::Value as Json;

use crate::http::Request;
use crate::operation::{Kind, Operation, Row, Rows, WRITERS, writer_of};
use crate::process::Server;

/// How far a writer is, while it writes.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The last operation that was sent and not refused.
    pub(crate) sent: AtomicI64,
    /// The last operation that was acknowledged.
    pub(crate) acked: AtomicI64,
    /// The last operation that has to survive: of writers that do not wait for the disk, one that
    /// was acknowledged before another writer sent what was then acknowledged.
    pub(crate) durable: AtomicI64,
}

/// The progress of all writers, and what is known of snapshots.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) writers: [Progress; WRITERS.len()],
    /// By name whether it must be there, or none where nobody knows.
    pub(crate) snapshots: Mutex<BTreeMap<String, Option<bool>>>,
}

/// What has to survive, of a moment.
pub(crate) type Promised = [i64; WRITERS.len()];

impl Record {
    /// What has to survive a power cut that comes now.
    pub(crate) fn promised(&self) -> Promised {
        std::array::from_fn(|place| self.writers[place].durable.load(SeqCst))
    }

    /// What would have to survive if every answer were a promise, also of those who asked not to
    /// wait: a record that is wrong on purpose.
    pub(crate) fn answered(&self) -> Promised {
        std::array::from_fn(|place| self.writers[place].acked.load(SeqCst))
    }

    /// Acknowledged operations of all writers who wait for the disk.
    pub(crate) fn acked(&self) -> i64 {
        let acked: i64 = self.answered().iter().sum();
        acked - self.unsynced().iter().sum::<i64>()
    }

    /// How far the writers are who do not wait for the disk.
    pub(crate) fn unsynced(&self) -> Promised {
        let acked = self.answered();
        std::array::from_fn(|place| match WRITERS[place] {
            Kind::Unsynced => acked[place],
            _ => 0,
        })
    }

    /// Notes an acknowledgement; `before` is [`Self::unsynced`] of before it was sent.
    pub(crate) fn acknowledge(&self, writer: usize, number: i64, before: &Promised) {
        self.writers[writer].acked.store(number, SeqCst);
        if WRITERS[writer] == Kind::Unsynced {
            return;
        }
        self.writers[writer].durable.store(number, SeqCst);
        for (place, number) in before.iter().enumerate() {
            self.writers[place].durable.fetch_max(*number, SeqCst);
        }
    }
}

/// What the database is known to hold, after each fault.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    numbers: Promised,
    rows: [Rows; WRITERS.len()],
    /// Operations that were acknowledged over all rounds.
    pub(crate) acknowledged: i64,
    /// Operations of unknown fate that turned out to be there, and not to be.
    pub(crate) kept: i64,
    pub(crate) gone: i64,
}

/// What is found to be wrong.
pub(crate) type Wrong = String;

impl Ledger {
    /// A record to go on with.
    pub(crate) fn record(&self) -> Record {
        let record = Record::default();
        for (progress, number) in record.writers.iter().zip(self.numbers) {
            progress.sent.store(number, SeqCst);
            progress.acked.store(number, SeqCst);
            progress.durable.store(number, SeqCst);
        }
        record
    }

    /// Compares what a server holds with what was promised and sent, writer by writer, and goes on
    /// from there.
    pub(crate) fn settle(
        &mut self,
        server: &Server,
        record: &Record,
        promised: &Promised,
    ) -> Result<(), Wrong> {
        let found = read(server)?;
        let acked: i64 = promised
            .iter()
            .zip(self.numbers)
            .map(|(to, from)| to - from)
            .sum();
        self.acknowledged += acked;
        for (writer, found) in found.iter().enumerate() {
            let sent = record.writers[writer].sent.load(SeqCst);
            let number = self.find(writer, found, promised[writer], sent)?;
            self.kept += number - promised[writer];
            self.gone += sent - number;
        }
        check_counts(server, &found)?;
        check_lookups(server, &found)?;
        check_snapshots(server, record)
    }

    /// In words, for a test to print.
    pub(crate) fn figures(&self) -> String {
        let Self {
            acknowledged,
            kept,
            gone,
            ..
        } = self;
        format!(
            "{acknowledged} writes acknowledged, 0 lost; of unknown ones {kept} kept, {gone} gone"
        )
    }

    /// The number of operations after which the rows are those that are found.
    fn find(&mut self, writer: usize, found: &Rows, from: i64, to: i64) -> Result<i64, Wrong> {
        let rows = &mut self.rows[writer];
        for number in self.numbers[writer] + 1..=from {
            Operation::of(writer, number).apply(rows);
        }
        let mut number = from;
        let promised = rows.clone();
        while rows != found && number < to {
            number += 1;
            Operation::of(writer, number).apply(rows);
        }
        if rows != found {
            let differing = promised
                .iter()
                .find(|(key, row)| found.get(key) != Some(row));
            return Err(format!(
                "writer {writer}: {} rows are those of no number from {from} to {to}; of {from} \
                 is missing {differing:?}, in whose place is {:?}",
                found.len(),
                differing.map(|(key, _)| found.get(key)),
            ));
        }
        self.numbers[writer] = number;
        Ok(number)
    }
}

fn ask(server: &Server, request: &Request) -> Result<String, Wrong> {
    let answer = server.ask(request);
    match answer.is_success() {
        true => Ok(answer.body),
        false => Err(format!("{request:?}: {answer:?}: {}", server.log())),
    }
}

/// All rows, by their writers.
fn read(server: &Server) -> Result<[Rows; WRITERS.len()], Wrong> {
    let mut found: [Rows; WRITERS.len()] = Default::default();
    for line in ask(server, &crate::operation::dump())?.lines() {
        let line: Json = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        let key = line["id"].as_i64().ok_or("a row without a key")?;
        let twice = found[writer_of(key)].insert(key, Row::read(&line));
        if twice.is_some() {
            return Err(format!("two rows of the key {key}"));
        }
    }
    Ok(found)
}

/// Sets of subjects have to say what the rows say.
fn check_counts(server: &Server, found: &[Rows]) -> Result<(), Wrong> {
    let request = Request::sql("SELECT w, count(*) FROM t WHERE w IS NOT NULL GROUP BY w");
    let answer: Json = serde_json::from_str(&ask(server, &request)?).map_err(|e| e.to_string())?;
    let mut counted = BTreeMap::new();
    for row in answer["rows"].as_array().ok_or("no rows")? {
        counted.insert(row[0].as_str().unwrap_or("").to_owned(), row[1].as_u64());
    }
    let mut expected = BTreeMap::new();
    for row in found.iter().flat_map(BTreeMap::values) {
        if let Some(writer) = row.writer() {
            let count = expected.entry(writer.to_owned()).or_insert(Some(0));
            *count = count.map(|count| count + 1);
        }
    }
    match counted == expected {
        true => Ok(()),
        false => Err(format!("counted {counted:?}, rows say {expected:?}")),
    }
}

/// Some subjects by their keys have to be the rows that were found.
fn check_lookups(server: &Server, found: &[Rows]) -> Result<(), Wrong> {
    for rows in found {
        let keys: Vec<i64> = rows.keys().step_by(7).copied().collect();
        let body = serde_json::json!({"keys": keys, "tags": ["w", "n", "s", "x", "r"]});
        let request = Request::post("/v1/tables/t/lookup", "application/json", body.to_string());
        let answer = ask(server, &request)?;
        let answer: Json = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        let answered = answer["rows"].as_array().ok_or("no rows")?;
        for (key, row) in keys.iter().zip(answered) {
            if row.is_null() || rows.get(key) != Some(&Row::read(row)) {
                return Err(format!("the row of {key} is looked up as {row}"));
            }
        }
    }
    Ok(())
}

fn check_snapshots(server: &Server, record: &Record) -> Result<(), Wrong> {
    let answer = ask(server, &Request::get("/v1/admin/snapshots"))?;
    let answer: Json = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    let listed = answer["snapshots"].as_array().ok_or("no list")?;
    for (name, must) in &*record.snapshots.lock().unwrap() {
        let is_there = listed.iter().any(|one| one["name"] == name.as_str());
        if must.is_some_and(|must| must != is_there) {
            return Err(format!(
                "snapshot {name}: there is {is_there}, not {must:?}"
            ));
        }
    }
    Ok(())
}
