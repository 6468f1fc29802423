//! Running a history on an engine and on the model side by side, with a comparison after every
//! step.

mod load;
mod send;
mod stop;

use std::collections::BTreeMap;
use std::sync::Arc;

use tagdb_storage::Error;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{self, Engine, Settings};
use tagdb_storage::vfs::MemoryVfs;

use self::send::{burn, compact_some, counts_of, options, send};
use crate::compare::{Comparison, Mismatch, read, same};
use crate::history::{History, Step, Stop, Write};
use crate::model::{Counts, Database};
use crate::translate::table_id;

/// What a run amounts to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Steps that were run.
    pub steps: usize,
    /// Of them writes that were refused, as they should.
    pub refused: usize,
    /// Openings after a crash or a clean stop.
    pub openings: usize,
    /// The most layers of one tag over living subjects.
    pub depth: usize,
    /// Ends of the process.
    pub kills: usize,
    /// Ends of the power.
    pub cuts: usize,
    /// Operations on files that failed.
    pub faults: u64,
    /// Times that the disk was full.
    pub full: usize,
    /// A hash over all operations on files.
    pub trace: u64,
    /// Whether the last fault that was planned has come.
    pub fired: bool,
}

/// Where a run went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The step.
    pub step: usize,
    /// What is wrong.
    pub wrong: Mismatch,
}

/// A write that was given a name.
#[derive(Clone, Debug)]
struct Named {
    name: Arc<str>,
    lsn: u64,
    counts: Counts,
}

/// Engine and model side by side.
#[derive(Debug)]
struct Runner {
    settings: Settings,
    disk: MemoryVfs,
    engine: Option<Arc<Engine>>,
    /// After the last batch, durable or not.
    model: Database,
    /// The last batch.
    lsn: u64,
    /// All batches up to here survive whatever comes.
    durable: u64,
    /// The model after each batch that may be the last one to survive.
    versions: Vec<(u64, Arc<Database>)>,
    named: Vec<Named>,
    snapshots: BTreeMap<Arc<str>, (u64, Database)>,
    comparison: Comparison,
    summary: Summary,
    /// The whole database is checked at every so many openings.
    check_every: usize,
    /// Whether the fault of the last interruption has come.
    fired: bool,
}

/// Runs a history.
///
/// # Errors
/// The engine and the model disagree.
pub fn run(history: &History) -> Result<Summary, Failure> {
    let mut runner = run_steps(history)?;
    runner.stop(Stop::Close);
    runner.summary.depth = runner.comparison.depth;
    runner.summary.fired = runner.fired;
    Ok(runner.summary)
}

/// Runs a history without faults, and closes the database: what is on the disk then, and the model
/// of it.
///
/// # Errors
/// The engine and the model disagree, or the database cannot be closed.
pub fn build(history: &History) -> Result<(MemoryVfs, Database), Failure> {
    let mut runner = run_steps(history)?;
    let closed = runner
        .engine()
        .and_then(|engine| read("close", engine.close()));
    closed.map_err(|wrong| Failure {
        step: history.steps.len(),
        wrong,
    })?;
    runner.stop(Stop::Close);
    Ok((runner.disk, runner.model))
}

fn run_steps(history: &History) -> Result<Runner, Failure> {
    let settings = Settings {
        cache_bytes: history.cache_bytes,
        log_file_bytes: history.log_file_bytes,
        load_cells: history.load_cells,
        background: false,
        ..Settings::default()
    };
    let mut runner = Runner {
        settings,
        disk: MemoryVfs::new(history.seed),
        engine: None,
        model: Database::default(),
        lsn: 0,
        durable: 0,
        versions: vec![(0, Arc::default())],
        named: Vec::new(),
        snapshots: BTreeMap::new(),
        comparison: Comparison::new(history.seed),
        summary: Summary::default(),
        check_every: history.check_every,
        fired: false,
    };
    runner
        .recover()
        .map_err(|wrong| Failure { step: 0, wrong })?;
    for (step, operation) in history.steps.iter().enumerate() {
        runner
            .step(operation)
            .and_then(|()| runner.compare(operation))
            .map_err(|wrong| Failure { step, wrong })?;
        runner.summary.steps += 1;
    }
    Ok(runner)
}

impl Runner {
    fn engine(&self) -> Result<Arc<Engine>, Mismatch> {
        self.engine
            .clone()
            .ok_or_else(|| "the database is not open".to_owned())
    }

    /// Compares what a step touched, and now and then the rest.
    fn compare(&mut self, step: &Step) -> Result<(), Mismatch> {
        let state = self.engine()?.snapshot();
        same(|| "lsn".to_owned(), state.lsn().0, self.lsn)?;
        let touched: Option<Vec<&str>> = match step {
            Step::Write(write) if write.schema.is_none() && !self.lsn.is_multiple_of(8) => {
                Some(write.edits.iter().map(|(table, _)| &**table).collect())
            }
            Step::Repeat { .. } | Step::DeleteSnapshot(_) => Some(Vec::new()),
            _ => None,
        };
        let wanted = |table: &str| {
            touched
                .as_ref()
                .is_none_or(|touched| touched.contains(&table))
        };
        self.comparison.run(&state, &self.model, &wanted)
    }

    fn step(&mut self, step: &Step) -> Result<(), Mismatch> {
        let engine = self.engine()?;
        match step {
            Step::Write(write) => self.write(write),
            Step::Load(load) => self.load(load),
            Step::Burn { table, count } => self.burn(table, *count),
            Step::Flush => {
                read("flush", engine.flush())?;
                self.all_durable();
                Ok(())
            }
            Step::Compact(table) => {
                let state = engine.snapshot();
                let id = table.as_ref().map(|name| table_id(state.catalog(), name));
                read("compact", engine.compact(id))
            }
            Step::CompactDue => read("compact", engine.compact_due()).map(drop),
            Step::CompactSome(seed) => read("compact", compact_some(&engine, *seed)).map(drop),
            Step::Reopen(stop) => {
                if matches!(stop, Stop::Close) {
                    read("close", engine.close())?;
                    self.all_durable();
                }
                drop(engine);
                self.stop(*stop);
                self.recover()
            }
            Step::Interrupted(interruption) => {
                drop(engine);
                self.interrupted(interruption)
            }
            Step::Full { room, steps } => self.full(*room, steps),
            Step::Repeat { same } => self.repeat(*same),
            Step::Snapshot(name) => {
                let info = read("snapshot", engine.create_snapshot(name))?;
                same(|| "lsn of the snapshot".to_owned(), info.lsn.0, self.lsn)?;
                self.all_durable();
                self.snapshots
                    .insert(name.clone(), (self.lsn, self.model.clone()));
                self.check_snapshots()
            }
            Step::Restore(name) => self.restore(name),
            Step::DeleteSnapshot(name) => {
                let known = self.snapshots.remove(name).is_some();
                same(
                    || "delete".to_owned(),
                    engine.delete_snapshot(name).is_ok(),
                    known,
                )?;
                self.check_snapshots()
            }
            Step::OpenTwice => {
                let second =
                    Engine::open(Arc::new(self.disk.clone()), self.settings, Clock::manual(0));
                let code = second.err().map(|error| error.code());
                same(|| "a second opening".to_owned(), code, Some("in_use"))
            }
        }
    }

    fn all_durable(&mut self) {
        self.durable = self.lsn;
        self.versions = vec![(self.lsn, Arc::new(self.model.clone()))];
    }

    fn write(&mut self, write: &Write) -> Result<(), Mismatch> {
        let engine = self.engine()?;
        match (self.model.apply(write), send(&engine, write)) {
            (Ok((next, counts)), Ok(receipt)) => {
                same(|| "outcome".to_owned(), counts_of(&receipt), counts)?;
                same(|| "lsn of a batch".to_owned(), receipt.lsn.0, self.lsn + 1)?;
                same(|| "replayed".to_owned(), receipt.replayed, false)?;
                self.advance(write, next, counts);
                if receipt.durable {
                    self.all_durable();
                }
                same(
                    || "durable".to_owned(),
                    receipt.durable || !write.durable,
                    true,
                )
            }
            (Err(refused), Err(error)) => {
                self.summary.refused += 1;
                same(|| format!("refusal ({error})"), error.code(), refused)
            }
            (Err(refused), Ok(_)) => Err(format!("a write was taken that is {refused}")),
            (Ok(_), Err(error)) => Err(format!("a write was refused: {error} ({})", error.code())),
        }
    }

    /// Takes a batch into the model.
    fn advance(&mut self, write: &Write, next: Database, counts: Counts) {
        self.lsn += 1;
        self.model = next;
        self.versions.push((self.lsn, Arc::new(self.model.clone())));
        if let Some(name) = &write.name {
            self.named.push(Named {
                name: name.clone(),
                lsn: self.lsn,
                counts,
            });
        }
    }

    fn burn(&mut self, table: &str, count: u32) -> Result<(), Mismatch> {
        let engine = self.engine()?;
        let burnt = burn(&engine, table, count);
        let known = self.model.tables.contains_key(table);
        same(
            || format!("burning of ordinals ({burnt:?})"),
            burnt.is_ok(),
            known,
        )?;
        self.lsn += burnt.unwrap_or(0);
        self.all_durable();
        Ok(())
    }

    /// Sends the last named write again.
    fn repeat(&mut self, as_it_was: bool) -> Result<(), Mismatch> {
        let engine = self.engine()?;
        let Some(named) = self.named.last() else {
            return Ok(());
        };
        let mut options = options(true, Some(&named.name));
        if let Some(idempotency) = options.idempotency.as_mut().filter(|_| !as_it_was) {
            idempotency.fingerprint += 1;
        }
        let refuse = |_: &engine::DbState| Err(Error::internal("it was prepared a second time"));
        match engine.write::<Error>(&options, refuse) {
            Ok(receipt) if as_it_was => {
                let outcome = receipt.outcome;
                let got = (
                    receipt.replayed,
                    receipt.lsn.0,
                    outcome.rows,
                    outcome.created,
                );
                let want = (true, named.lsn, named.counts.rows, named.counts.created);
                same(|| "a repeat".to_owned(), got, want)?;
                let detail = named.name.as_bytes().to_vec();
                same(
                    || "the detail of a repeat".to_owned(),
                    receipt.detail,
                    detail,
                )?;
                // A repeat is answered when the first write is durable.
                self.all_durable_to(named.lsn);
                Ok(())
            }
            Ok(_) => Err("another write was taken under a name that was used".to_owned()),
            Err(error) => {
                let want = if as_it_was {
                    "an answer"
                } else {
                    "idempotency_key_reused"
                };
                same(|| format!("a repeat ({error})"), error.code(), want)
            }
        }
    }

    fn all_durable_to(&mut self, lsn: u64) {
        self.durable = self.durable.max(lsn);
        self.versions.retain(|(version, _)| *version >= lsn);
    }

    fn check_snapshots(&self) -> Result<(), Mismatch> {
        let listed = read("list", self.engine()?.list_snapshots())?;
        let got: BTreeMap<&str, u64> = listed
            .iter()
            .map(|info| (info.name.as_str(), info.lsn.0))
            .collect();
        let want = self
            .snapshots
            .iter()
            .map(|(name, (lsn, _))| (&**name, *lsn))
            .collect();
        same(|| "snapshots".to_owned(), got, want)
    }

    fn restore(&mut self, name: &str) -> Result<(), Mismatch> {
        let target = MemoryVfs::new(self.lsn);
        let restored = engine::restore(&self.disk, name, &target);
        let Some((lsn, model)) = self.snapshots.get(name) else {
            let code = restored.err().map(|error| error.code());
            return same(|| "restore of nothing".to_owned(), code, Some("not_found"));
        };
        read("restore", restored)?;
        let target = target.crash_power(self.lsn);
        let engine = read(
            "open",
            Engine::open(Arc::new(target), self.settings, Clock::manual(0)),
        )?;
        let state = engine.snapshot();
        same(|| "lsn of the restored".to_owned(), state.lsn().0, *lsn)?;
        self.comparison.run(&state, model, &|_| true)
    }
}
