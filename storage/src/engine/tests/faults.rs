//! A failing disk: after a fault at any operation, all that was acknowledged is there, and what is
//! left passes the check.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::{Change, Keys, RowMode};
use crate::catalog::{NewTag, SchemaChange};
use crate::check::check;
use crate::clock::Clock;
use crate::engine::tests::fixture::{changes, numbers, read_numbers, schema, table, tag, write};
use crate::engine::{Engine, Settings, WriteOptions};
use crate::error::{Error, Result};
use crate::schema::{KeyType, NumberType, TagType};
use crate::vfs::{Damage, Fault, MemoryVfs};

/// Keys from here on are loaded, in groups of so many.
const LOADED: i64 = 1_000;

/// What was asked for by LSN, and up to where it was acknowledged.
#[derive(Debug, Default)]
struct Life {
    issued: BTreeMap<u64, (i64, i64)>,
    acknowledged: u64,
    /// Loads that were acknowledged.
    loads: Vec<i64>,
}

fn settings() -> Settings {
    Settings {
        log_file_bytes: 4 << 10,
        background: false,
        ..Settings::default()
    }
}

fn open_any(vfs: &MemoryVfs) -> Result<Arc<Engine>> {
    Engine::open(Arc::new(vfs.clone()), settings(), Clock::manual(0))
}

fn create(engine: &Engine) -> Result<()> {
    let change = SchemaChange::CreateTable {
        name: "t".into(),
        key_name: "id".into(),
        key_type: KeyType::BigInt,
        key_comment: String::new(),
        partitions: 1,
        tags: vec![NewTag {
            name: "n".into(),
            kind: TagType::Number(NumberType::BigInt),
            comment: String::new(),
        }],
    };
    engine.write(&WriteOptions::default(), |_| Ok::<_, Error>(schema(change)))?;
    Ok(())
}

impl Life {
    /// Gives a key the number of its batch.
    fn write(&mut self, engine: &Engine, key: i64) {
        let mut lsn = 0;
        let written = engine.write(&WriteOptions::default(), |state| {
            let schema = state.catalog().table("t");
            let Some(schema) = schema else {
                return Err(Error::internal("no table"));
            };
            lsn = state.lsn().0 + 1;
            let value = lsn as i64;
            self.issued.insert(lsn, (key, value));
            let row = numbers(schema.id, schema.tags[0].id, [(key, value)].into_iter());
            Ok(changes(vec![row]))
        });
        if written.is_ok() {
            self.acknowledged = lsn;
        } else if engine.status().read_only.is_none() {
            // It was refused, and somebody else gets the LSN.
            self.issued.remove(&lsn);
        }
    }

    fn load(&mut self, engine: &Arc<Engine>, number: i64) {
        let loaded = engine.snapshot().catalog().table("t").map(|schema| {
            let first = LOADED * number;
            let rows = (first..first + 9).map(|key| (key, number));
            let (_, change) = numbers(schema.id, schema.tags[0].id, rows);
            let Change::Rows { mode, rows } = change else {
                return Err(Error::internal("not rows"));
            };
            let mut load = engine.loader(schema.id, mode)?;
            load.push(&rows)?;
            load.finish(&WriteOptions::default())
        });
        if let Some(Ok(receipt)) = loaded {
            self.loads.push(number);
            self.acknowledged = receipt.lsn.0;
        }
    }

    /// Loads are there as a whole or not at all, and those that were acknowledged are there: takes
    /// them out of what was found.
    fn take_loads(&self, found: &mut BTreeMap<i64, i64>) {
        for number in 1..=2 {
            let keys = LOADED * number..LOADED * number + 9;
            if keys.clone().all(|key| found.get(&key) == Some(&number)) {
                found.retain(|key, _| !keys.contains(key));
            } else {
                assert!(!self.loads.contains(&number), "load {number} is gone");
            }
        }
    }

    fn expected(&self, lsn: u64) -> BTreeMap<i64, i64> {
        self.issued.range(..=lsn).map(|(_, write)| *write).collect()
    }
}

/// Two lives of a process that goes on after errors as long as it can be opened.
fn live(vfs: &MemoryVfs, life: &mut Life) {
    for round in 0..2 {
        let Ok(engine) = open_any(vfs) else { return };
        let lsn = engine.snapshot().lsn().0;
        life.issued.retain(|issued, _| *issued <= lsn);
        if round == 0 && create(&engine).is_ok() {
            life.acknowledged = 1;
        }
        for step in 0..4 {
            life.write(&engine, step * 2 + round);
            life.write(&engine, step);
            let _may_fail = engine.flush();
            if step == 2 {
                let _may_fail = engine.create_snapshot(&format!("s{round}"));
            }
        }
        life.load(&engine, 1 + round);
        life.write(&engine, 50 + round);
        let _may_fail = engine.compact(None);
        life.write(&engine, 100 + round);
        if round == 0 {
            let _may_fail = engine.close();
        }
    }
}

fn look_at(vfs: &MemoryVfs, life: &Life, case: &str) {
    let engine = open_any(vfs).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    let lsn = engine.snapshot().lsn().0;
    assert!(life.acknowledged <= lsn, "{case}: {lsn} of {life:?}");
    if engine.snapshot().catalog().table("t").is_some() {
        let mut found = read_numbers(&engine, "t", "n");
        life.take_loads(&mut found);
        assert_eq!(found, life.expected(lsn), "{case}");
        let mut after = Life::default();
        after.write(&engine, 7);
        assert_eq!(after.acknowledged, lsn + 1, "{case}");
        engine
            .flush()
            .unwrap_or_else(|error| panic!("{case}: {error:?}"));
    }
    engine.close().unwrap();
    drop(engine);
    let report = check(vfs).unwrap();
    assert!(report.is_sound(), "{case}: {:#?}", report.findings);
}

#[test]
fn a_fault_at_any_operation_loses_nothing_acknowledged() {
    let total = {
        let vfs = MemoryVfs::new(1);
        let mut life = Life::default();
        live(&vfs, &mut life);
        look_at(&vfs.crash_process(), &life, "no fault");
        vfs.operations()
    };
    println!("{total} operations");
    let damages = Damage::SINGLE;
    for fault in [Fault::Crash, Fault::Io, Fault::DiskFull, Fault::ShortWrite] {
        for sticky in [false, true] {
            for at in 0..total {
                let vfs = MemoryVfs::new(at);
                vfs.fail_at(at, fault, sticky);
                let mut life = Life::default();
                live(&vfs, &mut life);
                vfs.clear_faults();
                let damage = damages[at as usize % damages.len()];
                let case = format!("{fault:?} at {at}, sticky {sticky}, {damage:?}");
                let left = match at % 4 {
                    0 => vfs.crash_process(),
                    _ => vfs.crash_power_with(damage, at),
                };
                look_at(&left, &life, &case);
            }
        }
    }
}

/// A merge in memory reaches the published root too, where the subject still lives.
#[test]
fn a_deletion_that_fails_takes_no_values_along() {
    let vfs = MemoryVfs::new(1);
    let settings = Settings {
        background: false,
        log_file_bytes: 32 << 20,
        ..Settings::default()
    };
    let engine = Engine::open(Arc::new(vfs.clone()), settings, Clock::manual(0)).unwrap();
    create(&engine).unwrap();
    let (id, number) = (table(&engine, "t"), tag(&engine, "t", "n"));
    for round in 0..8 {
        // Large enough to be left to the maintenance thread.
        let rows = (0..80_000).map(|key| (key, key << 40 | round));
        write(&engine, changes(vec![numbers(id, number, rows)]));
    }
    vfs.fail_at(0, Fault::Io, true);
    let gone = Change::DeleteKeys(Keys::Ints(vec![7]));
    let deleted = engine.write(&WriteOptions::default(), |_| {
        Ok::<_, Error>(changes(vec![(id, gone)]))
    });
    assert_eq!(deleted.unwrap_err().code(), "write_unknown");
    engine.merge_memory().unwrap();
    let found = read_numbers(&engine, "t", "n");
    assert_eq!((found.len(), found.get(&7)), (80_000, Some(&(7 << 40 | 7))));
    let state = engine.snapshot();
    assert_eq!(state.table(id).unwrap().partitions()[0].depth(number), 1);
}

/// A load makes a key again that was deleted meanwhile. If it fails after that, nobody else may
/// come to know the key.
#[test]
fn a_load_that_fails_at_its_end_leaves_the_keys_as_they_were() {
    let mut at = 0;
    loop {
        let vfs = MemoryVfs::new(at);
        let engine = open_any(&vfs).unwrap();
        create(&engine).unwrap();
        let (id, number) = (table(&engine, "t"), tag(&engine, "t", "n"));
        let rows = |key, value| numbers(id, number, [(key, value)].into_iter());
        write(&engine, changes(vec![rows(7, 1)]));
        let mut load = engine.loader(id, RowMode::Upsert).unwrap();
        let (_, Change::Rows { rows: loaded, .. }) = rows(7, 2) else {
            panic!("not rows");
        };
        load.push(&loaded).unwrap();
        let gone = Change::DeleteKeys(Keys::Ints(vec![7]));
        write(&engine, changes(vec![(id, gone)]));
        vfs.fail_at(vfs.operations() + at, Fault::DiskFull, false);
        let finished = load.finish(&WriteOptions::default());
        vfs.clear_faults();
        at += 1;
        if engine.status().read_only.is_some() {
            // The log could not be synced.
            continue;
        }
        write(&engine, changes(vec![rows(8, 3)]));
        let mut expected = BTreeMap::from([(8, 3)]);
        if finished.is_ok() {
            expected.insert(7, 2);
        }
        assert_eq!(read_numbers(&engine, "t", "n"), expected, "at {at}");
        if finished.is_ok() && vfs.faults_fired() == 0 {
            return;
        }
    }
}
