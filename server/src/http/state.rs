//! What every handler reaches.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tagdb_query::Database;

use super::cursors::Cursors;
use super::jobs::Jobs;
use super::middleware::RequestIds;
use super::routes;
use super::token::LastToken;
use crate::config::Config;
use crate::engine_handle::EngineHandle;
use crate::metrics::{GoodAnswers, Metrics};

/// The server's state, shared by all requests.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

/// What [`AppState`] shares.
#[derive(Debug)]
pub struct Shared {
    pub(super) handle: EngineHandle,
    pub(super) config: Config,
    pub(super) metrics: Arc<Metrics>,
    pub(super) jobs: Jobs,
    pub(super) cursors: Arc<Cursors>,
    pub(super) request_ids: RequestIds,
    pub(super) last_token: LastToken,
    /// Rows that were looked up one by one.
    pub(super) row_answers: GoodAnswers,
    pub(super) started: Instant,
    pub(super) stopping: AtomicBool,
}

impl AppState {
    /// The state of a server of that database.
    #[must_use]
    pub fn new(config: Config, database: Arc<Database>) -> Self {
        let metrics = Arc::new(Metrics::default());
        Self(Arc::new(Shared {
            handle: EngineHandle::new(database, &config, Arc::clone(&metrics)),
            cursors: Arc::new(Cursors::new(&config)),
            config,
            metrics,
            jobs: Jobs::default(),
            request_ids: RequestIds::default(),
            last_token: LastToken::default(),
            row_answers: GoodAnswers::of(routes::ROW, "GET"),
            started: Instant::now(),
            stopping: AtomicBool::new(false),
        }))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
