//! The memory that a statement may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::memory::MemoryPool;
use crate::value::Value;

/// Bytes that a statement takes at a time from what all share, so that statements which charge row
/// by row are in nobody's way.
const STEP_BYTES: usize = 256 << 10;

/// Bytes held by a statement, and how many they may be.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    bytes_max: usize,
    pool: Arc<MemoryPool>,
    /// Bytes taken from the pool.
    taken: AtomicUsize,
}

impl Budget {
    /// Nothing held so far.
    pub(crate) const fn new(bytes_max: usize, pool: Arc<MemoryPool>) -> Self {
        Self {
            used: AtomicUsize::new(0),
            bytes_max,
            pool,
            taken: AtomicUsize::new(0),
        }
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// `limit_exceeded`; `overloaded` if all statements together hold too much.
    pub(crate) fn charge(&self, bytes: usize) -> Result<()> {
        let used = self
            .used
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        if used > self.bytes_max {
            let (used, max) = (used as u64, self.bytes_max as u64);
            return Err(Error::limit_exceeded("statement_memory_bytes", used, max));
        }
        let taken = self.taken.load(Ordering::Relaxed);
        match used.checked_sub(taken) {
            Some(more) if more > 0 => self.take(more),
            _ => Ok(()),
        }
    }

    fn take(&self, bytes: usize) -> Result<()> {
        let bytes = bytes.next_multiple_of(STEP_BYTES);
        self.pool.take(bytes)?;
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Takes the bytes for a moment: refuses what would not fit.
    ///
    /// # Errors
    /// As of [`Self::charge`].
    pub(crate) fn check(&self, bytes: usize) -> Result<()> {
        let checked = self.charge(bytes);
        self.release(bytes);
        checked
    }

    /// Bytes held.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Gives bytes back.
    pub(crate) fn release(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        let used = before.saturating_sub(bytes);
        let keep = used.next_multiple_of(STEP_BYTES) + STEP_BYTES;
        let less = |taken: usize| (taken > keep).then_some(keep);
        let given = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if let Ok(taken) = given {
            self.pool.give(taken - keep);
        }
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.pool.give(*self.taken.get_mut());
    }
}

/// Bytes for what is only quicker with them, given back when dropped.
#[derive(Debug)]
pub(crate) struct Spare {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Spare {
    /// None yet.
    pub(crate) const fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Takes so many more, unless that is beyond half of the statement's memory: the other half is
    /// for what it cannot do without. Tells whether it did.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        if self.budget.used().saturating_add(bytes) > self.budget.bytes_max / 2 {
            return false;
        }
        if self.budget.charge(bytes).is_err() {
            self.budget.release(bytes);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

/// Bytes that a value holds (about).
pub(crate) fn bytes_of(value: &Value) -> usize {
    let inner = match value {
        Value::Text(text) => text.len() + 32,
        Value::Set(members) => members.iter().map(|member| member.len() + 32).sum(),
        Value::Map(entries) => entries.iter().map(|(key, _)| key.len() + 64).sum(),
        _ => 0,
    };
    size_of::<Value>() + inner
}

/// Bytes that a row holds (about).
pub(crate) fn bytes_of_row(row: &[Value]) -> usize {
    size_of::<Vec<Value>>() + row.iter().map(bytes_of).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_quicker_takes_half_and_gives_it_back() {
        let pool = Arc::new(MemoryPool::new(4 * STEP_BYTES));
        let budget = Arc::new(Budget::new(4 * STEP_BYTES, Arc::clone(&pool)));
        let mut spare = Spare::new(Arc::clone(&budget));
        assert!(spare.take(2 * STEP_BYTES));
        assert!(!spare.take(1));
        assert_eq!(budget.used(), 2 * STEP_BYTES);
        budget.charge(2 * STEP_BYTES).unwrap();
        drop(spare);
        assert_eq!(budget.used(), 2 * STEP_BYTES);
        let others = Budget::new(usize::MAX, pool);
        others.charge(STEP_BYTES).unwrap();
        budget.release(2 * STEP_BYTES);
        let mut none_left = Spare::new(Arc::clone(&budget));
        others.charge(2 * STEP_BYTES).unwrap();
        assert!(!none_left.take(2 * STEP_BYTES));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn statements_share_a_pool_and_give_back() {
        let pool = Arc::new(MemoryPool::new(4 * STEP_BYTES));
        let first = Budget::new(usize::MAX, Arc::clone(&pool));
        let second = Budget::new(2 * STEP_BYTES, Arc::clone(&pool));
        first.charge(1).unwrap();
        assert_eq!(pool.used(), STEP_BYTES);
        first.charge(3 * STEP_BYTES - 1).unwrap();
        assert_eq!(pool.used(), 3 * STEP_BYTES);
        second.charge(STEP_BYTES).unwrap();
        assert_eq!(second.check(1).unwrap_err().code(), "overloaded");
        assert_eq!(
            second.check(STEP_BYTES + 1).unwrap_err().code(),
            "limit_exceeded"
        );
        first.release(2 * STEP_BYTES);
        second.check(1).unwrap();
        drop(first);
        second.charge(STEP_BYTES).unwrap();
        drop(second);
        assert_eq!(pool.used(), 0);
    }
}
