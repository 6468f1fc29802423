//! A cache of verified blobs with a budget in bytes.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::bitmap::Bitmap;
use crate::column::{Lists, TextBlocks, Vector};
use crate::error::{Error, Result};
use crate::layer::Part;

/// What can be cached: all of it works in place on verified bytes.
#[derive(Clone, Debug)]
pub enum Cached {
    /// Bytes without form.
    Bytes(Bytes),
    /// A bitmap.
    Bitmap(Bitmap),
    /// A vector.
    Vector(Vector),
    /// Lists.
    Lists(Lists),
    /// Texts.
    Texts(TextBlocks),
    /// What a segment says of a tag.
    Part(Arc<Part>),
}

impl Cached {
    fn weight(&self) -> usize {
        const OVERHEAD: usize = 96;
        OVERHEAD
            + match self {
                Self::Bytes(bytes) => bytes.len(),
                Self::Bitmap(bitmap) => bitmap.bytes().len() * 9 / 8,
                Self::Vector(vector) => vector.bytes().len(),
                Self::Lists(lists) => lists.bytes().len(),
                Self::Texts(texts) => texts.bytes().len(),
                Self::Part(part) => part.bytes(),
            }
    }

    fn wrong() -> Error {
        Error::internal("a cached blob is of another form than asked for")
    }

    /// As bytes.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_bytes(self) -> Result<Bytes> {
        if let Self::Bytes(bytes) = self {
            Ok(bytes)
        } else {
            Err(Self::wrong())
        }
    }

    /// As a bitmap.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_bitmap(self) -> Result<Bitmap> {
        if let Self::Bitmap(bitmap) = self {
            Ok(bitmap)
        } else {
            Err(Self::wrong())
        }
    }

    /// As a vector.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_vector(self) -> Result<Vector> {
        if let Self::Vector(vector) = self {
            Ok(vector)
        } else {
            Err(Self::wrong())
        }
    }

    /// As lists.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_lists(self) -> Result<Lists> {
        if let Self::Lists(lists) = self {
            Ok(lists)
        } else {
            Err(Self::wrong())
        }
    }

    /// As texts.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_texts(self) -> Result<TextBlocks> {
        if let Self::Texts(texts) = self {
            Ok(texts)
        } else {
            Err(Self::wrong())
        }
    }

    /// As a part.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_part(self) -> Result<Arc<Part>> {
        if let Self::Part(part) = self {
            Ok(part)
        } else {
            Err(Self::wrong())
        }
    }
}

#[derive(Clone, Debug)]
struct Weigh;

impl Weighter<(u64, u64), Cached> for Weigh {
    fn weight(&self, _key: &(u64, u64), value: &Cached) -> u64 {
        value.weight() as u64
    }
}

/// Verified blobs by file and offset.
#[derive(Debug)]
pub struct BlobCache {
    blobs: Cache<(u64, u64), Cached, Weigh>,
}

impl BlobCache {
    /// A cache of at most `budget_bytes`.
    #[must_use]
    pub fn new(budget_bytes: u64) -> Self {
        Self {
            blobs: Cache::with_weighter(100_000, budget_bytes, Weigh),
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blobs.weight()
    }

    /// Lets go of everything of a file that is no longer part of the database.
    pub fn forget(&self, file: u64) {
        self.blobs.retain(|(id, _), _| *id != file);
    }

    /// What is cached under a key, or what `make` makes, which is then cached.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get_or_insert(
        &self,
        key: (u64, u64),
        make: impl FnOnce() -> Result<Cached>,
    ) -> Result<Cached> {
        if let Some(found) = self.blobs.get(&key) {
            return Ok(found);
        }
        let made = make()?;
        self.blobs.insert(key, made.clone());
        Ok(made)
    }
}
