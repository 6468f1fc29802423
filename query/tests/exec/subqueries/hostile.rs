//! Queries in queries that are as deep, as many or as large as a text can make them.
#![expect(clippy::unwrap_used, reason = "tests fail by panics")]

use tagdb_query::{Answer, Context, Database, Limits, Result, RowStream};

use crate::session::Session;

/// What threads that run statements have at least.
const STACK_BYTES: usize = 1 << 20;

fn session() -> Session {
    let session = Session::new();
    session.run("CREATE TABLE t (k KEYWORD PRIMARY KEY, a INT, s KEYWORD[]) WITH (partitions = 4)");
    session.run("CREATE TABLE u (k KEYWORD PRIMARY KEY, a INT)");
    session.run("INSERT INTO t (k, a, s) VALUES ('a', 1, ['a']), ('b', 2, []), ('c', NULL, ['b'])");
    session.run("INSERT INTO u (k, a) VALUES ('a', 1), ('z', 2)");
    session
}

/// What a text comes to: the number of rows, or the code of the error.
fn outcome(sql: String) -> String {
    let run = move || {
        let session = session();
        let rows = match session.answer(&sql, &Context::default()) {
            Ok(Answer::Written { rows_affected, .. }) => Ok(rows_affected.to_string()),
            Ok(Answer::Rows(stream)) => counted(stream).map(|count| count.to_string()),
            Err(error) => Err(error),
        };
        rows.unwrap_or_else(|error| error.code().to_owned())
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    thread.spawn(run).unwrap().join().unwrap()
}

fn counted(mut rows: RowStream) -> Result<usize> {
    let mut count = 0;
    while let Some(batch) = rows.next()? {
        count += batch.len();
    }
    Ok(count)
}

/// What stands first, what is repeated, what closes each of it.
const DEEP: &[(&str, &str, &str)] = &[
    (
        "SELECT k FROM t WHERE TRUE",
        " AND k IN (SELECT k FROM t WHERE a > 0",
        ")",
    ),
    (
        "SELECT k FROM t WHERE TRUE",
        " AND k IN (SELECT k FROM t WHERE a > 0",
        " LIMIT 9)",
    ),
    (
        "SELECT k FROM t WHERE TRUE",
        " AND a IN (SELECT a FROM u WHERE a > 0",
        ")",
    ),
    (
        "SELECT k FROM t WHERE TRUE",
        " AND k IN (SELECT k FROM u WHERE a IS NULL",
        ")",
    ),
    (
        "SELECT k FROM t WHERE TRUE",
        " AND a IN (SELECT count(*) FILTER (WHERE TRUE",
        ") FROM u)",
    ),
    (
        "SELECT k FROM t WHERE TRUE",
        " AND k IN (SELECT k FROM t TABLESAMPLE BERNOULLI (50) WHERE a > 0",
        ")",
    ),
    (
        "DELETE FROM t WHERE TRUE",
        " AND k IN (SELECT k FROM u WHERE a IS NULL",
        ")",
    ),
    (
        "SELECT k FROM t WHERE TRUE",
        " AND NOT s @> (SELECT k FROM t WHERE TRUE",
        ")",
    ),
    (
        "SELECT k FROM t WHERE TRUE",
        " AND (k IN (SELECT k FROM t WHERE TRUE",
        "))::INT = 1",
    ),
    (
        "SELECT k FROM t",
        " UNION (SELECT k FROM u EXCEPT (SELECT k FROM t",
        "))",
    ),
    (
        "SELECT k FROM t",
        " UNION SELECT k FROM u EXCEPT SELECT k FROM t",
        "",
    ),
    (
        "EXPLAIN SELECT k FROM t WHERE TRUE",
        " AND k IN (SELECT k FROM u WHERE a > 0",
        ")",
    ),
    (
        "EXPLAIN ANALYZE SELECT k FROM t WHERE TRUE",
        " AND a IN (SELECT a FROM u WHERE a > 0",
        ")",
    ),
    (
        "SELECT count(*) FROM t WHERE TRUE",
        " AND a IN (SELECT a FROM t GROUP BY a, a IN (SELECT 1 FROM u) HAVING a > 0",
        ")",
    ),
    (
        "SELECT count(*) FROM t WHERE TRUE",
        " AND k IN (SELECT k FROM t GROUP BY k HAVING TRUE",
        ")",
    ),
];

#[test]
fn depth_is_limited_before_the_stack_is() {
    for (first, part, close) in DEEP {
        let mut outcomes = Vec::new();
        for times in [1, 2, 5, 10, 20, 30, 45, 63, 300, 2_500] {
            let sql = format!("{first}{}{}", part.repeat(times), close.repeat(times));
            outcomes.push(outcome(sql));
        }
        assert!(outcomes[0].parse::<u32>().is_ok(), "{part}: {outcomes:?}");
        assert_eq!(
            outcomes.last().unwrap(),
            "limit_exceeded",
            "{part}: {outcomes:?}"
        );
        let fine = |code: &String| code == "limit_exceeded" || code.parse::<u32>().is_ok();
        assert!(outcomes.iter().all(fine), "{part}: {outcomes:?}");
    }
}

#[test]
fn many_queries_beside_each_other_are_fine() {
    for part in [
        " UNION SELECT k FROM u",
        " UNION ALL SELECT k FROM t",
        " INTERSECT SELECT k FROM u",
        " EXCEPT SELECT k FROM u WHERE a = 3",
    ] {
        let sql = format!("SELECT k FROM t{}", part.repeat(1_000));
        assert!(outcome(sql).parse::<u32>().is_ok(), "{part}");
        let sql = format!("SELECT k FROM t{}", part.repeat(12_000));
        assert_eq!(outcome(sql), "limit_exceeded", "{part}");
    }
    let sql = format!(
        "SELECT k FROM t WHERE {} FALSE",
        "a IN (SELECT a FROM u) OR ".repeat(1_000)
    );
    assert_eq!(outcome(sql), "2");
}

/// Names that each use the one before several times are 2 to the power of their number, written
/// out; as predicates they are refused when they get too large, as queries each is run once.
#[test]
fn names_that_use_each_other_do_not_grow_beyond_limits() {
    for limit in ["", " LIMIT 3", " ORDER BY a LIMIT 5"] {
        for explain in ["", "EXPLAIN ", "EXPLAIN ANALYZE "] {
            let mut seen = Vec::new();
            for names in [2, 8, 20, 40, 400] {
                let mut with = vec![format!("x0 AS (SELECT k FROM t WHERE a > 0{limit})")];
                for name in 1..names {
                    let before = name - 1;
                    with.push(format!(
                        "x{name} AS (SELECT k FROM t WHERE k IN (SELECT k FROM x{before}) OR NOT k IN \
                         (SELECT k FROM x{before} WHERE k > 'a'){limit})"
                    ));
                }
                let last = names - 1;
                let sql = format!("{explain}WITH {} SELECT k FROM x{last}", with.join(", "));
                seen.push(outcome(sql));
            }
            assert!(seen[0].parse::<u32>().is_ok(), "{seen:?}");
            assert_eq!(seen.last().unwrap(), "limit_exceeded", "{seen:?}");
        }
    }
}

#[test]
fn values_are_limited_by_number_and_by_memory() {
    let session = session();
    let rows: Vec<String> = (0..3_000)
        .map(|n| format!("('n{n}', {})", n * 1_000))
        .collect();
    session.run(&format!("INSERT INTO u (k, a) VALUES {}", rows.join(", ")));
    let limits = Limits {
        subquery_values_max: 1_000,
        ..Limits::default()
    };
    let database = Database::new(session.database.engine().clone(), limits);
    let code = |sql: &str, context: &Context| {
        let statements = database.parse(sql).unwrap();
        let limit = |error: tagdb_query::Error| error.limit().map(|(name, ..)| name);
        database.run(&statements[0], context).map_err(limit).err()
    };
    let context = Context::default();
    for (sql, expected) in [
        (
            "SELECT k FROM t WHERE a IN (SELECT a FROM u)",
            Some(Some("subquery_values")),
        ),
        (
            "SELECT k FROM t WHERE a + 1 IN (SELECT a FROM u)",
            Some(Some("subquery_values")),
        ),
        ("SELECT k FROM t WHERE a IN (SELECT a % 900 FROM u)", None),
        ("SELECT k FROM t WHERE k IN (SELECT k FROM u)", None),
        ("SELECT k FROM t WHERE s && (SELECT k FROM u)", None),
    ] {
        assert_eq!(code(sql, &context), expected, "{sql}");
    }
    let context = Context {
        memory_bytes_max: 20_000,
        ..Context::default()
    };
    let sql = "SELECT k FROM t WHERE k IN (SELECT k FROM u) AND a IN (SELECT a % 900 FROM u)";
    assert_eq!(code(sql, &context), None);
    let sql = "SELECT k FROM t WHERE upper(k) IN (SELECT k FROM u LIMIT 900)";
    assert_eq!(code(sql, &context), Some(Some("statement_memory_bytes")));
}
