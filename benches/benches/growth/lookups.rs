//! Look-ups of single users, alone and beside heavy statements.

use std::sync::atomic::{AtomicBool, Ordering};

use tagdb_benches::Random;
use tagdb_benches::questions::{PORTRAIT, portrait};
use tagdb_benches::sql;
use tagdb_benches::subjects::{self, Result};
use tagdb_benches::timing::{Repeat, Times};
use tagdb_query::Database;
use tagdb_storage::batch::KeyRef;

use crate::curves::Curves;

/// Portraits that run at the same time.
const PORTRAITS: usize = 2;

/// Looks random users up, one at a time.
pub(crate) fn times(database: &Database, users: usize) -> tagdb_query::Result<Times> {
    let mut random = Random(1);
    let look_up = |user: usize| {
        let key = subjects::key(user);
        let snapshot = database.engine().snapshot();
        database
            .lookup(&snapshot, "users", &[KeyRef::Text(&key)], None)
            .map(drop)
    };
    // A few users of each chunk, so that no file is read while times are taken.
    (0..users).step_by(1_000).try_for_each(look_up)?;
    Repeat::LOOKUP.times(|| look_up(random.below(users as u64) as usize))
}

/// The 99th percentile alone, and while portraits of everybody run one after the other.
pub(crate) fn beside_portraits(
    database: &Database,
    users: usize,
    curves: &mut Curves,
) -> Result<()> {
    let alone = times(database, users)?;
    let statements = portrait(&PORTRAIT, "", "true");
    let stop = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        let heavy = || -> tagdb_query::Result<()> {
            loop {
                for (_, sql) in &statements {
                    if stop.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    sql::drain(database, sql)?;
                }
            }
        };
        let threads: Vec<_> = (0..PORTRAITS).map(|_| scope.spawn(heavy)).collect();
        let beside = times(database, users);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a portrait panicked")??;
        }
        Ok::<_, Box<dyn std::error::Error>>(beside?)
    })?;
    for (x, found) in [(0.0, alone), (PORTRAITS as f64, beside)] {
        curves.point("look-ups", "median", x, found.median_ms * 1e3)?;
        curves.point("look-ups", "p99", x, found.p99_ms * 1e3)?;
    }
    Ok(())
}
