//! Limits, values out of range, repeats, and results that are still open.
#![expect(clippy::panic, reason = "tests fail by panics")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tagdb_query::{Answer, Context, Database, Error, Limits};
use tagdb_storage::engine::{Idempotency, WriteOptions};

use crate::nulls::three;
use crate::session::Session;

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
        memory_bytes_max: 100_000,
        ..Context::default()
    };
    for sql in [
        "SELECT id FROM t ORDER BY n",
        "SELECT count(DISTINCT n) FROM t",
        "SELECT median(n), quantile(n, 0.1), quantile(n, 0.9) FROM t",
        "SELECT n % 3, median(n * 2), median(n * 3) FROM t GROUP BY n % 3",
        "SELECT count(*) FILTER (WHERE n = 1), count(*) FILTER (WHERE n = 2) FROM t",
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

#[test]
fn updates_at_the_same_time_are_never_lost() {
    let s = Session::new();
    s.run("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT, m MAP(KEYWORD, INT)) WITH (partitions = 4)");
    s.run("INSERT INTO t (id, n) VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let s = &s;
            scope.spawn(move || {
                for step in 0..25 {
                    // All see the other's changes, also of the schema.
                    s.run(&format!("ALTER TABLE t ADD COLUMN c{thread}_{step} INT"));
                    s.run("UPDATE t SET n = n + 1, m['k'] = coalesce(m['k'], 0) + 2 WHERE n >= 0");
                    s.run(&format!(
                        "UPDATE t SET c{thread}_{step} = n WHERE id = {thread}"
                    ));
                    let sums = s.lines(
                        "SELECT max(n) - min(n), sum(m['k']) - 2 * sum(n) FROM t",
                        "0",
                    );
                    assert!(sums == ["0|0"], "{sums:?}");
                }
            });
        }
    });
    s.check("SELECT min(n), max(n), sum(m['k']) FROM t", "100|100|1000");
}
