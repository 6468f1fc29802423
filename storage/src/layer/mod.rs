//! Layers: what a run of batches did to a tag, how a stack of layers is read, how layers merge.
//!
//! The rules, with an argument for each, are in `docs/architecture.md`. A layer never looks below
//! itself: it says which subjects it *sets* (with values) and which it *clears*; for sets and maps
//! which it *resets*, and which entries it *puts* and *drops*. [`mod@write`] makes one, [`mod@merge`] folds
//! neighbours into one, [`read`] asks a stack from oldest to newest. Nothing here knows of files,
//! but that a part's columns may be fetched chunk by chunk ([`part::Values::Grouped`]).

pub mod count;
pub mod encode;
pub mod merge;
mod multi_part;
pub mod part;
pub mod read;
mod read_multi;
pub mod resolved;
mod stack;
pub mod write;

#[cfg(test)]
mod tests;

pub use part::{MultiPart, Part, SinglePart, TextPart};
pub use read::{SingleStack, TextStack};
pub use read_multi::MultiStack;

use std::sync::Arc;

use crate::ids::{Lsn, TagId};

/// What a run of batches did to the tags of one partition, in memory.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The first batch.
    pub first_lsn: Lsn,
    /// The last batch.
    pub last_lsn: Lsn,
    /// By rising tag.
    pub parts: Vec<(TagId, Arc<Part>)>,
    /// Memory held, in bytes.
    pub bytes: usize,
}

impl Layer {
    /// A layer of the given parts, by rising tag.
    #[must_use]
    pub fn new(first_lsn: Lsn, last_lsn: Lsn, parts: Vec<(TagId, Arc<Part>)>) -> Self {
        let bytes = 64 + parts.iter().map(|(_, part)| part.bytes()).sum::<usize>();
        Self {
            first_lsn,
            last_lsn,
            parts,
            bytes,
        }
    }

    /// What it says of a tag.
    #[must_use]
    pub fn part(&self, tag: TagId) -> Option<&Arc<Part>> {
        let index = self.parts.binary_search_by_key(&tag, |(id, _)| *id).ok()?;
        Some(&self.parts[index].1)
    }
}
