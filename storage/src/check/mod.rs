//! Verification of files and of everything that must hold between them. Nothing is changed, no
//! error ends a check, and no damage makes it panic.

mod files;
mod part;
mod report;
mod rows;
mod state;
#[cfg(test)]
mod tests;

use std::io::ErrorKind as IoErrorKind;
use std::sync::Arc;

pub(crate) use files::verify_file;
pub use report::{CheckReport, Finding};

use crate::engine::batch::Batch;
use crate::engine::{DbState, load_state, replay};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Lsn;
use crate::log::{self, LogSettings};
use crate::manifest::{self, Manifest};
use crate::paths;
use crate::segment::BlobCache;
use crate::vfs::{RelPath, Vfs};

/// Memory for what is read more than once, in bytes.
const CACHE_BYTES: u64 = 256 << 20;

/// Checks the database in a folder that no process has open: every byte of every file, and all
/// that must hold between files. Damage is what the report is about, not an error.
///
/// # Errors
/// `in_use` if a process has the folder open, `not_found` if there is no database in it.
pub fn check(vfs: &dyn Vfs) -> Result<CheckReport> {
    // Locking leaves a file, and a folder that is no database is left as it is.
    if !holds_database(vfs)? {
        let detail = "there is no database in this folder";
        return Err(Error::new(ErrorKind::NotFound, "not_found", detail));
    }
    let _lock = vfs.lock().map_err(|error| {
        let detail = format!("the data folder is in use by another process: {error}");
        Error::new(ErrorKind::Conflict, "in_use", detail)
    })?;
    let mut check = Check {
        vfs,
        cache: Arc::new(BlobCache::new(CACHE_BYTES)),
        report: CheckReport::default(),
    };
    let manifests = check.list(&paths::manifest_dir());
    let has_log = check
        .list(&paths::log_dir())
        .iter()
        .any(|path| paths::parse_log_file(path).is_some());
    let numbers = manifests.iter().filter_map(paths::parse_manifest);
    check.database(numbers.max(), has_log);
    check.snapshots();
    check.cache.clear();
    Ok(check.report)
}

fn holds_database(vfs: &dyn Vfs) -> Result<bool> {
    for folder in [paths::manifest_dir(), paths::log_dir()] {
        match vfs.list(&folder) {
            Ok(files) if files.is_empty() => {}
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == IoErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(&folder, error)),
        }
    }
    Ok(false)
}

/// Verifies every byte of every file that a manifest names, in a folder laid out as a data folder.
///
/// # Errors
/// A file is missing or damaged.
pub fn verify_files(vfs: &dyn Vfs, folder: &RelPath, manifest: &Manifest) -> Result<()> {
    let cache = Arc::new(BlobCache::new(0));
    let mut first = None;
    for file in manifest.files() {
        verify_file(vfs, folder, &cache, file, &mut |error| {
            first.get_or_insert(error);
        });
    }
    first.map_or(Ok(()), Err)
}

/// A check under way.
struct Check<'a> {
    vfs: &'a dyn Vfs,
    cache: Arc<BlobCache>,
    report: CheckReport,
}

impl Check<'_> {
    /// Checks the manifest in force, its files and the log.
    fn database(&mut self, number: Option<u64>, has_log: bool) {
        let manifest = match number.map(|number| self.read_manifest(number)) {
            Some(None) => return,
            Some(Some(manifest)) => manifest,
            // A process that stopped before its first manifest has acknowledged nothing.
            None => Manifest::default(),
        };
        self.report.lsn = manifest.lsn;
        self.report.tables = manifest.catalog.tables().count() as u64;
        self.manifest(&manifest);
        let state = match self.report.is_sound() {
            true => self.load(&manifest),
            false => None,
        };
        let state = match has_log {
            true => self.log(&manifest, state),
            false => state,
        };
        if let Some(state) = state {
            self.state(&state);
        }
    }

    fn read_manifest(&mut self, number: u64) -> Option<Manifest> {
        let path = paths::manifest(number);
        match manifest::read(self.vfs, &path) {
            Ok(manifest) => {
                if manifest.number != number {
                    let what = format!("expected manifest number {number}");
                    self.report.say_at(&path, 24, what);
                }
                Some(manifest)
            }
            Err(error) => {
                self.report.add_error(&path, &error);
                None
            }
        }
    }

    fn load(&mut self, manifest: &Manifest) -> Option<DbState> {
        let loaded = load_state(self.vfs, &self.cache, manifest);
        loaded
            .map_err(|error| {
                self.report
                    .add_error(paths::manifest(manifest.number), &error);
            })
            .ok()
    }

    /// Reads the log, and applies it to the state that the files hold.
    fn log(&mut self, manifest: &Manifest, mut state: Option<DbState>) -> Option<DbState> {
        let first_lsn = manifest.lsn.0 + 1;
        let settings = LogSettings::default();
        let read = log::read(self.vfs, settings, first_lsn, &mut |lsn, payload| {
            let mut batch = Batch::decode(Lsn(lsn), payload)?;
            match &mut state {
                Some(state) => replay(state, &mut batch),
                None => Ok(()),
            }
        });
        match read {
            Ok(report) => {
                self.report.lsn = Lsn(report.last_lsn);
                self.report.log = Some(report);
                state
            }
            Err(error) => {
                self.report.add_error(paths::log_dir(), &error);
                None
            }
        }
    }

    fn snapshots(&mut self) {
        for directory in self.list(&paths::snapshots_dir()) {
            if paths::parse_snapshot_dir(&directory).is_none() {
                continue;
            }
            for path in self.list(&directory.with(&paths::manifest_dir())) {
                if !paths::is_temporary(&path) {
                    self.snapshot(&directory, &path);
                }
            }
        }
    }

    fn snapshot(&mut self, directory: &RelPath, path: &RelPath) {
        self.report.snapshots += 1;
        let manifest = match manifest::read(self.vfs, path) {
            Ok(manifest) => manifest,
            Err(error) => return self.report.add_error(path, &error),
        };
        for file in manifest.files() {
            verify_file(self.vfs, directory, &self.cache, file, &mut |error| {
                self.report
                    .add_error(directory.with(&file.name.path()), &error);
            });
        }
    }

    /// What is in a folder; nothing if it does not exist.
    fn list(&mut self, directory: &RelPath) -> Vec<RelPath> {
        match self.vfs.list(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == IoErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.report.say(directory, error.to_string());
                Vec::new()
            }
        }
    }
}
