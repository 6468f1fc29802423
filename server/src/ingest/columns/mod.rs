//! Rows that come by columns: Parquet files and Arrow streams.
//!
//! Both are read with the Arrow libraries into record batches, and those are turned into the
//! engine's own columns, a column at a time. Whatever a file claims about itself is checked against
//! its bytes and against limits before memory is asked for.

mod arrow_stream;
mod convert;
mod damage;
mod nested;
mod numbers;
mod pages;
mod parquet_file;
mod plan;
mod strings;
mod thrift;

pub use arrow_stream::ArrowStream;
pub use convert::Converter;
pub(crate) use convert::without;
pub use parquet_file::ParquetRows;
pub use plan::Plan;
pub use strings::Strings;

/// Bytes of a record batch, or of a page, when it is decompressed.
pub(crate) const PIECE_BYTES_MAX: usize = 256 << 20;
