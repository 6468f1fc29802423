//! Values by position: integer vectors in their narrowest form, lists and text, read in place.
//!
//! A vector knows neither tags nor subjects. Its positions are either ordinals of a chunk (*dense*)
//! or ranks of a bitmap's members (*ranked*); the kernels that combine it with a
//! [`Chunk`](crate::bitmap::Chunk) of candidates come in both kinds.

mod aggregate;
mod codes;
mod kernels;
mod lists;
mod select;
mod spread;
mod text;
mod vector;

#[cfg(test)]
mod tests;

pub use aggregate::Totals;
pub use codes::CodeSet;
pub use lists::{Lists, ListsBuilder};
pub use spread::Spread;
pub use text::{TEXT_BYTES_MAX, TextBlock, TextBlocks, TextBlocksBuilder};
pub(crate) use vector::Deltas;
pub(crate) use vector::HEADER_BYTES as VECTOR_HEADER_BYTES;
pub use vector::{Vector, VectorIter};

/// Bytes that are not a valid column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged column: expected {expected} at byte {offset}")]
pub struct ColumnError {
    /// Where in the column, in bytes from its beginning.
    pub offset: usize,
    /// What should have been there.
    pub expected: &'static str,
}

impl ColumnError {
    /// The same as seen from bytes that begin `distance` earlier.
    fn moved_by(self, distance: usize) -> Self {
        Self {
            offset: self.offset + distance,
            ..self
        }
    }
}
