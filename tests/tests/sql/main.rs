//! The dialect, sentence by sentence: every file of `tests/sql`, and every example of
//! `docs/sql.md`.
//!
//! Each file runs on tables of 1 and of 4 partitions, and each of these four times: all in memory,
//! flushed after every write, flushed and compacted after every write, and reopened from the log
//! after every write. Where partitions show, the labels `one` and `several` tell them apart. `SQL_FILL=1 cargo test -p tagdb-tests --test sql fill` writes what comes out
//! into the files; read the diff.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panics")]

mod docs;
mod target;

use std::path::{Path, PathBuf};

use sqllogictest::{Runner, default_normalizer, default_validator, strict_column_validator};
use target::{Kind, Target, Upkeep};

/// The files, by name.
fn files() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("sql")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "slt") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Runs all files, and tells of everything that came out otherwise.
fn run(partitions: u16, upkeep: Upkeep) {
    let mut failures = String::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let records = sqllogictest::parse_with_name::<Kind>(&text, name).unwrap();
        let mut runner = Runner::new(|| async { Ok(Target::new(partitions, upkeep)) });
        runner.with_column_validator(strict_column_validator);
        runner.add_label(if partitions == 1 { "one" } else { "several" });
        for record in records {
            if let Err(error) = runner.run(record) {
                failures.push_str(&format!("{error}\n"));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{partitions} partitions, {upkeep:?}\n{failures}"
    );
}

#[test]
fn one_partition_in_memory() {
    run(1, Upkeep::Nothing);
}

#[test]
fn one_partition_flushed() {
    run(1, Upkeep::Flush);
}

#[test]
fn one_partition_compacted() {
    run(1, Upkeep::Compact);
}

#[test]
fn one_partition_reopened() {
    run(1, Upkeep::Reopen);
}

#[test]
fn four_partitions_in_memory() {
    run(4, Upkeep::Nothing);
}

#[test]
fn four_partitions_flushed() {
    run(4, Upkeep::Flush);
}

#[test]
fn four_partitions_compacted() {
    run(4, Upkeep::Compact);
}

#[test]
fn four_partitions_reopened() {
    run(4, Upkeep::Reopen);
}

/// Writes what comes out into the files, if `SQL_FILL` is set.
#[test]
fn fill() {
    if std::env::var_os("SQL_FILL").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for file in files() {
        let mut runner = Runner::new(|| async { Ok(Target::new(1, Upkeep::Nothing)) });
        runner.add_label("one");
        let filled = runner.update_test_file(
            file,
            " ",
            default_validator,
            default_normalizer,
            strict_column_validator,
        );
        runtime.block_on(filled).unwrap();
    }
}
