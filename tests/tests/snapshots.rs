//! Snapshots beside writers, flushes and compactions, and under crashes: each is the state of
//! exactly one write, or is not there.

#![expect(clippy::unwrap_used, reason = "all of this file is a test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tagdb_query::{Answer, Context, Database, Limits, Value};
use tagdb_storage::check::check;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings, restore};
use tagdb_storage::vfs::{MemoryVfs, RelPath, Vfs};

/// Threads that write, each a number of its own.
const WRITERS: i64 = 3;
/// Subjects that every write of a writer gives its number.
const SUBJECTS: i64 = 6;
/// Snapshots that are kept at a time.
const NAMES: usize = 3;

fn open(disk: &MemoryVfs, background: bool) -> Database {
    let settings = Settings {
        cache_bytes: 1 << 20,
        flush_bytes: 8 << 10,
        log_file_bytes: 16 << 10,
        log_bytes: 64 << 10,
        background,
        ..Settings::default()
    };
    let engine = Engine::open(Arc::new(disk.clone()), settings, Clock::system()).unwrap();
    Database::new(engine, Limits::default())
}

fn run(database: &Database, sql: &str) -> Answer {
    let statement = database.parse(sql).unwrap().remove(0);
    database.run(&statement, &Context::default()).unwrap()
}

/// One batch that gives all subjects of a writer a number; its LSN.
fn write(database: &Database, writer: i64, number: i64) -> u64 {
    let row = |subject| {
        format!(
            "({}, {number}, ARRAY['n{}'])",
            writer * SUBJECTS + subject,
            number % 5
        )
    };
    let rows: Vec<String> = (0..SUBJECTS).map(row).collect();
    let sql = format!("INSERT INTO t (id, n, s) VALUES {}", rows.join(","));
    let statement = database.parse(&sql).unwrap().remove(0);
    match database.run(&statement, &Context::default()).unwrap() {
        Answer::Written { receipt, .. } => receipt.lsn.0,
        Answer::Rows(_) => 0,
    }
}

/// Each writer's number and how many of its subjects have it, which are all, with their member.
fn numbers(database: &Database) -> BTreeMap<i64, i64> {
    let Answer::Rows(mut rows) = run(database, "SELECT id, n, s FROM t") else {
        return BTreeMap::new();
    };
    let mut found: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    while let Some(batch) = rows.next().unwrap() {
        for row in batch {
            let [Value::Int(id), Value::Int(number), Value::Set(members)] = &row[..] else {
                continue;
            };
            let member: Vec<String> = members.iter().map(|member| member.to_string()).collect();
            assert_eq!(member, [format!("n{}", number % 5)], "a row in part");
            found.entry(id / SUBJECTS).or_default().push(*number);
        }
    }
    let whole = |(writer, numbers): (i64, Vec<i64>)| {
        assert_eq!(numbers.len() as i64, SUBJECTS, "a write in part");
        assert!(
            numbers.iter().all(|number| *number == numbers[0]),
            "two writes"
        );
        (writer, numbers[0])
    };
    found.into_iter().map(whole).collect()
}

/// What each writer had written at an LSN.
fn expected(log: &BTreeMap<u64, (i64, i64)>, lsn: u64) -> BTreeMap<i64, i64> {
    log.range(..=lsn).map(|(_, write)| *write).collect()
}

/// Restores all snapshots of a disk, and compares each with the writes up to its LSN.
fn compare(disk: &MemoryVfs, log: &BTreeMap<u64, (i64, i64)>, what: &str) -> (usize, usize) {
    let database = open(disk, false);
    let listed = database.engine().list_snapshots().unwrap();
    let folders = disk
        .list(&RelPath::new("snapshots").unwrap())
        .unwrap_or_default();
    let half = folders.len() - listed.len();
    for info in &listed {
        let target = MemoryVfs::new(1);
        restore(disk, &info.name, &target).unwrap();
        assert!(check(&target).unwrap().is_sound(), "{what}: {}", info.name);
        let restored = open(&target, false);
        assert_eq!(restored.engine().snapshot().lsn(), info.lsn, "{what}");
        assert_eq!(
            numbers(&restored),
            expected(log, info.lsn.0),
            "{what}: {}",
            info.name
        );
    }
    // What was half there is out of the way of a whole one of the same name.
    for number in 0..NAMES {
        let name = format!("s{number}");
        if listed.iter().all(|info| info.name != name) {
            database.engine().create_snapshot(&name).unwrap();
        }
    }
    (listed.len(), half)
}

#[test]
fn a_snapshot_is_one_commit_point_whatever_goes_on() {
    let writes: i64 = std::env::var("WRITES").map_or(3_000, |writes| writes.parse().unwrap());
    let disk = MemoryVfs::new(1);
    let database = open(&disk, true);
    run(
        &database,
        "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT, s KEYWORD[]) WITH (partitions = 4)",
    );
    let log: Mutex<BTreeMap<u64, (i64, i64)>> = Mutex::default();
    let (done, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut images = Vec::new();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (database, log) = (&database, &log);
                scope.spawn(move || {
                    for number in 1..=writes {
                        let lsn = write(database, writer, number);
                        log.lock().unwrap().insert(lsn, (writer, number));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let engine = database.engine();
            for round in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("s{}", round % NAMES);
                if round >= NAMES {
                    engine.delete_snapshot(&name).unwrap();
                }
                engine.create_snapshot(&name).unwrap();
                taken.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                database.engine().compact(None).unwrap();
            }
        });
        // Meanwhile the process is killed and the power goes, again and again, after another few
        // operations on files: in the middle of whatever is under way.
        let mut at = disk.operations();
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::yield_now();
            if disk.operations() >= at && images.len() < 200 {
                images.push(disk.fork());
                at = disk.operations() + 97;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let log = log.into_inner().unwrap();
    database.engine().close().unwrap();
    drop(database);
    let (mut compared, mut half) = compare(&disk, &log, "at the end");
    for (seed, image) in (0..).zip(&images) {
        let cut = image.fork().crash_power(seed);
        for (image, what) in [(&cut, "power cut"), (image, "kill")] {
            let (whole, begun) = compare(image, &log, &format!("{what} {seed}"));
            compared += whole;
            half += begun;
        }
    }
    println!(
        "{} writes, {} snapshots taken, {} kills and power cuts each, {compared} restored and compared, {half} half ones not shown",
        log.len(),
        taken.into_inner(),
        images.len()
    );
    assert!(compared > 10);
}

#[test]
fn a_damaged_snapshot_is_refused_before_anything_is_written() {
    let disk = MemoryVfs::new(1);
    let database = open(&disk, false);
    run(
        &database,
        "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT, s KEYWORD[]) WITH (partitions = 4)",
    );
    write(&database, 1, 1);
    let info = database.engine().create_snapshot("s0").unwrap();
    drop(database);
    let mut files = Vec::new();
    let mut folders = vec![RelPath::new("snapshots/s0").unwrap()];
    while let Some(folder) = folders.pop() {
        for path in disk.list(&folder).unwrap() {
            match disk.open(&path, tagdb_storage::vfs::Mode::Read) {
                Ok(file) => files.push((path, file.len().unwrap())),
                Err(_) => folders.push(path),
            }
        }
    }
    assert!(files.len() > 4 && info.bytes > 0);
    let narrow = MemoryVfs::new(1);
    narrow.set_capacity(Some(info.bytes - 1));
    let error = restore(&disk, "s0", &narrow).unwrap_err();
    assert_eq!(error.code(), "disk_full");
    assert!(narrow.list(&RelPath::root()).unwrap().is_empty());
    narrow.set_capacity(Some(info.bytes * 2 + (64 << 10)));
    restore(&disk, "s0", &narrow).unwrap();
    for (path, len) in files {
        for at in [0, len / 3, len / 2, len - 1] {
            let damaged = disk.fork();
            damaged.flip(&path, at, 4).unwrap();
            let target = MemoryVfs::new(1);
            // What lies between blobs has to be zeros, so every byte counts.
            let error = restore(&damaged, "s0", &target).unwrap_err();
            assert_eq!(error.code(), "corrupt", "{path} at {at}");
            assert!(
                target.list(&RelPath::root()).unwrap().is_empty(),
                "{path} at {at}"
            );
        }
    }
}
