//! Failing disks: nothing is acknowledged that is not durable, and a refused write changes
//! nothing.

use super::*;
use crate::vfs::{Damage, Fault};

/// What a life of the log has promised.
#[derive(Debug, Default)]
struct Life {
    issued: Frames,
    acked_lsn: u64,
}

/// Opens, writes, rotates, seals, trims and closes until something fails.
fn live(vfs: &MemoryVfs, life: &mut Life) -> Result<(), LogError> {
    let file_bytes = 420;
    for round in 0..3 {
        let (log, report, replayed) = open(vfs, settings(file_bytes), 1)?;
        assert!(life.acked_lsn <= report.last_lsn);
        assert_eq!(replayed, life.issued[..replayed.len()]);
        life.issued.truncate(replayed.len());
        life.acked_lsn = report.last_lsn;
        for step in 0..8 {
            let lsn = life.issued.len() as u64 + 1;
            let payload = Random::new(lsn).bytes(lsn * 31 % 110);
            log.reserve(payload.len(), &|| 0)?;
            log.append(lsn, &payload);
            life.issued.push((lsn, payload));
            if step == 4 {
                log.prepare_spare()?;
            }
            if step % 3 != 0 {
                log.commit(lsn)?;
                life.acked_lsn = lsn;
            }
        }
        if round != 1 {
            log.seal()?;
            life.acked_lsn = life.issued.len() as u64;
        }
    }
    Ok(())
}

fn check_after(vfs: &MemoryVfs, life: &Life, case: &str) {
    let opened = open(vfs, settings(420), 1);
    let (log, report, replayed) = opened.unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert!(life.acked_lsn <= report.last_lsn, "{case}: {report:?}");
    assert_eq!(replayed, life.issued[..replayed.len()], "{case}");
    let lsn = report.last_lsn + 1;
    add_and_commit(&log, lsn, b"goes on");
    let (_, report, _) = open(&vfs.crash_power(1), settings(420), 1).unwrap();
    assert_eq!(report.last_lsn, lsn, "{case}");
}

/// Fails each operation of a life in each way, stops, and looks at what is left.
#[test]
fn a_fault_at_any_operation_loses_nothing_acknowledged() {
    let total = {
        let vfs = MemoryVfs::new(1);
        live(&vfs, &mut Life::default()).unwrap();
        vfs.operations()
    };
    assert!(total > 100);
    let damages = Damage::SINGLE;
    for fault in [Fault::Crash, Fault::Io, Fault::DiskFull, Fault::ShortWrite] {
        for at in 0..total {
            for sticky in [false, true] {
                let vfs = MemoryVfs::new(at);
                vfs.fail_at(at, fault, sticky);
                let mut life = Life::default();
                let ended = live(&vfs, &mut life);
                let case = format!("{fault:?} at {at}, sticky {sticky}: {ended:?}");
                vfs.clear_faults();
                check_after(&vfs.crash_process(), &life, &case);
                for damage in damages {
                    check_after(&vfs.crash_power_with(damage, at), &life, &case);
                    // The cache shows more than the disk has, and then the power goes too.
                    let restarted = vfs.crash_process();
                    let again = open(&restarted, settings(420), 1);
                    let shown = again.map_or(0, |(_, report, _)| report.last_lsn);
                    let life = Life {
                        issued: life.issued.clone(),
                        acked_lsn: life.acked_lsn.max(shown),
                    };
                    check_after(&restarted.crash_power_with(damage, at), &life, &case);
                }
            }
        }
    }
}

/// The same while the log is being opened again after an unclean stop.
#[test]
fn a_fault_at_any_operation_of_recovery_is_recovered_from() {
    let stopped = || {
        let vfs = MemoryVfs::new(1);
        let mut life = Life::default();
        let (log, _, _) = open(&vfs, settings(420), 1).unwrap();
        for (lsn, payload) in frames(12) {
            add(&log, lsn, &payload).unwrap();
            life.issued.push((lsn, payload));
            if lsn % 3 == 0 {
                log.commit(lsn).unwrap();
                life.acked_lsn = lsn;
            }
        }
        (vfs.crash_process(), life)
    };
    let (vfs, _) = stopped();
    let (_, report, _) = open(&vfs, settings(420), 1).unwrap();
    assert!(report.frames_rewritten > 1, "{report:?}");
    for at in 0..vfs.operations() {
        for fault in [Fault::Crash, Fault::Io, Fault::DiskFull] {
            for seed in 0..8 {
                let (vfs, mut life) = stopped();
                vfs.fail_at(at, fault, true);
                if let Ok((_, report, _)) = open(&vfs, settings(420), 1) {
                    life.acked_lsn = report.last_lsn;
                }
                vfs.clear_faults();
                let case = format!("{fault:?} at {at}, seed {seed}");
                check_after(&vfs.crash_power(seed), &life, &case);
                check_after(&vfs.crash_process(), &life, &case);
            }
        }
    }
}

#[test]
fn a_failed_sync_is_never_repeated_and_closes_the_log() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(1000), 1).unwrap();
    add_and_commit(&log, 1, b"durable");
    for lsn in 2..=3 {
        add(&log, lsn, b"unknown").unwrap();
    }
    // The first operation of a commit writes, the second syncs.
    vfs.fail_at(vfs.operations() + 1, Fault::Io, false);
    let error = log.commit(2).unwrap_err();
    assert!(matches!(error, LogError::Unknown { lsn: 2, .. }), "{error}");
    assert!(log.poison_cause().is_some());

    let operations = vfs.operations();
    let error = log.commit(3).unwrap_err();
    assert!(matches!(error, LogError::Unknown { lsn: 3, .. }), "{error}");
    assert!(matches!(log.reserve(1, &|| 0), Err(LogError::Poisoned(_))));
    log.append(4, b"refused");
    assert!(matches!(log.commit(4), Err(LogError::Poisoned(_))));
    assert!(matches!(
        log.seal(),
        Err(LogError::Unknown { .. } | LogError::Poisoned(_))
    ));
    assert!(matches!(log.prepare_spare(), Err(LogError::Poisoned(_))));
    log.commit(1).unwrap();
    assert_eq!(log.durable_lsn(), 1);
    assert_eq!(vfs.operations(), operations);
}

#[test]
fn frames_of_the_cache_are_durable_before_anything_follows_them() {
    // After a failed sync the cache shows frames that the disk does not have.
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(1000), 1).unwrap();
    add_and_commit(&log, 1, b"durable");
    add(&log, 2, b"cached").unwrap();
    vfs.fail_at(vfs.operations() + 1, Fault::Io, false);
    log.commit(2).unwrap_err();
    let vfs = vfs.crash_process();
    let (log, report, replayed) = open(&vfs, settings(1000), 1).unwrap();
    assert_eq!((replayed.len(), report.frames_rewritten), (2, 1));
    add_and_commit(&log, 3, b"after");
    let (_, _, replayed) =
        open(&vfs.crash_power_with(Damage::LoseAll, 1), settings(1000), 1).unwrap();
    let payloads: Vec<_> = replayed
        .iter()
        .map(|(_, payload)| payload.as_slice())
        .collect();
    assert_eq!(payloads, [b"durable".as_slice(), b"cached", b"after"]);
}

#[test]
fn a_full_disk_refuses_and_the_log_goes_on_when_there_is_space() {
    for capacity in (0..3000).step_by(41) {
        let vfs = MemoryVfs::new(capacity);
        vfs.set_capacity(Some(capacity));
        let log = match open(&vfs, settings(420), 1) {
            Ok((log, _, _)) => log,
            Err(error) => {
                assert!(matches!(error, LogError::DiskFull(_)), "{error}");
                vfs.set_capacity(None);
                open(&vfs, settings(420), 1).unwrap().0
            }
        };
        let mut refusals = 0;
        for (lsn, payload) in frames(30) {
            while let Err(error) = log.reserve(payload.len(), &|| 0) {
                assert!(matches!(error, LogError::DiskFull(_)), "{error}");
                assert!(matches!(
                    log.prepare_spare(),
                    Ok(()) | Err(LogError::DiskFull(_))
                ));
                refusals += 1;
                if refusals == 5 {
                    vfs.set_capacity(None);
                }
            }
            log.append(lsn, &payload);
            // What has its place is written on a full disk too.
            log.commit(lsn).unwrap();
        }
        assert!(log.poison_cause().is_none());
        let (_, _, replayed) = open(&vfs.crash_power(capacity), settings(420), 1).unwrap();
        assert_eq!(replayed, frames(30));
    }
}

#[test]
fn a_full_disk_does_not_keep_the_log_from_opening() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(60_000), 1).unwrap();
    add_and_commit(&log, 1, b"kept");
    vfs.set_capacity(Some(60_000 + 5000));
    let (log, report, _) = open(&vfs.crash_process(), settings(60_000), 1).unwrap();
    assert_eq!((report.last_lsn, report.frames_rewritten), (1, 1));
    let position = log.position();
    assert_eq!((position.files, position.file_bytes), (2, 60_000 + 4096));
}
