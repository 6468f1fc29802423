//! A result that is taken page by page, with a stop between each two.

use std::collections::VecDeque;

use tagdb_storage::ids::Lsn;

use crate::bind::bound::OutputColumn;
use crate::error::Result;
use crate::exec::budget::bytes_of_row;
use crate::exec::rows::RowStream;
use crate::value::Value;

/// Rows of a result, of which any number can be taken at a time.
#[derive(Debug)]
pub struct Pages {
    rows: RowStream,
    /// Bytes that the result holds beside `left`.
    bytes: usize,
    /// Of the last batch, what was not taken yet.
    left: VecDeque<Vec<Value>>,
}

impl Pages {
    /// Before the first row.
    #[must_use]
    pub fn new(rows: RowStream) -> Self {
        Self {
            bytes: rows.held_bytes(),
            rows,
            left: VecDeque::new(),
        }
    }

    /// The columns of each row.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        self.rows.columns()
    }

    /// The state that the rows are of.
    #[must_use]
    pub const fn lsn(&self) -> Lsn {
        self.rows.lsn()
    }

    /// The next row; nothing at the end.
    ///
    /// # Errors
    /// As of [`RowStream::next`].
    pub fn next_row(&mut self) -> Result<Option<Vec<Value>>> {
        match self.has_more()? {
            true => Ok(self.left.pop_front()),
            false => Ok(None),
        }
    }

    /// Whether there is a row after those that were taken.
    ///
    /// # Errors
    /// As of [`RowStream::next`].
    pub fn has_more(&mut self) -> Result<bool> {
        if self.left.is_empty()
            && let Some(batch) = self.rows.next()?
        {
            self.left = batch.into();
        }
        Ok(!self.left.is_empty())
    }

    /// Passes over rows.
    ///
    /// # Errors
    /// As of [`RowStream::next`].
    pub fn pass(&mut self, mut count: u64) -> Result<()> {
        while count > 0 && self.has_more()? {
            let passed = count.min(self.left.len() as u64);
            self.left.drain(..passed as usize);
            count -= passed;
        }
        Ok(())
    }

    /// Bytes of memory that the rest of the result holds, about.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let left: usize = self.left.iter().map(|row| bytes_of_row(row)).sum();
        self.bytes.saturating_add(left)
    }
}
