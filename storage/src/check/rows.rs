//! Rows and bitmaps, through all layers of a tag, say the same.

use crate::bitmap::Chunk;
use crate::engine::PartitionState;
use crate::error::{Error, Result};
use crate::ids::{Code, ordinal_at};
use crate::schema::{Family, Tag};

/// Of each chunk, so many values and so many subjects are looked at on their own.
const SAMPLES: usize = 32;

/// Compares the ways to read a tag.
///
/// # Errors
/// They disagree, or a file cannot be read.
pub(super) fn check_tag(partition: &PartitionState, tag: &Tag) -> Result<()> {
    let mut alive = Chunk::new();
    for chunk in 0..partition.chunks() as u16 {
        partition.alive(chunk, &mut alive);
        match tag.kind.family() {
            Family::Single => check_single(partition, tag, chunk, &alive)?,
            Family::Text => check_text(partition, tag, chunk, &alive)?,
            Family::Set | Family::Map => check_multi(partition, tag, chunk, &alive)?,
        }
    }
    Ok(())
}

fn check_single(partition: &PartitionState, tag: &Tag, chunk: u16, alive: &Chunk) -> Result<()> {
    let stack = partition.single(tag.id)?;
    let mut rows: Vec<(u16, i64)> = Vec::new();
    stack.for_each(chunk, alive, &mut |low, value| rows.push((low, value)))?;
    rows.sort_unstable();
    let mut found = Chunk::new();
    stack.known(chunk, &mut found)?;
    expect_same(chunk, alive, &found, rows.iter().map(|(low, _)| *low))?;
    let codes = codes_of(partition, tag)?;
    for (_, value) in &rows {
        expect_code(codes, *value)?;
    }
    let mut values: Vec<i64> = rows.iter().map(|(_, value)| *value).collect();
    values.sort_unstable();
    values.dedup();
    for value in sample(&values) {
        if tag.kind.is_coded() {
            stack.members(chunk, *value as Code, &mut found)?;
        } else {
            stack.in_range(chunk, alive, (*value, *value), &mut found)?;
        }
        let own = rows.iter().filter(|(_, other)| other == value);
        expect_same(chunk, alive, &found, own.map(|(low, _)| *low))?;
    }
    for (low, value) in sample(&rows) {
        expect_row(
            chunk,
            *low,
            stack.get(ordinal_at(chunk, *low))? == Some(*value),
        )?;
    }
    Ok(())
}

fn check_text(partition: &PartitionState, tag: &Tag, chunk: u16, alive: &Chunk) -> Result<()> {
    let stack = partition.text(tag.id)?;
    let mut rows: Vec<u16> = Vec::new();
    stack.for_each(chunk, alive, &mut |low, _| rows.push(low))?;
    rows.sort_unstable();
    let mut found = Chunk::new();
    stack.known(chunk, &mut found)?;
    expect_same(chunk, alive, &found, rows.iter().copied())?;
    for low in sample(&rows) {
        let text = stack.get(ordinal_at(chunk, *low))?;
        expect_row(chunk, *low, text.is_some())?;
    }
    Ok(())
}

fn check_multi(partition: &PartitionState, tag: &Tag, chunk: u16, alive: &Chunk) -> Result<()> {
    let stack = partition.multi(tag.id)?;
    let mut rows: Vec<(u16, Vec<(Code, i64)>)> = Vec::new();
    stack.for_each_row(chunk, alive, &mut |low, entries| {
        rows.push((low, entries.to_vec()))
    })?;
    rows.sort_unstable();
    let mut found = Chunk::new();
    stack.nonempty(chunk, &mut found)?;
    expect_same(chunk, alive, &found, rows.iter().map(|(low, _)| *low))?;
    let codes = codes_of(partition, tag)?;
    let entries = rows.iter().flat_map(|(_, entries)| entries);
    let mut used: Vec<Code> = entries.map(|(code, _)| *code).collect();
    used.sort_unstable();
    used.dedup();
    if let Some(last) = used.last() {
        expect_code(codes, i64::from(*last))?;
    }
    for code in sample(&used) {
        stack.members(chunk, *code, &mut found)?;
        let has = |entries: &[(Code, i64)]| {
            entries
                .binary_search_by_key(code, |(code, _)| *code)
                .is_ok()
        };
        let own = rows.iter().filter(|(_, entries)| has(entries));
        expect_same(chunk, alive, &found, own.map(|(low, _)| *low))?;
    }
    for (low, entries) in sample(&rows) {
        expect_row(chunk, *low, stack.get(ordinal_at(chunk, *low))? == *entries)?;
    }
    Ok(())
}

/// The number of strings, of a tag whose values are strings.
fn codes_of(partition: &PartitionState, tag: &Tag) -> Result<Option<u32>> {
    match tag.kind.has_vocabulary() {
        true => Ok(Some(partition.vocabulary(tag.id).read()?.len())),
        false => Ok(None),
    }
}

fn expect_code(codes: Option<u32>, value: i64) -> Result<()> {
    if codes.is_some_and(|codes| !(0..i64::from(codes)).contains(&value)) {
        return Err(Error::internal(format!("code {value} has no string")));
    }
    Ok(())
}

/// The members of `found` that are alive are the positions of `rows`, which rise.
fn expect_same(
    chunk: u16,
    alive: &Chunk,
    found: &Chunk,
    rows: impl Iterator<Item = u16>,
) -> Result<()> {
    let mut own = Chunk::new();
    rows.for_each(|low| own.set(low));
    own.xor(found);
    own.and(alive);
    match own.iter().next() {
        None => Ok(()),
        Some(low) => expect_row(chunk, low, false),
    }
}

fn expect_row(chunk: u16, low: u16, holds: bool) -> Result<()> {
    if holds {
        return Ok(());
    }
    let ordinal = ordinal_at(chunk, low);
    let detail = format!("row and bitmaps of subject {ordinal} disagree");
    Err(Error::internal(detail))
}

/// At most [`SAMPLES`] of the items, evenly spread.
fn sample<T>(items: &[T]) -> impl Iterator<Item = &T> {
    items.iter().step_by(items.len().div_ceil(SAMPLES).max(1))
}
