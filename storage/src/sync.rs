//! The locks by which writers, flushes and readers meet: those of the log's group commit, of the
//! sequencer, and of the roots.
//!
//! With the feature `shuttle`, which only `tests/schedules` has, they are those of a scheduler that
//! decides at each of them which thread goes on, so that a seed decides what happens. All other
//! locks of the crate are held for a moment only and take no part in this.

#[cfg(feature = "shuttle")]
mod scheduled;

#[cfg(not(feature = "shuttle"))]
pub(crate) use parking_lot::{Mutex, MutexGuard, RwLock};
#[cfg(feature = "shuttle")]
pub(crate) use scheduled::{Mutex, MutexGuard, RwLock};
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::atomic;
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::atomic;

/// Locks and condition variables of the standard library's kind.
pub(crate) mod waiting {
    #[cfg(feature = "shuttle")]
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    #[cfg(not(feature = "shuttle"))]
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
}
