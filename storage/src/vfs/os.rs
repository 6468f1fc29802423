//! The operating system's files: the only place that uses `std::fs`.

use std::error::Error;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{LockGuard, Mode, RelPath, Vfs, VfsFile};
use crate::paths::LOCK;

/// Zeros are written in blocks of this many bytes.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// A directory of the operating system. Its errors name the path.
#[derive(Debug)]
pub struct OsVfs {
    root: PathBuf,
}

impl OsVfs {
    /// Uses the directory `root`, making it if it is missing.
    ///
    /// # Errors
    /// An I/O error.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let naming = |error| named("create directory", &root, error);
        if !root.try_exists().map_err(naming)? {
            fs::create_dir_all(&root).map_err(naming)?;
            let above = root.canonicalize().map_err(naming)?;
            sync_directory(above.parent().unwrap_or(&above))?;
        }
        Ok(Self { root })
    }

    fn locate(&self, path: &RelPath) -> PathBuf {
        self.root.join(path.as_str())
    }
}

impl Vfs for OsVfs {
    fn create_new(&self, path: &RelPath) -> io::Result<Arc<dyn VfsFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        open_file(self.locate(path), &options, "create")
    }

    fn open(&self, path: &RelPath, mode: Mode) -> io::Result<Arc<dyn VfsFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(mode == Mode::ReadWrite);
        open_file(self.locate(path), &options, "open")
    }

    fn rename(&self, from: &RelPath, to: &RelPath) -> io::Result<()> {
        if from.parent() != to.parent() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let path = self.locate(from);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the vfs that others are to use"
        )]
        let renamed = fs::rename(&path, self.locate(to));
        renamed.map_err(|error| named("rename", &path, error))
    }

    fn link(&self, from: &RelPath, to: &RelPath) -> io::Result<()> {
        let path = self.locate(to);
        fs::hard_link(self.locate(from), &path).map_err(|error| named("link", &path, error))
    }

    fn remove(&self, path: &RelPath) -> io::Result<()> {
        let path = self.locate(path);
        fs::remove_file(&path).map_err(|error| named("remove", &path, error))
    }

    fn list(&self, directory: &RelPath) -> io::Result<Vec<RelPath>> {
        let path = self.locate(directory);
        let naming = |error| named("list", &path, error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&path).map_err(naming)? {
            let name = entry.map_err(naming)?.file_name();
            let below = name.to_str().and_then(|name| directory.join(name).ok());
            found.extend(below);
        }
        found.sort();
        Ok(found)
    }

    fn create_dir(&self, path: &RelPath) -> io::Result<()> {
        let path = self.locate(path);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other.map_err(|error| named("create directory", &path, error)),
        }
    }

    fn remove_dir(&self, path: &RelPath) -> io::Result<()> {
        let path = self.locate(path);
        fs::remove_dir(&path).map_err(|error| named("remove directory", &path, error))
    }

    fn sync_dir(&self, directory: &RelPath) -> io::Result<()> {
        sync_directory(&self.locate(directory))
    }

    fn free_space(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)
            .map_err(|error| named("ask for free space of", &self.root, error.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self) -> io::Result<LockGuard> {
        let path = self.root.join(LOCK);
        let naming = |error| named("lock", &path, error);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(naming)?;
        match file.try_lock() {
            Ok(()) => Ok(LockGuard::new(file)),
            Err(TryLockError::WouldBlock) => Err(naming(io::ErrorKind::WouldBlock.into())),
            Err(TryLockError::Error(error)) => Err(naming(error)),
        }
    }

    fn random(&self) -> u64 {
        // The standard library seeds every state from the operating system's random source.
        RandomState::new().hash_one(std::process::id())
    }
}

fn open_file(
    path: PathBuf,
    options: &OpenOptions,
    verb: &'static str,
) -> io::Result<Arc<dyn VfsFile>> {
    match options.open(&path) {
        Ok(file) => Ok(Arc::new(OsFile { file, path })),
        Err(error) => Err(named(verb, &path, error)),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| named("sync directory", path, error))
}

#[derive(Debug)]
struct OsFile {
    file: File,
    path: PathBuf,
}

impl VfsFile for OsFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, offset);
        read.map_err(|error| named("read", &self.path, error))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, offset);
        written.map_err(|error| named("write", &self.path, error))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let set = self.file.set_len(len);
        set.map_err(|error| named("resize", &self.path, error))
    }

    fn allocate_zeroed(&self, len: u64) -> io::Result<()> {
        let mut end = self.len()?;
        while end < len {
            let count =
                usize::try_from(len - end).map_or(ZEROS.len(), |rest| rest.min(ZEROS.len()));
            let zeros = ZEROS.get(..count).unwrap_or(&ZEROS);
            super::write_all_at(self, end, zeros)?;
            end += count as u64;
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|error| named("sync", &self.path, error))
    }

    fn len(&self) -> io::Result<u64> {
        let metadata = self.file.metadata();
        metadata
            .map(|metadata| metadata.len())
            .map_err(|error| named("measure", &self.path, error))
    }
}

/// An I/O error with what was tried on which path; keeps the kind.
#[derive(Debug)]
struct NamedError {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for NamedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.verb,
            self.path.display(),
            self.source
        )
    }
}

impl Error for NamedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

fn named(verb: &'static str, path: &Path, source: io::Error) -> io::Error {
    let path = path.to_path_buf();
    io::Error::new(source.kind(), NamedError { verb, path, source })
}
