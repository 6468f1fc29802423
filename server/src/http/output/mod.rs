//! Results as bytes: one writer a format, each fed with rows as they come.

mod csv;
mod json;
mod ndjson;

pub(super) use csv::Csv;
pub(super) use json::Json;
pub(super) use ndjson::NdJson;

#[cfg(test)]
mod tests;
