//! Rows on their way in: from the bytes of an upload to batches of typed columns.
//!
//! Nothing here knows of requests: bytes come from a [`std::io::BufRead`], batches go to the engine.
//! A bad row never reaches a batch, and never ends the reading by itself.

pub mod batch;
pub mod columns;
pub mod csv;
pub mod json;
pub mod report;
pub mod rows;
pub mod target;
pub mod upload;
pub mod values;

#[cfg(test)]
mod tests;
