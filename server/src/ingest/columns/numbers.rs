//! Columns of booleans, numbers, dates and timestamps, as they are stored.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};
use tagdb_query::literal::{DATE_MAX, DATE_MIN, TIMESTAMP_MAX, TIMESTAMP_MIN, to_stored};
use tagdb_query::{DataType as SqlType, Value};
use tagdb_storage::schema::{NumberType, sortable_from_double};

use crate::http::{ApiError, ApiResult};
use crate::ingest::report::RowFault;

/// Milliseconds of a day.
const MILLISECONDS_PER_DAY: i64 = 86_400_000;

/// What a column's values are.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// One a row, as stored; of no meaning where there is none.
    pub(super) values: Vec<i64>,
    /// The rows without a value, rising.
    pub(super) nulls: Vec<u32>,
    /// The rows whose value does not fit.
    pub(super) faults: Vec<(u32, RowFault)>,
}

/// The values of a column of booleans.
pub(super) fn booleans(array: &dyn Array) -> Numbers {
    let array = array.as_boolean();
    let values = array.values().iter().map(i64::from).collect();
    Numbers {
        values,
        nulls: null_rows(array),
        faults: Vec::new(),
    }
}

/// The rows of a column that are NULL.
pub(super) fn null_rows(array: &dyn Array) -> Vec<u32> {
    match array.logical_nulls() {
        Some(nulls) if nulls.null_count() > 0 => (0..)
            .zip(nulls.iter())
            .filter(|(_, is_valid)| !is_valid)
            .map(|(row, _)| row)
            .collect(),
        _ => Vec::new(),
    }
}

/// The values of a column whose type was found to fit.
///
/// # Errors
/// Only a bug: a column of another type.
pub(super) fn numbers(kind: NumberType, array: &dyn Array) -> ApiResult<Numbers> {
    numbers_of(kind, Column { array, bounds: &[] })
}

/// The same of the values of lists, of which `bounds` are the ends and the first beginning: of each
/// list only the first fault is told.
///
/// # Errors
/// As of [`numbers`].
pub(super) fn numbers_in_lists(
    kind: NumberType,
    array: &dyn Array,
    bounds: &[usize],
) -> ApiResult<Numbers> {
    numbers_of(kind, Column { array, bounds })
}

/// Values, and the lists they lie in, if they do.
#[derive(Clone, Copy)]
struct Column<'a> {
    array: &'a dyn Array,
    bounds: &'a [usize],
}

impl Column<'_> {
    /// The first value that is of another list.
    fn end_of_list(self, place: usize) -> usize {
        let next = self.bounds.partition_point(|bound| *bound <= place);
        self.bounds.get(next).map_or(place + 1, |bound| *bound)
    }
}

fn numbers_of(kind: NumberType, array: Column<'_>) -> ApiResult<Numbers> {
    Ok(match array.array.data_type() {
        DataType::Int8 => integers::<Int8Type>(kind, array),
        DataType::Int16 => integers::<Int16Type>(kind, array),
        DataType::Int32 => integers::<Int32Type>(kind, array),
        DataType::Int64 => integers::<Int64Type>(kind, array),
        DataType::UInt8 => integers::<UInt8Type>(kind, array),
        DataType::UInt16 => integers::<UInt16Type>(kind, array),
        DataType::UInt32 => integers::<UInt32Type>(kind, array),
        DataType::UInt64 => integers::<UInt64Type>(kind, array),
        DataType::Float16 => doubles::<Float16Type>(array, f64::from),
        DataType::Float32 => doubles::<Float32Type>(array, f64::from),
        DataType::Float64 => doubles::<Float64Type>(array, |value| value),
        DataType::Decimal32(_, scale) => decimals::<Decimal32Type>(kind, *scale, array),
        DataType::Decimal64(_, scale) => decimals::<Decimal64Type>(kind, *scale, array),
        DataType::Decimal128(_, scale) => decimals::<Decimal128Type>(kind, *scale, array),
        DataType::Date32 => each::<Date32Type>(array, |days| date(i64::from(days))),
        DataType::Date64 => each::<Date64Type>(array, |milliseconds| {
            if milliseconds % MILLISECONDS_PER_DAY != 0 {
                let detail = format!("{milliseconds} milliseconds are no whole number of days");
                return Err(RowFault::new("type_mismatch", detail));
            }
            date(milliseconds / MILLISECONDS_PER_DAY)
        }),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => scaled::<TimestampSecondType>(array, 1_000_000),
            TimeUnit::Millisecond => scaled::<TimestampMillisecondType>(array, 1_000),
            TimeUnit::Microsecond => scaled::<TimestampMicrosecondType>(array, 1),
            // Digits beyond the sixth are cut, as they are in text.
            TimeUnit::Nanosecond => each::<TimestampNanosecondType>(array, |nanoseconds| {
                timestamp(nanoseconds.div_euclid(1_000))
            }),
        },
        other => return Err(ApiError::internal(format!("{other} is not a number"))),
    })
}

fn each<T: ArrowPrimitiveType>(
    column: Column<'_>,
    convert: impl Fn(T::Native) -> Result<i64, RowFault>,
) -> Numbers {
    let array: &PrimitiveArray<T> = column.array.as_primitive();
    let mut found = Numbers {
        values: Vec::with_capacity(array.len()),
        nulls: null_rows(array),
        faults: Vec::new(),
    };
    let mut told = 0;
    for (row, value) in (0..).zip(array.values()) {
        let stored = convert(*value).unwrap_or_else(|fault| {
            // What lies under a NULL is of no meaning.
            if row as usize >= told && found.nulls.binary_search(&row).is_err() {
                found.faults.push((row, fault));
                told = column.end_of_list(row as usize);
            }
            0
        });
        found.values.push(stored);
    }
    found
}

/// Integers, which fit or not by their value.
fn integers<T>(kind: NumberType, array: Column<'_>) -> Numbers
where
    T: ArrowPrimitiveType,
    T::Native: TryInto<i64> + Into<i128> + Copy,
{
    let overflow = |value: T::Native| {
        let value: i128 = value.into();
        overflow(kind, value)
    };
    match kind {
        NumberType::SmallInt | NumberType::Int | NumberType::BigInt => each::<T>(array, |value| {
            let wide = value.try_into().ok();
            wide.filter(|wide| kind.holds(*wide))
                .ok_or_else(|| overflow(value))
        }),
        _ => each::<T>(array, |value| {
            let digits: i128 = value.into();
            fixed(kind, digits, 0)
        }),
    }
}

fn decimals<T>(kind: NumberType, scale: i8, array: Column<'_>) -> Numbers
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128> + Copy,
{
    each::<T>(array, |value| {
        let digits: i128 = value.into();
        match u8::try_from(scale) {
            Ok(scale) => fixed(kind, digits, scale),
            Err(_) => 10_i128
                .checked_pow(u32::from(scale.unsigned_abs()))
                .and_then(|factor| digits.checked_mul(factor))
                .ok_or_else(|| overflow(kind, digits))
                .and_then(|digits| fixed(kind, digits, 0)),
        }
    })
}

/// A number of fixed point; digits that the tag's scale has no room for are rounded half away from
/// zero, as in text.
fn fixed(kind: NumberType, digits: i128, scale: u8) -> Result<i64, RowFault> {
    to_stored(kind, &Value::Decimal { digits, scale })
        .map_err(|error| RowFault::new(error.code(), error.to_string()))
}

fn doubles<T: ArrowPrimitiveType>(array: Column<'_>, widen: impl Fn(T::Native) -> f64) -> Numbers {
    each::<T>(array, |value| {
        let value = widen(value);
        if value.is_finite() {
            return Ok(sortable_from_double(value));
        }
        let detail = format!("{value} is not a valid DOUBLE");
        Err(RowFault::new("type_mismatch", detail))
    })
}

fn scaled<T: ArrowPrimitiveType<Native = i64>>(array: Column<'_>, factor: i64) -> Numbers {
    each::<T>(array, |value| match value.checked_mul(factor) {
        Some(microseconds) => timestamp(microseconds),
        None => Err(overflow(NumberType::Timestamp, i128::from(value))),
    })
}

fn timestamp(microseconds: i64) -> Result<i64, RowFault> {
    if (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&microseconds) {
        return Ok(microseconds);
    }
    let detail = "the moment lies before the year 0001 or after 9999";
    Err(RowFault::new("overflow", detail))
}

fn date(days: i64) -> Result<i64, RowFault> {
    if (i64::from(DATE_MIN)..=i64::from(DATE_MAX)).contains(&days) {
        return Ok(days);
    }
    let detail = "the day lies before the year 0001 or after 9999";
    Err(RowFault::new("overflow", detail))
}

fn overflow(kind: NumberType, value: i128) -> RowFault {
    let kind = SqlType::from(kind);
    RowFault::new(
        "overflow",
        format!("{value} is outside the range of {kind}"),
    )
}
