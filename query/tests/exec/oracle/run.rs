//! Histories of writes with queries after each.

use super::grouped::Grouped;
use super::model::{Row, Table};
use super::predicates::P;
use super::random::Random;
use super::sample::Sample;
use super::{analysis, history};
use crate::session::Session;

/// Histories, unless HISTORIES says otherwise; SEED repeats one.
const HISTORIES: u64 = 80;
const STEPS: usize = 25;
const QUERIES: usize = 5;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn queries_agree_with_a_row_scan() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HISTORIES").unwrap_or(HISTORIES),
    };
    for seed in seeds {
        // Shown if the test fails.
        println!("SEED={seed}");
        let random = &mut Random::new(seed);
        let table = Table::random(random);
        println!("{}", table.create());
        history(random, table);
    }
}

fn history(random: &mut Random, mut table: Table) {
    let session = Session::new();
    session.run(&table.create());
    for _ in 0..STEPS {
        history::write(&session, &mut table, random);
        for _ in 0..QUERIES {
            sides(&session, &table, random);
            groups(&session, &table, random);
            listed(&session, &table, random);
        }
        analysis::check(&session, &table, random);
    }
    everything(&session, &table);
}

/// The rows for which a condition has a value.
fn matching<'t>(table: &'t Table, p: &P, value: Option<bool>) -> Vec<(&'t String, &'t Row)> {
    table
        .rows
        .iter()
        .filter(|(key, row)| p.eval(table, key, row) == value)
        .collect()
}

fn sides(session: &Session, table: &Table, random: &mut Random) {
    let p = P::random(table, random, 3);
    let text = p.sql(table);
    let parts = [
        (Some(true), text.clone()),
        (Some(false), format!("NOT {text}")),
        (None, format!("({text}) IS NULL")),
    ];
    for (value, sql) in parts {
        let sql = format!("SELECT count(*) FROM t WHERE {sql}");
        let expected = matching(table, &p, value).len().to_string();
        assert_eq!(session.both(&sql, super::model::NULL), [expected], "{sql}");
    }
}

fn groups(session: &Session, table: &Table, random: &mut Random) {
    let grouped = Grouped::random(table, random);
    let sql = grouped.sql(table);
    let mut lines = session.both(&sql, super::model::NULL);
    lines.sort();
    assert_eq!(lines, grouped.lines(table), "{sql}");
}

fn listed(session: &Session, table: &Table, random: &mut Random) {
    let p = P::random(table, random, 2);
    let columns: Vec<_> = table
        .columns
        .iter()
        .filter(|_| random.one_in(3))
        .cloned()
        .collect();
    let names: String = columns
        .iter()
        .map(|(name, _)| format!(", {name}"))
        .collect();
    let sample = Sample::random(random);
    let sampled = sample.as_ref().map_or(String::new(), Sample::sql);
    let mut sql = format!("SELECT id{names} FROM t{sampled} WHERE {}", p.sql(table));
    let mut rows = matching(table, &p, Some(true));
    rows.retain(|(key, _)| sample.as_ref().is_none_or(|sample| sample.has(key)));
    let by_key = |a: &str, b: &str| match table.int_keys {
        true => a.parse::<i64>().ok().cmp(&b.parse::<i64>().ok()),
        false => a.cmp(b),
    };
    let order = table.column(random, |kind| kind.is_ordered());
    let is_ordered = random.one_in(2);
    if let Some((name, _)) = order.filter(|_| is_ordered) {
        let (down, nulls_first) = (random.one_in(2), random.one_in(2));
        rows.sort_by(|(a, row_a), (b, row_b)| {
            let order = match (row_a.get(&name), row_b.get(&name)) {
                (Some(a), Some(b)) if down => b.cmp(a),
                (Some(a), Some(b)) => a.cmp(b),
                (a, b) if nulls_first => a.is_some().cmp(&b.is_some()),
                (a, b) => a.is_none().cmp(&b.is_none()),
            };
            order.then_with(|| by_key(a, b))
        });
        let (direction, nulls) = (
            if down { "DESC" } else { "ASC" },
            if nulls_first { "FIRST" } else { "LAST" },
        );
        sql += &format!(" ORDER BY {name} {direction} NULLS {nulls}, id");
        if random.one_in(2) {
            let (limit, offset) = (random.below(12), random.below(6));
            sql += &format!(" LIMIT {limit} OFFSET {offset}");
            rows = rows.into_iter().skip(offset).take(limit).collect();
        }
    }
    let mut page = None;
    if !sql.contains("ORDER BY") && random.one_in(2) {
        let (limit, offset) = (random.below(12), random.below(6));
        sql += &format!(" LIMIT {limit} OFFSET {offset}");
        page = Some(rows.len().saturating_sub(offset).min(limit));
    }
    let line = |(key, row): &(&String, &Row)| {
        let values = columns
            .iter()
            .map(|(name, kind)| format!("|{}", kind.text(row.get(name))));
        format!("{key}{}", values.collect::<String>())
    };
    let mut expected: Vec<_> = rows.iter().map(line).collect();
    let mut lines = session.both(&sql, super::model::NULL);
    if !sql.contains("ORDER BY") {
        expected.sort();
        lines.sort();
    }
    if let Some(count) = page {
        assert_eq!(lines.len(), count, "{sql}");
        assert!(lines.iter().all(|line| expected.contains(line)), "{sql}");
        assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "{sql}");
        return;
    }
    assert_eq!(lines, expected, "{sql}");
}

/// All rows by `SELECT *`, and by look-ups.
fn everything(session: &Session, table: &Table) {
    let line = |(key, row): (&String, &Row)| {
        let kinds = table.columns.iter();
        let values = kinds.map(|(name, kind)| kind.text(row.get(name)));
        [vec![key.clone()], values.collect()].concat().join("|")
    };
    let mut expected: Vec<_> = table.rows.iter().map(line).collect();
    let mut lines = session.lines("SELECT * FROM t", super::model::NULL);
    expected.sort();
    lines.sort();
    assert_eq!(lines, expected);
    let mut found = Vec::new();
    for number in 0..70 {
        let key = table.key(number);
        let row = session.look_up("t", &key, table.int_keys, super::model::NULL);
        assert_eq!(row.is_some(), table.rows.contains_key(&key), "{key}");
        found.extend(row.map(|row| [vec![key], row].concat().join("|")));
    }
    found.sort();
    assert_eq!(found, expected);
}
