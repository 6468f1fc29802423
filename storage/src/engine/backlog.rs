//! What writers wait for when flushes and compactions do not keep up with them.
//!
//! Memory is bounded by bytes. What is flushed faster than it is merged would make every read
//! slower without a bound, so the layers of a tag are bounded too. Writers wait a while for either
//! and are then refused; what was acknowledged is never let go.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::maintenance::memory_bytes;
use crate::engine::root::{DbState, PartitionState};
use crate::error::{Error, ErrorKind, Result};

/// A write waits for flushes and compactions at most this long before it is refused.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// What is known of the backlog without looking at every tag.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// The most layers in files that any tag has, as of the last flush, load or compaction.
    layers: AtomicUsize,
    /// Whether the last compaction failed. It may be one tag that is damaged: to wait for it would
    /// be to refuse writes to all others for good.
    is_stuck: AtomicBool,
}

impl Backlog {
    /// Says how a compaction ended.
    pub(super) fn compacted(&self, failed: bool) {
        self.is_stuck.store(failed, Ordering::Relaxed);
    }
}

impl Engine {
    /// Why writes are refused at the moment, if they are.
    #[must_use]
    pub fn refuses_writes(&self) -> Option<Error> {
        self.poisoned().or_else(|| self.backlog_error())
    }

    /// Lets a writer wait, or refuses it, while flushes and compactions do not keep up.
    pub(super) fn throttle(&self) -> Result<()> {
        if !self.settings.background {
            return Ok(());
        }
        let Some(mut error) = self.backlog_error() else {
            return Ok(());
        };
        let deadline = Instant::now() + WAIT_MAX;
        while self.maintenance.wait_for_progress(deadline) {
            match self.backlog_error() {
                Some(still) if still.kind() == ErrorKind::DiskFull => return Err(still),
                Some(still) => error = still,
                None => return Ok(()),
            }
        }
        Err(error)
    }

    fn backlog_error(&self) -> Option<Error> {
        let busy = |what: String| {
            let detail = format!("writes come faster than {what}; try again later");
            Some(Error::new(ErrorKind::Busy, "overloaded", detail))
        };
        let state = self.snapshot();
        let max = self.settings.memory_bytes_max;
        if memory_bytes(&state) >= max {
            if self.maintenance.is_disk_full() {
                let detail = "memory is full of writes that the full disk has no room for";
                return Some(Error::new(ErrorKind::DiskFull, "disk_full", detail));
            }
            return busy(format!(
                "they can be flushed: {max} bytes wait in memory (memory_bytes_max)"
            ));
        }
        let max = self.settings.layers_max;
        let is_deep = || self.maintenance.backlog.layers.load(Ordering::Relaxed) >= max;
        if is_deep() && !self.maintenance.backlog.is_stuck.load(Ordering::Relaxed) {
            // Tables may have been dropped since they were counted.
            self.count_layers(&state);
            if is_deep() {
                return busy(format!(
                    "they can be merged: a tag has {max} layers (layers_max)"
                ));
            }
        }
        None
    }

    /// Counts the layers in files of the deepest tag.
    pub(super) fn count_layers(&self, state: &DbState) {
        let partitions = state.tables.values().flat_map(|table| &table.partitions);
        let most = partitions.map(|partition| deepest(partition)).max();
        self.maintenance
            .backlog
            .layers
            .store(most.unwrap_or(0), Ordering::Relaxed);
    }
}

fn deepest(partition: &PartitionState) -> usize {
    let tags = partition.schema.tags.iter();
    let depths = tags.map(|tag| partition.segments.stack(tag.id).len());
    depths.max().unwrap_or(0)
}
