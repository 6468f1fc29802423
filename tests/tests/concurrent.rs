//! Many threads at once: no update is lost, no batch is seen in part, and every root is the state
//! of its LSN, whatever the background does meanwhile.

#![expect(clippy::unwrap_used, reason = "all of this file is a test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tagdb_storage::batch::{Cell, Change, Dictionary, WriteSet};
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{DbState, Engine, Settings, WriteOptions};
use tagdb_storage::schema::{Key, KeyType, NumberType, TagType};
use tagdb_storage::vfs::{MemoryVfs, OsVfs, Vfs};
use tagdb_storage::{Error, ErrorKind};
use tagdb_tests::compare::Comparison;
use tagdb_tests::generate;
use tagdb_tests::history::{Ddl, Edit, Value, Write};
use tagdb_tests::model::Database;
use tagdb_tests::translate::{row_batch, write_set};

/// Flushes after every few batches.
fn settings() -> Settings {
    Settings {
        cache_bytes: 1 << 20,
        flush_bytes: 8 << 10,
        log_file_bytes: 16 << 10,
        log_bytes: 64 << 10,
        background: true,
        ..Settings::default()
    }
}

fn open(disk: &MemoryVfs) -> Arc<Engine> {
    Engine::open(Arc::new(disk.clone()), settings(), Clock::system()).unwrap()
}

fn write(engine: &Engine, schema: Option<Ddl>, edits: Vec<Edit>) {
    let edits = edits
        .into_iter()
        .map(|edit| (Arc::from("t"), edit))
        .collect();
    let write = Write {
        durable: true,
        name: None,
        schema,
        edits,
    };
    engine
        .write(&WriteOptions::default(), |state| write_set(state, &write))
        .unwrap();
}

/// A table `t` over four partitions with a number `n` and a map `m`, and subjects 0 to `keys - 1`.
fn create(engine: &Engine, keys: i64) {
    let tags = vec![
        (Arc::from("n"), TagType::Number(NumberType::BigInt)),
        (Arc::from("m"), TagType::Map(NumberType::Int)),
    ];
    let (table, key_type, partitions) = (Arc::from("t"), KeyType::BigInt, 4);
    write(
        engine,
        Some(Ddl::Create {
            table,
            key_type,
            partitions,
            tags,
        }),
        Vec::new(),
    );
    write(engine, None, vec![all(keys, 0)]);
}

/// Gives all subjects one number.
fn all(keys: i64, number: i64) -> Edit {
    let cells = (0..keys as u32)
        .map(|row| (row, Value::Number(number)))
        .collect();
    Edit::Rows {
        mode: tagdb_storage::batch::RowMode::Upsert,
        keys: (0..keys).map(Key::Int).collect(),
        columns: vec![(Arc::from("n"), cells)],
    }
}

/// The number and the map's entry `hits` of a subject.
fn counters(state: &DbState, key: i64) -> (i64, i64) {
    let schema = state.catalog().table("t").unwrap();
    let table = state.table(schema.id).unwrap();
    let key = Key::Int(key);
    let partition = table.partition(table.partition_of(key.as_ref())).unwrap();
    let ordinal = partition.find(key.as_ref()).unwrap().unwrap();
    let number = partition
        .single(schema.tags[0].id)
        .unwrap()
        .get(ordinal)
        .unwrap();
    let code = partition
        .vocabulary(schema.tags[1].id)
        .code_of("hits")
        .unwrap();
    let stack = partition.multi(schema.tags[1].id).unwrap();
    let hits = code.and_then(|code| stack.get_entry(ordinal, code).unwrap());
    (number.unwrap_or(0), hits.unwrap_or(0))
}

/// Adds one to both counters of a subject, by what it has at that moment.
fn raise(state: &DbState, key: i64) -> Result<WriteSet, Error> {
    let (number, hits) = counters(state, key);
    let schema = state.catalog().table("t").unwrap();
    let table = state.table(schema.id).unwrap();
    let key = Key::Int(key);
    let partition = table.partition_of(key.as_ref());
    let ordinal = table.partition(partition)?.find(key.as_ref())?.unwrap();
    let change = |tag: usize, dictionary, cell| {
        let (tag, cells) = (schema.tags[tag].id, vec![(ordinal, cell)]);
        (
            schema.id,
            Change::Cells {
                partition,
                tag,
                dictionary,
                cells,
            },
        )
    };
    let mut dictionary = Dictionary::default();
    let put = Box::from([(dictionary.place("hits"), hits + 1)]);
    let changes = vec![
        change(0, Dictionary::default(), Cell::Value(number + 1)),
        change(
            1,
            dictionary,
            Cell::EditMap {
                drop: Box::default(),
                put,
            },
        ),
    ];
    Ok(WriteSet {
        changes,
        ..WriteSet::default()
    })
}

#[test]
fn no_increment_is_lost() {
    const THREADS: i64 = 6;
    const RAISES: i64 = 300;
    const KEYS: i64 = 5;
    let disk = MemoryVfs::new(1);
    let engine = open(&disk);
    create(&engine, KEYS);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..30 {
                engine.flush().unwrap();
                engine.compact(None).unwrap();
            }
        });
        for thread in 0..THREADS {
            let engine = &engine;
            scope.spawn(move || {
                for step in 0..RAISES {
                    let durable = (thread + step) % 7 != 0;
                    let options = WriteOptions {
                        durable,
                        idempotency: None,
                    };
                    let key = (thread * step) % KEYS;
                    engine.write(&options, |state| raise(state, key)).unwrap();
                }
            });
        }
    });
    let mut want = vec![0; KEYS as usize];
    for thread in 0..THREADS {
        for step in 0..RAISES {
            want[((thread * step) % KEYS) as usize] += 1;
        }
    }
    let check = |engine: &Engine| {
        for (key, want) in (0..).zip(&want) {
            assert_eq!(
                counters(&engine.snapshot(), key),
                (*want, *want),
                "subject {key}"
            );
        }
    };
    check(&engine);
    drop(engine);
    check(&open(&disk.crash_process()));
}

/// Ends the readers, also when a writer fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The number that all subjects have.
fn common(state: &DbState, keys: i64) -> i64 {
    let first = counters(state, 0).0;
    for key in 1..keys {
        assert_eq!(
            counters(state, key).0,
            first,
            "a batch is seen in part, lsn {}",
            state.lsn()
        );
    }
    first
}

#[test]
fn a_batch_over_four_partitions_is_seen_whole() {
    const KEYS: i64 = 24;
    for seed in 0..3 {
        let disk = MemoryVfs::new(seed);
        let engine = open(&disk);
        create(&engine, KEYS);
        let done = AtomicBool::new(false);
        let acknowledged = thread::scope(|scope| {
            let _done = Done(&done);
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut before = 0;
                    while !done.load(Ordering::Relaxed) {
                        let now = common(&engine.snapshot(), KEYS);
                        assert!(now >= before, "time runs backwards");
                        before = now;
                    }
                });
            }
            let writers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        for _ in 0..120 {
                            let batch = |state: &DbState| {
                                let number = common(state, KEYS) + 1;
                                let edits = vec![(Arc::from("t"), all(KEYS, number))];
                                let (name, schema) = (None, None);
                                write_set(
                                    state,
                                    &Write {
                                        durable: true,
                                        name,
                                        schema,
                                        edits,
                                    },
                                )
                            };
                            engine.write(&WriteOptions::default(), batch).unwrap();
                        }
                        common(&engine.snapshot(), KEYS)
                    })
                })
                .collect();
            let seen = writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .max();
            seen.unwrap()
        });
        assert_eq!(acknowledged, 360);
        // The power goes while the background may be at work.
        let disk = disk.crash_power(seed);
        drop(engine);
        assert_eq!(common(&open(&disk).snapshot(), KEYS), acknowledged);
    }
}

#[test]
fn a_load_is_seen_whole_and_an_lsn_has_one_content() {
    const KEYS: i64 = 24;
    const LOADS: i64 = 12;
    // On a real disk the end of a load takes long enough to be looked at.
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Vfs> = Arc::new(OsVfs::new(folder.path()).unwrap());
    let engine = Engine::open(disk.clone(), settings(), Clock::system()).unwrap();
    create(&engine, KEYS);
    let done = AtomicBool::new(false);
    let seen: Mutex<BTreeMap<u64, i64>> = Mutex::default();
    thread::scope(|scope| {
        let _done = Done(&done);
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let state = engine.snapshot();
                    let number = common(&state, KEYS);
                    let mut seen = seen.lock().unwrap();
                    let before = *seen.entry(state.lsn().0).or_insert(number);
                    assert_eq!(before, number, "two contents at lsn {}", state.lsn());
                }
            });
        }
        for number in 1..=LOADS {
            let state = engine.snapshot();
            let schema = state.catalog().table("t").unwrap();
            let Edit::Rows {
                mode,
                keys,
                columns,
            } = all(KEYS, number)
            else {
                unreachable!()
            };
            let mut loader = match number % 2 {
                0 => engine.tag_loader(schema.id, &[schema.tags[0].id]).unwrap(),
                _ => engine.loader(schema.id, mode).unwrap(),
            };
            loader
                .push(&row_batch(Some(schema), &keys, &columns, 0..keys.len()))
                .unwrap();
            loader.finish(&WriteOptions::default()).unwrap();
        }
    });
    engine.close().unwrap();
    drop(engine);
    let engine = Engine::open(disk, settings(), Clock::system()).unwrap();
    assert_eq!(common(&engine.snapshot(), KEYS), LOADS);
}

/// The model after each batch.
#[derive(Default)]
struct Versions {
    last: Mutex<Database>,
    by_lsn: Mutex<BTreeMap<u64, Arc<Database>>>,
}

impl Versions {
    /// Writes a batch; the model is there before anybody can see the batch.
    fn write(&self, engine: &Engine, write: &Write) {
        let options = WriteOptions {
            durable: write.durable,
            idempotency: None,
        };
        let mut refused = false;
        let answer = engine.write::<Error>(&options, |state| {
            let mut last = self.last.lock().unwrap();
            let Ok((next, _)) = last.apply(write) else {
                refused = true;
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "refused",
                    "the model refuses it",
                ));
            };
            let lsn = state.lsn().0 + 1;
            self.by_lsn
                .lock()
                .unwrap()
                .insert(lsn, Arc::new(next.clone()));
            *last = next;
            write_set(state, write)
        });
        assert_eq!(answer.is_err(), refused, "{:?} for {write:?}", answer.err());
    }

    fn at(&self, lsn: u64) -> Arc<Database> {
        let by_lsn = self.by_lsn.lock().unwrap();
        by_lsn.range(..=lsn).next_back().unwrap().1.clone()
    }
}

#[test]
fn readers_see_the_state_of_an_lsn_during_flush_and_compaction() {
    let tags = |seed: &u64| match generate::writes(*seed, 0).0.schema {
        Some(Ddl::Create { tags, .. }) => tags.len(),
        _ => 0,
    };
    for seed in (1..).filter(|seed| tags(seed) >= 4).take(8) {
        let disk = MemoryVfs::new(seed);
        let engine = open(&disk);
        let versions = Versions::default();
        versions.by_lsn.lock().unwrap().insert(0, Arc::default());
        let (table, _) = generate::writes(seed, 0);
        versions.write(&engine, &table);
        let done = AtomicBool::new(false);
        let roots = thread::scope(|scope| {
            let writing = Done(&done);
            let readers: Vec<_> = (0..2)
                .map(|reader| {
                    let (engine, versions, done) = (&engine, &versions, &done);
                    scope.spawn(move || {
                        let mut comparison = Comparison::new(reader);
                        let (mut before, mut roots) = (0, 0);
                        while !done.load(Ordering::Relaxed) {
                            let state = engine.snapshot();
                            let lsn = state.lsn().0;
                            assert!(lsn >= before, "time runs backwards");
                            before = lsn;
                            let model = versions.at(lsn);
                            let compared = comparison.run(&state, &model, &|_| true);
                            assert_eq!(compared, Ok(()), "seed {seed}, lsn {lsn}");
                            roots += 1;
                        }
                        roots
                    })
                })
                .collect();
            let writers: Vec<_> = (0..3)
                .map(|_| {
                    let (engine, versions) = (&engine, &versions);
                    // All have the table of the one seed.
                    let (_, writes) = generate::writes(seed, 250);
                    scope.spawn(move || {
                        for write in &writes {
                            versions.write(engine, write);
                        }
                    })
                })
                .collect();
            writers
                .into_iter()
                .for_each(|writer| writer.join().unwrap());
            engine.compact(None).unwrap();
            drop(writing);
            readers
                .into_iter()
                .map(|reader| reader.join().unwrap())
                .sum::<usize>()
        });
        assert!(roots > 0);
        assert!(
            engine.status().flushed_lsn.0 > 0,
            "nothing was flushed meanwhile"
        );
        drop(engine);
        let engine = open(&disk.crash_process());
        let state = engine.snapshot();
        let model = versions.at(state.lsn().0);
        assert_eq!(
            Comparison::new(0).run(&state, &model, &|_| true),
            Ok(()),
            "seed {seed}"
        );
    }
}
