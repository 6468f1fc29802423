//! Reads files of columns, whose schema tells the types: what is left to be found out is which
//! column can be the key, and which strings have a vocabulary.

use std::fs::File;
use std::io::BufRead;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tagdb::ingest::columns::{ArrowStream, Strings};

use super::facts::Facts;
use super::kind::Kind;
use super::read::{Column, Sample};
use crate::cli::failure::Failure;

/// Digits of a DECIMAL.
const PRECISION_MAX: u32 = 18;

/// Reads a Parquet file to its end.
///
/// # Errors
/// The file is damaged, or has columns that no tag can hold.
pub(crate) fn read_parquet(file: File) -> Result<Sample, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::Failed(format!("the Parquet file cannot be read: {error}"))
    };
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(&error))?;
    let mut sample = begin(builder.schema())?;
    for batch in builder.build().map_err(|error| unreadable(&error))? {
        observe(&mut sample, &batch.map_err(|error| unreadable(&error))?)?;
    }
    Ok(sample)
}

/// Reads an Arrow stream or file to its end.
///
/// # Errors
/// The stream is damaged, or has columns that no tag can hold.
pub(crate) fn read_arrow(source: impl BufRead) -> Result<Sample, Failure> {
    let unreadable = |error: tagdb::http::ApiError| Failure::Failed(error.detail().to_owned());
    let mut stream = ArrowStream::new(source).map_err(unreadable)?;
    let mut sample = begin(stream.schema())?;
    while let Some(batch) = stream.next_batch().map_err(unreadable)? {
        observe(&mut sample, &batch)?;
    }
    Ok(sample)
}

fn begin(schema: &Schema) -> Result<Sample, Failure> {
    let mut sample = Sample::new();
    for field in schema.fields() {
        let facts = match kind_of(field.data_type()) {
            Some(Kind::Keyword) => Facts::strings(),
            Some(kind) => Facts::told(kind),
            None => {
                let (name, kind) = (field.name(), field.data_type());
                let text = format!("column {name:?} is {kind}, which no tag can hold");
                return Err(Failure::Failed(text));
            }
        };
        sample.columns.push(Column {
            name: field.name().clone(),
            facts,
        });
    }
    Ok(sample)
}

/// The tag's type for a column's; KEYWORD stands for strings of any kind.
fn kind_of(found: &DataType) -> Option<Kind> {
    Some(match found {
        DataType::Boolean => Kind::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Kind::SmallInt,
        DataType::Int32 | DataType::UInt16 => Kind::Int,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Kind::BigInt,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Double,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => Kind::Decimal {
            precision: u32::from(*precision).min(PRECISION_MAX),
            scale: u32::try_from(*scale).unwrap_or(0).min(PRECISION_MAX),
        },
        DataType::Date32 | DataType::Date64 => Kind::Date,
        DataType::Timestamp(..) => Kind::Timestamp,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Kind::Keyword,
        DataType::Dictionary(_, value) => {
            return kind_of(value).filter(|kind| *kind == Kind::Keyword);
        }
        DataType::List(item) | DataType::LargeList(item) => match item.data_type() {
            DataType::Struct(_) => return map_of(item.data_type()),
            member => {
                kind_of(member).filter(|kind| *kind == Kind::Keyword)?;
                Kind::Set
            }
        },
        DataType::Map(entry, _) => return map_of(entry.data_type()),
        _ => return None,
    })
}

fn map_of(entry: &DataType) -> Option<Kind> {
    let DataType::Struct(fields) = entry else {
        return None;
    };
    let [key, value] = &fields[..] else {
        return None;
    };
    kind_of(key.data_type()).filter(|kind| *kind == Kind::Keyword)?;
    match kind_of(value.data_type())? {
        Kind::Boolean | Kind::Keyword | Kind::LongText | Kind::Set | Kind::Map(_) => None,
        number => Some(Kind::Map(Box::new(number))),
    }
}

fn observe(sample: &mut Sample, batch: &RecordBatch) -> Result<(), Failure> {
    sample.rows += batch.num_rows() as u64;
    for (column, array) in sample.columns.iter_mut().zip(batch.columns()) {
        let facts = &mut column.facts;
        match array.data_type() {
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Dictionary(..) => {
                let strings = Strings::new(array.as_ref())
                    .map_err(|error| Failure::Failed(error.detail().to_owned()))?;
                for row in (0..array.len()).filter(|row| array.is_valid(*row)) {
                    if let Some(text) = strings.get(row) {
                        facts.observe_string(text);
                    }
                }
            }
            DataType::Int8 => integers::<Int8Type>(facts, array),
            DataType::Int16 => integers::<Int16Type>(facts, array),
            DataType::Int32 => integers::<Int32Type>(facts, array),
            DataType::Int64 => integers::<Int64Type>(facts, array),
            DataType::UInt8 => integers::<UInt8Type>(facts, array),
            DataType::UInt16 => integers::<UInt16Type>(facts, array),
            DataType::UInt32 => integers::<UInt32Type>(facts, array),
            DataType::UInt64 => integers::<UInt64Type>(facts, array),
            _ => facts.observe_others((array.len() - array.logical_null_count()) as u64),
        }
    }
    Ok(())
}

fn integers<T>(facts: &mut Facts, array: &dyn Array)
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    for number in array.as_primitive::<T>().iter().flatten() {
        facts.observe_int(number.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray, TimestampSecondArray};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::cli::infer::Plan;

    fn rows() -> RecordBatch {
        let columns: [(&str, ArrayRef); 4] = [
            (
                "n",
                Arc::new(Int64Array::from(vec![Some(1), Some(1), None])),
            ),
            ("id", Arc::new(StringArray::from(vec!["1", "2", "3"]))),
            ("text", Arc::new(StringArray::from(vec!["1", "x", "x"]))),
            ("at", Arc::new(TimestampSecondArray::from(vec![1, 2, 3]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn check(sample: &Sample) {
        assert_eq!(sample.rows, 3);
        let plan = Plan::new("t", sample, None, &[]).unwrap();
        let sql = plan.create_table.replace('\n', " ");
        // Strings stay strings, even where they look like numbers.
        for part in [
            "id KEYWORD PRIMARY KEY",
            "n BIGINT",
            "text KEYWORD",
            "at TIMESTAMP",
        ] {
            assert!(sql.contains(part), "{sql}");
        }
    }

    #[test]
    fn schemas_tell_the_types() {
        let mut file = tempfile::tempfile().unwrap();
        let mut writer = ArrowWriter::try_new(&mut file, rows().schema(), None).unwrap();
        writer.write(&rows()).unwrap();
        writer.close().unwrap();
        check(&read_parquet(file).unwrap());
        let mut stream =
            arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &rows().schema()).unwrap();
        stream.write(&rows()).unwrap();
        stream.finish().unwrap();
        check(&read_arrow(&*stream.into_inner().unwrap()).unwrap());
        assert!(read_arrow(&b"user_id\n"[..]).is_err());
    }
}
