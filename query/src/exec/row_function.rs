//! Functions of a row, computed for each row of a batch; once for each value if all they read is
//! one number or code.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::bind::bound::Slot;
use crate::error::Result;
use crate::exec::Execution;
use crate::exec::batch::Batch;
use crate::exec::budget::Spare;
use crate::exec::columns::{Columns, RowBuffer};
use crate::exec::progress::Progress;
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
    /// The memory of them: there may be thousands of functions in a statement.
    remembered: Option<Spare>,
    stored: Vec<Option<i64>>,
    buffer: RowBuffer,
    /// Of the expression that is computed.
    nodes: usize,
    /// Bytes of a result.
    weigh: fn(&T) -> usize,
    progress: Progress,
}

impl<T: Clone> RowFunction<T> {
    /// A function that reads these slots, which rise, and computes so many nodes. `weigh` says how
    /// many bytes a result holds.
    pub(crate) fn new(slots: Vec<Slot>, nodes: usize, weigh: fn(&T) -> usize) -> Self {
        Self {
            slots,
            results: HashMap::new(),
            remembered: None,
            stored: Vec::new(),
            buffer: RowBuffer::default(),
            nodes,
            weigh,
            progress: Progress::default(),
        }
    }

    /// What it comes to, one a row. `compute` is always the same function.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, it cannot be computed, `limit_exceeded`, or the
    /// statement has to stop.
    pub(crate) fn apply(
        &mut self,
        columns: &Columns,
        batch: &Batch,
        compute: &mut dyn FnMut(&[Value]) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.progress.hand_over();
        if let [slot] = self.slots[..]
            && columns.is_stored(slot)
        {
            return self.by_value(slot, columns, batch, compute);
        }
        let Execution {
            interrupt, budget, ..
        } = &columns.execution;
        self.buffer.load(columns, &self.slots, batch)?;
        let mut out = Vec::with_capacity(batch.len());
        for place in 0..batch.len() {
            self.progress.step(self.nodes, interrupt)?;
            let result = compute(self.buffer.row(&self.slots, place))?;
            self.progress.made((self.weigh)(&result), budget)?;
            out.push(result);
        }
        Ok(out)
    }

    fn by_value(
        &mut self,
        slot: Slot,
        columns: &Columns,
        batch: &Batch,
        compute: &mut dyn FnMut(&[Value]) -> Result<T>,
    ) -> Result<Vec<T>> {
        let Execution {
            interrupt, budget, ..
        } = &columns.execution;
        columns.stored(slot, batch, &mut self.stored)?;
        let mut row = vec![Value::Null; slot + 1];
        let mut out = Vec::with_capacity(batch.len());
        for stored in &self.stored {
            if let Some(result) = self.results.get(stored) {
                out.push(result.clone());
                continue;
            }
            self.progress.step(self.nodes, interrupt)?;
            row[slot] = columns.value_of(slot, *stored)?;
            let result = compute(&row)?;
            let bytes = (self.weigh)(&result);
            self.progress.made(bytes, budget)?;
            // A table that has just grown is half empty.
            let entry = 2 * size_of::<(Option<i64>, T)>() + bytes;
            let remembered = &mut self.remembered;
            let remembered = remembered.get_or_insert_with(|| Spare::new(Arc::clone(budget)));
            if self.results.len() < REMEMBERED_MAX && remembered.take(entry) {
                self.results.insert(*stored, result.clone());
            }
            out.push(result);
        }
        Ok(out)
    }
}
