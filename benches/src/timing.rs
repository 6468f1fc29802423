//! Times of repeated work.

use std::time::{Duration, Instant};

/// What many runs of the same work took, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Half of the runs took at most this.
    pub median_ms: f64,
    /// 99 of 100 took at most this.
    pub p99_ms: f64,
    /// The shortest.
    pub min_ms: f64,
    /// How many runs.
    pub runs: usize,
}

/// How often work is repeated: for `budget`, but at least and at most so many times.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    /// Time for all runs.
    pub budget: Duration,
    /// Runs at least.
    pub runs_min: usize,
    /// Runs at most.
    pub runs_max: usize,
}

impl Repeat {
    /// What the other systems are measured with.
    pub const QUERY: Self = Self {
        budget: Duration::from_secs(4),
        runs_min: 5,
        runs_max: 60,
    };
    /// For work of microseconds.
    pub const LOOKUP: Self = Self {
        budget: Duration::from_secs(4),
        runs_min: 50,
        runs_max: 20_000,
    };

    /// Runs work twice to warm up, then measures it.
    ///
    /// # Errors
    /// The first that the work returns.
    pub fn times<E>(self, mut work: impl FnMut() -> Result<(), E>) -> Result<Times, E> {
        work()?;
        let started = Instant::now();
        work()?;
        let one = started.elapsed().max(Duration::from_nanos(100));
        let fitting = (self.budget.as_secs_f64() / one.as_secs_f64()) as usize;
        let mut all = Vec::new();
        for _ in 0..fitting.clamp(self.runs_min, self.runs_max) {
            let started = Instant::now();
            work()?;
            all.push(started.elapsed());
        }
        Ok(Times::of(all))
    }
}

impl Times {
    /// The figures of single runs, of which there must be one at least.
    #[must_use]
    pub fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |place: usize| all[place.min(all.len() - 1)].as_secs_f64() * 1e3;
        Self {
            median_ms: at(all.len() / 2),
            p99_ms: at(all.len() * 99 / 100),
            min_ms: at(0),
            runs: all.len(),
        }
    }
}
