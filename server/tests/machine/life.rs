//! Writers and a housekeeper at work on a server, until they are told to stop or it fails.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::Scope;
use std::time::Duration;

use crate::http::{Answer, Connection, Request};
use crate::operation::{Operation, WRITERS, create};
use crate::process::{Server, offline, wait_until};
use crate::record::{Ledger, Promised, Record, Wrong};

/// The housekeeper does something whenever so many operations were acknowledged.
const HOUSEKEEPING: i64 = 60;

/// What is going on around a server.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) record: Record,
    stop: AtomicBool,
    /// Writers that have not given up.
    writing: AtomicUsize,
    /// Codes of refusals, in their order.
    pub(crate) refusals: Mutex<Vec<String>>,
}

/// What became of a request that writes.
enum Fate {
    Done,
    /// It has not happened.
    Refused(String),
    /// Nobody knows.
    Unknown(String),
}

fn fate(answer: std::io::Result<Answer>) -> Fate {
    match answer {
        Ok(answer) if answer.is_success() => Fate::Done,
        Ok(answer) => match answer.code() {
            code if code == "write_unknown" => Fate::Unknown(code),
            code if ["read_only", "disk_full", "io", "overloaded"].contains(&&*code) => {
                Fate::Refused(code)
            }
            _ => panic!("{answer:?}"),
        },
        Err(error) => Fate::Unknown(error.to_string()),
    }
}

impl Life {
    pub(crate) fn new(ledger: &Ledger) -> Self {
        Self {
            record: ledger.record(),
            stop: AtomicBool::new(false),
            writing: AtomicUsize::new(0),
            refusals: Mutex::default(),
        }
    }

    /// Lets all writers and the housekeeper work at a server.
    pub(crate) fn begin<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, server: &Server) {
        let address = server.address;
        for writer in 0..WRITERS.len() {
            self.writing.fetch_add(1, SeqCst);
            scope.spawn(move || {
                if let Ok(connection) = Connection::open(address) {
                    self.write(writer, connection);
                }
                self.writing.fetch_sub(1, SeqCst);
            });
        }
        scope.spawn(move || {
            if let Ok(connection) = Connection::open(address) {
                self.keep_house(connection);
            }
        });
    }

    /// Has everybody stop after what is under way.
    pub(crate) fn end(&self) {
        self.stop.store(true, SeqCst);
    }

    /// Whether all writers have given up.
    pub(crate) fn is_over(&self) -> bool {
        self.writing.load(SeqCst) == 0
    }

    /// Waits until so many operations more were acknowledged, or `is_over`.
    pub(crate) fn await_operations(&self, count: u64, mut is_over: impl FnMut() -> bool) {
        let goal = self.record.acked() + i64::try_from(count).unwrap();
        let came = wait_until(|| is_over() || self.record.acked() >= goal);
        assert!(came, "the writers are not let: {:?}", self.refusals);
    }

    fn write(&self, writer: usize, mut connection: Connection) {
        let progress = &self.record.writers[writer];
        let mut number = progress.acked.load(SeqCst) + 1;
        while !self.stop.load(SeqCst) {
            let before = self.record.unsynced();
            progress.sent.store(number, SeqCst);
            match fate(connection.send(&Operation::of(writer, number).request())) {
                Fate::Done => {
                    self.record.acknowledge(writer, number, &before);
                    number += 1;
                }
                Fate::Unknown(why) => {
                    self.refusals.lock().unwrap().push(why);
                    return;
                }
                Fate::Refused(code) => {
                    progress.sent.store(number - 1, SeqCst);
                    let is_final = code == "read_only";
                    self.refusals.lock().unwrap().push(code);
                    if is_final {
                        return;
                    }
                    std::thread::park_timeout(Duration::from_millis(5));
                }
            }
        }
    }

    /// Flushes, merges, takes snapshots and drops them.
    fn keep_house(&self, mut connection: Connection) {
        let mut round = 0;
        let is_over = || self.stop.load(SeqCst);
        while !is_over() {
            round += 1;
            let goal = self.record.acked() + HOUSEKEEPING;
            // It may well not come.
            let due = || is_over() || self.record.acked() >= goal;
            if !wait_until(due) || is_over() {
                return;
            }
            let answered = match round % 4 {
                0 => connection.send(&admin("compact")),
                2 => connection.send(&admin("flush")),
                _ => self.turn_snapshot(&format!("s{}", round % 3), &mut connection),
            };
            if answered.is_err() {
                return;
            }
        }
    }

    /// Takes a snapshot, or drops it if it is there.
    fn turn_snapshot(&self, name: &str, connection: &mut Connection) -> std::io::Result<Answer> {
        let known = {
            let mut snapshots = self.record.snapshots.lock().unwrap();
            snapshots.insert(name.to_owned(), None).flatten()
        };
        let deletes = known == Some(true);
        let request = match deletes {
            true => drop_snapshot(name),
            false => snapshot(name),
        };
        let answer = connection.send(&request)?;
        let now = match (answer.is_success(), answer.code().as_str()) {
            (true, _) => Some(!deletes),
            (false, "already_exists") => Some(true),
            _ => None,
        };
        let mut snapshots = self.record.snapshots.lock().unwrap();
        snapshots.insert(name.to_owned(), now);
        Ok(answer)
    }
}

pub(crate) fn admin(what: &str) -> Request {
    Request::post(format!("/v1/admin/{what}"), "application/json", "{}")
}

pub(crate) fn snapshot(name: &str) -> Request {
    let body = format!("{{\"name\": \"{name}\"}}");
    Request::post("/v1/admin/snapshots", "application/json", body)
}

pub(crate) fn drop_snapshot(name: &str) -> Request {
    Request {
        method: "DELETE",
        ..Request::get(format!("/v1/admin/snapshots/{name}"))
    }
}

/// A server on a new folder with the table that all write to.
pub(crate) fn begin(data: &Path) -> Server {
    let server = Server::start(data);
    server.must(&create());
    server
}

/// What a folder has to stand after a fault: the check finds nothing, it opens, and holds what was
/// promised. The server that was started for that is given on.
pub(crate) fn survive(
    data: &Path,
    ledger: &mut Ledger,
    record: &Record,
    promised: &Promised,
) -> Result<Server, Wrong> {
    offline(&["check"], data)?;
    let server = Server::start(data);
    ledger.settle(&server, record, promised)?;
    Ok(server)
}
