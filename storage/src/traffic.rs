//! How many bytes of files a thread has asked for. Nothing depends on it: it is for those who want
//! to know what a query read.

use std::cell::Cell;

/// Bytes that a thread asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Of blobs that were asked for, as often as they were, in the cache or not.
    pub asked_bytes: u64,
    /// Of them, those that were read from files.
    pub read_bytes: u64,
}

thread_local! {
    static TRAFFIC: Cell<Traffic> = const { Cell::new(Traffic { asked_bytes: 0, read_bytes: 0 }) };
}

impl Traffic {
    /// What came since.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            asked_bytes: self.asked_bytes.wrapping_sub(before.asked_bytes),
            read_bytes: self.read_bytes.wrapping_sub(before.read_bytes),
        }
    }

    /// Adds what somebody else asked for.
    pub const fn add(&mut self, other: Self) {
        self.asked_bytes = self.asked_bytes.wrapping_add(other.asked_bytes);
        self.read_bytes = self.read_bytes.wrapping_add(other.read_bytes);
    }
}

/// What this thread asked for since it began.
#[must_use]
pub fn so_far() -> Traffic {
    TRAFFIC.get()
}

pub(crate) fn asked(bytes: u64) {
    count(Traffic {
        asked_bytes: bytes,
        read_bytes: 0,
    });
}

pub(crate) fn read(bytes: u64) {
    count(Traffic {
        asked_bytes: 0,
        read_bytes: bytes,
    });
}

fn count(more: Traffic) {
    let mut traffic = TRAFFIC.get();
    traffic.add(more);
    TRAFFIC.set(traffic);
}
