//! The library's trees for the forms that the dialect has, so that an upgrade of the library shows
//! what it changes. `UPDATE_GOLDEN=1` writes the table anew.

use std::fmt::Write as _;

use super::super::dialect::TagDialect;
use super::super::scan::scan;
use super::*;

const QUERIES: &[&str] = &[
    "SELECT user_id, age / 10 AS d, count(*) FROM users u WHERE age > 1 GROUP BY 1, age HAVING \
     count(*) > 5 ORDER BY 2 DESC NULLS LAST, d LIMIT 10 OFFSET 5",
    "SELECT DISTINCT gender FROM users",
    "SELECT * FROM users WHERE user_id IN (SELECT user_id FROM a UNION SELECT user_id FROM b)",
    "SELECT user_id FROM a INTERSECT SELECT user_id FROM b EXCEPT SELECT user_id FROM c",
    "WITH a AS (SELECT user_id FROM users) SELECT count(*) FROM users",
    "SELECT count(*) FILTER (WHERE vip) FROM users TABLESAMPLE BERNOULLI (10) REPEATABLE (7)",
];

const CONDITIONS: &[&str] = &[
    "a OR b AND NOT c = 1",
    "(a OR b) AND c <> 'x'",
    "1 + 2 * -3 - 4 % 5",
    "a BETWEEN 1 AND 2 + 3 AND b",
    "a NOT IN ('x', NULL)",
    "city LIKE 'a%' ESCAPE '!'",
    "city NOT ILIKE 'a%'",
    "a IS NOT NULL IS TRUE",
    "a IS NOT DISTINCT FROM b AND c",
    "'tea' = ANY(interests)",
    "a && ['x', 'y'] = true",
    "a @> ARRAY['x']",
    "m['k'] >= 3",
    "u.m['k'] IS NULL",
    "has_any(interests, [])",
    "any_key(visits, k -> visits[k] > 10 AND bought[k] IS NULL)",
    "MAP {'a': 1 + 1, 'b': NULL} = {}",
    "CASE WHEN a THEN 1 ELSE 2 END = CASE b WHEN 1 THEN 2 END",
    "CAST(a AS DECIMAL(12, 2)) > b::double precision",
    "m = x::map(text, int)",
    "s = x::text[]",
    "last_login >= now() - INTERVAL '7 days'",
    "INTERVAL 7 DAY = DATE '2026-01-01' - TIMESTAMP '2026-01-01'",
    "extract(dow FROM a) = extract('year' FROM b)",
    "count(DISTINCT a) > sum(b) FILTER (WHERE c)",
    "floor(a) = substring(b, 1)",
    "current_date = $1 OR a = ?",
    "\"Weird \"\"Name\" = 'It''s'",
    "date = timestamp AND interval > position",
];

/// A tree without places and without what is not there, on one line.
fn compact(tree: &str) -> String {
    let mut text = String::new();
    for line in tree.lines().map(str::trim) {
        let absent = [": None,", ": [],", ": false,"]
            .iter()
            .any(|end| line.ends_with(end));
        let place = line.starts_with("span: ") || line.contains("(Location(");
        if !absent && !place && !line.starts_with("quote_style: None") {
            text.push_str(line);
            text.push(' ');
        }
    }
    for (open, close) in [(", }", " }"), (", ]", " ]"), (", )", " )")] {
        text = text.replace(open, close);
    }
    text.trim_end().to_owned()
}

fn parser(text: &str) -> sqlparser::parser::Parser<'static> {
    let tokens = scan(text, &Limits::default()).unwrap().tokens;
    sqlparser::parser::Parser::new(&TagDialect).with_tokens_with_locations(tokens)
}

#[test]
fn the_library_gives_the_trees_it_gave() {
    let mut found = String::new();
    for text in QUERIES {
        let tree = parser(text).parse_query().unwrap();
        writeln!(found, "{text}\n    {}\n", compact(&format!("{tree:#?}"))).unwrap();
    }
    for text in CONDITIONS {
        let tree = parser(text).parse_expr().unwrap();
        writeln!(found, "{text}\n    {}\n", compact(&format!("{tree:#?}"))).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/parse/tests/golden.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    let golden = include_str!("golden.txt");
    for (number, (found, expected)) in found.lines().zip(golden.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", number + 1);
    }
    assert_eq!(found.lines().count(), golden.lines().count());
}
