//! A file whose header, footer or trailer is damaged: it has its place, and nothing in it can be
//! read.

use std::sync::Arc;

use super::{BlobFile, BlobRef};
use crate::error::{Damage, Error, Result};
use crate::segment::cache::BlobCache;
use crate::vfs::{Mode, RelPath, Vfs};

/// Stands for blobs that are out of reach.
pub(in crate::segment) const OUT_OF_REACH: BlobRef = BlobRef {
    offset: 0,
    len: 1,
    crc: 0,
    packed: false,
};

impl BlobFile {
    /// A file that could not be opened because of this damage: reading any blob says so.
    ///
    /// # Errors
    /// The file is not there, or cannot be read at all.
    pub fn damaged(
        vfs: &dyn Vfs,
        path: &RelPath,
        cache: Arc<BlobCache>,
        damage: Damage,
    ) -> Result<Arc<Self>> {
        let io = |error| Error::io(path, error);
        let file = vfs.open(path, Mode::Read).map_err(io)?;
        let len = file.len().map_err(io)?;
        Ok(Arc::new(Self {
            file,
            path: path.clone(),
            salt: 0,
            len,
            footer: BlobRef::default(),
            cache_id: cache.id_of(path),
            cache,
            damage: Some(Box::new(damage)),
        }))
    }

    /// Why nothing of the file can be read, if so.
    #[must_use]
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_deref()
    }
}
