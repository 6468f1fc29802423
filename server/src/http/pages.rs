//! Pages of results: the first one with its statement, the others by cursor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use tagdb_query::{Database, Pages, Reserved};
use tagdb_wire::{BigIntForm, Stats};

use super::cursors::{PageId, PagedQuery};
use super::error::{ApiError, ApiResult};
use super::held::Held;
use super::output;
use super::state::AppState;
use super::statement::{Effect, Job, Limits, document};
use crate::engine_handle::{CancelFlag, CancelOnDrop, Lane};

/// Rows of a page between two looks at the memory that they take.
const ROWS_BETWEEN: u64 = 1_024;

/// A page, and the rest of the result if there is more.
struct Page {
    text: Held,
    effect: Effect,
    rest: Option<Pages>,
}

/// What a statement begins with.
enum Begun {
    /// Statements that write have no pages.
    Written(Held, Effect),
    Page(Page, Box<PagedQuery>),
}

/// Runs a statement and answers with the first page of its rows.
pub(super) async fn first(state: &AppState, mut job: Job, page_size: u64) -> ApiResult<Response> {
    let rows_max = state.config.result_rows_max;
    if page_size > rows_max {
        let detail = format!("\"page_size\" is at most {rows_max}");
        return Err(ApiError::bad_parameter(detail));
    }
    let cancel = CancelOnDrop::default();
    let flag = cancel.flag();
    let limits = Limits::of(state);
    let id = state.cursors.first_page();
    let time = job.time;
    let run = move |database: &Database| {
        let started = Instant::now();
        let Ok([statement]) = <[_; 1]>::try_from(job.parse(database)?) else {
            return Err(ApiError::bad_parameter(
                "pages are made of one statement, not of several",
            ));
        };
        if !statement.is_read() {
            let (text, effect) = document(database, &statement, &mut job, 0, &flag, limits)?;
            return Ok(Begun::Written(text, effect));
        }
        let query = PagedQuery {
            statement,
            context: job.context(0, CancelFlag::default(), limits.memory_bytes_max),
            moment: database.moment(),
            bigint: job.bigint,
            page_size,
            bytes: job.body.len() + job.sql.len(),
        };
        let pages = query.pages_from(database, 0, flag)?;
        let page = make(database, &query, pages, id, limits, started)?;
        Ok(Begun::Page(page, Box::new(query)))
    };
    let begun = state
        .handle
        .run_within(Lane::Statement, time, &cancel.flag(), run)
        .await?;
    let (text, effect) = match begun {
        Begun::Written(text, effect) => (text, effect),
        Begun::Page(page, query) => {
            if let Some(rest) = page.rest {
                let cursor = state.cursors.open(id, *query)?;
                let rest = Some((rest, cancel.keep()));
                state.cursors.keep(&cursor, id, rest);
            }
            (page.text, page.effect)
        }
    };
    Ok(respond(text, &effect))
}

/// Answers with a later page.
pub(super) async fn later(state: &AppState, token: &str, time: Duration) -> ApiResult<Response> {
    let id = PageId::parse(token)?;
    let cursor = state.cursors.get(id)?;
    let rest = cursor.take_rest(id.page);
    let (pages, cancel) = match rest {
        Some((pages, flag)) => (Some(pages), CancelOnDrop::of(flag)),
        None => (None, CancelOnDrop::default()),
    };
    let flag = cancel.flag();
    let limits = Limits::of(state);
    let asked = Arc::clone(&cursor);
    let run = move |database: &Database| {
        let started = Instant::now();
        let query = &asked.query;
        let pages = match pages {
            Some(pages) => pages,
            None => query.pages_from(database, id.page, flag)?,
        };
        make(database, query, pages, id, limits, started)
    };
    let page = state
        .handle
        .run_within(Lane::Statement, time, &cancel.flag(), run)
        .await?;
    let rest = page.rest.map(|rest| (rest, cancel.keep()));
    state.cursors.keep(&cursor, id, rest);
    Ok(respond(page.text, &page.effect))
}

/// Makes a page from the rows that begin with it.
fn make(
    database: &Database,
    query: &PagedQuery,
    mut pages: Pages,
    id: PageId,
    limits: Limits,
    started: Instant,
) -> ApiResult<Page> {
    let mut json = json(&pages, query.bigint, limits);
    let mut reserved = Reserved::new(Arc::clone(database.memory()));
    let mut left = query.page_size;
    while left > 0
        && let Some(row) = pages.next_row()?
    {
        json.row(&row)?;
        left -= 1;
        if left.is_multiple_of(ROWS_BETWEEN) {
            reserved.grow_to(json.bytes())?;
        }
    }
    let has_more = pages.has_more()?;
    let effect = Effect::of_read(database.engine().token(pages.lsn()));
    let stats = Stats {
        elapsed_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        token: effect.token.clone(),
    };
    let next = has_more.then(|| id.next().token());
    Ok(Page {
        text: Held::grown(reserved, json.finish(0, None, next.as_deref(), &stats))?,
        effect,
        rest: has_more.then_some(pages),
    })
}

fn json(pages: &Pages, bigint: BigIntForm, limits: Limits) -> output::Json {
    let columns = pages.columns().iter().map(|c| (c.name.as_str(), c.kind));
    output::Json::new(columns, bigint, limits.result)
}

fn respond(text: Held, effect: &Effect) -> Response {
    let mut response = text.into_response();
    effect.mark(&mut response);
    response
}
