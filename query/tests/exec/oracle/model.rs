//! Tables as maps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::random::Random;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Keyword,
    SmallInt,
    BigInt,
    /// DECIMAL(8,2)
    Decimal,
    Double,
    Date,
    Timestamp,
    Set,
    /// MAP(KEYWORD, INT)
    Map,
    LongText,
}

/// A value that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Val {
    Boolean(bool),
    /// Integers; decimals in hundredths; doubles in halves.
    Number(i64),
    /// Keywords and texts; dates and timestamps as ISO 8601, whose order is that of time.
    Text(String),
    Set(BTreeSet<String>),
    Map(BTreeMap<String, i64>),
}

pub(super) type Row = BTreeMap<String, Val>;

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) int_keys: bool,
    pub(super) partitions: usize,
    pub(super) columns: Vec<(String, Kind)>,
    /// By key as text.
    pub(super) rows: BTreeMap<String, Row>,
}

pub(super) const WORDS: [&str; 7] = ["", "tea", "o'clock", "Ähre", "zoo", "tea tree", "nike"];
const DATES: [&str; 6] = [
    "1969-12-31",
    "1970-01-01",
    "2000-02-29",
    "2026-01-01",
    "2026-01-02",
    "2030-12-31",
];
const TIMES: [&str; 5] = [
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z",
    "2026-01-01T12:34:56.5Z",
    "2026-11-20T07:16:00Z",
];

impl Kind {
    pub(super) const ALL: [Self; 11] = [
        Self::Boolean,
        Self::Keyword,
        Self::SmallInt,
        Self::BigInt,
        Self::Decimal,
        Self::Double,
        Self::Date,
        Self::Timestamp,
        Self::Set,
        Self::Map,
        Self::LongText,
    ];

    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Keyword => "KEYWORD",
            Self::SmallInt => "SMALLINT",
            Self::BigInt => "BIGINT",
            Self::Decimal => "DECIMAL(8,2)",
            Self::Double => "DOUBLE",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Set => "KEYWORD[]",
            Self::Map => "MAP(KEYWORD, INT)",
            Self::LongText => "LONGTEXT",
        }
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(
            self,
            Self::SmallInt | Self::BigInt | Self::Decimal | Self::Double
        )
    }

    /// Whether it has an order that WHERE may ask for.
    pub(super) const fn is_ordered(self) -> bool {
        self.is_number() || matches!(self, Self::Keyword | Self::Date | Self::Timestamp)
    }

    /// A value, not empty.
    pub(super) fn value(self, random: &mut Random) -> Val {
        match self {
            Self::Boolean => Val::Boolean(random.one_in(2)),
            Self::Keyword | Self::LongText => Val::Text((*random.pick(&WORDS)).to_owned()),
            Self::SmallInt | Self::BigInt => Val::Number(random.between(-4, 6)),
            Self::Decimal => Val::Number(random.between(-3, 4) * 75),
            Self::Double => Val::Number(random.between(-4, 5)),
            Self::Date => Val::Text((*random.pick(&DATES)).to_owned()),
            Self::Timestamp => Val::Text((*random.pick(&TIMES)).to_owned()),
            Self::Set => {
                let count = 1 + random.below(3);
                Val::Set(
                    (0..count)
                        .map(|_| (*random.pick(&WORDS)).to_owned())
                        .collect(),
                )
            }
            Self::Map => {
                let count = 1 + random.below(3);
                let entry = |random: &mut Random| {
                    ((*random.pick(&WORDS)).to_owned(), random.between(-3, 5))
                };
                Val::Map((0..count).map(|_| entry(random)).collect())
            }
        }
    }

    /// A value as an answer shows it.
    pub(super) fn text(self, value: Option<&Val>) -> String {
        let Some(value) = value else {
            return match self {
                Self::Set => "[]".to_owned(),
                Self::Map => "{}".to_owned(),
                _ => NULL.to_owned(),
            };
        };
        match (self, value) {
            (_, Val::Boolean(value)) => value.to_string(),
            (Self::Decimal, Val::Number(value)) => decimal(*value),
            (Self::Double, Val::Number(value)) => format!("{:?}", *value as f64 / 2.0),
            (_, Val::Number(value)) => value.to_string(),
            (_, Val::Text(text)) => text.clone(),
            (_, Val::Set(members)) => {
                let members: Vec<_> = members.iter().map(|m| format!("{m:?}")).collect();
                format!("[{}]", members.join(","))
            }
            (_, Val::Map(entries)) => {
                let entries: Vec<_> = entries.iter().map(|(k, v)| format!("{k:?}:{v}")).collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }

    /// A value as a literal.
    pub(super) fn literal(self, value: Option<&Val>) -> String {
        match (self, value) {
            (_, None) => "NULL".to_owned(),
            (_, Some(Val::Text(text))) => quoted(text),
            (_, Some(Val::Set(members))) => {
                let members: Vec<_> = members.iter().map(|m| quoted(m)).collect();
                format!("[{}]", members.join(", "))
            }
            (_, Some(Val::Map(entries))) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(k, v)| format!("{}: {v}", quoted(k)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            _ => self.text(value),
        }
    }
}

/// What stands for NULL in answers.
pub(super) const NULL: &str = "<null>";

pub(super) fn decimal(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let digits = hundredths.unsigned_abs();
    format!("{sign}{}.{:02}", digits / 100, digits % 100)
}

pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Table {
    pub(super) fn random(random: &mut Random) -> Self {
        let count = 4 + random.below(8);
        let columns = (0..count)
            .map(|c| (format!("c{c}"), *random.pick(&Kind::ALL)))
            .collect();
        Self {
            int_keys: random.one_in(2),
            partitions: if random.one_in(2) { 1 } else { 4 },
            columns,
            rows: BTreeMap::new(),
        }
    }

    pub(super) fn create(&self) -> String {
        let key = if self.int_keys { "BIGINT" } else { "KEYWORD" };
        let mut sql = format!("CREATE TABLE t (id {key} PRIMARY KEY");
        for (name, kind) in &self.columns {
            let _ = write!(sql, ", {name} {}", kind.sql());
        }
        let _ = write!(sql, ") WITH (partitions = {})", self.partitions);
        sql
    }

    /// A key of the first `count`, as text.
    pub(super) fn key(&self, number: usize) -> String {
        match self.int_keys {
            true => (number as i64 - 7).to_string(),
            false => format!("user {number}"),
        }
    }

    pub(super) fn key_literal(&self, key: &str) -> String {
        if self.int_keys {
            key.to_owned()
        } else {
            quoted(key)
        }
    }

    /// A column of a kind that the test takes.
    pub(super) fn column(
        &self,
        random: &mut Random,
        test: impl Fn(Kind) -> bool,
    ) -> Option<(String, Kind)> {
        let fitting: Vec<_> = self
            .columns
            .iter()
            .filter(|(_, kind)| test(*kind))
            .collect();
        if fitting.is_empty() {
            return None;
        }
        Some((*random.pick(&fitting)).clone())
    }
}

/// Days since 1970.
pub(super) fn days(text: &str) -> i64 {
    micros(&format!("{text}T00:00:00Z")) / 86_400_000_000
}

/// Microseconds since 1970.
pub(super) fn micros(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>()
        .map_or(0, jiff::Timestamp::as_microsecond)
}

pub(super) fn date_text(days: i64) -> String {
    time_text(days * 86_400_000_000)[..10].to_owned()
}

pub(super) fn time_text(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| NULL.to_owned(), |t| t.to_string())
}
