//! What statements may hold: of the strings that they compute, and of groups.

use tagdb_query::bind::Param;
use tagdb_query::{Answer, Context, Result};

use crate::session::Session;

const MIB: usize = 1 << 20;

/// The limit that stops a statement, if one does.
fn limit_of(session: &Session, sql: &str, params: &[&str], memory: usize) -> Option<&'static str> {
    let context = Context {
        params: params
            .iter()
            .map(|text| Param::Text((*text).to_owned()))
            .collect(),
        memory_bytes_max: memory,
        ..Context::default()
    };
    let drained = |answer: Answer| -> Result<()> {
        if let Answer::Rows(mut rows) = answer {
            while rows.next()?.is_some() {}
        }
        Ok(())
    };
    match session.answer(sql, &context).and_then(drained) {
        Ok(()) => None,
        Err(error) => Some(error.limit().map_or(error.code(), |(name, ..)| name)),
    }
}

fn numbers(partitions: usize, rows: usize) -> Session {
    let s = Session::new();
    s.run(&format!(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, n INT, l LONGTEXT) WITH (partitions = {partitions})"
    ));
    for first in (0..rows).step_by(5_000) {
        let row = |id: usize| format!("({id},{})", id % 5_000);
        let rows: Vec<_> = (first..rows.min(first + 5_000)).map(row).collect();
        s.run(&format!("INSERT INTO t (id, n) VALUES {}", rows.join(",")));
    }
    s
}

#[test]
fn computed_strings_end_where_long_texts_do() {
    let s = numbers(1, 100);
    let half = "x".repeat(600_000);
    for sql in [
        "SELECT concat($1, $1) FROM t",
        "SELECT id FROM t WHERE concat($1, id, $1) = 'x'",
        "UPDATE t SET l = concat($1, id, $1) WHERE TRUE",
        "INSERT INTO t (id, l) VALUES (1, concat($1, $1))",
    ] {
        assert_eq!(
            limit_of(&s, sql, &[&half], 64 * MIB),
            Some("longtext_bytes"),
            "{sql}"
        );
    }
    let whole = "SELECT length(concat($1, 'x', $1)) FROM t";
    assert_eq!(limit_of(&s, whole, &[&half[..500_000]], 64 * MIB), None);
}

#[test]
fn computed_strings_are_held_within_the_memory() {
    let s = numbers(2, 200);
    let long = "x".repeat(500_000);
    for sql in [
        "SELECT concat($1, id) FROM t",
        "SELECT concat($1, id) FROM t ORDER BY n, id",
        "SELECT id FROM t ORDER BY concat($1, id)",
        "SELECT count(*) FROM t GROUP BY concat($1, id)",
        "SELECT count(*) FROM t GROUP BY n, concat($1, id)",
        "SELECT count(DISTINCT concat($1, id)) FROM t",
        "SELECT max(concat($1, id)) FROM t GROUP BY n",
        "SELECT min(concat($1, id)) FROM t",
        "SELECT concat($1, n) FROM t GROUP BY n",
        "UPDATE t SET l = concat($1, id) WHERE TRUE",
    ] {
        let found = limit_of(&s, sql, &[&long], 16 * MIB);
        assert_eq!(found, Some("statement_memory_bytes"), "{sql}");
        assert_eq!(limit_of(&s, sql, &["x"], 16 * MIB), None, "{sql}");
    }
    // Of a few it is no matter how many there are of them.
    let test = "SELECT count(*) FROM t WHERE concat($1, id) = 'x'";
    assert_eq!(limit_of(&s, test, &[&long], 16 * MIB), None);
}

#[test]
fn constants_that_are_named_often_are_counted() {
    let s = numbers(1, 10);
    let long = "x".repeat(MIB);
    let all = |part: &str| format!("SELECT {} FROM t", vec![part; 1_000].join(", "));
    assert_eq!(
        limit_of(&s, &all("$1"), &[&long], 64 * MIB),
        Some("tree_nodes")
    );
    assert_eq!(
        limit_of(&s, &all("upper($1)"), &[&long], 64 * MIB),
        Some("tree_nodes")
    );
    assert_eq!(limit_of(&s, &all("$1"), &["x"], 64 * MIB), None);
}

#[test]
fn partitions_take_no_memory_of_their_own() {
    for partitions in [1, 64] {
        let s = numbers(partitions, 20_000);
        for sql in [
            "SELECT n, count(*) FROM t GROUP BY n",
            "SELECT n + 1, max(id) FROM t GROUP BY n + 1",
            "SELECT n % 10, count(DISTINCT n), median(id) FROM t GROUP BY n % 10",
        ] {
            let found = limit_of(&s, sql, &[], 3 * MIB / 2);
            assert_eq!(found, None, "{partitions} partitions: {sql}");
        }
    }
}
