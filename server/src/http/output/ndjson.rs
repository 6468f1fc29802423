//! NDJSON: an object a row, the flat objects that bulk writes take.

use tagdb_query::literal::write_json_string;
use tagdb_query::{DataType, Value};
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

    /// Appends a row.
    pub(in crate::http) fn row(&self, row: &[Value], out: &mut String) {
        out.push('{');
        for (index, (value, (name, kind))) in row.iter().zip(&self.columns).enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(name);
            write_json(value, *kind, self.bigint, out);
        }
        out.push_str("}\n");
    }
}
