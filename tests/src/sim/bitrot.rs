//! Damage to what was durable: bytes turned, files cut, missing or exchanged, blocks written to the
//! wrong place. Whatever it is, the database names the damaged file or answers as before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings};
use tagdb_storage::vfs::{MemoryVfs, Mode, RelPath, Vfs};
use tagdb_storage::{Error, ErrorKind, paths};

use super::restart::{create, rows};
use super::{said, sweep};
use crate::compare::Comparison;
use crate::history::{History, Step};
use crate::model::Database;
use crate::random::Random;
use crate::run::build;

/// A closed database that is small, has all kinds of files, and writes in its log.
#[derive(Debug)]
pub struct Sound {
    /// Its disk.
    pub disk: MemoryVfs,
    /// What it holds.
    pub model: Database,
    /// All its files, with their lengths.
    pub files: Vec<(RelPath, u64)>,
}

/// What damage came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The database does not open, and names the file.
    Refused,
    /// It opens, and what reads the damage fails and names the file.
    Named,
    /// Everything is answered as before.
    Harmless,
}

/// How often each came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// See [`Outcome::Refused`].
    pub refused: u64,
    /// See [`Outcome::Named`].
    pub named: u64,
    /// See [`Outcome::Harmless`].
    pub harmless: u64,
}

impl Verdicts {
    const fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Refused => self.refused += 1,
            Outcome::Named => self.named += 1,
            Outcome::Harmless => self.harmless += 1,
        }
    }
}

fn settings() -> Settings {
    Settings {
        cache_bytes: 1 << 20,
        log_file_bytes: 1 << 10,
        background: false,
        ..Settings::default()
    }
}

/// Opens a database on a disk that may be damaged.
///
/// # Errors
/// It cannot be opened.
pub fn open(disk: &MemoryVfs) -> Result<Arc<Engine>, Error> {
    Engine::open(Arc::new(disk.clone()), settings(), Clock::manual(0))
}

/// The database that is damaged.
///
/// # Errors
/// It cannot be made.
pub fn sound() -> Result<Sound, String> {
    let mut steps = sweep::script();
    steps.truncate(9);
    let mut other = rows(0..3, 9, true);
    other.edits[0].0 = Arc::from("u");
    steps.extend([
        Step::Write(create("u")),
        Step::Write(other),
        Step::Flush,
        Step::Write(rows(4..6, 6, true)),
        Step::Write(rows(5..7, 7, true)),
    ]);
    let history = History {
        seed: 1,
        cache_bytes: 1 << 20,
        log_file_bytes: 1 << 10,
        load_cells: 1,
        check_every: 1,
        steps,
    };
    let (disk, model) = build(&history).map_err(|failure| failure.wrong)?;
    let files = files(&disk).map_err(|error| error.to_string())?;
    Ok(Sound { disk, model, files })
}

fn files(disk: &MemoryVfs) -> std::io::Result<Vec<(RelPath, u64)>> {
    let mut folders = vec![paths::manifest_dir(), paths::log_dir()];
    folders.extend(disk.list(&paths::data_dir())?);
    let mut files = Vec::new();
    for folder in folders {
        for path in disk.list(&folder)? {
            let len = disk.open(&path, Mode::Read)?.len()?;
            files.push((path, len));
        }
    }
    Ok(files)
}

impl Sound {
    /// Turns one bit of every byte from `first` on in steps of `step`.
    ///
    /// # Errors
    /// A wrong answer, a panic, or an error that does not name the file.
    pub fn flips(&self, first: u64, step: usize) -> Result<Verdicts, String> {
        let mut verdicts = Verdicts::default();
        let mut random = Random::new(first);
        for (path, len) in &self.files {
            for at in (first..*len).step_by(step) {
                let mask = 1 << random.below(8);
                let damaged = self.disk.fork();
                let flipped = damaged.flip(path, at, mask);
                flipped.map_err(|error| error.to_string())?;
                let case = || format!("byte {at} of {len} of {path}, bits {mask:08b}");
                verdicts.add(self.judge(&damaged, &[path], &case)?);
            }
        }
        Ok(verdicts)
    }

    /// Cuts every file in some places, takes it away, exchanges it with others of its kind, and
    /// puts blocks of others over its own.
    ///
    /// # Errors
    /// As [`Self::flips`].
    pub fn structural(&self, seed: u64) -> Result<Verdicts, String> {
        let mut verdicts = Verdicts::default();
        let mut random = Random::new(seed);
        for (path, len) in &self.files {
            for to in [0, 1, len / 2, len - 1, random.below(*len as usize) as u64] {
                let damaged = self.disk.fork();
                cut(&damaged, path, to).map_err(|error| error.to_string())?;
                let case = || format!("{path} of {len} bytes is cut to {to}");
                verdicts.add(self.judge(&damaged, &[path], &case)?);
            }
            if self.is_missed(path) {
                let damaged = self.disk.fork();
                damaged.remove(path).map_err(|error| error.to_string())?;
                // Of a missing log file the place is told where it should go on.
                let kin = self.files.iter().map(|(other, _)| other);
                let kin: Vec<&RelPath> = kin
                    .filter(|other| *other == path || is_log(path) && is_log(other))
                    .collect();
                verdicts.add(self.judge(&damaged, &kin, &|| format!("{path} is gone"))?);
            }
            for (other, other_len) in &self.files {
                if other > path {
                    let damaged = self.disk.fork();
                    exchange(&damaged, path, other).map_err(|error| error.to_string())?;
                    let case = || format!("{path} and {other} are exchanged");
                    verdicts.add(self.judge(&damaged, &[path, other], &case)?);
                }
                // A block over the last frames of the log may take the seal that proves them along:
                // that is beyond what can be promised.
                let blocks: &[usize] = match is_log(path) && !self.is_missed(path) {
                    true => &[],
                    false => &[16, 64, 512],
                };
                for block in blocks.iter().copied() {
                    let (from, to) = (
                        random.below(*other_len as usize),
                        random.below(*len as usize),
                    );
                    let damaged = self.disk.fork();
                    let (from, to) = ((other, from as u64), (path, to as u64));
                    if damaged.misdirect(from, to, block).is_ok() {
                        let case = || format!("{block} bytes of {from:?} are written to {to:?}");
                        verdicts.add(self.judge(&damaged, &[path], &case)?);
                    }
                }
            }
        }
        Ok(verdicts)
    }

    /// Whether the database remembers a file: nothing outside tells of the newest manifest, and of
    /// the last of the log's files.
    fn is_missed(&self, path: &RelPath) -> bool {
        let last_of_log = self.files.iter().rev().find(|(path, _)| is_log(path));
        paths::parse_manifest(path).is_none() && last_of_log.is_none_or(|(last, _)| last != path)
    }

    fn judge(
        &self,
        damaged: &MemoryVfs,
        suspects: &[&RelPath],
        case: &dyn Fn() -> String,
    ) -> Result<Outcome, String> {
        let looked = catch_unwind(AssertUnwindSafe(|| self.look(damaged, suspects)));
        match looked {
            Ok(outcome) => outcome.map_err(|wrong| format!("{}: {wrong}", case())),
            Err(panic) => Err(format!("{}: a panic: {}", case(), said(&*panic))),
        }
    }

    fn look(&self, damaged: &MemoryVfs, suspects: &[&RelPath]) -> Result<Outcome, String> {
        let is_named = |text: &str| suspects.iter().any(|path| text.contains(path.as_str()));
        let engine = match open(damaged) {
            Ok(engine) => engine,
            Err(error) if is_honest(&error) && is_named(error.detail()) => {
                return Ok(Outcome::Refused);
            }
            Err(error) => return Err(format!("refused without a name: {error}")),
        };
        let state = engine.snapshot();
        let mut comparison = Comparison::new(1);
        let mut outcome = Outcome::Harmless;
        for name in self.model.tables.keys() {
            let compared = comparison.run(&state, &self.model, &|table| table == &**name);
            match compared {
                Ok(()) => {}
                Err(wrong) if wrong.contains("(corrupt)") && is_named(&wrong) => {
                    outcome = Outcome::Named;
                }
                Err(wrong) => return Err(wrong),
            }
        }
        Ok(outcome)
    }
}

fn is_log(path: &RelPath) -> bool {
    paths::parse_log_file(path).is_some()
}

fn is_honest(error: &Error) -> bool {
    error.kind() == ErrorKind::Corrupt || error.detail().contains("not found")
}

fn cut(disk: &MemoryVfs, path: &RelPath, len: u64) -> std::io::Result<()> {
    let file = disk.open(path, Mode::ReadWrite)?;
    file.set_len(len)?;
    file.sync_data()
}

fn exchange(disk: &MemoryVfs, a: &RelPath, b: &RelPath) -> std::io::Result<()> {
    let (old, new) = (bytes_of(disk, a)?, bytes_of(disk, b)?);
    for (path, bytes) in [(a, new), (b, old)] {
        disk.remove(path)?;
        let file = disk.create_new(path)?;
        tagdb_storage::vfs::write_all_at(&*file, 0, &bytes)?;
        file.sync_data()?;
    }
    Ok(())
}

/// The bytes of a file.
///
/// # Errors
/// It is not there.
pub fn bytes_of(disk: &MemoryVfs, path: &RelPath) -> std::io::Result<Vec<u8>> {
    let file = disk.open(path, Mode::Read)?;
    let mut bytes = vec![0; file.len()? as usize];
    tagdb_storage::vfs::read_exact_at(&*file, 0, &mut bytes)?;
    Ok(bytes)
}
