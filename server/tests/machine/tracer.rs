//! strace as the one who makes system calls fail, or ends the process in one.

use std::path::Path;
use std::sync::OnceLock;

use crate::mount::{run, text};

/// The calls by which the program uses files, and how often a thread makes each in a short life, with
/// its start.
pub(crate) const CALLS: [(&str, u64); 10] = [
    ("pwrite64", 30),
    ("pread64", 60),
    ("fdatasync", 26),
    ("fsync", 24),
    ("openat", 100),
    ("rename", 2),
    ("linkat", 12),
    ("unlink", 86),
    ("mkdir", 6),
    ("rmdir", 6),
];

/// A tracer that has calls fail: `what` as in `error=EIO:when=3`. The process that it starts is the
/// program itself, so that its end is seen and it can be killed.
pub(crate) fn failing(calls: &str, what: &str, trace: &Path) -> Vec<String> {
    let mut arguments = killing(calls, what, trace);
    arguments.push("--seccomp-bpf".to_owned());
    arguments
}

/// The same for `signal=SIGKILL`, which does not come where only chosen calls stop.
pub(crate) fn killing(calls: &str, what: &str, trace: &Path) -> Vec<String> {
    let trace_of = format!("trace={calls}");
    let inject = format!("inject={calls}:{what}");
    let file = text(trace);
    let arguments = [
        "strace", "-D", "-f", "-qq", "-o", file, "-e", &trace_of, "-e", &inject,
    ];
    arguments.map(str::to_owned).to_vec()
}

/// Why calls cannot be made to fail here, if so.
pub(crate) fn is_missing() -> Option<&'static str> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let tried = || {
        let arguments = [
            "-D",
            "-f",
            "-qq",
            "--seccomp-bpf",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync",
            "-e",
            "inject=fsync:error=EIO",
            "true",
        ];
        run("strace", &arguments).err()
    };
    MISSING.get_or_init(tried).as_deref()
}
