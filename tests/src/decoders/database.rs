//! The small database whose files are damaged, and which statements and uploads meet.

#![expect(clippy::panic, reason = "a target fails by panics")]

use std::sync::{Arc, LazyLock};

use tagdb_query::{Answer, Context, Database, Limits};
use tagdb_storage::Result;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings};
use tagdb_storage::paths;
use tagdb_storage::vfs::{MemoryVfs, RelPath, Vfs};
use tagdb_storage::vocabulary::VocabularyLimits;

/// 2026-11-20T07:16:00Z
const NOW: i64 = 1_795_158_960_000_000;

/// Memory of one statement, in bytes.
const MEMORY_BYTES_MAX: usize = 64 << 20;

/// Tables of both types of keys and all types of tags.
const TABLES: [&str; 2] = [
    "CREATE TABLE t (k KEYWORD PRIMARY KEY, w KEYWORD, b BOOLEAN, n INT, d DECIMAL(8,2), \
     f DOUBLE, a DATE, z TIMESTAMP, s KEYWORD[], m MAP(KEYWORD, INT), l LONGTEXT) \
     WITH (partitions = 2)",
    "CREATE TABLE u (i BIGINT PRIMARY KEY, w KEYWORD, n BIGINT, s KEYWORD[])",
];

/// Rows that become segments.
const STORED: [&str; 6] = [
    "INSERT INTO t (k, w, b, n, d, f, a, z, s, m, l) VALUES \
     ('a', 'x', true, 1, 1.25, 0.5, '2026-01-01', '2026-01-01 10:00:00', ['p', 'q'], {'p': 1}, \
      'some text, which goes on for a while and goes on'), \
     ('b', 'y', false, -2, -7.5, -1e300, '1999-12-31', '1969-07-20 20:17:40', ['q'], \
      {'p': -1, 'r': 70000}, ''), \
     ('c', 'x', NULL, 300, NULL, 2.5, NULL, NULL, [], {}, NULL), \
     ('d', '', true, NULL, 0.01, NULL, '2026-06-30', '2026-11-20 07:16:00', ['', 'p'], {'': 0}, 'x')",
    "INSERT INTO u (i, w, n, s) VALUES (1, 'x', 5, ['p']), (-7, 'y', 9000000000, []), \
     (9223372036854775807, NULL, NULL, ['q', 'p'])",
    "UPDATE t SET n = 7, s = ['r'], m['p'] = 9 WHERE k = 'b'",
    "DELETE FROM t WHERE k = 'c'",
    "UPDATE t SET w = NULL, l = 'another text' WHERE b",
    "INSERT INTO u (i, w) VALUES (8, 'z'), (9, 'x')",
];

/// Rows that stay in the log.
const LOGGED: [&str; 6] = [
    "INSERT INTO t (k, w, n, s) VALUES ('e', 'new', 12, ['s', 'q']), ('a', 'x', 2, ['p'])",
    "UPDATE t SET m = {'q': 4}, z = '2026-02-02 02:02:02' WHERE n < 10",
    "ALTER TABLE u ADD COLUMN l LONGTEXT",
    "INSERT INTO u (i, l) VALUES (10, 'text')",
    "DELETE FROM u WHERE i = 8",
    "CREATE TABLE v (k KEYWORD PRIMARY KEY, n SMALLINT)",
];

pub(super) fn settings() -> Settings {
    Settings {
        cache_bytes: 1 << 20,
        log_file_bytes: 1 << 10,
        vocabulary: VocabularyLimits {
            entries_max: 1_000,
            ..Settings::default().vocabulary
        },
        background: false,
        ..Settings::default()
    }
}

/// Opens the database of a disk.
pub(super) fn open(disk: &MemoryVfs) -> Result<Database> {
    let engine = Engine::open(Arc::new(disk.clone()), settings(), Clock::manual(NOW))?;
    let limits = Limits {
        requests_memory_max: 2 * MEMORY_BYTES_MAX,
        ..Limits::default()
    };
    Ok(Database::new(engine, limits))
}

/// What statements run with.
pub(super) fn context() -> Context {
    Context {
        memory_bytes_max: MEMORY_BYTES_MAX,
        ..Context::default()
    }
}

/// Runs statements and pulls their rows.
pub(super) fn run(database: &Database, sql: &str) -> tagdb_query::Result<()> {
    for statement in database.parse(sql)? {
        if let Answer::Rows(mut rows) = database.run(&statement, &context())? {
            while rows.next()?.is_some() {}
        }
    }
    Ok(())
}

/// The disk of the database, closed: two tables with delta and base segments, and batches in the
/// log.
pub(super) static DISK: LazyLock<MemoryVfs> = LazyLock::new(|| {
    let disk = MemoryVfs::new(1);
    let made = open(&disk).map_err(Into::into).and_then(|database| {
        let engine = database.engine();
        for sql in TABLES.iter().chain(&STORED[..2]) {
            run(&database, sql)?;
        }
        engine.flush()?;
        run(&database, STORED[2])?;
        run(&database, STORED[3])?;
        engine.flush()?;
        engine.compact(None)?;
        run(&database, STORED[4])?;
        run(&database, STORED[5])?;
        engine.flush()?;
        for sql in LOGGED {
            run(&database, sql)?;
        }
        Ok::<_, tagdb_query::Error>(engine.close()?)
    });
    if let Err(error) = made {
        panic!("the database cannot be made: {error}");
    }
    disk
});

/// The files in a folder of the disk.
pub(super) fn files(folder: &RelPath) -> Vec<RelPath> {
    DISK.list(folder).unwrap_or_default()
}

/// All its segment files.
pub(super) fn segments() -> Vec<RelPath> {
    let folders = files(&paths::data_dir());
    folders.iter().flat_map(files).collect()
}
