//! What a load holds in memory, and what of it can be written early.

use hashbrown::HashTable;

use crate::engine::load::Loader;
use crate::engine::load::chunk::{ChunkRows, ChunkTag, ChunkValues};
use crate::engine::load::partition::PartitionLoad;
use crate::engine::section::Stored;
use crate::error::Result;
use crate::layer::write::Edit;

/// Bytes of a cell in a layer that is being gathered, beside what it points to.
const CELL_BYTES: usize = 64;

impl Loader {
    /// Bytes of memory that the load holds, about.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let partitions = self.partitions.iter().map(PartitionLoad::memory_bytes);
        let spare = self
            .spare
            .lock()
            .values()
            .map(ChunkTag::bytes)
            .sum::<usize>();
        partitions.sum::<usize>() + spare
    }

    /// Writes what can be written early, so that less is held.
    ///
    /// # Errors
    /// Files cannot be written: the load cannot go on.
    pub fn relieve(&mut self) -> Result<()> {
        for partition in &mut self.partitions {
            partition.write_keys(&self.engine)?;
            partition.rows = HashTable::new();
            partition.write_late(&self.engine)?;
        }
        Ok(())
    }
}

impl PartitionLoad {
    /// Bytes of memory that it holds, about.
    fn memory_bytes(&self) -> usize {
        let keys = self.keys.bytes() + self.rows.capacity() * (size_of::<(u32, u32)>() + 1);
        // While a chunk is filled, the one before it is encoded.
        let chunks = 2 * self.tags.values().map(ChunkTag::bytes).sum::<usize>();
        keys + chunks + self.encoder.gathered() + self.late_bytes + self.touched.serialized_size()
    }
}

impl ChunkTag {
    /// Bytes of memory that it holds, about.
    pub(super) fn bytes(&self) -> usize {
        let values = match &self.values {
            ChunkValues::Single { values, .. } => values.capacity() * size_of::<i64>(),
            ChunkValues::Text { texts } => {
                let held = texts.iter().flatten().map(|text| text.len()).sum::<usize>();
                held + texts.capacity() * size_of::<Option<Box<str>>>()
            }
            ChunkValues::Multi { rows, .. } => rows.bytes(),
        };
        size_of::<Self>() + values
    }
}

impl ChunkRows {
    fn bytes(&self) -> usize {
        let values = self.values.as_ref().map_or(0, Vec::capacity);
        self.codes.capacity() * size_of::<u32>()
            + values * size_of::<i64>()
            + self.places.capacity() * size_of::<std::ops::Range<usize>>()
    }
}

/// Bytes that a cell takes in a layer that is being gathered, about.
pub(super) fn cell_bytes(cell: &Stored<'_>) -> usize {
    let held = match cell {
        Stored::Number(_) | Stored::Clear => 0,
        Stored::Text(text) => text.len(),
        Stored::Edit(Edit::Replace(entries)) => size_of_val(&**entries),
        Stored::Edit(_) => CELL_BYTES,
    };
    CELL_BYTES + held
}
