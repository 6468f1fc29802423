//! Files as storage sees them: a narrow interface with positioned I/O and explicit syncs.
//!
//! Nothing else in the workspace touches the file system. [`OsVfs`] is the real one;
//! [`MemoryVfs`] keeps everything in memory, loses what was not synced when told to crash, and
//! fails where a test wants it to.
//!
//! What every implementation promises: bytes are durable after [`VfsFile::sync_data`], names
//! after [`Vfs::sync_dir`] of their directory, and neither before. A sync that failed is never
//! retried by the callers, because what it left behind is unknown.

mod memory;
mod os;
mod path;

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

pub use memory::{Damage, Fault, MemoryVfs};
pub use os::OsVfs;
pub use path::{PathError, RelPath};

/// A directory tree of files.
pub trait Vfs: fmt::Debug + Send + Sync {
    /// Creates an empty file and opens it for reading and writing.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` for its directory, or an I/O error.
    fn create_new(&self, path: &RelPath) -> io::Result<Arc<dyn VfsFile>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// `NotFound`, or an I/O error.
    fn open(&self, path: &RelPath, mode: Mode) -> io::Result<Arc<dyn VfsFile>>;

    /// Gives a file or directory another name in the same directory, replacing a file of that
    /// name in one step.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for two different directories, or an I/O error.
    fn rename(&self, from: &RelPath, to: &RelPath) -> io::Result<()>;

    /// Gives a file a second name, in any directory: create-if-absent for whole files.
    ///
    /// # Errors
    /// `AlreadyExists` if `to` exists, `NotFound`, or an I/O error.
    fn link(&self, from: &RelPath, to: &RelPath) -> io::Result<()>;

    /// Removes the name of a file; its bytes live on while it is open or has another name.
    ///
    /// # Errors
    /// `NotFound`, or an I/O error.
    fn remove(&self, path: &RelPath) -> io::Result<()>;

    /// The files and directories in `directory`, sorted. Names that no [`RelPath`] can have are
    /// not ours and are left out.
    ///
    /// # Errors
    /// `NotFound`, or an I/O error.
    fn list(&self, directory: &RelPath) -> io::Result<Vec<RelPath>>;

    /// Makes a directory; nothing happens if it is there.
    ///
    /// # Errors
    /// `NotFound` for the directory above it, or an I/O error.
    fn create_dir(&self, path: &RelPath) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, `DirectoryNotEmpty`, or an I/O error.
    fn remove_dir(&self, path: &RelPath) -> io::Result<()>;

    /// Makes the names in `directory` durable as they are now.
    ///
    /// # Errors
    /// An I/O error, after which the names may be either way.
    fn sync_dir(&self, directory: &RelPath) -> io::Result<()>;

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// An I/O error.
    fn free_space(&self) -> io::Result<u64>;

    /// Takes the tree for this process until the guard is dropped.
    ///
    /// # Errors
    /// `WouldBlock` if somebody has it, or an I/O error.
    fn lock(&self) -> io::Result<LockGuard>;

    /// A number nobody can guess; for salts, never for decisions.
    fn random(&self) -> u64;
}

/// An open file. All methods may be called from several threads at once.
pub trait VfsFile: fmt::Debug + Send + Sync {
    /// Reads up to `buffer.len()` bytes; fewer, or none, at the end of the file.
    ///
    /// # Errors
    /// An I/O error.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes a part of `bytes`, at least one byte of them, and says how many.
    ///
    /// # Errors
    /// `StorageFull`, or an I/O error, after which any part may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts the file, or extends it with zeros for which no space is taken.
    ///
    /// # Errors
    /// An I/O error.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Extends the file to `len` bytes by writing zeros, so that later writes inside it need no
    /// more space and no change of the file's metadata.
    ///
    /// # Errors
    /// `StorageFull`, or an I/O error.
    fn allocate_zeroed(&self, len: u64) -> io::Result<()>;

    /// Makes bytes and length durable as they are now.
    ///
    /// # Errors
    /// An I/O error, after which nothing written since the last success can be relied upon and
    /// the call must not be repeated.
    fn sync_data(&self) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// An I/O error.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// An I/O error.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// What an opened file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reading only.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// Holds the lock of a [`Vfs`] until it is dropped.
pub struct LockGuard {
    _held: Box<dyn Any + Send + Sync>,
}

impl LockGuard {
    fn new(held: impl Any + Send + Sync) -> Self {
        Self {
            _held: Box::new(held),
        }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockGuard")
    }
}

/// Fills `buffer` from `offset` on.
///
/// # Errors
/// `UnexpectedEof` if the file ends before, or an I/O error.
pub fn read_exact_at(file: &dyn VfsFile, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(offset + done as u64, rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes` from `offset` on.
///
/// # Errors
/// As [`VfsFile::write_at`].
pub fn write_all_at(file: &dyn VfsFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(offset + done as u64, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Replaces the file at `path` by `bytes`, durably: afterwards, and after any crash on the way,
/// the file has either its old content or the new one.
///
/// # Errors
/// An I/O error; the file then has its old content unless the directory could not be synced.
pub fn atomic_write(vfs: &dyn Vfs, path: &RelPath, bytes: &[u8]) -> io::Result<()> {
    let temporary = crate::paths::temporary(path);
    remove_if_there(vfs, &temporary)?;
    let written = vfs.create_new(&temporary).and_then(|file| {
        write_all_at(&*file, 0, bytes)?;
        file.sync_data()
    });
    if let Err(error) = written.and_then(|()| vfs.rename(&temporary, path)) {
        // The file is useless either way; the next start deletes it if this does not.
        let _ = vfs.remove(&temporary);
        return Err(error);
    }
    vfs.sync_dir(&path.parent())
}

/// Makes `path` and the directories above it exist, durably.
///
/// The directories above are synced even if everything is there: an earlier process may have
/// made them and stopped before its sync.
///
/// # Errors
/// An I/O error.
pub fn ensure_dir(vfs: &dyn Vfs, path: &RelPath) -> io::Result<()> {
    if path.is_root() {
        return Ok(());
    }
    let parent = path.parent();
    ensure_dir(vfs, &parent)?;
    vfs.create_dir(path)?;
    vfs.sync_dir(&parent)
}

/// Removes a file that may be missing.
///
/// # Errors
/// An I/O error.
pub fn remove_if_there(vfs: &dyn Vfs, path: &RelPath) -> io::Result<()> {
    match vfs.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether an error says that the disk or the quota is full.
#[must_use]
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests;
