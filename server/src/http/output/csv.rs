//! CSV: what an import reads back. NULL is an empty cell, the empty string is `""`.

use tagdb_query::Value;
use tagdb_query::literal::write_value;

/// Writes CSV text.
#[derive(Debug)]
pub(in crate::http) struct Csv {
    delimiter: char,
}

impl Csv {
    /// A writer with an ASCII character between cells.
    pub(in crate::http) fn new(delimiter: u8) -> Self {
        Self {
            delimiter: char::from(delimiter),
        }
    }

    /// Appends the header.
    pub(in crate::http) fn header<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        out: &mut String,
    ) {
        for (index, name) in names.enumerate() {
            self.separate(index, out);
            self.cell(name, out);
        }
        out.push('\n');
    }

    /// Appends a row.
    pub(in crate::http) fn row(&self, row: &[Value], out: &mut String) {
        let mut text = String::new();
        for (index, value) in row.iter().enumerate() {
            self.separate(index, out);
            match value {
                Value::Null => {}
                Value::Text(text) => self.cell(text, out),
                // No delimiter that is allowed occurs in numbers, but it may in all others.
                Value::Boolean(_) | Value::Int(_) => write_value(value, out),
                Value::Decimal { .. }
                | Value::Double(_)
                | Value::Date(_)
                | Value::Timestamp(_)
                | Value::Set(_)
                | Value::Map(_) => {
                    text.clear();
                    write_value(value, &mut text);
                    self.cell(&text, out);
                }
            }
        }
        out.push('\n');
    }

    fn separate(&self, index: usize, out: &mut String) {
        if index > 0 {
            out.push(self.delimiter);
        }
    }

    fn cell(&self, text: &str, out: &mut String) {
        let special = |c: char| c == self.delimiter || matches!(c, '"' | '\n' | '\r');
        if !text.is_empty() && !text.contains(special) {
            out.push_str(text);
            return;
        }
        out.push('"');
        for piece in text.split_inclusive('"') {
            out.push_str(piece);
            if piece.ends_with('"') {
                out.push('"');
            }
        }
        out.push('"');
    }
}
