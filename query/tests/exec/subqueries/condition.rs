//! Random conditions with queries in them.

use std::collections::BTreeSet;

use super::model::{Subject, Tables, quoted, word};
use super::queries::{Query, Set, Values};
use crate::oracle::random::Random;

/// What WITH names: `x0`, `x1` and so on.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) sets: Vec<Set>,
    /// Those that may be used, of what is being made.
    pub(super) usable: usize,
    used: BTreeSet<usize>,
}

impl Names {
    /// Makes up to two names; the later may use the earlier.
    pub(super) fn random_with(&mut self, random: &mut Random) -> String {
        let mut with = Vec::new();
        for place in 0..random.below(3) {
            self.usable = place;
            let set = Set::random(random, self, 2);
            with.push(format!("x{place} AS ({})", set.sql(self)));
            self.sets.push(set);
        }
        self.usable = self.sets.len();
        match with.is_empty() {
            true => String::new(),
            false => format!("WITH {} ", with.join(", ")),
        }
    }

    /// The text of WITH, if everything in it is used.
    pub(super) fn used(&self, with: String) -> Option<String> {
        (self.used.len() == self.sets.len()).then_some(with)
    }

    /// A name that may be used here.
    pub(super) fn pick(&mut self, random: &mut Random) -> Option<usize> {
        if self.usable == 0 {
            return None;
        }
        let name = random.below(self.usable);
        self.used.insert(name);
        Some(name)
    }

    /// The keys of each name.
    pub(super) fn values(&self, tables: &Tables) -> Vec<Vec<String>> {
        let mut values = Vec::new();
        for set in &self.sets {
            let keys = set.values(tables, &values);
            values.push(keys);
        }
        values
    }
}

/// A condition on a row.
#[derive(Debug)]
pub(super) enum Condition {
    Constant(Option<bool>),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    IsTrue(Box<Condition>),
    /// In an expression, where rows are looked at one by one.
    ByRows(Box<Condition>),
    Less(i64),
    Word(String),
    Has(String),
    /// Of some entry of the map.
    AnyEntry(i64, String),
    Flag,
    In(Operand, Box<Query>, bool),
    AnyMember(Box<Query>),
    AllValues(Box<Query>),
}

/// What is looked for in a query.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    Key,
    Word,
    /// upper(c)
    Upper,
    Number,
    Tenths,
    /// m['k1']
    Entry,
    /// i + 1
    Next,
}

impl Operand {
    const ALL: [Self; 7] = [
        Self::Key,
        Self::Word,
        Self::Upper,
        Self::Number,
        Self::Tenths,
        Self::Entry,
        Self::Next,
    ];

    const fn is_text(self) -> bool {
        matches!(self, Self::Key | Self::Word | Self::Upper)
    }

    const fn sql(self) -> &'static str {
        match self {
            Self::Key => "k",
            Self::Word => "c",
            Self::Upper => "upper(c)",
            Self::Number => "i",
            Self::Tenths => "w",
            Self::Entry => "m['k1']",
            Self::Next => "i + 1",
        }
    }

    fn text(self, row: &Subject) -> Option<String> {
        match self {
            Self::Key => Some(row.key.clone()),
            Self::Word => row.word.clone(),
            _ => row.word.as_ref().map(|word| word.to_uppercase()),
        }
    }

    fn tenths(self, row: &Subject) -> Option<i64> {
        match self {
            Self::Tenths => row.tenths,
            Self::Entry => row.map.get("k1").map(|number| number * 10),
            Self::Next => row.number.map(|number| (number + 1) * 10),
            _ => row.number.map(|number| number * 10),
        }
    }
}

impl Condition {
    pub(super) fn random(random: &mut Random, names: &mut Names, depth: usize) -> Self {
        if depth == 0 {
            return Self::simple(random);
        }
        let inner = |random: &mut Random, names: &mut Names| Self::random(random, names, depth - 1);
        match random.below(12) {
            0 => Self::simple(random),
            1 => Self::Not(Box::new(inner(random, names))),
            2 => Self::And(vec![inner(random, names), inner(random, names)]),
            3 => Self::Or(vec![inner(random, names), inner(random, names)]),
            4 => Self::IsTrue(Box::new(inner(random, names))),
            5 => Self::ByRows(Box::new(inner(random, names))),
            6 => Self::AnyMember(Box::new(Query::texts(random, names, depth - 1))),
            7 => Self::AllValues(Box::new(Query::texts(random, names, depth - 1))),
            _ => {
                let operand = *random.pick(&Operand::ALL);
                let query = match operand.is_text() {
                    true => Query::texts(random, names, depth - 1),
                    false => Query::numbers(random, names, depth - 1),
                };
                Self::In(operand, Box::new(query), random.one_in(2))
            }
        }
    }

    fn simple(random: &mut Random) -> Self {
        match random.below(8) {
            7 => Self::AnyEntry(random.between(-2, 6), word(random)),
            0 => Self::Constant(*random.pick(&[Some(true), Some(false), None])),
            1 | 2 => Self::Less(random.between(-2, 7)),
            3 => Self::Word(word(random)),
            4 => Self::Flag,
            _ => Self::Has(word(random)),
        }
    }

    pub(super) fn sql(&self, names: &Names) -> String {
        let list = |terms: &[Self], between: &str| {
            let terms: Vec<String> = terms.iter().map(|term| term.sql(names)).collect();
            format!("({})", terms.join(between))
        };
        match self {
            Self::Constant(value) => value.map_or("NULL".to_owned(), |value| value.to_string()),
            Self::Not(inner) => format!("(NOT {})", inner.sql(names)),
            Self::And(terms) => list(terms, " AND "),
            Self::Or(terms) => list(terms, " OR "),
            Self::IsTrue(inner) => format!("({} IS TRUE)", inner.sql(names)),
            Self::ByRows(inner) => format!("(({})::INT = 1)", inner.sql(names)),
            Self::Less(number) => format!("i < {number}"),
            Self::Word(word) => format!("c = {}", quoted(word)),
            Self::Has(word) => format!("has(s, {})", quoted(word)),
            Self::AnyEntry(number, word) => {
                let word = quoted(word);
                format!("any_key(m, e -> m[e] > {number} AND NOT (e = {word} OR has(s, e)))")
            }
            Self::Flag => "v".to_owned(),
            Self::In(operand, query, negated) => {
                let not = if *negated { "NOT " } else { "" };
                format!("({} {not}IN ({}))", operand.sql(), query.sql(names))
            }
            Self::AnyMember(query) => format!("(s && ({}))", query.sql(names)),
            Self::AllValues(query) => format!("has_all(s, ({}))", query.sql(names)),
        }
    }

    pub(super) fn eval(&self, tables: &Tables, env: &[Vec<String>], row: &Subject) -> Option<bool> {
        let eval = |inner: &Self| inner.eval(tables, env, row);
        match self {
            Self::Constant(value) => *value,
            Self::Not(inner) => eval(inner).map(|value| !value),
            Self::And(terms) => chain(terms.iter().map(eval), false),
            Self::Or(terms) => chain(terms.iter().map(eval), true),
            Self::IsTrue(inner) => Some(eval(inner) == Some(true)),
            Self::ByRows(inner) => eval(inner),
            Self::Less(number) => row.number.map(|value| value < *number),
            Self::Word(word) => row.word.as_ref().map(|value| value == word),
            Self::Has(word) => Some(row.set.contains(word)),
            Self::AnyEntry(number, word) => Some(
                row.map
                    .iter()
                    .any(|(key, value)| value > number && key != word && !row.set.contains(key)),
            ),
            Self::Flag => row.flag,
            Self::In(operand, query, negated) => {
                let found = match query.values(tables, env) {
                    Values::Texts(values) => is_in(operand.text(row).as_ref(), &values),
                    Values::Tenths(values) => is_in(operand.tenths(row).as_ref(), &values),
                };
                found.map(|found| found != *negated)
            }
            Self::AnyMember(query) => {
                let values = query.values(tables, env).texts();
                Some(values.iter().any(|value| row.set.contains(value)))
            }
            Self::AllValues(query) => {
                let values = query.values(tables, env).texts();
                Some(values.iter().all(|value| row.set.contains(value)))
            }
        }
    }
}

fn chain(terms: impl Iterator<Item = Option<bool>>, decides: bool) -> Option<bool> {
    let terms: Vec<Option<bool>> = terms.collect();
    if terms.contains(&Some(decides)) {
        return Some(decides);
    }
    if terms.contains(&None) {
        return None;
    }
    Some(!decides)
}

/// `value IN (values)`: a chain of `=` with OR between them.
fn is_in<T: PartialEq>(value: Option<&T>, values: &[Option<T>]) -> Option<bool> {
    let equals = values.iter().map(|other| Some(value? == other.as_ref()?));
    chain(equals, true)
}
