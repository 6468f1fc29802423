//! Results as bytes: one writer a format, each fed with rows as they come.

mod arrow;
mod arrow_rows;
mod csv;
mod json;
mod ndjson;
mod roaring;
mod rows;

pub(super) use arrow::Arrow;
pub(super) use arrow_rows::ArrowRows;
pub(super) use csv::Csv;
pub(super) use json::Json;
pub(super) use ndjson::NdJson;
pub(super) use roaring::Roaring;
pub(super) use rows::write_row;

#[cfg(test)]
mod tests;
