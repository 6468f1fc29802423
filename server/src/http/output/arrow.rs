//! Arrow: record batches of a result.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array,
    Int32Array, Int64Array, MapArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType as ArrowType, Field, Fields, Schema, SchemaRef, TimeUnit};
use tagdb_query::decimal::rescale;
use tagdb_query::literal::to_stored;
use tagdb_query::{ColumnRows, ColumnValues, DataType, Known, Value};
use tagdb_storage::schema::{NumberType, double_from_sortable};

use crate::http::error::{ApiError, ApiResult};

/// The zone of timestamps.
const ZONE: &str = "UTC";

/// Writes an Arrow stream.
pub(in crate::http) struct Arrow {
    writer: StreamWriter<Vec<u8>>,
    schema: SchemaRef,
    kinds: Vec<DataType>,
}

impl fmt::Debug for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrow")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl Arrow {
    /// A stream of columns of these names and types; its beginning is written already.
    ///
    /// # Errors
    /// Only a bug.
    pub(in crate::http) fn new<'a>(
        columns: impl Iterator<Item = (&'a str, DataType)>,
    ) -> ApiResult<Self> {
        let (fields, kinds): (Vec<Field>, Vec<DataType>) = columns
            .map(|(name, kind)| (Field::new(name, arrow_type(kind), true), kind))
            .unzip();
        let schema = Arc::new(Schema::new(fields));
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(|error| bug(&error))?;
        Ok(Self {
            writer,
            schema,
            kinds,
        })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// Only a bug.
    pub(in crate::http) fn rows(&mut self, rows: ColumnRows) -> ApiResult<()> {
        let columns = rows.columns.into_iter().zip(&self.kinds);
        let arrays: Vec<ArrayRef> = columns
            .map(|(column, kind)| array(column, *kind))
            .collect::<Result<_, _>>()
            .map_err(|error| bug(&error))?;
        self.batch(arrays, rows.len)
    }

    /// Writes rows that are arrays already.
    ///
    /// # Errors
    /// Only a bug.
    pub(super) fn batch(&mut self, arrays: Vec<ArrayRef>, rows: usize) -> ApiResult<()> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .and_then(|batch| self.writer.write(&batch))
            .map_err(|error| bug(&error))
    }

    /// Marks the end.
    ///
    /// # Errors
    /// Only a bug.
    pub(in crate::http) fn finish(&mut self) -> ApiResult<()> {
        self.writer.finish().map_err(|error| bug(&error))
    }

    /// What is written, which grows.
    pub(in crate::http) fn written(&mut self) -> &mut Vec<u8> {
        self.writer.get_mut()
    }
}

pub(super) fn bug(error: &ArrowError) -> ApiError {
    ApiError::internal(format!("an Arrow batch: {error}"))
}

/// The type of a column in Arrow.
pub(in crate::http) fn arrow_type(kind: DataType) -> ArrowType {
    match kind {
        DataType::Null => ArrowType::Null,
        DataType::Boolean => ArrowType::Boolean,
        DataType::SmallInt => ArrowType::Int16,
        DataType::Int => ArrowType::Int32,
        DataType::BigInt => ArrowType::Int64,
        DataType::Decimal { precision, scale } => {
            ArrowType::Decimal128(precision, scale.cast_signed())
        }
        DataType::Double => ArrowType::Float64,
        DataType::Keyword | DataType::LongText => ArrowType::Utf8,
        DataType::Date => ArrowType::Date32,
        DataType::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, Some(ZONE.into())),
        DataType::KeywordSet => ArrowType::List(Arc::new(member_field())),
        DataType::Map(number) => {
            let entries = ArrowType::Struct(entry_fields(number));
            ArrowType::Map(Arc::new(Field::new("entries", entries, false)), false)
        }
    }
}

pub(super) fn member_field() -> Field {
    Field::new("item", ArrowType::Utf8, false)
}

pub(super) fn entry_fields(number: NumberType) -> Fields {
    let value = arrow_type(DataType::from(number));
    Fields::from(vec![
        Field::new("key", ArrowType::Utf8, false),
        Field::new("value", value, false),
    ])
}

fn array(column: ColumnValues, kind: DataType) -> Result<ArrayRef, ArrowError> {
    match column {
        ColumnValues::Numbers { values, known } => numbers(values, nulls(known), kind),
        ColumnValues::Texts { bytes, ends, known } => {
            // A batch's strings are far below 2 GiB.
            let mut offsets = Vec::with_capacity(ends.len() + 1);
            offsets.push(0);
            offsets.extend(ends.iter().map(|end| end.cast_signed()));
            let len = ends.len();
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            let bytes = Buffer::from_vec(bytes.into_bytes());
            let nulls = nulls(known).map(|words| null_buffer(words, len));
            Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls)?))
        }
        ColumnValues::Values(values) => array_of(&values, kind),
    }
}

fn nulls(known: Known) -> Option<Vec<u64>> {
    match known {
        Known::All => None,
        Known::Some(words) => Some(words),
    }
}

pub(super) fn null_buffer(words: Vec<u64>, len: usize) -> NullBuffer {
    NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(words), 0, len))
}

/// Numbers as tags store them.
pub(super) fn numbers(
    values: Vec<i64>,
    known: Option<Vec<u64>>,
    kind: DataType,
) -> Result<ArrayRef, ArrowError> {
    let len = values.len();
    let nulls = known.map(|words| null_buffer(words, len));
    // Values lie in their type's range: nothing is cut off.
    Ok(match kind {
        DataType::Boolean => {
            let bits = BooleanBuffer::collect_bool(len, |row| values[row] != 0);
            Arc::new(BooleanArray::new(bits, nulls))
        }
        DataType::SmallInt => Arc::new(Int16Array::new(narrowed(&values), nulls)),
        DataType::Int => Arc::new(Int32Array::new(narrowed(&values), nulls)),
        DataType::Date => Arc::new(Date32Array::new(narrowed(&values), nulls)),
        DataType::Timestamp => {
            let moments = TimestampMicrosecondArray::new(values.into(), nulls);
            Arc::new(moments.with_timezone(ZONE))
        }
        DataType::Double => {
            let doubles: Vec<f64> = values.into_iter().map(double_from_sortable).collect();
            Arc::new(Float64Array::new(doubles.into(), nulls))
        }
        DataType::Decimal { precision, scale } => {
            let digits: Vec<i128> = values.into_iter().map(i128::from).collect();
            let decimals = Decimal128Array::new(digits.into(), nulls);
            Arc::new(decimals.with_precision_and_scale(precision, scale.cast_signed())?)
        }
        _ => Arc::new(Int64Array::new(values.into(), nulls)),
    })
}

fn narrowed<T: ArrowNativeType + TryFrom<i64>>(values: &[i64]) -> ScalarBuffer<T> {
    let values = values.iter();
    values
        .map(|value| T::try_from(*value).unwrap_or_default())
        .collect()
}

/// An array of values one by one: of sets, maps, and what was computed.
fn array_of(values: &[Value], kind: DataType) -> Result<ArrayRef, ArrowError> {
    let texts = || {
        values.iter().map(|value| match value {
            Value::Text(text) => Some(&**text),
            _ => None,
        })
    };
    match kind {
        DataType::Null => Ok(arrow_array::new_null_array(&ArrowType::Null, values.len())),
        DataType::Keyword | DataType::LongText => Ok(Arc::new(StringArray::from_iter(texts()))),
        DataType::KeywordSet => Ok(sets(values)),
        DataType::Map(number) => maps(values, number),
        // A decimal that was computed may have more digits than a tag's.
        DataType::Decimal { precision, scale } => {
            let digits = values.iter().map(|value| match value {
                Value::Null => Ok(None),
                value => value
                    .to_fixed()
                    .and_then(|(digits, from)| rescale(digits, from, scale))
                    .map(Some)
                    .ok_or_else(|| unfit(value, kind)),
            });
            let decimals: Decimal128Array = digits.collect::<Result<_, _>>()?;
            Ok(Arc::new(decimals.with_precision_and_scale(
                precision,
                scale.cast_signed(),
            )?))
        }
        DataType::Boolean
        | DataType::SmallInt
        | DataType::Int
        | DataType::BigInt
        | DataType::Double
        | DataType::Date
        | DataType::Timestamp => {
            let mut known = vec![0_u64; values.len().div_ceil(64)];
            let mut stored = Vec::with_capacity(values.len());
            for (row, value) in values.iter().enumerate() {
                let number = match (value, kind.number_type()) {
                    (Value::Null, _) => None,
                    (Value::Boolean(value), None) => Some(i64::from(*value)),
                    (value, Some(number)) => {
                        Some(to_stored(number, value).map_err(|_| unfit(value, kind))?)
                    }
                    (value, None) => return Err(unfit(value, kind)),
                };
                if number.is_some() {
                    known[row / 64] |= 1 << (row % 64);
                }
                stored.push(number.unwrap_or_default());
            }
            numbers(stored, Some(known), kind)
        }
    }
}

/// The error of a value that is not of its column's type, which must not become NULL.
fn unfit(value: &Value, kind: DataType) -> ArrowError {
    ArrowError::ComputeError(format!("{value:?} in a column of type {kind}"))
}

fn sets(values: &[Value]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(member_field());
    for value in values {
        if let Value::Set(members) = value {
            for member in members {
                builder.values().append_value(member);
            }
        }
        builder.append(matches!(value, Value::Set(_)));
    }
    Arc::new(builder.finish())
}

fn maps(values: &[Value], number: NumberType) -> Result<ArrayRef, ArrowError> {
    let mut offsets = vec![0_i32];
    let (mut keys, mut entries) = (StringBuilder::new(), Vec::new());
    let mut is_known = Vec::with_capacity(values.len());
    for value in values {
        if let Value::Map(own) = value {
            for (key, value) in own {
                keys.append_value(key);
                entries.push(value.clone());
            }
        }
        is_known.push(matches!(value, Value::Map(_)));
        let end = i32::try_from(entries.len());
        offsets.push(end.map_err(|error| ArrowError::ComputeError(error.to_string()))?);
    }
    let fields = entry_fields(number);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(keys.finish()),
        array_of(&entries, DataType::from(number))?,
    ];
    let pairs = StructArray::try_new(fields.clone(), columns, None)?;
    let entry = Arc::new(Field::new("entries", ArrowType::Struct(fields), false));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let nulls = NullBuffer::from(is_known);
    let map = MapArray::try_new(entry, offsets, pairs, Some(nulls), false)?;
    debug_assert_eq!(map.len(), values.len());
    Ok(Arc::new(map))
}
