//! The memory of an upload, which is taken from what all requests share: an upload that finds none
//! left is refused, with nothing written, and may come again.

use tagdb_storage::batch::{Column, RowBatch};

use super::{Reading, Sink};
use crate::http::ApiResult;

/// Bytes that every upload takes: what it is read through, decompressed and hashed in.
pub(super) const UPLOAD_BYTES: usize = 512 << 10;
/// How often a batch is in memory while it is written as one: as it came, by partition with its
/// codes, and as the log has it.
const WRITE_FACTOR: usize = 3;

impl Reading<'_> {
    /// Takes the memory of what it holds now, and so many bytes beside that. If there is too
    /// little, it first writes what it can.
    ///
    /// # Errors
    /// `overloaded`; files cannot be written.
    pub(super) fn hold(&mut self, beside: usize) -> ApiResult<()> {
        let beside = UPLOAD_BYTES
            .saturating_add(self.read_bytes)
            .saturating_add(beside);
        let refused = match self.held.set_to(beside.saturating_add(self.sink_bytes)) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        let Sink::Load(loader) = &mut self.sink else {
            return Err(refused.into());
        };
        loader.relieve()?;
        self.weigh_sink();
        Ok(self.held.set_to(beside.saturating_add(self.sink_bytes))?)
    }

    /// Notes what the sink holds, after it was given something: to ask it takes longer than to read
    /// some rows.
    pub(super) fn weigh_sink(&mut self) {
        self.sink_bytes = self.sink.bytes();
    }

    /// Hands a batch over, whose memory is counted on the way.
    ///
    /// # Errors
    /// As of [`Self::push`] and [`Self::hold`].
    pub(super) fn push_held(&mut self, batch: RowBatch) -> ApiResult<()> {
        self.hold(batch_bytes(&batch))?;
        self.push(batch)?;
        self.weigh_sink();
        self.hold(0)
    }

    /// Takes the memory of the write that is to come.
    ///
    /// # Errors
    /// `overloaded`.
    pub(super) fn hold_to_write(&mut self) -> ApiResult<()> {
        match &self.sink {
            Sink::Load(_) => Ok(()),
            Sink::Write(_) | Sink::Delete(_) => self.hold((WRITE_FACTOR - 1) * self.sink_bytes),
        }
    }
}

impl Sink {
    /// Bytes of memory that it holds, about.
    fn bytes(&self) -> usize {
        match self {
            Self::Write(batch) => batch.as_ref().map_or(0, batch_bytes),
            Self::Load(loader) => loader.memory_bytes(),
            Self::Delete(keys) => keys.bytes(),
        }
    }
}

/// Bytes of memory that a batch holds, about.
fn batch_bytes(batch: &RowBatch) -> usize {
    let column = |column: &Column| {
        let cells = column.cells.iter().map(|(_, cell)| cell.held_bytes());
        let cells = cells.sum::<usize>() + size_of_val(column.cells.as_slice());
        column.dictionary.bytes() + cells
    };
    batch.keys.bytes() + batch.columns.iter().map(column).sum::<usize>()
}
