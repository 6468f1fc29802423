//! A reader that shares no code with the engine reads what the engine has written:
//! `compat/read_table.py` follows docs/file-format.md alone.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this file is a test"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use tagdb_query::literal::{from_stored, write_value};
use tagdb_storage::batch::{
    Cell, Change, Column, Dictionary, KeyRef, Keys, RowBatch, RowMode, WriteSet,
};
use tagdb_storage::catalog::{NewTag, SchemaChange};
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, PartitionState, Settings, WriteOptions};
use tagdb_storage::schema::{
    Family, Key, KeyType, NumberType, TableSchema, Tag, TagType, double_from_sortable,
    sortable_from_double,
};
use tagdb_storage::vfs::OsVfs;
use tagdb_tests::random::Random;

const NUMBERS: [NumberType; 7] = [
    NumberType::SmallInt,
    NumberType::Int,
    NumberType::BigInt,
    NumberType::Decimal {
        precision: 12,
        scale: 3,
    },
    NumberType::Double,
    NumberType::Date,
    NumberType::Timestamp,
];

fn kinds() -> Vec<TagType> {
    let mut kinds = vec![
        TagType::Boolean,
        TagType::Keyword,
        TagType::LongText,
        TagType::KeywordSet,
    ];
    kinds.extend(NUMBERS.map(TagType::Number));
    kinds.extend([NUMBERS[1], NUMBERS[3], NUMBERS[4], NUMBERS[6]].map(TagType::Map));
    kinds
}

fn open(folder: &Path) -> Arc<Engine> {
    let settings = Settings {
        log_file_bytes: 1 << 20,
        background: false,
        ..Settings::default()
    };
    let vfs = Arc::new(OsVfs::new(folder).unwrap());
    Engine::open(vfs, settings, Clock::system()).unwrap()
}

fn write(engine: &Engine, set: WriteSet) {
    engine
        .write(&WriteOptions::default(), |_| {
            Ok::<_, tagdb_storage::Error>(set)
        })
        .unwrap();
}

fn create(engine: &Engine, name: &str, key_type: KeyType, partitions: u16) {
    let tags = kinds().into_iter().enumerate().map(|(index, kind)| NewTag {
        name: format!("t{index}"),
        kind,
        comment: "a comment".into(),
    });
    let change = SchemaChange::CreateTable {
        name: name.into(),
        key_name: "id".into(),
        key_type,
        key_comment: String::new(),
        partitions,
        tags: tags.collect(),
    };
    write(
        engine,
        WriteSet {
            schema: Some(change),
            ..WriteSet::default()
        },
    );
}

fn number(kind: NumberType, random: &mut Random) -> i64 {
    let small = random.below(2_000) as i64 - 1_000;
    match kind {
        NumberType::SmallInt => small,
        NumberType::Int | NumberType::Date => small * 1_009,
        NumberType::BigInt => [i64::MIN, i64::MAX, small][random.below(3)],
        NumberType::Decimal { .. } => small * 100_003,
        NumberType::Double => {
            let value = small as f64 * [1.0, 1e-3, 1e19][random.below(3)];
            sortable_from_double(value)
        }
        NumberType::Timestamp => small * 1_234_567_890_123,
    }
}

fn cell(kind: TagType, random: &mut Random, dictionary: &mut Dictionary) -> Cell {
    if random.one_in(8) {
        return Cell::Clear;
    }
    let edits = random.one_in(2);
    let mut string =
        |random: &mut Random| dictionary.place(&format!("straße {}", random.below(40)));
    match kind {
        TagType::Boolean => Cell::Value(random.below(2) as i64),
        TagType::Keyword => Cell::Value(i64::from(string(random))),
        TagType::Number(kind) => Cell::Value(number(kind, random)),
        TagType::LongText => {
            let words = (0..random.below(12)).map(|_| format!("word{} ", random.below(50)));
            Cell::Text(words.collect::<String>().into())
        }
        TagType::KeywordSet if edits => Cell::EditSet {
            drop: [string(random)].into(),
            put: [string(random)].into(),
        },
        TagType::KeywordSet => {
            let members = random.below(4);
            Cell::Set((0..members).map(|_| string(random)).collect())
        }
        TagType::Map(kind) if edits => Cell::EditMap {
            drop: [string(random)].into(),
            put: [(string(random), number(kind, random))].into(),
        },
        TagType::Map(kind) => {
            let entries = random.below(3);
            Cell::Map(
                (0..entries)
                    .map(|_| (string(random), number(kind, random)))
                    .collect(),
            )
        }
    }
}

fn push_key(keys: &mut Keys, key: usize) {
    match keys {
        Keys::Ints(_) => keys.push(KeyRef::Int(key as i64 * 7 - 1_000)),
        Keys::Texts { .. } => keys.push(KeyRef::Text(&format!("k{key} ü"))),
    }
}

/// Cells for one in `rarity` subjects.
fn some_rows(
    schema: &TableSchema,
    keys: impl Iterator<Item = usize>,
    rarity: usize,
    random: &mut Random,
) -> RowBatch {
    let mut all = Keys::new(schema.key_type);
    keys.for_each(|key| push_key(&mut all, key));
    let columns = schema.tags.iter().map(|tag| {
        let mut dictionary = Dictionary::default();
        let mut cells = Vec::new();
        for row in 0..all.len() as u32 {
            if random.one_in(rarity) {
                cells.push((row, cell(tag.kind, random, &mut dictionary)));
            }
        }
        Column {
            tag: tag.id,
            dictionary,
            cells,
        }
    });
    let columns = columns.collect();
    RowBatch { keys: all, columns }
}

/// Upserts, and some deletions.
fn change(engine: &Engine, name: &str, subjects: usize, random: &mut Random) {
    let schema = engine.snapshot().catalog().table(name).unwrap().clone();
    let keys: Vec<usize> = (0..300).map(|_| random.below(subjects)).collect();
    let rows = some_rows(&schema, keys.into_iter(), 2, random);
    let mut dead = Keys::new(schema.key_type);
    (0..20).for_each(|_| push_key(&mut dead, random.below(subjects)));
    let mode = RowMode::Upsert;
    let changes = vec![
        (schema.id, Change::Rows { mode, rows }),
        (schema.id, Change::DeleteKeys(dead)),
    ];
    write(
        engine,
        WriteSet {
            changes,
            ..WriteSet::default()
        },
    );
}

fn json_of_number(kind: NumberType, stored: i64) -> Json {
    match kind {
        NumberType::Double => Json::from(double_from_sortable(stored)),
        NumberType::SmallInt | NumberType::Int | NumberType::BigInt => Json::from(stored),
        NumberType::Decimal { .. } | NumberType::Date | NumberType::Timestamp => {
            let mut text = String::new();
            write_value(&from_stored(kind, stored), &mut text);
            Json::from(text)
        }
    }
}

/// The values of a tag for each of the subjects.
fn json_of(partition: &PartitionState, tag: &Tag, subjects: &[u32]) -> Vec<Json> {
    let vocabulary = partition.vocabulary(tag.id);
    let strings = vocabulary.read().unwrap();
    let subjects = subjects.iter().copied();
    match tag.kind.family() {
        Family::Single => {
            let stack = partition.single(tag.id).unwrap();
            let show = |value: i64| match tag.kind {
                TagType::Boolean => Json::from(value == 1),
                TagType::Number(kind) => json_of_number(kind, value),
                _ => Json::from(strings.string(value as u32)),
            };
            let value = |ordinal| stack.get(ordinal).unwrap().map_or(Json::Null, show);
            subjects.map(value).collect()
        }
        Family::Text => {
            let stack = partition.text(tag.id).unwrap();
            let value = |ordinal| Json::from(stack.get(ordinal).unwrap());
            subjects.map(value).collect()
        }
        Family::Set | Family::Map => {
            let stack = partition.multi(tag.id).unwrap();
            let value = |ordinal| {
                let entries = stack.get(ordinal).unwrap().into_iter();
                let named: BTreeMap<&str, i64> = entries
                    .map(|(code, value)| (strings.string(code), value))
                    .collect();
                match tag.kind {
                    _ if named.is_empty() => Json::Null,
                    TagType::Map(kind) => {
                        let entries = named.into_iter();
                        let shown =
                            entries.map(|(key, value)| (key.into(), json_of_number(kind, value)));
                        Json::Object(shown.collect())
                    }
                    _ => named.into_keys().collect(),
                }
            };
            subjects.map(value).collect()
        }
    }
}

/// What the engine says: one row a subject, by key.
fn read_by_engine(engine: &Engine, name: &str) -> Vec<Json> {
    let state = engine.snapshot();
    let schema = state.catalog().table(name).unwrap();
    let mut rows: BTreeMap<Key, Json> = BTreeMap::new();
    for partition in state.table(schema.id).unwrap().partitions() {
        let all = 0..partition.next_ordinal();
        let subjects: Vec<u32> = all.filter(|ordinal| partition.is_alive(*ordinal)).collect();
        let mut columns: Vec<_> = schema
            .tags
            .iter()
            .map(|tag| (tag, json_of(partition, tag, &subjects).into_iter()))
            .collect();
        for ordinal in &subjects {
            let key = partition.key(*ordinal).unwrap();
            let mut row = Map::new();
            let shown = match &key {
                Key::Int(key) => Json::from(*key),
                Key::Text(key) => Json::from(&**key),
            };
            row.insert("id".into(), shown);
            for (tag, values) in &mut columns {
                row.insert(tag.name.to_string(), values.next().unwrap());
            }
            assert!(rows.insert(key, Json::Object(row)).is_none());
        }
    }
    rows.into_values().collect()
}

fn read_by_script(folder: &Path, table: &str) -> Vec<Json> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/compat/read_table.py");
    let output = Command::new("python3")
        .args(["-B", script])
        .arg(folder)
        .arg(table)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Equal but for the spelling of doubles.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            let both = |(key, a): (&String, &Json)| b.get(key).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(both)
        }
        _ => a == b,
    }
}

/// Closes the database, lets both read the tables, and opens it again.
fn compare(folder: &Path, engine: Arc<Engine>, stage: &str) -> Arc<Engine> {
    engine.flush().unwrap();
    engine.close().unwrap();
    for table in ["people", "devices"] {
        let expected = read_by_engine(&engine, table);
        let found = read_by_script(folder, table);
        assert_eq!(found.len(), expected.len(), "{stage}: rows of {table}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(same(found, expected), "{stage}: {found} is {expected}");
        }
        println!("{stage}: {} rows of {table}", expected.len());
    }
    drop(engine);
    open(folder)
}

#[test]
fn a_reader_written_from_the_format_page_reads_what_the_engine_reads() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut engine = open(folder);
    create(&engine, "people", KeyType::Keyword, 4);
    create(&engine, "devices", KeyType::BigInt, 1);
    for _ in 0..3 {
        change(&engine, "people", 900, &mut random);
        change(&engine, "devices", 1_000, &mut random);
        engine.flush().unwrap();
    }
    engine = compare(folder, engine, "layers in delta form");
    engine.compact(None).unwrap();
    engine = compare(folder, engine, "base form");
    // Chunks that are full, half full and nearly empty.
    let schema = engine
        .snapshot()
        .catalog()
        .table("devices")
        .unwrap()
        .clone();
    let mut load = engine.loader(schema.id, RowMode::Upsert).unwrap();
    for first in (5_000..75_000).step_by(10_000) {
        let rarity = if first < 40_000 { 3 } else { 40 };
        let rows = some_rows(&schema, first..first + 10_000, rarity, &mut random);
        load.push(&rows).unwrap();
    }
    load.finish(&WriteOptions::default()).unwrap();
    for _ in 0..2 {
        change(&engine, "people", 900, &mut random);
        change(&engine, "devices", 75_000, &mut random);
        engine.flush().unwrap();
    }
    engine = compare(folder, engine, "layers over a bulk load");
    engine.compact(None).unwrap();
    compare(folder, engine, "all merged");
}
