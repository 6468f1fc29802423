//! Types of tags and the shape of a table.

use std::sync::Arc;

use crate::ids::{TableId, TagId};

/// The type of the numbers of a tag or of a map's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberType {
    /// 16 bits, signed.
    SmallInt,
    /// 32 bits, signed.
    Int,
    /// 64 bits, signed.
    BigInt,
    /// Fixed point: `precision` digits (1 to 18), `scale` of them after the point; stored as an
    /// integer of 10^-scale.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// IEEE 754 binary64 without NaN and infinities, stored by [`sortable_from_double`].
    Double,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
}

/// The type of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagType {
    /// 0 or 1.
    Boolean,
    /// One string of the tag's vocabulary, stored as its code.
    Keyword,
    /// A number, stored as an i64.
    Number(NumberType),
    /// Text outside any vocabulary and index.
    LongText,
    /// A set of strings of the tag's vocabulary.
    KeywordSet,
    /// Numbers under strings of the tag's vocabulary.
    Map(NumberType),
}

/// How the values of a tag are laid out in layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// At most one i64 a subject.
    Single,
    /// At most one text a subject.
    Text,
    /// Any number of entries a subject, without payload.
    Set,
    /// Any number of entries a subject, each with an i64.
    Map,
}

impl NumberType {
    /// Whether a number as stored is in the type's range.
    #[must_use]
    pub fn holds(self, value: i64) -> bool {
        match self {
            Self::SmallInt => i16::try_from(value).is_ok(),
            Self::Int | Self::Date => i32::try_from(value).is_ok(),
            Self::BigInt | Self::Timestamp => true,
            Self::Decimal { precision, .. } => {
                value.unsigned_abs() < 10_u64.saturating_pow(u32::from(precision))
            }
            Self::Double => double_from_sortable(value).is_finite(),
        }
    }
}

impl TagType {
    /// The layout of the type's values.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Boolean | Self::Keyword | Self::Number(_) => Family::Single,
            Self::LongText => Family::Text,
            Self::KeywordSet => Family::Set,
            Self::Map(_) => Family::Map,
        }
    }

    /// Whether values, members or map keys are codes of a vocabulary.
    #[must_use]
    pub const fn has_vocabulary(self) -> bool {
        matches!(self, Self::Keyword | Self::KeywordSet | Self::Map(_))
    }

    /// Whether base segments hold a bitmap for each value of a single-valued tag.
    #[must_use]
    pub const fn is_coded(self) -> bool {
        matches!(self, Self::Boolean | Self::Keyword)
    }
}

/// The type of a table's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// A string of up to [`crate::limits::KEY_BYTES_MAX`] bytes.
    Keyword,
    /// A signed 64-bit integer.
    BigInt,
}

/// A subject's external id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// Of a table with integer keys.
    Int(i64),
    /// Of a table with string keys.
    Text(Box<str>),
}

/// One tag of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Never reused.
    pub id: TagId,
    /// Unique in the table.
    pub name: Arc<str>,
    /// What it holds.
    pub kind: TagType,
    /// For people; empty if there is none.
    pub comment: Arc<str>,
}

/// The shape of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// Never reused. TRUNCATE gives the table a new one.
    pub id: TableId,
    /// Unique in the database.
    pub name: Arc<str>,
    /// The key column's name.
    pub key_name: Arc<str>,
    /// The key column's type.
    pub key_type: KeyType,
    /// The key column's comment.
    pub key_comment: Arc<str>,
    /// A power of two, fixed for the table's life.
    pub partitions: u16,
    /// In their order for `SELECT *`.
    pub tags: Vec<Tag>,
}

impl TableSchema {
    /// The tag of that name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.iter().find(|tag| &*tag.name == name)
    }

    /// The tag of that id.
    #[must_use]
    pub fn tag_by_id(&self, id: TagId) -> Option<&Tag> {
        self.tags.iter().find(|tag| tag.id == id)
    }
}

/// Maps a double to an integer of the same order. -0.0 becomes 0.0; NaN must not be given.
#[must_use]
pub fn sortable_from_double(value: f64) -> i64 {
    let bits = (if value == 0.0 { 0.0 } else { value })
        .to_bits()
        .cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The inverse of [`sortable_from_double`].
#[must_use]
pub fn double_from_sortable(value: i64) -> f64 {
    let bits = value ^ ((value >> 63).cast_unsigned() >> 1).cast_signed();
    f64::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_keep_their_order_as_integers() {
        let values = [
            f64::MIN,
            -1.5,
            -f64::MIN_POSITIVE,
            0.0,
            1e-300,
            1.0,
            2.5,
            f64::MAX,
        ];
        for pair in values.windows(2) {
            assert!(sortable_from_double(pair[0]) < sortable_from_double(pair[1]));
        }
        for value in values {
            assert_eq!(double_from_sortable(sortable_from_double(value)), value);
        }
        assert_eq!(sortable_from_double(-0.0), sortable_from_double(0.0));
    }
}
