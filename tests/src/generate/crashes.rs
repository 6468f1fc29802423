//! Histories that are nearly all faults: a little is written, and then something goes wrong.

use tagdb_storage::vfs::{Damage, Fault};

use super::Generator;
use crate::history::{History, Interruption, Step, Stop};
use crate::random::Random;

/// The history of crashes of a seed.
#[must_use]
pub fn crashes(seed: u64) -> History {
    let mut random = Random::new(seed);
    let cache_bytes = *random.pick(&[0, 1 << 14, 1 << 20]);
    let log_file_bytes = *random.pick(&[1 << 10, 2 << 10, 8 << 10]);
    let load_cells = *random.pick(&[1, 50]);
    let mut generator = Generator::new(random, [0; 18]);
    generator.keys = *generator.random.pick(&[2, 3, 6]);
    let create = generator.create();
    let mut steps = vec![generator.write(Some(create), Vec::new())];
    for _ in 0..6 + generator.random.below(20) {
        let step = generator.faulty_step();
        steps.push(step);
    }
    History {
        seed,
        cache_bytes,
        log_file_bytes,
        load_cells,
        check_every: 2,
        steps,
    }
}

impl Generator {
    fn faulty_step(&mut self) -> Step {
        match self.random.below(24) {
            0..8 => self.small_write(),
            8 => self.mixed(),
            9 => {
                let ddl = self.ddl();
                self.write(Some(ddl), Vec::new())
            }
            10 => Step::Flush,
            11 => Step::Compact(None),
            12..17 => Step::Reopen(self.crash()),
            17 => {
                let steps = (0..1 + self.random.below(4)).map(|_| self.work()).collect();
                let room = *self.random.pick(&[0, 40, 500, 3_000]);
                Step::Full { room, steps }
            }
            18 if self.random.one_in(2) => self.with_snapshot(Step::Restore),
            18 => self.with_snapshot(Step::DeleteSnapshot),
            _ => self.faulty_work(),
        }
    }

    fn small_write(&mut self) -> Step {
        match self.random.below(4) {
            0 => self.edits(&[Self::delete]),
            1 => self.edits(&[Self::assign]),
            _ => self.edits(&[Self::rows]),
        }
    }

    /// What can be interrupted.
    fn work(&mut self) -> Step {
        match self.random.below(10) {
            0 | 1 => Step::Flush,
            2 => Step::Compact(None),
            3 => Step::CompactSome(self.random.next()),
            4 => {
                let name = self.name("s");
                self.snapshots.push(name.clone());
                Step::Snapshot(name)
            }
            5 => self.load(),
            _ => self.small_write(),
        }
    }

    fn faulty_work(&mut self) -> Step {
        let step = match self.random.below(4) {
            0 => Step::Reopen(self.crash()),
            _ => self.work(),
        };
        let most = *self.random.pick(&[2, 4, 16, 60]);
        let after = self.random.below(most) as u64;
        let fault = *self.random.pick(&[
            Fault::Crash,
            Fault::Crash,
            Fault::Io,
            Fault::Io,
            Fault::DiskFull,
            Fault::ShortWrite,
        ]);
        let stop = match self.random.below(4) {
            0 => None,
            _ => Some(self.crash()),
        };
        Step::Interrupted(Interruption {
            step: Box::new(step),
            after,
            fault,
            sticky: self.random.one_in(3),
            stop,
        })
    }

    fn crash(&mut self) -> Stop {
        let seed = self.random.next();
        match self.random.below(8) {
            0 => Stop::Close,
            1 | 2 => Stop::Kill,
            3 => Stop::Cut(Damage::LoseAll, seed),
            4 => Stop::Cut(*self.random.pick(&Damage::SINGLE), seed),
            _ => Stop::Power(seed),
        }
    }
}
