//! Statements that are wide: whatever they come to, they are run or refused.

use tagdb_query::{Answer, Context};

use crate::session::Session;

fn case(branches: usize) -> String {
    let whens: Vec<String> = (0..branches)
        .map(|number| format!("WHEN n = {number} THEN v"))
        .collect();
    format!("CASE {} ELSE NOT v END", whens.join(" "))
}

#[test]
fn a_wide_case_is_answered_wherever_it_stands() {
    let s = Session::new();
    s.run("CREATE TABLE t (id BIGINT PRIMARY KEY, n INT, v BOOLEAN, m MAP(KEYWORD, INT))");
    s.run(
        "INSERT INTO t (id, n, v, m) VALUES (1, 3, true, {'a': 1}), (2, 3, false, {}), \
         (3, 5000, false, {'a': 1}), (4, NULL, NULL, {}), (5, 2, NULL, NULL)",
    );
    for branches in [4, 31, 32, 33, 400, 5_000] {
        let case = case(branches);
        for (sql, expected) in [
            (format!("SELECT id FROM t WHERE {case} ORDER BY id"), "1\n3"),
            (
                format!("SELECT id FROM t WHERE NOT {case} ORDER BY id"),
                "2",
            ),
            (
                format!("SELECT id FROM t WHERE ({case}) IS NULL ORDER BY id"),
                "4\n5",
            ),
            (format!("SELECT count(*) FILTER (WHERE {case}) FROM t"), "2"),
            (
                format!("SELECT n FROM t GROUP BY n, v HAVING {case} ORDER BY n"),
                "3\n5000",
            ),
            (
                format!("SELECT id, {case} FROM t ORDER BY id LIMIT 3"),
                "1|true\n2|false\n3|true",
            ),
            (
                format!("SELECT id FROM t ORDER BY {case}, id"),
                "2\n1\n3\n4\n5",
            ),
            (
                format!("SELECT {case} AS c, count(*) FROM t GROUP BY c ORDER BY c"),
                "false|1\ntrue|2\n|2",
            ),
            (
                format!("SELECT id FROM t WHERE any_key(m, k -> m[k] = 1 AND {case}) ORDER BY id"),
                "1\n3",
            ),
            (
                format!("SELECT id FROM t WHERE id IN (SELECT id FROM t WHERE {case}) ORDER BY id"),
                "1\n3",
            ),
        ] {
            match s.answer(&sql, &Context::default()) {
                Ok(_) => s.check(&sql, expected),
                Err(error) => assert_eq!(error.code(), "limit_exceeded", "{branches} {error}"),
            }
        }
        for sql in [
            format!("EXPLAIN SELECT id FROM t WHERE {case}"),
            format!("EXPLAIN ANALYZE SELECT id FROM t WHERE {case}"),
            format!("EXPLAIN MEMBERSHIP OF 1 IN t WHERE {case}"),
        ] {
            assert!(matches!(
                s.answer(&sql, &Context::default()),
                Ok(Answer::Rows(_))
            ));
        }
        assert_eq!(s.affected(&format!("UPDATE t SET n = n WHERE {case}")), 2);
    }
}
