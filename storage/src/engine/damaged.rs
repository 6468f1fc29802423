//! Files that merging has found damaged. They are left alone until the database is opened again, so
//! that what is sound goes on being merged, and nothing is tried over and over.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::vfs::RelPath;

/// Damaged files, each with what was found.
#[derive(Debug, Default)]
pub(super) struct DamagedFiles(Mutex<BTreeMap<RelPath, String>>);

impl DamagedFiles {
    fn any_of(&self, inputs: &[RelPath]) -> bool {
        let known = self.0.lock();
        inputs.iter().any(|path| known.contains_key(path))
    }

    fn note(&self, inputs: &[RelPath], error: &Error) {
        let named = error.damage().map(|damage| &*damage.file);
        let is_named = |path: &&RelPath| named == Some(path.as_str());
        let mut known = self.0.lock();
        match inputs.iter().find(is_named) {
            Some(path) => drop(known.insert(path.clone(), error.detail().to_owned())),
            // It does not say which: none of them is tried again.
            None => known.extend(
                inputs
                    .iter()
                    .map(|path| (path.clone(), error.detail().to_owned())),
            ),
        }
    }

    /// What was found.
    pub(super) fn list(&self) -> Vec<String> {
        self.0.lock().values().cloned().collect()
    }

    /// What was found first, as an error.
    ///
    /// # Errors
    /// There is a damaged file.
    pub(super) fn expect_none(&self) -> Result<()> {
        match self.0.lock().values().next() {
            Some(detail) => Err(Error::new(ErrorKind::Corrupt, "corrupt", detail.clone())),
            None => Ok(()),
        }
    }
}

impl Engine {
    /// Merges some files, unless one of them is known to be damaged; tells whether they were. A
    /// file that turns out to be damaged is remembered, and is no error.
    pub(super) fn merge_sound(
        &self,
        inputs: &[RelPath],
        merge: impl FnOnce() -> Result<()>,
    ) -> Result<bool> {
        if self.damaged.any_of(inputs) {
            return Ok(false);
        }
        match merge() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                tracing::error!(%error, "a damaged file is left as it is");
                self.damaged.note(inputs, &error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
