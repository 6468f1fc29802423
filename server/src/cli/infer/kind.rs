//! The types that can be inferred.

use std::fmt;

/// A tag's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    SmallInt,
    Int,
    BigInt,
    Decimal { precision: u32, scale: u32 },
    Double,
    Date,
    Timestamp,
    Keyword,
    LongText,
    Set,
    Map(Box<Self>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::SmallInt => f.write_str("SMALLINT"),
            Self::Int => f.write_str("INT"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision},{scale})"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Keyword => f.write_str("KEYWORD"),
            Self::LongText => f.write_str("LONGTEXT"),
            Self::Set => f.write_str("KEYWORD[]"),
            Self::Map(value) => write!(f, "MAP(KEYWORD, {value})"),
        }
    }
}
