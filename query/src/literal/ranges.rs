//! Comparisons with a constant as ranges of stored numbers.

use std::cmp::Ordering;

use tagdb_storage::schema::{NumberType, sortable_from_double};

use crate::bind::bound::Ranges;
use crate::decimal;
use crate::literal::from_stored;
use crate::value::Value;

/// A comparison of a tag (on the left) with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// The stored numbers of a type for which the comparison with a constant is true. The constant may
/// be of another type and outside the range of this one: values compare as
/// [`Value::compare`] does. Nothing if they cannot be compared.
#[must_use]
pub fn ranges(kind: NumberType, operator: Operator, constant: &Value) -> Option<Ranges> {
    // [first, last]: the stored numbers that equal the constant; if there are none, the place
    // between last and first where it belongs.
    let (first, last) = match stored_exactly(kind, constant) {
        Some(stored) => (i128::from(stored), i128::from(stored)),
        None => search(kind, constant)?,
    };
    let (low, high) = match operator {
        Operator::Equal => (first, last),
        Operator::Less => (i128::from(i64::MIN), first - 1),
        Operator::LessOrEqual => (i128::from(i64::MIN), last),
        Operator::Greater => (last + 1, i128::from(i64::MAX)),
        Operator::GreaterOrEqual => (first, i128::from(i64::MAX)),
    };
    if low > high {
        return Some(Ranges::none());
    }
    match (i64::try_from(low), i64::try_from(high)) {
        (Ok(low), Ok(high)) => Some(Ranges::between(low, high)),
        _ => Some(Ranges::none()),
    }
}

/// The one stored number that equals the constant, where that is quick to say.
fn stored_exactly(kind: NumberType, constant: &Value) -> Option<i64> {
    match (kind, constant) {
        (NumberType::Double, _) => {
            let double = constant.to_double()?;
            let is_equal = Value::Double(double).compare(constant)?.is_eq();
            is_equal.then(|| sortable_from_double(double))
        }
        (NumberType::Date, Value::Date(days)) => Some(i64::from(*days)),
        (NumberType::Timestamp, Value::Timestamp(microseconds)) => Some(*microseconds),
        (NumberType::SmallInt | NumberType::Int | NumberType::BigInt, _) => {
            let (digits, scale) = constant.to_fixed()?;
            i64::try_from(decimal::rescale_exactly(digits, scale, 0)?).ok()
        }
        (NumberType::Decimal { scale: to, .. }, _) => {
            let (digits, scale) = constant.to_fixed()?;
            i64::try_from(decimal::rescale_exactly(digits, scale, to)?).ok()
        }
        _ => None,
    }
}

/// The first stored number that is not below the constant, and the last one not above it.
fn search(kind: NumberType, constant: &Value) -> Option<(i128, i128)> {
    let order = |stored: i64| from_stored(kind, stored).compare(constant);
    order(0)?;
    let first = first_where(|stored| order(stored).is_some_and(Ordering::is_ge));
    let after = first_where(|stored| order(stored).is_some_and(Ordering::is_gt));
    Some((first, after - 1))
}

/// The first number from which on the test holds; one beyond i64 if it never does.
fn first_where(test: impl Fn(i64) -> bool) -> i128 {
    let (mut low, mut high) = (i128::from(i64::MIN), i128::from(i64::MAX) + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if i64::try_from(middle).is_ok_and(&test) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
