//! NULL in every place.

use crate::session::Session;

/// A subject with little of everything, one with more, and one with nothing.
pub(crate) fn three() -> Session {
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
