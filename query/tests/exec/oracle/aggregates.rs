//! Random aggregates, and what they come to by going over all rows.

use std::collections::BTreeSet;

use super::model::{Kind, NULL, Row, Table, Val, decimal};
use super::predicates::P;
use super::random::Random;

#[derive(Debug)]
pub(super) struct Aggregate {
    pub(super) function: Function,
    argument: Option<Argument>,
    pub(super) filter: Option<P>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    CountAll,
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
    Median,
    /// In thousandths.
    Quantile(i64),
    Stddev,
    Share,
    Tgi,
}

#[derive(Debug)]
enum Argument {
    Key,
    Column(String, Kind),
    Entry(String, String),
    /// column * 2, of integers
    Double(String),
}

/// What shares are made of.
pub(super) struct Shares {
    pub(super) count: usize,
    pub(super) known: usize,
    pub(super) base_count: usize,
    pub(super) base_known: usize,
    /// Whether it is the group NULL.
    pub(super) is_null: bool,
}

impl Shares {
    pub(super) fn share(&self) -> Option<f64> {
        let has_share = !self.is_null && self.known > 0;
        has_share.then(|| self.count as f64 / self.known as f64)
    }

    pub(super) fn tgi(&self) -> Option<f64> {
        self.share()?;
        let (own, base) = (self.count * self.base_known, self.base_count * self.known);
        (base > 0).then(|| 100.0 * own as f64 / base as f64)
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
    pub(super) fn random(table: &Table, has_keys: bool, random: &mut Random) -> Self {
        let (name, kind) = random.pick(&table.columns).clone();
        let quantile = *random.pick(&[0, 100, 250, 333, 500, 900, 999, 1000]);
        let all = [
            Function::Count,
            Function::CountDistinct,
            Function::Min,
            Function::Max,
            Function::Median,
            Function::Quantile(quantile),
            Function::Sum,
            Function::Avg,
            Function::Stddev,
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
            Kind::Date | Kind::Timestamp => &all[..6],
            _ => &all[..4],
        };
        let filter = random.one_in(4).then(|| P::random(table, random, 2));
        let subjects = match random.below(10) {
            0 | 1 => Some(Function::CountAll),
            2 if has_keys => Some(Function::Share),
            3 if has_keys => Some(Function::Tgi),
            _ => None,
        };
        Self {
            function: subjects.unwrap_or_else(|| *random.pick(functions)),
            argument: if subjects.is_some() {
                None
            } else {
                Some(argument)
            },
            filter,
        }
    }

    pub(super) fn sql(&self, table: &Table) -> String {
        let argument = self.argument.as_ref().map_or(String::new(), Argument::sql);
        let filter = match &self.filter {
            None => String::new(),
            Some(filter) => format!(" FILTER (WHERE {})", filter.sql(table)),
        };
        match self.function {
            Function::CountAll => format!("count(*){filter}"),
            Function::Count => format!("count({argument}){filter}"),
            Function::CountDistinct => format!("count(DISTINCT {argument}){filter}"),
            Function::Sum => format!("sum({argument}){filter}"),
            Function::Avg => format!("avg({argument}){filter}"),
            Function::Min => format!("min({argument}){filter}"),
            Function::Max => format!("max({argument}){filter}"),
            Function::Median => format!("median({argument}){filter}"),
            Function::Quantile(thousandths) => {
                let (whole, rest) = (thousandths / 1000, thousandths % 1000);
                format!("quantile({argument}, {whole}.{rest:03}){filter}")
            }
            Function::Stddev => format!("round(stddev({argument}){filter}, 6)"),
            Function::Share => format!("share(){filter}"),
            Function::Tgi => format!("tgi(){filter}"),
        }
    }

    /// Of the rows of a group; shares are another matter.
    pub(super) fn value(&self, table: &Table, rows: &[(&String, &Row)]) -> String {
        let passes = |(key, row): &&(&String, &Row)| {
            let filter = self.filter.as_ref();
            filter.is_none_or(|filter| filter.eval(table, key, row) == Some(true))
        };
        let rows = rows.iter().filter(passes);
        let Some(argument) = &self.argument else {
            return rows.count().to_string();
        };
        let kind = argument.kind(table);
        let mut known: Vec<Val> = rows
            .filter_map(|(key, row)| argument.value(table, key, row))
            .collect();
        known.sort();
        match self.function {
            Function::Count => return known.len().to_string(),
            Function::CountDistinct => {
                return known.into_iter().collect::<BTreeSet<_>>().len().to_string();
            }
            Function::Min => return kind.text(known.first()),
            Function::Max => return kind.text(known.last()),
            _ if known.is_empty() => return NULL.to_owned(),
            Function::Median => return quantile(kind, &known, 500),
            Function::Quantile(thousandths) => return quantile(kind, &known, thousandths),
            _ => {}
        }
        let sum: i64 = known.iter().map(|value| number(kind, value)).sum();
        match (self.function, kind) {
            (Function::Sum, Kind::Decimal) => decimal(sum),
            (Function::Sum, Kind::Double) => format!("{:?}", sum as f64 / 2.0),
            (Function::Sum, _) => sum.to_string(),
            (Function::Avg, _) => {
                format!("{:?}", sum as f64 / unit(kind) as f64 / known.len() as f64)
            }
            _ if known.len() < 2 => NULL.to_owned(),
            _ => {
                let count = known.len() as f64;
                let mean = sum as f64 / count;
                let distance = |value: &Val| number(kind, value) as f64 - mean;
                let squares: f64 = known.iter().map(|v| distance(v) * distance(v)).sum();
                let deviation = (squares / (count - 1.0)).sqrt() / unit(kind) as f64;
                format!("{:?}", (deviation * 1e6).round() / 1e6)
            }
        }
    }
}

/// How many units of the model a whole is.
const fn unit(kind: Kind) -> i64 {
    match kind {
        Kind::Decimal => 100,
        Kind::Double => 2,
        _ => 1,
    }
}

fn number(kind: Kind, value: &Val) -> i64 {
    match value {
        Val::Number(value) => *value,
        Val::Text(text) if kind == Kind::Date => super::model::days(text),
        Val::Text(text) => super::model::micros(text),
        _ => 0,
    }
}

/// Of values that rise.
fn quantile(kind: Kind, known: &[Val], thousandths: i64) -> String {
    let place = thousandths * (known.len() as i64 - 1);
    let (index, part) = ((place / 1000) as usize, place % 1000);
    let low = number(kind, &known[index]);
    let high = known
        .get(index + 1)
        .map_or(low, |value| number(kind, value));
    let exact = i128::from(low) * 1000 + i128::from(high - low) * i128::from(part);
    match kind {
        Kind::Date => super::model::date_text(exact.div_euclid(1000) as i64),
        Kind::Timestamp => super::model::time_text(exact.div_euclid(1000) as i64),
        Kind::Double => {
            let (low, high) = (low as f64 / 2.0, high as f64 / 2.0);
            let between = low + (high - low) * (part as f64 / 1000.0);
            format!("{:?}", between + 0.0)
        }
        _ => format!("{:?}", exact as f64 / (1000 * unit(kind)) as f64),
    }
}
