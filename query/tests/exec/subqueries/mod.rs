//! Random queries in conditions, WITH and set operations over two tables, against plain rows.
//!
//! The model evaluates a query to a list of values and a condition by SQL's truth tables. Tables,
//! conditions and queries are its own; it shares the text of the statements with the executor.

mod condition;
mod hostile;
mod model;
mod queries;

use std::collections::BTreeMap;

use super::oracle::random::Random;
use super::session::Session;
use condition::{Condition, Names};
use model::{Subject, Tables};
use queries::Set;

/// Histories, unless HISTORIES says otherwise; SEED repeats one.
const HISTORIES: u64 = 40;
const STEPS: usize = 8;
const QUERIES: usize = 12;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn queries_in_queries_agree_with_plain_rows() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HISTORIES").unwrap_or(HISTORIES),
    };
    for seed in seeds {
        // Shown if the test fails.
        println!("SEED={seed}");
        history(&mut Random::new(seed));
    }
}

fn history(random: &mut Random) {
    let session = Session::new();
    let mut tables = Tables::default();
    tables.create(&session, random);
    for _ in 0..STEPS {
        tables.write(&session, random);
        if random.one_in(3) {
            assert!(session.database.engine().flush().is_ok());
        }
        if random.one_in(6) {
            assert!(session.database.engine().compact(None).is_ok());
        }
        for _ in 0..QUERIES {
            counted(&session, &tables, random);
            combined(&session, &tables, random);
            filtered(&session, &tables, random);
        }
        change(&session, &mut tables, random);
    }
}

/// Who meets a condition, who does not, and of whom it is unknown; with names of WITH or without.
fn counted(session: &Session, tables: &Tables, random: &mut Random) {
    let table = random.below(2);
    let mut names = Names::default();
    let with = names.random_with(random);
    let condition = Condition::random(random, &mut names, 3);
    let Some(with) = names.used(with) else {
        return;
    };
    let env = names.values(tables);
    let text = condition.sql(&names);
    let table_name = model::NAMES[table];
    for (value, sql) in [
        (Some(true), text.clone()),
        (Some(false), format!("NOT ({text})")),
        (None, format!("({text}) IS NULL")),
    ] {
        let rows = tables.rows[table].iter();
        let matching = rows.filter(|row| condition.eval(tables, &env, row) == value);
        let keys: Vec<&str> = matching.map(|row| row.key.as_str()).collect();
        let sql = format!("{with}SELECT k FROM {table_name} WHERE {sql} ORDER BY k");
        assert_eq!(session.both(&sql, model::NULL), keys, "{sql}");
    }
    // By rows.
    let rows = tables.rows[table].iter();
    let values = rows.map(|row| {
        let value = condition.eval(tables, &env, row);
        value.map_or(model::NULL.to_owned(), |value| value.to_string())
    });
    let values: Vec<String> = values.collect();
    let sql = format!("{with}SELECT {text} FROM {table_name} ORDER BY k");
    assert_eq!(session.both(&sql, model::NULL), values, "{sql}");
}

/// How many meet a condition in each group, with FILTER.
fn filtered(session: &Session, tables: &Tables, random: &mut Random) {
    let table = random.below(2);
    let condition = Condition::random(random, &mut Names::default(), 2);
    let text = condition.sql(&Names::default());
    let mut groups = BTreeMap::<Option<bool>, (usize, usize)>::new();
    for row in &tables.rows[table] {
        let (all, kept) = groups.entry(row.flag).or_default();
        *all += 1;
        *kept += usize::from(condition.eval(tables, &[], row) == Some(true));
    }
    let flag = |flag: &Option<bool>| flag.map_or(model::NULL.to_owned(), |flag| flag.to_string());
    let lines: Vec<String> = groups
        .iter()
        .map(|(key, (all, kept))| format!("{}|{all}|{kept}", flag(key)))
        .collect();
    let counts = format!("count(*), count(*) FILTER (WHERE {text}) FROM");
    let name = model::NAMES[table];
    let sql = format!("SELECT v, {counts} {name} GROUP BY v ORDER BY v NULLS FIRST");
    assert_eq!(session.both(&sql, model::NULL), lines, "{sql}");
    let sum = |count: fn(&(usize, usize)) -> usize| groups.values().map(count).sum::<usize>();
    let sql = format!("SELECT {counts} {name}");
    let line = format!("{}|{}", sum(|group| group.0), sum(|group| group.1));
    assert_eq!(session.both(&sql, model::NULL), [line], "{sql}");
}

/// UNION, INTERSECT and EXCEPT as statements.
fn combined(session: &Session, tables: &Tables, random: &mut Random) {
    let mut names = Names::default();
    let with = names.random_with(random);
    let set = Set::random(random, &mut names, 3);
    let Some(with) = names.used(with) else {
        return;
    };
    let env = names.values(tables);
    let mut expected = set.values(tables, &env);
    expected.sort();
    let is_single = !matches!(set, Set::Combined(..));
    let mut sql = format!("{with}{}", set.sql(&names));
    if random.one_in(2) && !is_single {
        let down = random.one_in(2);
        sql += if down {
            " ORDER BY 1 DESC"
        } else {
            " ORDER BY k"
        };
        if down {
            expected.reverse();
        }
        if random.one_in(2) {
            let (limit, offset) = (random.below(9), random.below(4));
            sql += &format!(" LIMIT {limit} OFFSET {offset}");
            expected = expected.into_iter().skip(offset).take(limit).collect();
        }
        assert_eq!(session.both(&sql, model::NULL), expected, "{sql}");
        return;
    }
    let mut lines = session.both(&sql, model::NULL);
    let again = session.both(&sql, model::NULL);
    assert_eq!(lines, again, "the order of {sql} is not stable");
    lines.sort();
    assert_eq!(lines, expected, "{sql}");
    if !is_single {
        let (limit, offset) = (random.below(9), random.below(4));
        let paged = format!("{sql} LIMIT {limit} OFFSET {offset}");
        let page: Vec<String> = again.into_iter().skip(offset).take(limit).collect();
        assert_eq!(session.both(&paged, model::NULL), page, "{paged}");
    }
}

/// UPDATE and DELETE read what they write on.
fn change(session: &Session, tables: &mut Tables, random: &mut Random) {
    let table = random.below(2);
    let mut names = Names::default();
    let condition = Condition::random(random, &mut names, 2);
    let env = names.values(tables);
    let holds = |row: &Subject| condition.eval(tables, &env, row) == Some(true);
    let matching: Vec<bool> = tables.rows[table].iter().map(holds).collect();
    let count = matching.iter().filter(|matches| **matches).count() as u64;
    let (name, text) = (model::NAMES[table], condition.sql(&names));
    let mut matching = matching.into_iter();
    if random.one_in(2) && count < 5 {
        tables.rows[table].retain(|_| matching.next() != Some(true));
        let sql = format!("DELETE FROM {name} WHERE {text}");
        assert_eq!(session.affected(&sql), count, "{sql}");
    } else {
        for row in &mut tables.rows[table] {
            if matching.next() == Some(true) {
                row.number = Some(4);
            }
        }
        let sql = format!("UPDATE {name} SET i = 4 WHERE {text}");
        assert_eq!(session.affected(&sql), count, "{sql}");
    }
}

/// Keys of the same table are conditions; other queries are shown once each, below.
#[test]
fn explain_shows_queries() {
    let session = Session::new();
    Tables::default().create(&session, &mut Random::new(1));
    let lines = session.lines(
        "EXPLAIN WITH x AS (SELECT c FROM b WHERE i > 1) SELECT k FROM a WHERE \
         k IN (SELECT k FROM a WHERE v) AND c IN (SELECT c FROM x) AND s && (SELECT c FROM x)",
        "",
    );
    let has = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!(has("is true"), 2, "{lines:#?}");
    assert_eq!(has("query 1, see below"), 2, "{lines:#?}");
    assert_eq!(has("scan b"), 1, "{lines:#?}");
    assert_eq!(
        has("values of a query, which is run first"),
        2,
        "{lines:#?}"
    );
    let lines = session.lines(
        "EXPLAIN ANALYZE SELECT k FROM a WHERE k NOT IN (SELECT c FROM b WHERE c IS NOT NULL)",
        "",
    );
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("constant") && has("audience: 0"), "{lines:#?}");
}
