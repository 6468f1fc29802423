//! One JSON document, within the limits of rows and bytes.

use tagdb_query::{DataType, Value};
use tagdb_wire::{BigIntForm, Column, Stats};

use crate::http::convert::write_json;
use crate::http::error::{ApiError, ApiResult};

/// Builds the document of one statement's result.
#[derive(Debug)]
pub(in crate::http) struct Json {
    out: String,
    kinds: Vec<DataType>,
    bigint: BigIntForm,
    rows: u64,
    rows_max: u64,
    bytes_max: u64,
}

impl Json {
    /// Begins a document with these columns.
    pub(in crate::http) fn new<'a>(
        columns: impl Iterator<Item = (&'a str, DataType)>,
        bigint: BigIntForm,
        (rows_max, bytes_max): (u64, u64),
    ) -> Self {
        let (columns, kinds): (Vec<_>, Vec<_>) = columns
            .map(|(name, kind)| {
                let column = Column {
                    name: name.to_owned(),
                    kind: kind.to_string(),
                };
                (column, kind)
            })
            .unzip();
        let mut out = String::from("{\"columns\":");
        append(&columns, &mut out);
        out.push_str(",\"rows\":[");
        Self {
            out,
            kinds,
            bigint,
            rows: 0,
            rows_max,
            bytes_max,
        }
    }

    /// Appends a row.
    ///
    /// # Errors
    /// `result_too_large` beyond the limits.
    pub(in crate::http) fn row(&mut self, row: &[Value]) -> ApiResult<()> {
        self.out.push_str(if self.rows == 0 { "[" } else { ",[" });
        for (index, (value, kind)) in row.iter().zip(&self.kinds).enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            write_json(value, *kind, self.bigint, &mut self.out);
        }
        self.out.push(']');
        self.rows += 1;
        if self.rows > self.rows_max {
            return Err(too_large("rows", self.rows_max).limit(
                "result_rows",
                self.rows,
                self.rows_max,
            ));
        }
        let bytes = self.out.len() as u64;
        if bytes > self.bytes_max {
            return Err(too_large("bytes", self.bytes_max).limit(
                "result_bytes",
                bytes,
                self.bytes_max,
            ));
        }
        Ok(())
    }

    /// Bytes so far.
    pub(in crate::http) const fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Ends the document.
    pub(in crate::http) fn finish(
        mut self,
        rows_affected: u64,
        durable: Option<bool>,
        next: Option<&str>,
        stats: &Stats,
    ) -> String {
        let out = &mut self.out;
        out.push_str("],\"rows_affected\":");
        out.push_str(&rows_affected.to_string());
        out.push_str(",\"next\":");
        append(&next, out);
        if let Some(durable) = durable {
            out.push_str(if durable {
                ",\"durable\":true"
            } else {
                ",\"durable\":false"
            });
        }
        out.push_str(",\"stats\":");
        append(stats, out);
        out.push('}');
        self.out
    }
}

fn append(value: &impl serde::Serialize, out: &mut String) {
    // These are plain structs of strings and numbers, which always have a JSON form.
    if let Ok(text) = serde_json::to_string(value) {
        out.push_str(&text);
    }
}

fn too_large(what: &str, max: u64) -> ApiError {
    ApiError::new(
        "result_too_large",
        format!(
            "the result has more than {max} {what}; ask for application/x-ndjson or text/csv, \
             which are streamed, or add a LIMIT"
        ),
    )
}
