//! Commit, publish, pin and swap under a scheduler that decides at every lock and before every
//! change on the disk which thread goes on. Half of the schedules are random, half change their
//! mind rarely, which finds other bugs.
//!
//! ```text
//! SCHEDULES=100000 cargo test --release -p tagdb-schedules -- --nocapture
//! SEED=7 SCHEDULES=1 cargo test -p tagdb-schedules
//! ```

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is a test"
)]

mod disk;
mod engine;
mod log;
mod planted;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

/// Bytes of a thread's stack: chunks lie there.
const STACK_BYTES: usize = 1 << 20;

/// Threads change their order at so many points of a schedule that changes its mind rarely.
const CHANGES: usize = 3;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.silence_warnings = true;
    config
}

/// Runs a test under so many schedules.
fn schedules(count: usize, test: impl Fn() + Send + Sync + Clone + 'static) {
    let seed = number("SEED").unwrap_or(1);
    let count = number("SCHEDULES").map_or(count, |count| count as usize);
    println!("SEED={seed}, {count} schedules");
    let random = RandomScheduler::new_from_seed(seed, count.div_ceil(2));
    Runner::new(random, config()).run(test.clone());
    let rare = PctScheduler::new_from_seed(seed, CHANGES, count / 2);
    Runner::new(rare, config()).run(test);
}
