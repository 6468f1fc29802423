mod concurrent;
mod damage;
mod faults;
mod histories;

use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::paths;
use crate::vfs::{MemoryVfs, Mode, OsVfs, Vfs, read_exact_at};

type Frames = Vec<(u64, Vec<u8>)>;

fn settings(file_bytes: u64) -> LogSettings {
    LogSettings {
        file_bytes,
        log_id: 7,
        epoch: 1,
    }
}

/// A small generator, so that a printed seed repeats a run.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Runs `test` for many seeds, or for the one in the environment variable SEED.
fn for_seeds(count: u64, test: impl Fn(u64)) {
    if let Some(seed) = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        return test(seed);
    }
    for seed in 0..count {
        let run = std::panic::AssertUnwindSafe(|| test(seed));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

fn open(
    vfs: &MemoryVfs,
    settings: LogSettings,
    first_lsn: u64,
) -> Result<(Log, LogReport, Frames), LogError> {
    open_on(Arc::new(vfs.clone()), settings, first_lsn)
}

fn open_on(
    vfs: Arc<dyn Vfs>,
    settings: LogSettings,
    first_lsn: u64,
) -> Result<(Log, LogReport, Frames), LogError> {
    let mut frames = Vec::new();
    let (log, report) = Log::open::<LogError>(vfs, settings, first_lsn, &mut |lsn, payload| {
        frames.push((lsn, payload.to_vec()));
        Ok(())
    })?;
    Ok((log, report, frames))
}

fn add(log: &Log, lsn: u64, payload: &[u8]) -> Result<(), LogError> {
    log.reserve(payload.len(), &|| 0)?;
    log.append(lsn, payload);
    Ok(())
}

fn add_and_commit(log: &Log, lsn: u64, payload: &[u8]) {
    add(log, lsn, payload).unwrap();
    log.commit(lsn).unwrap();
}

/// Frames `1..=count` with payloads of various sizes.
fn frames(count: u64) -> Frames {
    (1..=count)
        .map(|lsn| (lsn, Random::new(lsn).bytes(lsn * 37 % 120)))
        .collect()
}

fn content(vfs: &dyn Vfs, number: u64) -> Vec<u8> {
    let file = vfs.open(&paths::log_file(number), Mode::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    read_exact_at(&*file, 0, &mut bytes).unwrap();
    bytes
}

#[test]
fn what_was_committed_is_replayed_from_any_lsn_on() {
    for file_bytes in [300, 1000, 1 << 20] {
        let vfs = MemoryVfs::new(1);
        let (log, report, replayed) = open(&vfs, settings(file_bytes), 1).unwrap();
        assert!(report.created && replayed.is_empty());
        let frames = frames(60);
        for (lsn, payload) in &frames {
            add_and_commit(&log, *lsn, payload);
        }
        log.seal().unwrap();
        drop(log);
        for first_lsn in [1, 2, 30, 60, 61] {
            let (log, report, replayed) = open(&vfs, settings(file_bytes), first_lsn).unwrap();
            assert_eq!(replayed, frames[first_lsn as usize - 1..]);
            assert_eq!(report.last_lsn, 60);
            assert_eq!(report.verdict, Verdict::Clean);
            assert_eq!(report.frames_rewritten, 0);
            assert!(!report.created);
            assert_eq!(log.durable_lsn(), 60);
        }
    }
}

#[test]
fn the_real_file_system_keeps_a_log() {
    let directory = tempfile::tempdir().unwrap();
    let vfs: Arc<dyn Vfs> = Arc::new(OsVfs::new(directory.path()).unwrap());
    let mut expected = Vec::new();
    for round in 0..4 {
        let (log, report, replayed) = open_on(Arc::clone(&vfs), settings(700), 1).unwrap();
        assert_eq!(replayed, expected);
        assert_eq!(report.verdict, Verdict::Clean);
        for (_, payload) in frames(25) {
            let lsn = expected.len() as u64 + 1;
            add_and_commit(&log, lsn, &payload);
            expected.push((lsn, payload));
        }
        // Both with and without a clean end.
        if round % 2 == 0 {
            log.seal().unwrap();
        }
    }
}

#[test]
fn a_log_may_start_at_any_lsn() {
    let vfs = MemoryVfs::new(1);
    let (log, report, _) = open(&vfs, settings(500), 1000).unwrap();
    assert_eq!(report.last_lsn, 999);
    add_and_commit(&log, 1000, b"first");
    drop(log);
    let (_, _, replayed) = open(&vfs, settings(500), 1000).unwrap();
    assert_eq!(replayed, [(1000, b"first".to_vec())]);
    let missing = open(&vfs, settings(500), 999).unwrap_err();
    assert!(
        matches!(missing, LogError::Missing { lsn: 999 }),
        "{missing}"
    );
    let beyond = open(&vfs, settings(500), 1002).unwrap_err();
    assert!(matches!(beyond, LogError::Corrupt { .. }), "{beyond}");
}

#[test]
fn empty_and_large_payloads() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(400), 1).unwrap();
    let large = Random::new(3).bytes(100_000);
    let expected: Frames = vec![
        (1, vec![]),
        (2, large.clone()),
        (3, b"small".to_vec()),
        (4, large),
        (5, vec![]),
    ];
    for (lsn, payload) in &expected {
        add_and_commit(&log, *lsn, payload);
    }
    assert_eq!(log.position().files, 3);
    let too_large = log.reserve(PAYLOAD_BYTES_MAX + 1, &|| 0).unwrap_err();
    assert!(matches!(too_large, LogError::TooLarge { .. }));
    let (_, _, replayed) = open(&vfs, settings(400), 1).unwrap();
    assert_eq!(replayed, expected);
}

#[test]
fn a_frame_fills_a_file_to_the_last_byte_that_a_seal_leaves() {
    let room = 500 - file::FILE_HEADER_BYTES - 2 * frame::FRAME_HEADER_BYTES;
    for (payload_bytes, files) in [(room - 1, 1), (room, 1), (room + 1, 2)] {
        let vfs = MemoryVfs::new(1);
        let (log, _, _) = open(&vfs, settings(500), 1).unwrap();
        add_and_commit(&log, 1, &vec![1; payload_bytes]);
        assert_eq!(log.position().files, files, "{payload_bytes}");
        log.seal().unwrap();
        add_and_commit(&log, 2, b"next");
        log.seal().unwrap();
        let (_, report, replayed) = open(&vfs, settings(500), 1).unwrap();
        assert_eq!(replayed.len(), 2);
        assert_eq!(report.verdict, Verdict::Clean);
    }
}

#[test]
fn nothing_is_durable_before_it_is_committed() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(1000), 1).unwrap();
    for lsn in 1..=3 {
        add(&log, lsn, b"x").unwrap();
    }
    let position = log.position();
    assert_eq!((position.durable_lsn, position.last_lsn), (0, 3));
    assert_eq!(position.pending_bytes, position.appended_bytes);
    log.commit(1).unwrap();
    // One write for all of them.
    assert_eq!(log.durable_lsn(), 3);
    assert_eq!(log.position().pending_bytes, 0);
    assert!(matches!(
        log.commit(4),
        Err(LogError::NotAppended { lsn: 4 })
    ));
    add(&log, 4, b"y").unwrap();
    log.sync_pending().unwrap();
    assert_eq!(log.durable_lsn(), 4);
}

#[test]
fn the_callback_comes_before_the_commit_returns() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(300), 1).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    log.set_on_durable(Box::new(move |lsn| sink.lock().push(lsn)));
    for lsn in 1..=3 {
        add(&log, lsn, &[0; 60]).unwrap();
    }
    log.commit(2).unwrap();
    assert_eq!(seen.lock().last(), Some(&3));
    log.seal().unwrap();
    log.sync_pending().unwrap();
    assert_eq!(seen.lock().last(), Some(&3));
    assert!(seen.lock().is_sorted_by(|a, b| a < b));
}

#[test]
fn trimming_deletes_only_whole_files_below() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(300), 1).unwrap();
    let frames = frames(40);
    for (lsn, payload) in &frames {
        add_and_commit(&log, *lsn, payload);
    }
    log.seal().unwrap();
    let mut files = log.position().files;
    assert!(files > 10);
    for lsn in [1, 5, 20, 40, 41] {
        log.trim(lsn).unwrap();
        assert!(log.position().oldest_lsn <= lsn);
        assert!(log.position().files <= files);
        files = log.position().files;
        let (_, _, replayed) = open(&vfs, settings(300), lsn).unwrap();
        assert_eq!(replayed, frames[lsn as usize - 1..]);
    }
    assert_eq!(files, 1);
    assert_eq!(vfs.list(&paths::log_dir()).unwrap().len(), 1);
}

#[test]
fn a_seal_is_written_once() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(1000), 1).unwrap();
    let start = log.position().appended_bytes;
    log.seal().unwrap();
    assert_eq!(log.position().appended_bytes, start);
    add(&log, 1, b"x").unwrap();
    log.seal().unwrap();
    let sealed = log.position().appended_bytes;
    log.seal().unwrap();
    assert_eq!(log.position().appended_bytes, sealed);
    assert_eq!(log.durable_lsn(), 1);
    drop(log);
    let before = content(&vfs, 1);
    let (log, _, _) = open(&vfs, settings(1000), 1).unwrap();
    log.seal().unwrap();
    assert_eq!(content(&vfs, 1), before);
}

#[test]
fn a_spare_file_is_made_once_and_used() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(300), 1).unwrap();
    log.prepare_spare().unwrap();
    assert_eq!(vfs.list(&paths::log_dir()).unwrap().len(), 1);
    add_and_commit(&log, 1, &[1; 100]);
    log.prepare_spare().unwrap();
    log.prepare_spare().unwrap();
    assert!(
        vfs.list(&paths::log_dir())
            .unwrap()
            .contains(&paths::log_spare())
    );
    add_and_commit(&log, 2, &[2; 100]);
    assert_eq!(
        vfs.list(&paths::log_dir()).unwrap(),
        [paths::log_file(1), paths::log_file(2)]
    );
    log.prepare_spare().unwrap();
    drop(log);
    let (_, report, replayed) = open(&vfs, settings(300), 1).unwrap();
    assert_eq!((report.last_lsn, replayed.len()), (2, 2));
    assert!(
        !vfs.list(&paths::log_dir())
            .unwrap()
            .contains(&paths::log_spare())
    );
}

#[test]
fn an_error_of_the_caller_ends_the_replay_and_changes_nothing() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(300), 1).unwrap();
    for (lsn, payload) in frames(10) {
        add_and_commit(&log, lsn, &payload);
    }
    drop(log);
    let before = vfs.list(&paths::log_dir()).unwrap();
    let mut seen = 0;
    let failed = Log::open(Arc::new(vfs.clone()), settings(300), 1, &mut |lsn, _| {
        seen = lsn;
        if lsn == 5 {
            Err(LogError::NotAppended { lsn })
        } else {
            Ok(())
        }
    });
    assert!(matches!(
        failed.unwrap_err(),
        LogError::NotAppended { lsn: 5 }
    ));
    assert_eq!(seen, 5);
    assert_eq!(vfs.list(&paths::log_dir()).unwrap(), before);
    let report = verify(&vfs, settings(300), 1).unwrap();
    assert_eq!((report.frames_applied, report.last_lsn), (10, 10));
    assert_eq!(vfs.list(&paths::log_dir()).unwrap(), before);
}

#[test]
fn files_of_another_log_are_refused() {
    let vfs = MemoryVfs::new(1);
    drop(open(&vfs, settings(300), 1).unwrap());
    let other = LogSettings {
        log_id: 8,
        ..settings(300)
    };
    let error = open(&vfs, other, 1).unwrap_err();
    assert!(
        matches!(error, LogError::Corrupt { offset: 0, .. }),
        "{error}"
    );
}

#[test]
fn strange_files_are_passed_over() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(300), 1).unwrap();
    add_and_commit(&log, 1, b"x");
    for name in ["log/notes", "log/5.log"] {
        vfs.create_new(&RelPath::new(name).unwrap()).unwrap();
    }
    let (_, _, replayed) = open(&vfs, settings(300), 1).unwrap();
    assert_eq!(replayed.len(), 1);
}
