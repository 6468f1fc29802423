//! Ends of chunks, keys that come back, many values.

use crate::session::Session;

/// A table whose second chunk has ten subjects, and how many it has in all.
fn two_chunks() -> (Session, usize) {
    let s = Session::new();
    s.run("CREATE TABLE t (id BIGINT PRIMARY KEY, n INT, k KEYWORD)");
    let count = 65_546;
    for first in (0..count).step_by(6_000) {
        let row = |id: usize| format!("({id},{},'k{}')", id % 7, id % 3);
        let rows: Vec<_> = (first..count.min(first + 6_000)).map(row).collect();
        s.run(&format!(
            "INSERT INTO t (id, n, k) VALUES {}",
            rows.join(",")
        ));
    }
    (s, count)
}

#[test]
fn chunks_have_ends() {
    let (s, count) = two_chunks();
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
    // 65,540 % 7 = 6.
    for (order, expected) in [
        ("n DESC, id", "6\n13\n20"),
        ("n DESC, id DESC", "65540\n65533\n65526"),
        ("n NULLS FIRST, id DESC", "65541\n65534\n65527"),
        ("n", "0\n7\n14"),
    ] {
        s.check(
            &format!("SELECT id FROM t ORDER BY {order} LIMIT 3"),
            expected,
        );
    }
    s.check(
        "SELECT id FROM t ORDER BY n DESC, id LIMIT 1 OFFSET 9362",
        "65540",
    );
}

#[test]
fn keys_that_come_back_are_new_subjects() {
    let (s, count) = two_chunks();
    let threes = (0..count).filter(|id| id % 7 == 3).count();
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
    s.check(
        "SELECT id FROM t ORDER BY n NULLS FIRST, id LIMIT 3",
        "0\n65545\n7",
    );
    s.check(
        "SELECT id FROM t ORDER BY n DESC, id LIMIT 3",
        "0\n65545\n6",
    );
    s.check(
        "SELECT id FROM t ORDER BY n DESC NULLS LAST, id LIMIT 1",
        "6",
    );
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
fn first_rows_are_found_among_nulls() {
    let (s, _) = two_chunks();
    assert_eq!(
        s.affected("UPDATE t SET n = NULL WHERE id < 1000 OR id = 65545"),
        1_001
    );
    s.check(
        "SELECT id FROM t ORDER BY n NULLS FIRST, id DESC LIMIT 2",
        "65545\n999",
    );
    s.check(
        "SELECT id FROM t ORDER BY n DESC NULLS LAST, id DESC LIMIT 2",
        "65540\n65533",
    );
    s.run("UPDATE t SET n = NULL WHERE id < 65530");
    s.check(
        "SELECT id FROM t ORDER BY n, id LIMIT 3",
        "65534\n65541\n65535",
    );
    s.check(
        "SELECT id FROM t ORDER BY n NULLS LAST, id LIMIT 2 OFFSET 14",
        "65540\n0",
    );
}

/// Subjects with 200 words, 150 members, 300 numbers.
fn many_values(count: usize) -> Session {
    let s = Session::new();
    s.run("CREATE TABLE t (id BIGINT PRIMARY KEY, k KEYWORD, s KEYWORD[], few KEYWORD[], n INT)");
    for first in (0..count).step_by(2_000) {
        let row = |id: usize| {
            let few = ["[]", "['a']", "['a','b']", "['c']"][id % 4];
            let n = if id.is_multiple_of(10) {
                "NULL".to_owned()
            } else {
                (id % 300).to_string()
            };
            format!("({id},'k{}',['m{}','x'],{few},{n})", id % 200, id % 150)
        };
        let rows: Vec<_> = (first..first + 2_000).map(row).collect();
        s.run(&format!(
            "INSERT INTO t (id, k, s, few, n) VALUES {}",
            rows.join(",")
        ));
    }
    s
}

#[test]
fn many_values_at_once() {
    let count = 20_000;
    let s = many_values(count);
    let list = |prefix: &str| -> String {
        let strings = (0..100).map(|word| format!("'{prefix}{word}'"));
        strings.collect::<Vec<_>>().join(",")
    };
    let numbers = (0..100)
        .map(|n| (3 * n).to_string())
        .collect::<Vec<_>>()
        .join(",");
    let check = || {
        let of = |test: &dyn Fn(usize) -> bool| (0..count).filter(|id| test(*id)).count();
        for (condition, expected) in [
            (format!("k IN ({})", list("k")), count / 2),
            (format!("k NOT IN ({})", list("k")), count / 2),
            (
                "k < 'k15'".to_owned(),
                of(&|id| format!("k{}", id % 200).as_str() < "k15"),
            ),
            (
                format!("has_any(s, [{}])", list("m")),
                of(&|id| id % 150 < 100),
            ),
            (
                format!("NOT has_any(s, [{}])", list("m")),
                of(&|id| id % 150 >= 100),
            ),
            (format!("has_all(s, [{}])", list("m")), 0),
            (
                format!("n IN ({numbers})"),
                of(&|id| id % 10 > 0 && id % 300 % 3 == 0),
            ),
            (
                format!("n NOT IN ({numbers})"),
                of(&|id| id % 10 > 0 && id % 300 % 3 > 0),
            ),
            ("length(k) = 2".to_owned(), of(&|id| id % 200 < 10)),
        ] {
            let sql = format!("SELECT count(*) FROM t WHERE {condition}");
            s.check(&sql, &expected.to_string());
        }
        let quarter = count / 4;
        let expected = format!("a|{}\nb|{quarter}\nc|{quarter}\n|{quarter}", 2 * quarter);
        s.check("SELECT unnest(few), count(*) FROM t GROUP BY 1", &expected);
        s.check(
            "SELECT count(DISTINCT k), count(DISTINCT n) FROM t",
            "200|270",
        );
        let groups = s.lines(
            "SELECT unnest(s), count(*) FROM t GROUP BY 1 HAVING count(*) > 133",
            "",
        );
        assert_eq!(groups.len(), 1 + 50);
    };
    check();
    assert!(s.database.engine().flush().is_ok());
    check();
    assert!(s.database.engine().compact(None).is_ok());
    check();
}
