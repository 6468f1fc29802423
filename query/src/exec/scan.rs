//! The audience of a statement, partition by partition and chunk by chunk.

use std::sync::Arc;

use tagdb_storage::bitmap::{Bitmap, BitmapWriter, Chunk};
use tagdb_storage::engine::PartitionState;

use crate::bind::bound::Scan;
use crate::error::Result;
use crate::exec::predicate::Filter;
use crate::exec::{Execution, Interrupt};

/// The audience in one partition.
#[derive(Debug)]
pub(crate) struct PartitionScan {
    filter: Filter,
    chunks: std::vec::IntoIter<u16>,
    interrupt: Interrupt,
}

impl PartitionScan {
    /// Before the first chunk.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn open(
        scan: &Scan,
        partition: &Arc<PartitionState>,
        execution: &Execution,
    ) -> Result<Self> {
        let filter = Filter::compile(&scan.predicate, (scan, partition), execution)?;
        let chunks = filter.chunks().into_iter();
        Ok(Self {
            filter,
            chunks,
            interrupt: execution.interrupt.clone(),
        })
    }

    /// The next chunk in which there is anybody, and who.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, an expression cannot be computed, or the statement has
    /// to stop.
    pub(crate) fn next(&mut self, audience: &mut Chunk) -> Result<Option<u16>> {
        for chunk in self.chunks.by_ref() {
            self.interrupt.check()?;
            self.filter.audience(chunk, audience)?;
            if !audience.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

/// How many subjects the audience has.
///
/// # Errors
/// As of [`PartitionScan::next`].
pub(crate) fn count(execution: &Execution, scan: &Scan) -> Result<u64> {
    let mut audience = Box::<Chunk>::default();
    let mut count = 0;
    for partition in execution.table(&scan.table)?.partitions() {
        let mut chunks = PartitionScan::open(scan, partition, execution)?;
        while chunks.next(&mut audience)?.is_some() {
            count += u64::from(audience.count());
        }
    }
    Ok(count)
}

/// The audience in one partition as a bitmap, for writing.
///
/// # Errors
/// As of [`PartitionScan::next`].
pub(crate) fn bitmap(
    scan: &Scan,
    partition: &Arc<PartitionState>,
    execution: &Execution,
) -> Result<Bitmap> {
    let mut audience = Box::<Chunk>::default();
    let mut bitmap = BitmapWriter::new();
    let mut chunks = PartitionScan::open(scan, partition, execution)?;
    while let Some(chunk) = chunks.next(&mut audience)? {
        bitmap.push_chunk(chunk, &audience);
    }
    Ok(bitmap.finish())
}
