//! Databases for the tests of this crate: two kinds of keys, tags of all families, rows at random.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::{Cell, Change, Column, Dictionary, KeyRef, Keys, RowBatch, RowMode, WriteSet};
use crate::bitmap::Chunk;
use crate::catalog::{NewTag, SchemaChange};
use crate::check::check;
use crate::clock::Clock;
use crate::engine::{Engine, Settings, WriteOptions};
use crate::ids::{TableId, TagId, ordinal_at};
use crate::paths::{self, SegmentKind, SegmentName};
use crate::schema::{Key, KeyType, NumberType, TagType};
use crate::vfs::{MemoryVfs, Vfs};

pub(crate) const KINDS: [TagType; 8] = [
    TagType::Boolean,
    TagType::Keyword,
    TagType::Number(NumberType::Int),
    TagType::Number(NumberType::Double),
    TagType::LongText,
    TagType::KeywordSet,
    TagType::Map(NumberType::BigInt),
    TagType::Keyword,
];

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % end
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        log_file_bytes: 64 << 10,
        background: false,
        ..Settings::default()
    }
}

pub(crate) fn open(vfs: &MemoryVfs) -> Arc<Engine> {
    Engine::open(Arc::new(vfs.clone()), settings(), Clock::manual(0)).unwrap()
}

pub(crate) fn write(engine: &Engine, set: WriteSet) {
    engine
        .write::<crate::Error>(&WriteOptions::default(), |_| Ok(set))
        .unwrap();
}

pub(crate) fn create(engine: &Engine, name: &str, key_type: KeyType, partitions: u16) {
    let tags = (0..).zip(KINDS).map(|(index, kind)| NewTag {
        name: format!("t{index}"),
        kind,
        comment: String::new(),
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

pub(crate) fn cell(kind: TagType, random: &mut Random, dictionary: &mut Dictionary) -> Cell {
    let mut string = |random: &mut Random| dictionary.place(&format!("s{}", random.below(9)));
    if random.below(6) == 0 {
        return Cell::Clear;
    }
    match kind {
        TagType::Boolean => Cell::Value(random.below(2) as i64),
        TagType::Keyword => Cell::Value(i64::from(string(random))),
        TagType::Number(_) => Cell::Value(random.below(5_000) as i64 - 2_500),
        TagType::LongText => Cell::Text("text ".repeat(random.below(200) as usize).into()),
        TagType::KeywordSet if random.below(2) == 0 => Cell::EditSet {
            drop: [string(random)].into(),
            put: [string(random)].into(),
        },
        TagType::KeywordSet => Cell::Set([string(random), string(random)].into()),
        TagType::Map(_) if random.below(2) == 0 => Cell::EditMap {
            drop: [string(random)].into(),
            put: [(string(random), random.below(100) as i64)].into(),
        },
        TagType::Map(_) => Cell::Map([(string(random), random.below(100) as i64)].into()),
    }
}

pub(crate) fn rows(engine: &Engine, table: &str, random: &mut Random, subjects: u64, count: usize) {
    let state = engine.snapshot();
    let schema = state.catalog().table(table).unwrap();
    let mut keys = Keys::new(schema.key_type);
    for _ in 0..count {
        let key = random.below(subjects);
        match schema.key_type {
            KeyType::BigInt => keys.push(KeyRef::Int(key as i64)),
            KeyType::Keyword => keys.push(KeyRef::Text(&format!("key-{key}"))),
        }
    }
    let columns = schema.tags.iter().map(|tag| {
        let mut dictionary = Dictionary::default();
        let mut cells = Vec::new();
        for row in 0..count as u32 {
            if random.below(3) > 0 {
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
    let rows = Change::Rows {
        mode: RowMode::Upsert,
        rows: RowBatch { keys, columns },
    };
    let mut changes = vec![(schema.id, rows)];
    let mut deleted = Keys::new(schema.key_type);
    let key = random.below(subjects);
    match schema.key_type {
        KeyType::BigInt => deleted.push(KeyRef::Int(key as i64)),
        KeyType::Keyword => deleted.push(KeyRef::Text(&format!("key-{key}"))),
    }
    changes.push((schema.id, Change::DeleteKeys(deleted)));
    write(
        engine,
        WriteSet {
            changes,
            ..WriteSet::default()
        },
    );
}

pub(crate) fn table(engine: &Engine, name: &str) -> TableId {
    engine.snapshot().catalog().table(name).unwrap().id
}

pub(crate) fn tag(engine: &Engine, table: &str, name: &str) -> TagId {
    let state = engine.snapshot();
    let table = state.catalog().table(table).unwrap();
    table.tag(name).unwrap().id
}

/// Integer keys with a number each.
pub(crate) fn numbers(
    table: TableId,
    tag: TagId,
    rows: impl Iterator<Item = (i64, i64)>,
) -> (TableId, Change) {
    let mut keys = Vec::new();
    let mut cells = Vec::new();
    for (row, (key, value)) in (0..).zip(rows) {
        keys.push(key);
        cells.push((row, Cell::Value(value)));
    }
    let column = Column {
        tag,
        dictionary: Dictionary::default(),
        cells,
    };
    let rows = RowBatch {
        keys: Keys::Ints(keys),
        columns: vec![column],
    };
    let mode = RowMode::Upsert;
    (table, Change::Rows { mode, rows })
}

pub(crate) fn changes(changes: Vec<(TableId, Change)>) -> WriteSet {
    WriteSet {
        changes,
        ..WriteSet::default()
    }
}

pub(crate) fn schema(change: SchemaChange) -> WriteSet {
    WriteSet {
        schema: Some(change),
        ..WriteSet::default()
    }
}

/// All numbers of a tag by key, each found by its key as well.
pub(crate) fn read_numbers(engine: &Engine, name: &str, tag: &str) -> BTreeMap<i64, i64> {
    let state = engine.snapshot();
    let schema = state.catalog().table(name).unwrap();
    let tag = schema.tag(tag).unwrap().id;
    let mut found = BTreeMap::new();
    for partition in state.table(schema.id).unwrap().partitions() {
        let stack = partition.single(tag).unwrap();
        let mut living = Vec::new();
        let mut alive = Chunk::new();
        for chunk in 0..partition.chunks() as u16 {
            partition.alive(chunk, &mut alive);
            living.extend(alive.iter().map(|low| ordinal_at(chunk, low)));
        }
        for ordinal in living {
            let Key::Int(key) = partition.key(ordinal).unwrap() else {
                panic!("a key of another type");
            };
            assert_eq!(partition.find(KeyRef::Int(key)).unwrap(), Some(ordinal));
            if let Some(value) = stack.get(ordinal).unwrap() {
                assert_eq!(found.insert(key, value), None);
            }
        }
    }
    found
}

/// How many files of a kind there are in the data folder.
pub(crate) fn count_files(vfs: &MemoryVfs, kind: SegmentKind) -> usize {
    let folders = vfs.list(&paths::data_dir()).unwrap().into_iter();
    let files = folders.flat_map(|folder| vfs.list(&folder).unwrap());
    let names = files.filter_map(|path| SegmentName::parse(&path));
    names.filter(|name| name.kind == kind).count()
}

pub(crate) fn expect_sound(vfs: &MemoryVfs) {
    let report = check(vfs).unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
}
