//! Newtypes of the numbers that name things.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A table; never reused.
    TableId(u32)
);
id!(
    /// A tag of a table; never reused within the database.
    TagId(u32)
);
id!(
    /// A partition of a table, below the table's number of partitions.
    PartitionId(u16)
);
id!(
    /// The number of a batch: one sequence for the whole database, starting at 1.
    Lsn(u64)
);

/// A subject's dense number inside its partition; given in order of arrival, never reused.
pub type Ordinal = u32;

/// The number of a string in a tag's vocabulary; private to a partition.
pub type Code = u32;

/// Ordinals in a chunk.
pub const CHUNK_LEN: u32 = 1 << 16;

/// The chunk an ordinal lies in.
#[must_use]
pub const fn chunk_of(ordinal: Ordinal) -> u16 {
    (ordinal >> 16) as u16
}

/// The position of an ordinal in its chunk.
#[must_use]
pub const fn low_of(ordinal: Ordinal) -> u16 {
    (ordinal & 0xFFFF) as u16
}

/// The ordinal at a position of a chunk.
#[must_use]
pub const fn ordinal_at(chunk: u16, low: u16) -> Ordinal {
    ((chunk as u32) << 16) | low as u32
}

/// The number of chunks that `[0, next_ordinal)` reaches into.
#[must_use]
pub const fn chunk_count(next_ordinal: Ordinal) -> u32 {
    next_ordinal.div_ceil(CHUNK_LEN)
}
