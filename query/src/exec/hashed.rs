//! Values as keys of hash tables.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};
use std::mem::discriminant;

use crate::value::Value;

/// A value that equals another one if GROUP BY and DISTINCT take them for the same: NULL equals
/// NULL, and decimals are equal by value.
#[derive(Clone, Debug)]
pub(crate) struct Hashed(pub(crate) Value);

impl PartialEq for Hashed {
    fn eq(&self, other: &Self) -> bool {
        equals(&self.0, &other.0)
    }
}

fn equals(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Decimal { .. }, Value::Decimal { .. }) => plain(a) == plain(b),
        (a, b) => a == b,
    }
}

/// The hash of a group's keys.
pub(crate) fn hash_of(row: &[Value], builder: &impl BuildHasher) -> u64 {
    let mut hasher = builder.build_hasher();
    row.iter().for_each(|value| hash(value, &mut hasher));
    hasher.finish()
}

/// Whether two rows are the keys of one group.
pub(crate) fn is_same(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equals(a, b))
}

/// Doubles are never NaN.
impl Eq for Hashed {}

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

fn hash<H: Hasher>(value: &Value, state: &mut H) {
    discriminant(value).hash(state);
    match value {
        Value::Null => {}
        Value::Boolean(value) => value.hash(state),
        Value::Int(value) | Value::Timestamp(value) => value.hash(state),
        Value::Decimal { .. } => plain(value).hash(state),
        Value::Double(value) => value.to_bits().hash(state),
        Value::Text(text) => text.hash(state),
        Value::Date(days) => days.hash(state),
        Value::Set(members) => members.hash(state),
        Value::Map(entries) => entries.iter().for_each(|(key, value)| {
            key.hash(state);
            hash(value, state);
        }),
    }
}

/// The digits and scale of a decimal without zeros at its end.
fn plain(value: &Value) -> Option<(i128, u8)> {
    let (mut digits, mut scale) = value.to_fixed()?;
    while scale > 0 && digits % 10 == 0 {
        digits /= 10;
        scale -= 1;
    }
    Some((digits, scale))
}

/// The order of two values, NULL last.
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (false, false) => a.compare(b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}
