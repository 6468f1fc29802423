//! The group commit: several committers, somebody who seals, and a power cut at any moment.

use std::sync::Arc;

use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;
use tagdb_schedules::log::{Log, LogError, LogSettings};
use tagdb_schedules::vfs::{Damage, Fault, MemoryVfs, Vfs};

use crate::disk::ScheduledVfs;
use crate::schedules;

const COMMITTERS: u64 = 3;
const FRAMES: u64 = 2;

fn settings() -> LogSettings {
    LogSettings {
        // Three frames and a seal fill a file.
        file_bytes: 300,
        ..LogSettings::default()
    }
}

fn open(vfs: Arc<dyn Vfs>) -> (Log, Vec<u64>) {
    let mut found = Vec::new();
    let opened = Log::open::<LogError>(vfs, settings(), 1, &mut |lsn, payload| {
        assert_eq!(payload, lsn.to_le_bytes());
        found.push(lsn);
        Ok(())
    });
    let (log, _) = opened.unwrap();
    (log, found)
}

/// What all threads know.
struct Shared {
    disk: MemoryVfs,
    log: Log,
    /// The last frame that was appended.
    appended: Mutex<u64>,
    acknowledged: AtomicU64,
    published: AtomicU64,
}

impl Shared {
    fn new() -> Arc<Self> {
        let disk = MemoryVfs::new(1);
        let (log, _) = open(Arc::new(ScheduledVfs { disk: disk.clone() }));
        let shared = Arc::new(Self {
            disk,
            log,
            appended: Mutex::new(0),
            acknowledged: AtomicU64::new(0),
            published: AtomicU64::new(0),
        });
        let sink = Arc::downgrade(&shared);
        shared.log.set_on_durable(Box::new(move |lsn| {
            if let Some(shared) = sink.upgrade() {
                let before = shared.published.swap(lsn, Ordering::SeqCst);
                assert!(before < lsn, "{lsn} after {before}");
            }
        }));
        shared
    }

    /// Appends a frame and waits for it.
    fn write(&self) -> Result<(), LogError> {
        let lsn = {
            let mut appended = self.appended.lock().unwrap();
            let lsn = *appended + 1;
            self.log.reserve(8, &|| 0)?;
            self.log.append(lsn, &lsn.to_le_bytes());
            *appended = lsn;
            lsn
        };
        self.log.commit(lsn)?;
        assert!(self.published.load(Ordering::SeqCst) >= lsn);
        self.acknowledged.fetch_max(lsn, Ordering::SeqCst);
        Ok(())
    }

    /// The power goes, and everything that was acknowledged before is there.
    fn cut(&self, damage: Damage) {
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        let after = self.disk.fork().crash_power_with(damage, acknowledged);
        let (_, found) = open(Arc::new(after));
        assert!(found.len() as u64 >= acknowledged, "{found:?}");
        assert!(found.iter().copied().eq(1..=found.len() as u64));
    }
}

fn committers(shared: &Arc<Shared>) -> Vec<thread::JoinHandle<()>> {
    let committer = |_| {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            for _ in 0..FRAMES {
                if let Err(error) = shared.write() {
                    let is_known =
                        matches!(error, LogError::Unknown { .. } | LogError::Poisoned(_));
                    assert!(is_known, "{error}");
                    return;
                }
            }
        })
    };
    (0..COMMITTERS).map(committer).collect()
}

pub(crate) fn commits_and_a_cut() {
    let shared = Shared::new();
    let mut threads = committers(&shared);
    let other = Arc::clone(&shared);
    threads.push(thread::spawn(move || {
        other.log.prepare_spare().unwrap();
        other.log.seal().unwrap();
        for _ in 0..3 {
            other.cut(Damage::LoseAll);
        }
        other.log.sync_pending().unwrap();
    }));
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(shared.log.durable_lsn(), COMMITTERS * FRAMES);
    shared.cut(Damage::LoseAll);
    shared.cut(Damage::Mixed);
}

#[test]
fn what_is_committed_is_there_after_a_cut_at_any_moment() {
    schedules(5_000, commits_and_a_cut);
}

#[test]
fn nobody_waits_for_good_when_the_disk_fails() {
    let failing = |fault: u64| {
        move || {
            let shared = Shared::new();
            let first = shared.disk.operations();
            shared.disk.fail_at(first + fault, Fault::Io, false);
            for thread in committers(&shared) {
                thread.join().unwrap();
            }
            shared.disk.clear_faults();
            shared.cut(Damage::LoseAll);
        }
    };
    for fault in 0..10 {
        schedules(300, failing(fault));
    }
}
