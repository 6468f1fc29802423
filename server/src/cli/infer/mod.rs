//! Infers a table from a file: reads values, keeps what is known of each column, and writes the
//! CREATE TABLE.
//!
//! Sends nothing; what it chooses is said to the user and may be overridden column by column.

mod columns;
mod facts;
mod kind;
mod read;
mod scalar;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use columns::{read_arrow, read_parquet};
pub(crate) use read::{Sample, read_csv, read_ndjson};
pub(crate) use table::{Plan, quote_name};
