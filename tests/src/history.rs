//! What can happen to a database, told by names and keys.

use std::sync::Arc;

use tagdb_storage::batch::RowMode;
use tagdb_storage::schema::{Key, KeyType, TagType};
use tagdb_storage::vfs::{Damage, Fault};

/// A history: how the database is opened, and what happens then.
#[derive(Clone, Debug)]
pub struct History {
    /// What it was made from.
    pub seed: u64,
    /// Bytes of the engine's cache.
    pub cache_bytes: u64,
    /// Bytes of a log file.
    pub log_file_bytes: u64,
    /// Cells of known subjects that a load gathers.
    pub load_cells: usize,
    /// The whole database is checked at every so many openings.
    pub check_every: usize,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One operation.
#[derive(Clone, Debug)]
pub enum Step {
    /// A batch.
    Write(Write),
    /// A bulk load.
    Load(Load),
    /// Ordinals are used up, so that those that follow lie in later chunks.
    Burn {
        /// In this table.
        table: Arc<str>,
        /// So many.
        count: u32,
    },
    /// Memory becomes segments.
    Flush,
    /// Segments are merged, of one table or of all.
    Compact(Option<Arc<str>>),
    /// Segments are merged as far as the policy calls for it.
    CompactDue,
    /// Random neighbours of each stack of segments are merged.
    CompactSome(u64),
    /// The database is left and opened again.
    Reopen(Stop),
    /// Something fails within an operation.
    Interrupted(Interruption),
    /// The disk has room for so many more bytes while others do what they can; then there is room
    /// again.
    Full {
        /// Bytes.
        room: u64,
        /// What they try.
        steps: Vec<Step>,
    },
    /// The last named write is sent again, as it was or with another fingerprint.
    Repeat {
        /// Whether it is the same request.
        same: bool,
    },
    /// A snapshot is taken.
    Snapshot(Arc<str>),
    /// A snapshot is copied to another disk and compared there.
    Restore(Arc<str>),
    /// A snapshot is deleted.
    DeleteSnapshot(Arc<str>),
    /// Somebody else tries to open the database.
    OpenTwice,
}

/// A bulk load.
#[derive(Clone, Debug)]
pub struct Load {
    /// Its only edit is one of a loader.
    pub write: Write,
    /// Rows come in so many batches.
    pub batches: usize,
    /// What others do after the first batch.
    pub meanwhile: Vec<Step>,
    /// Whether it is given up before its end.
    pub given_up: bool,
}

/// An operation on files that fails.
#[derive(Clone, Debug)]
pub struct Interruption {
    /// What is under way.
    pub step: Box<Step>,
    /// After so many operations on files.
    pub after: u64,
    /// How it fails.
    pub fault: Fault,
    /// Whether everything after it fails as well.
    pub sticky: bool,
    /// What comes then. If nothing does, the database goes on as long as it can.
    pub stop: Option<Stop>,
}

/// How the database is left.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// As it should be.
    Close,
    /// The process is killed.
    Kill,
    /// The power goes; the seed of what is left.
    Power(u64),
    /// The power goes, and does this damage.
    Cut(Damage, u64),
}

/// A batch and how it is written.
#[derive(Clone, Debug)]
pub struct Write {
    /// Whether the answer waits for the disk.
    pub durable: bool,
    /// The write's name.
    pub name: Option<Arc<str>>,
    /// A change of the schema.
    pub schema: Option<Ddl>,
    /// Changes of rows, in order, each with its table.
    pub edits: Vec<(Arc<str>, Edit)>,
}

/// A change of the schema.
#[derive(Clone, Debug)]
pub enum Ddl {
    /// A new table.
    Create {
        /// Its name.
        table: Arc<str>,
        /// The type of its key.
        key_type: KeyType,
        /// How many partitions.
        partitions: u16,
        /// Its tags.
        tags: Vec<(Arc<str>, TagType)>,
    },
    /// A table goes.
    Drop(Arc<str>),
    /// All rows go.
    Truncate(Arc<str>),
    /// A new tag.
    AddTag(Arc<str>, Arc<str>, TagType),
    /// A tag goes.
    DropTag(Arc<str>, Arc<str>),
    /// A tag gets another name.
    RenameTag(Arc<str>, Arc<str>, Arc<str>),
}

/// The cells of a tag, by row.
pub type NamedColumn = (Arc<str>, Vec<(u32, Value)>);

/// A change of rows.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Rows by key.
    Rows {
        /// What they mean.
        mode: RowMode,
        /// One a row; keys may repeat.
        keys: Vec<Key>,
        /// Tags, each with its cells by row.
        columns: Vec<NamedColumn>,
    },
    /// Subjects die, by key.
    Delete(Vec<Key>),
    /// Those of the keys that exist before the batch die, by ordinal.
    DeleteAudience(Audience),
    /// One value for all of an audience.
    Assign {
        /// Who.
        audience: Audience,
        /// The tag.
        tag: Arc<str>,
        /// What becomes of it.
        value: Value,
    },
    /// A value for each of an audience, by ordinal.
    Cells {
        /// The tag.
        tag: Arc<str>,
        /// Who gets what.
        cells: Vec<(Key, Value)>,
    },
    /// Rows through a loader, as upserts; the only edit of its batch.
    Load {
        /// One a row.
        keys: Vec<Key>,
        /// Tags, each with its cells by row.
        columns: Vec<NamedColumn>,
        /// What the rows mean.
        mode: RowMode,
    },
    /// All values of some tags are replaced by those of a loader; the only edit of its batch.
    ReplaceTags {
        /// One a row.
        keys: Vec<Key>,
        /// Tags, each with its cells by row.
        columns: Vec<NamedColumn>,
    },
}

/// Subjects that are named by ordinal: those of the keys that exist before the batch.
#[derive(Clone, Debug)]
pub struct Audience {
    /// Their keys.
    pub keys: Vec<Key>,
    /// Whether dead ordinals and such as were never given are named as well.
    pub strays: bool,
}

/// What becomes of a tag of a subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing is left.
    Clear,
    /// A boolean or a number, as stored.
    Number(i64),
    /// A keyword.
    Keyword(Arc<str>),
    /// A long text.
    Text(Arc<str>),
    /// A set's members.
    Set(Vec<Arc<str>>),
    /// A map's entries; of several of one key the last counts.
    Map(Vec<(Arc<str>, i64)>),
    /// Members to drop, then to put.
    EditSet(Vec<Arc<str>>, Vec<Arc<str>>),
    /// Keys to drop, then entries to put.
    EditMap(Vec<Arc<str>>, Vec<(Arc<str>, i64)>),
}
