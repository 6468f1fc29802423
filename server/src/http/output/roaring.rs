//! Roaring: the distinct numbers of one column as a bitmap, in the portable forms that all
//! libraries read.

use tagdb_query::{ColumnRows, ColumnValues, Known, Value};
use tagdb_storage::bitmap::{Bitmap, BitmapWriter};

use crate::http::error::{ApiError, ApiResult};

/// Bytes that a number takes until all are there: itself, and its place in the bitmap.
const BYTES_PER_NUMBER: usize = 16;

/// Collects numbers.
#[derive(Debug)]
pub(in crate::http) struct Roaring {
    numbers: Vec<u64>,
    /// The largest number that there may be.
    max: u64,
    memory_bytes_max: usize,
}

impl Roaring {
    /// A writer of a bitmap of 32-bit numbers, or of 64-bit ones if `wide`.
    pub(in crate::http) const fn new(wide: bool, memory_bytes_max: usize) -> Self {
        Self {
            numbers: Vec::new(),
            max: if wide { u64::MAX } else { u32::MAX as u64 },
            memory_bytes_max,
        }
    }

    /// Adds rows of one column of integers.
    ///
    /// # Errors
    /// A number is NULL, negative or too large, or there are too many of them.
    pub(in crate::http) fn rows(&mut self, rows: &ColumnRows) -> ApiResult<()> {
        let bytes = (self.numbers.len() + rows.len) * BYTES_PER_NUMBER;
        if bytes > self.memory_bytes_max {
            let (value, max) = (bytes as u64, self.memory_bytes_max as u64);
            let detail =
                "too many numbers for one bitmap; ask for CSV or Arrow, which are streamed";
            return Err(ApiError::new("limit_exceeded", detail).limit(
                "statement_memory",
                value,
                max,
            ));
        }
        match rows.columns.first() {
            Some(ColumnValues::Numbers {
                values,
                known: Known::All,
            }) => self.add(values.iter().copied()),
            Some(column) => (0..rows.len).try_for_each(|row| {
                match column.value(row, tagdb_query::DataType::BigInt) {
                    Value::Int(number) => self.add([number].into_iter()),
                    _ => Err(ApiError::new("bad_key", "a bitmap holds no NULL")),
                }
            }),
            None => Ok(()),
        }
    }

    fn add(&mut self, numbers: impl Iterator<Item = i64>) -> ApiResult<()> {
        for number in numbers {
            match u64::try_from(number)
                .ok()
                .filter(|number| *number <= self.max)
            {
                Some(number) => self.numbers.push(number),
                None => {
                    let (what, max) = (number, self.max);
                    let detail = if number < 0 {
                        format!("{what} is negative; a bitmap holds no such number")
                    } else {
                        format!("{what} is above {max}; ask for application/vnd.roaring64")
                    };
                    return Err(ApiError::new("overflow", detail));
                }
            }
        }
        Ok(())
    }

    /// The bitmap of all numbers.
    pub(in crate::http) fn finish(&mut self) -> Vec<u8> {
        let mut numbers = std::mem::take(&mut self.numbers);
        if !numbers.is_sorted() {
            numbers.sort_unstable();
        }
        numbers.dedup();
        if self.max == u64::from(u32::MAX) {
            return bitmap(&numbers).bytes().to_vec();
        }
        let buckets = || numbers.chunk_by(|a, b| a >> 32 == b >> 32);
        let mut out = Vec::new();
        out.extend((buckets().count() as u64).to_le_bytes());
        for bucket in buckets() {
            // The upper half of 64 bits.
            let high = (bucket[0] >> 32) as u32;
            out.extend(high.to_le_bytes());
            out.extend_from_slice(bitmap(bucket).bytes());
        }
        out
    }
}

/// The lower halves of numbers whose upper halves are the same.
fn bitmap(numbers: &[u64]) -> Bitmap {
    let mut writer = BitmapWriter::new();
    let mut lows: Vec<u16> = Vec::new();
    for chunk in numbers.chunk_by(|a, b| a >> 16 == b >> 16) {
        lows.clear();
        lows.extend(chunk.iter().map(|number| *number as u16));
        writer.push_sorted((chunk[0] >> 16) as u16, &lows);
    }
    writer.finish()
}
