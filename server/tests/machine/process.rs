//! The program as a process of its own, possibly under a tracer that makes its system calls fail.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::http::{Answer, Connection, Request};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tagdb");

/// A start, a stop or an answer that takes longer is none.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Lines of its log that a failure shows.
const LINES_SHOWN: usize = 12;

/// Flushes come early and caches are small, so that much happens on the disk.
const SETTINGS: [(&str, &str); 4] = [
    ("TAGDB_FLUSH_BYTES", "1MiB"),
    ("TAGDB_CACHE_BYTES", "4MiB"),
    ("TAGDB_STOP_TIMEOUT", "2s"),
    ("RUST_BACKTRACE", "0"),
];

/// Waits until something is so, and tells whether it came to be.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    true
}

/// A server that ends with its test.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
}

/// A server that ended before it listened.
#[derive(Debug)]
pub(crate) struct NotStarted {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Server {
    /// Starts a server that has to come up.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_under(&[], data)
            .unwrap_or_else(|not| panic!("the server did not start: {}: {}", not.status, not.log))
    }

    /// Starts a server under a program with arguments, which is to make itself the parent of
    /// nobody: the process that is started is the server.
    pub(crate) fn start_under(tracer: &[String], data: &Path) -> Result<Self, NotStarted> {
        let words = tracer.iter().map(String::as_str).chain([PROGRAM]);
        let words: Vec<&str> = words.collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .envs(SETTINGS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let told = follow(child.stderr.take().unwrap(), &log);
        match told.recv_timeout(PATIENCE) {
            Ok(address) => Ok(Self {
                child,
                address,
                log,
            }),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                let status = wait(&mut child).unwrap_or_else(|| panic!("the server hangs"));
                let log = log.lock().unwrap().clone();
                Err(NotStarted { status, log })
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                panic!("the server hangs at its start: {}", log.lock().unwrap())
            }
        }
    }

    /// One request on a connection of its own that has to be answered.
    pub(crate) fn ask(&self, request: &Request) -> Answer {
        let answer = Connection::open(self.address).and_then(|mut to| to.send(request));
        answer.unwrap_or_else(|error| panic!("{error}: {request:?}: {}", self.log()))
    }

    /// The same, and the answer has to be one of success.
    pub(crate) fn must(&self, request: &Request) -> Answer {
        let answer = self.ask(request);
        assert!(
            answer.is_success(),
            "{request:?}: {answer:?}: {}",
            self.log()
        );
        answer
    }

    /// The last of what it told.
    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }

    /// Whether it has ever told of this.
    pub(crate) fn has_told(&self, text: &str) -> bool {
        self.log.lock().unwrap().contains(text)
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        if self.ended().is_none() {
            let _ = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        }
        wait(&mut self.child).unwrap_or_else(|| panic!("the server does not stop: {}", self.log()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let mut status = None;
    wait_until(|| {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    status
}

/// Keeps what the server tells, and sends on where it listens.
fn follow(
    told: impl std::io::Read + Send + 'static,
    log: &Arc<Mutex<String>>,
) -> Receiver<SocketAddr> {
    let (send, receive) = channel();
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        let mut send = Some(send);
        for line in BufReader::new(told).lines().map_while(Result::ok) {
            let place = line
                .split_once(" serves ")
                .and(line.rsplit_once(" at http://"));
            if let Some((_, address)) = place {
                let _ = send
                    .take()
                    .map(|to| to.send(address.trim().parse().unwrap()));
            }
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
    receive
}

/// Runs a verb of the program on a folder that nobody has open; its output if it fails.
pub(crate) fn offline(arguments: &[&str], data: &Path) -> Result<String, String> {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .arg(data)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    match output.status.success() {
        true => Ok(told),
        false => Err(format!("{arguments:?}: {}: {told}", output.status)),
    }
}
