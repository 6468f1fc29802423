//! Many clients at a time, each of which asks again when it has its answer.

use std::time::{Duration, Instant};

use tagdb_benches::questions::FIVE_TAGS;
use tagdb_benches::sql;
use tagdb_benches::subjects::Result;
use tagdb_benches::timing::Times;
use tagdb_query::Database;

use crate::count_of;
use crate::curves::Curves;

const CLIENTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
const TIME: Duration = Duration::from_secs(3);

pub(crate) fn curve(database: &Database, curves: &mut Curves) -> Result<()> {
    let statement = count_of(FIVE_TAGS).concat();
    for clients in CLIENTS {
        let started = Instant::now();
        let client = || -> tagdb_query::Result<Vec<Duration>> {
            let mut taken = Vec::new();
            while taken.is_empty() || started.elapsed() < TIME {
                let asked = Instant::now();
                sql::drain(database, &statement)?;
                taken.push(asked.elapsed());
            }
            Ok(taken)
        };
        let mut taken = Vec::new();
        std::thread::scope(|scope| -> Result<()> {
            let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
            for thread in threads {
                taken.extend(thread.join().map_err(|_| "a client panicked")??);
            }
            Ok(())
        })?;
        let rate = taken.len() as f64 / started.elapsed().as_secs_f64();
        let (x, times) = (clients as f64, Times::of(taken));
        curves.point("rate", "answers a second", x, rate)?;
        curves.point("clients", "median", x, times.median_ms)?;
        curves.point("clients", "p99", x, times.p99_ms)?;
    }
    Ok(())
}
