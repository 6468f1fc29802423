//! Values as a statement sees them, and their types.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use tagdb_storage::schema::{KeyType, NumberType, TagType};

use crate::decimal;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing is known.
    Null,
    /// True or false.
    Boolean(bool),
    /// SMALLINT, INT and BIGINT.
    Int(i64),
    /// Fixed point: `digits` times 10^-`scale`; fewer than 39 digits.
    Decimal {
        /// The number without its point.
        digits: i128,
        /// Digits after the point.
        scale: u8,
    },
    /// Never NaN or infinite, never -0.0.
    Double(f64),
    /// KEYWORD and LONGTEXT.
    Text(Arc<str>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Sorted by bytes, without duplicates.
    Set(Vec<Arc<str>>),
    /// Sorted by key, without duplicates; the values are never NULL.
    Map(Vec<(Arc<str>, Value)>),
}

impl Value {
    /// A set of these strings.
    #[must_use]
    pub fn set(mut members: Vec<Arc<str>>) -> Self {
        members.sort_unstable();
        members.dedup();
        Self::Set(members)
    }

    /// A map of these entries, sorted by key; of equal keys the last one stays.
    #[must_use]
    pub fn map(mut entries: Vec<(Arc<str>, Self)>) -> Self {
        entries.reverse();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|a, b| a.0 == b.0);
        Self::Map(entries)
    }

    /// Whether this is NULL.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether the value is known: not NULL, and if a set or map, not empty.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Set(members) => !members.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            _ => true,
        }
    }

    /// The number as digits and scale, if it is an integer or decimal.
    #[must_use]
    pub fn to_fixed(&self) -> Option<(i128, u8)> {
        match self {
            Self::Int(value) => Some((i128::from(*value), 0)),
            Self::Decimal { digits, scale } => Some((*digits, *scale)),
            _ => None,
        }
    }

    /// The nearest double, if it is a number.
    #[must_use]
    pub fn to_double(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            _ => self
                .to_fixed()
                .map(|(digits, scale)| decimal::to_double(digits, scale)),
        }
    }

    /// The order of two values of comparable types; nothing if one is NULL or the types cannot be
    /// compared. Numbers of different types compare by value, strings by bytes.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Timestamp(a), Self::Timestamp(b)) => Some(a.cmp(b)),
            (Self::Set(a), Self::Set(b)) => Some(a.cmp(b)),
            _ => compare_numbers(self, other),
        }
    }
}

/// Numbers of different types compare by value.
fn compare_numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Double(a), b) => Some(decimal::compare_double(b.to_fixed()?, *a).reverse()),
        (a, Value::Double(b)) => Some(decimal::compare_double(a.to_fixed()?, *b)),
        _ => Some(decimal::compare(a.to_fixed()?, b.to_fixed()?)),
    }
}

/// The type of a column or an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// A bare NULL: fits every other type.
    Null,
    /// True or false.
    Boolean,
    /// 16 bits, signed.
    SmallInt,
    /// 32 bits, signed.
    Int,
    /// 64 bits, signed.
    BigInt,
    /// Fixed point, up to 38 digits.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// IEEE 754 binary64.
    Double,
    /// A string.
    Keyword,
    /// A string outside any vocabulary.
    LongText,
    /// A day.
    Date,
    /// A microsecond.
    Timestamp,
    /// A set of strings.
    KeywordSet,
    /// Numbers by string.
    Map(NumberType),
}

impl DataType {
    /// Whether it is SMALLINT, INT or BIGINT.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::SmallInt | Self::Int | Self::BigInt)
    }

    /// Whether it is an integer, DECIMAL or DOUBLE.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        self.is_integer() || matches!(self, Self::Decimal { .. } | Self::Double)
    }

    /// Whether it is KEYWORD or LONGTEXT.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Keyword | Self::LongText)
    }

    /// The stored type of numbers of this type, if they are tags' numbers.
    #[must_use]
    pub const fn number_type(self) -> Option<NumberType> {
        match self {
            Self::SmallInt => Some(NumberType::SmallInt),
            Self::Int => Some(NumberType::Int),
            Self::BigInt => Some(NumberType::BigInt),
            Self::Decimal { precision, scale } => Some(NumberType::Decimal { precision, scale }),
            Self::Double => Some(NumberType::Double),
            Self::Date => Some(NumberType::Date),
            Self::Timestamp => Some(NumberType::Timestamp),
            _ => None,
        }
    }
}

impl From<NumberType> for DataType {
    fn from(number: NumberType) -> Self {
        match number {
            NumberType::SmallInt => Self::SmallInt,
            NumberType::Int => Self::Int,
            NumberType::BigInt => Self::BigInt,
            NumberType::Decimal { precision, scale } => Self::Decimal { precision, scale },
            NumberType::Double => Self::Double,
            NumberType::Date => Self::Date,
            NumberType::Timestamp => Self::Timestamp,
        }
    }
}

impl From<TagType> for DataType {
    fn from(tag: TagType) -> Self {
        match tag {
            TagType::Boolean => Self::Boolean,
            TagType::Keyword => Self::Keyword,
            TagType::Number(number) => number.into(),
            TagType::LongText => Self::LongText,
            TagType::KeywordSet => Self::KeywordSet,
            TagType::Map(number) => Self::Map(number),
        }
    }
}

impl From<KeyType> for DataType {
    fn from(key: KeyType) -> Self {
        match key {
            KeyType::Keyword => Self::Keyword,
            KeyType::BigInt => Self::BigInt,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::SmallInt => f.write_str("SMALLINT"),
            Self::Int => f.write_str("INT"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision},{scale})"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Keyword => f.write_str("KEYWORD"),
            Self::LongText => f.write_str("LONGTEXT"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::KeywordSet => f.write_str("KEYWORD[]"),
            Self::Map(number) => write!(f, "MAP(KEYWORD, {})", Self::from(*number)),
        }
    }
}
