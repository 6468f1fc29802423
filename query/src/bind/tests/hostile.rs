//! Statements made to break the parser: they get an answer, whatever it is.

use super::{bind_in, bound, catalog, condition};
use crate::bind::Param;

fn limit_of(sql: &str) -> (&'static str, u64, u64) {
    let error = bound(sql).unwrap_err();
    assert_eq!(error.code(), "limit_exceeded", "{error}");
    error.limit().unwrap()
}

#[test]
fn long_chains_are_flat() {
    let chain = |terms: usize, between: &str| {
        let terms: Vec<String> = (0..terms).map(|n| format!("age={n}")).collect();
        format!("DELETE FROM users WHERE {}", terms.join(between))
    };
    bound(&chain(10_000, " OR ")).unwrap();
    bound(&chain(10_000, " AND ")).unwrap();
    assert_eq!(limit_of(&chain(100_000, " OR ")).0, "statement_bytes");
    let short = format!("DELETE FROM users WHERE vip{}", "\nOR vip".repeat(30_000));
    assert_eq!(limit_of(&short).0, "tokens");
    let cut = format!("DELETE FROM users WHERE vip{}", " OR vip".repeat(20_000)) + " OR";
    assert_eq!(bound(&cut).unwrap_err().code(), "syntax_error");
}

#[test]
fn depth_is_limited() {
    for (open, close) in [
        ("(", ")"),
        ("NOT ", ""),
        ("NOT (", ")"),
        ("CASE WHEN ", " THEN vip END"),
        ("coalesce(", ")"),
        ("- ", ""),
        ("[", "]"),
        ("{'a': ", "}"),
        ("CAST(", " AS INT)"),
        ("m[", "]"),
        ("x IN (", ")"),
        ("a = ANY(", ")"),
    ] {
        let nested = |n: usize| {
            format!(
                "DELETE FROM users WHERE {}vip{}",
                open.repeat(n),
                close.repeat(n)
            )
        };
        assert_eq!(limit_of(&nested(65)).0, "nesting_depth", "{open}");
        assert_eq!(limit_of(&nested(5_000)).0, "nesting_depth", "{open}");
        // Deep but allowed: an error of another kind, or none.
        if let Err(error) = bound(&nested(30)) {
            assert!(
                error.limit().is_none_or(|limit| limit.0 == "tree_nodes"),
                "{open} {error}"
            );
        }
    }
    let types = format!(
        "DELETE FROM users WHERE CAST(1 AS {}INT",
        "MAP(TEXT,".repeat(1_000)
    );
    assert_eq!(limit_of(&types).0, "nesting_depth");
}

#[test]
fn many_filters_and_lambdas_are_told_apart() {
    let each = |what: &str| {
        let each = (0..2_000).map(|n| what.replace('#', &n.to_string()));
        format!("SELECT {} FROM users", each.collect::<Vec<_>>().join(", "))
    };
    bound(&each("count(*) FILTER (WHERE age = #)")).unwrap();
    bound(&each("any_key(spent_at, k -> k LIKE '#%')")).unwrap();
    let lambdas = |n: usize| format!("DELETE FROM users WHERE f({}vip)", "k -> ".repeat(n));
    assert_eq!(limit_of(&lambdas(64)).0, "nesting_depth");
    assert_eq!(limit_of(&lambdas(5_000)).0, "nesting_depth");
    assert_eq!(bound(&lambdas(60)).unwrap_err().code(), "unknown_function");
    let pattern = |n: usize| format!("SELECT age FROM users WHERE city LIKE '{}'", "_%".repeat(n));
    bound(&pattern(512)).unwrap();
    assert_eq!(limit_of(&pattern(513)), ("keyword_bytes", 1_026, 1_024));
}

#[test]
fn high_trees_are_limited() {
    let sums = |n: usize| format!("SELECT age{} FROM users", " + age".repeat(n));
    bound(&sums(200)).unwrap();
    assert_eq!(limit_of(&sums(300)), ("expression_height", 257, 256));
    assert_eq!(limit_of(&sums(20_000)).0, "expression_height");
    let casts = format!("SELECT age{} FROM users", "::int::bigint".repeat(1_000));
    assert_eq!(limit_of(&casts).0, "expression_height");
    let tests = format!("DELETE FROM users WHERE vip{}", " IS NULL".repeat(1_000));
    assert_eq!(limit_of(&tests).0, "expression_height");
    // Each guard of a CASE in a guard is needed twice.
    let guards = format!(
        "DELETE FROM users WHERE {}vip{}",
        "CASE WHEN ".repeat(40),
        " THEN vip ELSE age > 1 END".repeat(40)
    );
    assert_eq!(limit_of(&guards).0, "tree_nodes");
}

/// Forms that grow sideways, in `n` parts.
fn wide_forms(n: usize) -> Vec<String> {
    let each = |part: &str, between: &str| {
        let parts: Vec<String> = (0..n).map(|n| part.replace('#', &n.to_string())).collect();
        parts.join(between)
    };
    let nested = |open: &str, close: &str| {
        let depth = n.min(60);
        format!("{}vip{}", open.repeat(depth), close.repeat(depth))
    };
    let whens = each("WHEN age = # THEN vip", " ");
    vec![
        format!("CASE {whens} ELSE false END"),
        format!("NOT CASE {whens} END"),
        format!("CASE age {} END", each("WHEN # THEN vip", " ")),
        format!("CASE {} END = 1", each("WHEN age = # THEN #", " ")),
        each("age = #", " OR "),
        each("age = # AND vip", " OR "),
        each("age + # > 0", " AND "),
        format!("age IN ({})", each("#", ", ")),
        format!("age IN ({})", each("points + #", ", ")),
        format!("vip IN ({})", each("true, false", ", ")),
        format!("coalesce({}) > 0", each("points + #", ", ")),
        format!("concat({}) = 'x'", each("'#'", ", ")),
        format!("greatest({}) = 5", each("#", ", ")),
        format!("has_any(interests, [{}])", each("'#'", ", ")),
        format!("vip{}", " IS NULL".repeat(n.min(250))),
        format!("vip{}", " IS DISTINCT FROM vip".repeat(n)),
        format!("age{} > 0", " + age".repeat(n.min(250))),
        nested("vip IS NOT DISTINCT FROM (", ")"),
        nested("vip = (", ")"),
        nested("NOT (vip AND ", ")"),
        nested("CASE WHEN vip THEN vip ELSE NOT ", " END"),
        nested("CASE WHEN vip THEN ", " END"),
        nested("(age BETWEEN 1 AND 3) = (", ")"),
        nested("coalesce(vip, ", ")"),
        format!(
            "{} vip {}",
            format!("CASE {} ELSE NOT ", each("WHEN age = # THEN vip", " ")).repeat(n.min(40)),
            "END ".repeat(n.min(40))
        ),
    ]
}

#[test]
fn wide_forms_are_bound_or_refused_wherever_they_stand() {
    let places = [
        "SELECT user_id FROM users WHERE #",
        "SELECT # FROM users",
        "SELECT user_id FROM users ORDER BY #, user_id",
        "SELECT # AS g, count(*) FROM users GROUP BY # HAVING NOT (#)",
        "SELECT max(age) AS age, count(*) FILTER (WHERE #) FROM users",
        "SELECT count(*) FROM users GROUP BY age, vip, points, interests HAVING #",
        "SELECT user_id FROM users WHERE any_key(brand_visits_30d, k -> # OR \
         brand_visits_30d[k] > 1)",
        "SELECT user_id FROM users WHERE user_id IN (SELECT user_id FROM users WHERE #)",
        "EXPLAIN SELECT user_id FROM users WHERE #",
        "EXPLAIN MEMBERSHIP OF 'u1' IN users WHERE #",
        "UPDATE users SET vip = # WHERE #",
        "INSERT INTO users (user_id, vip) VALUES ('u1', #)",
        "DELETE FROM users WHERE #",
    ];
    let mut refused = 0;
    for n in [3, 60, 700] {
        for form in wide_forms(n) {
            for place in places {
                let sql = place.replace('#', &form);
                match bound(&sql) {
                    Ok(statement) => drop(format!("{statement:?}")),
                    Err(error) => {
                        refused += 1;
                        assert_ne!(error.code(), "internal", "{sql}");
                    }
                }
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn a_wide_case_is_asked_row_by_row() {
    let case = |n: usize| {
        let whens: Vec<String> = (0..n).map(|n| format!("WHEN age = {n} THEN vip")).collect();
        let condition = format!("CASE {} ELSE NOT vip END", whens.join(" "));
        super::condition(&condition, &[]).unwrap()
    };
    assert!(case(2).contains("is true"), "{}", case(2));
    assert!(!case(5_000).contains("is true"));
}

#[test]
fn what_is_written_twice_is_counted() {
    let both = format!(
        "DELETE FROM users WHERE {}vip{}",
        "vip IS NOT DISTINCT FROM (vip = (".repeat(25),
        "))".repeat(25)
    );
    assert_eq!(limit_of(&both).0, "tree_nodes");
    let sum = format!("age{}", " + points".repeat(200));
    let list = vec!["points + 1"; 2_000].join(", ");
    let many = format!("DELETE FROM users WHERE {sum} IN ({list})");
    assert_eq!(limit_of(&many).0, "tree_nodes");
}

#[test]
fn every_level_may_hold_every_operator() {
    let open = "vip OR vip AND NOT 1 = 2 + 3 * -(";
    let sql = format!(
        "DELETE FROM users WHERE {}4{}",
        open.repeat(20),
        ")".repeat(20)
    );
    // Arithmetic on conditions has no meaning, but finding that out must not overflow the stack.
    assert_eq!(bound(&sql).unwrap_err().code(), "type_mismatch");
    // As deep as brackets may go: found too high on the way back.
    let open = "vip OR vip AND 1 = 2 + 3 * (";
    let sql = format!(
        "DELETE FROM users WHERE {}4{}",
        open.repeat(64),
        ")".repeat(64)
    );
    assert_eq!(limit_of(&sql).0, "expression_height");
    let open = "CASE WHEN vip OR vip AND 1 = 2 + 3 * (SELF + ";
    let open = open.replace("SELF", "points");
    let close = ") THEN 1 END";
    let sql = format!("SELECT {}4{} FROM users", open.repeat(21), close.repeat(21));
    let error = bound(&sql).err();
    assert!(error.is_none_or(|error| error.code() == "limit_exceeded"));
}

#[test]
fn lists_are_long_but_limited() {
    let list = |n: usize| {
        let items: Vec<String> = (0..n).map(|n| (n % 10).to_string()).collect();
        format!("DELETE FROM users WHERE age IN ({})", items.join(","))
    };
    bound(&list(100_000)).unwrap();
    assert_eq!(
        limit_of(&list(120_000)),
        ("list_elements", 100_001, 100_000)
    );
    assert_eq!(limit_of(&list(200_000)).0, "statement_bytes");
    let many = Param::List(
        (0..200_000)
            .map(|n: u32| Param::Text(n.to_string()))
            .collect(),
    );
    let error = condition("city = ANY($1)", &[many]).unwrap_err();
    assert_eq!(error.limit().unwrap().0, "list_elements");
    let some = Param::List(
        (0..100_000)
            .map(|n: u32| Param::Text(n.to_string()))
            .collect(),
    );
    condition("city = ANY($1)", &[some]).unwrap();
}

#[test]
fn long_tokens_and_many_statements_are_limited() {
    let name = "x".repeat(100_000);
    assert_eq!(
        limit_of(&format!("SELECT {name} FROM users")).0,
        "name_bytes"
    );
    let text = "x".repeat(200_000);
    bound(&format!("DELETE FROM users WHERE city = '{text}'")).unwrap();
    let digits = "9".repeat(100_000);
    let error = bound(&format!("DELETE FROM users WHERE age = {digits}")).unwrap_err();
    assert_eq!(error.code(), "overflow");
    assert!(error.to_string().len() < 300, "errors stay short");
    assert_eq!(limit_of(&"SHOW TABLES;".repeat(101)).0, "statements");
    let comments = format!("{}SHOW TABLES", "/*".repeat(50_000) + &"*/".repeat(50_000));
    bound(&comments).unwrap();
}

const SEEDS: &[&str] = &[
    "SELECT user_id, age / 10 AS d, count(*) FROM users u WHERE u.age BETWEEN 18 AND 30.5 AND \
     (city IN ('a', NULL, 'b') OR NOT has(interests, 'tea')) GROUP BY 1, age / 10 HAVING count(*) \
     > 5 ORDER BY 2 DESC NULLS LAST LIMIT 10 OFFSET 5",
    "UPDATE users SET brand_visits_30d['nike'] = coalesce(brand_visits_30d['nike'], 0) + 1, \
     interests = array_append(interests, 'x') WHERE last_login >= now() - INTERVAL '7 days'",
    "INSERT INTO users (user_id, interests, brand_visits_30d, birthday) VALUES ('u1', ['a', 'b'], \
     MAP {'nike': 3}, DATE '2026-01-31'), ('u2', [], {}, NULL) ON CONFLICT DO NOTHING",
    "CREATE TABLE t (k BIGINT PRIMARY KEY COMMENT 'x', a DECIMAL(12,2), b MAP(KEYWORD, DATE), c \
     KEYWORD[]) WITH (partitions = 8)",
    "SELECT CASE WHEN vip THEN round(spend_30d * 1.5, 1) ELSE -score END, extract(YEAR FROM \
     birthday), date_trunc('month', last_login)::date, unnest(interests) FROM users",
    "EXPLAIN SELECT CAST(age AS DOUBLE) % 3 FROM users WHERE gender IS NOT DISTINCT FROM $1 AND \
     'x' = ANY(interests) AND wishes @> ['a'] AND interests && wishes -- end",
];

#[test]
fn mutated_statements_never_panic() {
    let catalog = catalog();
    let mut state = 1_u64;
    let mut random = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let params = [Param::Text("1".into())];
    for round in 0..6_000 {
        let mut chars: Vec<char> = SEEDS[round % SEEDS.len()].chars().collect();
        for _ in 0..=random(4) {
            if chars.is_empty() {
                break;
            }
            let (at, from) = (random(chars.len()), random(chars.len()));
            match random(5) {
                0 => drop(chars.remove(at)),
                1 => chars.insert(
                    at,
                    "'\"()[]{}$?;:.,<>=-+*/%&@#\\\0\u{e9}9aE \n"
                        .chars()
                        .nth(random(38))
                        .unwrap_or(' '),
                ),
                2 => chars.swap(at, from),
                3 => chars.truncate(at.max(1)),
                _ => {
                    let end = (from + random(20)).min(chars.len());
                    let part = chars[from..end].to_vec();
                    chars.splice(at..at, part);
                }
            }
        }
        let sql: String = chars.into_iter().collect();
        // Any answer will do, as long as there is one and its place is in the text.
        if let Err(error) = bind_in(&catalog, &sql, &params)
            && let Some((line, _)) = error.position()
        {
            assert!(line as usize <= sql.lines().count().max(1) + 1, "{sql}");
        }
    }
}

#[test]
fn random_text_never_panics() {
    let words = [
        "SELECT",
        "FROM",
        "users",
        "WHERE",
        "age",
        "(",
        ")",
        ",",
        "AND",
        "OR",
        "NOT",
        "IN",
        "'x'",
        "1",
        "1.5e3",
        "=",
        "<",
        "IS",
        "NULL",
        "CASE",
        "WHEN",
        "THEN",
        "END",
        "[",
        "]",
        "{",
        "}",
        ":",
        "::",
        "INT",
        "count",
        "*",
        "GROUP",
        "BY",
        "ORDER",
        "LIMIT",
        "INTERVAL",
        "DATE",
        "-",
        "+",
        "/",
        "?",
        "$1",
        ";",
        "interests",
        "ANY",
        "BETWEEN",
        "CAST",
        "AS",
        "city",
        ".",
    ];
    let catalog = catalog();
    let mut state = 7_u64;
    for _ in 0..20_000 {
        let mut sql = String::from("SELECT ");
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            sql.push_str(words[(state >> 33) as usize % words.len()]);
            sql.push(' ');
        }
        drop(bind_in(&catalog, &sql, &[]));
    }
}

#[test]
fn many_columns_are_told_apart() {
    let columns: Vec<String> = (0..15_000).map(|n| format!("c{n} INT")).collect();
    let table = |last: &str| {
        format!(
            "CREATE TABLE w (k BIGINT PRIMARY KEY, {}, {last} INT)",
            columns.join(",")
        )
    };
    assert_eq!(bound(&table("c7")).unwrap_err().code(), "duplicate_column");
    let error = bound(&table("c")).unwrap_err();
    assert_eq!(error.code(), "limit_exceeded");
    assert!(error.position().is_some());
}
