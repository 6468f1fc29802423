//! Which types go together.

use tagdb_storage::schema::NumberType;

use crate::decimal::DIGITS_MAX;
use crate::value::DataType;

/// The type that values of both types can be brought to without loss of their meaning.
pub(super) fn common_type(a: DataType, b: DataType) -> Option<DataType> {
    use DataType as T;
    match (a, b) {
        _ if a == b => Some(a),
        (T::Null, other) | (other, T::Null) => Some(other),
        _ if a.is_integer() && b.is_integer() => Some(T::BigInt),
        _ if a.is_numeric() && b.is_numeric() => Some(match (scale_of(a), scale_of(b)) {
            (Some(a), Some(b)) => decimal(a.max(b)),
            _ => T::Double,
        }),
        _ if a.is_text() && b.is_text() => Some(T::LongText),
        (T::Date, T::Timestamp) | (T::Timestamp, T::Date) => Some(T::Timestamp),
        _ => None,
    }
}

/// A DECIMAL of an expression.
pub(super) const fn decimal(scale: u8) -> DataType {
    DataType::Decimal {
        precision: DIGITS_MAX,
        scale,
    }
}

/// Digits after the point of exact numbers.
pub(super) const fn scale_of(data_type: DataType) -> Option<u8> {
    match data_type {
        DataType::SmallInt | DataType::Int | DataType::BigInt => Some(0),
        DataType::Decimal { scale, .. } => Some(scale),
        _ => None,
    }
}

/// Whether CAST allows it; between DATE and TIMESTAMP it is another matter.
pub(super) const fn castable(from: DataType, to: DataType) -> bool {
    use DataType as T;
    match (from, to) {
        (T::Null, _) | (_, T::Keyword | T::LongText) => true,
        (T::Keyword | T::LongText, T::KeywordSet | T::Map(_)) => false,
        (T::Keyword | T::LongText, _) => true,
        (T::Boolean, _) => to.is_integer(),
        (T::Map(a), T::Map(b)) => same_kind(a, b),
        (T::KeywordSet, _) => matches!(to, T::KeywordSet),
        _ => from.is_numeric() && to.is_numeric(),
    }
}

const fn same_kind(a: NumberType, b: NumberType) -> bool {
    matches!(
        (a, b),
        (
            NumberType::SmallInt | NumberType::Int | NumberType::BigInt,
            NumberType::SmallInt | NumberType::Int | NumberType::BigInt,
        ) | (NumberType::Double, NumberType::Double)
            | (NumberType::Date, NumberType::Date)
            | (NumberType::Timestamp, NumberType::Timestamp)
    )
}
