//! Ends of the process, expected or not, and what is found afterwards.

use std::sync::Arc;

use tagdb_storage::check::check;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::Engine;
use tagdb_storage::vfs::{Fault, Vfs as _};
use tagdb_storage::{Error, ErrorKind, Result as EngineResult};

use super::Runner;
use super::send::{compact_some, send};
use crate::compare::{Mismatch, read, same};
use crate::history::{Interruption, Step, Stop, Write};
use crate::model::Database;

impl Runner {
    pub(super) fn stop(&mut self, stop: Stop) {
        let trace = self.summary.trace.rotate_left(1) ^ self.disk.trace();
        self.summary.trace = trace;
        self.summary.faults += self.disk.faults_fired();
        self.disk = match stop {
            Stop::Close | Stop::Kill => self.disk.crash_process(),
            Stop::Power(seed) => self.disk.crash_power(seed),
            Stop::Cut(damage, seed) => self.disk.crash_power_with(damage, seed),
        };
        match stop {
            Stop::Close => {}
            Stop::Kill => self.summary.kills += 1,
            Stop::Power(_) | Stop::Cut(..) => self.summary.cuts += 1,
        }
        self.engine = None;
    }

    fn open(&self) -> EngineResult<Arc<Engine>> {
        Engine::open(Arc::new(self.disk.clone()), self.settings, Clock::manual(0))
    }

    /// Opens the database and finds out which batches are there.
    pub(super) fn recover(&mut self) -> Result<(), Mismatch> {
        self.summary.openings += 1;
        let is_due = self.summary.openings.is_multiple_of(self.check_every);
        // At the first opening there is nothing to check.
        if is_due && self.summary.openings > 1 {
            let report = read("check", check(&self.disk))?;
            if !report.is_sound() {
                return Err(format!("the check finds {:?}", report.findings));
            }
        }
        let engine = read("open", self.open())?;
        let lsn = engine.snapshot().lsn().0;
        let found = self
            .versions
            .iter()
            .rev()
            .filter(|(version, _)| *version == lsn);
        let found: Vec<Arc<Database>> = found.map(|(_, model)| model.clone()).collect();
        let state = engine.snapshot();
        let mut wrong = format!(
            "opened at lsn {lsn}, of {} durable and {} given",
            self.durable, self.lsn
        );
        let right = found.into_iter().find(|model| {
            let compared = self.comparison.run(&state, model, &|_| true);
            compared.map_err(|other| wrong = other).is_ok()
        });
        self.model = Database::clone(&*right.ok_or(wrong)?);
        self.lsn = lsn;
        self.named.retain(|named| named.lsn <= lsn);
        self.engine = Some(engine);
        self.all_durable();
        self.check_snapshots()
    }

    /// Lets an operation on files fail within a step, and opens the database again if that calls
    /// for it, or the history does.
    pub(super) fn interrupted(&mut self, interruption: &Interruption) -> Result<(), Mismatch> {
        let Interruption {
            step,
            after,
            fault,
            sticky,
            stop,
        } = interruption;
        let engine = self.engine()?;
        let before = (self.lsn, self.model.clone());
        self.disk
            .fail_at(self.disk.operations() + after, *fault, *sticky);
        self.attempt(&engine, step, interruption)?;
        self.fired = self.disk.faults_fired() > 0;
        self.disk.clear_faults();
        let snapshot = match &**step {
            Step::Snapshot(name) => Some((name, before.0, before.1)),
            _ => None,
        };
        let is_well = *fault != Fault::Crash && engine.status().read_only.is_none();
        match (stop, &self.engine) {
            (None, Some(_)) if is_well => {
                self.follow(&engine);
                if let Some((name, lsn, model)) = snapshot {
                    let listed = read("list", engine.list_snapshots())?;
                    if listed.iter().any(|info| *info.name == **name) {
                        self.snapshots.insert(name.clone(), (lsn, model));
                    }
                }
                self.check_snapshots()
            }
            _ => {
                drop(engine);
                self.stop(stop.unwrap_or(Stop::Kill));
                self.recover_with(snapshot)
            }
        }
    }

    /// Lets others do what they can on a disk that is full, and makes room again.
    pub(super) fn full(&mut self, room: u64, steps: &[Step]) -> Result<(), Mismatch> {
        let engine = self.engine()?;
        let free = read_io("free space", self.disk.free_space())?;
        self.disk
            .set_capacity(Some((u64::MAX - free).saturating_add(room)));
        let full = |step: &Step| Interruption {
            step: Box::new(step.clone()),
            after: 0,
            fault: Fault::DiskFull,
            sticky: true,
            stop: None,
        };
        for step in steps {
            let before = (self.lsn, self.model.clone());
            self.attempt(&engine, step, &full(step))?;
            self.follow(&engine);
            if let Step::Snapshot(name) = step {
                let listed = read("list", engine.list_snapshots())?;
                if listed.iter().any(|info| *info.name == **name) {
                    self.snapshots.insert(name.clone(), before);
                }
            }
            self.compare(step)?;
        }
        self.disk.set_capacity(None);
        same(
            || "writes are refused".to_owned(),
            engine.status().read_only,
            None,
        )?;
        self.summary.full += 1;
        self.follow(&engine);
        self.check_snapshots()
    }

    /// A step that may fail, and what may be found after it.
    fn attempt(
        &mut self,
        engine: &Arc<Engine>,
        step: &Step,
        interruption: &Interruption,
    ) -> Result<(), Mismatch> {
        match step {
            Step::Write(write) => self.attempt_write(engine, write, interruption.fault)?,
            Step::Flush => {
                if engine.flush().is_ok() {
                    self.all_durable();
                }
            }
            Step::Load(load) => self.attempt_load(engine, load),
            Step::Compact(_) => drop(engine.compact(None)),
            Step::CompactDue => drop(engine.compact_due()),
            Step::CompactSome(seed) => drop(compact_some(engine, *seed)),
            Step::Snapshot(name) => {
                if engine.create_snapshot(name).is_ok() {
                    self.all_durable();
                }
            }
            Step::Reopen(stop) => {
                if matches!(stop, Stop::Close) && engine.close().is_ok() {
                    self.all_durable();
                }
                self.stop(*stop);
                let Interruption {
                    after,
                    fault,
                    sticky,
                    ..
                } = interruption;
                self.disk.fail_at(*after, *fault, *sticky);
                drop(self.open());
            }
            other => return Err(format!("{other:?} cannot be interrupted")),
        }
        Ok(())
    }

    /// A write that is answered with an error has not happened, unless the error says that this
    /// is unknown.
    fn attempt_write(
        &mut self,
        engine: &Engine,
        write: &Write,
        fault: Fault,
    ) -> Result<(), Mismatch> {
        let answer = send(engine, write);
        let unknown = |error: &Error| fault == Fault::Crash || error.kind() == ErrorKind::Unknown;
        match (self.model.apply(write), answer) {
            (Ok((next, counts)), Ok(receipt)) => {
                self.advance(write, next, counts);
                if receipt.durable {
                    self.all_durable();
                }
            }
            (Ok((next, counts)), Err(error)) if unknown(&error) => {
                self.advance(write, next, counts);
            }
            (Err(refused), Ok(_)) => return Err(format!("a write was taken that is {refused}")),
            (_, Err(_)) => {}
        }
        Ok(())
    }

    /// As `recover`; a snapshot that was under way is there or not.
    fn recover_with(
        &mut self,
        under_way: Option<(&Arc<str>, u64, Database)>,
    ) -> Result<(), Mismatch> {
        let Some((name, lsn, model)) = under_way else {
            return self.recover();
        };
        let before = self.snapshots.clone();
        self.snapshots.insert(name.clone(), (lsn, model));
        if self.recover().is_ok() {
            return Ok(());
        }
        if let Some(engine) = self.engine.take() {
            drop(engine);
            self.stop(Stop::Kill);
        }
        self.snapshots = before;
        self.recover()
    }
}

fn read_io<T>(what: &str, result: std::io::Result<T>) -> Result<T, Mismatch> {
    result.map_err(|error| format!("{what}: {error}"))
}
