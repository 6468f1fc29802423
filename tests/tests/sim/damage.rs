//! What goes on when something is damaged or full: the rest is served, a repair gives up what is
//! told and keeps it aside, deletions have room.

use std::sync::Arc;

use tagdb_storage::check::check;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings, WriteOptions};
use tagdb_storage::repair::repair;
use tagdb_storage::schema::Key;
use tagdb_storage::vfs::{Damage, MemoryVfs, RelPath, Vfs};
use tagdb_tests::compare::Comparison;
use tagdb_tests::history::{Edit, Write};
use tagdb_tests::model::Database;
use tagdb_tests::sim::bitrot::{bytes_of, open, sound};
use tagdb_tests::sim::restart::{create, rows};
use tagdb_tests::translate::write_set;

fn send(engine: &Engine, write: &Write) -> tagdb_storage::Result<u64> {
    let receipt = engine.write(&WriteOptions::default(), |state| write_set(state, write))?;
    Ok(receipt.lsn.0)
}

fn delete(key: i64) -> Write {
    let edit = Edit::Delete(vec![Key::Int(key)]);
    Write {
        edits: vec![(Arc::from("t"), edit)],
        ..rows(0..0, 0, true)
    }
}

fn of_table(mut write: Write, table: &str) -> Write {
    write.edits[0].0 = Arc::from(table);
    write
}

/// The tables that are answered as the model says.
fn served(engine: &Engine, model: &Database) -> usize {
    let state = engine.snapshot();
    let is_served = |name: &&Arc<str>| {
        let mut comparison = Comparison::new(1);
        let compared = comparison.run(&state, model, &|table| table == &***name);
        compared.is_ok()
    };
    model.tables.keys().filter(is_served).count()
}

#[test]
fn a_damaged_segment_keeps_nothing_else_from_going_on() {
    let sound = sound().expect("a database");
    let segments = sound
        .files
        .iter()
        .filter(|(path, _)| path.as_str().ends_with(".seg"));
    for (path, len) in segments {
        for at in [3, len / 2, len - 9] {
            let disk = sound.disk.fork();
            disk.flip(path, at, 1).expect("a byte");
            let engine = open(&disk).expect("it opens");
            if at == len / 2 && served(&engine, &sound.model) == 2 {
                // Between two blobs.
                continue;
            }
            assert_eq!(served(&engine, &sound.model), 1, "{path} at {at}");
            let mut model = sound.model.clone();
            for round in 0..3 {
                for table in ["t", "u"] {
                    let write = of_table(rows(20..23, round, true), table);
                    send(&engine, &write).expect("a write that reads nothing");
                    model = model.apply(&write).expect("a write that is right").0;
                }
                engine.flush().expect("a flush");
            }
            let Err(merged) = engine.compact(None) else {
                // What is damaged follows from the rest, or newer layers hide it.
                assert_eq!(served(&engine, &model), 2, "{path} at {at}");
                engine.close().expect("a close");
                assert!(check(&disk.fork()).expect("a check").is_sound());
                continue;
            };
            assert_eq!(merged.code(), "corrupt");
            let damaged = engine.status().damaged;
            assert_eq!(damaged.len(), 1, "{damaged:?}");
            assert!(damaged[0].contains(path.as_str()), "{damaged:?}");
            // The other table has been merged all the same, and that goes on being so.
            let files = engine.status().files;
            engine.compact_due().expect("nothing to complain of");
            assert_eq!(engine.status().files, files);
            engine.close().expect("a close");
            drop(engine);
            open(&disk).expect("it opens again");
        }
    }
}

#[test]
fn a_repair_keeps_what_it_gives_up_and_leaves_a_sound_database() {
    let sound = sound().expect("a database");
    let untouched = sound.disk.fork();
    assert_eq!(repair(&untouched).expect("a repair").lost.len(), 0);
    for (path, _) in &sound.files {
        let (before, after) = (bytes_of(&sound.disk, path), bytes_of(&untouched, path));
        assert_eq!(before.expect("a file"), after.expect("a file"));
    }
    let (mut repaired, mut refused) = (0, 0);
    for (path, len) in &sound.files {
        for at in [0, 40, 150, len / 2, len - 5] {
            let disk = sound.disk.fork();
            disk.flip(path, at, 1).expect("a byte");
            let damaged = bytes_of(&disk, path).expect("a file");
            if check(&disk).expect("a check").is_sound() {
                continue;
            }
            let case = format!("{path} at {at}");
            match repair(&disk) {
                Ok(report) => {
                    repaired += 1;
                    assert_ne!(report.lost.len(), 0, "{case}");
                    assert!(report.lost.iter().any(|lost| lost.contains(path.as_str())));
                    let aside = report.aside.expect("a folder");
                    let kept = disk.list(&aside).expect("a folder");
                    let is_same =
                        |kept: &RelPath| bytes_of(&disk, kept).expect("a file") == damaged;
                    assert!(kept.iter().any(is_same), "{case}");
                    let disk = disk.crash_power_with(Damage::LoseAll, 1);
                    goes_on(&disk, &case);
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.code(), "corrupt", "{case}");
                    assert!(error.detail().contains(path.as_str()), "{case}: {error}");
                }
            }
        }
    }
    println!("repair: {repaired} repaired, {refused} told to be beyond repair");
    assert!(repaired > 20 && refused > 0);
}

fn goes_on(disk: &MemoryVfs, case: &str) {
    let report = check(disk).expect("a check");
    assert!(report.is_sound(), "{case}: {:?}", report.findings);
    let engine = open(disk).unwrap_or_else(|error| panic!("{case}: {error}"));
    if engine.snapshot().catalog().table("t").is_some() {
        let lsn = send(&engine, &rows(4..6, 6, true)).expect("a write");
        engine.flush().expect("a flush");
        drop(engine);
        let disk = disk.crash_power_with(Damage::LoseAll, 1);
        let engine = open(&disk).expect("it opens");
        assert_eq!(engine.snapshot().lsn().0, lsn, "{case}");
    }
}

#[test]
fn a_manifest_of_a_newer_format_is_refused_untouched() {
    let sound = sound().expect("a database");
    let manifest = &sound.files[0].0;
    let disk = sound.disk.fork();
    disk.flip(manifest, 8, 3).expect("a byte");
    let before: Vec<_> = sound
        .files
        .iter()
        .map(|(path, _)| bytes_of(&disk, path))
        .collect();
    let error = open(&disk).expect_err("a newer format");
    assert!(error.detail().contains("format version 2"), "{error}");
    let after = sound.files.iter().map(|(path, _)| bytes_of(&disk, path));
    for (before, after) in before.into_iter().zip(after) {
        assert_eq!(before.expect("a file"), after.expect("a file"));
    }
}

#[test]
fn a_full_disk_refuses_writes_takes_deletions_and_goes_on() {
    let disk = MemoryVfs::new(1);
    let settings = Settings {
        log_file_bytes: 4 << 10,
        background: false,
        ..Settings::default()
    };
    let start = |disk: &MemoryVfs| {
        Engine::open(Arc::new(disk.clone()), settings, Clock::manual(0)).expect("it opens")
    };
    let engine = start(&disk);
    let mut model = Database::default();
    let mut take = |engine: &Engine, write: &Write| {
        let sent = send(engine, write);
        if sent.is_ok() {
            model = model.apply(write).expect("a write that is right").0;
        }
        sent
    };
    take(&engine, &create("t")).expect("a table");
    let free = disk.free_space().expect("a disk");
    disk.set_capacity(Some(u64::MAX - free));
    let mut value = 0;
    let error = loop {
        value += 1;
        if let Err(error) = take(&engine, &rows(value..value + 4, value, true)) {
            break error;
        }
    };
    assert_eq!(error.code(), "disk_full");
    assert!(value > 5, "{value}");
    // Flushes fail, deletions do not, and what refused a write before refuses it still.
    engine.flush().expect_err("a full disk");
    for key in 1..12 {
        take(&engine, &delete(key)).expect("a deletion");
        assert!(take(&engine, &rows(50..54, 1, true)).is_err());
    }
    assert_eq!(engine.status().read_only, None);
    disk.set_capacity(None);
    take(&engine, &rows(60..64, 1, true)).expect("room again");
    for round in 0..20 {
        take(&engine, &rows(70..74, round, true)).expect("room again");
    }
    assert_eq!(served(&engine, &model), 1);
    drop(engine);
    let engine = start(&disk.crash_power_with(Damage::LoseAll, 1));
    assert_eq!(served(&engine, &model), 1);
}
