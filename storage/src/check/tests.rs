use std::sync::Arc;

use super::{CheckReport, check, verify_files};
use crate::batch::{Cell, Change, Column, Dictionary, KeyRef, Keys, RowBatch, RowMode, WriteSet};
use crate::catalog::{NewTag, SchemaChange};
use crate::clock::Clock;
use crate::engine::{Engine, Settings, WriteOptions, restore};
use crate::ids::{Lsn, TableId, TagId};
use crate::manifest::{self, Manifest};
use crate::paths;
use crate::schema::{KeyType, NumberType, TagType};
use crate::vfs::{MemoryVfs, RelPath, Vfs};

const KINDS: [TagType; 8] = [
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
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % end
    }
}

fn settings() -> Settings {
    Settings {
        log_file_bytes: 64 << 10,
        background: false,
        ..Settings::default()
    }
}

fn open(vfs: &MemoryVfs) -> Arc<Engine> {
    Engine::open(Arc::new(vfs.clone()), settings(), Clock::manual(0)).unwrap()
}

fn write(engine: &Engine, set: WriteSet) {
    engine
        .write::<crate::Error>(&WriteOptions::default(), |_| Ok(set))
        .unwrap();
}

fn create(engine: &Engine, name: &str, key_type: KeyType, partitions: u16) {
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

fn cell(kind: TagType, random: &mut Random, dictionary: &mut Dictionary) -> Cell {
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

fn rows(engine: &Engine, table: &str, random: &mut Random, subjects: u64, count: usize) {
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

fn sound(vfs: &MemoryVfs) -> CheckReport {
    let report = check(vfs).unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
    report
}

/// A closed database of two tables, with several layers, base form, snapshot and log.
fn database(seed: u64) -> MemoryVfs {
    let vfs = MemoryVfs::new(seed);
    let mut random = Random(seed);
    let engine = open(&vfs);
    create(&engine, "people", KeyType::Keyword, 2);
    create(&engine, "devices", KeyType::BigInt, 1);
    for round in 0..6 {
        rows(&engine, "people", &mut random, 60, 40);
        rows(&engine, "devices", &mut random, 300, 100);
        if round % 2 == 0 {
            engine.flush().unwrap();
        }
        if round == 2 {
            engine.compact(None).unwrap();
            engine.create_snapshot("first").unwrap();
        }
    }
    engine.close().unwrap();
    vfs
}

#[test]
fn databases_are_sound_at_every_step() {
    for seed in 0..4 {
        println!("seed {seed}");
        let vfs = MemoryVfs::new(seed);
        let mut random = Random(seed);
        let mut engine = open(&vfs);
        create(&engine, "people", KeyType::Keyword, 2);
        for _ in 0..12 {
            match random.below(5) {
                0 => engine.flush().unwrap(),
                1 => engine.compact(None).unwrap(),
                _ => rows(&engine, "people", &mut random, 40, 30),
            }
            let subjects: u64 = engine
                .snapshot()
                .catalog()
                .tables()
                .filter_map(|schema| engine.snapshot().table(schema.id).cloned())
                .flat_map(|table| table.partitions().to_vec())
                .map(|partition| partition.subjects())
                .sum();
            engine.close().unwrap();
            let lsn = engine.snapshot().lsn();
            drop(engine);
            let report = sound(&vfs);
            assert_eq!((report.subjects, report.lsn), (subjects, lsn));
            engine = open(&vfs);
        }
    }
}

#[test]
fn a_check_counts_what_there_is_and_changes_nothing() {
    let vfs = database(1);
    let before = (files(&vfs), bytes_of_all(&vfs));
    let report = sound(&vfs);
    assert_eq!((report.tables, report.snapshots), (2, 1));
    assert!(report.layers > 16 && report.files >= 9 && report.subjects > 100);
    assert!(report.log.is_some_and(|log| log.frames_applied > 0));
    assert_eq!((files(&vfs), bytes_of_all(&vfs)), before);
}

#[test]
fn a_folder_in_use_or_without_a_database_is_refused() {
    let vfs = MemoryVfs::new(1);
    assert_eq!(check(&vfs).unwrap_err().code(), "not_found");
    let engine = open(&vfs);
    assert_eq!(check(&vfs).unwrap_err().code(), "in_use");
    drop(engine);
    sound(&vfs);
}

fn files(vfs: &MemoryVfs) -> Vec<RelPath> {
    let mut files = vfs.list(&paths::manifest_dir()).unwrap();
    for folder in vfs.list(&paths::data_dir()).unwrap() {
        files.extend(vfs.list(&folder).unwrap());
    }
    files
}

fn bytes_of(vfs: &MemoryVfs, path: &RelPath) -> Vec<u8> {
    let file = vfs.open(path, crate::vfs::Mode::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    crate::vfs::read_exact_at(&*file, 0, &mut bytes).unwrap();
    bytes
}

fn bytes_of_all(vfs: &MemoryVfs) -> Vec<Vec<u8>> {
    let files = files(vfs);
    files.iter().map(|path| bytes_of(vfs, path)).collect()
}

/// A byte that is not what was written is found, wherever it is.
#[test]
fn every_turned_byte_is_found() {
    let vfs = database(2);
    let mut random = Random(2);
    for path in files(&vfs) {
        let len = bytes_of(&vfs, &path).len() as u64;
        // All of the small files, and enough of the large ones.
        let step = 1 + len / 120;
        let mut at = random.below(step);
        while at < len {
            let damaged = vfs.fork();
            damaged.flip(&path, at, 1 << random.below(8)).unwrap();
            let report = check(&damaged).unwrap();
            assert!(!report.is_sound(), "{path} at {at} of {len}");
            at += step;
        }
    }
}

#[test]
fn a_short_or_missing_file_is_found_and_the_rest_is_checked() {
    let vfs = database(3);
    let data: Vec<RelPath> = files(&vfs)
        .into_iter()
        .filter(|path| paths::parse_manifest(path).is_none())
        .collect();
    for path in &data {
        let damaged = vfs.fork();
        damaged.remove(path).unwrap();
        let report = check(&damaged).unwrap();
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.file == path.as_str())
        );
        let damaged = vfs.fork();
        let len = bytes_of(&vfs, path).len() as u64;
        let file = damaged.open(path, crate::vfs::Mode::ReadWrite).unwrap();
        file.set_len(len - 1).unwrap();
        let report = check(&damaged).unwrap();
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.file == path.as_str())
        );
    }
    let damaged = vfs.fork();
    for path in &data {
        damaged.flip(path, 70, 1).unwrap();
    }
    let report = check(&damaged).unwrap();
    for path in &data {
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.file == path.as_str())
        );
    }
}

#[test]
fn damage_to_a_snapshot_is_found_and_not_restored() {
    let vfs = database(4);
    let folder = RelPath::new("snapshots/first").unwrap();
    let number = {
        let listed = vfs.list(&folder.with(&paths::manifest_dir())).unwrap();
        listed[0].clone()
    };
    let snapshot = manifest::read(&vfs, &number).unwrap();
    for file in snapshot.files() {
        let damaged = vfs.fork();
        let path = folder.with(&file.name.path());
        damaged.flip(&path, file.len / 2, 8).unwrap();
        let report = check(&damaged).unwrap();
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.file == path.as_str())
        );
        let target = MemoryVfs::new(9);
        let error = restore(&damaged, "first", &target).unwrap_err();
        assert_eq!(error.code(), "corrupt");
        assert!(manifest::numbers(&target).unwrap().is_empty());
    }
    let target = MemoryVfs::new(9);
    restore(&vfs, "first", &target).unwrap();
    assert_eq!(sound(&target).lsn, snapshot.lsn);
}

/// A manifest that names sound files and yet cannot be: each change is found.
#[test]
fn contradictions_between_files_are_found() {
    let vfs = database(5);
    let number = *manifest::numbers(&vfs).unwrap().last().unwrap();
    let whole = manifest::read(&vfs, &paths::manifest(number)).unwrap();
    verify_files(&vfs, &whole).unwrap();
    let changes: [(&str, &dyn Fn(&mut Manifest)); 12] = [
        ("named twice", &|m| {
            let file = m.partitions[0].keys[0];
            m.partitions[0].keys.push(file);
        }),
        ("is there twice", &|m| {
            let partition = m.partitions[0].clone();
            m.partitions.push(partition);
        }),
        ("not in the catalog", &|m| {
            m.partitions[0].table = TableId(77)
        }),
        ("does not cover", &|m| {
            m.partitions[0].segments[0].last_lsn = Lsn(m.lsn.0 + 9);
        }),
        ("overlap", &|m| {
            let segments = &mut m.partitions[0].segments;
            let last = segments[0].last_lsn;
            segments[1].first_lsn = last;
        }),
        ("does not rise|do not rise", &|m| {
            m.partitions[0].segments[0].tags.reverse()
        }),
        ("was dropped", &|m| {
            m.partitions[0].segments[0].tags.push(TagId(9_999))
        }),
        ("never given", &|m| m.partitions[0].next_ordinal = 3),
        ("strings of tag", &|m| {
            m.partitions[0].vocabularies.reverse()
        }),
        ("not in the vocabulary|does not have", &|m| {
            m.partitions[0].vocabularies.truncate(1);
        }),
        ("oldest layer", &|m| {
            m.partitions[0].segments.remove(0);
        }),
        ("subjects of chunk 0 have", &|m| {
            m.partitions[0].keys.remove(0);
        }),
    ];
    for (expected, change) in changes {
        let damaged = vfs.fork();
        let mut manifest = whole.clone();
        manifest.number += 1;
        change(&mut manifest);
        manifest::publish(&damaged, &manifest).unwrap();
        let report = check(&damaged).unwrap();
        let mut found = report.findings.iter();
        assert!(
            found.any(|finding| expected.split('|').any(|one| finding.what.contains(one))),
            "{expected}: {:#?}",
            report.findings
        );
    }
}
