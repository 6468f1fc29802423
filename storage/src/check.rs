//! Verification of files and of everything that must hold between them.

use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::vfs::{Mode, Vfs};

/// Verifies that every file of a manifest is there, whole.
///
/// # Errors
/// A file is missing or damaged.
pub fn verify_files(vfs: &dyn Vfs, manifest: &Manifest) -> Result<()> {
    for file in manifest.files() {
        let path = file.name.path();
        let opened = vfs
            .open(&path, Mode::Read)
            .map_err(|error| Error::io(&path, error))?;
        let len = opened.len().map_err(|error| Error::io(&path, error))?;
        if len != file.len {
            return Err(Error::corrupt(
                path,
                len.min(file.len),
                format!("{} bytes", file.len),
            ));
        }
    }
    Ok(())
}
