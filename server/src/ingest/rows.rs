//! Rows of CSV and NDJSON uploads, one at a time, staged in a batch.

use std::io::{self, BufRead};
use std::sync::Arc;

use serde_json::value::RawValue;
use tagdb_storage::batch::Cell;
use tagdb_storage::schema::Key;

use super::batch::BatchBuilder;
use super::csv::{CsvCell, Record, Scanned, Scanner};
use super::json::{Kind, Object, Text};
use super::report::{RowFault, row_too_large};
use super::target::{Slot, Target};
use super::values;
use crate::http::{ApiError, ApiResult};

/// What one step through an upload found.
#[derive(Debug)]
pub enum Step {
    /// A row was added to the batch.
    Row,
    /// A row is bad, and nothing of it was added.
    Bad(RowFault),
    /// The upload is at its end.
    End,
}

/// What an empty, unquoted CSV cell says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyCell {
    /// NULL.
    #[default]
    Null,
    /// Nothing: the tag stays as it is.
    Keep,
}

/// How CSV text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvForm {
    /// Between cells.
    pub delimiter: u8,
    /// What an empty, unquoted cell says.
    pub empty: EmptyCell,
}

/// A reader of an upload's rows.
#[derive(Debug)]
pub enum Rows<R> {
    /// Of CSV text.
    Csv(CsvRows<R>),
    /// Of lines of JSON.
    NdJson(NdJsonRows<R>),
}

impl<R: BufRead> Rows<R> {
    /// Reads the next row into the batch.
    ///
    /// # Errors
    /// When the source fails or a row is larger than it may be: nothing can be read after that.
    pub fn step(&mut self, batch: &mut BatchBuilder) -> io::Result<Step> {
        match self {
            Self::Csv(rows) => rows.step(batch),
            Self::NdJson(rows) => rows.step(batch),
        }
    }
}

/// Rows of CSV text.
#[derive(Debug)]
pub struct CsvRows<R> {
    scanner: Scanner<R>,
    record: Record,
    /// By column.
    slots: Vec<Slot>,
    empty: EmptyCell,
    target: Arc<Target>,
}

impl<R: BufRead> CsvRows<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When there is no header, it names what the table does not have, or lacks the key.
    pub fn new(
        source: R,
        form: CsvForm,
        row_bytes_max: usize,
        target: Arc<Target>,
    ) -> ApiResult<Self> {
        let mut scanner = Scanner::new(source, form.delimiter, row_bytes_max);
        let mut record = Record::default();
        let header =
            |fault: RowFault| ApiError::new(fault.code, format!("CSV header: {}", fault.detail));
        match scanner.read(&mut record)? {
            Scanned::Record => {}
            Scanned::Bad(fault) => return Err(header(fault)),
            Scanned::End => {
                let detail = "the text is empty; it begins with the columns' names";
                return Err(header(RowFault::new("syntax_error", detail)));
            }
        }
        let mut slots = Vec::with_capacity(record.len());
        for cell in record.cells().map_err(header)? {
            let slot = target.slot(cell.text).map_err(header)?;
            if matches!(slot, Slot::Put(_) | Slot::Drop(_)) {
                return Err(ApiError::unsupported("adding and removing members by CSV"));
            }
            if slots.contains(&slot) {
                let detail = format!("column \"{}\" occurs twice", cell.text);
                return Err(header(RowFault::new("duplicate_column", detail)));
            }
            slots.push(slot);
        }
        if !slots.contains(&Slot::Key) {
            let detail = format!("the key column \"{}\" is missing", target.schema.key_name);
            return Err(header(RowFault::new("bad_key", detail)));
        }
        Ok(Self {
            scanner,
            record,
            slots,
            empty: form.empty,
            target,
        })
    }

    fn step(&mut self, batch: &mut BatchBuilder) -> io::Result<Step> {
        match self.scanner.read(&mut self.record)? {
            Scanned::End => return Ok(Step::End),
            Scanned::Bad(fault) => return Ok(Step::Bad(fault)),
            Scanned::Record => {}
        }
        Ok(match self.stage(batch) {
            Ok(key) => {
                batch.keep(key.as_ref(), self.record.bytes());
                Step::Row
            }
            Err(fault) => {
                batch.abandon();
                Step::Bad(fault)
            }
        })
    }

    fn stage(&self, batch: &mut BatchBuilder) -> Result<Key, RowFault> {
        if self.record.len() != self.slots.len() {
            let (found, expected) = (self.record.len(), self.slots.len());
            let detail = format!("the row has {found} cells, the header {expected}");
            return Err(RowFault::new("syntax_error", detail));
        }
        let mut key = None;
        for (cell, slot) in self.record.cells()?.zip(&self.slots) {
            match *slot {
                Slot::Key => {
                    let schema = &self.target.schema;
                    let parsed = values::key_from_csv(schema.key_type, cell);
                    key = Some(parsed.map_err(|fault| fault.in_column(&schema.key_name))?);
                }
                Slot::Tag(place) | Slot::Put(place) | Slot::Drop(place) => {
                    self.stage_tag(place, cell, batch)?;
                }
            }
        }
        key.ok_or_else(|| RowFault::new("bad_key", "the row has no key"))
    }

    fn stage_tag(
        &self,
        place: usize,
        cell: CsvCell<'_>,
        batch: &mut BatchBuilder,
    ) -> Result<(), RowFault> {
        let tag = self.target.tag(place);
        let parsed = if cell.text.is_empty() && !cell.quoted {
            match self.empty {
                EmptyCell::Keep => return Ok(()),
                EmptyCell::Null => Cell::Clear,
            }
        } else {
            values::from_csv(tag.kind, cell.text, batch.dictionary(place))
                .map_err(|fault| fault.in_column(&tag.name))?
        };
        batch.stage(place, parsed)
    }
}

/// Rows of lines of JSON.
#[derive(Debug)]
pub struct NdJsonRows<R> {
    source: R,
    line: Vec<u8>,
    row_bytes_max: usize,
    target: Arc<Target>,
}

impl<R: BufRead> NdJsonRows<R> {
    /// A reader of lines.
    pub const fn new(source: R, row_bytes_max: usize, target: Arc<Target>) -> Self {
        Self {
            source,
            line: Vec::new(),
            row_bytes_max,
            target,
        }
    }

    fn step(&mut self, batch: &mut BatchBuilder) -> io::Result<Step> {
        loop {
            if !self.read_line()? {
                return Ok(Step::End);
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        let staged = str::from_utf8(&self.line)
            .map_err(|_| RowFault::new("syntax_error", "the row is not UTF-8 text"))
            .and_then(|line| stage_object(line, &self.target, batch));
        Ok(match staged {
            Ok(key) => {
                batch.keep(key.as_ref(), self.line.len());
                Step::Row
            }
            Err(fault) => {
                batch.abandon();
                Step::Bad(fault)
            }
        })
    }

    /// Reads a line without its end; false at the end of the text.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok(!self.line.is_empty());
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.line
                .extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            let used = end.map_or(bytes.len(), |end| end + 1);
            self.source.consume(used);
            if self.line.len() > self.row_bytes_max {
                return Err(row_too_large(self.row_bytes_max));
            }
            if end.is_some() {
                // An empty line is one that was read, so it must not look like the end.
                if self.line.is_empty() {
                    self.line.push(b'\n');
                }
                return Ok(true);
            }
        }
    }
}

/// Stages the tags of one object, and gives its key.
///
/// # Errors
/// What is wrong with the row.
pub fn stage_object(
    line: &str,
    target: &Target,
    batch: &mut BatchBuilder,
) -> Result<Key, RowFault> {
    let Object(members) = serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        let detail = text.replace(" at line 1 column ", " at character ");
        RowFault::new(
            "syntax_error",
            format!("the row is not a JSON object: {detail}"),
        )
    })?;
    let mut key = None;
    for (Text(name), value) in &members {
        match target.slot(name)? {
            Slot::Key => {
                let parsed = values::key_from_json(target.schema.key_type, value)
                    .map_err(|fault| fault.in_column(name))?;
                if key.replace(parsed).is_some() {
                    let detail = format!("column \"{name}\" occurs twice in the row");
                    return Err(RowFault::new("duplicate_column", detail).in_column(name));
                }
            }
            slot => stage_member(slot, name, value, target, batch)?,
        }
    }
    key.ok_or_else(|| {
        let name = &target.schema.key_name;
        RowFault::new("bad_key", "the row has no key").in_column(name)
    })
}

/// Stages what one member of an object says about a tag.
///
/// # Errors
/// What is wrong with it.
pub fn stage_member(
    slot: Slot,
    name: &str,
    value: &RawValue,
    target: &Target,
    batch: &mut BatchBuilder,
) -> Result<(), RowFault> {
    let (place, read): (_, ReadJson) = match slot {
        Slot::Key => return Err(RowFault::new("bad_key", "the key cannot be changed")),
        Slot::Tag(place) => (place, values::from_json),
        Slot::Put(place) => (place, values::put_from_json),
        Slot::Drop(place) => (place, values::drop_from_json),
    };
    let edit_of_nothing = !matches!(slot, Slot::Tag(_)) && Kind::of(value) == Kind::Null;
    if edit_of_nothing {
        let fault = RowFault::new("type_mismatch", "null is nothing to add or remove");
        return Err(fault.in_column(name));
    }
    let cell = read(target.tag(place).kind, value, batch.dictionary(place))
        .map_err(|fault| fault.in_column(name))?;
    batch.stage(place, cell)
}

type ReadJson = fn(
    tagdb_storage::schema::TagType,
    &RawValue,
    &mut tagdb_storage::batch::Dictionary,
) -> Result<Cell, RowFault>;
