//! Shows an error under the place in the text that it is about.

use tagdb_client::Error;

use crate::cli::failure::Failure;
use crate::cli::shell::split::Statement;

/// What went wrong with a statement, with the place if it is known.
pub(crate) fn explain(error: Error, statement: Statement<'_>) -> Failure {
    let place = error.problem().and_then(|problem| {
        let line = usize::try_from(problem.line?).ok()?;
        let column = usize::try_from(problem.column?).ok()?;
        point_at(statement, line, column)
    });
    match (Failure::from(error), place) {
        (Failure::Failed(text), Some(place)) => Failure::Failed(format!("{text}\n{place}")),
        (failure, _) => failure,
    }
}

/// The line of the statement with a caret under a character; both count from 1.
fn point_at(statement: Statement<'_>, line: usize, column: usize) -> Option<String> {
    let text = statement.text.lines().nth(line.checked_sub(1)?)?;
    let before: String = text.chars().take(column.checked_sub(1)?).collect();
    // Tabs stay tabs, so that the caret stands under its character at any width of a tab.
    let indent: String = before
        .chars()
        .flat_map(|character| match character {
            '\t' => std::iter::repeat_n('\t', 1),
            wide => std::iter::repeat_n(' ', console::measure_text_width(&wide.to_string())),
        })
        .collect();
    let number = (statement.line as usize + line - 1).to_string();
    let gutter = " ".repeat(number.len());
    Some(format!("{number} | {text}\n{gutter} | {indent}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(text: &str, start: u32, line: usize, column: usize) -> Option<String> {
        point_at(Statement { text, line: start }, line, column)
    }

    #[test]
    fn the_caret_stands_under_its_character() {
        for (text, start, line, column, expected) in [
            ("SELECT x", 1, 1, 8, "1 | SELECT x\n  |        ^"),
            ("SELECT\n  x", 9, 2, 3, "10 |   x\n   |   ^"),
            ("SELECT", 1, 1, 7, "1 | SELECT\n  |       ^"),
            ("\tx", 1, 1, 2, "1 | \tx\n  | \t^"),
            ("é x", 1, 1, 3, "1 | é x\n  |   ^"),
        ] {
            let shown = point(text, start, line, column).unwrap();
            assert_eq!(shown, expected, "{text}");
        }
        assert_eq!(point("a", 1, 2, 1), None);
        assert_eq!(point("a", 1, 0, 1), None);
        assert_eq!(point("a", 1, 1, 0), None);
    }
}
