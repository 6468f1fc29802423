//! Rows that several connections ask for at the same time, one each. They are looked up together,
//! since a look-up mostly waits for memory, and together they wait once; and their answers are sent
//! one after the other, which wakes a client once and not for each.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::http::{HeaderMap, Method, Request};
use axum::response::Response;
use parking_lot::Mutex;
use tagdb_storage::batch::KeyRef;

use super::lookup::table_schema;
use super::row::{Found, look_up, no_row, parse_key};
use crate::http::error::{ApiError, ApiResult};
use crate::http::middleware::{Frame, panicked};
use crate::http::params::Params;
use crate::http::read::waits;
use crate::http::state::AppState;

/// Rows of one group, at most.
const GROUP_ROWS_MAX: usize = 64;

thread_local! {
    /// The group that rows are being added to. Requests that have come together are begun one after
    /// the other, and then taken up again one after the other.
    static OPEN: RefCell<Option<Arc<Group>>> = const { RefCell::new(None) };
}

/// What the rows of a group have in common.
#[derive(Debug, PartialEq)]
struct Asked {
    table: String,
    tags: Option<Vec<String>>,
}

/// Rows that are looked up together, by whoever is taken up first.
#[derive(Debug)]
struct Group {
    asked: Asked,
    rows: Mutex<Rows>,
}

#[derive(Debug)]
enum Rows {
    /// By their keys.
    Asked(Vec<String>),
    /// Each until it is taken.
    Found(Vec<Option<ApiResult<Found>>>),
}

/// One row of a group.
#[derive(Debug)]
struct Seat {
    group: Arc<Group>,
    place: usize,
}

/// The answer to [`super::row::get`] without the router, if nothing has to be waited for or decoded.
pub(in crate::http) fn at_once<B>(
    state: &AppState,
    request: &Request<B>,
) -> Option<impl Future<Output = Response> + Send + use<B>> {
    if request.method() != Method::GET || waits(request.headers()) {
        return None;
    }
    let (table, key) = names_of(request.uri().path())?;
    let frame = Frame::begin(state.clone(), request.headers());
    let seat = take_seat(&frame, request.headers(), request.uri().query(), table, key);
    let state = state.clone();
    Some(async move {
        let answered = match seat {
            Ok(seat) => {
                tokio::task::yield_now().await;
                seat.found(&state).map(|found| found.into_response(&state))
            }
            Err(error) => Err(error),
        };
        frame.end_at_once(&state.row_answers, answered)
    })
}

/// The table and the key in the path of a row that stand there as they are.
fn names_of(path: &str) -> Option<(&str, &str)> {
    let (table, rest) = path.strip_prefix("/v1/tables/")?.split_once('/')?;
    let key = rest.strip_prefix("rows/")?;
    let is_plain = |name: &str| !name.is_empty() && !name.bytes().any(|byte| b"/%".contains(&byte));
    (is_plain(table) && is_plain(key)).then_some((table, key))
}

fn take_seat(
    frame: &Frame,
    headers: &HeaderMap,
    query: Option<&str>,
    table: &str,
    key: &str,
) -> ApiResult<Seat> {
    frame.check(headers)?;
    let mut params = Params::parse(query.unwrap_or_default())?;
    let tags = params.take_names("tags")?;
    params.finish()?;
    let table = table.to_owned();
    Ok(Seat::take(Asked { table, tags }, key))
}

impl Seat {
    /// In the open group, or in a new one.
    fn take(asked: Asked, key: &str) -> Self {
        OPEN.with_borrow_mut(|open| {
            if let Some(group) = open
                && group.asked == asked
                && let Some(place) = group.add(key)
            {
                let group = Arc::clone(group);
                return Self { group, place };
            }
            let group = Arc::new(Group {
                asked,
                rows: Mutex::new(Rows::Asked(vec![key.to_owned()])),
            });
            *open = Some(Arc::clone(&group));
            Self { group, place: 0 }
        })
    }

    /// The row; those of the whole group are looked up by the first one who asks.
    fn found(self, state: &AppState) -> ApiResult<Found> {
        let mut rows = self.group.rows.lock();
        if let Rows::Asked(keys) = &*rows {
            let found = self.group.asked.look_up(state, keys);
            *rows = Rows::Found(found.into_iter().map(Some).collect());
        }
        let found = match &mut *rows {
            Rows::Found(found) => found.get_mut(self.place).and_then(Option::take),
            Rows::Asked(_) => None,
        };
        found.unwrap_or_else(|| Err(ApiError::internal("a row was not looked up")))
    }
}

impl Group {
    /// Adds a row, unless they have been looked up by now or are too many.
    fn add(&self, key: &str) -> Option<usize> {
        match &mut *self.rows.lock() {
            Rows::Asked(keys) if keys.len() < GROUP_ROWS_MAX => {
                keys.push(key.to_owned());
                Some(keys.len() - 1)
            }
            _ => None,
        }
    }
}

impl Asked {
    /// The rows of keys. If they cannot be looked up together, each is alone: what is wrong with one
    /// of them concerns nobody else.
    fn look_up(&self, state: &AppState, keys: &[String]) -> Vec<ApiResult<Found>> {
        let together = || self.look_up_together(state, keys);
        if keys.len() > 1
            && let Ok(Ok(found)) = catch_unwind(AssertUnwindSafe(together))
        {
            return found;
        }
        let alone = |key: &String| {
            let look_up = || look_up(state, &self.table, key, self.tags.as_deref());
            catch_unwind(AssertUnwindSafe(look_up)).unwrap_or_else(|_| Err(panicked()))
        };
        keys.iter().map(alone).collect()
    }

    fn look_up_together(
        &self,
        state: &AppState,
        keys: &[String],
    ) -> ApiResult<Vec<ApiResult<Found>>> {
        let database = state.handle.database();
        let snapshot = database.engine().snapshot();
        let schema = table_schema(&snapshot, &self.table)?;
        let keys: ApiResult<Vec<_>> = keys.iter().map(|key| parse_key(&schema, key)).collect();
        let keys = keys?;
        let keys: Vec<KeyRef<'_>> = keys.iter().map(|key| key.as_ref()).collect();
        let mut found = Vec::with_capacity(keys.len());
        database.lookup_each(&snapshot, &self.table, &keys, self.tags.as_deref(), |row| {
            found.push(match row {
                Some(row) => Ok(Found::new(&schema, keys[found.len()], row, snapshot.lsn())),
                None => Err(no_row(&schema)),
            });
            Ok::<_, ApiError>(())
        })?;
        Ok(found)
    }
}
