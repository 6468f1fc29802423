//! One subject's tags are those that its tags' stacks say, however little the cache holds.

use std::sync::Arc;

use super::fixture::{KINDS, Random, create, open, rows, settings, table, write};
use crate::batch::{KeyRef, WriteSet};
use crate::catalog::{NewTag, SchemaChange};
use crate::clock::Clock;
use crate::engine::{Engine, PartitionState, Settings};
use crate::error::ErrorKind;
use crate::ids::{Ordinal, low_of};
use crate::paths::{self, SegmentKind, SegmentName};
use crate::schema::{Family, KeyType};
use crate::segment::row_group::Column;
use crate::vfs::{MemoryVfs, Vfs};

const SUBJECTS: u64 = 150;

fn open_with(vfs: &MemoryVfs, cache_bytes: u64) -> Arc<Engine> {
    let settings = Settings {
        cache_bytes,
        ..settings()
    };
    Engine::open(Arc::new(vfs.clone()), settings, Clock::manual(0)).unwrap()
}

/// More tags than one row group has.
fn widen(engine: &Engine) {
    let table = table(engine, "t");
    for (index, kind) in KINDS.iter().cycle().take(16).enumerate() {
        let tag = NewTag {
            name: format!("more{index}"),
            kind: *kind,
            comment: String::new(),
        };
        let set = WriteSet {
            schema: Some(SchemaChange::AddTag(table, tag)),
            ..WriteSet::default()
        };
        write(engine, set);
    }
}

/// Compares all tags of a subject with what the stacks of the tags say.
fn compare(partition: &PartitionState, ordinal: Ordinal) {
    let mut subject = partition.subject(ordinal).unwrap();
    let tags = || partition.schema.tags.iter();
    if ordinal.is_multiple_of(2) {
        subject.prefetch(tags().map(|tag| tag.id)).unwrap();
        subject.prefetch_entries(tags().map(|tag| tag.id)).unwrap();
    }
    for tag in tags() {
        match tag.kind.family() {
            Family::Single => {
                let right = partition.single(tag.id).unwrap().get(ordinal).unwrap();
                assert_eq!(subject.value(tag.id).unwrap(), right, "{}", tag.name);
            }
            Family::Text => {
                let right = partition.text(tag.id).unwrap().get(ordinal).unwrap();
                assert_eq!(subject.long_text(tag.id).unwrap(), right, "{}", tag.name);
            }
            Family::Set | Family::Map => {
                let right = partition.multi(tag.id).unwrap().get(ordinal).unwrap();
                let mut found = vec![(7, 7)];
                subject.entries(tag.id, &mut found).unwrap();
                assert_eq!(found.remove(0), (7, 7));
                assert_eq!(found, right, "{}", tag.name);
            }
        }
    }
}

/// Finds all keys together, also some that nobody has and some twice, and compares each subject.
fn compare_all(engine: &Engine) {
    let state = engine.snapshot();
    let table = state.table(table(engine, "t")).unwrap();
    let texts: Vec<String> = (0..SUBJECTS + 40)
        .chain(5..9)
        .map(|key| format!("key-{key}"))
        .collect();
    let keys: Vec<KeyRef<'_>> = texts
        .iter()
        .zip(0..)
        .map(|(text, key)| match table.schema().key_type {
            KeyType::BigInt => KeyRef::Int(key % (SUBJECTS + 40) as i64),
            KeyType::Keyword => KeyRef::Text(text),
        })
        .collect();
    for partition in table.partitions() {
        let mut likely = vec![None; keys.len()];
        let found = partition
            .find_all(&keys, &mut |key, ordinal| likely[key] = Some(ordinal))
            .unwrap();
        for ((key, found), likely) in keys.iter().zip(found).zip(likely) {
            assert!(likely.is_none_or(|likely| partition.is_alive(likely)));
            assert_eq!(found, partition.find(*key).unwrap(), "{key:?}");
            if let Some(ordinal) = found {
                compare(partition, ordinal);
            }
        }
    }
}

#[test]
fn subjects_are_what_their_tags_say() {
    for seed in 0..8 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let vfs = MemoryVfs::new(seed);
        let cache_bytes = [1 << 20, 64 << 20][seed as usize % 2];
        let mut engine = open_with(&vfs, cache_bytes);
        let key_type = [KeyType::BigInt, KeyType::Keyword][seed as usize / 2 % 2];
        create(&engine, "t", key_type, [1, 4][seed as usize / 4 % 2]);
        widen(&engine);
        for _ in 0..14 {
            let count = [3, 120][random.below(2) as usize];
            rows(&engine, "t", &mut random, SUBJECTS, count);
            match random.below(6) {
                0 => engine.compact(None).unwrap(),
                1 | 2 => engine.flush().unwrap(),
                3 => {
                    drop(engine);
                    engine = open_with(&vfs, cache_bytes);
                }
                _ => {}
            }
            if random.below(3) == 0 {
                compare_all(&engine);
            }
            assert!(engine.status().cache_bytes <= cache_bytes);
        }
        for _ in 0..2 {
            rows(&engine, "t", &mut random, SUBJECTS, 120);
            engine.flush().unwrap();
        }
        engine.compact(None).unwrap();
        compare_all(&engine);
        // They are read from row groups now, if there is room.
        let (all, count) = kept(&engine);
        assert!(all && count > 0 || cache_bytes == 1 << 20);
    }
}

/// Whether all columns in base form of the first chunk are kept in row groups, and how many are.
fn kept(engine: &Engine) -> (bool, usize) {
    let state = engine.snapshot();
    let partition = &state.table(table(engine, "t")).unwrap().partitions()[0];
    let mut kept = Vec::new();
    for live in &partition.segments.live {
        for place in live
            .tags
            .iter()
            .filter_map(|tag| live.segment.row_place(*tag))
        {
            let group = live.segment.row_group(0, place.group()).unwrap();
            let column = live.segment.column(&group, 0, place).unwrap();
            column.prefetch(low_of(0));
            kept.push(!matches!(column, Column::Elsewhere));
        }
    }
    let count = kept.iter().filter(|kept| **kept).count();
    (count == kept.len(), count)
}

#[test]
fn columns_too_large_for_a_cache_stay_outside_row_groups() {
    for (cache_bytes, is_enough) in [(1 << 20, false), (256 << 20, true)] {
        let engine = open_with(&MemoryVfs::new(3), cache_bytes);
        create(&engine, "t", KeyType::BigInt, 1);
        widen(&engine);
        let mut random = Random(3);
        for _ in 0..3 {
            rows(&engine, "t", &mut random, 20_000, 8_000);
            engine.flush().unwrap();
        }
        engine.compact(None).unwrap();
        let (all, count) = kept(&engine);
        assert_eq!((all, count > 16), (is_enough, is_enough));
        compare_all(&engine);
        assert!(engine.status().cache_bytes <= cache_bytes);
    }
}

#[test]
fn a_damaged_column_is_an_error_that_names_the_file() {
    let vfs = MemoryVfs::new(9);
    let engine = open(&vfs);
    create(&engine, "t", KeyType::BigInt, 1);
    for seed in [9, 10] {
        rows(&engine, "t", &mut Random(seed), SUBJECTS, 250);
        engine.flush().unwrap();
    }
    engine.compact(None).unwrap();
    drop(engine);
    let folders = vfs.list(&paths::data_dir()).unwrap().into_iter();
    let mut files = folders.flat_map(|folder| vfs.list(&folder).unwrap());
    let is_tags =
        |path: &_| SegmentName::parse(path).is_some_and(|name| name.kind == SegmentKind::Tags);
    let path = files.find(is_tags).unwrap();
    // Behind the header stand the columns of the first tag.
    vfs.flip(&path, 64 + 10, 1).unwrap();
    let engine = open(&vfs);
    let state = engine.snapshot();
    let partition = &state.table(table(&engine, "t")).unwrap().partitions()[0];
    let mut subject = partition.subject(0).unwrap();
    let error = subject.value(partition.schema.tags[0].id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(&path.to_string()), "{error}");
}
