//! Random conditions: as text, and what they say of a row by SQL's truth tables.

use std::cmp::Ordering;

use super::any_key::AnyKey;
use super::model::{Kind, Row, Table, Val, WORDS, quoted};
use super::patterns::{hash, like, pattern};
use super::random::Random;

/// A condition.
#[derive(Clone, Debug)]
pub(super) enum P {
    Const(Option<bool>),
    Not(Box<P>),
    And(Vec<P>),
    Or(Vec<P>),
    /// IS [NOT] TRUE, FALSE or NULL: the value that is asked for, and whether it is negated.
    Is(Box<P>, Option<bool>, bool),
    /// CASE WHEN a THEN b ELSE c END
    Case(Box<P>, Box<P>, Box<P>),
    Bool(String),
    Compare(X, Op, X),
    In(X, Vec<X>, bool),
    Between(X, X, X, bool),
    Distinct(X, X, bool),
    IsNull(X, bool),
    Has(String, String),
    HasAny(String, Vec<String>),
    HasAll(String, Vec<String>),
    Overlaps(String, String),
    Contains(String, String),
    MapContains(String, String),
    /// Whether case is ignored, and whether it is negated.
    Like(X, String, bool, bool),
    AnyKey(Box<AnyKey>),
    /// bucket_of(id, n, 'salt') op m
    Bucket(u64, Op, u64),
}

/// A scalar.
#[derive(Clone, Debug)]
pub(super) enum X {
    Key,
    Column(String),
    Entry(String, String),
    Literal(Kind, Option<Val>),
    /// A key as a literal.
    KeyLiteral(Option<String>),
    Cardinality(String),
    /// Integers: column + n, column * n
    Plus(String, i64),
    Times(String, i64),
    /// upper(column)
    Upper(String),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

pub(super) const OPS: [Op; 6] = [
    Op::Equal,
    Op::Unequal,
    Op::Less,
    Op::LessOrEqual,
    Op::Greater,
    Op::GreaterOrEqual,
];

impl Op {
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    pub(super) const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl X {
    fn sql(&self, table: &Table) -> String {
        match self {
            Self::Key => "id".to_owned(),
            Self::Column(name) => name.clone(),
            Self::Entry(name, key) => format!("{name}[{}]", quoted(key)),
            Self::Literal(kind, value) => kind.literal(value.as_ref()),
            Self::KeyLiteral(key) => key
                .as_ref()
                .map_or("NULL".to_owned(), |key| table.key_literal(key)),
            Self::Cardinality(name) => format!("cardinality({name})"),
            Self::Plus(name, n) => format!("{name} + ({n})"),
            Self::Times(name, n) => format!("({n}) * {name}"),
            Self::Upper(name) => format!("upper({name})"),
        }
    }

    fn value(&self, table: &Table, key: &str, row: &Row) -> Option<Val> {
        let number = |name: &str| match row.get(name) {
            Some(Val::Number(value)) => Some(*value),
            _ => None,
        };
        let key_value = |key: &str| match table.int_keys {
            true => Val::Number(key.parse().unwrap_or(0)),
            false => Val::Text(key.to_owned()),
        };
        match self {
            Self::Key => Some(key_value(key)),
            Self::Column(name) => row.get(name).cloned(),
            Self::Entry(name, entry) => match row.get(name) {
                Some(Val::Map(entries)) => entries.get(entry).map(|value| Val::Number(*value)),
                _ => None,
            },
            Self::Literal(_, value) => value.clone(),
            Self::KeyLiteral(key) => key.as_deref().map(key_value),
            Self::Cardinality(name) => Some(Val::Number(match row.get(name) {
                Some(Val::Set(members)) => members.len() as i64,
                Some(Val::Map(entries)) => entries.len() as i64,
                _ => 0,
            })),
            Self::Plus(name, n) => number(name).map(|value| Val::Number(value + n)),
            Self::Times(name, n) => number(name).map(|value| Val::Number(value * n)),
            Self::Upper(name) => match row.get(name) {
                Some(Val::Text(text)) => Some(Val::Text(text.to_uppercase())),
                _ => None,
            },
        }
    }
}

pub(super) fn not(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}

pub(super) fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

pub(super) fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    not(and(not(a), not(b)))
}

fn compare(a: Option<&Val>, op: Op, b: Option<&Val>) -> Option<bool> {
    Some(op.holds(a?.cmp(b?)))
}

impl P {
    pub(super) fn sql(&self, table: &Table) -> String {
        let list = |terms: &[Self], word: &str| {
            let terms: Vec<_> = terms.iter().map(|term| term.sql(table)).collect();
            format!("({})", terms.join(word))
        };
        let strings = |strings: &[String]| {
            let strings: Vec<_> = strings.iter().map(|string| quoted(string)).collect();
            format!("[{}]", strings.join(", "))
        };
        let negated = |is: &bool| if *is { "NOT " } else { "" };
        match self {
            Self::Const(None) => "NULL".to_owned(),
            Self::Const(Some(value)) => value.to_string(),
            Self::Not(inner) => format!("NOT {}", inner.sql(table)),
            Self::And(terms) => list(terms, " AND "),
            Self::Or(terms) => list(terms, " OR "),
            Self::Is(inner, what, negate) => {
                let what = what.map_or("NULL".to_owned(), |what| what.to_string());
                format!("(({}) IS {}{what})", inner.sql(table), negated(negate))
            }
            Self::Case(a, b, c) => {
                let [a, b, c] = [a, b, c].map(|p| p.sql(table));
                format!("(CASE WHEN {a} THEN {b} ELSE {c} END)")
            }
            Self::Bool(name) => name.clone(),
            Self::Compare(a, op, b) => {
                format!("({} {} {})", a.sql(table), op.sql(), b.sql(table))
            }
            Self::In(x, values, negate) => {
                let values: Vec<_> = values.iter().map(|value| value.sql(table)).collect();
                format!(
                    "({} {}IN ({}))",
                    x.sql(table),
                    negated(negate),
                    values.join(", ")
                )
            }
            Self::Between(x, low, high, negate) => {
                let [x, low, high] = [x, low, high].map(|x| x.sql(table));
                format!("({x} {}BETWEEN {low} AND {high})", negated(negate))
            }
            Self::Distinct(a, b, negate) => {
                format!(
                    "({} IS {}DISTINCT FROM {})",
                    a.sql(table),
                    negated(negate),
                    b.sql(table)
                )
            }
            Self::IsNull(x, negate) => format!("({} IS {}NULL)", x.sql(table), negated(negate)),
            Self::Has(name, member) => format!("has({name}, {})", quoted(member)),
            Self::HasAny(name, members) => format!("has_any({name}, {})", strings(members)),
            Self::HasAll(name, members) => format!("has_all({name}, {})", strings(members)),
            Self::Overlaps(a, b) => format!("has_any({a}, {b})"),
            Self::Contains(a, b) => format!("has_all({a}, {b})"),
            Self::MapContains(name, key) => format!("map_contains({name}, {})", quoted(key)),
            Self::Like(x, pattern, ignores_case, negate) => format!(
                "({} {}{} {} ESCAPE '!')",
                x.sql(table),
                negated(negate),
                if *ignores_case { "ILIKE" } else { "LIKE" },
                quoted(pattern)
            ),
            Self::AnyKey(any) => any.sql(table),
            Self::Bucket(n, op, m) => format!("(bucket_of(id, {n}, 'salt') {} {m})", op.sql()),
        }
    }

    pub(super) fn eval(&self, table: &Table, key: &str, row: &Row) -> Option<bool> {
        let eval = |p: &Self| p.eval(table, key, row);
        let value = |x: &X| x.value(table, key, row);
        let negated = |value, negate: bool| if negate { not(value) } else { value };
        let set = |name: &str| match row.get(name) {
            Some(Val::Set(members)) => members.clone(),
            _ => Default::default(),
        };
        match self {
            Self::Const(value) => *value,
            Self::Not(inner) => not(eval(inner)),
            Self::And(terms) => terms.iter().map(eval).fold(Some(true), and),
            Self::Or(terms) => terms.iter().map(eval).fold(Some(false), or),
            Self::Is(inner, what, negate) => Some((eval(inner) == *what) != *negate),
            Self::Case(a, b, c) => match eval(a) {
                Some(true) => eval(b),
                _ => eval(c),
            },
            Self::Bool(name) => match row.get(name) {
                Some(Val::Boolean(value)) => Some(*value),
                _ => None,
            },
            Self::Compare(a, op, b) => compare(value(a).as_ref(), *op, value(b).as_ref()),
            Self::In(x, values, negate) => {
                let x = value(x);
                let equal = |v: &X| compare(x.as_ref(), Op::Equal, value(v).as_ref());
                negated(values.iter().map(equal).fold(Some(false), or), *negate)
            }
            Self::Between(x, low, high, negate) => {
                let x = value(x);
                let above = compare(x.as_ref(), Op::GreaterOrEqual, value(low).as_ref());
                let below = compare(x.as_ref(), Op::LessOrEqual, value(high).as_ref());
                negated(and(above, below), *negate)
            }
            Self::Distinct(a, b, negate) => Some((value(a) != value(b)) != *negate),
            Self::IsNull(x, negate) => Some(value(x).is_none() != *negate),
            Self::Has(name, member) => Some(set(name).contains(member)),
            Self::HasAny(name, members) => {
                Some(members.iter().any(|member| set(name).contains(member)))
            }
            Self::HasAll(name, members) => {
                Some(members.iter().all(|member| set(name).contains(member)))
            }
            Self::Overlaps(a, b) => Some(!set(a).is_disjoint(&set(b))),
            Self::Contains(a, b) => Some(set(a).is_superset(&set(b))),
            Self::MapContains(name, key) => Some(match row.get(name) {
                Some(Val::Map(entries)) => entries.contains_key(key),
                _ => false,
            }),
            Self::Like(x, pattern, ignores_case, negate) => match value(x) {
                Some(Val::Text(text)) => Some(like(&text, pattern, *ignores_case) != *negate),
                _ => None,
            },
            Self::AnyKey(any) => Some(any.holds(table, key, row)),
            Self::Bucket(n, op, m) => Some(op.holds((hash(key, "salt") % n).cmp(m))),
        }
    }

    pub(super) fn random(table: &Table, random: &mut Random, depth: usize) -> Self {
        if depth == 0 || random.one_in(4) {
            return Self::leaf(table, random);
        }
        let mut inner = || Self::random(table, random, depth - 1);
        let few = [inner(), inner(), inner()];
        let [a, b, c] = few.map(Box::new);
        match random.below(8) {
            0 => Self::Not(a),
            1 | 2 => Self::And(vec![*a, *b]),
            3 => Self::And(vec![*a, *b, *c]),
            4 => Self::Or(vec![*a, *b]),
            5 => Self::Or(vec![*a, *b, *c]),
            6 => {
                let what = *random.pick(&[None, Some(true), Some(false)]);
                Self::Is(a, what, random.one_in(2))
            }
            _ => Self::Case(a, b, c),
        }
    }

    pub(super) fn leaf(table: &Table, random: &mut Random) -> Self {
        let (name, kind) = random.pick(&table.columns).clone();
        if random.one_in(8) {
            return key_test(table, random);
        }
        if random.one_in(30) {
            return Self::Const(*random.pick(&[None, Some(true), Some(false)]));
        }
        let word = |random: &mut Random| match random.one_in(8) {
            true => "nowhere".to_owned(),
            false => (*random.pick(&WORDS)).to_owned(),
        };
        match kind {
            Kind::Boolean => match random.below(4) {
                0 => Self::Bool(name),
                1 => Self::IsNull(X::Column(name), random.one_in(2)),
                2 => Self::Is(Box::new(Self::Bool(name)), Some(true), random.one_in(2)),
                _ => {
                    let value = Some(Val::Boolean(random.one_in(2)));
                    let op = *random.pick(&[Op::Equal, Op::Unequal]);
                    Self::Compare(X::Column(name), op, X::Literal(kind, value))
                }
            },
            Kind::LongText => Self::IsNull(X::Column(name), random.one_in(2)),
            Kind::Set => match random.below(5) {
                0 => Self::Has(name, word(random)),
                1 => Self::HasAny(name, (0..=random.below(3)).map(|_| word(random)).collect()),
                2 => Self::HasAll(name, (0..=random.below(3)).map(|_| word(random)).collect()),
                3 => match table.column(random, |kind| kind == Kind::Set) {
                    Some((other, _)) if random.one_in(2) => Self::Overlaps(name, other),
                    Some((other, _)) => Self::Contains(name, other),
                    None => Self::Const(None),
                },
                _ => sizes(name, random),
            },
            Kind::Map => match random.below(6) {
                2 | 3 => Self::AnyKey(Box::new(AnyKey::random(name, table, random))),
                0 => Self::MapContains(name, word(random)),
                1 => sizes(name, random),
                _ => scalar_test(table, X::Entry(name, word(random)), Kind::SmallInt, random),
            },
            Kind::Keyword if random.one_in(3) => {
                let x = match random.one_in(4) {
                    true => X::Upper(name),
                    false => X::Column(name),
                };
                Self::Like(x, pattern(random), random.one_in(2), random.one_in(3))
            }
            Kind::SmallInt | Kind::BigInt if random.one_in(4) => {
                let n = random.between(-2, 3);
                let x = if random.one_in(2) {
                    X::Plus(name, n)
                } else {
                    X::Times(name, n)
                };
                scalar_test(table, x, Kind::SmallInt, random)
            }
            _ => scalar_test(table, X::Column(name), kind, random),
        }
    }
}

fn sizes(name: String, random: &mut Random) -> P {
    let size = X::Literal(Kind::SmallInt, Some(Val::Number(random.between(0, 3))));
    P::Compare(X::Cardinality(name), *random.pick(&OPS), size)
}

fn scalar_test(table: &Table, x: X, kind: Kind, random: &mut Random) -> P {
    let literal = |random: &mut Random| {
        let value = if random.one_in(12) {
            None
        } else {
            Some(kind.value(random))
        };
        X::Literal(kind, value)
    };
    match random.below(8) {
        0 => P::IsNull(x, random.one_in(2)),
        1 => {
            let values = (0..=random.below(5)).map(|_| literal(random)).collect();
            P::In(x, values, random.one_in(2))
        }
        2 => P::Between(x, literal(random), literal(random), random.one_in(2)),
        3 => P::Distinct(x, literal(random), random.one_in(2)),
        4 => match table.column(random, |other| other == kind && other.is_ordered()) {
            Some((other, _)) => P::Compare(x, *random.pick(&OPS), X::Column(other)),
            None => P::Compare(x, *random.pick(&OPS), literal(random)),
        },
        _ => P::Compare(x, *random.pick(&OPS), literal(random)),
    }
}

fn key_test(table: &Table, random: &mut Random) -> P {
    let key = |random: &mut Random| {
        X::KeyLiteral(if random.one_in(12) {
            None
        } else {
            Some(table.key(random.below(60)))
        })
    };
    match random.below(5) {
        3 => P::Bucket(1 + random.next() % 4, *random.pick(&OPS), random.next() % 5),
        4 if !table.int_keys => {
            P::Like(X::Key, pattern(random), random.one_in(2), random.one_in(3))
        }
        0 => P::Compare(X::Key, *random.pick(&OPS), key(random)),
        1 => {
            let keys = (0..=random.below(6)).map(|_| key(random)).collect();
            P::In(X::Key, keys, random.one_in(2))
        }
        _ => P::Between(X::Key, key(random), key(random), random.one_in(2)),
    }
}
