//! `kill -9` of a process that writes to a real folder. This binary starts itself as the writer,
//! kills it in the middle of its work, and looks whether every batch that was acknowledged is
//! there, and none in part. `KILLS=200` kills more often than a usual run does.

#![expect(clippy::expect_used, reason = "all of this file is a test")]

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tagdb_storage::batch::RowMode;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{DbState, Engine, Settings, WriteOptions};
use tagdb_storage::schema::{Key, KeyType, NumberType, TagType};
use tagdb_storage::vfs::OsVfs;
use tagdb_tests::compare::Comparison;
use tagdb_tests::history::{Ddl, Edit, Value, Write};
use tagdb_tests::model::{Database, Held};
use tagdb_tests::random::Random;
use tagdb_tests::translate::{row_batch, write_set};

/// Kills in a usual run.
const KILLS: u64 = 20;

/// Threads that write, each subjects of its own; the last one by bulk loads.
const WRITERS: i64 = 3;

/// Batches live so long, counted in batches of the same writer.
const LIFE: i64 = 40;

/// Where the child finds its folder.
const FOLDER: &str = "TAGDB_CRASH_FOLDER";

fn open(folder: &Path) -> Arc<Engine> {
    let settings = Settings {
        cache_bytes: 1 << 20,
        flush_bytes: 16 << 10,
        log_file_bytes: 32 << 10,
        log_bytes: 128 << 10,
        background: true,
        ..Settings::default()
    };
    let disk = OsVfs::new(folder).expect("a folder");
    Engine::open(Arc::new(disk), settings, Clock::system()).expect("the database opens")
}

fn create() -> Write {
    let tags = vec![
        (Arc::from("n"), TagType::Number(NumberType::Int)),
        (Arc::from("w"), TagType::Keyword),
        (Arc::from("s"), TagType::KeywordSet),
        (Arc::from("x"), TagType::LongText),
    ];
    let (table, key_type, partitions) = (Arc::from("t"), KeyType::BigInt, 4);
    let schema = Some(Ddl::Create {
        table,
        key_type,
        partitions,
        tags,
    });
    Write {
        durable: true,
        name: None,
        schema,
        edits: Vec::new(),
    }
}

/// The key under which a writer keeps the number of its last batch.
fn last_key(writer: i64) -> Key {
    Key::Int(i64::MIN + writer)
}

fn keys(writer: i64, batch: i64) -> impl Iterator<Item = Key> {
    (0..8).map(move |subject| Key::Int((writer * 1_000_000 + batch) * 8 + subject))
}

/// A batch: eight new subjects, the number of the batch, and the end of an old batch's subjects.
/// Batches by load delete nothing.
fn batch(writer: i64, number: i64) -> Write {
    let mut all: Vec<Key> = keys(writer, number).collect();
    all.push(last_key(writer));
    let text = |place: u32| Value::Text(format!("{place} ").repeat(number as usize % 9).into());
    let column = |name: &str, value: &dyn Fn(u32) -> Value| {
        (
            Arc::from(name),
            (0..9).map(|row| (row, value(row))).collect(),
        )
    };
    let member = |place: i64| Arc::from(format!("m{}", place % 5));
    let columns = vec![
        column("n", &|_| Value::Number(number)),
        column("w", &|_| Value::Keyword(format!("w{writer}").into())),
        column("s", &|row| {
            Value::EditSet(Vec::new(), vec![member(number + i64::from(row))])
        }),
        column("x", &text),
    ];
    let is_load = writer == WRITERS - 1;
    let mode = RowMode::Upsert;
    let edits = if is_load {
        vec![Edit::Load {
            keys: all,
            columns,
            mode,
        }]
    } else {
        let old = Edit::Delete(keys(writer, number - LIFE).collect());
        vec![
            Edit::Rows {
                keys: all,
                columns,
                mode,
            },
            old,
        ]
    };
    let edits = edits
        .into_iter()
        .map(|edit| (Arc::from("t"), edit))
        .collect();
    Write {
        durable: true,
        name: None,
        schema: None,
        edits,
    }
}

/// The last batch of a writer that is there.
fn last(state: &DbState, writer: i64) -> i64 {
    let Some(schema) = state.catalog().table("t") else {
        return 0;
    };
    let table = state.table(schema.id).expect("the table");
    let key = last_key(writer);
    let partition = table
        .partition(table.partition_of(key.as_ref()))
        .expect("a partition");
    let Some(ordinal) = partition.find(key.as_ref()).expect("find") else {
        return 0;
    };
    let stack = partition.single(schema.tags[0].id).expect("a stack");
    stack.get(ordinal).expect("get").expect("a number")
}

fn send(engine: &Arc<Engine>, write: &Write) {
    let options = WriteOptions::default();
    match &write.edits[..] {
        [
            (
                _,
                Edit::Load {
                    keys,
                    columns,
                    mode,
                },
            ),
        ] => {
            let state = engine.snapshot();
            let schema = state.catalog().table("t").expect("the table");
            let mut loader = engine.loader(schema.id, *mode).expect("a loader");
            let rows = row_batch(Some(schema), keys, columns, 0..keys.len());
            loader.push(&rows).expect("rows are taken");
            loader.finish(&options).expect("the load is taken");
        }
        _ => drop(
            engine
                .write(&options, |state| write_set(state, write))
                .expect("a write"),
        ),
    }
}

/// Writes until it is killed; each line on the output says what is acknowledged. Does nothing in
/// a usual run, as it is meant for the child.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let engine = open(Path::new(&folder));
    if engine.snapshot().catalog().table("t").is_none() {
        send(&engine, &create());
    }
    let output = Mutex::new(());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (engine, output) = (&engine, &output);
            scope.spawn(move || {
                let mut number = last(&engine.snapshot(), writer);
                loop {
                    number += 1;
                    if writer == 0 && number % 16 == 0 {
                        housekeep(engine, number / 16);
                    }
                    send(engine, &batch(writer, number));
                    let _one = output.lock().expect("no panic");
                    println!("ack {writer} {number}");
                    std::io::stdout().flush().expect("a pipe");
                }
            });
        }
    });
}

/// What may be under way when the end comes, besides flushes and compactions of the background.
fn housekeep(engine: &Engine, round: i64) {
    let name = format!("s{}", round % 3);
    if engine
        .list_snapshots()
        .expect("a list")
        .iter()
        .any(|info| info.name == name)
    {
        engine.delete_snapshot(&name).expect("a deletion");
    }
    engine.create_snapshot(&name).expect("a snapshot");
    engine.compact(None).expect("a compaction");
}

fn start(folder: &Path) -> Child {
    let binary = std::env::current_exe().expect("this program");
    Command::new(binary)
        .args(["writer", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the writer starts")
}

/// Lets the child run until one of its writers has so many acknowledgements, kills it, and tells
/// the last of each.
fn run_and_kill(folder: &Path, watched: usize, acknowledgements: usize) -> Vec<i64> {
    let mut child = start(folder);
    let mut last = vec![0; WRITERS as usize];
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut count = 0;
    let mut killed = acknowledgements == 0;
    if killed {
        child.kill().expect("a kill");
    }
    for line in lines.map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        // The frame of the test runner may stand before the first one.
        if let [.., "ack", writer, number] = words[..] {
            let writer: usize = writer.parse().expect("a writer");
            last[writer] = number.parse().expect("a number");
            count += usize::from(writer == watched);
        }
        if count >= acknowledgements && !killed {
            child.kill().expect("a kill");
            killed = true;
        }
    }
    child.wait().expect("an end");
    assert!(
        count >= acknowledgements,
        "the writer ended by itself after {count} batches"
    );
    last
}

#[test]
fn every_acknowledged_batch_survives_a_kill_and_none_in_part() {
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    println!("SEED={seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = Database::default();
    let mut there = vec![0; WRITERS as usize];
    for kill in 0..kills {
        // Loads are the slowest, and the first writer keeps house now and then.
        let watched = random.below(WRITERS as usize);
        let acknowledgements = random.below([40, 60, 4][watched]);
        let acknowledged = run_and_kill(folder.path(), watched, acknowledgements);
        let engine = open(folder.path());
        let state = engine.snapshot();
        if state.catalog().table("t").is_some() && model.tables.is_empty() {
            model = model.apply(&create()).expect("a table").0;
        }
        for writer in 0..WRITERS {
            let place = writer as usize;
            let now = last(&state, writer);
            assert!(
                now >= acknowledged[place],
                "kill {kill}: batches of writer {writer} are lost"
            );
            assert!(
                now >= there[place],
                "kill {kill}: old batches of writer {writer} are lost"
            );
            for number in there[place] + 1..=now {
                model = model.apply(&batch(writer, number)).expect("a batch").0;
            }
            there[place] = now;
        }
        let compared = Comparison::new(kill).run(&state, &model, &|_| true);
        assert_eq!(compared, Ok(()), "kill {kill}");
        for info in engine.list_snapshots().expect("snapshots") {
            assert!(
                info.lsn <= state.lsn(),
                "kill {kill}: a snapshot of the future"
            );
        }
        engine.close().expect("a clean stop");
    }
    let last = model.tables["t"].rows[&last_key(0)].values.values().next();
    println!("{kills} kills, batches {there:?}, {last:?}");
    assert!(matches!(last, Some(Held::Number(_))), "nothing was written");
}
