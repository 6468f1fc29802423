//! A tag segment whose header, footer or trailer is damaged.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::{TagEntry, TagSegment};
use crate::error::{Damage, Result};
use crate::ids::TagId;
use crate::schema::Family;
use crate::segment::blob_file::{BlobFile, OUT_OF_REACH};
use crate::segment::cache::BlobCache;
use crate::vfs::{RelPath, Vfs};

impl TagSegment {
    /// A segment that could not be opened because of this damage, and the tags that are to be read
    /// from it: they cannot be, and each attempt says why.
    ///
    /// # Errors
    /// The file is not there, or cannot be read at all.
    pub fn damaged(
        vfs: &dyn Vfs,
        path: &RelPath,
        cache: Arc<BlobCache>,
        damage: Damage,
        tags: impl Iterator<Item = (TagId, Family)>,
    ) -> Result<Arc<Self>> {
        let entry = |family| TagEntry {
            set: OUT_OF_REACH,
            ..TagEntry::new(family, false)
        };
        Ok(Arc::new(Self {
            file: BlobFile::damaged(vfs, path, cache, damage)?,
            subjects: OUT_OF_REACH,
            entries: tags.map(|(tag, family)| (tag, entry(family))).collect(),
            row_tags: Vec::new(),
            touched: OnceLock::new(),
            base: BTreeMap::new(),
        }))
    }
}
