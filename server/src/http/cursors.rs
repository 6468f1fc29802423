//! Results that are given out page by page.
//!
//! A cursor keeps the statement and the moment it was asked at, so that any page can be made again,
//! and the rest of the result, so that the next page need not begin at the first row. The rest is
//! let go when memory is short; the moment, which keeps old files from being deleted, when nobody
//! has asked for a page for some time.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tagdb_query::{Context, Database, Moment, Pages, Statement};
use tagdb_wire::BigIntForm;
use tokio::time::Instant;

use super::error::{ApiError, ApiResult};
use crate::config::Config;
use crate::engine_handle::CancelFlag;

/// What a request's text and parameters take once they are read, against their bytes.
const REQUEST_FACTOR: usize = 8;

/// The cursors of a server.
#[derive(Debug)]
pub(super) struct Cursors {
    inner: Mutex<Inner>,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
    cursors_max: usize,
    timeout: Duration,
    random: RandomState,
    made: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    cursors: HashMap<u128, Place>,
    /// Whether somebody looks for cursors that nobody uses.
    is_watched: bool,
}

#[derive(Debug)]
struct Place {
    cursor: Arc<Cursor>,
    used: Instant,
    /// Whether the last page was given out.
    is_done: bool,
}

/// A result of which pages can be asked for.
#[derive(Debug)]
pub(super) struct Cursor {
    id: u128,
    pub(super) query: PagedQuery,
    rest: Mutex<Option<Rest>>,
    _bytes: Reserved,
}

/// What pages are made from.
#[derive(Debug)]
pub(super) struct PagedQuery {
    pub(super) statement: Statement,
    /// With a flag that nobody sets.
    pub(super) context: Context,
    pub(super) moment: Moment,
    pub(super) bigint: BigIntForm,
    pub(super) page_size: u64,
    /// Bytes of the request.
    pub(super) bytes: usize,
}

/// The rows from a page on.
#[derive(Debug)]
struct Rest {
    page: u64,
    pages: Pages,
    flag: CancelFlag,
    _bytes: Reserved,
}

/// A page that is to be given out: of which cursor, and its number, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageId {
    cursor: u128,
    pub(super) page: u64,
}

/// Bytes of cursors, given back when dropped.
#[derive(Debug)]
struct Reserved {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl PageId {
    /// What clients send to get the page.
    pub(super) fn token(self) -> String {
        format!("{:032x}.{}", self.cursor, self.page)
    }

    /// The page that clients ask for.
    ///
    /// # Errors
    /// `bad_parameter` for a text that no server has given out.
    pub(super) fn parse(token: &str) -> ApiResult<Self> {
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = token.split_once('.').and_then(|(cursor, page)| {
            if cursor.len() != 32 || !is_digits(page) || cursor.starts_with('+') {
                return None;
            }
            Some(Self {
                cursor: u128::from_str_radix(cursor, 16).ok()?,
                page: page.parse().ok().filter(|page| *page > 0)?,
            })
        });
        parsed.ok_or_else(|| ApiError::bad_parameter("\"cursor\" is malformed"))
    }

    /// The page after it.
    pub(super) const fn next(self) -> Self {
        Self {
            cursor: self.cursor,
            page: self.page.saturating_add(1),
        }
    }
}

impl PagedQuery {
    /// The rows from a page on, made anew.
    ///
    /// # Errors
    /// Whatever the statement fails with.
    pub(super) fn pages_from(
        &self,
        database: &Database,
        page: u64,
        flag: CancelFlag,
    ) -> ApiResult<Pages> {
        let context = Context {
            cancel: flag,
            ..self.context.clone()
        };
        let rows = database.read(&self.statement, &context, &self.moment)?;
        let mut pages = Pages::new(rows);
        pages.pass(self.page_size.saturating_mul(page))?;
        Ok(pages)
    }
}

impl Cursor {
    /// The rows from a page on and their flag, if they are at hand.
    pub(super) fn take_rest(&self, page: u64) -> Option<(Pages, CancelFlag)> {
        let rest = self.rest.lock().take_if(|rest| rest.page == page)?;
        // Work that was told to stop stays stopped.
        let is_stopped = rest.flag.load(Ordering::Relaxed);
        (!is_stopped).then_some((rest.pages, rest.flag))
    }
}

impl Cursors {
    /// None so far.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            inner: Mutex::default(),
            bytes: Arc::default(),
            bytes_max: usize::try_from(config.cursor_memory_max).unwrap_or(usize::MAX),
            cursors_max: config.cursors_max,
            timeout: config.cursor_timeout,
            random: RandomState::new(),
            made: AtomicU64::new(0),
        }
    }

    /// The first page of a result that is about to be made.
    pub(super) fn first_page(&self) -> PageId {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let high = u128::from(self.random.hash_one((number, 0)));
        let low = u128::from(self.random.hash_one((number, 1)));
        PageId {
            cursor: high << 64 | low,
            page: 0,
        }
    }

    /// Makes a cursor whose first page is given out.
    ///
    /// # Errors
    /// `overloaded` if there are too many, or the request is too large to be kept.
    pub(super) fn open(
        self: &Arc<Self>,
        page: PageId,
        query: PagedQuery,
    ) -> ApiResult<Arc<Cursor>> {
        let bytes = query.bytes.saturating_mul(REQUEST_FACTOR);
        let Some(reserved) = self.reserve(bytes) else {
            let asked = self.bytes.load(Ordering::Relaxed).saturating_add(bytes);
            let detail = "cursors take too much memory; try again later";
            return Err(ApiError::new("overloaded", detail).limit(
                "cursor_memory",
                asked as u64,
                self.bytes_max as u64,
            ));
        };
        let cursor = Arc::new(Cursor {
            id: page.cursor,
            query,
            rest: Mutex::new(None),
            _bytes: reserved,
        });
        let mut inner = self.inner.lock();
        if inner.cursors.len() >= self.cursors_max && !inner.give_up_done() {
            let (open, max) = (self.cursors_max as u64 + 1, self.cursors_max as u64);
            let detail = format!(
                "{max} paged results are open already; read one to its end, or try again later"
            );
            return Err(ApiError::new("overloaded", detail).limit("cursors", open, max));
        }
        let place = Place {
            cursor: Arc::clone(&cursor),
            used: Instant::now(),
            is_done: false,
        };
        inner.cursors.insert(page.cursor, place);
        if !std::mem::replace(&mut inner.is_watched, true) {
            tokio::spawn(Self::watch(Arc::downgrade(self)));
        }
        Ok(cursor)
    }

    /// The cursor of a page, which counts as used.
    ///
    /// # Errors
    /// `cursor_expired`
    pub(super) fn get(&self, page: PageId) -> ApiResult<Arc<Cursor>> {
        let mut inner = self.inner.lock();
        let timeout = self.timeout;
        let place = inner.cursors.get_mut(&page.cursor);
        let place = place.filter(|place| place.used.elapsed() < timeout);
        let place = place.ok_or_else(|| {
            let detail = "the cursor was not used for too long, or was never given out";
            ApiError::new("cursor_expired", detail)
        })?;
        place.used = Instant::now();
        Ok(Arc::clone(&place.cursor))
    }

    /// Keeps the rows after a page that was given out, if there is memory for them; nothing says
    /// that it was the last page.
    pub(super) fn keep(&self, cursor: &Cursor, page: PageId, rest: Option<(Pages, CancelFlag)>) {
        if let Some(place) = self.inner.lock().cursors.get_mut(&page.cursor) {
            place.used = Instant::now();
            place.is_done |= rest.is_none();
        }
        let Some((pages, flag)) = rest else {
            return;
        };
        if let Some(reserved) = self.reserve(pages.held_bytes()) {
            let rest = Rest {
                page: page.next().page,
                pages,
                flag,
                _bytes: reserved,
            };
            let before = cursor.rest.lock().replace(rest);
            drop(before);
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.inner.lock().cursors.len()
    }

    fn reserve(&self, bytes: usize) -> Option<Reserved> {
        let all = Arc::clone(&self.bytes);
        let before = all.fetch_add(bytes, Ordering::Relaxed);
        // Dropped, it gives the bytes back.
        let reserved = Reserved { bytes, all };
        (before.saturating_add(bytes) <= self.bytes_max).then_some(reserved)
    }

    /// Lets go of cursors that were not used for too long, until there are none.
    async fn watch(cursors: std::sync::Weak<Self>) {
        loop {
            let Some(this) = cursors.upgrade() else {
                return;
            };
            let (expired, next) = this.expire();
            drop(this);
            // To free a result may take a while.
            if !expired.is_empty() {
                tokio::task::spawn_blocking(move || drop(expired));
            }
            match next {
                Some(next) => tokio::time::sleep_until(next).await,
                None => return,
            }
        }
    }

    /// Takes out what has expired, and says when to look again, if there is anything left.
    fn expire(&self) -> (Vec<Place>, Option<Instant>) {
        let mut inner = self.inner.lock();
        let timeout = self.timeout;
        let is_expired = |_: &u128, place: &mut Place| place.used.elapsed() >= timeout;
        let expired = inner.cursors.extract_if(is_expired).map(|(_, place)| place);
        let expired: Vec<Place> = expired.collect();
        let ends = inner
            .cursors
            .values()
            .map(|place| place.used.checked_add(timeout));
        let next = ends.flatten().min();
        inner.is_watched = next.is_some();
        (expired, next)
    }
}

impl Inner {
    /// Drops the cursor that was used longest ago of those whose last page was given out; tells
    /// whether there was one.
    fn give_up_done(&mut self) -> bool {
        let done = self.cursors.values().filter(|place| place.is_done);
        let oldest = done.min_by_key(|place| place.used).map(|p| p.cursor.id);
        oldest.is_some_and(|id| self.cursors.remove(&id).is_some())
    }
}
