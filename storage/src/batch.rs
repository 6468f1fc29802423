//! What a caller asks to be written: rows by key, or cells by ordinal.
//!
//! Values come as they are stored: numbers as i64 (see [`crate::schema::NumberType`]), strings by
//! their place in the column's own [`Dictionary`], so that the write lock is held for one look-up
//! a distinct string and not one a cell.

use hashbrown::HashMap;

use crate::bitmap::Bitmap;
use crate::catalog::SchemaChange;
use crate::ids::{Ordinal, PartitionId, TableId, TagId};
use crate::schema::{Key, KeyType};

/// The distinct strings of a column, in order of their first use.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    places: HashMap<Box<str>, u32>,
    strings: Vec<Box<str>>,
    /// Bytes of all strings.
    bytes: usize,
}

impl Dictionary {
    /// The place of a string, which is added if it is new.
    pub fn place(&mut self, string: &str) -> u32 {
        if let Some(place) = self.places.get(string) {
            return *place;
        }
        let place = u32::try_from(self.strings.len()).unwrap_or(u32::MAX);
        self.places.insert(string.into(), place);
        self.strings.push(string.into());
        self.bytes += string.len();
        place
    }

    /// Bytes of memory that it holds, about: each string twice, as a place and as a string.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const ENTRY_BYTES: usize = size_of::<(Box<str>, u32)>() + 1 + size_of::<Box<str>>();
        2 * self.bytes + self.places.capacity() * ENTRY_BYTES
    }

    /// The strings by place.
    #[must_use]
    pub fn strings(&self) -> &[Box<str>] {
        &self.strings
    }
}

/// What becomes of one tag of one subject. In tags with a vocabulary, numbers marked *string* are
/// places in the column's dictionary.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// NULL, the empty set or the empty map.
    Clear,
    /// A boolean (0 or 1), a keyword (string), or a number.
    Value(i64),
    /// A long text.
    Text(Box<str>),
    /// A set's whole content (strings).
    Set(Box<[u32]>),
    /// A map's whole content (string, value).
    Map(Box<[(u32, i64)]>),
    /// Members (strings) to drop, then members to put.
    EditSet {
        /// Taken away first.
        drop: Box<[u32]>,
        /// Added then.
        put: Box<[u32]>,
    },
    /// Keys (strings) to drop, then keys to set.
    EditMap {
        /// Taken away first.
        drop: Box<[u32]>,
        /// Set then.
        put: Box<[(u32, i64)]>,
    },
}

/// The cells of one tag, by row.
#[derive(Clone, Debug)]
pub struct Column {
    /// Which tag.
    pub tag: TagId,
    /// The strings that cells name.
    pub dictionary: Dictionary,
    /// `(row, cell)`, rows never falling; a row that is not named keeps what it has.
    pub cells: Vec<(u32, Cell)>,
}

impl Cell {
    /// Bytes of memory that it holds beside its own size.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Clear | Self::Value(_) => 0,
            Self::Text(text) => text.len(),
            Self::Set(members) => size_of_val(&**members),
            Self::Map(entries) => size_of_val(&**entries),
            Self::EditSet { drop, put } => size_of_val(&**drop) + size_of_val(&**put),
            Self::EditMap { drop, put } => size_of_val(&**drop) + size_of_val(&**put),
        }
    }
}

/// The keys of a batch, by row.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Of a table with integer keys.
    Ints(Vec<i64>),
    /// Of a table with string keys: all bytes, and the end of each key in them.
    Texts {
        /// The keys, one after the other.
        bytes: String,
        /// The end of each key in `bytes`.
        ends: Vec<u32>,
    },
}

impl Keys {
    /// No keys, of the given type.
    #[must_use]
    pub fn new(kind: KeyType) -> Self {
        match kind {
            KeyType::BigInt => Self::Ints(Vec::new()),
            KeyType::Keyword => Self::Texts {
                bytes: String::new(),
                ends: Vec::new(),
            },
        }
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(keys) => keys.len(),
            Self::Texts { ends, .. } => ends.len(),
        }
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that they hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Ints(keys) => keys.capacity() * size_of::<i64>(),
            Self::Texts { bytes, ends } => bytes.capacity() + ends.capacity() * size_of::<u32>(),
        }
    }

    /// The key of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> KeyRef<'_> {
        match self {
            Self::Ints(keys) => KeyRef::Int(keys[row]),
            Self::Texts { bytes, ends } => {
                let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                KeyRef::Text(&bytes[start..ends[row] as usize])
            }
        }
    }

    /// Forgets the keys of all rows from `len` on.
    pub fn truncate(&mut self, len: usize) {
        match self {
            Self::Ints(keys) => keys.truncate(len),
            Self::Texts { bytes, ends } => {
                ends.truncate(len);
                bytes.truncate(ends.last().map_or(0, |end| *end as usize));
            }
        }
    }

    /// Adds a key, which must be of the column's type.
    pub fn push(&mut self, key: KeyRef<'_>) {
        match (self, key) {
            (Self::Ints(keys), KeyRef::Int(key)) => keys.push(key),
            (Self::Texts { bytes, ends }, KeyRef::Text(key)) => {
                bytes.push_str(key);
                ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            }
            _ => debug_assert!(false, "a key of another type"),
        }
    }
}

/// A borrowed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyRef<'a> {
    /// Of a table with integer keys.
    Int(i64),
    /// Of a table with string keys.
    Text(&'a str),
}

impl Key {
    /// The key, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> KeyRef<'_> {
        match self {
            Self::Int(key) => KeyRef::Int(*key),
            Self::Text(key) => KeyRef::Text(key),
        }
    }
}

impl KeyRef<'_> {
    /// The key, owned.
    #[must_use]
    pub fn to_key(self) -> Key {
        match self {
            Self::Int(key) => Key::Int(key),
            Self::Text(key) => Key::Text(key.into()),
        }
    }
}

/// Rows by key. A key may occur several times: rows apply in order, tag by tag.
#[derive(Clone, Debug)]
pub struct RowBatch {
    /// One a row.
    pub keys: Keys,
    /// At most one for each tag.
    pub columns: Vec<Column>,
}

/// What rows mean for subjects that exist, and for tags that they do not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowMode {
    /// Tags that are named decide, the others stay.
    Upsert,
    /// As upsert; a key that exists (or occurs twice) refuses the whole write with `key_exists`.
    Insert,
    /// As upsert; rows of keys that exist are passed over.
    InsertIgnore,
    /// As upsert; all tags that are not named are cleared.
    Replace,
}

/// One change of one table's rows.
#[derive(Clone, Debug)]
pub enum Change {
    /// Rows by key.
    Rows {
        /// What they mean.
        mode: RowMode,
        /// The rows.
        rows: RowBatch,
    },
    /// Subjects to delete, by key; unknown keys are passed over.
    DeleteKeys(Keys),
    /// Subjects to delete, by ordinal.
    DeleteSubjects {
        /// Their partition.
        partition: PartitionId,
        /// Who.
        subjects: Bitmap,
    },
    /// One cell for a whole audience.
    Assign {
        /// The subjects' partition.
        partition: PartitionId,
        /// Who.
        subjects: Bitmap,
        /// The tag and the strings of the cell.
        tag: TagId,
        /// Strings that the cell names.
        dictionary: Dictionary,
        /// What becomes of the tag.
        cell: Cell,
    },
    /// A cell for each of some subjects.
    Cells {
        /// The subjects' partition.
        partition: PartitionId,
        /// The tag.
        tag: TagId,
        /// Strings that cells name.
        dictionary: Dictionary,
        /// `(ordinal, cell)`, ordinals rising.
        cells: Vec<(Ordinal, Cell)>,
    },
}

/// A batch: all of it happens, or nothing.
#[derive(Clone, Debug, Default)]
pub struct WriteSet {
    /// Changes of rows, in order.
    pub changes: Vec<(TableId, Change)>,
    /// A change of the schema; comes before `changes`.
    pub schema: Option<SchemaChange>,
    /// Subjects matched by a statement, kept as the answer's `rows_affected`.
    pub matched: Option<u64>,
}

impl WriteSet {
    /// Whether all that it does is to take away, so that it makes room in the end.
    #[must_use]
    pub fn deletes_only(&self) -> bool {
        let deletes = |change: &Change| {
            matches!(
                change,
                Change::DeleteKeys(_) | Change::DeleteSubjects { .. }
            )
        };
        let drops = |change: &SchemaChange| {
            matches!(
                change,
                SchemaChange::DropTable(_)
                    | SchemaChange::TruncateTable(_)
                    | SchemaChange::DropTag(..)
            )
        };
        self.changes.iter().all(|(_, change)| deletes(change))
            && self.schema.as_ref().is_none_or(drops)
    }
}
