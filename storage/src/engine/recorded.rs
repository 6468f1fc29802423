//! Named writes and their answers, so that a repeat is answered as the first was.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::manifest::RecordedWrite;

/// The writes of the last hours by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordedWrites {
    by_key: HashMap<Box<str>, Arc<RecordedWrite>>,
    in_order: VecDeque<Arc<RecordedWrite>>,
    /// Of names and answers.
    bytes: usize,
}

fn bytes_of(write: &RecordedWrite) -> usize {
    write.idempotency.key.len() + write.idempotency.detail.len()
}

impl RecordedWrites {
    /// The write of a name.
    #[must_use]
    pub(super) fn get(&self, key: &str) -> Option<&Arc<RecordedWrite>> {
        self.by_key.get(key)
    }

    /// Adds a write; forgets those from before `oldest`, and the oldest beyond so many entries and
    /// bytes.
    pub(super) fn push(
        &mut self,
        write: RecordedWrite,
        oldest: i64,
        (entries_max, bytes_max): (usize, usize),
    ) {
        let write = Arc::new(write);
        self.bytes += bytes_of(&write);
        self.by_key
            .insert(write.idempotency.key.as_str().into(), write.clone());
        self.in_order.push_back(write);
        while let Some(first) = self.in_order.front()
            && (first.commit_time < oldest
                || self.in_order.len() > entries_max
                || self.bytes > bytes_max)
        {
            let newest = self.by_key.get(first.idempotency.key.as_str());
            if newest.is_some_and(|newest| newest.lsn == first.lsn) {
                self.by_key.remove(first.idempotency.key.as_str());
            }
            self.bytes -= bytes_of(first);
            self.in_order.pop_front();
        }
    }

    /// All writes up to an LSN, oldest first.
    pub(super) fn up_to(&self, lsn: crate::ids::Lsn) -> impl Iterator<Item = &RecordedWrite> {
        self.in_order
            .iter()
            .take_while(move |write| write.lsn <= lsn)
            .map(|write| &**write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Idempotency, Outcome};
    use crate::ids::Lsn;

    fn write(lsn: u64, detail: usize) -> RecordedWrite {
        RecordedWrite {
            idempotency: Idempotency {
                key: format!("key-{lsn:06}"),
                fingerprint: 0,
                detail: vec![0; detail],
            },
            lsn: Lsn(lsn),
            commit_time: 0,
            outcome: Outcome::default(),
        }
    }

    #[test]
    fn the_oldest_go_beyond_entries_or_bytes() {
        let mut writes = RecordedWrites::default();
        for lsn in 1..=100 {
            writes.push(write(lsn, 0), 0, (10, 1_000));
        }
        assert_eq!(writes.in_order.len(), 10);
        for lsn in 101..=200 {
            writes.push(write(lsn, 190), 0, (10, 1_000));
        }
        assert_eq!((writes.in_order.len(), writes.bytes), (5, 1_000));
        assert!(writes.get("key-000195").is_none() && writes.get("key-000196").is_some());
        assert_eq!(writes.by_key.len(), 5);
        // One that is larger than all of them is not remembered, and nothing else is.
        writes.push(write(201, 2_000), 0, (10, 1_000));
        assert_eq!((writes.in_order.len(), writes.bytes), (0, 0));
    }
}
