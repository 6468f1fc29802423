//! Files for what does not fit in memory and need not outlive its use.

use std::io;
use std::sync::Arc;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::paths;
use crate::vfs::{VfsFile, write_all_at};

/// A file of the data folder without a name: it is gone when it is dropped, and after a crash.
#[derive(Clone, Debug)]
pub struct ScratchFile {
    file: Arc<dyn VfsFile>,
    len: u64,
}

impl Engine {
    /// Makes an empty scratch file.
    ///
    /// # Errors
    /// The disk cannot be written.
    pub fn scratch_file(&self) -> Result<ScratchFile> {
        let path = paths::scratch(self.vfs.random());
        let failed = |error| Error::io(&path, error);
        let file = self.vfs.create_new(&path).map_err(failed)?;
        // The bytes live as long as somebody has the file open. Should the process die just here,
        // the next start deletes the name.
        self.vfs.remove(&path).map_err(failed)?;
        Ok(ScratchFile { file, len: 0 })
    }
}

impl ScratchFile {
    /// Writes bytes behind those that are there.
    ///
    /// # Errors
    /// The disk is full or cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        write_all_at(&*self.file, self.len, bytes)
            .map_err(|error| Error::io("a scratch file", error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The number of bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads up to `buffer.len()` bytes from an offset; none at the end.
    ///
    /// # Errors
    /// An I/O error.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }
}
