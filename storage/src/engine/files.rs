//! The files of the database: the manifest in force, names for new files, and the end of old ones.
//!
//! Files are written under their names, made durable, and count from the manifest edit on. Those
//! that no manifest names any more are deleted; readers that still have them open go on reading.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::PartitionId;
use crate::manifest::{self, Manifest};
use crate::paths::{self, SegmentKind, SegmentName};
use crate::planted::{Planted, is_planted};
use crate::segment::BlobCache;
use crate::vfs::{RelPath, Vfs, ensure_dir, remove_if_there};

/// The manifest in force.
#[derive(Debug)]
pub(super) struct Files {
    vfs: Arc<dyn Vfs>,
    cache: Arc<BlobCache>,
    manifest: Manifest,
    /// Whether a later manifest may be in force after a restart.
    is_unclear: bool,
    /// Partitions whose folders are known to be there, so that they are synced once only.
    folders: BTreeSet<u16>,
}

impl Files {
    /// The files that a manifest names, which is in force.
    #[must_use]
    pub(super) const fn new(vfs: Arc<dyn Vfs>, cache: Arc<BlobCache>, manifest: Manifest) -> Self {
        Self {
            vfs,
            cache,
            manifest,
            is_unclear: false,
            folders: BTreeSet::new(),
        }
    }

    /// The manifest in force.
    #[must_use]
    pub(super) const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// A name that no file ever had.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(super) fn new_name(
        &mut self,
        partition: PartitionId,
        kind: SegmentKind,
    ) -> Result<SegmentName> {
        if !self.folders.contains(&partition.0) {
            let directory = paths::partition_dir(partition.0);
            ensure_dir(&*self.vfs, &directory).map_err(|error| Error::io(&directory, error))?;
            self.folders.insert(partition.0);
        }
        let counter = self.manifest.next_counter;
        self.manifest.next_counter += 1;
        Ok(SegmentName {
            partition: partition.0,
            epoch: self.manifest.epoch,
            counter,
            kind,
        })
    }

    /// Puts the next manifest in force, and deletes the files that it no longer names.
    ///
    /// # Errors
    /// It cannot be written: the old one stays in force. After `write_unknown` either may be, no
    /// file is deleted any more, and no manifest is published until a restart.
    pub(super) fn publish(&mut self, mut next: Manifest) -> Result<()> {
        if self.is_unclear {
            let detail = "an earlier change of the files could not be made durable";
            return Err(Error::new(ErrorKind::Poisoned, "read_only", detail));
        }
        let mut folders: BTreeSet<u16> = next.files().map(|file| file.name.partition).collect();
        folders.retain(|partition| !self.knows_all(&next, *partition));
        for partition in folders {
            if is_planted(Planted::NoSegmentDirSync) {
                continue;
            }
            let directory = paths::partition_dir(partition);
            self.vfs
                .sync_dir(&directory)
                .map_err(|error| Error::io(&directory, error))?;
        }
        next.number = self.manifest.number + 1;
        next.epoch = self.manifest.epoch;
        next.next_counter = self.manifest.next_counter;
        if is_planted(Planted::DeleteEarly) {
            let old = std::mem::replace(&mut self.manifest, next.clone());
            self.delete_old(&old);
            self.manifest = old;
        }
        if let Err(error) = manifest::publish(&*self.vfs, &next) {
            self.is_unclear = error.kind() == ErrorKind::Unknown;
            return Err(error);
        }
        let old = std::mem::replace(&mut self.manifest, next);
        self.delete_old(&old);
        Ok(())
    }

    fn knows_all(&self, next: &Manifest, partition: u16) -> bool {
        let known: BTreeSet<SegmentName> = self.manifest.files().map(|file| file.name).collect();
        let mut own = next.files().filter(|file| file.name.partition == partition);
        own.all(|file| known.contains(&file.name))
    }

    /// Deletes what the manifest in force no longer names. What cannot be deleted now is deleted
    /// when the database is next opened.
    fn delete_old(&self, old: &Manifest) {
        let named: BTreeSet<SegmentName> = self.manifest.files().map(|file| file.name).collect();
        let gone = old.files().filter(|file| !named.contains(&file.name));
        let mut paths: Vec<RelPath> = gone.map(|file| file.name.path()).collect();
        self.cache.forget(paths.iter());
        paths.push(paths::manifest(old.number));
        for path in paths {
            if let Err(error) = remove_if_there(&*self.vfs, &path) {
                tracing::warn!(%path, %error, "an old file cannot be deleted");
            }
        }
    }

    /// Deletes a file that was written in vain.
    pub(super) fn abandon(&self, name: SegmentName) {
        if self.is_unclear {
            return;
        }
        self.cache.forget([name.path()].iter());
        if let Err(error) = remove_if_there(&*self.vfs, &name.path()) {
            tracing::warn!(path = %name.path(), %error, "an abandoned file cannot be deleted");
        }
    }

    /// Deletes files that the manifest in force does not name.
    ///
    /// # Errors
    /// The data folder cannot be read.
    pub(super) fn delete_strays(&self) -> Result<()> {
        let named: BTreeSet<SegmentName> = self.manifest.files().map(|file| file.name).collect();
        let data = paths::data_dir();
        for directory in self.list(&data)? {
            if paths::parse_partition_dir(&directory).is_none() {
                tracing::warn!(path = %directory, "an unknown file in the data folder");
                continue;
            }
            for path in self.list(&directory)? {
                match SegmentName::parse(&path) {
                    Some(name) if named.contains(&name) => {}
                    Some(name) => self.abandon(name),
                    None => tracing::warn!(%path, "an unknown file in the data folder"),
                }
            }
        }
        for number in manifest::numbers(&*self.vfs)? {
            if number != self.manifest.number {
                let path = paths::manifest(number);
                remove_if_there(&*self.vfs, &path).map_err(|error| Error::io(&path, error))?;
            }
        }
        let manifests = self.list(&paths::manifest_dir())?;
        for path in self.list(&RelPath::root())?.into_iter().chain(manifests) {
            if paths::is_temporary(&path) {
                remove_if_there(&*self.vfs, &path).map_err(|error| Error::io(&path, error))?;
            }
        }
        Ok(())
    }

    fn list(&self, directory: &RelPath) -> Result<Vec<RelPath>> {
        match self.vfs.list(directory) {
            Ok(entries) => Ok(entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::io(directory, error)),
        }
    }
}
