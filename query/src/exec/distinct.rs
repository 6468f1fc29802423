//! How many different values a tag has, for DESCRIBE: exact where that is quick to say.

use std::sync::Arc;

use hashbrown::HashSet;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::{PartitionState, TableState};
use tagdb_storage::ids::Code;
use tagdb_storage::schema::{Family, Tag};

use crate::error::Result;
use crate::exec::Interrupt;
use crate::exec::columns::string_of;

/// Different numbers that are counted, at most.
const NUMBERS_MAX: usize = 1 << 16;

/// The number of different values, members or keys that living subjects have; nothing for long
/// texts and for too many different numbers.
///
/// # Errors
/// A file cannot be read or is damaged, or the statement has to stop.
pub(super) fn distinct(
    table: &TableState,
    tag: &Tag,
    interrupt: &Interrupt,
) -> Result<Option<u64>> {
    if tag.kind.family() == Family::Text {
        return Ok(None);
    }
    if !tag.kind.has_vocabulary() {
        let mut numbers = HashSet::new();
        for partition in table.partitions() {
            if !numbers_of(partition, tag, interrupt, &mut numbers)? {
                return Ok(None);
            }
        }
        return Ok(Some(numbers.len() as u64));
    }
    let mut strings: HashSet<Arc<str>> = HashSet::new();
    let mut count = 0;
    for partition in table.partitions() {
        let codes = codes_of(partition, tag, interrupt)?;
        count = codes.len();
        if table.partitions().len() > 1 {
            let vocabulary = partition.vocabulary(tag.id);
            let reader = vocabulary.read()?;
            for code in codes {
                strings.insert(string_of(&reader, code)?);
            }
        }
    }
    Ok(Some(count.max(strings.len()) as u64))
}

/// Adds the numbers of a partition; tells whether all of them could be.
fn numbers_of(
    partition: &PartitionState,
    tag: &Tag,
    interrupt: &Interrupt,
    numbers: &mut HashSet<i64>,
) -> Result<bool> {
    let stack = partition.single(tag.id)?;
    let mut alive = Box::<Chunk>::default();
    for chunk in 0..partition.chunks() {
        interrupt.check()?;
        // There are at most 65,536 chunks.
        let chunk = chunk as u16;
        partition.alive(chunk, &mut alive);
        stack.for_each(chunk, &alive, &mut |_, number| {
            numbers.insert(number);
        })?;
        if numbers.len() > NUMBERS_MAX {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The codes that are in use, until all of the vocabulary are.
fn codes_of(partition: &PartitionState, tag: &Tag, interrupt: &Interrupt) -> Result<Vec<Code>> {
    let strings = partition.vocabulary(tag.id).read()?.len() as usize;
    let mut seen = vec![false; strings];
    let mut count = 0;
    let mut see = |code: usize| {
        // Codes that are newer than this state have no members in it.
        if let Some(seen) = seen.get_mut(code) {
            count += usize::from(!std::mem::replace(seen, true));
        }
        count
    };
    let is_single = tag.kind.family() == Family::Single;
    let single = if is_single {
        Some(partition.single(tag.id)?)
    } else {
        None
    };
    let multi = if is_single {
        None
    } else {
        Some(partition.multi(tag.id)?)
    };
    let mut alive = Box::<Chunk>::default();
    for chunk in 0..partition.chunks() {
        interrupt.check()?;
        let chunk = chunk as u16;
        partition.alive(chunk, &mut alive);
        let mut used = 0;
        if let Some(stack) = &single {
            stack.for_each(chunk, &alive, &mut |_, code| used = see(code as usize))?;
        }
        if let Some(stack) = &multi {
            stack.for_each_row(chunk, &alive, &mut |_, entries| {
                entries
                    .iter()
                    .for_each(|(code, _)| used = see(*code as usize));
            })?;
        }
        if used == strings {
            break;
        }
    }
    let used = seen.into_iter().enumerate().filter(|(_, is_used)| *is_used);
    Ok(used.map(|(code, _)| code as Code).collect())
}
