//! `GROUP BY` one tag of strings or booleans with nothing but `count(*)`: the portrait. Counted
//! chunk by chunk from the column's codes, or from the bitmap of each value where that is cheaper.

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::Code;
use tagdb_storage::layer::{MultiStack, SingleStack};

use crate::bind::bound::{AggregateKind, Column, ExprKind, GroupKey, Grouping, Slot};
use crate::error::{Error, Result};
use crate::exec::columns::{Columns, Reader, string_of};
use crate::value::Value;

/// Rows whose members are counted in the time that one bitmap takes.
const ROWS_PER_OPERATION: u64 = 150;

/// How many of the audience have each value, in one partition.
#[derive(Debug)]
pub(crate) struct ValueCounts<'a> {
    source: Source<'a>,
    slot: Slot,
    /// By code.
    counts: Vec<u64>,
    /// Those without a value.
    null: u64,
    part: Box<Chunk>,
}

#[derive(Debug)]
enum Source<'a> {
    Single(&'a SingleStack),
    /// With the subjects of an average chunk that have no bitmaps.
    Multi(&'a MultiStack, u64),
}

impl<'a> ValueCounts<'a> {
    /// Before the first chunk; nothing if the grouping asks for more.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn of(
        grouping: &Grouping,
        columns: &'a Columns,
        partition: &PartitionState,
    ) -> Result<Option<Self>> {
        let only_counts = grouping
            .aggregates
            .iter()
            .all(|a| a.kind == AggregateKind::Count && a.argument.is_none());
        let slot = match &*grouping.keys {
            [GroupKey::Unnest(slot)] => Some(*slot),
            [GroupKey::Value(expr)] => match expr.kind {
                ExprKind::Slot(slot) => Some(slot),
                _ => None,
            },
            _ => None,
        };
        let Some(slot) = slot.filter(|_| only_counts) else {
            return Ok(None);
        };
        let chunks = u64::from(partition.chunks()).max(1);
        let (source, codes) = match columns.reader(slot)? {
            Reader::Boolean(stack) => (Source::Single(stack), 2),
            Reader::Keyword(stack, vocabulary) => (Source::Single(stack), vocabulary.read()?.len()),
            Reader::Set(stack, vocabulary) | Reader::Map(stack, vocabulary, _) => {
                let unindexed = stack.unindexed() / chunks;
                (Source::Multi(stack, unindexed), vocabulary.read()?.len())
            }
            _ => return Ok(None),
        };
        Ok(Some(Self {
            source,
            slot,
            counts: vec![0; codes as usize],
            null: 0,
            part: Box::default(),
        }))
    }

    /// Counts the audience of a chunk.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn add(&mut self, chunk: u16, audience: &Chunk) -> Result<()> {
        match self.source {
            Source::Single(stack) => {
                stack.known(chunk, &mut self.part)?;
                let known = Chunk::count_and(&self.part, audience);
                self.null += u64::from(audience.count() - known);
                Ok(stack.histogram(chunk, audience, &mut self.counts)?)
            }
            Source::Multi(stack, unindexed) => {
                let members = u64::from(audience.count());
                let operations = self.counts.len() as u64 * (1 + unindexed / 1_000);
                if operations * ROWS_PER_OPERATION <= members {
                    self.by_bitmaps(stack, chunk, audience)
                } else {
                    self.by_rows(stack, chunk, audience)
                }
            }
        }
    }

    fn by_bitmaps(&mut self, stack: &MultiStack, chunk: u16, audience: &Chunk) -> Result<()> {
        stack.nonempty(chunk, &mut self.part)?;
        let nonempty = Chunk::count_and(&self.part, audience);
        self.null += u64::from(audience.count() - nonempty);
        for (code, count) in (0..).zip(&mut self.counts) {
            stack.members(chunk, code, &mut self.part)?;
            *count += u64::from(Chunk::count_and(&self.part, audience));
        }
        Ok(())
    }

    fn by_rows(&mut self, stack: &MultiStack, chunk: u16, audience: &Chunk) -> Result<()> {
        let counts = &mut self.counts;
        let mut nonempty = 0;
        stack.for_each_row(chunk, audience, &mut |_, entries| {
            nonempty += 1;
            for (code, _) in entries {
                // Codes of what was written since the vocabulary was read are not in this state.
                if let Some(count) = counts.get_mut(*code as usize) {
                    *count += 1;
                }
            }
        })?;
        self.null += u64::from(audience.count()) - nonempty;
        Ok(())
    }

    /// The groups that anybody is in, and how many are.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn finish(
        self,
        partition: &Arc<PartitionState>,
        columns: &[Column],
    ) -> Result<(Vec<Vec<Value>>, Vec<u64>)> {
        let found = (0..).zip(&self.counts).filter(|(_, count)| **count > 0);
        let (codes, mut counts): (Vec<Code>, Vec<u64>) = found.unzip();
        let mut keys: Vec<Vec<Value>> = match columns.get(self.slot) {
            Some(Column::Tag { id, kind }) if kind.has_vocabulary() => {
                let vocabulary = partition.vocabulary(*id);
                let strings = vocabulary.read()?;
                let key = |code| Ok(vec![Value::Text(string_of(&strings, code)?)]);
                codes.into_iter().map(key).collect::<Result<_>>()?
            }
            Some(_) => {
                let key = |code| vec![Value::Boolean(code != 0)];
                codes.into_iter().map(key).collect()
            }
            None => return Err(Error::internal("a group key reads beyond its row")),
        };
        if self.null > 0 {
            keys.push(vec![Value::Null]);
            counts.push(self.null);
        }
        Ok((keys, counts))
    }
}
