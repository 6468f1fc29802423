//! Data folders of released formats, which every later program has to open: `tests/golden/v1` is one
//! of format 1. `tests/golden/README.md` says what it holds and how it is made anew.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is a test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tagdb_query::literal::write_value;
use tagdb_query::{Answer, Context, Database, Limits};
use tagdb_storage::check::check;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings, restore};
use tagdb_storage::vfs::OsVfs;

/// Where a new folder is to be made, if one is.
const MAKE: &str = "TAGDB_MAKE_GOLDEN";

const TABLES: [&str; 2] = [
    "CREATE TABLE users (id KEYWORD PRIMARY KEY, b BOOLEAN, k KEYWORD, i INT, l BIGINT,
        d DECIMAL(12,2), f DOUBLE, day DATE, at TIMESTAMP, t LONGTEXT, ks KEYWORD[],
        m MAP(KEYWORD, INT), md MAP(KEYWORD, DECIMAL(8,3))) WITH (partitions = 2)",
    "CREATE TABLE devices (id BIGINT PRIMARY KEY, n SMALLINT) WITH (partitions = 1)",
];

/// What is asked of the folder; its answers are kept beside it.
const QUESTIONS: [&str; 9] = [
    "SELECT * FROM users ORDER BY id LIMIT 40",
    "SELECT k, count(*), sum(i), min(d), max(f), count(DISTINCT l) FROM users GROUP BY k ORDER BY k",
    "SELECT unnest(ks), count(*) FROM users GROUP BY 1 ORDER BY 1",
    "SELECT count(*) FROM users WHERE ks && ARRAY['s1', 's4'] AND NOT b",
    "SELECT id, m, md FROM users WHERE m['a'] > 20 ORDER BY id",
    "SELECT id, t FROM users WHERE i > 190 AND t IS NOT NULL ORDER BY id",
    "SELECT count(*), count(b), count(k), count(i), count(t), count(ks), count(m) FROM users",
    "SELECT sum(n), count(*), count(n) FROM devices",
    "SELECT n, count(*) FROM devices GROUP BY n ORDER BY n",
];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1")
}

fn open(folder: &Path) -> tagdb_storage::Result<Database> {
    let settings = Settings {
        log_file_bytes: 32 << 10,
        background: false,
        ..Settings::default()
    };
    let clock = Clock::manual(1_795_132_800_000_000);
    let engine = Engine::open(Arc::new(OsVfs::new(folder).unwrap()), settings, clock)?;
    Ok(Database::new(engine, Limits::default()))
}

/// The rows of a statement as lines.
fn lines(database: &Database, sql: &str) -> Vec<String> {
    let statement = database.parse(sql).unwrap().remove(0);
    let answer = database.run(&statement, &Context::default());
    let Answer::Rows(mut rows) = answer.unwrap_or_else(|error| panic!("{sql}: {error}")) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    while let Some(batch) = rows.next().unwrap() {
        for row in batch {
            let values: Vec<String> = row
                .iter()
                .map(|value| {
                    let mut text = String::new();
                    write_value(value, &mut text);
                    text
                })
                .collect();
            lines.push(values.join("|"));
        }
    }
    lines
}

fn user(n: u32, round: u32) -> String {
    let v = n + round;
    format!(
        "('u{n}', {}, 'k{}', {v}, {}, {}.{:02}, {}e-2, DATE '2026-{:02}-11',
            TIMESTAMP '2026-11-20 10:{:02}:00', 'a long text {v}', ARRAY['s{}', 's{}'],
            MAP {{'a': {}, 'b{}': {v}}}, MAP {{'x': {}.125}})",
        v.is_multiple_of(3),
        v % 5,
        i64::from(v) * 1_000_000_007,
        v,
        v % 100,
        v * 7,
        v % 12 + 1,
        v % 60,
        v % 6,
        v % 4,
        v % 30,
        v % 3,
        v % 50,
    )
}

fn upsert(database: &Database, users: std::ops::Range<u32>, round: u32) {
    let rows: Vec<String> = users.map(|n| user(n, round)).collect();
    let columns = "id, b, k, i, l, d, f, day, at, t, ks, m, md";
    let sql = format!("INSERT INTO users ({columns}) VALUES {}", rows.join(","));
    lines(database, &sql);
}

/// Makes the folder: base segments, a delta segment over them, a log, a snapshot.
fn make(folder: &Path) {
    let database = open(folder).unwrap();
    let engine = database.engine();
    for table in TABLES {
        lines(&database, table);
    }
    upsert(&database, 0..200, 0);
    let devices: Vec<String> = (0..150).map(|n| format!("({n}, {})", n % 8)).collect();
    lines(
        &database,
        &format!("INSERT INTO devices (id, n) VALUES {}", devices.join(",")),
    );
    engine.flush().unwrap();
    upsert(&database, 180..240, 1);
    lines(&database, "DELETE FROM users WHERE i % 11 = 3");
    engine.compact(None).unwrap();
    engine.create_snapshot("first").unwrap();
    upsert(&database, 30..60, 2);
    lines(
        &database,
        "UPDATE users SET k = NULL, ks = NULL WHERE i % 13 = 1",
    );
    engine.flush().unwrap();
    upsert(&database, 100..110, 3);
    lines(&database, "DELETE FROM devices WHERE n = 5");
    lines(&database, "UPDATE devices SET n = NULL WHERE n = 6");
    engine.close().unwrap();
    let answers: String = QUESTIONS.iter().map(|sql| asked(&database, sql)).collect();
    drop(database);
    for kept in ["LOCK", "log/spare.tmp", "log/reserve.tmp"] {
        // Nothing of the format is in them.
        let _ = fs::remove_file(folder.join(kept));
    }
    fs::write(folder.with_extension("answers"), answers).unwrap();
}

fn asked(database: &Database, sql: &str) -> String {
    format!("{sql}\n{}\n\n", lines(database, sql).join("\n"))
}

/// All files below a folder, by path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() != "LOCK" {
                let path = entry.path().strip_prefix(folder).unwrap().to_owned();
                found.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// A copy of the folder that may be changed.
fn copy() -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    for (path, bytes) in files(&golden()) {
        let path = target.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    target
}

#[test]
fn make_anew() {
    let Some(folder) = std::env::var_os(MAKE) else {
        return;
    };
    fs::create_dir_all(&folder).unwrap();
    make(Path::new(&folder));
}

#[test]
fn a_folder_of_format_1_opens_and_answers_as_it_did() {
    let folder = copy();
    let report = check(&OsVfs::new(folder.path()).unwrap()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    let expected = fs::read_to_string(golden().with_extension("answers")).unwrap();
    let mut lsn = None;
    // After a start, after a start and a merge, and after another start.
    for round in 0..3 {
        let database = open(folder.path()).unwrap();
        let answers: String = QUESTIONS.iter().map(|sql| asked(&database, sql)).collect();
        assert_eq!(answers, expected, "round {round}");
        let now = database.engine().snapshot().lsn();
        assert_eq!(*lsn.get_or_insert(now), now);
        if round == 1 {
            database.engine().compact(None).unwrap();
            let answers: String = QUESTIONS.iter().map(|sql| asked(&database, sql)).collect();
            assert_eq!(answers, expected, "merged");
        }
        database.engine().close().unwrap();
    }
    let restored = tempfile::tempdir().unwrap();
    let (from, to) = (
        OsVfs::new(folder.path()).unwrap(),
        OsVfs::new(restored.path()).unwrap(),
    );
    restore(&from, "first", &to).unwrap();
    let count = lines(
        &open(restored.path()).unwrap(),
        "SELECT count(*) FROM devices",
    );
    assert_eq!(count, ["150"], "the snapshot is older than the deletion");
    let bytes: usize = files(&golden()).values().map(Vec::len).sum();
    println!("format 1: {bytes} bytes, {} writes", lsn.unwrap().0);
    assert!(bytes < 200 << 10, "{bytes} bytes are too many to keep");
}

/// Makes a file one of format 2, sound otherwise.
fn of_the_next_format(bytes: &mut [u8], header_bytes: usize) {
    assert_eq!(bytes[8..12], 1_u32.to_le_bytes());
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..header_bytes - 4]);
    bytes[header_bytes - 4..header_bytes].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn a_folder_of_a_newer_format_is_refused_untouched() {
    // Where each kind of file has the checksum of its header; manifests have it over all of them,
    // behind the version.
    let kinds = [
        ("manifest", 24),
        ("log", 128),
        ("key", 64),
        ("voc", 64),
        ("seg", 64),
    ];
    let mut tried = 0;
    for (path, _) in files(&golden()) {
        let is_kind = |(kind, _): &&(&str, usize)| {
            path.extension().is_some_and(|found| found == *kind)
                || path
                    .parent()
                    .is_some_and(|parent| parent == Path::new(kind))
        };
        if path.starts_with("snapshots") {
            continue;
        }
        let (_, header_bytes) = kinds.iter().find(is_kind).unwrap();
        let folder = copy();
        let mut bytes = fs::read(folder.path().join(&path)).unwrap();
        of_the_next_format(&mut bytes, *header_bytes);
        fs::write(folder.path().join(&path), bytes).unwrap();
        let before = files(folder.path());
        let error = open(folder.path())
            .err()
            .unwrap_or_else(|| panic!("{path:?} is taken"));
        let detail = error.detail();
        assert!(detail.contains("format version 2"), "{path:?}: {detail}");
        assert_eq!(files(folder.path()), before, "{path:?}");
        tried += 1;
    }
    println!("{tried} files of a newer format, all refused, nothing changed");
    assert!(tried > 5);
}
