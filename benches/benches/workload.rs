//! The engine's main work on generated users: load, open, count, look up, write.
//!
//! `cargo bench -p tagdb-benches --bench workload -- [USERS]` (default 1,000,000) prints one line a
//! figure.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of figures for people: it prints them, and stops where it stands"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tagdb_benches::{Random, create_table, users, users_of};
use tagdb_storage::batch::{Change, KeyRef, RowMode, WriteSet};
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, PartitionState, Settings, WriteOptions};
use tagdb_storage::error::Error;
use tagdb_storage::ids::TagId;
use tagdb_storage::schema::Family;
use tagdb_storage::vfs::OsVfs;

fn open(path: &std::path::Path) -> Arc<Engine> {
    let vfs = Arc::new(OsVfs::new(path).unwrap());
    Engine::open(vfs, Settings::default(), Clock::system()).unwrap()
}

fn main() {
    let count = std::env::args()
        .filter_map(|word| word.parse().ok())
        .next()
        .unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let schema = Some(create_table(1));
    let created = WriteSet {
        schema,
        ..WriteSet::default()
    };
    engine
        .write(&WriteOptions::default(), |_| Ok::<_, Error>(created))
        .unwrap();
    load(&engine, count);
    let status = engine.status();
    println!(
        "bytes on disk         {:>12}   {:.1} a user",
        status.file_bytes,
        status.file_bytes as f64 / count as f64
    );
    engine.close().unwrap();
    drop(engine);
    let started = Instant::now();
    let engine = open(folder.path());
    println!("open                  {:>12.3?}", started.elapsed());
    counts(&engine, "no layers");
    lookups(&engine, count);
    for layers in 1..=10 {
        update(&engine, count / 100, count, layers);
        engine.flush().unwrap();
        if layers == 1 {
            counts(&engine, "1 layer of 1%");
        }
    }
    while engine.compact_due().unwrap() {}
    counts(&engine, "10 layers of 1%");
    lookups(&engine, count);
    engine.compact(None).unwrap();
    counts(&engine, "compacted");
    writes(&engine, count, 1, Duration::from_secs(3));
    writes(&engine, count, 100, Duration::from_secs(3));
    writes(&engine, count, 1_000, Duration::from_secs(6));
    counts(&engine, "after writes");
    engine.close().unwrap();
}

fn load(engine: &Arc<Engine>, count: u64) {
    let table = engine.snapshot().catalog().table("users").unwrap().id;
    let (mut generating, started) = (Duration::ZERO, Instant::now());
    let mut loader = engine.loader(table, RowMode::Upsert).unwrap();
    for first in (0..count).step_by(65_536) {
        let made = Instant::now();
        let rows = users(first, count.min(first + 65_536), 1);
        generating += made.elapsed();
        loader.push(&rows).unwrap();
    }
    loader.finish(&WriteOptions::default()).unwrap();
    let whole = started.elapsed();
    println!("load                  {whole:>12.3?}   {generating:.3?} of it generating");
}

fn partition(engine: &Engine) -> Arc<PartitionState> {
    let state = engine.snapshot();
    let table = state.catalog().table("users").unwrap().id;
    state.table(table).unwrap().partitions()[0].clone()
}

/// (interest 3 or city 1) and active and not vip 0 and 20 <= spend <= 5000.
fn counts(engine: &Engine, what: &str) {
    let partition = partition(engine);
    let mut times = Vec::new();
    let mut found = 0;
    let runs = std::env::var("RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(9);
    for _ in 0..runs {
        let started = Instant::now();
        found = five_leaves(&partition);
        times.push(started.elapsed());
    }
    times.sort();
    println!(
        "count, {what:<16} {:>10.3?}   {found} subjects, first {:.3?}, {} layers",
        times[runs / 2],
        times[runs - 1],
        partition.depth(TagId(1))
    );
}

fn five_leaves(partition: &PartitionState) -> u64 {
    let code = |tag: u32, string: &str| {
        partition
            .vocabulary(TagId(tag))
            .code_of(string)
            .unwrap()
            .unwrap_or(u32::MAX)
    };
    let (topic, city) = (code(5, "topic-3"), code(3, "city-1"));
    let interests = partition.multi(TagId(5)).unwrap();
    let cities = partition.single(TagId(3)).unwrap();
    let active = partition.single(TagId(8)).unwrap();
    let vip = partition.single(TagId(4)).unwrap();
    let spend = partition.single(TagId(7)).unwrap();
    let (mut all, mut one) = (Chunk::new(), Chunk::new());
    let mut count = 0;
    for chunk in 0..partition.chunks() as u16 {
        interests.members(chunk, topic, &mut all).unwrap();
        cities.members(chunk, city, &mut one).unwrap();
        all.or(&one);
        active.members(chunk, 1, &mut one).unwrap();
        all.and(&one);
        spend
            .in_range(chunk, &all, (2_000, 500_000), &mut one)
            .unwrap();
        all.copy_from(&one);
        vip.in_range(chunk, &all, (1, i64::MAX), &mut one).unwrap();
        partition.alive(chunk, &mut all);
        count += u64::from(Chunk::count_and(&all, &one));
    }
    count
}

fn lookups(engine: &Engine, count: u64) {
    let partition = partition(engine);
    let schema = engine.snapshot().catalog().table("users").unwrap().clone();
    let mut random = Random(7);
    let keys: Vec<String> = (0..200_000)
        .map(|_| format!("u{}", random.below(count)))
        .collect();
    let mut entries = Vec::new();
    for round in ["cold", "warm"] {
        let started = Instant::now();
        let mut seen = 0;
        for key in &keys {
            let Some(ordinal) = partition.find(KeyRef::Text(key)).unwrap() else {
                continue;
            };
            let mut subject = partition.subject(ordinal).unwrap();
            for tag in &schema.tags {
                seen += match tag.kind.family() {
                    Family::Single => usize::from(subject.value(tag.id).unwrap().is_some()),
                    _ => {
                        entries.clear();
                        subject.entries(tag.id, &mut entries).unwrap();
                        entries.len()
                    }
                };
            }
        }
        let each = started.elapsed() / keys.len() as u32;
        println!("look-up of a user, {round}  {each:>10.3?}   {seen} values in all");
    }
}

/// Gives some random users new tags, in groups of 1,000.
fn update(engine: &Engine, some: u64, count: u64, seed: u64) {
    let table = engine.snapshot().catalog().table("users").unwrap().id;
    let mut random = Random(seed);
    for done in (0..some).step_by(1_000) {
        let chosen: Vec<u64> = (0..1_000.min(some - done))
            .map(|_| random.below(count))
            .collect();
        let rows = users_of(chosen.into_iter(), seed);
        let change = Change::Rows {
            mode: RowMode::Upsert,
            rows,
        };
        let set = WriteSet {
            changes: vec![(table, change)],
            ..WriteSet::default()
        };
        engine
            .write(&WriteOptions::default(), |_| Ok::<_, Error>(set))
            .unwrap();
    }
}

fn writes(engine: &Engine, count: u64, group: u64, time: Duration) {
    let table = engine.snapshot().catalog().table("users").unwrap().id;
    let mut random = Random(group);
    let (mut rows, started) = (0, Instant::now());
    while started.elapsed() < time {
        let first = random.below(count - group);
        let batch = users(first, first + group, rows);
        let change = Change::Rows {
            mode: RowMode::Upsert,
            rows: batch,
        };
        let set = WriteSet {
            changes: vec![(table, change)],
            ..WriteSet::default()
        };
        engine
            .write(&WriteOptions::default(), |_| Ok::<_, Error>(set))
            .unwrap();
        rows += group;
    }
    let rate = rows as f64 / started.elapsed().as_secs_f64();
    println!(
        "durable, groups of {group:<5} {:>9.0} rows/s, {:.0} tag updates/s",
        rate,
        rate * 9.2
    );
}
