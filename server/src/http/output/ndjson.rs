//! NDJSON: an object a row, the flat objects that bulk writes take.

use tagdb_query::literal::write_json_string;
use tagdb_query::{ColumnRows, ColumnValues, DataType, text_of};
use tagdb_wire::BigIntForm;

use crate::http::convert::write_json;

/// Writes lines of JSON.
#[derive(Debug)]
pub(in crate::http) struct NdJson {
    /// `"name":` and the type of each column.
    columns: Vec<(String, DataType)>,
    bigint: BigIntForm,
}

impl NdJson {
    /// A writer of rows with these columns.
    pub(in crate::http) fn new<'a>(
        columns: impl Iterator<Item = (&'a str, DataType)>,
        bigint: BigIntForm,
    ) -> Self {
        let member = |(name, kind): (&str, DataType)| {
            let mut text = String::new();
            write_json_string(name, &mut text);
            text.push(':');
            (text, kind)
        };
        Self {
            columns: columns.map(member).collect(),
            bigint,
        }
    }

    /// Appends rows.
    pub(in crate::http) fn rows(&self, rows: &ColumnRows, out: &mut String) {
        let plain: Vec<bool> = rows.columns.iter().map(is_plain).collect();
        for row in 0..rows.len {
            out.push('{');
            let columns = rows.columns.iter().zip(&self.columns).zip(&plain);
            for (index, ((column, (name, kind)), is_plain)) in columns.enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(name);
                self.value(column, row, *kind, *is_plain, out);
            }
            out.push_str("}\n");
        }
    }

    fn value(
        &self,
        column: &ColumnValues,
        row: usize,
        kind: DataType,
        is_plain: bool,
        out: &mut String,
    ) {
        let is_text = kind == DataType::BigInt && self.bigint == BigIntForm::String;
        match column {
            ColumnValues::Numbers { known, .. } | ColumnValues::Texts { known, .. }
                if !known.contains(row) =>
            {
                out.push_str("null");
            }
            ColumnValues::Numbers { values, .. } if kind.is_integer() && !is_text => {
                out.push_str(itoa::Buffer::new().format(values[row]));
            }
            ColumnValues::Texts { bytes, ends, .. } if is_plain => {
                out.push('"');
                out.push_str(text_of(bytes, ends, row));
                out.push('"');
            }
            ColumnValues::Texts { bytes, ends, .. } => {
                write_json_string(text_of(bytes, ends, row), out);
            }
            ColumnValues::Values(values) => write_json(&values[row], kind, self.bigint, out),
            ColumnValues::Numbers { .. } => {
                write_json(&column.value(row, kind), kind, self.bigint, out);
            }
        }
    }
}

/// Whether no string of a column has to be escaped. One look at all of them together costs less
/// than one at each.
fn is_plain(column: &ColumnValues) -> bool {
    let special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\' || byte == 0x7F;
    match column {
        ColumnValues::Texts { bytes, .. } => !bytes.as_bytes().chunks(1_024).any(|block| {
            block
                .iter()
                .fold(false, |found, byte| found | special(*byte))
        }),
        ColumnValues::Numbers { .. } | ColumnValues::Values(_) => false,
    }
}
