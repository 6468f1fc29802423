//! Reads a file, or the beginning of one, into facts about its columns.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use serde_json::Value;

use super::facts::Facts;
use crate::cli::failure::Failure;

/// Bytes of a line of NDJSON; the server's own limit is lower.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// What was seen of a file.
#[derive(Debug)]
pub(crate) struct Sample {
    /// In their order.
    pub(super) columns: Vec<Column>,
    /// Rows seen.
    pub(crate) rows: u64,
    /// Whether this was the whole file.
    pub(super) complete: bool,
}

/// A column and what is known of it.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) facts: Facts,
}

impl Sample {
    fn new() -> Self {
        Self {
            columns: Vec::new(),
            rows: 0,
            complete: true,
        }
    }

    /// Whether this was the whole file.
    pub(crate) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The columns' names but for one.
    pub(crate) fn names_without(&self, name: &str) -> Vec<String> {
        let names = self.columns.iter().map(|column| column.name.clone());
        names.filter(|candidate| candidate != name).collect()
    }

    fn add(&mut self, name: &str) -> usize {
        self.columns.push(Column {
            name: name.to_owned(),
            facts: Facts::new(),
        });
        self.columns.len() - 1
    }
}

/// Reads CSV with a header. A `complete` source is read to its end; of another, the last row may
/// be cut and is passed over.
///
/// # Errors
/// The source cannot be read, or its header is not one.
pub(crate) fn read_csv(
    source: impl Read,
    delimiter: u8,
    complete: bool,
) -> Result<Sample, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(source);
    let mut sample = Sample {
        complete,
        ..Sample::new()
    };
    let header = reader.byte_headers().map_err(|error| csv_failure(&error))?;
    for (index, name) in header.iter().enumerate() {
        let name = std::str::from_utf8(name).map_err(|_| not_utf8(1))?;
        let name = name.strip_prefix('\u{feff}').unwrap_or(name);
        if name.is_empty() {
            let text = format!("column {} of the header has no name", index + 1);
            return Err(Failure::Failed(text));
        }
        if sample.columns.iter().any(|column| column.name == name) {
            let text = format!("the header names column {name:?} twice");
            return Err(Failure::Failed(text));
        }
        sample.add(name);
    }
    let mut record = csv::ByteRecord::new();
    let mut next = csv::ByteRecord::new();
    let mut has_record = read_record(&mut reader, &mut record)?;
    while has_record {
        let has_next = read_record(&mut reader, &mut next)?;
        if has_next || complete {
            observe_record(&mut sample, &record)?;
        }
        std::mem::swap(&mut record, &mut next);
        has_record = has_next;
    }
    Ok(sample)
}

fn read_record(
    reader: &mut csv::Reader<impl Read>,
    record: &mut csv::ByteRecord,
) -> Result<bool, Failure> {
    reader
        .read_byte_record(record)
        .map_err(|error| csv_failure(&error))
}

fn observe_record(sample: &mut Sample, record: &csv::ByteRecord) -> Result<(), Failure> {
    sample.rows += 1;
    for (column, cell) in sample.columns.iter_mut().zip(record) {
        if !cell.is_empty() {
            let line = record.position().map_or(0, csv::Position::line);
            let text = std::str::from_utf8(cell).map_err(|_| not_utf8(line))?;
            column.facts.observe_text(text);
        }
    }
    Ok(())
}

/// Reads NDJSON. A `complete` source is read to its end; of another, the last line may be cut and
/// is passed over.
///
/// # Errors
/// The source cannot be read, or a line is not an object.
pub(crate) fn read_ndjson(mut source: impl BufRead, complete: bool) -> Result<Sample, Failure> {
    let mut sample = Sample {
        complete,
        ..Sample::new()
    };
    let mut places = HashMap::new();
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        let read = (&mut source)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::Failed(format!("the file cannot be read: {error}")))?;
        let is_whole = line.ends_with(b"\n");
        if read == 0 || (!is_whole && !complete) {
            return Ok(sample);
        }
        number += 1;
        if !is_whole && read as u64 == LINE_BYTES_MAX {
            let text = format!("line {number} is longer than {LINE_BYTES_MAX} bytes");
            return Err(Failure::Failed(text));
        }
        let bytes = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line);
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let row = serde_json::from_slice::<serde_json::Map<String, Value>>(bytes)
            .map_err(|error| Failure::Failed(format!("line {number}: {error}")))?;
        sample.rows += 1;
        for (name, value) in &row {
            if !value.is_null() {
                // `x+` and `x-` add and remove members of x.
                let name = name.strip_suffix(['+', '-']).unwrap_or(name);
                let place = match places.get(name) {
                    Some(place) => *place,
                    None => *places
                        .entry(name.to_owned())
                        .or_insert_with(|| sample.add(name)),
                };
                if let Some(column) = sample.columns.get_mut(place) {
                    column.facts.observe_json(value);
                }
            }
        }
    }
}

fn csv_failure(error: &csv::Error) -> Failure {
    Failure::Failed(format!("the file cannot be read as CSV: {error}"))
}

fn not_utf8(line: u64) -> Failure {
    Failure::Failed(format!("line {line} is not UTF-8"))
}
