//! From record batches to the engine's batches, a column at a time.

use std::collections::BTreeMap;

use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use tagdb_storage::batch::{Dictionary, KeyRef, Keys};
use tagdb_storage::column_batch::{ColumnBatch, DenseColumn, DenseValues};
use tagdb_storage::limits::{KEY_BYTES_MAX, KEYWORD_BYTES_MAX, LONG_TEXT_BYTES_MAX};
use tagdb_storage::schema::{KeyType, NumberType, Tag, TagType};

use super::nested::{lengths, maps, sets};
use super::numbers::{Numbers, booleans, null_rows, numbers};
use super::plan::Plan;
use super::strings::{Place, Places, Strings};
use crate::http::{ApiError, ApiResult};
use crate::ingest::report::RowFault;

/// Rows of a batch.
const ROWS_MAX: usize = 65_536;
/// Bytes of long texts, and of the members of sets and maps, of a batch.
const BYTES_MAX: usize = 32 << 20;
/// Bytes that a member takes.
const MEMBER_BYTES: usize = 16;

/// Puts rows together, until there are enough for a batch.
#[derive(Debug)]
pub struct Converter {
    plan: Plan,
    keys: Keys,
    columns: Vec<DenseColumn>,
    /// One a column.
    places: Vec<Places>,
    bytes: usize,
}

impl Converter {
    /// A converter without rows.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let (keys, columns) = empty(&plan);
        Self {
            places: columns.iter().map(|_| Places::default()).collect(),
            keys,
            columns,
            plan,
            bytes: 0,
        }
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of memory that the rows hold, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let columns = self.columns.iter();
        let columns = columns.map(|column| column.dictionary.bytes() + column.values.bytes());
        self.keys.bytes() + columns.sum::<usize>()
    }

    /// Whether the batch has to be taken before more rows are added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows() >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// The rows so far; there are none afterwards.
    pub fn take(&mut self) -> ColumnBatch {
        let (keys, columns) = empty(&self.plan);
        self.bytes = 0;
        self.places.iter_mut().for_each(Places::clear);
        ColumnBatch {
            keys: std::mem::replace(&mut self.keys, keys),
            columns: std::mem::replace(&mut self.columns, columns),
        }
    }

    /// Adds as many of the first rows as there is room for, at least one, and says how many. If any
    /// of them are bad, they are told by their numbers, from 0, and none of the rows is added.
    ///
    /// # Errors
    /// Only a bug: a batch that is not of the plan's schema.
    pub fn add(&mut self, rows: &RecordBatch) -> ApiResult<(usize, BTreeMap<u32, RowFault>)> {
        let (count, bytes) = self.room_for(rows)?;
        let rows = rows.slice(0, count);
        let before = self.rows();
        let mut faults = BTreeMap::new();
        let added = self.add_columns(&rows, &mut faults);
        if added.is_err() || !faults.is_empty() {
            self.keys.truncate(before);
            for column in &mut self.columns {
                column.values.truncate(before);
            }
            added?;
        } else {
            self.bytes += bytes;
        }
        Ok((count, faults))
    }

    /// How many of the rows are to be added, and their bytes.
    fn room_for(&self, rows: &RecordBatch) -> ApiResult<(usize, usize)> {
        let rows_max = rows
            .num_rows()
            .min(ROWS_MAX - self.rows().min(ROWS_MAX - 1));
        let mut weights = vec![0; rows_max];
        for (place, tag) in &self.plan.tags {
            let array = rows.column(*place);
            if self.plan.target.tag(*tag).kind == TagType::LongText {
                if *array.data_type() == DataType::Null {
                    continue;
                }
                let strings = Strings::new(array.as_ref())?;
                for (row, weight) in weights.iter_mut().enumerate() {
                    *weight += strings.get(row).map_or(0, str::len);
                }
            } else if let Some(lengths) = lengths(array.as_ref()) {
                for (weight, length) in weights.iter_mut().zip(lengths) {
                    *weight += length * MEMBER_BYTES;
                }
            }
        }
        let mut bytes = 0_usize;
        for (row, weight) in weights.iter().enumerate() {
            let more = bytes.saturating_add(*weight);
            if row > 0 && self.bytes.saturating_add(more) > BYTES_MAX {
                return Ok((row, bytes));
            }
            bytes = more;
        }
        Ok((rows_max, bytes))
    }

    fn add_columns(
        &mut self,
        rows: &RecordBatch,
        faults: &mut BTreeMap<u32, RowFault>,
    ) -> ApiResult<()> {
        let schema = &self.plan.target.schema;
        let mut key_faults = Faults::new(faults, &schema.key_name);
        add_keys(
            &mut self.keys,
            schema.key_type,
            rows.column(self.plan.key).as_ref(),
            &mut key_faults,
        )?;
        let columns = self.columns.iter_mut().zip(&mut self.places);
        for ((place, tag), (column, places)) in self.plan.tags.iter().zip(columns) {
            let tag = self.plan.target.tag(*tag);
            let mut faults = Faults::new(faults, &tag.name);
            add_column(
                tag,
                rows.column(*place).as_ref(),
                column,
                places,
                &mut faults,
            )?;
        }
        Ok(())
    }
}

fn empty(plan: &Plan) -> (Keys, Vec<DenseColumn>) {
    let column = |(_, tag): &(usize, usize)| {
        let tag = plan.target.tag(*tag);
        DenseColumn {
            tag: tag.id,
            dictionary: Dictionary::default(),
            values: DenseValues::new(tag.kind),
        }
    };
    let columns = plan.tags.iter().map(column).collect();
    (Keys::new(plan.target.schema.key_type), columns)
}

/// The rows of a batch without those of some numbers.
///
/// # Errors
/// Only a bug.
pub(crate) fn without(
    rows: &RecordBatch,
    bad: &BTreeMap<u32, RowFault>,
) -> Result<RecordBatch, ArrowError> {
    let len = u32::try_from(rows.num_rows()).unwrap_or(u32::MAX);
    let kept: BooleanArray = (0..len).map(|row| Some(!bad.contains_key(&row))).collect();
    arrow_select::filter::filter_record_batch(rows, &kept)
}

/// The faults of one column.
#[derive(Debug)]
pub(super) struct Faults<'a> {
    by_row: &'a mut BTreeMap<u32, RowFault>,
    column: &'a str,
}

impl<'a> Faults<'a> {
    fn new(by_row: &'a mut BTreeMap<u32, RowFault>, column: &'a str) -> Self {
        Self { by_row, column }
    }

    /// Adds what is wrong with a row, unless something is already.
    pub(super) fn add(&mut self, row: u32, fault: RowFault) {
        let column = self.column;
        self.by_row
            .entry(row)
            .or_insert_with(|| fault.in_column(column));
    }

    /// Adds that a keyword of a row is too long.
    pub(super) fn add_too_long(&mut self, row: u32) {
        let detail = format!("a KEYWORD has more than {KEYWORD_BYTES_MAX} bytes");
        self.add(row, RowFault::new("limit_exceeded", detail));
    }
}

fn add_keys(
    keys: &mut Keys,
    kind: KeyType,
    array: &dyn Array,
    faults: &mut Faults<'_>,
) -> ApiResult<()> {
    for row in null_rows(array) {
        faults.add(row, RowFault::new("bad_key", "the key is null"));
    }
    if kind == KeyType::BigInt {
        let found = numbers(NumberType::BigInt, array)?;
        for (row, fault) in found.faults {
            faults.add(row, RowFault::new("bad_key", fault.detail));
        }
        for key in found.values {
            keys.push(KeyRef::Int(key));
        }
        return Ok(());
    }
    let strings = Strings::new(array)?;
    for row in 0..array.len() {
        let key = strings.get(row).unwrap_or_default();
        if key.len() > KEY_BYTES_MAX {
            let detail = format!(
                "the key has {} bytes, at most {KEY_BYTES_MAX} are allowed",
                key.len()
            );
            faults.add(row_number(row), RowFault::new("bad_key", detail));
        } else {
            keys.push(KeyRef::Text(key));
        }
    }
    Ok(())
}

fn add_column(
    tag: &Tag,
    array: &dyn Array,
    column: &mut DenseColumn,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> ApiResult<()> {
    let dictionary = &mut column.dictionary;
    if *array.data_type() == DataType::Null {
        add_nulls(&mut column.values, array.len());
        return Ok(());
    }
    match (&mut column.values, tag.kind) {
        (DenseValues::Numbers { values, nulls }, TagType::Keyword) => {
            keywords(array, places, dictionary, (values, nulls), faults)
        }
        (DenseValues::Numbers { values, nulls }, TagType::Boolean) => {
            append((values, nulls), booleans(array), faults);
            Ok(())
        }
        (DenseValues::Numbers { values, nulls }, TagType::Number(number)) => {
            append((values, nulls), numbers(number, array)?, faults);
            Ok(())
        }
        (DenseValues::Texts { bytes, ends, nulls }, _) => {
            texts(array, (bytes, ends, nulls), faults)
        }
        (DenseValues::Sets { ends, members }, _) => {
            sets(array, places, dictionary, (ends, members), faults)
        }
        (DenseValues::Maps { ends, entries }, TagType::Map(number)) => {
            maps(number, array, places, dictionary, (ends, entries), faults)
        }
        _ => Err(ApiError::internal("a column of another family")),
    }
}

/// Appends rows without a value.
fn add_nulls(values: &mut DenseValues, count: usize) {
    let rows = row_number(values.len())..row_number(values.len() + count);
    match values {
        DenseValues::Numbers { values, nulls } => {
            values.resize(values.len() + count, 0);
            nulls.extend(rows);
        }
        DenseValues::Texts { bytes, ends, nulls } => {
            ends.resize(ends.len() + count, row_number(bytes.len()));
            nulls.extend(rows);
        }
        DenseValues::Sets { ends, members } => {
            ends.resize(ends.len() + count, row_number(members.len()));
        }
        DenseValues::Maps { ends, entries } => {
            ends.resize(ends.len() + count, row_number(entries.len()));
        }
    }
}

/// Appends the values of a column; its rows come behind those that are there.
fn append(
    (values, nulls): (&mut Vec<i64>, &mut Vec<u32>),
    found: Numbers,
    faults: &mut Faults<'_>,
) {
    let first = row_number(values.len());
    nulls.extend(found.nulls.iter().map(|row| first + row));
    if values.is_empty() {
        *values = found.values;
    } else {
        values.extend(found.values);
    }
    for (row, fault) in found.faults {
        faults.add(row, fault);
    }
}

fn keywords(
    array: &dyn Array,
    places: &mut Places,
    dictionary: &mut Dictionary,
    (values, nulls): (&mut Vec<i64>, &mut Vec<u32>),
    faults: &mut Faults<'_>,
) -> ApiResult<()> {
    let strings = Strings::new(array)?;
    places.begin(&strings);
    let first = row_number(values.len());
    let null_rows = array.nulls().filter(|nulls| nulls.null_count() > 0);
    for row in 0..array.len() {
        let place = if null_rows.is_some_and(|nulls| nulls.is_null(row)) {
            Place::Null
        } else {
            places.of_row(&strings, row, dictionary)
        };
        let row = row_number(row);
        values.push(match place {
            Place::Known(place) => i64::from(place),
            Place::Null => {
                nulls.push(first + row);
                0
            }
            Place::TooLong => {
                faults.add_too_long(row);
                0
            }
        });
    }
    Ok(())
}

fn texts(
    array: &dyn Array,
    (bytes, ends, nulls): (&mut String, &mut Vec<u32>, &mut Vec<u32>),
    faults: &mut Faults<'_>,
) -> ApiResult<()> {
    let strings = Strings::new(array)?;
    let first = row_number(ends.len());
    for row in 0..array.len() {
        let text = if array.is_null(row) {
            None
        } else {
            strings.get(row)
        };
        let row = row_number(row);
        match text {
            None => nulls.push(first + row),
            Some(text) if text.len() > LONG_TEXT_BYTES_MAX => {
                let detail = format!(
                    "a LONGTEXT has {} bytes, at most {LONG_TEXT_BYTES_MAX} are allowed",
                    text.len()
                );
                faults.add(row, RowFault::new("limit_exceeded", detail));
            }
            Some(text) => bytes.push_str(text),
        }
        ends.push(row_number(bytes.len()));
    }
    Ok(())
}

/// A batch has at most 65,536 rows and some 32 MiB.
fn row_number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
