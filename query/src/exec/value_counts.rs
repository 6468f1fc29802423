//! `GROUP BY` one tag of strings or booleans with nothing but `count(*)`, `share()` and `tgi()`:
//! the portrait. Counted chunk by chunk from the column's codes, or from the bitmap of each value
//! where that is cheaper.

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::Code;
use tagdb_storage::layer::{MultiStack, SingleStack};

use crate::bind::bound::{Aggregate, Column, ExprKind, GroupKey, Grouping, Slot};
use crate::error::{Error, Result};
use crate::exec::budget::Budget;
use crate::exec::columns::{Columns, Reader, string_of};
use crate::value::Value;

/// Rows whose members are counted in the time that one bitmap takes.
const ROWS_PER_OPERATION: u64 = 150;

/// How many of each of some audiences have each value, in one partition.
#[derive(Debug)]
pub(crate) struct ValueCounts<'a> {
    source: Source<'a>,
    slot: Slot,
    tallies: Vec<Tally>,
    part: Box<Chunk>,
}

/// The counts of one audience.
#[derive(Clone, Debug)]
struct Tally {
    /// By code.
    counts: Vec<u64>,
    known: u64,
    /// Those without a value.
    null: u64,
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
        let only_counts = grouping.aggregates.iter().all(Aggregate::counts_subjects);
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
        let tally = Tally {
            counts: vec![0; codes as usize],
            known: 0,
            null: 0,
        };
        Ok(Some(Self {
            source,
            slot,
            tallies: vec![tally],
            part: Box::default(),
        }))
    }

    /// Counts so many audiences beside the first one; tells how many bytes all of them take.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub(crate) fn watch(&mut self, more: usize, budget: &Budget) -> Result<usize> {
        let Some(first) = self.tallies.first().cloned() else {
            return Ok(0);
        };
        let bytes = first.counts.len() * size_of::<u64>() * (1 + more);
        budget.charge(bytes)?;
        self.tallies.resize(1 + more, first);
        Ok(bytes)
    }

    /// Counts one of the audiences in a chunk. Groups are those of the first one.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn add(&mut self, number: usize, chunk: u16, audience: &Chunk) -> Result<()> {
        let Self {
            source,
            tallies,
            part,
            ..
        } = self;
        let tally = &mut tallies[number];
        match *source {
            Source::Single(stack) => {
                stack.known(chunk, part)?;
                tally.see(Chunk::count_and(part, audience), audience);
                Ok(stack.histogram(chunk, audience, &mut tally.counts)?)
            }
            Source::Multi(stack, unindexed) => {
                let members = u64::from(audience.count());
                let operations = tally.counts.len() as u64 * (1 + unindexed / 1_000);
                if operations * ROWS_PER_OPERATION <= members {
                    tally.by_bitmaps(stack, part, (chunk, audience))
                } else {
                    tally.by_rows(stack, (chunk, audience))
                }
            }
        }
    }

    /// The groups that anybody is in; and for each audience how many are in each, and how many
    /// have a value.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn finish(
        self,
        partition: &Arc<PartitionState>,
        columns: &[Column],
    ) -> Result<(Vec<Vec<Value>>, Vec<(Vec<u64>, u64)>)> {
        let everybody = self.tallies.first();
        let counts = everybody.map_or(&[][..], |tally| &tally.counts);
        let found = (0..).zip(counts).filter(|(_, count)| **count > 0);
        let codes: Vec<Code> = found.map(|(code, _)| code).collect();
        let has_null = everybody.is_some_and(|tally| tally.null > 0);
        let of_group = |tally: &Tally| {
            let counts = codes.iter().map(|code| tally.counts[*code as usize]);
            let null = has_null.then_some(tally.null);
            (counts.chain(null).collect(), tally.known)
        };
        let tallies = self.tallies.iter().map(of_group).collect();
        let mut keys: Vec<Vec<Value>> = match columns.get(self.slot) {
            Some(Column::Tag { id, kind }) if kind.has_vocabulary() => {
                let vocabulary = partition.vocabulary(*id);
                let strings = vocabulary.read()?;
                let key = |code| Ok(vec![Value::Text(string_of(&strings, code)?)]);
                codes.iter().map(|code| key(*code)).collect::<Result<_>>()?
            }
            Some(_) => {
                let key = |code| vec![Value::Boolean(code != 0)];
                codes.iter().map(|code| key(*code)).collect()
            }
            None => return Err(Error::internal("a group key reads beyond its row")),
        };
        if has_null {
            keys.push(vec![Value::Null]);
        }
        Ok((keys, tallies))
    }
}

impl Tally {
    /// So many of an audience have a value.
    fn see(&mut self, known: u32, audience: &Chunk) {
        self.known += u64::from(known);
        self.null += u64::from(audience.count() - known);
    }

    fn by_bitmaps(
        &mut self,
        stack: &MultiStack,
        part: &mut Chunk,
        (chunk, audience): (u16, &Chunk),
    ) -> Result<()> {
        stack.nonempty(chunk, part)?;
        self.see(Chunk::count_and(part, audience), audience);
        for (code, count) in (0..).zip(&mut self.counts) {
            stack.members(chunk, code, part)?;
            *count += u64::from(Chunk::count_and(part, audience));
        }
        Ok(())
    }

    fn by_rows(&mut self, stack: &MultiStack, (chunk, audience): (u16, &Chunk)) -> Result<()> {
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
        self.see(nonempty, audience);
        Ok(())
    }
}
