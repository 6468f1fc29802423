//! Files that do not belong to the database, and clocks that jump: neither changes what it holds.

use std::sync::Arc;

use super::fixture::{changes, create, expect_sound, numbers, open, read_numbers, settings};
use super::fixture::{table, tag, write};
use crate::clock::Clock;
use crate::engine::{Engine, Idempotency, WriteOptions};
use crate::schema::KeyType;
use crate::vfs::{MemoryVfs, RelPath, Vfs, ensure_dir, write_all_at};

fn put(vfs: &MemoryVfs, path: &str) -> RelPath {
    let path = RelPath::new(path).unwrap();
    ensure_dir(vfs, &path.parent()).unwrap();
    let file = vfs.create_new(&path).unwrap();
    write_all_at(&*file, 0, b"neither here nor there").unwrap();
    path
}

fn is_there(vfs: &MemoryVfs, path: &RelPath) -> bool {
    vfs.list(&path.parent()).unwrap().contains(path)
}

#[test]
fn unfinished_files_go_and_unknown_ones_are_passed_over() {
    let vfs = MemoryVfs::new(1);
    let engine = open(&vfs);
    create(&engine, "t", KeyType::BigInt, 2);
    let (table, tag) = (table(&engine, "t"), tag(&engine, "t", "t2"));
    write(
        &engine,
        changes(vec![numbers(table, tag, (0..50).map(|n| (n, n)))]),
    );
    engine.flush().unwrap();
    engine.close().unwrap();
    drop(engine);
    let unfinished = [
        "scratch-00000000000000aa.tmp",
        "manifest/00000000000000000099.tmp",
        "log/00000000000000000099.log.tmp",
        // A segment that a crash has left, whichever manifest was to name it.
        "data/0000/00000001-0000000000ff.seg",
        "data/0001/00000001-0000000000fe.key",
    ]
    .map(|path| put(&vfs, path));
    let unknown = [
        "notes.txt",
        "data/notes.txt",
        "data/0000/notes.txt",
        "data/elsewhere/00000001-0000000000ff.seg",
        "manifest/notes.txt",
        "log/notes.txt",
    ]
    .map(|path| put(&vfs, path));
    let expected = (0..50).map(|n| (n, n)).collect();
    for round in 0..2 {
        let engine = open(&vfs);
        assert_eq!(read_numbers(&engine, "t", "t2"), expected, "round {round}");
        for path in &unfinished {
            assert!(!is_there(&vfs, path), "{path} in round {round}");
        }
        for path in &unknown {
            assert!(is_there(&vfs, path), "{path} in round {round}");
        }
        engine.flush().unwrap();
        engine.compact(None).unwrap();
        engine.close().unwrap();
    }
}

#[test]
fn clocks_that_jump_order_nothing() {
    const YEAR: i64 = 365 * 86_400 * 1_000_000;
    let vfs = MemoryVfs::new(1);
    let clock = Clock::manual(56 * YEAR);
    let open = |vfs: &MemoryVfs, clock: &Clock| {
        Engine::open(Arc::new(vfs.clone()), settings(), clock.clone()).unwrap()
    };
    let mut engine = open(&vfs, &clock);
    create(&engine, "t", KeyType::BigInt, 2);
    let (table, tag) = (table(&engine, "t"), tag(&engine, "t", "t2"));
    let named = |round: i64| WriteOptions {
        idempotency: Some(Idempotency {
            key: format!("round {round}"),
            fingerprint: 7,
            detail: Vec::new(),
        }),
        ..WriteOptions::default()
    };
    let set = |round: i64| changes(vec![numbers(table, tag, (0..20).map(|n| (n, round)))]);
    let send = |engine: &Engine, round: i64| {
        engine
            .write::<crate::Error>(&named(round), |_| Ok(set(round)))
            .unwrap()
    };
    let mut last = 0;
    // Back by years, to before 1970, a little on, and back again; flushes and starts between.
    for (round, jump) in (0_i64..).zip([0, -YEAR, -99 * YEAR, 1, 3_600_000_000, -1, -7 * YEAR]) {
        clock.advance(jump);
        let receipt = send(&engine, round);
        assert!(receipt.lsn.0 > last && !receipt.replayed, "round {round}");
        last = receipt.lsn.0;
        // The same write again is the same write, however early it says it is.
        clock.advance(-YEAR);
        let again = send(&engine, round);
        assert!(again.replayed && again.lsn.0 == last, "round {round}");
        let expected = (0..20).map(|n| (n, round)).collect();
        assert_eq!(read_numbers(&engine, "t", "t2"), expected, "round {round}");
        if round % 2 == 0 {
            engine.flush().unwrap();
        }
        if round % 3 == 0 {
            engine.compact(None).unwrap();
        }
        engine.close().unwrap();
        drop(engine);
        engine = open(&vfs, &clock);
        assert_eq!(
            read_numbers(&engine, "t", "t2"),
            expected,
            "round {round}, opened"
        );
        assert_eq!(engine.snapshot().lsn().0, last);
    }
    engine.close().unwrap();
    drop(engine);
    expect_sound(&vfs);
}
