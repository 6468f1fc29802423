//! Portraits, overlaps, matches and trees against a plain row scan.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panics")]

use std::collections::BTreeMap;

use tagdb_query::analysis::{
    Analysis, Compared, Conditions, Content, Known, Params, Question, TagPortrait, Test, What,
};
use tagdb_query::{Context, Value};
use tagdb_storage::schema::Key;

use super::model::{Kind, Row, Table, Val};
use super::predicates::P;
use super::random::Random;
use crate::session::{Session, text_of};

/// Everything about a few random audiences.
pub(super) fn check(session: &Session, table: &Table, random: &mut Random) {
    let snapshot = session.database.engine().snapshot();
    let analysis = session
        .database
        .analysis(snapshot, "t", &Context::default());
    let analysis = analysis.unwrap();
    portrait(&analysis, table, random);
    overlap(&analysis, table, random);
    matches(&analysis, table, random);
    super::trees::check(session, &analysis, table, random);
}

/// Conditions by name, without parameters.
pub(crate) fn conditions<'a>(texts: impl IntoIterator<Item = (&'a str, String)>) -> Conditions {
    let texts = texts
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text));
    Conditions {
        texts: texts.collect(),
        params: Params::default(),
    }
}

fn members<'t>(table: &'t Table, p: &P) -> Vec<(&'t String, &'t Row)> {
    let is_in = |(key, row): &(&String, &Row)| p.eval(table, key, row) == Some(true);
    table.rows.iter().filter(is_in).collect()
}

/// What a row holds of a column, each value as a text.
fn values_of(row: &Row, name: &str) -> Vec<String> {
    match row.get(name) {
        Some(Val::Boolean(value)) => vec![value.to_string()],
        Some(Val::Text(text)) => vec![text.clone()],
        Some(Val::Set(members)) => members.iter().cloned().collect(),
        Some(Val::Map(entries)) => entries.keys().cloned().collect(),
        Some(Val::Number(number)) => vec![number.to_string()],
        None => Vec::new(),
    }
}

fn portrait(analysis: &Analysis<'_>, table: &Table, random: &mut Random) {
    let p = P::random(table, random, 2);
    let against = random.one_in(2).then(|| P::random(table, random, 1));
    let mut texts = vec![("where", p.sql(table))];
    texts.extend(
        against
            .as_ref()
            .map(|against| ("against", against.sql(table))),
    );
    let question = Question {
        conditions: conditions(texts),
        ..Question::default()
    };
    let audience = members(table, &p);
    let base = match &against {
        Some(against) => members(table, against),
        None => table.rows.iter().collect(),
    };
    let is_inside = audience
        .iter()
        .all(|(key, _)| base.iter().any(|(other, _)| other == key));
    let test = match is_inside {
        true => Test::Hypergeometric,
        false => Test::TwoProportion,
    };
    let found = analysis.portrait(&question, 3).unwrap();
    let place = format!("{question:?}");
    assert_eq!(found.audience, audience.len() as u64, "{place}");
    assert_eq!(found.base, base.len() as u64, "{place}");
    assert_eq!(found.test, test, "{place}");
    let columns: Vec<_> = table
        .columns
        .iter()
        .filter(|(_, kind)| *kind != Kind::LongText)
        .collect();
    assert_eq!(found.tags.len(), columns.len());
    for (tag, (name, kind)) in found.tags.iter().zip(columns) {
        assert_eq!(tag.name, *name);
        let known = |rows: &[(&String, &Row)]| {
            rows.iter()
                .filter(|(_, row)| row.contains_key(name))
                .count() as u64
        };
        let known = Known {
            audience: known(&audience),
            base: known(&base),
        };
        assert_eq!(tag.known, known, "{name} {place}");
        assert_eq!(tag.multi, matches!(kind, Kind::Set | Kind::Map));
        let coverage = known.audience as f64 / audience.len() as f64;
        assert_eq!(tag.coverage, (!audience.is_empty()).then_some(coverage));
        let place = format!("{name} {place}");
        match &tag.content {
            Content::Values { values, more } => {
                let sides = [&audience, &base].map(|rows| counts(rows, name));
                listed(values, *more, &sides, (known, test), &place);
            }
            Content::Numbers { .. } => numbers(tag, *kind, &audience, &base, test, &place),
        }
    }
    significant(analysis, &question, &found.tags, random);
}

fn counts(rows: &[(&String, &Row)], name: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for value in rows.iter().flat_map(|(_, row)| values_of(row, name)) {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

fn listed(
    values: &[(Value, Compared)],
    more: u64,
    [own, base]: &[BTreeMap<String, u64>; 2],
    (known, test): (Known, Test),
    place: &str,
) {
    let mut expected: Vec<_> = own.iter().collect();
    expected.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    assert_eq!(more as usize, expected.len().saturating_sub(3), "{place}");
    assert_eq!(values.len(), expected.len().min(3), "{place}");
    for ((value, found), (expected, count)) in values.iter().zip(expected) {
        assert_eq!(text_of(value, ""), *expected, "{place}");
        let all = base.get(expected).copied().unwrap_or(0);
        compared(found, (*count, all), (known, test), place);
    }
}

/// The closed formulas, once more.
fn compared(found: &Compared, (count, all): (u64, u64), (known, test): (Known, Test), place: &str) {
    assert_eq!((found.count, found.base_count), (count, all), "{place}");
    let [k, n, base_k, base_n] = [count, known.audience, all, known.base].map(|count| count as f64);
    let near = |found: Option<f64>, expected: f64| match found {
        Some(found) => assert!(
            (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
            "{place}"
        ),
        None => assert!(
            !expected.is_finite(),
            "{place}: nothing instead of {expected}"
        ),
    };
    near(found.share, k / n);
    near(found.base_share, base_k / base_n);
    near(found.tgi, 100.0 * (k / n) / (base_k / base_n));
    let z = match test {
        Test::Hypergeometric => {
            let share = base_k / base_n;
            let spread = n * share * (1.0 - share) * (base_n - n) / (base_n - 1.0);
            (k - n * share) / spread.sqrt()
        }
        Test::TwoProportion => {
            let pooled = (k + base_k) / (n + base_n);
            (k / n - base_k / base_n) / (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / base_n)).sqrt()
        }
    };
    near(found.z, z);
}

fn number_of(kind: Kind, value: &Value) -> f64 {
    match value {
        Value::Date(days) => f64::from(*days),
        Value::Timestamp(moment) => *moment as f64,
        other => {
            let _ = kind;
            other.to_double().unwrap()
        }
    }
}

fn numbers_in(kind: Kind, rows: &[(&String, &Row)], name: &str) -> Vec<f64> {
    let number = |row: &Row| match (kind, row.get(name)?) {
        (Kind::Decimal, Val::Number(value)) => Some(*value as f64 / 100.0),
        (Kind::Double, Val::Number(value)) => Some(*value as f64 / 2.0),
        (_, Val::Number(value)) => Some(*value as f64),
        (Kind::Date, Val::Text(text)) => {
            Some(f64::from(tagdb_query::literal::parse_date(text).unwrap()))
        }
        (_, Val::Text(text)) => Some(tagdb_query::literal::parse_timestamp(text).unwrap() as f64),
        _ => None,
    };
    let mut numbers: Vec<f64> = rows.iter().filter_map(|(_, row)| number(row)).collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn numbers(
    tag: &TagPortrait,
    kind: Kind,
    audience: &[(&String, &Row)],
    base: &[(&String, &Row)],
    test: Test,
    place: &str,
) {
    let Content::Numbers { summary, buckets } = &tag.content else {
        panic!("{place}");
    };
    let own = numbers_in(kind, audience, &tag.name);
    let all = numbers_in(kind, base, &tag.name);
    for (index, bucket) in buckets.iter().enumerate() {
        assert_eq!(bucket.from.is_none(), index == 0);
        assert_eq!(bucket.to.is_none(), index + 1 == buckets.len());
        let low = bucket
            .from
            .as_ref()
            .map_or(f64::NEG_INFINITY, |v| number_of(kind, v));
        let high = bucket
            .to
            .as_ref()
            .map_or(f64::INFINITY, |v| number_of(kind, v));
        let count =
            |numbers: &[f64]| numbers.iter().filter(|n| low <= **n && **n < high).count() as u64;
        compared(
            &bucket.compared,
            (count(&own), count(&all)),
            (tag.known, test),
            place,
        );
    }
    let Some(summary) = summary else {
        assert!(own.is_empty(), "{place}");
        return;
    };
    let floor = matches!(kind, Kind::Date | Kind::Timestamp);
    let rounded = |value: f64| if floor { value.floor() } else { value };
    let mean = rounded(own.iter().sum::<f64>() / own.len() as f64);
    let middle = rounded(own[(own.len() - 1) / 2].midpoint(own[own.len() / 2]));
    for (found, expected) in [
        (&summary.min, own[0]),
        (&summary.max, own[own.len() - 1]),
        (&summary.mean, mean),
        (&summary.median, middle),
    ] {
        let found = number_of(kind, found);
        // Sums of microseconds are beyond what a double holds exactly.
        let off = if kind == Kind::Timestamp { 1.0 } else { 1e-9 };
        assert!(
            (found - expected).abs() <= off,
            "{place}: {found} {expected}"
        );
    }
}

/// What is significant is what the portrait says, ranked.
fn significant(
    analysis: &Analysis<'_>,
    question: &Question,
    listed: &[TagPortrait],
    random: &mut Random,
) {
    let min_support = 1 + random.below(3) as u64;
    let found = analysis.significant(question, min_support, 10_000).unwrap();
    let jlh = |compared: &Compared| {
        let (p, q) = (compared.share.unwrap(), compared.base_share.unwrap_or(0.0));
        if q == 0.0 {
            f64::INFINITY
        } else {
            (p - q) * (p / q)
        }
    };
    let mut last = f64::INFINITY;
    for value in &found.values {
        assert!(value.compared.count >= min_support);
        let expected = jlh(&value.compared);
        assert!(expected > 0.0 && expected <= last, "{question:?}");
        assert_eq!(value.jlh, expected.is_finite().then_some(expected));
        last = expected;
    }
    let all = analysis.portrait(question, 10_000).unwrap();
    let is_apart = |compared: &&Compared| {
        let above = compared.share > Some(compared.base_share.unwrap_or(0.0));
        compared.count >= min_support && above
    };
    let expected = all.tags.iter().map(|tag| match &tag.content {
        Content::Values { values, .. } => values.iter().map(|(_, c)| c).filter(is_apart).count(),
        Content::Numbers { buckets, .. } => buckets
            .iter()
            .map(|bucket| &bucket.compared)
            .filter(is_apart)
            .count(),
    });
    assert_eq!(found.values.len(), expected.sum::<usize>(), "{question:?}");
    assert_eq!(listed.len(), all.tags.len());
    let few = analysis.significant(question, min_support, 1).unwrap();
    assert_eq!(few.values.len() + few.more as usize, found.values.len());
    assert!(
        few.values
            .iter()
            .all(|v| matches!(v.what, What::Value(_) | What::Bucket(..)))
    );
}

fn overlap(analysis: &Analysis<'_>, table: &Table, random: &mut Random) {
    let count = 2 + random.below(8);
    let audiences: Vec<P> = (0..count).map(|_| P::random(table, random, 1)).collect();
    let names: Vec<String> = (0..count).map(|place| format!("a{place}")).collect();
    let texts = names.iter().zip(&audiences);
    let asked = conditions(texts.map(|(name, p)| (name.as_str(), p.sql(table))));
    let found = analysis.overlap(&asked).unwrap();
    let place = format!("{asked:?}");
    // Each row by the audiences it is in.
    let mut cells: BTreeMap<Vec<usize>, u64> = BTreeMap::new();
    for (key, row) in &table.rows {
        let is_in = |p: &P| p.eval(table, key, row) == Some(true);
        let cell = (0..count)
            .filter(|place| is_in(&audiences[*place]))
            .collect();
        *cells.entry(cell).or_default() += 1;
    }
    let sum = |test: &dyn Fn(&[usize]) -> bool| -> u64 {
        cells
            .iter()
            .filter(|(cell, _)| test(cell))
            .map(|(_, count)| count)
            .sum()
    };
    assert_eq!(found.subjects, table.rows.len() as u64);
    assert_eq!(found.union, sum(&|cell| !cell.is_empty()), "{place}");
    for (index, audience) in found.audiences.iter().enumerate() {
        assert_eq!(audience.name, names[index]);
        assert_eq!(audience.size, sum(&|cell| cell.contains(&index)), "{place}");
    }
    assert_eq!(found.pairs.len(), count * (count - 1) / 2);
    let places = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
    for (pair, (a, b)) in found.pairs.iter().zip(places) {
        assert_eq!(pair.places, (a, b));
        let both = sum(&|cell| cell.contains(&a) && cell.contains(&b));
        let either = sum(&|cell| cell.contains(&a) || cell.contains(&b));
        assert_eq!(pair.both, both, "{place}");
        let share = |of: u64| (of > 0).then(|| both as f64 / of as f64);
        assert_eq!(pair.jaccard, share(either));
        assert_eq!(pair.of_first, share(found.audiences[a].size));
        assert_eq!(pair.of_second, share(found.audiences[b].size));
    }
    let Some(counted) = found.cells else {
        assert!(count > 8);
        return;
    };
    assert!(count <= 8);
    cells.remove(&Vec::new());
    assert!(
        counted
            .windows(2)
            .all(|pair| pair[0].count >= pair[1].count)
    );
    let counted: BTreeMap<_, _> = counted
        .into_iter()
        .map(|cell| (cell.places, cell.count))
        .collect();
    assert_eq!(counted, cells, "{place}");
}

pub(super) fn key_of(table: &Table, key: &str) -> Key {
    match table.int_keys {
        true => Key::Int(key.parse().unwrap()),
        false => Key::Text(key.into()),
    }
}

fn matches(analysis: &Analysis<'_>, table: &Table, random: &mut Random) {
    let conditions_asked: Vec<P> = (0..random.below(4))
        .map(|_| P::random(table, random, 2))
        .collect();
    let names: Vec<String> = (0..conditions_asked.len())
        .map(|n| format!("c{n}"))
        .collect();
    let texts = names.iter().zip(&conditions_asked);
    let asked = conditions(texts.map(|(name, p)| (name.as_str(), p.sql(table))));
    let wanted: Vec<String> = (0..random.below(20))
        .map(|_| table.key(random.below(70)))
        .collect();
    let keys: Vec<Key> = wanted.iter().map(|key| key_of(table, key)).collect();
    let refs: Vec<_> = keys.iter().map(Key::as_ref).collect();
    let found = analysis.matches(&refs, &asked).unwrap();
    assert_eq!(found.len(), wanted.len());
    for (key, found) in wanted.iter().zip(found) {
        let expected = table.rows.get(key).map(|row| {
            let verdicts = conditions_asked.iter().map(|p| p.eval(table, key, row));
            verdicts.collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{key} {asked:?}");
    }
}
