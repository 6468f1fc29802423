//! NULL in every place, ends of chunks, keys that come back, and limits.
#![expect(clippy::panic, reason = "tests fail by panics")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tagdb_query::{Answer, Context, Database, Error, Limits};
use tagdb_storage::engine::{Idempotency, WriteOptions};

use crate::session::Session;

fn three() -> Session {
    let s = Session::new();
    s.run("CREATE TABLE t (id KEYWORD PRIMARY KEY, n INT, k KEYWORD, b BOOLEAN, s KEYWORD[], m MAP(KEYWORD, INT))");
    s.run(
        "INSERT INTO t (id, n, k, b, s, m) VALUES ('one', 1, 'x', true, ['p'], {'a': 1}),
         ('two', 2, 'y', false, ['p', 'q'], {'a': 2, 'b': 0}), ('null', NULL, NULL, NULL, NULL, NULL)",
    );
    s
}

#[test]
fn null_is_neither_true_nor_false() {
    list(&[
        ("n IN (1, NULL)", "one"),
        ("n NOT IN (1, NULL)", ""),
        ("n NOT IN (1)", "two"),
        ("NOT (n IN (1, NULL))", ""),
        ("(n IN (1, NULL)) IS NULL", "two null"),
        ("k IN ('x', NULL)", "one"),
        ("k NOT IN ('x', NULL)", ""),
        ("n BETWEEN 1 AND NULL", ""),
        ("n NOT BETWEEN 2 AND NULL", "one"),
        ("n NOT BETWEEN NULL AND 1", "two"),
        ("(n BETWEEN NULL AND 1) IS NULL", "one null"),
        ("n = NULL", ""),
        ("NOT (n = NULL)", ""),
        ("NULL", ""),
        ("n IS NULL", "null"),
        ("n IS NOT NULL", "one two"),
        ("b", "one"),
        ("NOT b", "two"),
        ("b IS TRUE", "one"),
        ("b IS NOT TRUE", "two null"),
        ("b IS FALSE", "two"),
        ("b IS NOT FALSE", "one null"),
        ("(n > 1) IS NOT TRUE", "one null"),
        ("(n > 1) IS NOT FALSE", "two null"),
        ("n > 1 OR n IS NULL", "two null"),
        ("n > 1 OR NOT (n > 1)", "one two"),
        ("(n > 1 AND NULL) IS NULL", "two null"),
        ("(n > 1 OR NULL) IS NULL", "one null"),
        ("n <> 1", "two"),
        ("n IS DISTINCT FROM 1", "two null"),
        ("n IS NOT DISTINCT FROM NULL", "null"),
        ("k <> 'x'", "two"),
        ("k > 'x'", "two"),
        ("NOT (k > 'x')", "one"),
    ]);
}

#[test]
fn null_in_collections_and_expressions() {
    list(&[
        ("NOT has(s, 'q')", "one null"),
        ("has(s, NULL)", ""),
        ("has(s, NULL) IS NULL", "one two null"),
        ("has_any(s, [])", ""),
        ("has_all(s, [])", "one two null"),
        ("cardinality(s) = 0", "null"),
        ("NOT (cardinality(s) > 1)", "one null"),
        ("m['b'] = 0", "two"),
        ("NOT (m['b'] = 0)", ""),
        ("m['b'] IS NULL", "one null"),
        ("m['nobody'] IS NULL", "one two null"),
        ("NOT (m['nobody'] > 0)", ""),
        ("NOT map_contains(m, 'b')", "one null"),
        (
            "CASE WHEN n > 1 THEN true WHEN n IS NULL THEN NULL ELSE false END",
            "two",
        ),
        (
            "NOT CASE WHEN n > 1 THEN true WHEN n IS NULL THEN NULL ELSE false END",
            "one",
        ),
        ("CASE WHEN n > 1 THEN false ELSE true END", "one null"),
        ("n = ANY([1, 3])", "one"),
        ("n / 0 > 1", ""),
        ("(n / 0 > 1) IS NULL", "one two null"),
        ("n + NULL = 1", ""),
        ("id IN ('one', NULL)", "one"),
        ("id NOT IN ('one', NULL)", ""),
        ("id <> 'one' AND n > 0", "two"),
        ("coalesce(n, 5) > 1", "two null"),
    ]);
}

/// Checks conditions with the subjects for which each is true.
fn list(cases: &[(&str, &str)]) {
    let s = three();
    for (condition, rows) in cases {
        let sql = format!("SELECT id FROM t WHERE {condition}");
        let found = s.lines(&sql, "").join(" ");
        assert_eq!(found, *rows, "{condition}");
    }
}

fn failure(result: Result<Answer, Error>) -> Error {
    match result {
        Err(error) => error,
        Ok(Answer::Written { .. }) => panic!("it was written"),
        Ok(Answer::Rows(mut rows)) => loop {
            match rows.next() {
                Err(error) => break error,
                Ok(Some(_)) => {}
                Ok(None) => panic!("it has an answer"),
            }
        },
    }
}

#[test]
fn chunks_have_ends() {
    let s = Session::new();
    s.run("CREATE TABLE t (id BIGINT PRIMARY KEY, n INT, k KEYWORD)");
    // 65,536 + 10 subjects: the second chunk is short.
    let count = 65_546;
    for first in (0..count).step_by(6_000) {
        let row = |id: usize| format!("({id},{},'k{}')", id % 7, id % 3);
        let rows: Vec<_> = (first..count.min(first + 6_000)).map(row).collect();
        s.run(&format!(
            "INSERT INTO t (id, n, k) VALUES {}",
            rows.join(",")
        ));
    }
    let counts = |expected: [usize; 6]| {
        for (condition, expected) in [
            ("TRUE", expected[0]),
            ("NOT (n = 3)", expected[1]),
            ("k <> 'k1'", expected[2]),
            ("n IS NULL", expected[3]),
            ("NOT (id < 65536)", expected[4]),
            ("n * 2 = 6 OR k = 'none'", expected[5]),
        ] {
            let sql = format!("SELECT count(*) FROM t WHERE {condition}");
            s.check(&sql, &expected.to_string());
            // The same by streaming all of the rows.
            let listed = s
                .lines(&format!("SELECT id FROM t WHERE {condition}"), "")
                .len();
            assert_eq!(listed, expected, "{condition}");
        }
    };
    let threes = (0..count).filter(|id| id % 7 == 3).count();
    let ones = (0..count).filter(|id| id % 3 == 1).count();
    counts([count, count - threes, count - ones, 0, 10, threes]);
    s.check(
        "SELECT id FROM t ORDER BY id DESC LIMIT 2 OFFSET 9",
        "65536\n65535",
    );
    s.check(
        "SELECT id FROM t LIMIT 3 OFFSET 65534",
        "65534\n65535\n65536",
    );
    s.check(
        "SELECT n, count(*) FROM t WHERE id >= 65530 GROUP BY n HAVING count(*) > 2",
        "3|3\n4|3",
    );
    assert!(s.database.engine().flush().is_ok());
    counts([count, count - threes, count - ones, 0, 10, threes]);
    assert!(s.database.engine().compact(None).is_ok());
    counts([count, count - threes, count - ones, 0, 10, threes]);
    // Keys that come back are new subjects, behind all others.
    assert_eq!(s.affected("DELETE FROM t WHERE id IN (0, 65545, 65546)"), 2);
    s.run("INSERT INTO t (id) VALUES (0), (65545)");
    s.check(
        "SELECT count(*), count(n), sum(n) FROM t WHERE id IN (0, 65545)",
        "2|0|",
    );
    s.check("SELECT count(*) FROM t WHERE n IS NULL", "2");
    s.check(
        "SELECT count(*) FROM t WHERE NOT (n IS NULL)",
        &(count - 2).to_string(),
    );
    s.check("SELECT id FROM t LIMIT 2 OFFSET 65544", "0\n65545");
    assert_eq!(
        s.affected("DELETE FROM t WHERE n <> 3"),
        (count - threes - 2) as u64
    );
    s.check(
        "SELECT count(*), count(k) FROM t",
        &format!("{}|{threes}", threes + 2),
    );
}

#[test]
fn limits_stop_statements_by_name() {
    let s = Session::new();
    s.run("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT) WITH (partitions = 4)");
    let rows: Vec<_> = (0..5_000).map(|id| format!("({id}, {id})")).collect();
    s.run(&format!("INSERT INTO t (id, n) VALUES {}", rows.join(", ")));
    let few_groups = Limits {
        groups_max: 100,
        ..Limits::default()
    };
    let limited = Database::new(s.database.engine().clone(), few_groups);
    let run = |sql: &str, context: &Context| {
        let statements = limited.parse(sql)?;
        limited.run(&statements[0], context)
    };
    let error = failure(run(
        "SELECT n, count(*) FROM t GROUP BY n",
        &Context::default(),
    ));
    assert_eq!(error.code(), "limit_exceeded");
    assert_eq!(
        error.limit().map(|(name, _, max)| (name, max)),
        Some(("groups", 100))
    );
    let small = Context {
        memory_bytes_max: 20_000,
        ..Context::default()
    };
    for sql in [
        "SELECT id FROM t ORDER BY n",
        "SELECT count(DISTINCT n) FROM t",
        "UPDATE t SET n = n + 1 WHERE TRUE",
    ] {
        let error = failure(run(sql, &small));
        let limit = error.limit().map(|(name, ..)| name);
        assert_eq!(limit, Some("statement_memory_bytes"), "{sql}: {error}");
    }
    assert!(run("SELECT id FROM t ORDER BY n LIMIT 3", &small).is_ok());
    let cancelled = Context {
        cancel: Arc::new(AtomicBool::new(true)),
        ..Context::default()
    };
    let late = Context {
        deadline: Some(std::time::Instant::now()),
        ..Context::default()
    };
    for sql in [
        "SELECT id FROM t",
        "SELECT count(*) FROM t WHERE n > 5",
        "DELETE FROM t WHERE n > 5",
    ] {
        assert_eq!(failure(run(sql, &cancelled)).code(), "cancelled", "{sql}");
        assert_eq!(failure(run(sql, &late)).code(), "timeout", "{sql}");
    }
    s.check("SELECT count(*), sum(n) FROM t", "5000|12497500");
}

#[test]
fn values_out_of_range_write_nothing() {
    let s = three();
    for (sql, code) in [
        ("UPDATE t SET n = n * 2147483647 WHERE TRUE", "overflow"),
        ("UPDATE t SET n = 3000000000 WHERE TRUE", "overflow"),
        ("SELECT sum(n * 9223372036854775807) FROM t", "overflow"),
        ("UPDATE nobody SET n = 1 WHERE TRUE", "unknown_table"),
    ] {
        assert_eq!(
            failure(s.answer(sql, &Context::default())).code(),
            code,
            "{sql}"
        );
    }
    s.check("SELECT sum(n), min(n), max(n) FROM t", "3|1|2");
    s.run("CREATE TABLE big (id BIGINT PRIMARY KEY, n BIGINT) WITH (partitions = 4)");
    s.run("INSERT INTO big (id, n) VALUES (1, 9223372036854775807), (2, 1), (3, -1)");
    s.check(
        "SELECT sum(n) FROM big WHERE id IN (1, 3)",
        "9223372036854775806",
    );
    s.check("SELECT sum(n) FROM big", "9223372036854775807");
    let error = failure(s.answer("SELECT sum(n) FROM big WHERE n > 0", &Context::default()));
    assert_eq!(error.code(), "overflow");
}

#[test]
fn a_repeated_write_is_answered_as_the_first() {
    let s = three();
    let context = |key: &str, fingerprint| Context {
        write: WriteOptions {
            durable: true,
            idempotency: Some(Idempotency {
                key: key.to_owned(),
                fingerprint,
                detail: Vec::new(),
            }),
        },
        ..Context::default()
    };
    for (sql, affected) in [
        ("UPDATE t SET n = n + 1 WHERE n > 0", 2),
        ("INSERT INTO t (id) VALUES ('new'), ('newer')", 2),
        ("DELETE FROM t WHERE id = 'new'", 1),
        ("CREATE TABLE u (id BIGINT PRIMARY KEY)", 0),
        ("DROP TABLE u", 0),
        ("UPDATE t SET n = 1 WHERE id = 'nobody'", 0),
    ] {
        for replayed in [false, true] {
            match s.answer(sql, &context(sql, 1)) {
                Ok(Answer::Written {
                    rows_affected,
                    receipt,
                }) => {
                    assert_eq!(
                        (rows_affected, receipt.replayed),
                        (affected, replayed),
                        "{sql}"
                    );
                }
                other => panic!("{sql}: {other:?}"),
            }
        }
    }
    let other = s.answer("DELETE FROM t WHERE TRUE", &context("DROP TABLE u", 2));
    assert_eq!(failure(other).code(), "idempotency_key_reused");
    s.check("SELECT sum(n) FROM t", "5");
}

#[test]
fn results_stay_as_they_were_while_others_write() {
    let s = Session::new();
    s.run("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)");
    let rows: Vec<_> = (0..10_000).map(|id| format!("({id}, {id})")).collect();
    s.run(&format!("INSERT INTO t (id, n) VALUES {}", rows.join(", ")));
    for sql in ["SELECT id, n FROM t", "SELECT id, n FROM t ORDER BY n"] {
        let Ok(Answer::Rows(mut stream)) = s.answer(sql, &Context::default()) else {
            panic!("{sql} has rows");
        };
        let mut count = stream
            .next()
            .map(|batch| batch.map_or(0, |batch| batch.len()))
            .ok();
        s.run("UPDATE t SET n = -1 WHERE TRUE");
        s.run("DELETE FROM t WHERE id >= 100");
        assert!(s.database.engine().flush().is_ok());
        assert!(s.database.engine().compact(None).is_ok());
        while let Ok(Some(batch)) = stream.next() {
            assert!(batch.iter().all(|row| row[0] == row[1]), "{sql}");
            count = count.map(|count| count + batch.len());
        }
        assert_eq!(count, Some(10_000), "{sql}");
        s.check("SELECT count(*), max(n) FROM t", "100|-1");
        s.run(&format!("INSERT INTO t (id, n) VALUES {}", rows.join(", ")));
    }
}
