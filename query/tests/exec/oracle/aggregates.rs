//! Random groups and aggregates, and what they come to by going over all rows.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Kind, NULL, Row, Table, Val, decimal};
use super::predicates::P;
use super::random::Random;

/// A grouped SELECT.
#[derive(Debug)]
pub(super) struct Grouped {
    keys: Vec<GroupKey>,
    aggregates: Vec<Aggregate>,
    /// HAVING count(*) >= n
    having: Option<usize>,
    predicate: P,
}

#[derive(Debug)]
enum GroupKey {
    Column(String, Kind),
    /// column / n, of integers
    Quotient(String, i64),
    Members(String),
    MapKeys(String),
}

#[derive(Debug)]
enum Aggregate {
    CountAll,
    Of(Function, Argument),
}

#[derive(Clone, Copy, Debug)]
enum Function {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

#[derive(Debug)]
enum Argument {
    Key,
    Column(String, Kind),
    Entry(String, String),
    /// column * 2, of integers
    Double(String),
}

impl GroupKey {
    fn random(table: &Table, random: &mut Random) -> Option<Self> {
        let (name, kind) = random.pick(&table.columns).clone();
        match kind {
            Kind::Set => Some(Self::Members(name)),
            Kind::Map => Some(Self::MapKeys(name)),
            Kind::LongText => None,
            Kind::SmallInt | Kind::BigInt if random.one_in(3) => {
                Some(Self::Quotient(name, random.between(2, 3)))
            }
            _ => Some(Self::Column(name, kind)),
        }
    }

    fn sql(&self) -> String {
        match self {
            Self::Column(name, _) => name.clone(),
            Self::Quotient(name, n) => format!("{name} / {n}"),
            Self::Members(name) => format!("unnest({name})"),
            Self::MapKeys(name) => format!("unnest(map_keys({name}))"),
        }
    }

    /// The groups that a row belongs to.
    fn values(&self, row: &Row) -> Vec<String> {
        let listed = |members: Vec<String>| match members.is_empty() {
            true => vec![NULL.to_owned()],
            false => members,
        };
        match self {
            Self::Column(name, kind) => vec![kind.text(row.get(name))],
            Self::Quotient(name, n) => vec![match row.get(name) {
                Some(Val::Number(value)) => (value / n).to_string(),
                _ => NULL.to_owned(),
            }],
            Self::Members(name) => listed(match row.get(name) {
                Some(Val::Set(members)) => members.iter().cloned().collect(),
                _ => Vec::new(),
            }),
            Self::MapKeys(name) => listed(match row.get(name) {
                Some(Val::Map(entries)) => entries.keys().cloned().collect(),
                _ => Vec::new(),
            }),
        }
    }
}

impl Argument {
    fn kind(&self, table: &Table) -> Kind {
        match self {
            Self::Key if table.int_keys => Kind::BigInt,
            Self::Key => Kind::Keyword,
            Self::Column(_, kind) => *kind,
            Self::Entry(..) | Self::Double(_) => Kind::BigInt,
        }
    }

    fn sql(&self) -> String {
        match self {
            Self::Key => "id".to_owned(),
            Self::Column(name, _) => name.clone(),
            Self::Entry(name, key) => format!("{name}['{}']", key.replace('\'', "''")),
            Self::Double(name) => format!("{name} * 2"),
        }
    }

    fn value(&self, table: &Table, key: &str, row: &Row) -> Option<Val> {
        match self {
            Self::Key if table.int_keys => Some(Val::Number(key.parse().ok()?)),
            Self::Key => Some(Val::Text(key.to_owned())),
            Self::Column(name, _) => row.get(name).cloned(),
            Self::Entry(name, entry) => match row.get(name) {
                Some(Val::Map(entries)) => entries.get(entry).map(|value| Val::Number(*value)),
                _ => None,
            },
            Self::Double(name) => match row.get(name) {
                Some(Val::Number(value)) => Some(Val::Number(value * 2)),
                _ => None,
            },
        }
    }
}

impl Aggregate {
    fn random(table: &Table, random: &mut Random) -> Self {
        let (name, kind) = random.pick(&table.columns).clone();
        let all = [
            Function::Count,
            Function::CountDistinct,
            Function::Sum,
            Function::Avg,
            Function::Min,
            Function::Max,
        ];
        let argument = match kind {
            _ if random.one_in(10) => Argument::Key,
            Kind::Map if random.one_in(2) => Argument::Entry(name, "tea".to_owned()),
            Kind::SmallInt | Kind::BigInt if random.one_in(3) => Argument::Double(name),
            _ => Argument::Column(name, kind),
        };
        let functions = match argument.kind(table) {
            Kind::Set | Kind::Map | Kind::LongText => &all[..1],
            Kind::Boolean => &all[..2],
            kind if kind.is_number() => &all[..],
            _ => &[
                Function::Count,
                Function::CountDistinct,
                Function::Min,
                Function::Max,
            ][..],
        };
        if random.one_in(5) {
            Self::CountAll
        } else {
            Self::Of(*random.pick(functions), argument)
        }
    }

    fn sql(&self) -> String {
        let Self::Of(function, argument) = self else {
            return "count(*)".to_owned();
        };
        let argument = argument.sql();
        match function {
            Function::Count => format!("count({argument})"),
            Function::CountDistinct => format!("count(DISTINCT {argument})"),
            Function::Sum => format!("sum({argument})"),
            Function::Avg => format!("avg({argument})"),
            Function::Min => format!("min({argument})"),
            Function::Max => format!("max({argument})"),
        }
    }

    fn value(&self, table: &Table, rows: &[(&String, &Row)]) -> String {
        let Self::Of(function, argument) = self else {
            return rows.len().to_string();
        };
        let kind = argument.kind(table);
        let known: Vec<Val> = rows
            .iter()
            .filter_map(|(key, row)| argument.value(table, key, row))
            .collect();
        let sum = || {
            let number = |value: &Val| {
                if let Val::Number(value) = value {
                    *value
                } else {
                    0
                }
            };
            known.iter().map(number).sum::<i64>()
        };
        match function {
            Function::Count => known.len().to_string(),
            Function::CountDistinct => known.into_iter().collect::<BTreeSet<_>>().len().to_string(),
            Function::Min => kind.text(known.iter().min()),
            Function::Max => kind.text(known.iter().max()),
            _ if known.is_empty() => NULL.to_owned(),
            Function::Sum => match kind {
                Kind::Decimal => decimal(sum()),
                Kind::Double => format!("{:?}", sum() as f64 / 2.0),
                _ => sum().to_string(),
            },
            Function::Avg => {
                let unit = match kind {
                    Kind::Decimal => 100.0,
                    Kind::Double => 2.0,
                    _ => 1.0,
                };
                format!("{:?}", sum() as f64 / unit / known.len() as f64)
            }
        }
    }
}

impl Grouped {
    pub(super) fn random(table: &Table, random: &mut Random) -> Self {
        let mut keys: Vec<GroupKey> = Vec::new();
        for _ in 0..random.below(4) {
            let key = GroupKey::random(table, random);
            // The same expression twice is the same key.
            keys.extend(key.filter(|key| keys.iter().all(|other| other.sql() != key.sql())));
        }
        let aggregates = (0..=random.below(3))
            .map(|_| Aggregate::random(table, random))
            .collect();
        let having = if random.one_in(3) {
            Some(random.below(4))
        } else {
            None
        };
        Self {
            keys,
            aggregates,
            having,
            predicate: P::random(table, random, 2),
        }
    }

    pub(super) fn sql(&self, table: &Table) -> String {
        let keys = self.keys.iter().map(GroupKey::sql);
        let aggregates = self.aggregates.iter().map(Aggregate::sql);
        let items: Vec<_> = keys.chain(aggregates).collect();
        let predicate = self.predicate.sql(table);
        let mut sql = format!("SELECT {} FROM t WHERE {predicate}", items.join(", "));
        if !self.keys.is_empty() {
            let places: Vec<_> = (1..=self.keys.len())
                .map(|place| place.to_string())
                .collect();
            sql += &format!(" GROUP BY {}", places.join(", "));
        }
        if let Some(count) = self.having {
            sql += &format!(" HAVING count(*) >= {count}");
        }
        sql
    }

    /// The lines of the answer, sorted as text.
    pub(super) fn lines(&self, table: &Table) -> Vec<String> {
        let mut groups: BTreeMap<Vec<String>, Vec<(&String, &Row)>> = BTreeMap::new();
        if self.keys.is_empty() {
            groups.insert(Vec::new(), Vec::new());
        }
        for (key, row) in &table.rows {
            if self.predicate.eval(table, key, row) != Some(true) {
                continue;
            }
            let mut own = vec![Vec::new()];
            for group_key in &self.keys {
                let values = group_key.values(row);
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
        let mut lines = Vec::new();
        for (mut group, rows) in groups {
            if self.having.is_none_or(|count| rows.len() >= count) {
                group.extend(self.aggregates.iter().map(|a| a.value(table, &rows)));
                lines.push(group.join("|"));
            }
        }
        lines.sort();
        lines
    }
}
