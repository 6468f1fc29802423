//! System calls of the program fail: each sort in its turn, once and from then on, with an I/O error
//! and with a full disk. The program may refuse and stay away, but neither crash, hang, nor
//! lose what it has acknowledged.

use std::fs;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::http::Request;
use crate::life::{Life, admin, begin, drop_snapshot, snapshot, survive};
use crate::mount::{Place, run, text};
use crate::process::Server;
use crate::random::Random;
use crate::record::Ledger;
use crate::tracer::{CALLS, failing, is_missing};
use crate::{rounds, seed, skipped};

/// Faults in a usual run. With `ROUNDS=0` all there are: each call up to the number at which
/// nothing failed any more.
const FAULTS: u64 = 16;

/// Operations that writers try to do beside a fault.
const OPERATIONS: u64 = 60;

/// What can be wrong with a call.
#[derive(Clone, Copy, Debug)]
struct Fault {
    call: &'static str,
    error: &'static str,
    number: u64,
    /// Whether all calls after it fail as well.
    lasts: bool,
}

/// What came of faults.
#[derive(Debug, Default)]
struct Figures {
    tried: u64,
    /// Runs in which the call came, and calls that failed in them.
    hit: u64,
    failed_calls: u64,
    not_started: u64,
    refusals: u64,
    acknowledged: i64,
}

/// A folder in which something is to be recovered, as it is before each fault.
struct Origin {
    data: PathBuf,
    ledger: Ledger,
}

impl Origin {
    fn new(place: &Place) -> Self {
        let data = place.path("origin");
        let mut server = begin(&data);
        let mut ledger = Ledger::default();
        let life = Life::new(&ledger);
        std::thread::scope(|scope| {
            life.begin(scope, &server);
            life.await_operations(200, || false);
            life.end();
        });
        let (record, promised) = (&life.record, life.record.promised());
        ledger.settle(&server, record, &promised).unwrap();
        server.kill();
        Self { data, ledger }
    }
}

impl Fault {
    /// Whether the call was made often enough for the fault to come.
    fn happens(self, place: &Place, origin: &Origin, figures: &mut Figures) -> bool {
        let (data, trace) = (place.path("data"), place.path("trace"));
        let _ = fs::remove_dir_all(&data);
        run("cp", &["-r", text(&origin.data), text(&data)]).unwrap();
        let lasting = if self.lasts { "+" } else { "" };
        let what = format!("error={}:when={}{lasting}", self.error, self.number);
        let mut ledger = origin.ledger.clone();
        let before = ledger.acknowledged;
        let life = Life::new(&ledger);
        match Server::start_under(&failing(self.call, &what, &trace), &data) {
            Ok(server) => self.live(&life, server),
            Err(not) => {
                figures.not_started += 1;
                self.assert_orderly(not.status, &not.log);
            }
        }
        let injected = fs::read_to_string(&trace)
            .unwrap()
            .matches("(INJECTED)")
            .count();
        let promised = life.record.promised();
        let survived = survive(&data, &mut ledger, &life.record, &promised);
        drop(survived.unwrap_or_else(|wrong| panic!("SEED={}, {self:?}: {wrong}", seed())));
        figures.tried += 1;
        figures.hit += u64::from(injected > 0);
        figures.failed_calls += injected as u64;
        figures.refusals += life.refusals.lock().unwrap().len() as u64;
        figures.acknowledged += ledger.acknowledged - before;
        injected > 0
    }

    /// Writers, a flush, a snapshot and a merge; look-ups go on whatever fails, and the server stops
    /// when it is told to.
    fn live(self, life: &Life, mut server: Server) {
        std::thread::scope(|scope| {
            life.begin(scope, &server);
            life.await_operations(OPERATIONS, || life.is_over());
            life.end();
        });
        let snapshots = [snapshot("fault"), drop_snapshot("fault")];
        for request in [admin("flush"), admin("compact")].iter().chain(&snapshots) {
            server.ask(request);
        }
        assert_eq!(
            server.ask(&Request::get("/healthz")).status,
            200,
            "{self:?}"
        );
        if !["openat", "pread64"].contains(&self.call) {
            let count = Request::sql("SELECT count(*) FROM t");
            assert!(
                server.ask(&count).is_success(),
                "{self:?}: {}",
                server.log()
            );
        }
        let status = server.stop();
        assert!(!server.has_told("panicked"), "{self:?}: {}", server.log());
        self.assert_orderly(status, &server.log());
    }

    fn assert_orderly(self, status: ExitStatus, log: &str) {
        // 127 is of the loader, which opens libraries before the program begins.
        let codes = [Some(0), Some(1), Some(127)];
        let is_orderly = codes.contains(&status.code()) && !log.contains("panicked");
        assert!(is_orderly, "SEED={}, {self:?}: {status}: {log}", seed());
    }
}

#[test]
fn a_system_call_that_fails_loses_nothing_acknowledged() {
    let test = "failing system calls";
    if let Some(why) = is_missing() {
        return skipped(test, why);
    }
    let place = Place::new();
    let origin = Origin::new(&place);
    let mut figures = Figures::default();
    match rounds(FAULTS) {
        0 => all(&place, &origin, &mut figures),
        count => some(&place, &origin, &mut figures, count),
    }
    println!("{test}: {figures:?}, 0 lost");
}

fn some(place: &Place, origin: &Origin, figures: &mut Figures, count: u64) {
    let mut random = Random::new(seed());
    for _ in 0..count {
        let (call, often) = CALLS[random.within(0, CALLS.len() as u64) as usize];
        let fault = Fault {
            call,
            error: ["EIO", "ENOSPC"][random.within(0, 2) as usize],
            number: random.within(1, often),
            lasts: random.within(0, 2) == 0,
        };
        fault.happens(place, origin, figures);
    }
}

fn all(place: &Place, origin: &Origin, figures: &mut Figures) {
    for (call, _) in CALLS {
        for error in ["EIO", "ENOSPC"] {
            for lasts in [false, true] {
                let fault = |number| Fault {
                    call,
                    error,
                    number,
                    lasts,
                };
                let mut numbers = 1..;
                let end = numbers.find(|number| !fault(*number).happens(place, origin, figures));
                let times = if lasts { "from then on" } else { "once" };
                println!("{call}: {error} {times}, at 1 to {}", end.unwrap() - 1);
            }
        }
    }
}
