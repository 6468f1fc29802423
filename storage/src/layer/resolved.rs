//! What the flushed layers of a tag come to in one chunk, kept in the cache of blobs.
//!
//! Layers in files change only when a flush, a compaction or a load changes the stack, which then
//! has another number. Layers in memory are not resolved: they are read on top.

use std::sync::Arc;

use crate::bitmap::{Bitmap, BitmapWriter, Chunk};
use crate::column::{Spread, Vector};
use crate::error::Result;
use crate::ids::Code;
use crate::layer::count::ValueCounts;
use crate::layer::part::{ChunkValues, FlatRows};
use crate::segment::cache::{BlobCache, Cached};

/// A chunk's content is resolved for candidates who are at least one in so many of its subjects.
const WORTH_SHARE: u64 = 64;

/// Members of a chunk below which they are kept one by one.
const FEW: usize = 512;

/// Where chunks of one stack of flushed layers are kept.
#[derive(Clone, Debug)]
pub struct ChunkCache {
    cache: Arc<BlobCache>,
    /// The number of the stack.
    stack: u64,
}

/// What is kept of a chunk. The numbers are part of the cache's keys.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Members = 0,
    Known = 1,
    Content = 2,
    Everybody = 3,
}

/// Some subjects of a chunk.
#[derive(Debug)]
pub enum Members {
    /// As a bitset.
    Many(Box<Chunk>),
    /// Positions, rising.
    Few(Box<[u16]>),
}

/// The values of a boolean, keyword or number in a chunk.
#[derive(Debug)]
pub struct ResolvedValues {
    /// The subjects that have a value; only those of the chunk.
    pub set: Bitmap,
    /// A value for each.
    pub values: ChunkValues,
}

/// The entries of a set or map in a chunk.
#[derive(Debug)]
pub struct ResolvedRows {
    /// The subjects that have any; only those of the chunk.
    pub set: Bitmap,
    /// Their entries, in rank order.
    pub rows: FlatRows,
}

impl Members {
    /// The members of a bitset.
    #[must_use]
    pub fn new(chunk: &Chunk) -> Self {
        if chunk.count() as usize > FEW {
            Self::Many(Box::new(chunk.clone()))
        } else {
            Self::Few(chunk.iter().collect())
        }
    }

    /// Makes `out` those of the candidates that are members.
    pub(crate) fn among(&self, candidates: &Chunk, out: &mut Chunk) {
        match self {
            Self::Many(chunk) => out.assign_and(candidates, chunk),
            Self::Few(lows) => {
                out.clear();
                for low in lows.iter().filter(|low| candidates.contains(**low)) {
                    out.set(*low);
                }
            }
        }
    }

    /// Makes `out` the members.
    pub(crate) fn copy_into(&self, out: &mut Chunk) {
        match self {
            Self::Many(chunk) => out.copy_from(chunk),
            Self::Few(lows) => {
                out.clear();
                lows.iter().for_each(|low| out.set(*low));
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Many(_) => size_of::<Chunk>(),
            Self::Few(lows) => size_of_val(&**lows),
        }
    }
}

impl ResolvedValues {
    /// The values by position of those who are known.
    #[must_use]
    pub fn new(chunk: u16, known: &Chunk, values: &[i64]) -> Self {
        let (vector, is_dense) = Vector::narrow(known, values);
        Self {
            set: one_chunk(chunk, known),
            values: ChunkValues {
                vector,
                start: (!is_dense).then_some(0),
            },
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.set.bytes().len() + self.values.vector.bytes().len()
    }
}

impl ResolvedRows {
    /// The rows of those who are present.
    #[must_use]
    pub fn new(chunk: u16, present: &Chunk, rows: FlatRows) -> Self {
        Self {
            set: one_chunk(chunk, present),
            rows,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.set.bytes().len() + self.rows.bytes()
    }
}

/// Whether it pays to resolve a chunk of so many subjects in layers for so many candidates.
pub(crate) fn is_worth(candidates: u32, subjects: u64) -> bool {
    u64::from(candidates) * WORTH_SHARE >= subjects
}

fn one_chunk(chunk: u16, members: &Chunk) -> Bitmap {
    let mut writer = BitmapWriter::new();
    writer.push_chunk(chunk, members);
    writer.finish()
}

impl ChunkCache {
    /// Chunks of the stack of that number.
    pub(crate) const fn new(cache: Arc<BlobCache>, stack: u64) -> Self {
        Self { cache, stack }
    }

    /// Those who have a code.
    pub(crate) fn members(
        &self,
        chunk: u16,
        code: Code,
        resolve: impl FnOnce(&mut Chunk) -> Result<()>,
    ) -> Result<Arc<Members>> {
        self.get_members(self.key(Kind::Members, chunk, code), resolve)
    }

    /// Those who have anything.
    pub(crate) fn known(
        &self,
        chunk: u16,
        resolve: impl FnOnce(&mut Chunk) -> Result<()>,
    ) -> Result<Arc<Members>> {
        self.get_members(self.key(Kind::Known, chunk, 0), resolve)
    }

    fn get_members(
        &self,
        key: (u64, u64),
        resolve: impl FnOnce(&mut Chunk) -> Result<()>,
    ) -> Result<Arc<Members>> {
        let make = || {
            let mut found = Chunk::new();
            resolve(&mut found)?;
            Ok(Cached::Members(Arc::new(Members::new(&found))))
        };
        self.cache.get_or_insert(key, make)?.into_members()
    }

    /// The values of a chunk, unless they are not there and are not to be made.
    pub(crate) fn values(
        &self,
        chunk: u16,
        make: bool,
        resolve: impl FnOnce() -> Result<ResolvedValues>,
    ) -> Result<Option<Arc<ResolvedValues>>> {
        let key = self.key(Kind::Content, chunk, 0);
        let found = self.get(key, make, || {
            Ok(Cached::ResolvedValues(Arc::new(resolve()?)))
        })?;
        found.map(Cached::into_resolved_values).transpose()
    }

    /// The rows of a chunk, unless they are not there and are not to be made.
    pub(crate) fn rows(
        &self,
        chunk: u16,
        make: bool,
        resolve: impl FnOnce() -> Result<ResolvedRows>,
    ) -> Result<Option<Arc<ResolvedRows>>> {
        let key = self.key(Kind::Content, chunk, 0);
        let found = self.get(key, make, || Ok(Cached::ResolvedRows(Arc::new(resolve()?))))?;
        found.map(Cached::into_resolved_rows).transpose()
    }

    /// How many of everybody have each value.
    pub(crate) fn everybody(
        &self,
        count: impl FnOnce() -> Result<ValueCounts>,
    ) -> Result<Arc<ValueCounts>> {
        let key = self.key(Kind::Everybody, 0, 0);
        let make = || Ok(Cached::ValueCounts(Arc::new(count()?)));
        self.cache.get_or_insert(key, make)?.into_value_counts()
    }

    /// How the numbers of everybody spread.
    pub(crate) fn spread(&self, count: impl FnOnce() -> Result<Spread>) -> Result<Arc<Spread>> {
        let key = self.key(Kind::Everybody, 0, 0);
        let make = || Ok(Cached::Spread(Arc::new(count()?)));
        self.cache.get_or_insert(key, make)?.into_spread()
    }

    fn get(
        &self,
        key: (u64, u64),
        make: bool,
        resolve: impl FnOnce() -> Result<Cached>,
    ) -> Result<Option<Cached>> {
        if make {
            self.cache.get_or_insert(key, resolve).map(Some)
        } else {
            Ok(self.cache.get(key))
        }
    }

    fn key(&self, kind: Kind, chunk: u16, code: Code) -> (u64, u64) {
        let place = (kind as u64) << 48 | u64::from(code) << 16 | u64::from(chunk);
        (self.stack, place)
    }
}
