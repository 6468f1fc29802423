//! The only place that asks what time it is.
//!
//! Time orders nothing in storage (LSNs do); it is recorded with batches and resolves `now()`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of unix time in microseconds. Clones of a manual clock share their time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `unix_micros` until it is advanced.
    #[must_use]
    pub fn manual(unix_micros: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(unix_micros))))
    }

    /// Microseconds since 1970-01-01T00:00:00Z, negative before. May jump either way.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        match &self.0 {
            Source::System => system_micros(),
            Source::Manual(time) => time.load(Ordering::Relaxed),
        }
    }

    /// Moves a manual clock by `micros`; a system clock stays as it is.
    pub fn advance(&self, micros: i64) {
        if let Source::Manual(time) = &self.0 {
            time.fetch_add(micros, Ordering::Relaxed);
        }
    }
}

fn system_micros() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock the others are to use"
    )]
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(-5);
        let shared = clock.clone();
        assert_eq!(clock.now_micros(), -5);
        shared.advance(15);
        assert_eq!(clock.now_micros(), 10);
    }

    #[test]
    fn the_system_clock_is_past_2020() {
        assert!(Clock::system().now_micros() > 1_577_836_800_000_000);
    }
}
