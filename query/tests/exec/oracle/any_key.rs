//! Random conditions on the keys of a map.

use super::model::{Kind, Row, Table, Val, WORDS, quoted};
use super::patterns::{like, pattern};
use super::predicates::{OPS, Op, P, and, not, or};
use super::random::Random;

/// `any_key(map, x -> condition)`
#[derive(Clone, Debug)]
pub(super) struct AnyKey {
    map: String,
    condition: Q,
}

/// A condition on a key.
#[derive(Clone, Debug)]
enum Q {
    Not(Box<Q>),
    And(Vec<Q>),
    Or(Vec<Q>),
    /// map[x] op number
    Value(String, Op, i64),
    /// map[x] IS [NOT] NULL
    Missing(String, bool),
    /// map[x] op other[x]
    Values(String, Op, String),
    /// map[x] + column > 0, of integers
    Sum(String, String),
    Key(Op, String),
    KeyIn(Vec<String>),
    KeyLike(String),
    /// has(set, x)
    Member(String),
    /// Of the subject.
    Outer(Box<P>),
}

impl AnyKey {
    pub(super) fn random(map: String, table: &Table, random: &mut Random) -> Self {
        let condition = Q::random(&map, table, random, 2);
        Self { map, condition }
    }

    pub(super) fn sql(&self, table: &Table) -> String {
        format!("any_key({}, x -> {})", self.map, self.condition.sql(table))
    }

    pub(super) fn holds(&self, table: &Table, key: &str, row: &Row) -> bool {
        match row.get(&self.map) {
            Some(Val::Map(entries)) => entries
                .keys()
                .any(|own| self.condition.eval(own, table, key, row) == Some(true)),
            _ => false,
        }
    }
}

impl Q {
    fn random(map: &str, table: &Table, random: &mut Random, depth: usize) -> Self {
        if depth > 0 && !random.one_in(3) {
            let mut inner = || Self::random(map, table, random, depth - 1);
            let (a, b) = (inner(), inner());
            return match random.below(3) {
                0 => Self::Not(Box::new(a)),
                1 => Self::And(vec![a, b]),
                _ => Self::Or(vec![a, b]),
            };
        }
        let other = table.column(random, |kind| kind == Kind::Map);
        let other = other.map_or_else(|| map.to_owned(), |(name, _)| name);
        let integer = |kind| matches!(kind, Kind::SmallInt | Kind::BigInt);
        let op = *random.pick(&OPS);
        let word = |random: &mut Random| (*random.pick(&WORDS)).to_owned();
        match random.below(9) {
            0 | 1 => Self::Value(map.to_owned(), op, random.between(-3, 5)),
            2 => Self::Value(other, op, random.between(-3, 5)),
            3 => Self::Missing(other, random.one_in(2)),
            4 => Self::Values(map.to_owned(), op, other),
            5 => match table.column(random, integer) {
                Some((name, _)) => Self::Sum(other, name),
                None => Self::Key(op, word(random)),
            },
            6 => match random.below(3) {
                0 => Self::Key(op, word(random)),
                1 => Self::KeyIn((0..=random.below(3)).map(|_| word(random)).collect()),
                _ => Self::KeyLike(pattern(random)),
            },
            7 => match table.column(random, |kind| kind == Kind::Set) {
                Some((name, _)) => Self::Member(name),
                None => Self::Missing(other, true),
            },
            _ => match P::leaf(table, random) {
                // Not inside of itself.
                P::AnyKey(_) => Self::Missing(other, false),
                leaf => Self::Outer(Box::new(leaf)),
            },
        }
    }

    fn sql(&self, table: &Table) -> String {
        let list = |terms: &[Self], word: &str| {
            let terms: Vec<_> = terms.iter().map(|term| term.sql(table)).collect();
            format!("({})", terms.join(word))
        };
        match self {
            Self::Not(inner) => format!("NOT {}", inner.sql(table)),
            Self::And(terms) => list(terms, " AND "),
            Self::Or(terms) => list(terms, " OR "),
            Self::Value(map, op, n) => format!("({map}[x] {} {n})", op.sql()),
            Self::Missing(map, negate) => {
                format!("({map}[x] IS {}NULL)", if *negate { "NOT " } else { "" })
            }
            Self::Values(map, op, other) => format!("({map}[x] {} {other}[x])", op.sql()),
            Self::Sum(map, column) => format!("({map}[x] + {column} > 0)"),
            Self::Key(op, word) => format!("(x {} {})", op.sql(), quoted(word)),
            Self::KeyIn(words) => {
                let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
                format!("(x IN ({}))", words.join(", "))
            }
            Self::KeyLike(pattern) => format!("(x LIKE {} ESCAPE '!')", quoted(pattern)),
            Self::Member(set) => format!("has({set}, x)"),
            Self::Outer(inner) => inner.sql(table),
        }
    }

    fn eval(&self, own: &str, table: &Table, key: &str, row: &Row) -> Option<bool> {
        let eval = |q: &Self| q.eval(own, table, key, row);
        let value = |map: &str| match row.get(map) {
            Some(Val::Map(entries)) => entries.get(own).copied(),
            _ => None,
        };
        match self {
            Self::Not(inner) => not(eval(inner)),
            Self::And(terms) => terms.iter().map(eval).fold(Some(true), and),
            Self::Or(terms) => terms.iter().map(eval).fold(Some(false), or),
            Self::Value(map, op, n) => Some(op.holds(value(map)?.cmp(n))),
            Self::Missing(map, negate) => Some(value(map).is_none() != *negate),
            Self::Values(map, op, other) => Some(op.holds(value(map)?.cmp(&value(other)?))),
            Self::Sum(map, column) => match row.get(column) {
                Some(Val::Number(number)) => Some(value(map)? + number > 0),
                _ => None,
            },
            Self::Key(op, word) => Some(op.holds(own.cmp(word))),
            Self::KeyIn(words) => Some(words.iter().any(|word| word == own)),
            Self::KeyLike(pattern) => Some(like(own, pattern, false)),
            Self::Member(set) => Some(match row.get(set) {
                Some(Val::Set(members)) => members.contains(own),
                _ => false,
            }),
            Self::Outer(inner) => inner.eval(table, key, row),
        }
    }
}
