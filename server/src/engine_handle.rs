//! Where async code meets the synchronous engine: turns for statements, row writes and uploads,
//! each bounded, and flags that stop the work nobody waits for any longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tagdb_query::Database;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings};
use tagdb_storage::vfs::OsVfs;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Config;
use crate::http::{ApiError, ApiResult};
use crate::metrics::{Counted, Metrics};

/// Opens the database in the folder of the settings.
///
/// # Errors
/// When another process has it open, or it cannot be read; see [`Engine::open`].
pub fn open(config: &Config) -> tagdb_storage::Result<Arc<Database>> {
    let vfs = OsVfs::new(&config.data)
        .map_err(|error| tagdb_storage::Error::io(config.data.display(), error))?;
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let settings = Settings {
        cache_bytes: config.cache_bytes,
        flush_bytes: bytes(config.flush_bytes),
        memory_bytes_max: bytes(config.memory_bytes_max),
        layers_max: config.layers_max,
        ..Settings::default()
    };
    let engine = Engine::open(Arc::new(vfs), settings, Clock::system())?;
    Ok(Arc::new(Database::new(engine, config.limits.clone())))
}

/// Writes of single rows at a time. Most of them wait for one and the same fsync, so that many at
/// a time make it cheaper for each.
const ROW_WRITES_MAX: usize = 256;
/// Looks at the server's own figures at a time. They have turns of their own, so that they are told
/// when nobody else gets one.
const STATUS_MAX: usize = 4;
/// Time that an upload waits for its turn.
const UPLOAD_WAIT: Duration = Duration::from_secs(10);

/// Set when work shall stop at its next look.
pub type CancelFlag = Arc<AtomicBool>;

/// Sets its flag when it is dropped: when the request that wanted the work is gone.
#[derive(Debug)]
pub struct CancelOnDrop {
    /// None once it is not to be set any more.
    flag: Option<CancelFlag>,
}

impl Default for CancelOnDrop {
    fn default() -> Self {
        Self::of(CancelFlag::default())
    }
}

impl CancelOnDrop {
    /// Sets a flag that is there already.
    #[must_use]
    pub const fn of(flag: CancelFlag) -> Self {
        Self { flag: Some(flag) }
    }

    /// The flag, for work that goes on when the request is gone.
    #[must_use]
    pub fn keep(mut self) -> CancelFlag {
        self.flag.take().unwrap_or_default()
    }

    /// The flag, for those who do the work.
    #[must_use]
    pub fn flag(&self) -> CancelFlag {
        self.flag.clone().unwrap_or_default()
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(flag) = &self.flag {
            flag.store(true, Ordering::Relaxed);
        }
    }
}

/// Which queue work waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// SQL and look-ups of many rows.
    Statement,
    /// The next piece of a result under way: it takes its turn, but is never refused a place.
    Stream,
    /// Writes of single rows.
    RowWrite,
    /// The server's own figures, which do not count as statements.
    Status,
}

/// The engine, as handlers reach it.
#[derive(Debug)]
pub struct EngineHandle {
    database: Arc<Database>,
    metrics: Arc<Metrics>,
    statements: Arc<Semaphore>,
    row_writes: Arc<Semaphore>,
    status: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue_max: usize,
    /// Time that work without a time of its own waits for its turn.
    turn_timeout: Duration,
}

/// The right to run; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _counted: Option<Counted>,
}

impl EngineHandle {
    /// A handle with the bounds of the settings.
    #[must_use]
    pub fn new(database: Arc<Database>, config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            database,
            metrics,
            statements: Arc::new(Semaphore::new(config.statements_max)),
            row_writes: Arc::new(Semaphore::new(ROW_WRITES_MAX)),
            status: Arc::new(Semaphore::new(STATUS_MAX)),
            uploads: Arc::new(Semaphore::new(config.uploads_max)),
            waiting: AtomicUsize::new(0),
            queue_max: config.queue_max,
            turn_timeout: config.statement_timeout,
        }
    }

    /// The database, for work that does not block.
    #[must_use]
    pub const fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// The engine, for work that does not block.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        self.database.engine()
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// `overloaded` when too many wait already.
    pub async fn turn(&self, lane: Lane) -> ApiResult<Turn> {
        let semaphore = match lane {
            Lane::Statement | Lane::Stream => &self.statements,
            Lane::RowWrite => &self.row_writes,
            Lane::Status => &self.status,
        };
        let permit = match Arc::clone(semaphore).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let places = match lane {
                    Lane::Statement | Lane::RowWrite => self.queue_max,
                    Lane::Stream | Lane::Status => usize::MAX,
                };
                self.wait(semaphore, places).await?
            }
        };
        Ok(Turn {
            _permit: permit,
            _counted: (lane != Lane::Status).then(|| self.metrics.statement()),
        })
    }

    async fn wait(
        &self,
        semaphore: &Arc<Semaphore>,
        places: usize,
    ) -> ApiResult<OwnedSemaphorePermit> {
        let place = Place::take(&self.waiting, places)?;
        let counted = self.metrics.waiting();
        let permit = Arc::clone(semaphore)
            .acquire_owned()
            .await
            .map_err(|_| ApiError::internal("the queue of statements is closed"))?;
        drop((place, counted));
        Ok(permit)
    }

    /// Whether statements have to wait for so long a time that more of them are refused.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.queue_max && self.queue_max > 0
    }

    /// Waits for a turn of an upload.
    ///
    /// # Errors
    /// `overloaded` when none comes in time.
    pub async fn upload_turn(&self) -> ApiResult<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.uploads).acquire_owned();
        match tokio::time::timeout(UPLOAD_WAIT, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(ApiError::new(
                "overloaded",
                "too many bulk writes are running; try again later",
            )),
        }
    }

    /// Runs blocking work in its turn.
    ///
    /// # Errors
    /// What the work returns, `overloaded`, or `timeout` when no turn comes.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&Database) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let turn = self.turn_within(lane, self.turn_timeout).await?;
        self.run_in(turn, work).await
    }

    /// Runs blocking work in its turn; when its time is over, which the wait for the turn is part
    /// of, sets its flag and waits for it to look.
    ///
    /// # Errors
    /// What the work returns, `timeout`, or `overloaded`.
    pub async fn run_within<T: Send + 'static>(
        &self,
        lane: Lane,
        time: Duration,
        flag: &CancelFlag,
        work: impl FnOnce(&Database) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let started = Instant::now();
        let turn = self.turn_within(lane, time).await?;
        let left = time.saturating_sub(started.elapsed());
        let running = self.run_in(turn, work);
        tokio::pin!(running);
        if let Ok(done) = tokio::time::timeout(left, &mut running).await {
            return done;
        }
        flag.store(true, Ordering::Relaxed);
        // Work that was done just then counts: a write must not be called undone.
        running.await
    }

    async fn turn_within(&self, lane: Lane, time: Duration) -> ApiResult<Turn> {
        match tokio::time::timeout(time, self.turn(lane)).await {
            Ok(turn) => turn,
            Err(_) => Err(ApiError::new(
                "timeout",
                format!("no turn came within {time:.1?}: other statements are running"),
            )),
        }
    }

    async fn run_in<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce(&Database) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let database = Arc::clone(&self.database);
        blocking(move || {
            let done = work(&database);
            drop(turn);
            done
        })
        .await
    }
}

/// Runs work on a thread that may block.
///
/// # Errors
/// What the work returns; `internal` if it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ApiError::internal(format!(
            "blocking work panicked: {error}"
        ))),
    }
}

/// A place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, places: usize) -> ApiResult<Self> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(waiting);
        if before < places {
            return Ok(place);
        }
        Err(ApiError::new(
            "overloaded",
            "too many statements are waiting; try again later",
        ))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tagdb_query::Limits;
    use tagdb_storage::vfs::MemoryVfs;

    use super::*;

    fn handle(settings: &[(&str, &str)]) -> EngineHandle {
        let mut config = Config::default();
        for (key, value) in settings {
            config.set(key, value).unwrap();
        }
        let settings = Settings {
            background: false,
            ..Settings::default()
        };
        let vfs = Arc::new(MemoryVfs::new(1));
        let engine = Engine::open(vfs, settings, Clock::manual(0)).unwrap();
        let database = Arc::new(Database::new(engine, Limits::default()));
        EngineHandle::new(database, &config, Arc::new(Metrics::default()))
    }

    #[tokio::test]
    async fn turns_and_the_queue_are_bounded() {
        let handle = handle(&[("statements_max", "1"), ("queue_max", "1")]);
        let first = handle.turn(Lane::Statement).await.unwrap();
        let mut second = Box::pin(handle.turn(Lane::Statement));
        assert!((&mut second).now_or_never().is_none());
        let third = handle.turn(Lane::Statement).await.unwrap_err();
        assert_eq!(third.code(), "overloaded");
        // Other lanes go on.
        drop(handle.turn(Lane::RowWrite).await.unwrap());
        drop(first);
        let second = second.await.unwrap();
        drop(second);
        assert_eq!(handle.waiting.load(Ordering::Relaxed), 0);
        assert_eq!(handle.metrics.statements_running(), 0);
    }

    #[tokio::test]
    async fn one_who_stops_waiting_leaves_the_queue() {
        let handle = handle(&[("statements_max", "1"), ("queue_max", "1")]);
        let first = handle.turn(Lane::Statement).await.unwrap();
        {
            let mut second = Box::pin(handle.turn(Lane::Statement));
            assert!((&mut second).now_or_never().is_none());
        }
        assert_eq!(handle.waiting.load(Ordering::Relaxed), 0);
        drop(first);
    }

    #[tokio::test]
    async fn work_that_runs_out_of_time_is_told_to_stop() {
        let handle = handle(&[]);
        let cancel = CancelOnDrop::default();
        let flag = cancel.flag();
        let seen = Arc::clone(&flag);
        let work = move |_: &Database| -> ApiResult<()> {
            while !seen.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Err(ApiError::new("timeout", "stopped"))
        };
        let time = Duration::from_millis(1);
        let error = handle
            .run_within(Lane::Statement, time, &flag, work)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "timeout");
        let done = handle
            .run_within(Lane::Statement, Duration::from_secs(60), &flag, |_| Ok(7))
            .await;
        assert_eq!(done.unwrap(), 7);
    }

    #[tokio::test]
    async fn the_wait_for_a_turn_is_part_of_the_time() {
        let handle = handle(&[("statements_max", "1"), ("statement_timeout", "1ms")]);
        let held = handle.turn(Lane::Statement).await.unwrap();
        let flag = CancelFlag::default();
        let time = Duration::from_millis(1);
        let waited = handle.run_within(Lane::Statement, time, &flag, |_| Ok(()));
        assert_eq!(waited.await.unwrap_err().code(), "timeout");
        let waited = handle.run(Lane::Statement, |_| Ok(()));
        assert_eq!(waited.await.unwrap_err().code(), "timeout");
        assert_eq!(handle.waiting.load(Ordering::Relaxed), 0);
        drop(held);
        handle.run(Lane::Statement, |_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let handle = handle(&[]);
        let error = handle
            .run(Lane::Statement, |_| -> ApiResult<()> {
                panic!("on purpose")
            })
            .await
            .unwrap_err();
        assert_eq!(error.code(), "internal");
        assert_eq!(handle.metrics.statements_running(), 0);
    }
}
