//! Random group keys, and the groups that a row belongs to.

use super::model::{Kind, NULL, Row, Table, Val};
use super::patterns::hash;
use super::predicates::P;
use super::random::Random;

#[derive(Debug)]
pub(super) enum GroupKey {
    Column(String, Kind),
    /// column / n, of integers
    Quotient(String, i64),
    Members(String),
    MapKeys(String),
    /// width_bucket(column, -3, 3, 4), of integers
    Bucket(String),
    /// date_trunc('month', column), of dates and timestamps
    Month(String, Kind),
    /// CASE WHEN a THEN 'a' WHEN b THEN 'b' END
    Case(Box<P>, Box<P>),
    /// A condition as a value.
    Condition(Box<P>),
    /// bucket_of(id, 3, 'key')
    KeyBucket,
}

impl GroupKey {
    pub(super) fn random(table: &Table, random: &mut Random) -> Option<Self> {
        let p = |random: &mut Random| Box::new(P::random(table, random, 1));
        match random.below(24) {
            0 => return Some(Self::Case(p(random), p(random))),
            1 => return Some(Self::Condition(p(random))),
            2 => return Some(Self::KeyBucket),
            _ => {}
        }
        let (name, kind) = random.pick(&table.columns).clone();
        match kind {
            Kind::Set => Some(Self::Members(name)),
            Kind::Map => Some(Self::MapKeys(name)),
            Kind::LongText => None,
            Kind::SmallInt | Kind::BigInt if random.one_in(3) => {
                Some(Self::Quotient(name, random.between(2, 3)))
            }
            Kind::SmallInt | Kind::BigInt if random.one_in(3) => Some(Self::Bucket(name)),
            Kind::Date | Kind::Timestamp if random.one_in(2) => Some(Self::Month(name, kind)),
            _ => Some(Self::Column(name, kind)),
        }
    }

    /// Whether it is one key, however often it is named.
    pub(super) const fn is_value(&self) -> bool {
        !matches!(self, Self::Members(_) | Self::MapKeys(_))
    }

    pub(super) fn sql(&self, table: &Table) -> String {
        match self {
            Self::Column(name, _) => name.clone(),
            Self::Quotient(name, n) => format!("{name} / {n}"),
            Self::Members(name) => format!("unnest({name})"),
            Self::MapKeys(name) => format!("unnest(map_keys({name}))"),
            Self::Bucket(name) => format!("width_bucket({name}, -3, 3, 4)"),
            Self::Month(name, _) => format!("date_trunc('month', {name})"),
            Self::Case(a, b) => {
                let (a, b) = (a.sql(table), b.sql(table));
                format!("CASE WHEN {a} THEN 'a' WHEN {b} THEN 'b' END")
            }
            Self::Condition(p) => format!("(({}) IS TRUE)", p.sql(table)),
            Self::KeyBucket => "bucket_of(id, 3, 'key')".to_owned(),
        }
    }

    /// The groups that a row belongs to.
    pub(super) fn values(&self, table: &Table, key: &str, row: &Row) -> Vec<String> {
        let listed = |members: Vec<String>| match members.is_empty() {
            true => vec![NULL.to_owned()],
            false => members,
        };
        let number = |name: &str| match row.get(name) {
            Some(Val::Number(value)) => Some(*value),
            _ => None,
        };
        let or_null = |text: Option<String>| vec![text.unwrap_or_else(|| NULL.to_owned())];
        match self {
            Self::Column(name, kind) => vec![kind.text(row.get(name))],
            Self::Quotient(name, n) => or_null(number(name).map(|value| (value / n).to_string())),
            Self::Members(name) => listed(match row.get(name) {
                Some(Val::Set(members)) => members.iter().cloned().collect(),
                _ => Vec::new(),
            }),
            Self::MapKeys(name) => listed(match row.get(name) {
                Some(Val::Map(entries)) => entries.keys().cloned().collect(),
                _ => Vec::new(),
            }),
            // Four buckets of one and a half: in halves, so that they are whole.
            Self::Bucket(name) => or_null(number(name).map(|value| match value {
                ..-3 => "0".to_owned(),
                3.. => "5".to_owned(),
                value => ((value + 3) * 2 / 3 + 1).to_string(),
            })),
            Self::Month(name, kind) => or_null(match row.get(name) {
                Some(Val::Text(text)) if *kind == Kind::Date => Some(format!("{}-01", &text[..7])),
                Some(Val::Text(text)) => Some(format!("{}-01T00:00:00Z", &text[..7])),
                _ => None,
            }),
            Self::Case(a, b) => or_null(if a.eval(table, key, row) == Some(true) {
                Some("a".to_owned())
            } else if b.eval(table, key, row) == Some(true) {
                Some("b".to_owned())
            } else {
                None
            }),
            Self::Condition(p) => vec![(p.eval(table, key, row) == Some(true)).to_string()],
            Self::KeyBucket => vec![(hash(key, "key") % 3).to_string()],
        }
    }
}
