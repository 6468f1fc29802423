//! What computing rows takes while it goes on: time, so that a statement stops soon after it has
//! to, and the memory of what is made.

use crate::error::Result;
use crate::exec::Interrupt;
use crate::exec::budget::Budget;

/// Nodes of expressions that are evaluated between two looks at the interrupt.
const STEPS: usize = 1 << 10;
/// Bytes that are made between two looks at the budget.
const BYTES: usize = 1 << 20;

/// Counts what is computed, and looks at the interrupt and the budget now and then.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    steps: usize,
    bytes: usize,
    /// Bytes at the last look.
    checked: usize,
}

impl Progress {
    /// So many nodes are evaluated next.
    ///
    /// # Errors
    /// The statement has to stop.
    pub(crate) fn step(&mut self, nodes: usize, interrupt: &Interrupt) -> Result<()> {
        self.steps += nodes.max(1);
        if self.steps < STEPS {
            return Ok(());
        }
        self.steps = 0;
        interrupt.check()
    }

    /// So many bytes were made, and are held beside those since [`Self::hand_over`].
    ///
    /// # Errors
    /// `limit_exceeded`: they do not fit.
    pub(crate) fn made(&mut self, bytes: usize, budget: &Budget) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes - self.checked < BYTES {
            return Ok(());
        }
        self.checked = self.bytes;
        budget.check(self.bytes)
    }

    /// What was made is somebody else's.
    pub(crate) const fn hand_over(&mut self) {
        (self.bytes, self.checked) = (0, 0);
    }
}
