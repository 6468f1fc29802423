//! Leaves: who passes a test, and who fails it.

use std::sync::Arc;

use tagdb_storage::bitmap::{Bitmap, Chunk};
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Code, Ordinal, TagId, chunk_of, low_of};
use tagdb_storage::layer::{MultiStack, SingleStack, TextStack};
use tagdb_storage::schema::Family;

use crate::bind::bound::{KeyTest, NumberSet, Predicate, Ranges};
use crate::error::{Error, Result};
use crate::exec::columns::Columns;
use crate::exec::predicate::entries::EntryTest;
use crate::exec::predicate::evaluate::Scratch;
use crate::exec::row_function::RowFunction;

/// From so many codes on, values are looked at one by one instead of bitmaps.
const CODES_MANY: usize = 64;
/// From so many ranges on, values are looked at one by one instead of range by range.
const RANGES_MANY: usize = 4;

/// A test, compiled for a partition.
#[derive(Debug)]
pub(super) enum Leaf {
    Boolean(SingleStack),
    Number(SingleStack, Sides),
    MapNumber(MultiStack, Code, Ranges),
    Keyword(SingleStack, CodeTest),
    Known(KnownTest),
    /// Rising.
    Keys(Vec<Ordinal>),
    Subjects(Bitmap),
    NumberSet(SingleStack, Arc<NumberSet>),
    MapNumberSet(MultiStack, Code, Arc<NumberSet>),
    /// A query that was not run, and so cannot be asked.
    NotRun,
    KeyScan(Arc<PartitionState>, KeyTest),
    HasAny(MultiStack, CodeTest),
    HasAll(MultiStack, Vec<Code>),
    Cardinality(MultiStack, Ranges),
    AnyKey(Box<EntryTest>),
    Rows(Box<RowTest>),
}

/// The numbers that pass a test, and those that fail it.
#[derive(Debug)]
pub(super) struct Sides {
    pub(super) inside: Ranges,
    pub(super) outside: Ranges,
}

/// A test of expressions, row by row.
#[derive(Debug)]
pub(super) struct RowTest {
    /// A leaf.
    pub(super) predicate: Predicate,
    pub(super) columns: Columns,
    pub(super) function: RowFunction<Option<bool>>,
}

/// What has to be there.
#[derive(Debug)]
pub(crate) enum KnownTest {
    Single(SingleStack),
    Text(TextStack),
    Multi(MultiStack),
    Entry(MultiStack, Code),
}

/// A set of codes.
#[derive(Debug)]
pub(super) enum CodeTest {
    /// Rising.
    Few(Vec<Code>),
    /// A bit for each code.
    Many(Vec<u64>),
}

impl CodeTest {
    /// The set of these codes, which rise.
    pub(super) fn new(codes: Vec<Code>) -> Self {
        if codes.len() < CODES_MANY {
            return Self::Few(codes);
        }
        let last = codes.last().copied().unwrap_or(0);
        let mut bits = vec![0; last as usize / 64 + 1];
        for code in codes {
            bits[code as usize / 64] |= 1 << (code % 64);
        }
        Self::Many(bits)
    }

    /// Whether a code is in it.
    pub(super) fn has(&self, code: Code) -> bool {
        match self {
            Self::Few(codes) => codes.binary_search(&code).is_ok(),
            Self::Many(bits) => Self::holds(bits, i64::from(code)),
        }
    }

    fn holds(bits: &[u64], code: i64) -> bool {
        let code = code as usize;
        bits.get(code / 64)
            .is_some_and(|word| word >> (code % 64) & 1 != 0)
    }
}

impl Leaf {
    /// What it takes, roughly, in chunk operations.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Keys(_) => 1,
            Self::Subjects(_) | Self::NotRun => 2,
            Self::Boolean(_) | Self::Known(_) => 4,
            Self::Keyword(_, CodeTest::Few(codes)) | Self::HasAny(_, CodeTest::Few(codes)) => {
                2 + 2 * codes.len() as u32
            }
            Self::HasAll(_, codes) => 2 + 2 * codes.len() as u32,
            Self::Number(..) => 20,
            Self::MapNumber(..) => 40,
            Self::NumberSet(..) | Self::MapNumberSet(..) => 200,
            Self::Keyword(_, CodeTest::Many(_)) | Self::HasAny(_, CodeTest::Many(_)) => 200,
            Self::Cardinality(..) => 200,
            Self::AnyKey(_) => 300,
            Self::KeyScan(..) => 500,
            Self::Rows(_) => 2_000,
        }
    }

    /// How it is met, in words.
    pub(super) fn method(&self) -> String {
        match self {
            Self::Boolean(_) => "bitmap".to_owned(),
            Self::Number(..) => "column, among candidates".to_owned(),
            Self::MapNumber(..) => "values under the key, among candidates".to_owned(),
            Self::Keyword(_, CodeTest::Few(codes)) => format!("bitmaps of {} values", codes.len()),
            Self::Keyword(_, CodeTest::Many(_)) => {
                "column against a set of values, among candidates".to_owned()
            }
            Self::Known(_) => "bitmap of who has it".to_owned(),
            Self::Keys(ordinals) => format!("look-up of keys, {} found", ordinals.len()),
            Self::Subjects(subjects) => format!("bitmap of {} subjects", subjects.len()),
            Self::NumberSet(..) | Self::MapNumberSet(..) => {
                "column against a set of numbers, among candidates".to_owned()
            }
            Self::NotRun => "values of a query, which is run first".to_owned(),
            Self::KeyScan(..) => "scan of keys, among candidates".to_owned(),
            Self::HasAny(_, CodeTest::Few(codes)) => format!("any of {} bitmaps", codes.len()),
            Self::HasAny(_, CodeTest::Many(_)) => {
                "members against a set, among candidates".to_owned()
            }
            Self::HasAll(_, codes) => format!("all of {} bitmaps", codes.len()),
            Self::AnyKey(_) => "entries of the map, among candidates".to_owned(),
            Self::Cardinality(..) => "sizes, among candidates".to_owned(),
            Self::Rows(_) => "row by row, among candidates".to_owned(),
        }
    }

    /// The subjects it can be true for, if it names them.
    pub(super) fn ordinals(&self) -> Option<&[Ordinal]> {
        match self {
            Self::Keys(ordinals) => Some(ordinals),
            _ => None,
        }
    }

    /// Makes `out` the candidates for which the test is true (or false, for the other side).
    pub(super) fn evaluate(
        &mut self,
        side: bool,
        (chunk, candidates): (u16, &Chunk),
        scratch: &mut Scratch,
        out: &mut Chunk,
    ) -> Result<()> {
        match self {
            Self::Boolean(stack) => {
                stack.members_among(chunk, Code::from(side), candidates, out)?;
            }
            Self::Number(stack, sides) => {
                let ranges = if side { &sides.inside } else { &sides.outside };
                if ranges.as_slice().len() < RANGES_MANY {
                    in_ranges(ranges.as_slice(), scratch, out, |range, part| {
                        Ok(stack.in_range(chunk, candidates, range, part)?)
                    })?;
                } else {
                    out.clear();
                    stack.for_each(chunk, candidates, &mut |low, value| {
                        if ranges.contains(value) {
                            out.set(low);
                        }
                    })?;
                }
            }
            Self::MapNumber(stack, code, ranges) => {
                out.clear();
                stack.for_each_value(chunk, *code, candidates, &mut |low, value| {
                    if ranges.contains(value) == side {
                        out.set(low);
                    }
                })?;
            }
            Self::NumberSet(stack, numbers) => {
                out.clear();
                stack.for_each(chunk, candidates, &mut |low, value| {
                    if numbers.contains(value) == side {
                        out.set(low);
                    }
                })?;
            }
            Self::MapNumberSet(stack, code, numbers) => {
                out.clear();
                stack.for_each_value(chunk, *code, candidates, &mut |low, value| {
                    if numbers.contains(value) == side {
                        out.set(low);
                    }
                })?;
            }
            Self::NotRun => return Err(Error::internal("a query was not run")),
            Self::Keyword(stack, codes) => {
                keyword(stack, codes, side, (chunk, candidates), scratch, out)?;
            }
            Self::HasAll(..)
            | Self::HasAny(..)
            | Self::Cardinality(..)
            | Self::AnyKey(_)
            | Self::Known(_)
            | Self::Keys(_)
            | Self::Subjects(_)
            | Self::KeyScan(..) => {
                self.members((chunk, candidates), scratch, out)?;
                match side {
                    true => out.and(candidates),
                    false => complement(candidates, out),
                }
            }
            Self::Rows(test) => scratch.by_rows(test, side, (chunk, candidates), out)?,
        }
        Ok(())
    }

    /// Of a two-valued test: those who pass it. Whoever is no candidate may or may not be there.
    fn members(
        &self,
        (chunk, candidates): (u16, &Chunk),
        scratch: &mut Scratch,
        out: &mut Chunk,
    ) -> Result<()> {
        match self {
            Self::Known(test) => Ok(test.members(chunk, out)?),
            Self::Keys(ordinals) => {
                out.clear();
                let start = ordinals.partition_point(|ordinal| chunk_of(*ordinal) < chunk);
                let own = ordinals[start..]
                    .iter()
                    .take_while(|o| chunk_of(**o) == chunk);
                own.for_each(|ordinal| out.set(low_of(*ordinal)));
                Ok(())
            }
            Self::Subjects(subjects) => {
                subjects.write_chunk(chunk, out);
                Ok(())
            }
            Self::KeyScan(partition, test) => {
                out.clear();
                Ok(partition.for_each_key(chunk, candidates, &mut |low, key| {
                    if test.contains(key) {
                        out.set(low);
                    }
                })?)
            }
            Self::HasAny(stack, codes) => has_any(stack, codes, (chunk, candidates), scratch, out),
            Self::HasAll(stack, codes) => {
                let mut left = scratch.take();
                out.copy_from(candidates);
                for code in codes {
                    left.copy_from(out);
                    stack.members_among(chunk, *code, &left, out)?;
                    if out.is_empty() {
                        break;
                    }
                }
                scratch.give(left);
                Ok(())
            }
            Self::AnyKey(test) => test.members(chunk, candidates, out),
            Self::Cardinality(stack, ranges) => {
                cardinality(stack, ranges, (chunk, candidates), out)
            }
            Self::Boolean(_)
            | Self::Number(..)
            | Self::MapNumber(..)
            | Self::Keyword(..)
            | Self::NumberSet(..)
            | Self::MapNumberSet(..)
            | Self::NotRun
            | Self::Rows(_) => Ok(()),
        }
    }
}

impl KnownTest {
    /// Of a whole tag.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn of(
        partition: &PartitionState,
        tag: TagId,
        family: Family,
    ) -> tagdb_storage::Result<Self> {
        Ok(match family {
            Family::Single => Self::Single(partition.single(tag)?),
            Family::Text => Self::Text(partition.text(tag)?),
            Family::Set | Family::Map => Self::Multi(partition.multi(tag)?),
        })
    }

    /// Those who have it, in a chunk.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn members(&self, chunk: u16, out: &mut Chunk) -> tagdb_storage::Result<()> {
        match self {
            Self::Single(stack) => stack.known(chunk, out),
            Self::Text(stack) => stack.known(chunk, out),
            Self::Multi(stack) => stack.nonempty(chunk, out),
            Self::Entry(stack, code) => stack.members(chunk, *code, out),
        }
    }
}

fn keyword(
    stack: &SingleStack,
    codes: &CodeTest,
    side: bool,
    (chunk, candidates): (u16, &Chunk),
    scratch: &mut Scratch,
    out: &mut Chunk,
) -> Result<()> {
    let codes = match codes {
        CodeTest::Few(codes) => codes,
        CodeTest::Many(bits) => {
            out.clear();
            return Ok(stack.for_each(chunk, candidates, &mut |low, value| {
                if CodeTest::holds(bits, value) == side {
                    out.set(low);
                }
            })?);
        }
    };
    if side {
        if let [code] = &**codes {
            return Ok(stack.members_among(chunk, *code, candidates, out)?);
        }
        stack.members_any(chunk, codes, out)?;
        out.and(candidates);
        return Ok(());
    }
    stack.known(chunk, out)?;
    out.and(candidates);
    if !codes.is_empty() && !out.is_empty() {
        let mut members = scratch.take();
        stack.members_any(chunk, codes, &mut members)?;
        out.and_not(&members);
        scratch.give(members);
    }
    Ok(())
}

/// Those who have any of some members. Whoever is no candidate may or may not be there.
fn has_any(
    stack: &MultiStack,
    codes: &CodeTest,
    (chunk, candidates): (u16, &Chunk),
    scratch: &mut Scratch,
    out: &mut Chunk,
) -> Result<()> {
    if let CodeTest::Few(codes) = codes
        && let [code] = &**codes
    {
        return Ok(stack.members_among(chunk, *code, candidates, out)?);
    }
    out.clear();
    match codes {
        CodeTest::Few(codes) => {
            let mut part = scratch.take();
            for code in codes {
                stack.members(chunk, *code, &mut part)?;
                out.or(&part);
            }
            scratch.give(part);
        }
        CodeTest::Many(bits) => stack.for_each_row(chunk, candidates, &mut |low, entries| {
            let holds = |(code, _): &(Code, i64)| CodeTest::holds(bits, i64::from(*code));
            if entries.iter().any(holds) {
                out.set(low);
            }
        })?,
    }
    Ok(())
}

fn in_ranges(
    ranges: &[(i64, i64)],
    scratch: &mut Scratch,
    out: &mut Chunk,
    in_range: impl Fn((i64, i64), &mut Chunk) -> Result<()>,
) -> Result<()> {
    if let [range] = ranges {
        return in_range(*range, out);
    }
    out.clear();
    let mut part = scratch.take();
    for range in ranges {
        in_range(*range, &mut part)?;
        out.or(&part);
    }
    scratch.give(part);
    Ok(())
}

fn cardinality(
    stack: &MultiStack,
    ranges: &Ranges,
    (chunk, candidates): (u16, &Chunk),
    out: &mut Chunk,
) -> Result<()> {
    // Those without entries are not visited.
    match ranges.contains(0) {
        true => out.copy_from(candidates),
        false => out.clear(),
    }
    Ok(stack.for_each_row(chunk, candidates, &mut |low, entries| {
        // At most 65,536 entries.
        match ranges.contains(entries.len() as i64) {
            true => out.set(low),
            false => out.remove(low),
        }
    })?)
}

/// Makes `out` the candidates that are not in it.
fn complement(candidates: &Chunk, out: &mut Chunk) {
    out.not();
    out.and(candidates);
}
