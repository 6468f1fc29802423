//! Merging key segments and vocabularies.
use std::collections::BTreeMap;

use crate::batch::{Cell, Change, Column, Dictionary, Keys, RowBatch, RowMode};
use crate::catalog::SchemaChange;
use crate::engine::WriteOptions;
use crate::engine::tests::fixture::{
    Random, changes, count_files, create, expect_sound, numbers, open, read_numbers, schema, table,
    tag, write,
};
use crate::ids::{TableId, TagId};
use crate::paths::SegmentKind;
use crate::schema::KeyType;
use crate::vfs::MemoryVfs;

#[test]
fn key_segments_stay_few_and_lead_to_the_living() {
    let vfs = MemoryVfs::new(1);
    let mut engine = open(&vfs);
    create(&engine, "devices", KeyType::BigInt, 1);
    let id = table(&engine, "devices");
    let number = tag(&engine, "devices", "t2");
    let mut random = Random(7);
    let mut model = BTreeMap::new();
    for round in 0..30 {
        let first = round * 40;
        let rows = (first..first + 50).map(|key| (key, round));
        model.extend(rows.clone());
        write(&engine, changes(vec![numbers(id, number, rows)]));
        let dead: Vec<i64> = (0..20).map(|_| random.below(1_200) as i64).collect();
        dead.iter().for_each(|key| {
            model.remove(key);
        });
        let dead = Change::DeleteKeys(Keys::Ints(dead));
        write(&engine, changes(vec![(id, dead)]));
        engine.flush().unwrap();
        while engine.compact_due().unwrap() {}
        assert!(count_files(&vfs, SegmentKind::Keys) <= 4);
        assert_eq!(read_numbers(&engine, "devices", "t2"), model);
        if round % 7 == 0 {
            engine.close().unwrap();
            drop(engine);
            expect_sound(&vfs);
            engine = open(&vfs);
        }
    }
    engine.compact(None).unwrap();
    assert_eq!(count_files(&vfs, SegmentKind::Keys), 1);
    assert_eq!(read_numbers(&engine, "devices", "t2"), model);
}

/// A load holds ordinals that nobody else may count as gone.
#[test]
fn keys_are_not_merged_over_ordinals_that_a_load_holds() {
    let vfs = MemoryVfs::new(2);
    let engine = open(&vfs);
    create(&engine, "devices", KeyType::BigInt, 1);
    let id = table(&engine, "devices");
    let number = tag(&engine, "devices", "t2");
    write(
        &engine,
        changes(vec![numbers(id, number, (0..10).map(|key| (key, 1)))]),
    );
    engine.flush().unwrap();
    let mut load = engine.loader(id, RowMode::Upsert).unwrap();
    let (_, Change::Rows { rows, .. }) = numbers(id, number, (100..200).map(|key| (key, 2))) else {
        panic!("not rows");
    };
    load.push(&rows).unwrap();
    for round in 0..6 {
        let keys = 1_000 + round * 10..1_010 + round * 10;
        write(
            &engine,
            changes(vec![numbers(id, number, keys.map(|key| (key, 3)))]),
        );
        engine.flush().unwrap();
        engine.compact(None).unwrap();
    }
    load.finish(&WriteOptions::default()).unwrap();
    let mut model: BTreeMap<i64, i64> = (0..10).map(|key| (key, 1)).collect();
    model.extend((100..200).map(|key| (key, 2)));
    model.extend((1_000..1_060).map(|key| (key, 3)));
    assert_eq!(read_numbers(&engine, "devices", "t2"), model);
    engine.compact(None).unwrap();
    assert_eq!(count_files(&vfs, SegmentKind::Keys), 1);
    assert_eq!(read_numbers(&engine, "devices", "t2"), model);
    engine.close().unwrap();
    drop(engine);
    expect_sound(&vfs);
}

fn keyword(table: TableId, tag: TagId, key: i64, string: &str) -> (TableId, Change) {
    let mut dictionary = Dictionary::default();
    let place = dictionary.place(string);
    let column = Column {
        tag,
        dictionary,
        cells: vec![(0, Cell::Value(i64::from(place)))],
    };
    let rows = RowBatch {
        keys: Keys::Ints(vec![key]),
        columns: vec![column],
    };
    let mode = RowMode::Upsert;
    (table, Change::Rows { mode, rows })
}

#[test]
fn vocabularies_become_one_and_those_not_yet_read_can_be_read() {
    let vfs = MemoryVfs::new(3);
    let engine = open(&vfs);
    create(&engine, "devices", KeyType::BigInt, 1);
    let id = table(&engine, "devices");
    let (first, second) = (tag(&engine, "devices", "t1"), tag(&engine, "devices", "t7"));
    for key in 0..12 {
        let string = format!("string {key}");
        write(&engine, changes(vec![keyword(id, first, key, &string)]));
        write(&engine, changes(vec![keyword(id, second, key, &string)]));
        engine.flush().unwrap();
    }
    assert_eq!(count_files(&vfs, SegmentKind::Vocabulary), 12);
    engine.close().unwrap();
    drop(engine);
    let engine = open(&vfs);
    // One vocabulary is read and grows, the other one has been asked for and not read.
    let unread = {
        let state = engine.snapshot();
        let partition = state.table(id).unwrap().partitions()[0].clone();
        partition.vocabulary(second)
    };
    write(&engine, changes(vec![keyword(id, first, 12, "new")]));
    engine.flush().unwrap();
    assert!(engine.compact_due().unwrap());
    assert_eq!(count_files(&vfs, SegmentKind::Vocabulary), 1);
    let strings = |count: i64| (0..count).map(|key| format!("string {key}"));
    let read: Vec<String> = unread
        .read()
        .unwrap()
        .iter()
        .map(|(_, string)| string.into())
        .collect();
    assert_eq!(read, strings(12).collect::<Vec<_>>());
    write(&engine, changes(vec![keyword(id, second, 12, "newer")]));
    engine.flush().unwrap();
    write(&engine, schema(SchemaChange::DropTag(id, first)));
    engine.flush().unwrap();
    engine.close().unwrap();
    drop(engine);
    expect_sound(&vfs);
    let engine = open(&vfs);
    let state = engine.snapshot();
    let partition = &state.table(id).unwrap().partitions()[0];
    let vocabulary = partition.vocabulary(second);
    let read: Vec<String> = vocabulary
        .read()
        .unwrap()
        .iter()
        .map(|(_, string)| string.into())
        .collect();
    assert_eq!(
        read,
        strings(12).chain(["newer".into()]).collect::<Vec<_>>()
    );
}
