//! The limits of what can be stored. Query limits are the query crate's own.

/// Bytes of a keyword key.
pub const KEY_BYTES_MAX: usize = 512;
/// Bytes of a keyword, a set member or a map key.
pub const KEYWORD_BYTES_MAX: usize = 1024;
/// Bytes of a long text.
pub const LONG_TEXT_BYTES_MAX: usize = 1 << 20;
/// Members of a set, or keys of a map, of one subject.
pub const MEMBERS_MAX: usize = 65_536;
/// Tags of a table.
pub const TAGS_MAX: usize = 4_096;
/// Tables of a database.
pub const TABLES_MAX: usize = 4_096;
/// Partitions of a table.
pub const PARTITIONS_MAX: u16 = 256;
/// Distinct strings of a tag, by default.
pub const VOCABULARY_ENTRIES_MAX: usize = 1_000_000;
/// Bytes of the distinct strings of a tag, by default.
pub const VOCABULARY_BYTES_MAX: usize = 64 << 20;
/// Characters of a table's or a tag's name.
pub const NAME_BYTES_MAX: usize = 63;
/// Bytes of a comment.
pub const COMMENT_BYTES_MAX: usize = 4_096;
/// Bytes of an idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// Ordinals of a partition: the last one stays free, so that ends of ranges fit a u32.
pub const ORDINALS_MAX: u32 = u32::MAX - 65_536;
