//! Conditions: three-valued logic over tests that bitmaps can answer.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use tagdb_storage::batch::KeyRef;
use tagdb_storage::schema::Key;

use crate::bind::bound::{Expr, InQuery, Slot};
use crate::functions::{Pattern, bucket_hash, bucket_of};
use crate::value::Value;

/// A three-valued condition. `<>`, IN, BETWEEN, IS \[NOT\] DISTINCT FROM and CASE are written out.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// True, false, or unknown.
    Constant(Option<bool>),
    /// False if any is false, else unknown if any is; at least two.
    And(Vec<Predicate>),
    /// True if any is true, else unknown if any is; at least two.
    Or(Vec<Predicate>),
    /// Unknown stays unknown.
    Not(Box<Predicate>),
    /// Two-valued.
    IsTrue(Box<Predicate>),
    /// Two-valued.
    IsFalse(Box<Predicate>),
    /// Whether it is unknown; two-valued.
    IsNull(Box<Predicate>),
    /// A test of what a subject holds.
    Leaf(Leaf),
}

/// A test. T are the subjects for which it is true, F those for which it is false.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// Of a BOOLEAN tag. F = known - T.
    Boolean(Slot),
    /// Of a number tag or a map value: within one of the ranges. F = known - T; known of a map
    /// value is "has the key".
    Number(Slot, Ranges),
    /// Of a KEYWORD tag. F = known - T.
    Text(Slot, TextTest),
    /// Whether a tag or map value is not NULL (for sets and maps: not empty). Two-valued.
    Known(Slot),
    /// Of the key (the slot is [`Column::Key`](crate::bind::bound::Column::Key)). Two-valued.
    Key(Slot, KeyTest),
    /// Whether a set holds any of these strings (sorted, different, not empty). Two-valued.
    HasAny(Slot, Vec<Arc<str>>),
    /// Whether a set holds all of these strings (sorted, different, not empty). Two-valued.
    HasAll(Slot, Vec<Arc<str>>),
    /// Whether two sets overlap. Two-valued.
    Overlaps(Slot, Slot),
    /// Whether the first set contains the second. Two-valued.
    Contains(Slot, Slot),
    /// The size of a set or map. Two-valued.
    Cardinality(Slot, Ranges),
    /// Of two expressions of one type, by rows. Unknown if one is NULL.
    Compare(Comparison, Expr, Expr),
    /// Whether an expression is one of these values (none NULL, sorted by [`Value::compare`]), by
    /// rows. Unknown if it is NULL.
    OneOf(Expr, Vec<Value>),
    /// A BOOLEAN expression, by rows. Unknown if it is NULL.
    Holds(Expr),
    /// Whether an expression is not NULL, by rows. Two-valued.
    NotNull(Expr),
    /// Whether something is among the values of a query. Unknown if it is NULL.
    InQuery(Box<InQuery>),
    /// Whether a condition is true for some key of a map, by rows. Two-valued.
    AnyKey(Box<AnyKey>),
}

/// `any_key(map, k -> condition)`
#[derive(Clone, Debug, PartialEq)]
pub struct AnyKey {
    /// The map whose keys are tried.
    pub map: Slot,
    /// What the key is called.
    pub name: Arc<str>,
    /// What the slots of the condition hold.
    pub columns: Vec<EntryColumn>,
    /// What is asked of a key.
    pub predicate: Predicate,
}

/// What the condition of [`AnyKey`] reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryColumn {
    /// The key that is tried.
    Key,
    /// The value under that key of a map (the slot is a whole map).
    Value(Slot),
    /// Something else of the subject.
    Outer(Slot),
}

/// Comparison operators; `<>` is NOT `=`, and the others are these with sides exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// A set of stored numbers: closed ranges, rising, neither touching nor empty. No range at all
/// means that no value fits, which is false (not unknown) where there is a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<(i64, i64)>);

/// A test of a string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextTest {
    /// One of these (sorted, different; none at all means that no value fits).
    OneOf(Vec<Arc<str>>),
    /// Between these, by bytes.
    Range(Bound<Arc<str>>, Bound<Arc<str>>),
    /// Fitting a pattern.
    Like(Box<Pattern>),
}

/// A test of the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyTest {
    /// One of these (sorted, different; none at all means nobody).
    OneOf(Vec<Key>),
    /// Between these; strings by bytes.
    Range(Bound<Key>, Bound<Key>),
    /// Fitting a pattern.
    Like(Box<Pattern>),
    /// In some of so many buckets.
    Bucket {
        /// How many there are, at least 1.
        buckets: i64,
        /// Of the hash.
        salt: Arc<str>,
        /// Which of them.
        ranges: Ranges,
    },
    /// With a hash below a bound.
    Sample {
        /// Of the hash.
        salt: Arc<str>,
        /// The bound.
        below: u64,
    },
}

impl Ranges {
    /// Nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The numbers from `low` to `high`; nothing if `low > high`.
    #[must_use]
    pub fn between(low: i64, high: i64) -> Self {
        Self::union(vec![(low, high)])
    }

    /// The numbers in any of these ranges.
    #[must_use]
    pub fn union(mut ranges: Vec<(i64, i64)>) -> Self {
        ranges.retain(|(low, high)| low <= high);
        ranges.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self(merged)
    }

    /// The numbers in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut i, mut j) = (0, 0);
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            let (low, high) = (a.0.max(b.0), a.1.min(b.1));
            if low <= high {
                both.push((low, high));
            }
            if a.1 < b.1 { i += 1 } else { j += 1 }
        }
        Self(both)
    }

    /// The numbers that are not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut rest = Vec::with_capacity(self.0.len() + 1);
        let mut next = Some(i64::MIN);
        for (low, high) in &self.0 {
            if let Some(from) = next
                && from < *low
            {
                rest.push((from, low - 1));
            }
            next = high.checked_add(1);
        }
        rest.extend(next.map(|from| (from, i64::MAX)));
        Self(rest)
    }

    /// The ranges: closed, rising, neither touching nor empty.
    #[must_use]
    pub fn as_slice(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, value: i64) -> bool {
        let after = self.0.partition_point(|(low, _)| *low <= value);
        after > 0 && value <= self.0[after - 1].1
    }
}

impl TextTest {
    /// Whether a string passes.
    #[must_use]
    pub fn contains(&self, value: &str) -> bool {
        match self {
            Self::OneOf(values) => values.binary_search_by(|v| (**v).cmp(value)).is_ok(),
            Self::Range(low, high) => {
                let above = match low {
                    Bound::Included(low) => &**low <= value,
                    Bound::Excluded(low) => &**low < value,
                    Bound::Unbounded => true,
                };
                above
                    && match high {
                        Bound::Included(high) => value <= &**high,
                        Bound::Excluded(high) => value < &**high,
                        Bound::Unbounded => true,
                    }
            }
            Self::Like(pattern) => pattern.matches(value),
        }
    }
}

impl KeyTest {
    /// Whether a key passes.
    #[must_use]
    pub fn contains(&self, key: KeyRef<'_>) -> bool {
        match self {
            Self::OneOf(keys) => keys
                .binary_search_by(|other| other.as_ref().cmp(&key))
                .is_ok(),
            Self::Range(low, high) => {
                let (low, high) = (low.as_ref(), high.as_ref());
                (low.map(Key::as_ref), high.map(Key::as_ref)).contains(&key)
            }
            Self::Like(pattern) => match key {
                KeyRef::Text(text) => pattern.matches(text),
                KeyRef::Int(_) => false,
            },
            Self::Bucket {
                buckets,
                salt,
                ranges,
            } => ranges.contains(bucket_of(key, *buckets, salt)),
            Self::Sample { salt, below } => bucket_hash(key, salt) < *below,
        }
    }
}

impl Predicate {
    /// Calls `f` with every leaf, from left to right.
    pub fn for_each_leaf<'a>(&'a self, f: &mut dyn FnMut(&'a Leaf)) {
        match self {
            Self::Constant(_) => {}
            Self::And(terms) | Self::Or(terms) => {
                for term in terms {
                    term.for_each_leaf(f);
                }
            }
            Self::Not(inner) | Self::IsTrue(inner) | Self::IsFalse(inner) | Self::IsNull(inner) => {
                inner.for_each_leaf(f);
            }
            Self::Leaf(leaf) => f(leaf),
        }
    }

    /// Calls `f` with every slot that it reads (a slot may come several times).
    pub fn for_each_slot(&self, f: &mut dyn FnMut(Slot)) {
        self.for_each_leaf(&mut |leaf| leaf.for_each_slot(f));
    }
}

impl Leaf {
    /// Calls `f` with every slot that it reads (a slot may come several times).
    pub fn for_each_slot(&self, f: &mut dyn FnMut(Slot)) {
        match self {
            Self::Boolean(slot)
            | Self::Number(slot, _)
            | Self::Text(slot, _)
            | Self::Known(slot)
            | Self::Key(slot, _)
            | Self::HasAny(slot, _)
            | Self::HasAll(slot, _)
            | Self::Cardinality(slot, _) => f(*slot),
            Self::Overlaps(left, right) | Self::Contains(left, right) => {
                f(*left);
                f(*right);
            }
            Self::Compare(_, left, right) => {
                left.for_each_slot(f);
                right.for_each_slot(f);
            }
            Self::OneOf(expr, _) | Self::Holds(expr) | Self::NotNull(expr) => expr.for_each_slot(f),
            Self::InQuery(test) => test.operand.for_each_slot(f),
            Self::AnyKey(any) => {
                f(any.map);
                for column in &any.columns {
                    if let EntryColumn::Value(slot) | EntryColumn::Outer(slot) = column {
                        f(*slot);
                    }
                }
            }
        }
    }
}
