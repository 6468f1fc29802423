//! CSV: what an import reads back. NULL is an empty cell, the empty string is `""`.

use tagdb_query::literal::write_value;
use tagdb_query::{ColumnRows, ColumnValues, DataType, Known, Value, text_of};

/// Writes CSV text.
#[derive(Debug)]
pub(in crate::http) struct Csv {
    delimiter: u8,
}

/// How the cells of a column are written, of one batch of rows.
enum Cells<'a> {
    Integers(&'a [i64], &'a Known),
    /// Without a character that would have to be quoted.
    Plain(&'a str, &'a [u32], &'a Known),
    Texts(&'a str, &'a [u32], &'a Known),
    Others(&'a ColumnValues, DataType),
}

impl Csv {
    /// A writer with an ASCII character between cells.
    pub(in crate::http) const fn new(delimiter: u8) -> Self {
        Self { delimiter }
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

    /// Appends rows of columns of these types.
    pub(in crate::http) fn rows(&self, rows: &ColumnRows, kinds: &[DataType], out: &mut String) {
        let columns = rows.columns.iter().zip(kinds);
        let cells: Vec<_> = columns
            .map(|(column, kind)| self.cells(column, *kind))
            .collect();
        let mut scratch = String::new();
        for row in 0..rows.len {
            for (index, cells) in cells.iter().enumerate() {
                self.separate(index, out);
                self.write(cells, row, &mut scratch, out);
            }
            out.push('\n');
        }
    }

    fn cells<'a>(&self, column: &'a ColumnValues, kind: DataType) -> Cells<'a> {
        match column {
            ColumnValues::Numbers { values, known } if kind.is_integer() => {
                Cells::Integers(values, known)
            }
            // One look at all strings together costs less than one at each.
            ColumnValues::Texts { bytes, ends, known } if self.is_plain(bytes) => {
                Cells::Plain(bytes, ends, known)
            }
            ColumnValues::Texts { bytes, ends, known } => Cells::Texts(bytes, ends, known),
            other => Cells::Others(other, kind),
        }
    }

    fn write(&self, cells: &Cells<'_>, row: usize, scratch: &mut String, out: &mut String) {
        match cells {
            Cells::Integers(_, known) | Cells::Plain(_, _, known) | Cells::Texts(_, _, known)
                if !known.contains(row) => {}
            Cells::Integers(values, _) => out.push_str(itoa::Buffer::new().format(values[row])),
            Cells::Plain(bytes, ends, _) => match text_of(bytes, ends, row) {
                "" => out.push_str("\"\""),
                text => out.push_str(text),
            },
            Cells::Texts(bytes, ends, _) => self.cell(text_of(bytes, ends, row), out),
            Cells::Others(ColumnValues::Values(values), _) => {
                self.value(&values[row], scratch, out);
            }
            Cells::Others(column, kind) => self.value(&column.value(row, *kind), scratch, out),
        }
    }

    fn value(&self, value: &Value, scratch: &mut String, out: &mut String) {
        match value {
            Value::Null => {}
            Value::Text(text) => self.cell(text, out),
            // No delimiter that is allowed occurs in these, but it may in all others.
            Value::Boolean(_) | Value::Int(_) => write_value(value, out),
            Value::Decimal { .. }
            | Value::Double(_)
            | Value::Date(_)
            | Value::Timestamp(_)
            | Value::Set(_)
            | Value::Map(_) => {
                scratch.clear();
                write_value(value, scratch);
                self.cell(scratch, out);
            }
        }
    }

    fn separate(&self, index: usize, out: &mut String) {
        if index > 0 {
            out.push(char::from(self.delimiter));
        }
    }

    fn is_plain(&self, text: &str) -> bool {
        let special = |byte: u8| byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        // Whole blocks, so that the comparison is done on many bytes at a time.
        !text.as_bytes().chunks(1_024).any(|block| {
            block
                .iter()
                .fold(false, |found, byte| found | special(*byte))
        })
    }

    fn cell(&self, text: &str, out: &mut String) {
        if !text.is_empty() && self.is_plain(text) {
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
