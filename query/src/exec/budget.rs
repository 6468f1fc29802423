//! The memory that a statement may hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::value::Value;

/// Bytes held by a statement, and how many they may be.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    bytes_max: usize,
}

impl Budget {
    /// Nothing held so far.
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            bytes_max,
        }
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub(crate) fn charge(&self, bytes: usize) -> Result<()> {
        let used = self
            .used
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        if used > self.bytes_max {
            let (used, max) = (used as u64, self.bytes_max as u64);
            return Err(Error::limit_exceeded("statement_memory_bytes", used, max));
        }
        Ok(())
    }

    /// Takes the bytes for a moment: refuses what would not fit.
    ///
    /// # Errors
    /// `limit_exceeded`.
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
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Bytes that a value holds (about).
pub(crate) fn bytes_of(value: &Value) -> usize {
    let inner = match value {
        Value::Text(text) => text.len(),
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
