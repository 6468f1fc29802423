//! A cache of verified blobs with a budget in bytes.

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::bitmap::Bitmap;
use crate::column::{Lists, Spread, TextBlocks, Vector};
use crate::error::{Error, Result};
use crate::ids::TagId;
use crate::layer::Part;
use crate::layer::count::ValueCounts;
use crate::layer::resolved::{Members, ResolvedRows, ResolvedValues};
use crate::segment::keys::KeyBlock;
use crate::segment::place_hash::PlaceHash;
use crate::segment::row_group::RowGroup;
use crate::vfs::RelPath;

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
    /// Who has a code, or anything, in a chunk of a stack of layers.
    Members(Arc<Members>),
    /// The values of such a chunk.
    ResolvedValues(Arc<ResolvedValues>),
    /// The rows of such a chunk.
    ResolvedRows(Arc<ResolvedRows>),
    /// Counts of everybody in a stack of layers.
    ValueCounts(Arc<ValueCounts>),
    /// How the numbers of everybody in a stack of layers spread.
    Spread(Arc<Spread>),
    /// Keys.
    KeyBlock(Arc<KeyBlock>),
    /// Columns of a chunk, and the bytes that are held by now.
    RowGroup(Arc<RowGroup>, usize),
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
                Self::Members(members) => members.bytes(),
                Self::ResolvedValues(values) => values.bytes(),
                Self::ResolvedRows(rows) => rows.bytes(),
                Self::ValueCounts(counts) => counts.bytes(),
                Self::Spread(spread) => spread.bytes(),
                Self::KeyBlock(keys) => keys.bytes(),
                Self::RowGroup(_, bytes) => *bytes,
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

    /// As members of a chunk.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_members(self) -> Result<Arc<Members>> {
        if let Self::Members(members) = self {
            Ok(members)
        } else {
            Err(Self::wrong())
        }
    }

    /// As values of a chunk.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_resolved_values(self) -> Result<Arc<ResolvedValues>> {
        if let Self::ResolvedValues(values) = self {
            Ok(values)
        } else {
            Err(Self::wrong())
        }
    }

    /// As rows of a chunk.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_resolved_rows(self) -> Result<Arc<ResolvedRows>> {
        if let Self::ResolvedRows(rows) = self {
            Ok(rows)
        } else {
            Err(Self::wrong())
        }
    }

    /// As counts of everybody.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_value_counts(self) -> Result<Arc<ValueCounts>> {
        if let Self::ValueCounts(counts) = self {
            Ok(counts)
        } else {
            Err(Self::wrong())
        }
    }

    /// As numbers of everybody.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_spread(self) -> Result<Arc<Spread>> {
        if let Self::Spread(spread) = self {
            Ok(spread)
        } else {
            Err(Self::wrong())
        }
    }

    /// As keys.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_key_block(self) -> Result<Arc<KeyBlock>> {
        if let Self::KeyBlock(keys) = self {
            Ok(keys)
        } else {
            Err(Self::wrong())
        }
    }

    /// As columns of a chunk.
    ///
    /// # Errors
    /// It is something else.
    pub fn into_row_group(self) -> Result<Arc<RowGroup>> {
        if let Self::RowGroup(group, _) = self {
            Ok(group)
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

/// Row groups that find room in each of the parts that the cache consists of, at least.
const GROUPS_MIN: u64 = 8;
/// Bytes of a row group, at most, however large the cache is.
const GROUP_BYTES_MAX: usize = 4 << 20;

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
    blobs: Cache<(u64, u64), Cached, Weigh, PlaceHash>,
    group_bytes_max: usize,
    files: Mutex<FileIds>,
}

/// The numbers by which blobs are cached: of files, and of stacks of files.
#[derive(Debug, Default)]
struct FileIds {
    last: u64,
    by_path: HashMap<RelPath, u64>,
    by_files: HashMap<(TagId, Box<[u64]>), u64>,
}

impl BlobCache {
    /// A cache of at most `budget_bytes`.
    #[must_use]
    pub fn new(budget_bytes: u64) -> Self {
        let blobs = Cache::with(
            100_000,
            budget_bytes,
            Weigh,
            PlaceHash::default(),
            DefaultLifecycle::default(),
        );
        let share = usize::try_from(blobs.shard_capacity() / GROUPS_MIN).unwrap_or(usize::MAX);
        Self {
            blobs,
            group_bytes_max: share.min(GROUP_BYTES_MAX),
            files: Mutex::new(FileIds::default()),
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blobs.weight()
    }

    /// Bytes of a row group, at most: what is larger than its part of the cache is never kept.
    #[must_use]
    pub const fn group_bytes_max(&self) -> usize {
        self.group_bytes_max
    }

    /// The number of a file. A file never changes, so all who open it share what is cached.
    pub fn id_of(&self, path: &RelPath) -> u64 {
        let mut files = self.files.lock();
        let FileIds { last, by_path, .. } = &mut *files;
        *by_path.entry(path.clone()).or_insert_with(|| {
            *last += 1;
            *last
        })
    }

    /// The number of a stack: a tag's layers in these files.
    pub fn stack_id(&self, tag: TagId, files: Box<[u64]>) -> u64 {
        let mut ids = self.files.lock();
        let FileIds { last, by_files, .. } = &mut *ids;
        *by_files.entry((tag, files)).or_insert_with(|| {
            *last += 1;
            *last
        })
    }

    /// Lets go of everything of files that are no longer part of the database: what is cached of a
    /// file keeps it open, and its space on the disk taken.
    pub fn forget<'a>(&self, paths: impl Iterator<Item = &'a RelPath>) {
        let ids: HashSet<u64> = {
            let mut files = self.files.lock();
            let mut ids: HashSet<u64> = paths
                .filter_map(|path| files.by_path.remove(path))
                .collect();
            let gone = |(_, files): &(TagId, Box<[u64]>)| files.iter().any(|id| ids.contains(id));
            let stacks: Vec<u64> = files
                .by_files
                .extract_if(|stack, _| gone(stack))
                .map(|(_, id)| id)
                .collect();
            ids.extend(stacks);
            ids
        };
        if !ids.is_empty() {
            self.blobs.retain(|(id, _), _| !ids.contains(id));
        }
    }

    /// Lets go of everything. What is cached holds files open, and files hold their cache: whoever
    /// made the cache empties it in the end.
    pub fn clear(&self) {
        self.blobs.clear();
    }

    /// What is cached under a key.
    #[must_use]
    pub fn get(&self, key: (u64, u64)) -> Option<Cached> {
        self.blobs.get(&key)
    }

    /// Caches a value, in the place of what is cached under the key.
    pub fn insert(&self, key: (u64, u64), value: Cached) {
        self.blobs.insert(key, value);
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
