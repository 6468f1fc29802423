//! Counting all wanted tags of an audience, and of what it is compared with, in one pass over the
//! chunks.

use std::sync::Arc;

use hashbrown::HashMap;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::column::Spread;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::layer::{MultiStack, SingleStack};
use tagdb_storage::schema::{NumberType, Tag, TagType, double_from_sortable};
use tagdb_storage::vocabulary::Vocabulary;

use super::Analysis;
use crate::bind::bound::Scan;
use crate::error::{Error, Result};
use crate::exec::Execution;
use crate::exec::aggregate::DoubleSum;
use crate::exec::budget::bytes_of;
use crate::exec::columns::string_of;
use crate::exec::hashed::Hashed;
use crate::exec::predicate::Filter;
use crate::value::Value;

/// Whose subjects are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Audience,
    Base,
}

/// What is found of all wanted tags, over all partitions.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Subjects of the audience.
    pub(super) audience: u64,
    /// Subjects of the base.
    pub(super) base: u64,
    /// Subjects of the audience that are not in the base.
    pub(super) outside: u64,
    /// One a tag.
    pub(super) tags: Vec<Found>,
}

/// What is found of one tag.
#[derive(Debug)]
pub(super) enum Found {
    Values(Values),
    Numbers(Box<Numbers>),
}

/// Values, members or keys. If the base is everybody, nothing is said of it yet.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Subjects with any, by side.
    pub(super) known: [u64; 2],
    /// Subjects with each, by side.
    pub(super) counts: HashMap<Hashed, [u64; 2]>,
}

/// Numbers or dates, by side.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) spreads: [Spread; 2],
    /// Of doubles in the audience, whose stored form does not add up.
    pub(super) sum: DoubleSum,
}

/// Audience and base, compiled for a partition. Without a base it is everybody.
pub(super) struct Sides {
    audience: Filter,
    base: Option<Filter>,
    partition: Arc<PartitionState>,
}

impl Sides {
    pub(super) fn open(
        audience: &Scan,
        base: Option<&Scan>,
        partition: &Arc<PartitionState>,
        execution: &Execution,
    ) -> Result<Self> {
        let compile = |scan: &Scan, name: &str| {
            Filter::compile(&scan.predicate, (scan, partition), execution)
                .map_err(|error| error.in_condition(name))
        };
        Ok(Self {
            audience: compile(audience, "where")?,
            base: base.map(|base| compile(base, "against")).transpose()?,
            partition: partition.clone(),
        })
    }

    /// The chunks in which anybody of the sides can be, rising.
    pub(super) fn chunks(&self, with_base: bool) -> Vec<u16> {
        let mut chunks = self.audience.chunks();
        match &self.base {
            _ if !with_base => return chunks,
            Some(base) => chunks.extend(base.chunks()),
            None => {
                return (0..self.partition.chunks())
                    .map(|chunk| chunk as u16)
                    .collect();
            }
        }
        chunks.sort_unstable();
        chunks.dedup();
        chunks
    }

    /// Who of a chunk is on a side.
    pub(super) fn subjects(&mut self, side: Side, chunk: u16, out: &mut Chunk) -> Result<()> {
        let (filter, name) = match (side, &mut self.base) {
            (Side::Audience, _) => (&mut self.audience, "where"),
            (Side::Base, Some(base)) => (base, "against"),
            (Side::Base, None) => {
                self.partition.alive(chunk, out);
                return Ok(());
            }
        };
        filter
            .audience(chunk, out)
            .map_err(|error| error.in_condition(name))
    }
}

/// One tag in one partition.
enum Tally {
    Codes {
        source: Source,
        known: [u64; 2],
        counts: [Vec<u64>; 2],
    },
    Numbers {
        stack: SingleStack,
        number: NumberType,
        found: Box<Numbers>,
    },
}

enum Source {
    Boolean(SingleStack),
    Keyword(SingleStack, Arc<Vocabulary>),
    Entries(MultiStack, Arc<Vocabulary>),
}

impl Analysis<'_> {
    /// Counts the values of tags in one pass over the chunks of the audience. A base that is a
    /// condition is counted beside it; of a base of everybody only numbers are, for bitmaps know
    /// how many have each value (see [`Self::everybody`]).
    pub(super) fn gather(
        &self,
        tags: &[&Tag],
        audience: &Scan,
        base: Option<&Scan>,
    ) -> Result<Gathered> {
        let mut gathered = Gathered {
            tags: tags.iter().map(|tag| Found::of(tag.kind)).collect(),
            ..Gathered::default()
        };
        for partition in self.execution.table(&self.table)?.partitions() {
            let mut sides = Sides::open(audience, base, partition, &self.execution)?;
            let mut tallies = Vec::with_capacity(tags.len());
            let mut bytes = 0;
            for tag in tags {
                let tally = Tally::open(partition, tag)?;
                bytes += tally.bytes();
                self.execution.budget.check(bytes)?;
                tallies.push(tally);
            }
            self.execution.budget.charge(bytes)?;
            self.gather_in(&mut sides, &mut tallies, &mut gathered)?;
            if base.is_none() {
                gathered.base += partition.subjects();
                self.numbers_of_everybody(partition, tags, &mut tallies)?;
            }
            for (found, tally) in gathered.tags.iter_mut().zip(tallies) {
                self.merge(found, tally)?;
            }
            self.execution.budget.release(bytes);
        }
        Ok(gathered)
    }

    fn gather_in(
        &self,
        sides: &mut Sides,
        tallies: &mut [Tally],
        gathered: &mut Gathered,
    ) -> Result<()> {
        let has_base = sides.base.is_some();
        let mut audience = Box::<Chunk>::default();
        let mut base = Box::<Chunk>::default();
        for chunk in sides.chunks(has_base) {
            self.execution.interrupt.check()?;
            sides.subjects(Side::Audience, chunk, &mut audience)?;
            let size = audience.count();
            gathered.audience += u64::from(size);
            if size > 0 {
                for tally in tallies.iter_mut() {
                    tally.add(Side::Audience, chunk, &audience)?;
                }
            }
            if has_base {
                sides.subjects(Side::Base, chunk, &mut base)?;
                gathered.base += u64::from(base.count());
                for tally in tallies.iter_mut() {
                    tally.add(Side::Base, chunk, &base)?;
                }
                audience.and_not(&base);
                gathered.outside += u64::from(audience.count());
            }
            self.execution
                .budget
                .check(tallies.iter().map(Tally::bytes).sum())?;
        }
        Ok(())
    }

    fn numbers_of_everybody(
        &self,
        partition: &PartitionState,
        tags: &[&Tag],
        tallies: &mut [Tally],
    ) -> Result<()> {
        for (tag, tally) in tags.iter().zip(tallies) {
            if let Tally::Numbers { found, .. } = tally {
                let spread = partition.spread_everybody(tag.id, &self.goes_on());
                self.execution.interrupt.check()?;
                found.spreads[Side::Base as usize] = spread?;
            }
        }
        Ok(())
    }

    /// Adds what a partition says: values instead of codes.
    fn merge(&self, found: &mut Found, tally: Tally) -> Result<()> {
        match (found, tally) {
            (
                Found::Values(found),
                Tally::Codes {
                    source,
                    known,
                    counts,
                },
            ) => {
                for (sum, known) in found.known.iter_mut().zip(known) {
                    *sum += known;
                }
                let [audience, base] = &counts;
                let counts = (0..).zip(audience.iter().zip(base));
                for (code, (own, base)) in counts.filter(|(_, (own, base))| **own + **base > 0) {
                    let value = source.value(code)?;
                    let bytes = bytes_of(&value) + size_of::<[u64; 3]>();
                    let sums = found.counts.entry(Hashed(value)).or_insert_with(|| [0; 2]);
                    if *sums == [0; 2] {
                        self.execution.budget.charge(bytes)?;
                    }
                    sums[0] += own;
                    sums[1] += base;
                }
            }
            (Found::Numbers(sums), Tally::Numbers { found, .. }) => {
                for (sum, found) in sums.spreads.iter_mut().zip(&found.spreads) {
                    let before = sum.bytes();
                    sum.merge(found);
                    let grown = sum.bytes().saturating_sub(before);
                    self.execution.budget.charge(grown)?;
                }
                sums.sum.merge(found.sum);
            }
            _ => return Err(Error::internal("a tag is counted in two ways")),
        }
        Ok(())
    }

    /// Tells whether the call may go on.
    fn goes_on(&self) -> impl Fn() -> bool {
        || self.execution.interrupt.check().is_ok()
    }

    /// Whom a tag is known of among everybody; adds to each value how many have it.
    pub(super) fn everybody(&self, tag: &Tag, values: &mut [(Value, [u64; 2])]) -> Result<u64> {
        let mut known = 0;
        for partition in self.execution.table(&self.table)?.partitions() {
            self.execution.interrupt.check()?;
            let Tally::Codes {
                source,
                counts: [mut counts, _],
                ..
            } = Tally::open(partition, tag)?
            else {
                return Err(Error::internal("numbers have no codes"));
            };
            let bytes = 2 * counts.len() * size_of::<u64>();
            self.execution.budget.check(bytes)?;
            let go_on = &self.goes_on();
            let found = partition.count_everybody(tag.id, tag.kind, go_on, &mut counts);
            self.execution.interrupt.check()?;
            known += found?;
            for (value, sums) in values.iter_mut() {
                if let Some(code) = source.code(value)? {
                    sums[1] += counts.get(code).copied().unwrap_or(0);
                }
            }
        }
        Ok(known)
    }
}

impl Found {
    fn of(kind: TagType) -> Self {
        match kind {
            TagType::Number(_) => Self::Numbers(Box::default()),
            _ => Self::Values(Values::default()),
        }
    }
}

impl Tally {
    fn open(partition: &PartitionState, tag: &Tag) -> Result<Self> {
        let vocabulary = || partition.vocabulary(tag.id);
        let (source, codes) = match tag.kind {
            TagType::Number(number) => {
                return Ok(Self::Numbers {
                    stack: partition.single(tag.id)?,
                    number,
                    found: Box::default(),
                });
            }
            TagType::Boolean => (Source::Boolean(partition.single(tag.id)?), 2),
            TagType::Keyword => {
                let codes = vocabulary().read()?.len();
                let stack = partition.single(tag.id)?;
                (Source::Keyword(stack, vocabulary()), codes)
            }
            TagType::KeywordSet | TagType::Map(_) => {
                let codes = vocabulary().read()?.len();
                let stack = partition.multi(tag.id)?;
                (Source::Entries(stack, vocabulary()), codes)
            }
            TagType::LongText => return Err(Error::internal("long texts are not counted")),
        };
        Ok(Self::Codes {
            source,
            known: [0; 2],
            counts: [vec![0; codes as usize], vec![0; codes as usize]],
        })
    }

    /// Memory held.
    fn bytes(&self) -> usize {
        match self {
            Self::Codes { counts, .. } => {
                counts.iter().map(Vec::len).sum::<usize>() * size_of::<u64>()
            }
            Self::Numbers { found, .. } => found.spreads.iter().map(Spread::bytes).sum(),
        }
    }

    fn add(&mut self, side: Side, chunk: u16, subjects: &Chunk) -> Result<()> {
        match self {
            Self::Codes {
                source,
                known,
                counts,
            } => {
                let counts = &mut counts[side as usize];
                known[side as usize] += match source {
                    Source::Boolean(stack) | Source::Keyword(stack, _) => {
                        stack.count_codes(chunk, subjects, counts)?
                    }
                    Source::Entries(stack, _) => stack.count_entries(chunk, subjects, counts)?,
                };
            }
            Self::Numbers {
                stack,
                number,
                found,
            } => {
                stack.spread(chunk, subjects, &mut found.spreads[side as usize])?;
                if (side, *number) == (Side::Audience, NumberType::Double) {
                    let sum = &mut found.sum;
                    stack.for_each(chunk, subjects, &mut |_, value| {
                        sum.add(double_from_sortable(value));
                    })?;
                }
            }
        }
        Ok(())
    }
}

impl Source {
    fn value(&self, code: u32) -> Result<Value> {
        match self {
            Self::Boolean(_) => Ok(Value::Boolean(code != 0)),
            Self::Keyword(_, vocabulary) | Self::Entries(_, vocabulary) => {
                Ok(Value::Text(string_of(&vocabulary.read()?, code)?))
            }
        }
    }

    fn code(&self, value: &Value) -> Result<Option<usize>> {
        match (self, value) {
            (Self::Boolean(_), Value::Boolean(value)) => Ok(Some(usize::from(*value))),
            (Self::Keyword(_, vocabulary) | Self::Entries(_, vocabulary), Value::Text(text)) => {
                let code = vocabulary.code_of(text)?;
                Ok(code.map(|code| code as usize))
            }
            _ => Err(Error::internal("a value of another type than its tag")),
        }
    }
}
