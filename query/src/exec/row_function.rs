//! Functions of a row, computed for each row of a batch; once for each value if all they read is
//! one number or code.

use hashbrown::HashMap;

use crate::bind::bound::Slot;
use crate::error::Result;
use crate::exec::batch::Batch;
use crate::exec::columns::{Columns, RowBuffer};
use crate::value::Value;

/// Results that are remembered, at most.
const REMEMBERED_MAX: usize = 1 << 16;

/// A function of what some slots hold, with what it has come to so far.
#[derive(Debug)]
pub(crate) struct RowFunction<T> {
    /// Rising.
    slots: Vec<Slot>,
    /// Of a single slot that is stored as a number: by what is stored.
    results: HashMap<Option<i64>, T>,
    /// Results that are remembered, at most.
    most: usize,
    stored: Vec<Option<i64>>,
    buffer: RowBuffer,
}

impl<T: Clone> RowFunction<T> {
    /// A function that reads these slots, which rise.
    pub(crate) fn new(slots: Vec<Slot>) -> Self {
        Self {
            slots,
            results: HashMap::new(),
            most: REMEMBERED_MAX,
            stored: Vec::new(),
            buffer: RowBuffer::default(),
        }
    }

    /// Bytes of the results that it remembers (about).
    pub(crate) fn remembered_bytes(&self) -> usize {
        self.results.capacity() * size_of::<(Option<i64>, T)>()
    }

    /// From now on results are computed anew, but for those that are remembered.
    pub(crate) fn remember_no_more(&mut self) {
        self.most = 0;
    }

    /// What it comes to, one a row. `compute` is always the same function.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or it cannot be computed.
    pub(crate) fn apply(
        &mut self,
        columns: &Columns,
        batch: &Batch,
        compute: &mut dyn FnMut(&[Value]) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self.slots[..] {
            [slot] if columns.is_stored(slot) => self.by_value(slot, columns, batch, compute),
            _ => {
                self.buffer.load(columns, &self.slots, batch)?;
                (0..batch.len())
                    .map(|place| compute(self.buffer.row(&self.slots, place)))
                    .collect()
            }
        }
    }

    fn by_value(
        &mut self,
        slot: Slot,
        columns: &Columns,
        batch: &Batch,
        compute: &mut dyn FnMut(&[Value]) -> Result<T>,
    ) -> Result<Vec<T>> {
        columns.stored(slot, batch, &mut self.stored)?;
        let mut row = vec![Value::Null; slot + 1];
        let mut out = Vec::with_capacity(batch.len());
        for stored in &self.stored {
            if let Some(result) = self.results.get(stored) {
                out.push(result.clone());
                continue;
            }
            row[slot] = columns.value_of(slot, *stored)?;
            let result = compute(&row)?;
            if self.results.len() < self.most {
                self.results.insert(*stored, result.clone());
            }
            out.push(result);
        }
        Ok(out)
    }
}
