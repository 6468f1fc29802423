//! Reads a file, or the beginning of one, into facts about its columns.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use serde_json::Value;
use tagdb::ingest::csv::{Record, Scanned, Scanner};

use super::facts::Facts;
use crate::cli::failure::Failure;

/// Bytes of a row; the server's own limit is lower.
const RECORD_BYTES_MAX: usize = 64 << 20;

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
    pub(super) fn new() -> Self {
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
    source: impl BufRead,
    delimiter: u8,
    complete: bool,
) -> Result<Sample, Failure> {
    let mut scanner = Scanner::new(source, delimiter, RECORD_BYTES_MAX);
    let mut sample = Sample {
        complete,
        ..Sample::new()
    };
    let mut record = Record::default();
    match scanner
        .read(&mut record)
        .map_err(|error| unreadable(&error))?
    {
        Scanned::Record => read_header(&mut sample, &record)?,
        Scanned::Bad(fault) => return Err(Failure::Failed(format!("header: {}", fault.detail))),
        Scanned::End => return Err(Failure::Failed("the file is empty".to_owned())),
    }
    let mut next = Record::default();
    let mut bad = None;
    let mut found = scanner
        .read(&mut record)
        .map_err(|error| unreadable(&error))?;
    while !matches!(found, Scanned::End) {
        let next_found = scanner
            .read(&mut next)
            .map_err(|error| unreadable(&error))?;
        if complete || !matches!(next_found, Scanned::End) {
            sample.rows += 1;
            // Rows that cannot be read are the server's to name, by number, unless all are so.
            match &found {
                Scanned::Bad(fault) if sample.rows == 1 => bad = Some(fault.detail.clone()),
                Scanned::Bad(_) | Scanned::End => {}
                Scanned::Record => {
                    bad = None;
                    observe(&mut sample, &record);
                }
            }
        }
        std::mem::swap(&mut record, &mut next);
        found = next_found;
    }
    match bad {
        None => Ok(sample),
        Some(detail) => Err(Failure::Failed(format!("row 1: {detail}"))),
    }
}

fn observe(sample: &mut Sample, record: &Record) {
    let Ok(cells) = record.cells() else { return };
    for (column, cell) in sample.columns.iter_mut().zip(cells) {
        if cell.quoted || !cell.text.is_empty() {
            column.facts.observe_text(cell.text);
        }
    }
}

fn read_header(sample: &mut Sample, header: &Record) -> Result<(), Failure> {
    let cells = header
        .cells()
        .map_err(|fault| Failure::Failed(format!("header: {}", fault.detail)))?;
    for (index, cell) in cells.enumerate() {
        let name = cell.text.strip_prefix('\u{feff}').unwrap_or(cell.text);
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
            .take(RECORD_BYTES_MAX as u64)
            .read_until(b'\n', &mut line)
            .map_err(|error| unreadable(&error))?;
        let is_whole = line.ends_with(b"\n");
        if read == 0 || (!is_whole && !complete) {
            return Ok(sample);
        }
        number += 1;
        if !is_whole && read == RECORD_BYTES_MAX {
            let text = format!("line {number} is longer than {RECORD_BYTES_MAX} bytes");
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
                // `x+` and `x-` add and remove members of x; of a value that has none, the sign is
                // part of the name.
                let edited = name.strip_suffix(['+', '-']);
                let has_members = value.is_array() || value.is_object();
                let name = edited.filter(|_| has_members).unwrap_or(name);
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

fn unreadable(error: &io::Error) -> Failure {
    Failure::Failed(format!("the file cannot be read: {error}"))
}
