//! The layers of a tag, as its family's stack holds them.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::layer::part::Part;
use crate::layer::resolved::ChunkCache;

/// The parts of a tag, all of one family.
#[derive(Clone, Debug)]
pub(super) struct Layers<P> {
    /// In files, oldest first.
    pub(super) flushed: Vec<Arc<P>>,
    /// Where chunks of the flushed layers are kept once they are resolved.
    pub(super) resolved: Option<ChunkCache>,
    /// In memory, oldest first.
    pub(super) memory: Vec<Arc<P>>,
}

impl<P> Default for Layers<P> {
    fn default() -> Self {
        Self {
            flushed: Vec::new(),
            resolved: None,
            memory: Vec::new(),
        }
    }
}

impl<P> Layers<P> {
    /// Parts of the family that `of_family` takes.
    ///
    /// # Errors
    /// A part is of another family.
    pub(super) fn new(
        flushed: &[Arc<Part>],
        resolved: Option<ChunkCache>,
        memory: &[Arc<Part>],
        of_family: impl Fn(&Part) -> Option<&Arc<P>>,
    ) -> Result<Self> {
        let own = |parts: &[Arc<Part>]| {
            let own = parts.iter().map(|part| of_family(part).cloned());
            own.collect::<Option<_>>().ok_or_else(wrong_family)
        };
        Ok(Self {
            flushed: own(flushed)?,
            resolved,
            memory: own(memory)?,
        })
    }

    /// All of them, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Arc<P>> {
        self.memory.iter().rev().chain(self.flushed.iter().rev())
    }

    /// The flushed ones alone, without what is kept of them.
    pub(super) fn flushed(&self) -> Self {
        Self {
            flushed: self.flushed.clone(),
            ..Self::default()
        }
    }

    /// Where their content is kept, if there are several flushed layers: one needs no resolving.
    pub(super) fn several(&self) -> Option<&ChunkCache> {
        self.resolved.as_ref().filter(|_| self.flushed.len() > 1)
    }

    /// Where members are kept, if there is nothing to be put on top of them.
    pub(super) fn settled(&self) -> Option<&ChunkCache> {
        self.resolved.as_ref().filter(|_| self.memory.is_empty())
    }
}

fn wrong_family() -> Error {
    Error::internal("a layer is of another family than its tag")
}
