//! CSV: what an import reads back. NULL is an empty cell, the empty string is `""`.

use tagdb_query::literal::write_value;
use tagdb_query::{ColumnRows, ColumnValues, DataType, Known, Value, push_lines, text_of};

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
        out: &mut Vec<u8>,
    ) {
        for (index, name) in names.enumerate() {
            self.separate(index, out);
            self.cell(name, out);
        }
        out.push(b'\n');
    }

    /// Appends rows of columns of these types.
    pub(in crate::http) fn rows(&self, rows: &ColumnRows, kinds: &[DataType], out: &mut Vec<u8>) {
        let columns = rows.columns.iter().zip(kinds);
        let cells: Vec<_> = columns
            .map(|(column, kind)| self.cells(column, *kind))
            .collect();
        if let [Cells::Plain(bytes, ends, Known::All)] = &cells[..]
            && !has_empty(ends)
        {
            return push_lines(bytes.as_bytes(), ends, out);
        }
        let mut scratch = String::new();
        for row in 0..rows.len {
            for (index, cells) in cells.iter().enumerate() {
                self.separate(index, out);
                self.write(cells, row, &mut scratch, out);
            }
            out.push(b'\n');
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

    fn write(&self, cells: &Cells<'_>, row: usize, scratch: &mut String, out: &mut Vec<u8>) {
        match cells {
            Cells::Integers(_, known) | Cells::Plain(_, _, known) | Cells::Texts(_, _, known)
                if !known.contains(row) => {}
            Cells::Integers(values, _) => {
                out.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes())
            }
            Cells::Plain(bytes, ends, _) => match text_of(bytes, ends, row) {
                "" => out.extend_from_slice(b"\"\""),
                text => out.extend_from_slice(text.as_bytes()),
            },
            Cells::Texts(bytes, ends, _) => self.cell(text_of(bytes, ends, row), out),
            Cells::Others(ColumnValues::Values(values), _) => {
                self.value(&values[row], scratch, out);
            }
            Cells::Others(column, kind) => self.value(&column.value(row, *kind), scratch, out),
        }
    }

    fn value(&self, value: &Value, scratch: &mut String, out: &mut Vec<u8>) {
        match value {
            Value::Null => {}
            Value::Text(text) => self.cell(text, out),
            // No delimiter that is allowed occurs in these, but it may in all others.
            Value::Boolean(_) | Value::Int(_) => {
                scratch.clear();
                write_value(value, scratch);
                out.extend_from_slice(scratch.as_bytes());
            }
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

    fn separate(&self, index: usize, out: &mut Vec<u8>) {
        if index > 0 {
            out.push(self.delimiter);
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

    fn cell(&self, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() && self.is_plain(text) {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        out.push(b'"');
        for piece in text.split_inclusive('"') {
            out.extend_from_slice(piece.as_bytes());
            if piece.ends_with('"') {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
}

/// Whether any string of a column is empty.
fn has_empty(ends: &[u32]) -> bool {
    let pairs = ends.iter().zip(ends.iter().skip(1));
    ends.first() == Some(&0) || pairs.fold(false, |found, (a, b)| found | (a == b))
}
