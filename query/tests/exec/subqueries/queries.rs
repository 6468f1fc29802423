//! Random queries of one column.

use std::collections::BTreeSet;

use super::condition::{Condition, Names};
use super::model::{NAMES, Subject, Tables};
use crate::oracle::random::Random;
use crate::oracle::sample::Sample;

/// The values of a query; NULLs are among them.
#[derive(Debug)]
pub(super) enum Values {
    Texts(Vec<Option<String>>),
    Tenths(Vec<Option<i64>>),
}

impl Values {
    /// Strings without NULLs.
    pub(super) fn texts(self) -> Vec<String> {
        match self {
            Self::Texts(texts) => texts.into_iter().flatten().collect(),
            Self::Tenths(_) => Vec::new(),
        }
    }
}

/// A query in a condition.
#[derive(Debug)]
pub(super) enum Query {
    Keys(Set),
    Column(Column, Source),
}

/// A column and how its values are given.
#[derive(Debug)]
pub(super) struct Column {
    name: &'static str,
    /// As it is, without repeats, by groups, or the first few of an order by key.
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    All,
    Distinct,
    Grouped,
    First(usize, usize),
}

/// A table and who of it.
#[derive(Debug)]
pub(super) struct Source {
    table: usize,
    sample: Option<Sample>,
    condition: Condition,
}

impl Source {
    fn random(random: &mut Random, names: &mut Names, depth: usize) -> Self {
        let table = random.below(2);
        let sample = Sample::random(random);
        let condition = Condition::random(random, names, depth);
        Self {
            table,
            sample,
            condition,
        }
    }

    /// From FROM on.
    fn sql(&self, names: &Names) -> String {
        let sample = self.sample.as_ref().map_or_else(String::new, Sample::sql);
        let condition = self.condition.sql(names);
        format!("FROM {}{sample} WHERE {condition}", NAMES[self.table])
    }

    fn rows<'t>(&self, tables: &'t Tables, env: &[Vec<String>]) -> Vec<&'t Subject> {
        let rows = tables.rows[self.table].iter();
        let is_taken = |row: &Subject| self.sample.as_ref().is_none_or(|s| s.has(&row.key));
        let holds =
            |row: &&Subject| is_taken(row) && self.condition.eval(tables, env, row) == Some(true);
        rows.filter(holds).collect()
    }
}

impl Query {
    pub(super) fn texts(random: &mut Random, names: &mut Names, depth: usize) -> Self {
        match random.below(3) {
            0 => {
                let name = *random.pick(&["c", "upper(c)", "lower(k)"]);
                Self::column(random, names, depth, name)
            }
            _ => Self::Keys(Set::random(random, names, depth)),
        }
    }

    pub(super) fn numbers(random: &mut Random, names: &mut Names, depth: usize) -> Self {
        let name = *random.pick(&["i", "w", "i * 2", "m['k1']"]);
        Self::column(random, names, depth, name)
    }

    fn column(random: &mut Random, names: &mut Names, depth: usize, name: &'static str) -> Self {
        let form = match random.below(5) {
            0 => Form::Distinct,
            1 => Form::Grouped,
            2 => Form::First(random.below(5), random.below(3)),
            _ => Form::All,
        };
        let source = Source::random(random, names, depth);
        Self::Column(Column { name, form }, source)
    }

    pub(super) fn sql(&self, names: &Names) -> String {
        let (column, source) = match self {
            Self::Keys(set) => return set.sql(names),
            Self::Column(column, source) => (column, source),
        };
        let name = column.name;
        let from = format!("{name} {}", source.sql(names));
        match column.form {
            Form::All => format!("SELECT {from}"),
            Form::Distinct => format!("SELECT DISTINCT {from}"),
            Form::Grouped => format!("SELECT {from} GROUP BY {name} HAVING count(*) > 1"),
            Form::First(limit, offset) => {
                format!("SELECT {from} ORDER BY k LIMIT {limit} OFFSET {offset}")
            }
        }
    }

    pub(super) fn values(&self, tables: &Tables, env: &[Vec<String>]) -> Values {
        let (column, source) = match self {
            Self::Keys(set) => {
                let keys = set.values(tables, env).into_iter().map(Some);
                return Values::Texts(keys.collect());
            }
            Self::Column(column, source) => (column, source),
        };
        let rows = source.rows(tables, env).into_iter();
        match column.name {
            "c" => Values::Texts(formed(column.form, rows.map(|row| row.word.clone()))),
            "upper(c)" => {
                let upper = |row: &Subject| row.word.as_ref().map(|word| word.to_uppercase());
                Values::Texts(formed(column.form, rows.map(upper)))
            }
            "lower(k)" => {
                let lower = |row: &Subject| Some(row.key.to_lowercase());
                Values::Texts(formed(column.form, rows.map(lower)))
            }
            "w" => Values::Tenths(formed(column.form, rows.map(|row| row.tenths))),
            "i * 2" => {
                let twice = |row: &Subject| row.number.map(|number| number * 20);
                Values::Tenths(formed(column.form, rows.map(twice)))
            }
            "m['k1']" => {
                let entry = |row: &Subject| row.map.get("k1").map(|number| number * 10);
                Values::Tenths(formed(column.form, rows.map(entry)))
            }
            _ => {
                let number = |row: &Subject| row.number.map(|number| number * 10);
                Values::Tenths(formed(column.form, rows.map(number)))
            }
        }
    }
}

fn formed<T: PartialEq>(form: Form, values: impl Iterator<Item = Option<T>>) -> Vec<Option<T>> {
    let all: Vec<Option<T>> = values.collect();
    match form {
        Form::All | Form::Distinct => all,
        Form::First(limit, offset) => all.into_iter().skip(offset).take(limit).collect(),
        Form::Grouped => {
            let often = |value: &Option<T>| all.iter().filter(|other| *other == value).count() > 1;
            let keep: Vec<bool> = all.iter().map(often).collect();
            let kept = all.into_iter().zip(keep);
            kept.filter(|(_, keep)| *keep)
                .map(|(value, _)| value)
                .collect()
        }
    }
}

/// A query of keys.
#[derive(Debug)]
pub(super) enum Set {
    Select(Source),
    /// The first few of an order by key.
    First(Source, usize, usize),
    Distinct(Source),
    /// All of a name of WITH.
    Name(usize),
    Combined(Operation, Vec<Set>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Union,
    UnionAll,
    Intersect,
    Except,
}

impl Set {
    pub(super) fn random(random: &mut Random, names: &mut Names, depth: usize) -> Self {
        let below = depth.saturating_sub(1);
        match random.below(8) {
            0 => {
                let (limit, offset) = (random.below(5), random.below(3));
                Self::First(Source::random(random, names, below), limit, offset)
            }
            1 => Self::Distinct(Source::random(random, names, below)),
            2 | 3 if names.usable > 0 => match names.pick(random) {
                Some(name) => Self::Name(name),
                None => Self::Select(Source::random(random, names, below)),
            },
            4..=6 if depth > 0 => {
                let operation = *random.pick(&[
                    Operation::Union,
                    Operation::UnionAll,
                    Operation::Intersect,
                    Operation::Except,
                ]);
                let count = 2 + random.below(2);
                let terms = (0..count).map(|_| Self::random(random, names, below));
                Self::Combined(operation, terms.collect())
            }
            _ => Self::Select(Source::random(random, names, below)),
        }
    }

    /// Always called `k`.
    pub(super) fn sql(&self, names: &Names) -> String {
        let select = |source: &Source| format!("k {}", source.sql(names));
        match self {
            Self::Select(source) => format!("SELECT {}", select(source)),
            Self::First(source, limit, offset) => {
                let select = select(source);
                format!("SELECT {select} ORDER BY k LIMIT {limit} OFFSET {offset}")
            }
            Self::Distinct(source) => format!("SELECT DISTINCT {}", select(source)),
            Self::Name(name) => format!("SELECT k FROM x{name}"),
            Self::Combined(operation, terms) => {
                let terms: Vec<String> = terms
                    .iter()
                    .map(|t| format!("({})", t.sql(names)))
                    .collect();
                terms.join(match operation {
                    Operation::Union => " UNION ",
                    Operation::UnionAll => " UNION ALL ",
                    Operation::Intersect => " INTERSECT ",
                    Operation::Except => " EXCEPT ",
                })
            }
        }
    }

    /// The keys, as often as they come.
    pub(super) fn values(&self, tables: &Tables, env: &[Vec<String>]) -> Vec<String> {
        let keys = |source: &Source| {
            let rows = source.rows(tables, env).into_iter();
            rows.map(|row| row.key.clone()).collect::<Vec<_>>()
        };
        match self {
            Self::Select(source) | Self::Distinct(source) => keys(source),
            Self::First(source, limit, offset) => keys(source)
                .into_iter()
                .skip(*offset)
                .take(*limit)
                .collect(),
            Self::Name(name) => env[*name].clone(),
            Self::Combined(operation, terms) => {
                let terms = terms.iter().map(|term| term.values(tables, env));
                combine(*operation, terms)
            }
        }
    }
}

fn combine(operation: Operation, mut terms: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    if matches!(operation, Operation::UnionAll) {
        return terms.flatten().collect();
    }
    let set = |keys: Vec<String>| keys.into_iter().collect::<BTreeSet<_>>();
    let first = terms.next().map(set).unwrap_or_default();
    let all = terms.fold(first, |all, keys| {
        let keys = set(keys);
        match operation {
            Operation::Union | Operation::UnionAll => &all | &keys,
            Operation::Intersect => &all & &keys,
            Operation::Except => &all - &keys,
        }
    });
    all.into_iter().collect()
}
