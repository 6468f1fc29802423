//! The engine's own threads: one flushes, merges memory and syncs, one compacts. They hold the
//! engine weakly and end with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::engine::backlog::Backlog;
use crate::engine::edit::edit_partition;
use crate::engine::memtable::{self, MemoryLayer};
use crate::engine::{DbState, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{PartitionId, TableId};
use crate::subjects::Dead;

/// A worker looks around at least this often.
const IDLE: Duration = Duration::from_millis(500);

/// A worker rests so long after a panic, so that one which comes again and again does not take all
/// of a processor.
const PANIC_REST: Duration = Duration::from_secs(1);

/// What wakes the workers, and those who wait for them.
#[derive(Debug, Default)]
pub(super) struct Maintenance {
    wanted: Mutex<Wanted>,
    wake: Condvar,
    wake_compaction: Condvar,
    done: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
    pub(super) backlog: Backlog,
}

/// After a flush that failed the next one is tried this much later: a full or failing disk is not
/// written to at full speed.
const FLUSH_AGAIN: Duration = Duration::from_secs(1);

/// After a compaction that met a full disk the next one begins this much later.
const COMPACT_AGAIN: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    flush: bool,
    merge: bool,
    sync: bool,
    compact: bool,
    stop: bool,
    /// No flush is tried before; the last one met a full disk.
    put_off: Option<(Instant, bool)>,
}

impl Maintenance {
    pub(super) fn request_sync(&self) {
        self.wanted.lock().sync = true;
        self.wake.notify_one();
    }

    pub(super) fn request_flush(&self) {
        self.wanted.lock().flush = true;
        self.wake.notify_one();
    }

    /// Says that a flush has ended.
    pub(super) fn flushed(&self) {
        self.wanted.lock().compact = true;
        self.wake_compaction.notify_one();
        self.done.notify_all();
    }

    /// Says that a compaction has ended.
    pub(super) fn compacted(&self) {
        self.done.notify_all();
    }

    /// Asks for a flush and a compaction, and waits until one of them ends; false if the time ran
    /// out first.
    pub(super) fn wait_for_progress(&self, deadline: Instant) -> bool {
        let mut wanted = self.wanted.lock();
        (wanted.flush, wanted.compact) = (true, true);
        self.wake.notify_one();
        self.wake_compaction.notify_one();
        !self.done.wait_until(&mut wanted, deadline).timed_out()
    }

    /// Waits for so long, or until told to stop; tells which.
    fn rest(&self, time: Duration) -> bool {
        let mut wanted = self.wanted.lock();
        let deadline = Instant::now() + time;
        while !wanted.stop {
            if self.done.wait_until(&mut wanted, deadline).timed_out() {
                return true;
            }
        }
        false
    }

    /// Whether the last flush failed because the disk is full.
    pub(super) fn is_disk_full(&self) -> bool {
        let put_off = self.wanted.lock().put_off;
        put_off.is_some_and(|(_, is_full)| is_full)
    }

    fn stop(&self) {
        self.wanted.lock().stop = true;
        self.wake.notify_all();
        self.wake_compaction.notify_all();
        self.done.notify_all();
    }
}

impl Engine {
    /// Starts the workers.
    pub(super) fn start_workers(self: &Arc<Self>) -> Result<()> {
        let works: [(&str, fn(&Engine) -> bool); 2] = [
            ("tagdb-flush", Engine::flush_work),
            ("tagdb-compact", Engine::compact_work),
        ];
        for (name, work) in works {
            let engine = Arc::downgrade(self);
            let thread = std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || run_worker(&engine, work))
                .map_err(|error| Error::io(name, error))?;
            self.maintenance.threads.lock().push(thread);
        }
        Ok(())
    }

    /// Ends the workers, flushes the log, and marks a clean stop.
    ///
    /// # Errors
    /// The log cannot be made durable.
    pub fn close(&self) -> Result<()> {
        self.maintenance.stop();
        let threads = std::mem::take(&mut *self.maintenance.threads.lock());
        for thread in threads {
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a maintenance thread has panicked");
            }
        }
        Ok(self.log.seal()?)
    }

    /// Wakes the workers if memory or log call for it.
    pub(super) fn wake_if_due(&self) {
        let (flush, merge) = self.due();
        if flush || merge {
            let mut wanted = self.maintenance.wanted.lock();
            wanted.flush |= flush;
            wanted.merge |= merge;
            drop(wanted);
            self.maintenance.wake.notify_one();
        }
    }

    fn due(&self) -> (bool, bool) {
        let pending = self.sequencer.lock().pending.clone();
        let memory = memory_bytes(&pending);
        let log = self.log.position();
        let flush =
            memory >= self.settings.flush_bytes || log.file_bytes >= self.settings.log_bytes;
        let merge = pending
            .tables
            .values()
            .flat_map(|table| &table.partitions)
            .any(|partition| memtable::due(&partition.memory, None).is_some());
        (flush, merge)
    }

    fn flush_work(&self) -> bool {
        let wanted = {
            let mut wanted = self.maintenance.wanted.lock();
            if !(wanted.flush || wanted.merge || wanted.sync || wanted.stop) {
                self.maintenance.wake.wait_for(&mut wanted, IDLE);
            }
            let taken = *wanted;
            (wanted.flush, wanted.merge, wanted.sync) = (false, false, false);
            taken
        };
        if wanted.stop {
            return false;
        }
        if self.poisoned().is_some() {
            return true;
        }
        let idle = !(wanted.flush || wanted.merge || wanted.sync);
        if idle && self.log.position().pending_bytes == 0 {
            report("seal the log", self.log.seal().map_err(Error::from));
        }
        if wanted.sync {
            report("sync", self.log.sync_pending().map_err(Error::from));
        }
        report(
            "make the next log file",
            self.log.prepare_spare().map_err(Error::from),
        );
        if wanted.merge {
            report("merge memory", self.merge_memory());
        }
        if wanted.flush {
            self.flush_or_put_off(wanted.put_off);
        }
        true
    }

    fn flush_or_put_off(&self, put_off: Option<(Instant, bool)>) {
        if put_off.is_some_and(|(until, _)| Instant::now() < until) {
            return;
        }
        let flushed = self.flush();
        let is_full = |error: &Error| error.kind() == ErrorKind::DiskFull;
        let put_off = flushed.as_ref().err().map(is_full);
        let put_off = put_off.map(|is_full| (Instant::now() + FLUSH_AGAIN, is_full));
        self.maintenance.wanted.lock().put_off = put_off;
        self.maintenance.done.notify_all();
        report("flush", flushed);
    }

    fn compact_work(&self) -> bool {
        {
            let mut wanted = self.maintenance.wanted.lock();
            if !(wanted.compact || wanted.stop) {
                self.maintenance.wake_compaction.wait_for(&mut wanted, IDLE);
            }
            if wanted.stop {
                return false;
            }
            if !std::mem::take(&mut wanted.compact) {
                return true;
            }
        }
        let done = self.compact_due();
        self.maintenance.backlog.compacted(done.is_err());
        match done {
            Ok(true) => self.maintenance.wanted.lock().compact = true,
            Ok(false) => {}
            Err(error) => {
                let is_full = error.kind() == ErrorKind::DiskFull;
                report("compact", Err(error));
                // What it writes in vain is room that a flush does not find meanwhile.
                return !is_full || self.maintenance.rest(COMPACT_AGAIN);
            }
        }
        true
    }

    /// Merges layers in memory that are too large to be merged under the write lock.
    pub(super) fn merge_memory(&self) -> Result<()> {
        loop {
            // The layer goes to all roots: only those may be left out who are dead in all of them.
            let published = self.snapshot();
            let (pending, barrier) = {
                let sequencer = self.sequencer.lock();
                (sequencer.pending.clone(), sequencer.barrier)
            };
            let mut merged = Vec::new();
            for table in pending.tables.values() {
                for partition in &table.partitions {
                    if let Some(range) = memtable::due(&partition.memory, barrier) {
                        let inputs = partition.memory[range].to_vec();
                        let dead = dead_in(&published, table.schema.id, partition.id);
                        let layer = memtable::merge_layers(&inputs, &partition.schema, &dead)?;
                        merged.push((table.schema.id, partition.id, inputs, layer));
                    }
                }
            }
            if merged.is_empty() {
                return Ok(());
            }
            self.install_merged(&merged);
        }
    }

    fn install_merged(&self, merged: &[(TableId, PartitionId, Vec<MemoryLayer>, MemoryLayer)]) {
        let mut sequencer = self.sequencer.lock();
        self.edit_roots(&mut sequencer, &|state| {
            for (table, partition, inputs, layer) in merged {
                edit_partition(state, *table, *partition, &|partition| {
                    let _stands = memtable::replace(&mut partition.memory, inputs, layer);
                });
            }
        });
    }
}

fn dead_in(state: &DbState, table: TableId, partition: PartitionId) -> Dead {
    let table = state.table(table);
    let partition = table.and_then(|table| table.partition(partition).ok());
    partition.map_or_else(Dead::default, |partition| partition.dead.clone())
}

/// Bytes of all layers and keys in memory.
pub(super) fn memory_bytes(state: &DbState) -> usize {
    let partitions = state.tables.values().flat_map(|table| &table.partitions);
    partitions.map(|partition| partition.memory_bytes()).sum()
}

fn report(what: &str, result: Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "cannot {what}");
    }
}

/// Works until there is nothing more to do. A panic is a bug, and a worker that is gone would be
/// the end of all writes; the locks that it held are free again, and what it was about to change is
/// changed by one edit or not at all.
pub(super) fn run_worker(engine: &Weak<Engine>, work: fn(&Engine) -> bool) {
    while let Some(engine) = engine.upgrade() {
        match catch_unwind(AssertUnwindSafe(|| work(&engine))) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => {
                tracing::error!("a maintenance thread has panicked and goes on");
                if !engine.maintenance.rest(PANIC_REST) {
                    break;
                }
            }
        }
    }
}
