//! Random grouped queries, and what they come to by going over all rows.

use std::collections::BTreeMap;

use super::aggregates::{Aggregate, Function, Shares};
use super::keys::GroupKey;
use super::model::{NULL, Row, Table};
use super::predicates::P;
use super::random::Random;
use super::sample::Sample;

/// A grouped SELECT.
#[derive(Debug)]
pub(super) struct Grouped {
    distinct: bool,
    keys: Vec<GroupKey>,
    aggregates: Vec<Aggregate>,
    having: Option<Having>,
    sample: Option<Sample>,
    predicate: P,
}

#[derive(Debug)]
enum Having {
    /// count(*) >= n
    Count(usize),
    /// tgi() > 100, share() < 0.5
    Share(bool),
}

type Rows<'t> = Vec<(&'t String, &'t Row)>;
type Groups<'t> = BTreeMap<Vec<String>, Rows<'t>>;

impl Grouped {
    pub(super) fn random(table: &Table, random: &mut Random) -> Self {
        let mut keys: Vec<GroupKey> = Vec::new();
        for _ in 0..random.below(4) {
            let key = GroupKey::random(table, random);
            // The same value twice is the same key; the same set twice makes pairs.
            keys.extend(key.filter(|key| {
                let same = |other: &GroupKey| other.sql(table) == key.sql(table);
                !key.is_value() || !keys.iter().any(same)
            }));
        }
        let distinct = !keys.is_empty() && random.one_in(10);
        let aggregates = match distinct {
            true => Vec::new(),
            false => (0..=random.below(3))
                .map(|_| Aggregate::random(table, !keys.is_empty(), random))
                .collect(),
        };
        let having = match random.below(6) {
            _ if distinct => None,
            0 | 1 => Some(Having::Count(random.below(4))),
            2 if !keys.is_empty() => Some(Having::Share(random.one_in(2))),
            _ => None,
        };
        Self {
            distinct,
            keys,
            aggregates,
            having,
            sample: Sample::random(random),
            predicate: P::random(table, random, 2),
        }
    }

    pub(super) fn sql(&self, table: &Table) -> String {
        let keys = self.keys.iter().map(|key| key.sql(table));
        let aggregates = self.aggregates.iter().map(|a| a.sql(table));
        let items: Vec<_> = keys.chain(aggregates).collect();
        let predicate = self.predicate.sql(table);
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        let sample = self.sample.as_ref().map_or(String::new(), Sample::sql);
        let items = items.join(", ");
        let mut sql = format!("SELECT {distinct}{items} FROM t{sample} WHERE {predicate}");
        if !self.keys.is_empty() && !self.distinct {
            let places: Vec<_> = (1..=self.keys.len())
                .map(|place| place.to_string())
                .collect();
            sql += &format!(" GROUP BY {}", places.join(", "));
        }
        match self.having {
            Some(Having::Count(count)) => sql += &format!(" HAVING count(*) >= {count}"),
            Some(Having::Share(true)) => sql += " HAVING tgi() > 100",
            Some(Having::Share(false)) => sql += " HAVING share() < 0.5",
            None => {}
        }
        sql
    }

    /// Rows by group; without keys there is one group.
    fn groups<'t>(&self, table: &'t Table, is_wanted: impl Fn(&str, &Row) -> bool) -> Groups<'t> {
        let mut groups = Groups::new();
        if self.keys.is_empty() {
            groups.insert(Vec::new(), Vec::new());
        }
        for (key, row) in &table.rows {
            if !is_wanted(key, row) {
                continue;
            }
            let mut own = vec![Vec::new()];
            for group_key in &self.keys {
                let values = group_key.values(table, key, row);
                own = own
                    .iter()
                    .flat_map(|prefix: &Vec<String>| {
                        values
                            .iter()
                            .map(|value| [&prefix[..], std::slice::from_ref(value)].concat())
                    })
                    .collect();
            }
            for group in own {
                groups.entry(group).or_default().push((key, row));
            }
        }
        groups
    }

    /// How many rows have a first key.
    fn known(&self, table: &Table, is_wanted: impl Fn(&str, &Row) -> bool) -> usize {
        let Some(first) = self.keys.first() else {
            return 0;
        };
        let rows = table.rows.iter().filter(|(key, row)| is_wanted(key, row));
        rows.filter(|(key, row)| first.values(table, key, row) != [NULL])
            .count()
    }

    /// The lines of the answer, sorted as text.
    pub(super) fn lines(&self, table: &Table) -> Vec<String> {
        let is_in = |key: &str, row: &Row| {
            self.predicate.eval(table, key, row) == Some(true)
                && self.sample.as_ref().is_none_or(|sample| sample.has(key))
        };
        let base = self.groups(table, |_, _| true);
        let all = self.known(table, |_, _| true);
        let mut lines = Vec::new();
        for (mut group, rows) in self.groups(table, is_in) {
            let shares = |filter: Option<&P>| {
                let passes = |key: &str, row: &Row| {
                    filter.is_none_or(|filter| filter.eval(table, key, row) == Some(true))
                };
                Shares {
                    count: rows.iter().filter(|(key, row)| passes(key, row)).count(),
                    known: self.known(table, |key, row| is_in(key, row) && passes(key, row)),
                    base_count: base[&group].len(),
                    base_known: all,
                    is_null: group.first().is_some_and(|first| first == NULL),
                }
            };
            let is_kept = match self.having {
                None => true,
                Some(Having::Count(count)) => rows.len() >= count,
                Some(Having::Share(true)) => shares(None).tgi().is_some_and(|tgi| tgi > 100.0),
                Some(Having::Share(false)) => shares(None).share().is_some_and(|s| s < 0.5),
            };
            if is_kept {
                let values = self.aggregates.iter().map(|aggregate| {
                    let filter = aggregate.filter.as_ref();
                    match aggregate.function {
                        Function::Share => text(shares(filter).share()),
                        Function::Tgi => text(shares(filter).tgi()),
                        _ => aggregate.value(table, &rows),
                    }
                });
                let values: Vec<_> = values.collect();
                group.extend(values);
                lines.push(group.join("|"));
            }
        }
        lines.sort();
        lines
    }
}

fn text(value: Option<f64>) -> String {
    value.map_or(NULL.to_owned(), |value| format!("{value:?}"))
}
