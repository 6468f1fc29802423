//! SQLite, which comes with Python, answers random questions as tagdb does.

use std::path::Path;
use std::process::Command;

const SCRIPT: &str = "../tests/compat/compare_sql.py";
/// Ends well where Python's SQLite knows IS DISTINCT FROM.
const RECENT: &str = "import sqlite3; assert sqlite3.sqlite_version_info >= (3, 39)";

#[test]
fn sqlite_gives_the_same_answers() {
    let recent = Command::new("python3").args(["-c", RECENT]).output();
    if !recent.is_ok_and(|run| run.status.success()) {
        println!("skipped: there is no python3 with SQLite 3.39");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT);
    let run = Command::new("python3")
        .arg(script)
        .args(["--tagdb", env!("CARGO_BIN_EXE_tagdb")])
        .args(["--queries", "2000", "--rows", "400"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    println!("{told}");
    let failure = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{told}{failure}");
    assert!(told.contains("\"differences\": 0"), "{told}");
}
