//! A database one of whose files has any bytes: it opens or is refused, and what opens is read,
//! written to, merged, checked and repaired.

#![expect(clippy::unwrap_used, reason = "a target fails by panics")]

use std::sync::LazyLock;

use tagdb_query::Database;
use tagdb_storage::check::check;
use tagdb_storage::manifest::{self as manifests, Manifest};
use tagdb_storage::paths::{self, SegmentKind, SegmentName};
use tagdb_storage::repair::repair;
use tagdb_storage::vfs::{MemoryVfs, RelPath, Vfs, write_all_at};

use super::database::{DISK, files, open, run, segments};
use super::{read, seal};
use crate::sim::bitrot::bytes_of;

/// The header of a log file is made sound.
const HEADERS: u8 = 1;
/// The frames of a log file, or the references of a segment, are made sound.
const SUMS: u8 = 2;
/// The frames of a log file get LSNs that follow each other.
const LSNS: u8 = 4;

/// The newest manifest of the sound database.
static MANIFEST: LazyLock<(RelPath, Manifest)> = LazyLock::new(|| {
    let number = manifests::numbers(&*DISK).unwrap().pop().unwrap();
    let path = paths::manifest(number);
    let manifest = manifests::read(&*DISK, &path).unwrap();
    (path, manifest)
});

/// Makes a file have these bytes.
fn write(disk: &MemoryVfs, path: &RelPath, bytes: &[u8]) {
    let _ = disk.remove(path);
    let file = disk.create_new(path).unwrap();
    write_all_at(&*file, 0, bytes).unwrap();
    file.sync_data().unwrap();
}

/// Does with a database what its users and its owner may do.
fn use_up(disk: &MemoryVfs) -> bool {
    let _ = check(&disk.fork());
    let opened = open(disk);
    if let Ok(database) = &opened {
        read::everything(database);
        // What cannot be read any more may be refused, but must not harm.
        let _ = run(database, "INSERT INTO u (i, w, s) VALUES (77, 'x', ['p'])");
        let _ = run(database, "UPDATE t SET n = 5, m['q'] = 1 WHERE w = 'x'");
        let _ = database.engine().flush();
        let _ = database.engine().compact(None);
        read::everything(database);
        let _ = database.engine().close();
    }
    opened.is_ok()
}

/// Repairs the database of a disk, whose checksums are as they were: what is repaired opens.
fn mend(disk: &MemoryVfs, is_forged: bool) {
    if repair(disk).is_err() {
        return;
    }
    match open(disk) {
        Ok(database) => read::everything(&database),
        Err(error) => assert!(is_forged, "repaired, and yet does not open: {error}"),
    }
}

/// Log files: flags, then each file by a length of two bytes and its bytes.
pub(super) fn log(input: &[u8]) -> bool {
    let Some((flags, mut rest)) = input.split_first() else {
        return false;
    };
    let disk = DISK.fork();
    let paths = files(&paths::log_dir());
    for path in &paths {
        disk.remove(path).unwrap();
    }
    let first = paths.iter().find_map(paths::parse_log_file).unwrap();
    for number in first..first + 8 {
        let Some((len, bytes)) = rest.split_first_chunk() else {
            break;
        };
        let len = usize::from(u16::from_le_bytes(*len)).min(bytes.len());
        let (bytes, after) = bytes.split_at(len);
        rest = after;
        let mut bytes = bytes.to_vec();
        if flags & HEADERS != 0 {
            seal::log_header(&mut bytes, number);
        }
        if flags & SUMS != 0 {
            seal::log_frames(&mut bytes, flags & LSNS != 0);
            seal::log_header(&mut bytes, number);
        }
        write(&disk, &paths::log_file(number), &bytes);
    }
    let is_forged = flags & (HEADERS | SUMS) != 0;
    mend(&disk.fork(), is_forged);
    use_up(&disk)
}

pub(super) fn log_seeds() -> Vec<Vec<u8>> {
    let mut logs = Vec::new();
    let files = files(&paths::log_dir());
    for path in files
        .iter()
        .filter(|path| paths::parse_log_file(path).is_some())
    {
        let bytes = bytes_of(&DISK, path).unwrap();
        logs.extend((bytes.len() as u16).to_le_bytes());
        logs.extend(bytes);
    }
    let with = |flags: u8| [&[flags], logs.as_slice()].concat();
    vec![with(0), with(HEADERS | SUMS), with(HEADERS | SUMS | LSNS)]
}

/// The payload of a manifest.
pub(super) fn manifest(input: &[u8]) -> bool {
    let disk = DISK.fork();
    let (path, _) = &*MANIFEST;
    write(&disk, path, &seal::manifest(input));
    if let Ok(read) = manifests::read(&disk, path) {
        // What is read is written as it was.
        let copy = RelPath::new("manifest/copy").unwrap();
        manifests::write_new(&disk, &copy, &read).unwrap();
        let again = manifests::read(&disk, &copy).unwrap();
        assert_eq!(format!("{again:?}"), format!("{read:?}"));
        disk.remove(&copy).unwrap();
    }
    mend(&disk.fork(), true);
    use_up(&disk)
}

pub(super) fn manifest_seeds() -> Vec<Vec<u8>> {
    let (path, _) = &*MANIFEST;
    let bytes = bytes_of(&DISK, path).unwrap();
    vec![seal::manifest_payload(&bytes).to_vec()]
}

/// A segment file: which one, flags, then its bytes.
pub(super) fn segment(input: &[u8]) -> bool {
    let Some((&[which, flags], bytes)) = input.split_first_chunk() else {
        return false;
    };
    let segments = segments();
    let path = &segments[usize::from(which) % segments.len()];
    let mut bytes = bytes.to_vec();
    let is_forged = flags & SUMS != 0;
    if is_forged {
        sound(&mut bytes, path);
    }
    let disk = DISK.fork();
    write(&disk, path, &bytes);
    if is_forged {
        rename(&disk, path, bytes.len() as u64);
    }
    mend(&disk.fork(), is_forged);
    use_up(&disk)
}

fn sound(bytes: &mut [u8], path: &RelPath) {
    let kind = match SegmentName::parse(path).unwrap().kind {
        SegmentKind::Tags => 1,
        SegmentKind::Keys => 2,
        SegmentKind::Vocabulary => 3,
    };
    seal::segment(bytes, path, kind);
}

/// Publishes a manifest that says how long a file is.
fn rename(disk: &MemoryVfs, path: &RelPath, len: u64) {
    let (_, manifest) = &*MANIFEST;
    let mut manifest = manifest.clone();
    manifest.number += 1;
    for partition in &mut manifest.partitions {
        let tags = partition.segments.iter_mut().map(|tags| &mut tags.file);
        let files = tags
            .chain(&mut partition.keys)
            .chain(&mut partition.vocabularies);
        for file in files.filter(|file| file.name.path() == *path) {
            file.len = len;
        }
    }
    manifests::publish(disk, &manifest).unwrap();
}

pub(super) fn segment_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (which, path) in (0..).zip(segments()) {
        let bytes = bytes_of(&DISK, &path).unwrap();
        let mut again = bytes.clone();
        sound(&mut again, &path);
        assert!(again == bytes, "{path} is sound and is changed");
        seeds.push([&[which, SUMS], bytes.as_slice()].concat());
    }
    seeds
}

/// Opens the sound database.
pub(super) fn sound_database() -> Database {
    open(&DISK.fork()).unwrap()
}
