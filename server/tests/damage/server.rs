//! The program as a process of its own, and what is said to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tagdb");

/// A server that ends with its test.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts the server on a folder; `prefix` is what the shell does before, such as `ulimit`.
    pub(crate) fn start(data: &Path, prefix: &str) -> Self {
        Self::try_start(data, prefix).unwrap_or_else(|log| panic!("it did not start: {log}"))
    }

    /// As [`Self::start`]; if it ends at once, what it told.
    pub(crate) fn try_start(data: &Path, prefix: &str) -> Result<Self, String> {
        let script = format!("{prefix} exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"");
        let mut child = Command::new("sh")
            .args(["-c", &script, PROGRAM])
            .arg(data)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let url = loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                child.wait().unwrap();
                return Err(log.lock().unwrap().clone());
            }
            log.lock().unwrap().push_str(&line);
            if let Some((_, address)) = line.split_once(" at http://") {
                break format!("http://{}", address.trim());
            }
        };
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                kept.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Ok(Self { child, url, log })
    }

    /// The address without its scheme.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Runs a statement by the program's shell.
    pub(crate) fn sql(&self, sql: &str) -> Output {
        tagdb(&["sql", "--url", &self.url, "--format", "csv", "-c", sql])
    }

    /// The rows of a statement that must succeed, as CSV without its header.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let output = self.sql(sql);
        assert!(output.status.success(), "{sql}: {}", text(&output.stderr));
        let lines = text(&output.stdout);
        lines.lines().skip(1).map(str::to_owned).collect()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }

    /// Ends it without a warning.
    pub(crate) fn kill(mut self) {
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

/// Runs the program.
pub(crate) fn tagdb(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
