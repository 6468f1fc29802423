//! Results as bytes: one writer a format, each fed with rows as they come.

mod arrow;
mod csv;
mod json;
mod ndjson;
mod roaring;

pub(super) use arrow::Arrow;
pub(super) use csv::Csv;
pub(super) use json::Json;
pub(super) use ndjson::NdJson;
pub(super) use roaring::Roaring;

#[cfg(test)]
mod tests;
