//! Constant folding, flattening, and joining of tests of one column.
//!
//! Every rule keeps all three truth values of every subject. Joining tests of one column does so
//! because T and F of such tests lie within the same "known".

use std::collections::HashMap;
use std::sync::Arc;

use crate::bind::bound::{KeyTest, Leaf, Predicate, Ranges, Slot, TextTest};

/// The same predicate with less to do.
#[must_use]
pub fn simplify(predicate: Predicate) -> Predicate {
    match predicate {
        Predicate::And(terms) => chain(terms, false),
        Predicate::Or(terms) => chain(terms, true),
        Predicate::Not(inner) => not(simplify(*inner)),
        Predicate::IsTrue(inner) => match simplify(*inner) {
            Predicate::Constant(value) => Predicate::Constant(Some(value == Some(true))),
            inner if is_two_valued(&inner) => inner,
            inner => Predicate::IsTrue(Box::new(inner)),
        },
        Predicate::IsFalse(inner) => match simplify(*inner) {
            Predicate::Constant(value) => Predicate::Constant(Some(value == Some(false))),
            inner if is_two_valued(&inner) => not(inner),
            inner => Predicate::IsFalse(Box::new(inner)),
        },
        Predicate::IsNull(inner) => match simplify(*inner) {
            Predicate::Constant(value) => Predicate::Constant(Some(value.is_none())),
            inner if is_two_valued(&inner) => Predicate::Constant(Some(false)),
            inner => Predicate::IsNull(Box::new(inner)),
        },
        other => other,
    }
}

fn not(inner: Predicate) -> Predicate {
    match inner {
        Predicate::Constant(value) => Predicate::Constant(value.map(|value| !value)),
        Predicate::Not(inner) => *inner,
        Predicate::Leaf(Leaf::Number(slot, ranges)) => {
            Predicate::Leaf(Leaf::Number(slot, ranges.complement()))
        }
        Predicate::Leaf(Leaf::Cardinality(slot, ranges)) => {
            Predicate::Leaf(Leaf::Cardinality(slot, ranges.complement()))
        }
        inner => Predicate::Not(Box::new(inner)),
    }
}

/// Whether it is never unknown.
fn is_two_valued(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Constant(value) => value.is_some(),
        Predicate::And(terms) | Predicate::Or(terms) => terms.iter().all(is_two_valued),
        Predicate::Not(inner) => is_two_valued(inner),
        Predicate::IsTrue(_) | Predicate::IsFalse(_) | Predicate::IsNull(_) => true,
        Predicate::Leaf(leaf) => match leaf {
            Leaf::Known(_)
            | Leaf::Key(..)
            | Leaf::HasAny(..)
            | Leaf::HasAll(..)
            | Leaf::Overlaps(..)
            | Leaf::Contains(..)
            | Leaf::Cardinality(..)
            | Leaf::AnyKey(_)
            | Leaf::NotNull(_) => true,
            Leaf::Boolean(_)
            | Leaf::Number(..)
            | Leaf::Text(..)
            | Leaf::Compare(..)
            | Leaf::OneOf(..)
            | Leaf::Holds(_)
            | Leaf::InQuery(_) => false,
        },
    }
}

/// A term of a chain while it is gathered.
enum Term {
    Alone(Predicate),
    /// Tests of one column that become one.
    Joined(Vec<Leaf>),
}

/// OR if `any` is set, else AND.
fn chain(terms: Vec<Predicate>, any: bool) -> Predicate {
    let mut gathered = Vec::with_capacity(terms.len());
    let mut places = HashMap::new();
    let mut unknown = false;
    for term in terms {
        let inner = match (simplify(term), any) {
            (Predicate::Or(inner), true) | (Predicate::And(inner), false) => inner,
            (term, _) => vec![term],
        };
        for term in inner {
            match term {
                Predicate::Constant(Some(value)) if value == any => {
                    return Predicate::Constant(Some(any));
                }
                Predicate::Constant(Some(_)) => {}
                Predicate::Constant(None) => unknown = true,
                Predicate::Leaf(leaf) => gather(&mut gathered, &mut places, leaf, any),
                term => gathered.push(Term::Alone(term)),
            }
        }
    }
    let mut rest: Vec<Predicate> = gathered
        .into_iter()
        .filter_map(|term| match term {
            Term::Alone(predicate) => Some(predicate),
            Term::Joined(leaves) => joined(leaves, any).map(Predicate::Leaf),
        })
        .collect();
    if unknown {
        rest.push(Predicate::Constant(None));
    }
    match rest.len() {
        0 => Predicate::Constant(Some(!any)),
        1 => rest.remove(0),
        _ if any => Predicate::Or(rest),
        _ => Predicate::And(rest),
    }
}

/// Which tests of one column can be joined.
#[derive(PartialEq, Eq, Hash)]
enum Kind {
    Number,
    Cardinality,
    Text,
    Key,
    HasAny,
    HasAll,
}

/// Adds a test beside those of the same column.
fn gather(terms: &mut Vec<Term>, places: &mut HashMap<(Kind, Slot), usize>, leaf: Leaf, any: bool) {
    let kind = match &leaf {
        Leaf::Number(slot, _) => (Kind::Number, *slot),
        Leaf::Cardinality(slot, _) => (Kind::Cardinality, *slot),
        Leaf::Text(slot, TextTest::OneOf(_)) => (Kind::Text, *slot),
        Leaf::Key(slot, KeyTest::OneOf(_)) => (Kind::Key, *slot),
        Leaf::HasAny(slot, _) if any => (Kind::HasAny, *slot),
        Leaf::HasAll(slot, _) if !any => (Kind::HasAll, *slot),
        _ => return terms.push(Term::Alone(Predicate::Leaf(leaf))),
    };
    let place = *places.entry(kind).or_insert(terms.len());
    match terms.get_mut(place) {
        Some(Term::Joined(leaves)) => leaves.push(leaf),
        _ => terms.push(Term::Joined(vec![leaf])),
    }
}

/// One test for several of the same kind and column: for any of them, or for all.
pub(crate) fn joined(leaves: Vec<Leaf>, any: bool) -> Option<Leaf> {
    let mut leaves = leaves.into_iter();
    let first = leaves.next()?;
    Some(match first {
        Leaf::Number(slot, ranges) => Leaf::Number(slot, joined_ranges(ranges, leaves, any)),
        Leaf::Cardinality(slot, ranges) => {
            Leaf::Cardinality(slot, joined_ranges(ranges, leaves, any))
        }
        Leaf::Text(slot, TextTest::OneOf(texts)) => {
            let more = leaves.filter_map(|leaf| match leaf {
                Leaf::Text(_, TextTest::OneOf(texts)) => Some(texts),
                _ => None,
            });
            Leaf::Text(slot, TextTest::OneOf(joined_lists(texts, more, any)))
        }
        Leaf::Key(slot, KeyTest::OneOf(keys)) => {
            let more = leaves.filter_map(|leaf| match leaf {
                Leaf::Key(_, KeyTest::OneOf(keys)) => Some(keys),
                _ => None,
            });
            Leaf::Key(slot, KeyTest::OneOf(joined_lists(keys, more, any)))
        }
        Leaf::HasAny(slot, members) => Leaf::HasAny(
            slot,
            joined_lists(members, leaves.filter_map(members_of), true),
        ),
        Leaf::HasAll(slot, members) => Leaf::HasAll(
            slot,
            joined_lists(members, leaves.filter_map(members_of), true),
        ),
        other => other,
    })
}

fn members_of(leaf: Leaf) -> Option<Vec<Arc<str>>> {
    match leaf {
        Leaf::HasAny(_, members) | Leaf::HasAll(_, members) => Some(members),
        _ => None,
    }
}

fn joined_ranges(first: Ranges, more: impl Iterator<Item = Leaf>, any: bool) -> Ranges {
    let more = more.filter_map(|leaf| match leaf {
        Leaf::Number(_, ranges) | Leaf::Cardinality(_, ranges) => Some(ranges),
        _ => None,
    });
    if !any {
        return more.fold(first, |all, ranges| all.intersection(&ranges));
    }
    let mut all = first.as_slice().to_vec();
    for ranges in more {
        all.extend_from_slice(ranges.as_slice());
    }
    Ranges::union(all)
}

/// The union, or the intersection, of sorted lists.
fn joined_lists<T: Ord>(mut all: Vec<T>, more: impl Iterator<Item = Vec<T>>, any: bool) -> Vec<T> {
    for list in more {
        match any {
            true => all.extend(list),
            false => all.retain(|value| list.binary_search(value).is_ok()),
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
