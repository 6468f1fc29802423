//! A server process of its own, watched from outside.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::raw::{Answer, Case, Expect, exchange};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tagdb");

/// Time for what must come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A server that ends with its test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl Server {
    /// Starts a server with these settings, as of its file.
    pub(crate) fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tagdb.toml");
        std::fs::write(&file, settings).unwrap();
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"))
            .arg("--config")
            .arg(&file)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let address = loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                panic!("the server did not start: {}", log.lock().unwrap());
            }
            log.lock().unwrap().push_str(&line);
            if let Some((_, address)) = line.split_once(" at http://") {
                break address.trim().parse().unwrap();
            }
        };
        let kept = Arc::clone(&log);
        let reader = std::thread::spawn(move || keep(lines, &kept));
        Self {
            child,
            address,
            log,
            reader: Some(reader),
            _folder: folder,
        }
    }

    /// Sends a request on a connection of its own.
    pub(crate) fn send(&self, case: &Case) -> Answer {
        exchange(self.address, case)
    }

    /// What `/v1/status` tells, on a connection of its own.
    pub(crate) fn status(&self) -> Json {
        let case = Case::get("the status", "/v1/status", Expect::Status(200));
        let answer = self.send(&case);
        assert_eq!(case.wrong(&answer), None, "{}", self.log());
        answer.json()
    }

    /// Memory that is resident now, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that was ever resident, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let line = line.unwrap_or_else(|| panic!("the server has died: {}", self.log()));
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes << 10
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Asks it to stop, waits until it has, and gives its log.
    pub(crate) fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(asked.success());
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep(mut lines: impl BufRead, log: &Mutex<String>) {
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
        log.lock().unwrap().push_str(&line);
        line.clear();
    }
}
