//! What a load says that it holds, and what it holds less once it was relieved.

use super::fixture::{create, expect_sound, numbers, open, read_numbers, table, tag};
use crate::batch::{Change, RowBatch, RowMode};
use crate::engine::WriteOptions;
use crate::schema::KeyType;
use crate::vfs::MemoryVfs;

fn rows(rows: impl Iterator<Item = (i64, i64)>, tag: crate::ids::TagId) -> RowBatch {
    match numbers(crate::ids::TableId(0), tag, rows).1 {
        Change::Rows { rows, .. } => rows,
        _ => panic!("rows are rows"),
    }
}

#[test]
fn a_load_that_is_relieved_holds_less_and_comes_to_the_same() {
    let vfs = MemoryVfs::new(1);
    let engine = open(&vfs);
    create(&engine, "t", KeyType::BigInt, 2);
    let (table, tag) = (table(&engine, "t"), tag(&engine, "t", "t2"));
    let mut loader = engine.loader(table, RowMode::Upsert).unwrap();
    let nothing = loader.memory_bytes();
    let mut held = Vec::new();
    for round in 0..6 {
        // A third of the keys come again, some of them late for their chunk.
        let first = round * 40_000;
        let new = (first..first + 40_000).map(|key| (key, key % 1_000));
        let again = (0..first).step_by(3).map(|key| (key, round));
        loader.push(&rows(new.chain(again), tag)).unwrap();
        let before = loader.memory_bytes();
        if round % 2 == 1 {
            loader.relieve().unwrap();
            held.push((before, loader.memory_bytes()));
        }
    }
    // Eight bytes a key at least, before; no key after.
    for (round, (before, after)) in (1..).zip(held) {
        assert!(before > nothing + 80_000 * 8, "round {round}: {before}");
        assert!(
            before - after >= 80_000 * 8,
            "round {round}: {before} to {after}"
        );
    }
    loader.finish(&WriteOptions::default()).unwrap();
    let found = read_numbers(&engine, "t", "t2");
    assert_eq!(found.len(), 240_000);
    for (key, value) in found {
        let last = (key / 40_000 + 1..6).next_back();
        let expected = match last {
            Some(round) if key % 3 == 0 => round,
            _ => key % 1_000,
        };
        assert_eq!(value, expected, "{key}");
    }
    engine.close().unwrap();
    drop(engine);
    expect_sound(&vfs);
}
