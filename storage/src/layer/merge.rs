//! Folding neighbouring parts of one tag into one: the same code in memory, at flush and in
//! compaction of deltas.
//!
//! Merging is associative but not commutative. Parts come oldest first.

use std::sync::Arc;

use crate::bitmap::Bitmap;
use crate::column::{TextBlocksBuilder, Vector};
use crate::error::Result;
use crate::ids::{Ordinal, chunk_of};
use crate::layer::part::{MultiPart, Part, SinglePart, TextPart, Texts, Values};
use crate::layer::write::{EntryState, RowsBuilder};
use crate::subjects::Dead;

/// What becomes of the merged part.
#[derive(Clone, Copy, Debug)]
pub struct MergeContext<'a> {
    /// Subjects that are gone for good.
    pub dead: &'a Dead,
    /// Whether no older part of the tag exists: then there is nothing to clear, drop or reset.
    pub bottom: bool,
    /// Whether entries have values beside them.
    pub payload: bool,
}

/// Merges parts of one tag, oldest first, into one in delta form.
///
/// # Errors
/// A file cannot be read or is damaged, or the parts are of different families.
pub fn merge(parts: &[Arc<Part>], context: MergeContext<'_>) -> Result<Part> {
    match parts.first().map(|part| &**part) {
        None => Err(crate::Error::internal("a merge of no parts")),
        Some(Part::Single(_)) => {
            let parts = typed(parts, Part::as_single)?;
            Ok(Part::Single(Arc::new(merge_single(&parts, context)?)))
        }
        Some(Part::Text(_)) => {
            let parts = typed(parts, Part::as_text)?;
            Ok(Part::Text(Arc::new(merge_text(&parts, context)?)))
        }
        Some(Part::Multi(_)) => {
            let parts = typed(parts, Part::as_multi)?;
            Ok(Part::Multi(Arc::new(merge_multi(&parts, context)?)))
        }
    }
}

fn typed<T>(parts: &[Arc<Part>], get: fn(&Part) -> Option<&Arc<T>>) -> Result<Vec<&Arc<T>>> {
    let wrong = || crate::Error::internal("layers of one tag are of different families");
    parts
        .iter()
        .map(|part| get(part).ok_or_else(wrong))
        .collect()
}

fn merge_single(parts: &[&Arc<SinglePart>], context: MergeContext<'_>) -> Result<SinglePart> {
    let mut writes: Vec<(Ordinal, Option<i64>)> = Vec::new();
    for part in parts.iter().rev() {
        for (chunk, first_rank, container) in part.set.chunks() {
            let values = part.values.chunk(chunk, (first_rank, container.len()))?;
            container.for_each(|low, rank| {
                writes.push((
                    crate::ids::ordinal_at(chunk, low),
                    Some(values.get(low, rank)),
                ));
            });
        }
        writes.extend(part.cleared.iter().map(|ordinal| (ordinal, None)));
    }
    keep_first(&mut writes, parts.len());
    let mut set = Vec::with_capacity(writes.len());
    let mut values = Vec::with_capacity(writes.len());
    let mut cleared = Vec::new();
    for (ordinal, value) in writes {
        match value {
            _ if context.dead.contains(ordinal) => {}
            Some(value) => {
                set.push(ordinal);
                values.push(value);
            }
            None if context.bottom => {}
            None => cleared.push(ordinal),
        }
    }
    Ok(SinglePart {
        set: Bitmap::from_sorted(&set),
        cleared: Bitmap::from_sorted(&cleared),
        values: Values::Flat(Vector::from_values(&values)),
        members: None,
    })
}

fn merge_text(parts: &[&Arc<TextPart>], context: MergeContext<'_>) -> Result<TextPart> {
    let mut writes: Vec<(Ordinal, Option<usize>)> = Vec::new();
    for (index, part) in parts.iter().enumerate().rev() {
        writes.extend(part.set.iter().map(|ordinal| (ordinal, Some(index))));
        writes.extend(part.cleared.iter().map(|ordinal| (ordinal, None)));
    }
    keep_first(&mut writes, parts.len());
    let (mut set, mut cleared) = (Vec::new(), Vec::new());
    let mut texts = TextBlocksBuilder::new();
    for (ordinal, owner) in writes {
        match owner {
            _ if context.dead.contains(ordinal) => {}
            Some(index) => {
                let part = parts[index];
                let chunk = chunk_of(ordinal);
                let place = part
                    .set
                    .chunk(chunk)
                    .map_or((0, 0), |(rank, own)| (rank, own.len()));
                let (blocks, start) = part.texts.chunk(chunk, place)?;
                let rank = part.set.rank(ordinal) - place.0;
                texts.push(&blocks.get(start + rank)?);
                set.push(ordinal);
            }
            None if context.bottom => {}
            None => cleared.push(ordinal),
        }
    }
    Ok(TextPart {
        set: Bitmap::from_sorted(&set),
        cleared: Bitmap::from_sorted(&cleared),
        texts: Texts::Flat(texts.finish()),
    })
}

/// Where a part keeps what it knows of a subject.
#[derive(Clone, Copy)]
struct Known {
    ordinal: Ordinal,
    part: usize,
    reset: bool,
    rank: u32,
}

fn merge_multi(parts: &[&Arc<MultiPart>], context: MergeContext<'_>) -> Result<MultiPart> {
    let mut known: Vec<Known> = Vec::new();
    for (part, multi) in parts.iter().enumerate() {
        for (bitmap, reset) in [(&multi.reset, true), (&multi.dirty, false)] {
            let subjects = bitmap.iter().zip(0..);
            known.extend(subjects.map(|(ordinal, rank)| Known {
                ordinal,
                part,
                reset,
                rank,
            }));
        }
    }
    known.sort_by_key(|known| known.ordinal);
    let mut rows = RowsBuilder::new(context.payload);
    let (mut state, mut newer) = (EntryState::default(), EntryState::default());
    for same in known.chunk_by(|a, b| a.ordinal == b.ordinal) {
        let ordinal = same[0].ordinal;
        if context.dead.contains(ordinal) {
            continue;
        }
        let decided = same.iter().rposition(|known| known.reset).unwrap_or(0);
        load_state(parts[same[decided].part], same[decided], &mut state)?;
        for known in &same[decided + 1..] {
            load_state(parts[known.part], *known, &mut newer)?;
            state.merge(&newer);
        }
        if context.bottom {
            state.reset = !state.puts.is_empty();
            state.drops.clear();
        }
        rows.push(ordinal, &state);
    }
    Ok(rows.finish())
}

fn load_state(part: &MultiPart, known: Known, state: &mut EntryState) -> Result<()> {
    state.reset = known.reset;
    state.puts.clear();
    state.drops.clear();
    if known.reset {
        let chunk = chunk_of(known.ordinal);
        let place = part
            .reset
            .chunk(chunk)
            .map_or((0, 0), |(rank, own)| (rank, own.len()));
        let (rows, start) = part.full.chunk(chunk, place)?;
        let index = start + (u64::from(known.rank) - place.0) as usize;
        rows.for_each(index, |code, value| state.puts.push((code, value)));
    } else {
        let index = known.rank as usize;
        part.puts
            .for_each(index, |code, value| state.puts.push((code, value)));
        part.drops.for_each(index, |code, _| state.drops.push(code));
    }
    Ok(())
}

/// Sorts by ordinal and keeps the first entry of each: the newest, as they come.
fn keep_first<T>(writes: &mut Vec<(Ordinal, T)>, parts: usize) {
    if parts > 1 || !writes.is_sorted_by(|a, b| a.0 < b.0) {
        writes.sort_by_key(|(ordinal, _)| *ordinal);
        writes.dedup_by_key(|(ordinal, _)| *ordinal);
    }
}
