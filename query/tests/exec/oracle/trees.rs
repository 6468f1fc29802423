//! The trees of conditions as they are written: each part's text is a condition of its own, of which
//! SQL says the same.
#![expect(clippy::unwrap_used, reason = "tests fail by panics")]

use tagdb_query::analysis::{Analysis, NodeCount, Operator, Verdict};

use super::analysis::{conditions, key_of};
use super::model::Table;
use super::predicates::P;
use super::random::Random;
use crate::session::{Session, text_of};

/// Counts and verdicts at every part of a random condition.
pub(super) fn check(
    session: &Session,
    analysis: &Analysis<'_>,
    table: &Table,
    random: &mut Random,
) {
    let p = P::random(table, random, 3);
    let asked = conditions([("where", p.sql(table))]);
    let place = format!("{asked:?}");
    let counts = analysis.explain_count(&asked).unwrap();
    let of = |value: Option<bool>| {
        let rows = table.rows.iter();
        rows.filter(|(key, row)| p.eval(table, key, row) == value)
            .count() as u64
    };
    let expected = [Some(true), Some(false), None].map(of);
    assert_eq!([counts.yes, counts.no, counts.unknown], expected, "{place}");
    counts_of_parts(session, &counts);
    let key = table.key(random.below(60));
    let verdict = analysis.membership(&key_of(table, &key), &asked);
    let Some(row) = table.rows.get(&key) else {
        assert_eq!(verdict.unwrap_err().code(), "not_found");
        return;
    };
    let verdict = verdict.unwrap();
    assert_eq!(verdict.value, p.eval(table, &key, row), "{key} {place}");
    verdicts_of_parts(session, table, &key, &verdict);
    let literal = table.key_literal(&key);
    let sql = format!(
        "EXPLAIN MEMBERSHIP OF {literal} IN t WHERE {}",
        p.sql(table)
    );
    let lines = session.lines(&sql, "");
    let word = match verdict.value {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    };
    assert_eq!(lines[0].split('|').nth(1), Some(word), "{sql}");
    assert_eq!(lines.len(), nodes(&verdict), "{sql}");
}

fn nodes(verdict: &Verdict) -> usize {
    1 + verdict.children.iter().map(nodes).sum::<usize>()
}

/// Each part's text is a condition of its own, of which SQL says the same.
fn counts_of_parts(session: &Session, part: &NodeCount) {
    let text = &part.text;
    let sql = format!("SELECT count(*) FROM t WHERE {text}");
    assert_eq!(session.text(&sql), part.yes.to_string(), "{sql}");
    let sql = format!("SELECT count(*) FROM t WHERE NOT ({text})");
    assert_eq!(session.text(&sql), part.no.to_string(), "{sql}");
    for (index, child) in part.children.iter().enumerate() {
        let before = part.children[..=index]
            .iter()
            .map(|child| format!("({})", child.text));
        let word = match part.operator {
            Operator::And => " AND ",
            Operator::Or => " OR ",
            _ => {
                assert_eq!(child.after, None);
                counts_of_parts(session, child);
                continue;
            }
        };
        let sql = format!(
            "SELECT count(*) FROM t WHERE {}",
            before.collect::<Vec<_>>().join(word)
        );
        assert_eq!(
            session.text(&sql),
            child.after.unwrap().to_string(),
            "{sql}"
        );
        counts_of_parts(session, child);
    }
}

fn verdicts_of_parts(session: &Session, table: &Table, key: &str, part: &Verdict) {
    let literal = table.key_literal(key);
    let sql = match part.value {
        Some(true) => format!("({})", part.text),
        Some(false) => format!("NOT ({})", part.text),
        None => format!("({}) IS NULL", part.text),
    };
    let sql = format!("SELECT count(*) FROM t WHERE id = {literal} AND {sql}");
    assert_eq!(session.text(&sql), "1", "{sql}");
    assert!(part.children.is_empty() || part.seen.is_empty());
    for seen in &part.seen {
        let sql = format!("SELECT {} FROM t WHERE id = {literal}", seen.name);
        assert_eq!(session.text(&sql), text_of(&seen.value, ""), "{sql}");
    }
    for child in &part.children {
        verdicts_of_parts(session, table, key, child);
    }
}
