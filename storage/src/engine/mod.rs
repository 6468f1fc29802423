//! The engine: one write lock, one log, immutable roots.
//!
//! A write is prepared on the *pending* root under the write lock, logged, applied, and made
//! visible by publishing its root once the log is durable. Readers take the *published* root and
//! hold no lock. Flush, compaction and load replace files behind the roots' backs, each by one
//! manifest edit.

mod apply;
mod backlog;
pub mod batch;
mod compact;
mod compact_names;
mod damaged;
mod edit;
mod files;
mod flush;
mod load;
mod maintenance;
mod memtable;
mod open;
mod policy;
mod recorded;
pub mod root;
mod scratch;
mod section;
pub mod segments;
mod sequence;
mod settings;
mod sizes;
mod snapshot;
mod status;
mod subject;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

pub use batch::{Idempotency, Outcome};
pub use compact::Choose;
pub use load::Loader;
pub(crate) use open::{load_state, replay};
pub use root::{DbState, PartitionState, TableState};
pub use scratch::ScratchFile;
pub use settings::Settings;
pub use snapshot::{SnapshotInfo, restore};
pub use status::EngineStatus;
pub use subject::Subject;
pub use write::{Receipt, WriteOptions};

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Lsn, TagId};
use crate::log::{Log, LogError};
use crate::manifest::Opening;
use crate::segment::BlobCache;
use crate::sync::{Mutex, RwLock};
use crate::vfs::{LockGuard, Vfs};
use damaged::DamagedFiles;
use files::Files;
use maintenance::Maintenance;
use recorded::RecordedWrites;

/// The storage engine of one data folder.
#[derive(Debug)]
pub struct Engine {
    vfs: Arc<dyn Vfs>,
    settings: Settings,
    clock: Clock,
    cache: Arc<BlobCache>,
    log: Log,
    epoch: u32,
    openings: Vec<Opening>,
    sequencer: Mutex<Sequencer>,
    roots: Arc<Roots>,
    files: Mutex<Files>,
    /// One flush, load or snapshot at a time.
    flushing: Mutex<()>,
    /// One compaction at a time.
    compacting: Mutex<()>,
    maintenance: Maintenance,
    damaged: DamagedFiles,
    _lock: LockGuard,
}

/// What only the holder of the write lock touches.
#[derive(Debug)]
struct Sequencer {
    pending: Arc<DbState>,
    /// Layers up to here are being flushed.
    barrier: Option<Lsn>,
    writes: RecordedWrites,
    /// Tags that loads are replacing.
    replacing: BTreeSet<TagId>,
    /// Loads under way.
    loads: usize,
}

/// The published root, and those that wait to be durable.
#[derive(Debug)]
struct Roots {
    published: RwLock<Arc<DbState>>,
    waiting: Mutex<VecDeque<Arc<DbState>>>,
}

impl Roots {
    fn new(state: Arc<DbState>) -> Self {
        Self {
            published: RwLock::new(state),
            waiting: Mutex::new(VecDeque::new()),
        }
    }

    /// Publishes the newest waiting root that is not above `lsn`.
    fn publish(&self, lsn: Lsn) {
        let mut newest = None;
        let mut waiting = self.waiting.lock();
        while waiting.front().is_some_and(|state| state.lsn <= lsn) {
            newest = waiting.pop_front();
        }
        let Some(state) = newest else { return };
        *self.published.write() = state;
    }

    /// Publishes a root that nobody waits for.
    fn publish_at_once(&self, state: Arc<DbState>) {
        let waiting = self.waiting.lock();
        debug_assert!(waiting.is_empty(), "a root is passed over");
        *self.published.write() = state;
    }

    /// The last batch that there is, visible or not.
    fn newest(&self) -> Lsn {
        let waiting = self.waiting.lock();
        let newest = waiting.back().map(|state| state.lsn);
        newest.unwrap_or_else(|| self.published.read().lsn)
    }

    /// Changes every root: the published one, and those that wait.
    fn edit(&self, edit: &dyn Fn(&mut DbState)) {
        let mut waiting = self.waiting.lock();
        for state in waiting.iter_mut() {
            edit(Arc::make_mut(state));
        }
        let mut published = self.published.write();
        let mut state = DbState::clone(&published);
        edit(&mut state);
        *published = Arc::new(state);
    }
}

impl Engine {
    /// All state that is visible now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<DbState> {
        self.roots.published.read().clone()
    }

    /// The token of a batch, by which a reader asks for at least that state.
    #[must_use]
    pub fn token(&self, lsn: Lsn) -> String {
        format!("0.{}.{lsn}", self.epoch)
    }

    /// The batch of a token.
    ///
    /// # Errors
    /// `bad_parameter` for what is not a token, `write_lost` for one of a state that is gone.
    pub fn lsn_of_token(&self, token: &str) -> Result<Lsn> {
        let malformed = || {
            let detail = format!("{token:?} is not a token of this database");
            Error::new(ErrorKind::Invalid, "bad_parameter", detail)
        };
        let parts: Vec<&str> = token.split('.').collect();
        let [log, epoch, lsn] = parts.as_slice() else {
            return Err(malformed());
        };
        let epoch: u32 = epoch.parse().map_err(|_| malformed())?;
        let lsn = Lsn(lsn.parse().map_err(|_| malformed())?);
        if *log != "0" {
            return Err(malformed());
        }
        // What the next opening did not find is gone, even if its number has been given again.
        let later = self
            .openings
            .partition_point(|opening| opening.epoch <= epoch);
        let next = self.openings.get(later);
        let last = next.map_or_else(|| self.roots.newest(), |opening| opening.lsn);
        if epoch > self.epoch || lsn > last {
            let detail = format!("the write of token {token:?} is not in this database");
            return Err(Error::new(ErrorKind::Conflict, "write_lost", detail));
        }
        Ok(lsn)
    }

    /// Where time comes from.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    fn poisoned(&self) -> Option<Error> {
        let cause = self.log.poison_cause()?;
        let detail = format!(
            "an earlier write could not be made durable ({cause}): the database takes no writes \
             until it is restarted; reads go on"
        );
        Some(Error::new(ErrorKind::Poisoned, "read_only", detail))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.cache.clear();
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        if let LogError::Corrupt {
            file,
            offset,
            expected,
        } = &error
        {
            return Self::corrupt(file, *offset, expected);
        }
        let (kind, code) = match &error {
            LogError::Missing { .. } | LogError::UnknownVersion { .. } => {
                (ErrorKind::Corrupt, "corrupt")
            }
            LogError::DiskFull(_) => (ErrorKind::DiskFull, "disk_full"),
            LogError::TooLarge { .. } => (ErrorKind::Limit, "limit_exceeded"),
            LogError::Unknown { .. } => (ErrorKind::Unknown, "write_unknown"),
            LogError::Poisoned(_) => (ErrorKind::Poisoned, "read_only"),
            _ => (ErrorKind::Io, "io"),
        };
        Self::new(kind, code, error.to_string())
    }
}
