//! strace as the one who makes system calls fail, or ends the process in one.

use std::path::Path;
use std::sync::OnceLock;

use crate::mount::{run, text};

/// The calls that change files, as the program makes them.
pub(crate) const CALLS: [&str; 10] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "openat",
    "rename",
    "linkat",
    "unlink",
    "mkdir",
    "rmdir",
    "ftruncate",
];

/// A tracer that does something at calls: `what` as in `error=EIO:when=3`. The process that it
/// starts is the program itself, so that its end is seen and it can be killed.
pub(crate) fn tracer(calls: &str, what: &str, trace: &Path) -> Vec<String> {
    let trace_of = format!("trace={calls}");
    let inject = format!("inject={calls}:{what}");
    let arguments = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-o",
        text(trace),
        "-e",
        &trace_of,
        "-e",
        &inject,
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
