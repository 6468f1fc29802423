//! Reading a file's blobs through the cache.

use std::sync::Arc;

use bytes::Bytes;

use super::{BlobFile, BlobRef};
use crate::error::{Error, Result};
use crate::segment::cache::{BlobCache, Cached};
use crate::traffic;

impl BlobFile {
    /// The cache it is read through.
    #[must_use]
    pub const fn cache(&self) -> &Arc<BlobCache> {
        &self.cache
    }

    /// Its number in the cache.
    #[must_use]
    pub const fn cache_id(&self) -> u64 {
        self.cache_id
    }

    /// Reads a blob through the cache; `parse` makes of its bytes what is cached.
    ///
    /// # Errors
    /// The file cannot be read, or the blob is damaged.
    pub fn cached(
        &self,
        reference: BlobRef,
        parse: impl FnOnce(Bytes) -> Result<Cached>,
    ) -> Result<Cached> {
        traffic::asked(u64::from(reference.len));
        self.cache
            .get_or_insert((self.cache_id, reference.offset), || {
                let bytes = self.read(reference)?;
                parse(bytes).map_err(|error| self.unsound(reference, &error))
            })
    }

    /// Reads a blob, from the cache if it is there; else it is left to the caller to keep it.
    ///
    /// # Errors
    /// As of [`BlobFile::cached`].
    pub fn uncached(
        &self,
        reference: BlobRef,
        parse: impl FnOnce(Bytes) -> Result<Cached>,
    ) -> Result<Cached> {
        match self.cache.get((self.cache_id, reference.offset)) {
            Some(found) => Ok(found),
            None => parse(self.read(reference)?).map_err(|error| self.unsound(reference, &error)),
        }
    }

    fn unsound(&self, reference: BlobRef, error: &Error) -> Error {
        let expected = format!("a sound blob: {error}");
        Error::corrupt(&self.path, reference.offset, expected)
    }

    /// Something made of several blobs, cached under a number of the caller's above all offsets.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn cached_as(&self, number: u64, make: impl FnOnce() -> Result<Cached>) -> Result<Cached> {
        self.cache
            .get_or_insert((self.cache_id, u64::MAX - number), make)
    }

    /// Caches under such a number what is there already, or what has another weight now.
    pub fn recache_as(&self, number: u64, value: Cached) {
        self.cache.insert((self.cache_id, u64::MAX - number), value);
    }
}
