//! Random histories of appending, committing, rotating, trimming and crashing, against a plain
//! list of frames.

use super::*;
use crate::vfs::Fault;

/// What the log was asked for and what it has promised.
struct Model {
    random: Random,
    vfs: MemoryVfs,
    settings: LogSettings,
    log: Option<Log>,
    /// Every frame that was ever given to the log and not given up by a crash.
    issued: Vec<Vec<u8>>,
    acked_lsn: u64,
    /// Where replay starts.
    first_lsn: u64,
    /// All payloads have this size: what one crash left may fit what is written after it.
    uniform_bytes: Option<u64>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let file_bytes = 300 + random.below(1500);
        let uniform_bytes = (random.below(2) == 0).then(|| random.below(150));
        Self {
            uniform_bytes,
            vfs: MemoryVfs::new(random.next()),
            random,
            settings: settings(file_bytes),
            log: None,
            issued: Vec::new(),
            acked_lsn: 0,
            first_lsn: 1,
        }
    }

    /// Opens until it works; checks what came back.
    fn open(&mut self) {
        if self.random.below(4) == 0 {
            self.plan_fault();
        }
        let mut tries = 0;
        let (log, report, frames) = loop {
            match open(&self.vfs, self.settings, self.first_lsn) {
                Ok(opened) => break opened,
                Err(error) => {
                    assert!(self.vfs.faults_fired() > 0, "{error:?}");
                    assert!(!matches!(error, LogError::Corrupt { .. }), "{error:?}");
                }
            }
            self.vfs.clear_faults();
            self.crash_disk();
            tries += 1;
            if tries < 3 && self.random.below(2) == 0 {
                self.plan_fault();
            }
        };
        let last_lsn = report.last_lsn;
        assert!(
            self.acked_lsn <= last_lsn,
            "{} > {report:?}",
            self.acked_lsn
        );
        assert!(last_lsn <= self.issued.len() as u64, "{report:?}");
        let expected = self.issued.iter().cloned().zip(1..=last_lsn);
        let expected: Frames = expected.map(|(payload, lsn)| (lsn, payload)).collect();
        assert_eq!(frames, expected[self.first_lsn as usize - 1..]);
        self.issued.truncate(last_lsn as usize);
        // An opened log has shown its frames: they must not vanish any more.
        self.acked_lsn = last_lsn;
        self.log = Some(log);
    }

    fn plan_fault(&mut self) {
        let faults = [
            Fault::Io,
            Fault::DiskFull,
            Fault::ShortWrite,
            Fault::Crash,
            Fault::Crash,
        ];
        let fault = faults[self.random.below(5) as usize];
        let at = self.vfs.operations() + self.random.below(40);
        self.vfs.fail_at(at, fault, self.random.below(3) == 0);
    }

    fn crash_disk(&mut self) {
        self.vfs = if self.random.below(2) == 0 {
            self.vfs.crash_process()
        } else {
            self.vfs.crash_power(self.random.next())
        };
    }

    fn crash(&mut self) {
        self.log = None;
        self.crash_disk();
        self.open();
    }

    fn append(&mut self, log: &Log) -> Result<(), LogError> {
        let len = match (self.uniform_bytes, self.random.below(20)) {
            (Some(bytes), _) => bytes,
            (None, 0) => 3000,
            (None, 1) => 0,
            _ => self.random.below(200),
        };
        let payload = self.random.bytes(len);
        log.reserve(payload.len(), &|| 0)?;
        self.issued.push(payload);
        let lsn = self.issued.len() as u64;
        log.append(lsn, &self.issued[lsn as usize - 1]);
        Ok(())
    }

    fn commit(&mut self, log: &Log) -> Result<(), LogError> {
        let last_lsn = self.issued.len() as u64;
        let unacked = last_lsn - self.acked_lsn;
        let lsn = last_lsn - self.random.below(unacked + 1);
        log.commit(lsn)?;
        assert!(log.durable_lsn() >= lsn);
        self.acked_lsn = self.acked_lsn.max(log.durable_lsn());
        Ok(())
    }

    fn step(&mut self) {
        let Some(log) = self.log.take() else {
            return self.open();
        };
        let done = match self.random.below(24) {
            0..12 => self.append(&log),
            12..18 => self.commit(&log),
            18 => log.seal(),
            19 => log.prepare_spare(),
            20 => {
                self.first_lsn += self.random.below(self.acked_lsn + 2 - self.first_lsn);
                log.trim(self.first_lsn)
            }
            21 => {
                self.plan_fault();
                Ok(())
            }
            22 => {
                let sealed = log.seal();
                drop(log);
                if sealed.is_ok() {
                    self.acked_lsn = self.issued.len() as u64;
                    self.vfs = self.vfs.crash_process();
                    return self.open();
                }
                return self.crash();
            }
            _ => return self.crash(),
        };
        match done {
            Ok(()) | Err(LogError::DiskFull(_)) => self.log = Some(log),
            Err(error) => {
                assert!(self.vfs.faults_fired() > 0, "{error:?}");
                // A poisoned log keeps refusing and never acknowledges anything again.
                if log.poison_cause().is_some() {
                    assert!(matches!(log.reserve(1, &|| 0), Err(LogError::Poisoned(_))));
                    assert!(
                        log.commit(self.issued.len() as u64).is_err()
                            || log.durable_lsn() == self.issued.len() as u64
                    );
                }
                self.acked_lsn = self.acked_lsn.max(log.durable_lsn());
                drop(log);
                self.crash();
            }
        }
    }
}

#[test]
fn acknowledged_frames_survive_every_history() {
    for_seeds(4000, |seed| {
        let mut model = Model::new(seed);
        for _ in 0..80 {
            model.step();
        }
        model.log = None;
        model.vfs.clear_faults();
        model.open();
    });
}

#[test]
fn the_same_seed_does_the_same() {
    let run = |seed| {
        let mut model = Model::new(seed);
        let mut traces = Vec::new();
        for _ in 0..80 {
            model.step();
            traces.push(model.vfs.trace());
        }
        traces
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
    }
    assert_ne!(run(1), run(2));
}
