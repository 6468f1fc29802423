//! Latencies of many threads, in buckets a 16th wide.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets for each power of two.
const PARTS: u64 = 16;
const BUCKETS: usize = 64 * PARTS as usize;

/// Latencies since they were last taken.
pub(crate) struct Latencies {
    counts: Vec<AtomicU64>,
    max_us: AtomicU64,
}

/// Latencies that were taken.
pub(crate) struct Taken {
    counts: Vec<u64>,
    pub(crate) count: u64,
    pub(crate) max_us: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            max_us: AtomicU64::new(0),
        }
    }
}

impl Latencies {
    /// Adds one.
    pub(crate) fn add(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(us)].fetch_add(1, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
    }

    /// Takes those since the last time.
    pub(crate) fn take(&self) -> Taken {
        let counts: Vec<u64> = self
            .counts
            .iter()
            .map(|count| count.swap(0, Ordering::Relaxed))
            .collect();
        Taken {
            count: counts.iter().sum(),
            counts,
            max_us: self.max_us.swap(0, Ordering::Relaxed),
        }
    }
}

impl Taken {
    /// The latency that a share of all do not go beyond, in microseconds.
    pub(crate) fn at(&self, share: f64) -> u64 {
        let place = (self.count as f64 * share) as u64;
        let mut passed = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            passed += count;
            if passed > place {
                return upper(bucket as u64).min(self.max_us);
            }
        }
        self.max_us
    }
}

/// Numbers below 16 have a bucket each, others one for their four highest bits below the first.
fn bucket(us: u64) -> usize {
    let power = us.max(1).ilog2().saturating_sub(4);
    (u64::from(power) * PARTS + (us >> power)) as usize
}

/// The largest number of a bucket.
fn upper(bucket: u64) -> u64 {
    if bucket < 2 * PARTS {
        return bucket;
    }
    let power = bucket / PARTS - 1;
    let high = bucket - power * PARTS;
    ((high + 1) << power) - 1
}
