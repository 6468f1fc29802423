//! Results as tables for people.

use std::io::{self, IsTerminal};

use comfy_table::presets::ASCII_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde_json::Value;
use tagdb_client::wire::SqlResponse;

/// A result as a table, without a line end.
pub(crate) fn result_table(answer: &SqlResponse) -> String {
    let mut table = new_table();
    table.set_header(answer.columns.iter().map(|column| clean(&column.name)));
    for row in &answer.rows {
        table.add_row(row.iter().zip(&answer.columns).map(|(value, column)| {
            let cell = Cell::new(value_text(value));
            if is_number(&column.kind) {
                cell.set_alignment(CellAlignment::Right)
            } else {
                cell
            }
        }));
    }
    table.trim_fmt()
}

/// Rows of text as a table, without a line end.
pub(crate) fn text_table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = new_table();
    table.set_header(header.iter().map(|name| clean(name)));
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)));
    }
    table.trim_fmt()
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_FULL_CONDENSED);
    if io::stdout().is_terminal() {
        // Where lines would be broken anyway, cells are.
        let (_, columns) = console::Term::stdout().size();
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(columns);
    }
    table
}

fn is_number(kind: &str) -> bool {
    ["SMALLINT", "INT", "BIGINT", "DECIMAL", "DOUBLE"]
        .iter()
        .any(|name| kind.starts_with(name))
}

/// A value as people read it.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => clean(text),
        // JSON escapes some control characters, but not all.
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            clean(&value.to_string())
        }
    }
}

/// The text with control characters written out, so that data cannot steer the terminal.
fn clean(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            cleaned.extend(character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tagdb_client::wire::Column;

    use super::*;

    #[test]
    fn tables_align_numbers_and_show_what_is_missing() {
        let answer = SqlResponse {
            columns: [("city", "KEYWORD"), ("n", "BIGINT"), ("tags", "KEYWORD[]")]
                .map(|(name, kind)| Column {
                    name: name.to_owned(),
                    kind: kind.to_owned(),
                })
                .to_vec(),
            rows: vec![
                vec![json!("ulm\u{1b}[2J"), json!(5), json!(["a", "b"])],
                vec![json!(null), json!(1200), json!([])],
            ],
            ..SqlResponse::default()
        };
        assert_eq!(
            result_table(&answer),
            "\
+--------------+------+-----------+
| city         | n    | tags      |
+=================================+
| ulm\\u{1b}[2J |    5 | [\"a\",\"b\"] |
| NULL         | 1200 | []        |
+--------------+------+-----------+"
        );
    }

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(clean("a\nb\tc\u{1b}"), "a\\nb\\tc\\u{1b}");
        assert_eq!(clean("naïve"), "naïve");
    }
}
