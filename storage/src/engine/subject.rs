//! One subject's tags: the newest layer that knows the subject says it.

use crate::engine::root::PartitionState;
use crate::error::Result;
use crate::ids::{Code, Ordinal, TagId};
use crate::layer::Part;
use crate::layer::write::EntryState;

/// Segments that are told apart; further ones are all asked.
const TOLD_APART: usize = 64;

/// What is known of one subject. Segments that say nothing of it are found once for all tags.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    partition: &'a PartitionState,
    ordinal: Ordinal,
    /// A bit for each of the first segments that has the subject.
    segments: u64,
}

impl<'a> Subject<'a> {
    pub(super) fn new(partition: &'a PartitionState, ordinal: Ordinal) -> Result<Self> {
        let mut segments = 0;
        let live = &partition.segments.live;
        for (place, live) in live.iter().enumerate().take(TOLD_APART) {
            // The oldest one has nearly everybody.
            if place == 0 || live.segment.subjects()?.contains(ordinal) {
                segments |= 1 << place;
            }
        }
        Ok(Self {
            partition,
            ordinal,
            segments,
        })
    }

    /// A boolean, keyword or number.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn value(&self, tag: TagId) -> Result<Option<i64>> {
        let ask = |part: &Part| {
            part.as_single()
                .map_or(Ok(None), |part| part.get(self.ordinal))
        };
        Ok(self.newest(tag, ask)?.flatten())
    }

    /// A long text.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn long_text(&self, tag: TagId) -> Result<Option<String>> {
        let ask = |part: &Part| {
            part.as_text()
                .map_or(Ok(None), |part| part.get(self.ordinal))
        };
        Ok(self.newest(tag, ask)?.flatten())
    }

    /// The entries of a set or map, by rising code; 0 beside each in sets.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn entries(&self, tag: TagId) -> Result<Vec<(Code, i64)>> {
        let mut newer: Vec<EntryState> = Vec::new();
        let oldest = self.newest(tag, |part| {
            let Some(part) = part.as_multi() else {
                return Ok(None);
            };
            let Some(state) = part.state(self.ordinal)? else {
                return Ok(None);
            };
            if state.reset {
                return Ok(Some(state));
            }
            newer.push(state);
            Ok(None)
        })?;
        let Some(oldest) = oldest else {
            return Ok(EntryState::fold(newer));
        };
        newer.push(oldest);
        Ok(EntryState::fold(newer))
    }

    /// Asks the layers of a tag, newest first, until one has an answer.
    fn newest<T>(
        &self,
        tag: TagId,
        mut ask: impl FnMut(&Part) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        for layer in self.partition.memory.iter().rev() {
            if let Some(part) = layer.layer.part(tag)
                && let Some(answer) = ask(part)?
            {
                return Ok(Some(answer));
            }
        }
        for (place, segment) in self.partition.segments.places(tag).rev() {
            if (place >= TOLD_APART || self.segments >> place & 1 != 0)
                && let Some(part) = segment.part(tag)?
                && let Some(answer) = ask(&part)?
            {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }
}
