//! Loads by columns and loads by cells come to the same.

use std::sync::Arc;

use super::fixture::{KINDS, Random, create, expect_sound, open, rows, table};
use crate::batch::{Cell, Column, Dictionary, KeyRef, Keys, RowBatch, RowMode};
use crate::column_batch::{ColumnBatch, DenseColumn, DenseValues};
use crate::engine::{Engine, WriteOptions};
use crate::ids::{Code, TagId};
use crate::schema::{Family, KeyType, TagType};
use crate::vfs::MemoryVfs;

const SUBJECTS: u64 = 400;

fn column(tag: TagId, kind: TagType, count: u32, random: &mut Random) -> DenseColumn {
    let mut dictionary = Dictionary::default();
    let mut string = |random: &mut Random| dictionary.place(&format!("s{}", random.below(9)));
    let mut values = DenseValues::new(kind);
    for row in 0..count {
        let is_null = random.below(5) == 0;
        let many = if is_null { 0 } else { random.below(4) };
        match &mut values {
            DenseValues::Numbers { values, nulls } => {
                if is_null {
                    nulls.push(row);
                }
                values.push(match kind {
                    TagType::Boolean => random.below(2) as i64,
                    TagType::Keyword => i64::from(string(random)),
                    _ => random.below(5_000) as i64 - 2_500,
                });
            }
            DenseValues::Texts { bytes, ends, nulls } => {
                if is_null {
                    nulls.push(row);
                } else {
                    bytes.push_str(&"text ".repeat(random.below(9) as usize));
                }
                ends.push(bytes.len() as u32);
            }
            DenseValues::Sets { ends, members } => {
                let mut own: Vec<u32> = (0..many).map(|_| string(random)).collect();
                own.sort_unstable();
                own.dedup();
                members.extend(own);
                ends.push(members.len() as u32);
            }
            DenseValues::Maps { ends, entries } => {
                let mut own: Vec<(u32, i64)> = (0..many)
                    .map(|_| (string(random), random.below(100) as i64))
                    .collect();
                own.sort_unstable();
                own.dedup_by_key(|(place, _)| *place);
                entries.extend(own);
                ends.push(entries.len() as u32);
            }
        }
    }
    DenseColumn {
        tag,
        dictionary,
        values,
    }
}

fn batch(engine: &Engine, count: u32, random: &mut Random) -> ColumnBatch {
    let state = engine.snapshot();
    let schema = state.catalog().table("t").unwrap();
    let mut keys = Keys::new(schema.key_type);
    for _ in 0..count {
        let key = random.below(SUBJECTS);
        match schema.key_type {
            KeyType::BigInt => keys.push(KeyRef::Int(key as i64)),
            KeyType::Keyword => keys.push(KeyRef::Text(&format!("key-{key}"))),
        }
    }
    let mut columns = Vec::new();
    for tag in &schema.tags {
        if random.below(4) > 0 {
            columns.push(column(tag.id, tag.kind, count, random));
        }
    }
    ColumnBatch { keys, columns }
}

/// Puts and drops of members of some subjects.
fn edits(engine: &Engine, random: &mut Random) -> RowBatch {
    let state = engine.snapshot();
    let schema = state.catalog().table("t").unwrap();
    let count = random.below(20) as u32;
    let ColumnBatch { keys, .. } = batch(engine, count, random);
    let mut columns = Vec::new();
    for tag in &schema.tags {
        let mut dictionary = Dictionary::default();
        let mut cells = Vec::new();
        for row in 0..count {
            let mut place = || dictionary.place(&format!("s{}", random.below(9)));
            let (drop, put) = (Box::from([place()]), place());
            match tag.kind.family() {
                Family::Set => cells.push((
                    row,
                    Cell::EditSet {
                        drop,
                        put: [put].into(),
                    },
                )),
                Family::Map => cells.push((
                    row,
                    Cell::EditMap {
                        drop,
                        put: [(put, 7)].into(),
                    },
                )),
                Family::Single | Family::Text => {}
            }
        }
        columns.push(Column {
            tag: tag.id,
            dictionary,
            cells,
        });
    }
    RowBatch { keys, columns }
}

#[test]
fn columns_go_on_from_chunk_to_chunk() {
    const ROWS: u32 = 150_000;
    for partitions in [1, 2] {
        let vfs = MemoryVfs::new(5);
        let engine = open(&vfs);
        create(&engine, "t", KeyType::BigInt, partitions);
        let state = engine.snapshot();
        let schema = state.catalog().table("t").unwrap();
        let is_wanted = |kind| matches!(kind, TagType::Keyword | TagType::KeywordSet);
        let tags: Vec<_> = schema
            .tags
            .iter()
            .filter(|tag| is_wanted(tag.kind))
            .collect();
        let mut random = Random(11);
        let columns: Vec<_> = tags
            .iter()
            .map(|tag| column(tag.id, tag.kind, ROWS, &mut random))
            .collect();
        // Every tenth key comes twice.
        let keys: Vec<i64> = (0..i64::from(ROWS))
            .map(|n| n - i64::from(n % 10 == 9))
            .collect();
        let batch = ColumnBatch {
            keys: Keys::Ints(keys.clone()),
            columns: columns.clone(),
        };
        let mut load = engine.loader(schema.id, RowMode::Upsert).unwrap();
        load.push_columns(&batch).unwrap();
        assert_eq!(load.outcome().duplicates, u64::from(ROWS / 10));
        load.finish(&WriteOptions::default()).unwrap();
        let state = engine.snapshot();
        let table = state.table(schema.id).unwrap();
        for row in (0..ROWS as usize).filter(|row| row % 10 != 8).step_by(7) {
            let key = KeyRef::Int(keys[row]);
            let partition = table.partition(table.partition_of(key)).unwrap();
            let ordinal = partition.find(key).unwrap().unwrap();
            let mut subject = partition.subject(ordinal).unwrap();
            for column in &columns {
                let vocabulary = partition.vocabulary(column.tag);
                let strings = vocabulary.read().unwrap();
                let string = |code| strings.string(code).to_owned();
                let given = |place: u32| column.dictionary.strings()[place as usize].to_string();
                match &column.values {
                    DenseValues::Numbers { values, nulls } => {
                        let found = subject.value(column.tag).unwrap();
                        let is_null = nulls.binary_search(&(row as u32)).is_ok();
                        let right = (!is_null).then(|| given(values[row] as u32));
                        assert_eq!(found.map(|code| string(code as Code)), right, "row {row}");
                    }
                    DenseValues::Sets { ends, members } => {
                        let mut found = Vec::new();
                        subject.entries(column.tag, &mut found).unwrap();
                        let mut found: Vec<_> =
                            found.iter().map(|(code, _)| string(*code)).collect();
                        found.sort();
                        let own = crate::column_batch::range(ends, row);
                        let mut right: Vec<_> = members[own].iter().map(|m| given(*m)).collect();
                        right.sort();
                        assert_eq!(found, right, "row {row}");
                    }
                    _ => unreachable!(),
                }
            }
        }
        drop(engine);
        expect_sound(&vfs);
    }
}

/// All that is known of all keys, as text.
fn content(engine: &Engine) -> Vec<String> {
    let state = engine.snapshot();
    let schema = state.catalog().table("t").unwrap();
    let table = state.table(schema.id).unwrap();
    let mut found = Vec::new();
    for key in 0..SUBJECTS {
        let text = format!("key-{key}");
        let key = match schema.key_type {
            KeyType::BigInt => KeyRef::Int(key as i64),
            KeyType::Keyword => KeyRef::Text(&text),
        };
        let partition = table.partition(table.partition_of(key)).unwrap();
        let Some(ordinal) = partition.find(key).unwrap() else {
            continue;
        };
        let mut subject = partition.subject(ordinal).unwrap();
        let mut line = text.clone();
        for tag in &schema.tags {
            let vocabulary = partition.vocabulary(tag.id);
            let strings = || vocabulary.read().unwrap();
            line += &match (tag.kind, tag.kind.family()) {
                (TagType::Keyword, _) => {
                    let code = subject.value(tag.id).unwrap();
                    format!(
                        " {:?}",
                        code.map(|code| strings().string(code as Code).to_owned())
                    )
                }
                (_, Family::Single) => format!(" {:?}", subject.value(tag.id).unwrap()),
                (_, Family::Text) => {
                    format!(" {:?}", subject.long_text(tag.id).unwrap())
                }
                (_, Family::Set | Family::Map) => {
                    let mut entries = Vec::new();
                    subject.entries(tag.id, &mut entries).unwrap();
                    let mut entries: Vec<_> = (entries.iter())
                        .map(|(code, value)| (strings().string(*code).to_owned(), *value))
                        .collect();
                    entries.sort();
                    format!(" {entries:?}")
                }
            };
        }
        found.push(line);
    }
    found
}

#[test]
fn columns_and_cells_come_to_the_same() {
    for seed in 0..24 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let key_type = [KeyType::BigInt, KeyType::Keyword][seed as usize % 2];
        let mode = [RowMode::Upsert, RowMode::Replace][seed as usize / 2 % 2];
        let vfs = [MemoryVfs::new(seed), MemoryVfs::new(seed)];
        let engines = vfs.each_ref().map(open);
        for engine in &engines {
            create(engine, "t", key_type, [1, 4][seed as usize / 4 % 2]);
            // Some subjects exist before, and some have been deleted.
            (0..3).for_each(|step| rows(engine, "t", &mut Random(seed + step), SUBJECTS, 60));
        }
        let batches: Vec<ColumnBatch> = (0..3)
            .map(|_| batch(&engines[0], 1 + random.below(300) as u32, &mut random))
            .collect();
        let loads = engines
            .each_ref()
            .map(|engine: &Arc<Engine>| engine.loader(table(engine, "t"), mode).unwrap());
        let [mut by_cells, mut by_columns] = loads;
        for batch in &batches {
            // Whose content is edited before it is decided has it outside the chunk.
            let edits = edits(&engines[0], &mut random);
            by_cells.push(&edits).unwrap();
            by_columns.push(&edits).unwrap();
            by_cells.push(&RowBatch::from(batch.clone())).unwrap();
            by_columns.push_columns(batch).unwrap();
        }
        let receipts = [by_cells, by_columns].map(|load| {
            let receipt = load.finish(&WriteOptions::default()).unwrap();
            receipt.outcome
        });
        assert_eq!(receipts[0], receipts[1]);
        let [by_cells, by_columns] = engines.each_ref().map(|engine| content(engine));
        assert!(by_cells.len() > 100);
        assert_eq!(by_cells, by_columns);
        engines.into_iter().for_each(drop);
        vfs.iter().for_each(expect_sound);
    }
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    let engine = open(&MemoryVfs::new(1));
    create(&engine, "t", KeyType::BigInt, 1);
    let state = engine.snapshot();
    let schema = state.catalog().table("t").unwrap();
    for (tag, kind) in schema.tags.iter().zip(KINDS) {
        for other in KINDS {
            let mut random = Random(7);
            let batch = ColumnBatch {
                keys: Keys::Ints(vec![1, 2, 3]),
                columns: vec![column(tag.id, other, 3, &mut random)],
            };
            let mut load = engine.loader(schema.id, RowMode::Upsert).unwrap();
            if kind.family() != other.family() {
                assert_eq!(
                    load.push_columns(&batch).unwrap_err().code(),
                    "type_mismatch"
                );
            } else if kind == other {
                load.push_columns(&batch).unwrap();
            }
        }
        let short = ColumnBatch {
            keys: Keys::Ints(vec![1, 2, 3]),
            columns: vec![column(tag.id, kind, 2, &mut Random(7))],
        };
        let mut load = engine.loader(schema.id, RowMode::Upsert).unwrap();
        assert!(load.push_columns(&short).is_err());
    }
}
