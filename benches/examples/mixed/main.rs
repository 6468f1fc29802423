//! Writers, look-ups and counts side by side, and what each of them waits for over time.
//!
//! `cargo run --release -p tagdb-benches --example mixed -- FOLDER [SECONDS [USERS [WRITERS]]]`
//!
//! Every ten seconds a line for each kind of work: how many there were, their latencies, and what
//! the engine was doing meanwhile: bytes in memory, layers of the deepest tag, segments. Writers
//! write as fast as they are let; those that are refused wait a second and are counted. At the end
//! every acknowledged write is looked up.

#![expect(clippy::print_stdout, reason = "figures for people")]

mod latencies;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use latencies::Latencies;
use tagdb_benches::{Random, create_table, users_of};
use tagdb_query::{Answer, Context, Database, Limits};
use tagdb_storage::batch::{
    Cell, Change, Column, Dictionary, KeyRef, Keys, RowBatch, RowMode, WriteSet,
};
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{DbState, Engine, Settings, WriteOptions};
use tagdb_storage::ids::{TableId, TagId};
use tagdb_storage::schema::KeyType;
use tagdb_storage::vfs::OsVfs;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// Time of one line.
const INTERVAL: Duration = Duration::from_secs(10);
/// Users of a write.
const ROWS: u64 = 50;
/// Users of a piece of the first load.
const LOAD_ROWS: u64 = 65_536;
/// A writer that was refused waits so long, as `Retry-After` says.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The tag that tells which write was the last of a user: `login_days`.
const LAST: TagId = TagId(6);

/// Questions of the reader that counts, from cheap to dear.
const COUNTS: [&str; 4] = [
    "SELECT count(*) FROM users WHERE gender = 'g0' AND city = 'city-3' AND active",
    "SELECT count(*) FROM users WHERE age BETWEEN 20 AND 40 AND has(interests, 'topic-2')",
    "SELECT city, count(*), avg(spend) FROM users WHERE vip > 2 GROUP BY city",
    "SELECT sum(login_days) FROM users WHERE NOT active",
];

/// What the threads share.
struct Shared {
    database: Database,
    users: u64,
    stop: AtomicBool,
    writes: Latencies,
    lookups: Latencies,
    counts: Latencies,
    refused: AtomicU64,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let mut number = |or: u64| arguments.next().map_or(Ok(or), |text| text.parse());
    let (seconds, users, writers) = (number(600)?, number(1_000_000)?, number(4)?);
    let shared = Arc::new(Shared {
        database: open(Path::new(&folder))?,
        users,
        stop: AtomicBool::new(false),
        writes: Latencies::default(),
        lookups: Latencies::default(),
        counts: Latencies::default(),
        refused: AtomicU64::new(0),
    });
    load(&shared)?;
    let acknowledged = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..writers)
            .map(|writer| {
                scope.spawn({
                    let shared = &shared;
                    move || write(shared, writer, writers)
                })
            })
            .collect();
        for reader in 0..2 {
            let shared = &shared;
            scope.spawn(move || look_up(shared, reader));
        }
        scope.spawn(|| count(&shared));
        watch(&shared, Duration::from_secs(seconds));
        shared.stop.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.extend(writer.join().map_err(|_| "a writer panicked")??);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(acknowledged)
    })?;
    check(&shared, &acknowledged)?;
    shared.database.engine().close()?;
    Ok(())
}

fn open(folder: &Path) -> Result<Database> {
    std::fs::create_dir_all(folder)?;
    let vfs = Arc::new(OsVfs::new(folder)?);
    let engine = Engine::open(vfs, Settings::default(), Clock::system())?;
    Ok(Database::new(engine, Limits::default()))
}

fn table(database: &Database) -> Result<TableId> {
    let state = database.engine().snapshot();
    let table = state.catalog().table("users").ok_or("no table of users")?;
    Ok(table.id)
}

/// Makes the table and its users, in a folder that is empty.
fn load(shared: &Shared) -> Result<()> {
    let engine = shared.database.engine();
    let schema = Some(create_table(1));
    engine.write::<tagdb_storage::Error>(&WriteOptions::default(), |_| {
        Ok(WriteSet {
            schema,
            ..WriteSet::default()
        })
    })?;
    let mut loader = engine.loader(table(&shared.database)?, RowMode::Upsert)?;
    for first in (0..shared.users).step_by(LOAD_ROWS as usize) {
        loader.push(&users_of(first..shared.users.min(first + LOAD_ROWS), 1))?;
    }
    loader.finish(&WriteOptions::default())?;
    Ok(())
}

/// Writes users of its own, and gives what was acknowledged of each: the number of its last write.
fn write(shared: &Shared, writer: u64, writers: u64) -> Result<Vec<(u64, i64)>> {
    let table = table(&shared.database)?;
    let mut random = Random(writer);
    let mut last = std::collections::HashMap::new();
    let mut number = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        number += 1;
        let own = |_| random.below(shared.users / writers) * writers + writer;
        let mut chosen: Vec<u64> = (0..ROWS).map(own).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let rows = marked(&chosen, number);
        let started = Instant::now();
        let written = shared
            .database
            .engine()
            .write(&WriteOptions::default(), |_: &DbState| {
                let change = Change::Rows {
                    mode: RowMode::Upsert,
                    rows,
                };
                Ok::<_, tagdb_storage::Error>(WriteSet {
                    changes: vec![(table, change)],
                    ..WriteSet::default()
                })
            });
        shared.writes.add(started.elapsed());
        match written {
            Ok(_) => last.extend(chosen.into_iter().map(|user| (user, number))),
            Err(error) if error.code() == "overloaded" => {
                shared.refused.fetch_add(1, Ordering::Relaxed);
                std::thread::park_timeout(RETRY_AFTER);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(last.into_iter().collect())
}

/// Users with new tags, and the number of the write.
fn marked(users: &[u64], number: i64) -> RowBatch {
    let mut keys = Keys::new(KeyType::Keyword);
    for user in users {
        keys.push(KeyRef::Text(&format!("u{user}")));
    }
    let made = users_of(users.iter().copied(), number.cast_unsigned());
    let mut columns: Vec<Column> = made
        .columns
        .into_iter()
        .filter(|column| column.tag != LAST)
        .collect();
    columns.push(Column {
        tag: LAST,
        dictionary: Dictionary::default(),
        cells: (0..users.len() as u32)
            .map(|row| (row, Cell::Value(number)))
            .collect(),
    });
    RowBatch { keys, columns }
}

fn look_up(shared: &Shared, reader: u64) {
    let mut random = Random(1_000 + reader);
    while !shared.stop.load(Ordering::Relaxed) {
        let key = format!("u{}", random.below(shared.users));
        let started = Instant::now();
        let snapshot = shared.database.engine().snapshot();
        let found = shared
            .database
            .lookup(&snapshot, "users", &[KeyRef::Text(&key)], None);
        shared.lookups.add(started.elapsed());
        if !matches!(found.as_deref(), Ok([Some(_)])) {
            println!("a look-up failed: {found:?}");
        }
        // Half of a processor, so that the others have one.
        std::thread::park_timeout(started.elapsed());
    }
}

fn count(shared: &Shared) {
    for sql in COUNTS.iter().cycle() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let started = Instant::now();
        if let Err(error) = ask(&shared.database, sql) {
            println!("a count failed: {error}");
        }
        shared.counts.add(started.elapsed());
    }
}

fn ask(database: &Database, sql: &str) -> tagdb_query::Result<u64> {
    let mut rows = 0;
    for statement in database.parse(sql)? {
        if let Answer::Rows(mut stream) = database.run(&statement, &Context::default())? {
            while let Some(batch) = stream.next()? {
                rows += batch.len() as u64;
            }
        }
    }
    Ok(rows)
}

/// A line every ten seconds.
fn watch(shared: &Shared, time: Duration) {
    println!(
        "    s  what         n/s    p50 us    p99 us   p999 us    max us   memory KiB  layers  segments  refused"
    );
    let started = Instant::now();
    while started.elapsed() < time {
        let next = started.elapsed() + INTERVAL.min(time - started.elapsed());
        while let Some(left) = next.checked_sub(started.elapsed()) {
            std::thread::park_timeout(left);
        }
        let status = shared.database.engine().status();
        let refused = shared.refused.swap(0, Ordering::Relaxed);
        let kinds = [
            ("write", &shared.writes),
            ("look-up", &shared.lookups),
            ("count", &shared.counts),
        ];
        for (what, latencies) in kinds {
            let taken = latencies.take();
            println!(
                "{:5}  {what:8} {:7.0} {:9} {:9} {:9} {:9} {:12} {:7} {:9} {:8}",
                started.elapsed().as_secs(),
                taken.count as f64 / INTERVAL.as_secs_f64(),
                taken.at(0.5),
                taken.at(0.99),
                taken.at(0.999),
                taken.max_us,
                status.memory_bytes >> 10,
                status.depth_max,
                status.files,
                refused,
            );
        }
    }
}

/// Every user has what the last acknowledged write gave it, or a later one that was refused its
/// answer by the end.
fn check(shared: &Shared, acknowledged: &[(u64, i64)]) -> Result<()> {
    let snapshot = shared.database.engine().snapshot();
    let tags = ["login_days".to_owned()];
    for (user, number) in acknowledged {
        let key = format!("u{user}");
        let found =
            shared
                .database
                .lookup(&snapshot, "users", &[KeyRef::Text(&key)], Some(&tags))?;
        let found = found.into_iter().flatten().flatten().next();
        let found = found.map(|(_, value)| value);
        if found != Some(tagdb_query::Value::Int(*number)) {
            return Err(format!("{key} is to have {number} and has {found:?}").into());
        }
    }
    println!("{} users have what was acknowledged", acknowledged.len());
    Ok(())
}
