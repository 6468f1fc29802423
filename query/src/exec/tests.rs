//! How often statements look whether they have to stop.

use std::fmt::Write as _;
use std::sync::Arc;

use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings};
use tagdb_storage::vfs::MemoryVfs;

use super::LOOKS;
use crate::{Answer, Context, Database, Limits};

const ROWS: usize = 3_000;

/// A table of one chunk, with as many strings as rows.
fn database() -> Database {
    let settings = Settings {
        background: false,
        ..Settings::default()
    };
    let vfs = Arc::new(MemoryVfs::new(7));
    let engine = Engine::open(vfs, settings, Clock::manual(0)).unwrap();
    let database = Database::new(engine, Limits::default());
    run(
        &database,
        "CREATE TABLE t (id BIGINT PRIMARY KEY, a INT, b INT, c KEYWORD, m MAP(KEYWORD, INT)) \
         WITH (partitions = 1)",
    );
    let row = |id: usize| format!("({id},{},{},'c{id}',{{'x':{id},'y':1}})", id % 7, id % 11);
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    run(
        &database,
        &format!("INSERT INTO t (id, a, b, c, m) VALUES {}", rows.join(",")),
    );
    database
}

/// Runs a statement to its end; tells how often it looked.
fn run(database: &Database, sql: &str) -> usize {
    LOOKS.set(0);
    let statement = database.parse(sql).unwrap().remove(0);
    match database.run(&statement, &Context::default()) {
        Ok(Answer::Rows(mut rows)) => while rows.next().unwrap().is_some() {},
        Ok(Answer::Written { .. }) => {}
        Err(error) => panic!("{sql}: {error}"),
    }
    LOOKS.get()
}

fn each(count: usize, part: &str, between: &str) -> String {
    let mut all = String::new();
    for number in 0..count {
        let part = part.replace('#', &number.to_string());
        let between = if number == 0 { "" } else { between };
        write!(all, "{between}{part}").unwrap();
    }
    all
}

/// Runs statements, each of which looks at least so often; for its only chunk it would be a few
/// times.
fn expect_looks(cases: &[(String, usize)]) {
    let database = database();
    for (sql, least) in cases {
        let looks = run(&database, sql);
        let sql = crate::literal::shown(sql);
        assert!(looks >= *least, "{looks} < {least}: {sql}");
    }
}

#[test]
fn every_test_and_aggregate_may_be_stopped_at() {
    let ors = each(200, "a * b + # = -1", " OR ");
    let likes = each(100, "c LIKE '%x#%'", " OR ");
    expect_looks(&[
        // An aggregate.
        (
            format!("SELECT {} FROM t", each(300, "sum(a * b + #)", ", ")),
            300,
        ),
        (
            format!(
                "SELECT {} FROM t",
                each(300, "count(*) FILTER (WHERE a = #)", ", ")
            ),
            300,
        ),
        (
            format!(
                "SELECT a, {} FROM t GROUP BY a",
                each(300, "sum(a * b + #)", ", ")
            ),
            300,
        ),
        // A test, and every so many rows and strings.
        (
            format!("SELECT count(*) FROM t WHERE {ors}"),
            200 + 200 * ROWS / 1_024,
        ),
        (
            format!("SELECT count(*) FROM t WHERE {likes}"),
            100 * ROWS / 256,
        ),
        (
            format!("EXPLAIN SELECT id FROM t WHERE {likes}"),
            100 * ROWS / 256,
        ),
        (
            format!("UPDATE t SET a = a WHERE {ors}"),
            200 + 200 * ROWS / 1_024,
        ),
        (
            format!("DELETE FROM t WHERE {ors}"),
            200 + 200 * ROWS / 1_024,
        ),
        (
            format!(
                "SELECT count(*) FROM t WHERE any_key(m, k -> {})",
                each(100, "m[k] = -# AND k LIKE 'z#'", " OR ")
            ),
            100 * ROWS * 2 / 1_024,
        ),
    ]);
}

#[test]
fn every_run_of_rows_may_be_stopped_at() {
    expect_looks(&[
        // Keys and columns of rows.
        (
            format!("SELECT id FROM t ORDER BY {}", each(50, "a * b + #", ", ")),
            50 * ROWS * 3 / 1_024,
        ),
        (
            format!("SELECT {} FROM t", each(50, "a * b + #", ", ")),
            50 * ROWS * 3 / 1_024,
        ),
        (
            format!(
                "SELECT count(*) FROM t GROUP BY {}",
                each(20, "a * b + # + id", ", ")
            ),
            20 * ROWS * 3 / 1_024,
        ),
        (
            format!(
                "SELECT id, {} FROM t GROUP BY id",
                each(50, "max(a) + #", ", ")
            ),
            50 * ROWS / 1_024,
        ),
        // Keys that are looked up.
        (
            format!("SELECT id FROM t WHERE id IN ({})", each(ROWS, "#", ",")),
            ROWS / 256,
        ),
        (
            "UPDATE t SET a = a * b + a WHERE TRUE".to_owned(),
            3 * ROWS / 1_024,
        ),
    ]);
}
