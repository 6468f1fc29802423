//! The examples of `docs/sql.md`: blocks of `sql`, the first of which makes the sample that every
//! other one begins with. The comment lines behind a statement are what it comes to.

use std::path::Path;

use tagdb_query::Limits;

use crate::target::{Outcome, Target, Upkeep};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql.md");
    std::fs::read_to_string(path).unwrap()
}

/// A statement of the page.
struct Example {
    /// The page's line on which it begins.
    line: usize,
    sql: String,
    /// What it comes to, a line each.
    expected: Vec<String>,
}

/// The blocks of the page.
fn blocks(page: &str) -> Vec<Vec<Example>> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(page.lines());
    while let Some((_, line)) = lines.next() {
        if line != "```sql" {
            continue;
        }
        let (mut examples, mut sql): (Vec<Example>, _) = (Vec::new(), String::new());
        let mut first = None;
        for (number, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            if let Some(result) = line.strip_prefix("-- ") {
                assert!(sql.is_empty(), "line {number} is inside of a statement");
                examples
                    .last_mut()
                    .unwrap()
                    .expected
                    .push(result.to_owned());
                continue;
            }
            first.get_or_insert(number);
            sql.push_str(line);
            if line.ends_with(';') {
                examples.push(Example {
                    line: first.take().unwrap_or(number),
                    sql: std::mem::take(&mut sql),
                    expected: Vec::new(),
                });
            } else {
                sql.push('\n');
            }
        }
        assert!(sql.trim().is_empty(), "{sql} does not end");
        blocks.push(examples);
    }
    blocks
}

/// The lines that a statement comes to: rows with bars between their values.
fn lines_of(target: &mut Target, sql: &str) -> Vec<String> {
    match target.statement(sql) {
        Ok(Outcome::Rows(rows)) if rows.rows.is_empty() => vec!["no rows".to_owned()],
        Ok(Outcome::Rows(rows)) => rows.rows.iter().map(|row| row.join("|")).collect(),
        Ok(Outcome::Affected(1)) => vec!["1 row affected".to_owned()],
        Ok(Outcome::Affected(count)) => vec![format!("{count} rows affected")],
        Err(error) => vec![format!("error: {error} ({})", error.code())],
    }
}

/// Whether lines say the same; `...` stands for any value.
fn is_same(actual: &[String], expected: &[String]) -> bool {
    let values = |line: &String| -> Vec<String> {
        line.split('|')
            .map(|value| value.trim().to_owned())
            .collect()
    };
    actual.len() == expected.len()
        && actual.iter().zip(expected).all(|(actual, expected)| {
            let (actual, expected) = (values(actual), values(expected));
            actual.len() == expected.len()
                && actual
                    .iter()
                    .zip(&expected)
                    .all(|(actual, expected)| expected == "..." || actual == expected)
        })
}

/// Runs a statement of the page, and tells what came out otherwise.
fn run(target: &mut Target, example: &Example) -> Option<String> {
    let mut actual = lines_of(target, &example.sql);
    let mut expected = example.expected.clone();
    let is_silent = expected.is_empty() && actual.len() == 1 && actual[0].ends_with("affected");
    if is_silent {
        return None;
    }
    if !example.sql.contains("ORDER BY") && !example.sql.starts_with("EXPLAIN") {
        actual.sort();
        expected.sort();
    }
    let (sql, line) = (&example.sql, example.line);
    let wrong = || format!("docs/sql.md:{line}: {sql}\n-- {}\n", actual.join("\n-- "));
    (!is_same(&actual, &expected)).then(wrong)
}

#[test]
fn the_examples_of_the_page_come_out_as_it_says() {
    let page = page();
    let blocks = blocks(&page);
    let (sample, rest) = blocks.split_first().unwrap();
    let mut wrong = Vec::new();
    for partitions in [1, 4] {
        for block in rest {
            let mut target = Target::new(partitions, Upkeep::Nothing);
            let all = sample.iter().chain(block);
            wrong.extend(all.filter_map(|example| run(&mut target, example)));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A number with commas between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_page_gives_the_limits_as_they_are() {
    let page = page();
    let limits = Limits::default();
    for (name, max) in [
        ("statement_bytes", limits.statement_bytes_max),
        ("statements", limits.statements_max),
        ("tokens", limits.tokens_max),
        ("nesting_depth", limits.nesting_depth_max),
        ("expression_height", limits.expression_height_max),
        ("tree_nodes", limits.tree_nodes_max),
        ("list_elements", limits.list_elements_max),
        ("insert_rows", limits.insert_rows_max),
        ("groups", limits.groups_max),
        ("keyword_bytes", tagdb_storage::limits::KEYWORD_BYTES_MAX),
        ("longtext_bytes", tagdb_storage::limits::LONG_TEXT_BYTES_MAX),
        ("set_members", tagdb_storage::limits::MEMBERS_MAX),
        ("map_keys", tagdb_storage::limits::MEMBERS_MAX),
        ("name_bytes", tagdb_storage::limits::NAME_BYTES_MAX),
    ] {
        let row = format!("| `{name}` | {} |", grouped(max));
        assert!(page.contains(&row), "docs/sql.md has no {row}");
    }
}
