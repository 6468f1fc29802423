//! Many committers at once.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::vfs::Fault;

#[test]
fn committers_on_the_real_file_system_see_their_frames_published() {
    let directory = tempfile::tempdir().unwrap();
    let vfs: Arc<dyn Vfs> = Arc::new(OsVfs::new(directory.path()).unwrap());
    let (log, _, _) = open_on(Arc::clone(&vfs), settings(8 << 10), 1).unwrap();
    let published = Arc::new(AtomicU64::new(0));
    let sink = Arc::clone(&published);
    log.set_on_durable(Box::new(move |lsn| {
        let before = sink.swap(lsn, Ordering::SeqCst);
        assert!(before < lsn);
    }));
    let issued = Mutex::new(Frames::new());
    thread::scope(|scope| {
        for thread in 0..8 {
            let (log, issued, published) = (&log, &issued, &published);
            scope.spawn(move || {
                let mut random = Random::new(thread);
                for _ in 0..100 {
                    let len = random.below(300);
                    let payload = random.bytes(len);
                    let lsn = {
                        let mut issued = issued.lock();
                        let lsn = issued.len() as u64 + 1;
                        add(log, lsn, &payload).unwrap();
                        issued.push((lsn, payload));
                        lsn
                    };
                    log.commit(lsn).unwrap();
                    assert!(published.load(Ordering::SeqCst) >= lsn);
                    assert!(log.durable_lsn() >= lsn);
                }
            });
        }
        scope.spawn(|| {
            while log.durable_lsn() < 800 {
                log.prepare_spare().unwrap();
                log.seal().unwrap();
                thread::yield_now();
            }
        });
    });
    assert_eq!(published.load(Ordering::SeqCst), 800);
    drop(log);
    let (_, report, replayed) = open_on(vfs, settings(8 << 10), 1).unwrap();
    assert_eq!(replayed, *issued.lock());
    assert_eq!(report.verdict, Verdict::Clean);
}

#[test]
fn frames_appended_while_a_group_is_written_form_the_next_group() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(100_000), 1).unwrap();
    let (group_tx, group_rx) = mpsc::channel();
    let (go_tx, go_rx) = mpsc::channel::<()>();
    let go_rx = Mutex::new(go_rx);
    log.set_on_durable(Box::new(move |lsn| {
        group_tx.send(lsn).unwrap();
        if lsn == 1 {
            go_rx.lock().recv().unwrap();
        }
    }));
    add(&log, 1, b"first").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| log.commit(1).unwrap());
        assert_eq!(group_rx.recv().unwrap(), 1);
        // The first group is still being published, and appending goes on.
        for lsn in 2..=10 {
            add(&log, lsn, b"next").unwrap();
        }
        for lsn in 2..=10 {
            let log = &log;
            scope.spawn(move || log.commit(lsn).unwrap());
        }
        assert_eq!(log.durable_lsn(), 0);
        go_tx.send(()).unwrap();
        assert_eq!(group_rx.recv().unwrap(), 10);
    });
    assert!(group_rx.try_recv().is_err());
}

#[test]
fn a_disk_that_fails_under_many_committers_acknowledges_nothing_it_loses() {
    for_seeds(60, |seed| {
        let vfs = MemoryVfs::new(seed);
        let (log, _, _) = open(&vfs, settings(2000), 1).unwrap();
        vfs.fail_at(vfs.operations() + seed, Fault::Io, false);
        let issued = Mutex::new(Frames::new());
        let acked = AtomicU64::new(0);
        thread::scope(|scope| {
            for thread in 0..4u8 {
                let (log, issued, acked) = (&log, &issued, &acked);
                scope.spawn(move || {
                    for step in 0..30u8 {
                        let payload = vec![thread, step];
                        let lsn = {
                            let mut issued = issued.lock();
                            let lsn = issued.len() as u64 + 1;
                            if add(log, lsn, &payload).is_err() {
                                return;
                            }
                            issued.push((lsn, payload));
                            lsn
                        };
                        match log.commit(lsn) {
                            Ok(()) => {
                                acked.fetch_max(lsn, Ordering::SeqCst);
                            }
                            Err(error) => assert!(
                                matches!(error, LogError::Unknown { .. } | LogError::Poisoned(_)),
                                "{error}"
                            ),
                        }
                    }
                });
            }
        });
        let acked_lsn = acked.load(Ordering::SeqCst);
        for vfs in [vfs.crash_process(), vfs.crash_power(seed)] {
            let (_, report, replayed) = open(&vfs, settings(2000), 1).unwrap();
            assert!(acked_lsn <= report.last_lsn);
            assert_eq!(replayed, issued.lock()[..replayed.len()]);
        }
    });
}
