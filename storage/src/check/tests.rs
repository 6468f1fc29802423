use super::{CheckReport, check, verify_files};
use crate::engine::restore;
use crate::engine::tests::fixture::{Random, create, open, rows};
use crate::ids::{Lsn, TableId, TagId};
use crate::manifest::{self, Manifest};
use crate::paths;
use crate::schema::KeyType;
use crate::vfs::{MemoryVfs, RelPath, Vfs};

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
        // Verified first: not even a folder was made.
        assert!(target.list(&RelPath::root()).unwrap().is_empty());
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
    verify_files(&vfs, &RelPath::root(), &whole).unwrap();
    let changes: [(&str, &dyn Fn(&mut Manifest)); 11] = [
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
