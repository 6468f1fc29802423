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
}

impl RecordedWrites {
    /// The write of a name.
    #[must_use]
    pub(super) fn get(&self, key: &str) -> Option<&Arc<RecordedWrite>> {
        self.by_key.get(key)
    }

    /// Adds a write; forgets those from before `oldest` and all but the last `entries_max`.
    pub(super) fn push(&mut self, write: RecordedWrite, oldest: i64, entries_max: usize) {
        let write = Arc::new(write);
        self.by_key
            .insert(write.idempotency.key.as_str().into(), write.clone());
        self.in_order.push_back(write);
        while let Some(first) = self.in_order.front()
            && (first.commit_time < oldest || self.in_order.len() > entries_max)
        {
            let newest = self.by_key.get(first.idempotency.key.as_str());
            if newest.is_some_and(|newest| newest.lsn == first.lsn) {
                self.by_key.remove(first.idempotency.key.as_str());
            }
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
