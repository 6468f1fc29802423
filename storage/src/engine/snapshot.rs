//! Snapshots: a flush, then hard links to the segments and a manifest of their own. A snapshot's
//! folder is laid out as a data folder is, so that restoring is copying.

use std::collections::BTreeSet;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Lsn;
use crate::manifest::{self, Manifest};
use crate::paths;
use crate::planted::{Planted, is_planted};
use crate::vfs::{Mode, RelPath, Vfs, ensure_dir, read_exact_at, remove_if_there, write_all_at};

/// A restored database goes on so many epochs later: what the original writes after the snapshot,
/// however often it is opened, has tokens of epochs below that, which are then known to be lost.
const RESTORED_EPOCHS: u32 = 1 << 16;

/// Bytes copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// What there is to know of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its name.
    pub name: String,
    /// The last batch in it.
    pub lsn: Lsn,
    /// Bytes of its files, which it may share with the database.
    pub bytes: u64,
}

impl Engine {
    /// Takes a snapshot of exactly one batch boundary.
    ///
    /// # Errors
    /// The name is not allowed or taken, or files cannot be written.
    pub fn create_snapshot(&self, name: &str) -> Result<SnapshotInfo> {
        let directory = directory_of(name)?;
        if self
            .list_snapshots()?
            .iter()
            .any(|snapshot| snapshot.name == name)
        {
            let detail = format!("snapshot {name:?} already exists");
            return Err(Error::new(ErrorKind::Conflict, "already_exists", detail));
        }
        remove_tree(&*self.vfs, &directory)?;
        self.flush()?;
        // While the files are held, no edit can delete what the manifest names.
        let files = self.files.lock();
        let manifest = files.manifest();
        let vfs = &*self.vfs;
        make_dir(vfs, &paths::snapshots_dir())?;
        make_dir(vfs, &directory)?;
        make_dir(vfs, &directory.with(&paths::manifest_dir()))?;
        make_dir(vfs, &directory.with(&paths::data_dir()))?;
        let mut folders = BTreeSet::new();
        for file in manifest.files() {
            let path = file.name.path();
            let target = directory.with(&path);
            if folders.insert(target.parent()) {
                make_dir(vfs, &target.parent())?;
            }
            if !is_planted(Planted::SnapshotNotPinned) {
                vfs.link(&path, &target)
                    .map_err(|error| Error::io(&target, error))?;
            }
        }
        for folder in &folders {
            vfs.sync_dir(folder)
                .map_err(|error| Error::io(folder, error))?;
        }
        manifest::write_new(
            vfs,
            &directory.with(&paths::manifest(manifest.number)),
            manifest,
        )?;
        Ok(info(name, manifest))
    }

    /// All snapshots, by name.
    ///
    /// # Errors
    /// The folder cannot be read, or a snapshot's manifest is damaged.
    pub fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        let mut found = Vec::new();
        for directory in list(&*self.vfs, &paths::snapshots_dir())? {
            let Some(name) = paths::parse_snapshot_dir(&directory) else {
                continue;
            };
            if let Some(manifest) = manifest_in(&*self.vfs, &directory)? {
                found.push(info(name, &manifest));
            }
        }
        Ok(found)
    }

    /// Deletes a snapshot.
    ///
    /// # Errors
    /// There is none of that name, or files cannot be deleted.
    pub fn delete_snapshot(&self, name: &str) -> Result<()> {
        let directory = directory_of(name)?;
        let Some(manifest) = manifest_in(&*self.vfs, &directory)? else {
            let detail = format!("there is no snapshot {name:?}");
            return Err(Error::new(ErrorKind::NotFound, "not_found", detail));
        };
        // Without its manifest the snapshot no longer counts, whatever else fails.
        let path = directory.with(&paths::manifest(manifest.number));
        remove_if_there(&*self.vfs, &path)
            .and_then(|()| self.vfs.sync_dir(&path.parent()))
            .map_err(|error| Error::io(&path, error))?;
        remove_tree(&*self.vfs, &directory)
    }
}

/// Copies a snapshot of the data folder `from` into the empty data folder `to`.
///
/// # Errors
/// There is no such snapshot, the target is not empty or has too little room, a file is damaged or
/// cannot be copied. A target that was refused at once is as it was.
pub fn restore(from: &dyn Vfs, name: &str, to: &dyn Vfs) -> Result<SnapshotInfo> {
    let directory = directory_of(name)?;
    let Some(mut manifest) = manifest_in(from, &directory)? else {
        let detail = format!("there is no snapshot {name:?}");
        return Err(Error::new(ErrorKind::NotFound, "not_found", detail));
    };
    if !list(to, &paths::manifest_dir())?.is_empty() || !list(to, &paths::log_dir())?.is_empty() {
        let detail = "the target folder holds a database already";
        return Err(Error::new(ErrorKind::Conflict, "already_exists", detail));
    }
    expect_room(to, &manifest)?;
    // A damaged snapshot leaves the target as it is.
    crate::check::verify_files(from, &directory, &manifest)?;
    manifest.epoch = manifest.epoch.saturating_add(RESTORED_EPOCHS);
    make_dir(to, &paths::manifest_dir())?;
    make_dir(to, &paths::data_dir())?;
    let mut folders = BTreeSet::new();
    for file in manifest.files() {
        let path = file.name.path();
        if folders.insert(path.parent()) {
            make_dir(to, &path.parent())?;
        }
        copy(from, &directory.with(&path), to, &path, file.len)?;
    }
    for folder in &folders {
        to.sync_dir(folder)
            .map_err(|error| Error::io(folder, error))?;
    }
    // So is what was written, before it counts.
    crate::check::verify_files(to, &RelPath::root(), &manifest)?;
    manifest::publish(to, &manifest)?;
    Ok(info(name, &manifest))
}

/// Refuses what does not fit before anything is copied.
fn expect_room(to: &dyn Vfs, manifest: &Manifest) -> Result<()> {
    let root = RelPath::root();
    let free = to.free_space().map_err(|error| Error::io(&root, error))?;
    let needed: u64 = manifest.files().map(|file| file.len).sum();
    if free < needed {
        let detail = format!("the snapshot takes {needed} bytes, and the disk has {free} left");
        return Err(Error::new(ErrorKind::DiskFull, "disk_full", detail));
    }
    Ok(())
}

fn copy(from: &dyn Vfs, source: &RelPath, to: &dyn Vfs, path: &RelPath, len: u64) -> Result<()> {
    let input = from
        .open(source, Mode::Read)
        .map_err(|error| Error::io(source, error))?;
    let actual = input.len().map_err(|error| Error::io(source, error))?;
    if actual != len {
        return Err(Error::corrupt(
            source,
            actual.min(len),
            format!("a file of {len} bytes"),
        ));
    }
    let output = to
        .create_new(path)
        .map_err(|error| Error::io(path, error))?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < len {
        let count = (len - at).min(COPY_BYTES as u64) as usize;
        read_exact_at(&*input, at, &mut buffer[..count])
            .map_err(|error| Error::io(source, error))?;
        write_all_at(&*output, at, &buffer[..count]).map_err(|error| Error::io(path, error))?;
        at += count as u64;
    }
    output.sync_data().map_err(|error| Error::io(path, error))
}

fn directory_of(name: &str) -> Result<RelPath> {
    paths::snapshot_dir(name).ok_or_else(|| {
        let detail = format!(
            "{name:?} cannot name a snapshot: 1 to 64 of a-z, 0-9, '_' and '-', beginning with a \
             letter or digit"
        );
        Error::new(ErrorKind::Invalid, "bad_parameter", detail)
    })
}

fn manifest_in(vfs: &dyn Vfs, directory: &RelPath) -> Result<Option<Manifest>> {
    for path in list(vfs, &directory.with(&paths::manifest_dir()))? {
        if !paths::is_temporary(&path) {
            return manifest::read(vfs, &path).map(Some);
        }
    }
    Ok(None)
}

fn info(name: &str, manifest: &Manifest) -> SnapshotInfo {
    let bytes = manifest.files().map(|file| file.len).sum();
    SnapshotInfo {
        name: name.to_owned(),
        lsn: manifest.lsn,
        bytes,
    }
}

fn make_dir(vfs: &dyn Vfs, path: &RelPath) -> Result<()> {
    ensure_dir(vfs, path).map_err(|error| Error::io(path, error))
}

fn list(vfs: &dyn Vfs, directory: &RelPath) -> Result<Vec<RelPath>> {
    match vfs.list(directory) {
        Ok(entries) => Ok(entries),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io(directory, error)),
    }
}

/// Deletes a snapshot's folder, which is at most two folders deep, if it is there.
fn remove_tree(vfs: &dyn Vfs, directory: &RelPath) -> Result<()> {
    let io = |path: &RelPath, error| Error::io(path, error);
    for inner in list(vfs, directory)? {
        for entry in list(vfs, &inner)? {
            if inner.name() == paths::data_dir().name() {
                for file in list(vfs, &entry)? {
                    remove_if_there(vfs, &file).map_err(|error| io(&file, error))?;
                }
                vfs.remove_dir(&entry).map_err(|error| io(&entry, error))?;
            } else {
                remove_if_there(vfs, &entry).map_err(|error| io(&entry, error))?;
            }
        }
        vfs.remove_dir(&inner).map_err(|error| io(&inner, error))?;
    }
    match vfs.remove_dir(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(directory, error)),
        _ => Ok(()),
    }
}
