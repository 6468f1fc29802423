//! What one layer says of one subject of a set or map.

use crate::bitmap::Chunk;
use crate::error::Result;
use crate::ids::{Code, Ordinal, chunk_of, low_of};
use crate::layer::part::{MultiPart, chunk_of_bitmap};
use crate::layer::write::EntryState;

/// What a layer says of an entry of a subject.
pub(super) enum Verdict {
    Silent,
    Absent,
    Present(i64),
}

impl MultiPart {
    /// What the layer says of a subject, if anything.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn state(&self, ordinal: Ordinal) -> Result<Option<EntryState>> {
        let mut state = EntryState::default();
        if let Some((first_rank, reset)) = chunk_of_bitmap(&self.reset, chunk_of(ordinal))
            && let Some(rank) = reset.position(low_of(ordinal))
        {
            let (rows, start) = self
                .full
                .chunk(chunk_of(ordinal), (first_rank, reset.len()))?;
            state.reset = true;
            rows.for_each(start + rank as usize, |code, value| {
                state.puts.push((code, value))
            });
            return Ok(Some(state));
        }
        let Some(index) = self.dirty_index(ordinal) else {
            return Ok(None);
        };
        self.puts
            .for_each(index, |code, value| state.puts.push((code, value)));
        self.drops.for_each(index, |code, _| state.drops.push(code));
        Ok(Some(state))
    }

    pub(super) fn verdict(&self, ordinal: Ordinal, code: Code) -> Result<Verdict> {
        if let Some((first_rank, reset)) = chunk_of_bitmap(&self.reset, chunk_of(ordinal))
            && let Some(rank) = reset.position(low_of(ordinal))
        {
            let (rows, start) = self
                .full
                .chunk(chunk_of(ordinal), (first_rank, reset.len()))?;
            let found = rows.find(start + rank as usize, code);
            return Ok(found.map_or(Verdict::Absent, Verdict::Present));
        }
        let Some(index) = self.dirty_index(ordinal) else {
            return Ok(Verdict::Silent);
        };
        if let Some(value) = self.puts.find(index, code) {
            return Ok(Verdict::Present(value));
        }
        let dropped = self.drops.find(index, code).is_some();
        Ok(if dropped {
            Verdict::Absent
        } else {
            Verdict::Silent
        })
    }

    fn dirty_index(&self, ordinal: Ordinal) -> Option<usize> {
        if self.dirty.is_empty() {
            return None;
        }
        self.dirty.position(ordinal).map(|rank| rank as usize)
    }

    /// Visits those of `left` that this layer puts or drops an entry of, and takes them away.
    pub(super) fn dirty_values(
        &self,
        chunk: u16,
        code: Code,
        left: &mut Chunk,
        visit: &mut dyn FnMut(u16, i64),
    ) {
        let Some((first_rank, dirty)) = chunk_of_bitmap(&self.dirty, chunk) else {
            return;
        };
        let (first, count) = (first_rank as usize, dirty.len() as usize);
        let (mut ranks, mut found) = (Chunk::new(), Chunk::new());
        self.puts.lists_with(first, count, code, &mut ranks);
        dirty.members_at(&ranks, &mut found);
        found.and(left);
        dirty.for_each_in(&found, |low, rank| {
            if let Some(value) = self.puts.find(first + rank as usize, code) {
                visit(low, value);
            }
        });
        left.and_not(&found);
        self.drops.lists_with(first, count, code, &mut ranks);
        dirty.members_at(&ranks, &mut found);
        left.and_not(&found);
    }
}
