//! The program under attack: hostile requests over raw sockets, one after the other, each with the
//! answer it must get. After each the server is alive, answers a look-up, has not panicked, and
//! stays within its memory.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on must fail"
)]

mod analysis;
mod bodies;
mod chaos;
mod files;
mod gone;
mod heads;
mod heavy;
mod heavy_uploads;
mod lists;
mod paths;
mod queries;
mod raw;
mod server;
mod slow;
mod statements;
mod table;
mod uploads;

use raw::Case;
use server::Server;

/// Resident memory that no request of the table may take the server beyond, in bytes.
const RESIDENT_BYTES_MAX: u64 = 512 << 20;
/// Hostile requests at least.
const CASES_MIN: usize = 500;

/// Limits that small requests reach, and a server that gives up soon.
const SETTINGS: &str = "
    header_timeout = \"2s\"
    body_timeout = \"3s\"
    body_bytes_max = \"2MiB\"
    bulk_bytes_max = \"8MiB\"
    row_bytes_max = \"64KiB\"
    statement_timeout = \"10s\"
    statement_memory_max = \"64MiB\"
    result_rows_max = 10000
    result_bytes_max = \"1MiB\"
    cache_bytes = \"32MiB\"
    flush_bytes = \"4MiB\"
    memory_bytes_max = \"32MiB\"
";

#[test]
fn hostile_requests_are_refused_and_harm_nobody() {
    let server = Server::start(SETTINGS);
    table::create(&server);
    let cases: Vec<Case> = [
        heads::cases(),
        paths::cases(),
        queries::cases(),
        bodies::cases(),
        statements::cases(),
        analysis::cases(),
        uploads::cases(),
        files::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    let mut report = Report::default();
    for case in &cases {
        let answer = server.send(case);
        report.add(case, &answer);
        table::check_alive(&server, &case.name);
        let resident = server.resident_bytes();
        if resident > RESIDENT_BYTES_MAX {
            let wrong = format!("{}: {resident} bytes of memory", case.name);
            report.wrong.push(wrong);
        }
    }
    report.print(server.peak_bytes());
    let log = server.stop();
    for word in ["panicked", "overflow", "request failed"] {
        assert!(!log.contains(word), "{log}");
    }
    report.check();
}

/// What was answered.
#[derive(Default)]
struct Report {
    statuses: std::collections::BTreeMap<u16, usize>,
    wrong: Vec<String>,
    cases: usize,
}

impl Report {
    fn add(&mut self, case: &Case, answer: &raw::Answer) {
        self.cases += 1;
        *self.statuses.entry(answer.status).or_default() += 1;
        if let Some(wrong) = case.wrong(answer) {
            self.wrong.push(wrong);
        }
    }

    fn print(&self, peak: u64) {
        println!(
            "{} hostile requests, peak of {} MiB",
            self.cases,
            peak >> 20
        );
        for (status, count) in &self.statuses {
            match status {
                0 => println!("  closed: {count}"),
                _ => println!("  {status}: {count}"),
            }
        }
    }

    fn check(&self) {
        assert!(
            self.wrong.is_empty(),
            "{} of {} were answered otherwise:\n{}",
            self.wrong.len(),
            self.cases,
            self.wrong.join("\n")
        );
    }
}
