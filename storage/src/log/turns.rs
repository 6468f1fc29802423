//! Waiting for groups of frames to be written.
//!
//! There are waiters of two groups at most: of the one that is being written, and of the next one.
//! Each has a place of its own to wait at, away from the log's state. So the end of a group wakes
//! those whose frames it wrote and one of the next group, who goes on to write that; and nobody
//! who appends stands behind those who wake up.

use std::sync::PoisonError;

use crate::sync::waiting::{Condvar, Mutex, MutexGuard};

/// Where the waiters of groups wait. Groups are numbered from 1 on, as they are written.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// By the lowest bit of the group's number.
    places: [Place; 2],
}

/// The standard library's lock, since its condition variable wakes all at once. The other one lets
/// each who wakes up wake the next, which takes long when there are more of them than processors.
#[derive(Debug, Default)]
struct Place {
    turn: Mutex<Turn>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Turn {
    /// The last group that has ended.
    ended: u64,
    /// Somebody is to write the group that waits.
    is_called: bool,
}

impl Turns {
    /// Returns when a group has ended, or when its frames are to be written by the caller.
    pub(super) fn wait(&self, group: u64) {
        let place = self.place(group);
        let mut turn = place.lock();
        while turn.ended < group {
            if std::mem::take(&mut turn.is_called) {
                return;
            }
            let woken = place.changed.wait(turn);
            turn = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that a group has ended, and whether there is a next one, which somebody is to write.
    /// To be called before the next group can begin, and [`Self::wake`] afterwards: so nobody whose
    /// group has ended takes the call.
    pub(super) fn end(&self, group: u64, has_next: bool) {
        self.place(group).lock().ended = group;
        if has_next {
            self.place(group + 1).lock().is_called = true;
        }
    }

    /// Wakes all who wait for a group that has ended, and one who waits for the next if there is
    /// one.
    pub(super) fn wake(&self, group: u64, has_next: bool) {
        if has_next {
            self.place(group + 1).changed.notify_one();
        }
        self.place(group).changed.notify_all();
    }

    /// Wakes all, for good: nothing will be written any more.
    pub(super) fn close(&self) {
        for place in &self.places {
            place.lock().ended = u64::MAX;
            place.changed.notify_all();
        }
    }

    fn place(&self, group: u64) -> &Place {
        let [even, odd] = &self.places;
        if group.is_multiple_of(2) { even } else { odd }
    }
}

impl Place {
    /// Nobody panics while holding it.
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
