//! Results as tables for people.

use std::io::{self, IsTerminal};

use comfy_table::presets::ASCII_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde_json::Value;
use tagdb_client::wire::SqlResponse;

/// Characters of a cell, once cells have to be cut for a table to fit.
const CUT_CELL_WIDTH: usize = 32;
/// What a border and the blanks beside it take of each column, and of a table's other side.
const BORDER: usize = 3;
const CUT: &str = "…";

/// Characters of a line of the terminal; nothing where standard output is none.
pub(crate) fn width() -> Option<usize> {
    let is_terminal = io::stdout().is_terminal();
    is_terminal.then(|| usize::from(console::Term::stdout().size().1))
}

/// A result as a table, without a line end. Where it is wider than `width`, cells are cut, and if
/// that is not enough, columns in the middle are left out.
pub(crate) fn result_table(answer: &SqlResponse, width: Option<usize>) -> String {
    let header = answer.columns.iter().map(|column| clean(&column.name));
    let mut cells: Vec<Vec<String>> = vec![header.collect()];
    cells.extend(
        answer
            .rows
            .iter()
            .map(|row| row.iter().map(value_text).collect()),
    );
    let all = answer.columns.len();
    let shown = match width {
        Some(width) => fit(&mut cells, width),
        None => (0..all).collect(),
    };
    // A narrow column stands for those that are left out.
    let gap = (0..all).find(|place| shown.get(*place) != Some(place));
    let mut lines = cells.iter().enumerate().map(|(number, row)| {
        let cell = |column: &usize| {
            let cell = Cell::new(row.get(*column).map_or("", String::as_str));
            match number > 0 && is_number(&answer.columns[*column].kind) {
                true => cell.set_alignment(CellAlignment::Right),
                false => cell,
            }
        };
        let mut line: Vec<Cell> = shown.iter().map(cell).collect();
        if let Some(gap) = gap {
            line.insert(gap, Cell::new(CUT));
        }
        line
    });
    let mut table = Table::new();
    table.load_style(ASCII_FULL_CONDENSED);
    table.set_header(lines.next().unwrap_or_default());
    table.add_rows(lines);
    let mut text = table.trim_fmt();
    if gap.is_some() {
        let fit = shown.len();
        text.push_str(&format!(
            "\n({fit} of {all} columns fit; name those to see)"
        ));
    }
    text
}

/// Cuts cells if they do not fit, and says which columns do then.
fn fit(cells: &mut [Vec<String>], width: usize) -> Vec<usize> {
    if !fits(&widths(cells), width) {
        // One column, the one that stands for others, and their borders fit at least.
        let most = CUT_CELL_WIDTH.min(width.saturating_sub(2 * BORDER + 2));
        for cell in cells.iter_mut().flatten() {
            *cell = console::truncate_str(cell, most.max(1), CUT).into_owned();
        }
    }
    choose(&widths(cells), width)
}

/// The width of each column.
fn widths(cells: &[Vec<String>]) -> Vec<usize> {
    let columns = cells.first().map_or(0, Vec::len);
    let of_row = |column: usize| cells.iter().filter_map(move |row| row.get(column));
    let widest = |column| {
        of_row(column)
            .map(|cell| console::measure_text_width(cell))
            .max()
    };
    (0..columns)
        .map(|column| widest(column).unwrap_or(0))
        .collect()
}

fn fits(widths: &[usize], width: usize) -> bool {
    widths.iter().map(|column| column + BORDER).sum::<usize>() < width
}

/// The columns that have room beside one that stands for the others: from both ends towards the
/// middle, at least the first.
fn choose(widths: &[usize], width: usize) -> Vec<usize> {
    if fits(widths, width) {
        return (0..widths.len()).collect();
    }
    let (mut head, mut tail) = (0, widths.len());
    let mut used = 1 + BORDER + 1;
    while head < tail {
        // The beginning of a row says more than its end.
        let column = if head <= widths.len() - tail {
            head
        } else {
            tail - 1
        };
        used += widths[column] + BORDER;
        if used > width && head > 0 {
            break;
        }
        if column == head {
            head += 1;
        } else {
            tail -= 1;
        }
    }
    (0..head).chain(tail..widths.len()).collect()
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
            result_table(&answer, None),
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
    fn tables_fit_the_terminal() {
        let columns = (0..30).map(|number| Column {
            name: format!("column_{number}"),
            kind: "KEYWORD".to_owned(),
        });
        let answer = SqlResponse {
            columns: columns.collect(),
            rows: vec![vec![json!("x".repeat(200)); 30]],
            ..SqlResponse::default()
        };
        for width in [20, 40, 80, 133, 1_000] {
            let table = result_table(&answer, Some(width));
            let lines: Vec<&str> = table.lines().collect();
            let (told, lines) = lines.split_last().unwrap();
            for line in lines {
                assert!(
                    console::measure_text_width(line) <= width,
                    "{width}: {line}"
                );
            }
            assert_eq!(lines.len(), 5, "{table}");
            assert!(table.contains("column_0 ") && table.contains(CUT));
            assert!(told.contains("of 30 columns"), "{told}");
        }
        assert!(!result_table(&answer, Some(30 * 35 + 2)).contains("columns fit"));
    }

    #[test]
    fn sets_and_maps_cannot_steer_the_terminal() {
        let text = value_text(&json!(["a\u{9b}2J", "\u{7f}"]));
        assert!(!text.chars().any(char::is_control), "{text}");
    }

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(clean("a\nb\tc\u{1b}"), "a\\nb\\tc\\u{1b}");
        assert_eq!(clean("naïve"), "naïve");
    }
}
