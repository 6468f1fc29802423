//! Splits a text into statements, for no other purpose than to send them one by one: the server
//! alone knows what they mean.

/// One statement, or one command of the shell, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    /// Without the semicolon.
    pub(crate) text: &'a str,
    /// The line it begins in, from 1.
    pub(crate) line: u32,
}

/// A text, split.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Split<'a> {
    /// Statements that end with a semicolon, and commands that end with their line.
    pub(crate) complete: Vec<Statement<'a>>,
    /// What comes after them, if it is more than blanks and comments.
    pub(crate) rest: Option<Statement<'a>>,
}

/// Splits at semicolons that stand outside of strings, quoted names and comments.
pub(crate) fn split(text: &str) -> Split<'_> {
    let mut split = Split::default();
    let bytes = text.as_bytes();
    let mut start = None;
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        let next = bytes.get(place + 1).copied();
        match (*byte, next) {
            (b'-', Some(b'-')) => place = end_of_line(bytes, place),
            (b'/', Some(b'*')) => place = end_of_comment(bytes, place),
            (quote @ (b'\'' | b'"'), _) => {
                start.get_or_insert(place);
                place = end_of_quote(bytes, place, quote);
            }
            (b'\\', _) if start.is_none() => {
                let end = end_of_line(bytes, place);
                split.complete.extend(statement(text, place, end));
                place = end;
            }
            (b';', _) => {
                if let Some(start) = start.take() {
                    split.complete.extend(statement(text, start, place));
                }
                place += 1;
            }
            (byte, _) => {
                if !byte.is_ascii_whitespace() {
                    start.get_or_insert(place);
                }
                place += 1;
            }
        }
    }
    split.rest = start.and_then(|start| statement(text, start, bytes.len()));
    split
}

fn statement(text: &str, start: usize, end: usize) -> Option<Statement<'_>> {
    let before = text.get(..start)?.bytes();
    let lines = before.filter(|byte| *byte == b'\n').count();
    Some(Statement {
        text: text.get(start..end)?.trim_end(),
        line: u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1),
    })
}

fn end_of_line(bytes: &[u8], start: usize) -> usize {
    let mut rest = bytes.iter().skip(start);
    let length = rest.position(|byte| *byte == b'\n');
    length.map_or(bytes.len(), |length| start + length)
}

/// Comments nest. One that does not end reaches to the end of the text.
fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut place = start;
    while let Some(pair) = bytes.get(place..place + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                place += 1;
                continue;
            }
        }
        place += 2;
        if depth == 0 {
            return place;
        }
    }
    bytes.len()
}

/// A doubled quote is two quotes that touch, which needs no care here.
fn end_of_quote(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut rest = bytes.iter().skip(start + 1);
    let length = rest.position(|byte| *byte == quote);
    length.map_or(bytes.len(), |length| start + length + 2)
}

/// Whether a person who ends a line here is done.
pub(crate) fn is_complete(text: &str) -> bool {
    // A comment or string that is open has swallowed a semicolon that may follow.
    split(text).rest.is_none() && {
        let mut probe = String::from(text);
        probe.push_str("\n;x");
        split(&probe).rest.is_some_and(|rest| rest.text == "x")
    }
}

/// Whether the statement answers rows, by its first word.
pub(crate) fn is_read(text: &str) -> bool {
    let word: String = text
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_ascii_lowercase();
    text.starts_with('(')
        || matches!(
            word.as_str(),
            "select" | "with" | "show" | "describe" | "explain"
        )
}

/// Whether the statement may change names of tables and tags, by its first word.
pub(crate) fn changes_names(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    ["create", "alter", "drop"]
        .iter()
        .any(|verb| word.eq_ignore_ascii_case(verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Vec<(&str, u32)>, Option<(&str, u32)>) {
        let split = split(text);
        (
            split.complete.iter().map(|s| (s.text, s.line)).collect(),
            split.rest.map(|s| (s.text, s.line)),
        )
    }

    #[test]
    fn semicolons_split_outside_of_quotes_and_comments() {
        for (text, complete, rest) in [
            ("", &[][..], None),
            (" \n\t", &[], None),
            ("a", &[], Some(("a", 1))),
            ("a;", &[("a", 1)], None),
            ("a;;b ;\n\n c", &[("a", 1), ("b", 1)], Some(("c", 3))),
            ("'a;b'; c", &[("'a;b'", 1)], Some(("c", 1))),
            ("'it''s;';", &[("'it''s;'", 1)], None),
            ("\"a;\"\"b\";", &[("\"a;\"\"b\"", 1)], None),
            ("a -- b;\n;c", &[("a -- b;", 1)], Some(("c", 2))),
            ("/* a; /* b; */ c; */ d;", &[("d", 1)], None),
            ("a /*;*/ b;", &[("a /*;*/ b", 1)], None),
            ("-- only a comment;", &[], None),
            ("'open; a", &[], Some(("'open; a", 1))),
            ("a / b - c;", &[("a / b - c", 1)], None),
            ("\\d users\na;", &[("\\d users", 1), ("a", 2)], None),
            ("a \\d;", &[("a \\d", 1)], None),
            ("é;'ü';", &[("é", 1), ("'ü'", 1)], None),
        ] {
            let (found, found_rest) = parts(text);
            assert_eq!(found, complete, "{text:?}");
            assert_eq!(found_rest, rest, "{text:?}");
        }
    }

    #[test]
    fn input_is_complete_after_its_last_semicolon() {
        for text in [
            "",
            "a;",
            "a; b;",
            "a; -- done",
            "a; /* done */",
            "\\d",
            "-- x",
        ] {
            assert!(is_complete(text), "{text:?}");
        }
        for text in ["a", "a; b", "'a;", "\"a;", "a; /* open", "a;\nb"] {
            assert!(!is_complete(text), "{text:?}");
        }
    }

    #[test]
    fn the_first_word_tells_what_a_statement_is() {
        for text in [
            "select 1",
            "SELECT(1)",
            "(SELECT 1)",
            "With a",
            "SHOW TABLES",
        ] {
            assert!(is_read(text), "{text}");
        }
        for text in ["selects", "insert into a", "", "update a", "(", "-"] {
            assert!(!is_read(text) || text == "(", "{text}");
        }
        assert!(changes_names("Create TABLE t"));
        assert!(!changes_names("SELECT"));
    }
}
