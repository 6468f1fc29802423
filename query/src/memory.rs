//! The memory that all requests of a database share: one statement may hold much of it, but all of
//! them together no more than there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// Bytes that all requests together may hold.
#[derive(Debug)]
pub struct MemoryPool {
    used: AtomicUsize,
    bytes_max: usize,
}

impl MemoryPool {
    /// A pool of so many bytes, of which none are held.
    #[must_use]
    pub const fn new(bytes_max: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            bytes_max,
        }
    }

    /// Bytes that are held.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes so many bytes, all or none.
    ///
    /// # Errors
    /// `overloaded` if the others leave less.
    pub(crate) fn take(&self, bytes: usize) -> Result<()> {
        let more = |used: usize| {
            let used = used.checked_add(bytes)?;
            (used <= self.bytes_max).then_some(used)
        };
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|used| {
            let asked = used.saturating_add(bytes) as u64;
            Error::limit_exceeded("requests_memory_bytes", asked, self.bytes_max as u64)
                .into_overloaded()
        })
    }

    /// Gives bytes back.
    pub(crate) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Bytes of a pool that belong to something which grows, given back when it is dropped.
#[derive(Debug)]
pub struct Reserved {
    pool: Arc<MemoryPool>,
    bytes: usize,
}

impl Reserved {
    /// None yet.
    #[must_use]
    pub const fn new(pool: Arc<MemoryPool>) -> Self {
        Self { pool, bytes: 0 }
    }

    /// None yet, of the same pool.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(Arc::clone(&self.pool))
    }

    /// Takes what is missing to so many bytes.
    ///
    /// # Errors
    /// `overloaded` if the others leave less.
    pub fn grow_to(&mut self, bytes: usize) -> Result<()> {
        if bytes > self.bytes {
            self.pool.take(bytes - self.bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Takes what is missing to so many bytes, or gives back what is beyond them.
    ///
    /// # Errors
    /// `overloaded` if the others leave less; then it has what it had.
    pub fn set_to(&mut self, bytes: usize) -> Result<()> {
        if bytes < self.bytes {
            self.pool.give(self.bytes - bytes);
            self.bytes = bytes;
        }
        self.grow_to(bytes)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.pool.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_there_again() {
        let pool = Arc::new(MemoryPool::new(100));
        let mut first = Reserved::new(Arc::clone(&pool));
        let mut second = Reserved::new(Arc::clone(&pool));
        first.grow_to(60).unwrap();
        first.grow_to(20).unwrap();
        let error = second.grow_to(41).unwrap_err();
        assert_eq!(error.code(), "overloaded");
        assert_eq!(error.limit(), Some(("requests_memory_bytes", 101, 100)));
        assert_eq!(pool.used(), 60);
        drop(first);
        second.grow_to(100).unwrap();
        assert!(
            Reserved::new(Arc::clone(&pool))
                .grow_to(usize::MAX)
                .is_err()
        );
        second.set_to(101).unwrap_err();
        second.set_to(30).unwrap();
        assert_eq!(pool.used(), 30);
        drop(second);
        assert_eq!(pool.used(), 0);
    }
}
