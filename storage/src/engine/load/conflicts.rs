//! Keys that others have written while a load was under way: made, or deleted.
//!
//! What the load has for such a key is read back from its own segments and written once more, as a
//! row by key on the state of the load's end; the load's own subject of that key stays dead.

use std::sync::Arc;

use crate::batch::{Cell, Column, Dictionary, Keys, RowBatch};
use crate::engine::load::partition::PartitionLoad;
use crate::engine::root::PartitionState;
use crate::error::Result;
use crate::ids::{Code, Ordinal};
use crate::layer::Part;
use crate::layer::write::EntryState;
use crate::schema::{Key, Tag, TagType};
use crate::segment::keys::hash_of;

/// The keys of a partition that others have written meanwhile, with the load's ordinals.
pub(super) fn find(load: &PartitionLoad, now: &PartitionState) -> Result<Vec<(Key, Ordinal)>> {
    let mut found = Vec::new();
    let range = load.start.next_ordinal..now.next_ordinal;
    let mut failed = None;
    now.keys.for_each(
        range,
        &|ordinal| now.is_alive(ordinal),
        &mut |_, key| match load.find_new(key, hash_of(key)) {
            Ok(Some(ordinal)) => found.push((key.to_key(), ordinal)),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        },
    )?;
    if let Some(error) = failed {
        return Err(error);
    }
    for ordinal in load
        .touched
        .iter()
        .filter(|ordinal| now.dead.contains(*ordinal))
    {
        found.push((load.start.key(ordinal)?, ordinal));
    }
    Ok(found)
}

/// What the load has for those subjects, as rows.
pub(super) fn rows(
    load: &PartitionLoad,
    subjects: &[(Key, Ordinal)],
    tags: &[Tag],
) -> Result<RowBatch> {
    let mut keys = Keys::new(load.start.schema.key_type);
    subjects.iter().for_each(|(key, _)| keys.push(key.as_ref()));
    let mut columns = Vec::new();
    for tag in tags {
        let mut parts: Vec<Arc<Part>> = Vec::new();
        for (_, segment) in &load.segments {
            parts.extend(segment.part(tag.id)?);
        }
        let mut column = Column {
            tag: tag.id,
            dictionary: Dictionary::default(),
            cells: Vec::new(),
        };
        for (row, (_, ordinal)) in (0..).zip(subjects) {
            let cell = cell(&load.start, tag, &parts, *ordinal, &mut column.dictionary)?;
            column.cells.extend(cell.map(|cell| (row, cell)));
        }
        columns.push(column);
    }
    Ok(RowBatch { keys, columns })
}

/// What layers of a tag say of a subject, newest first until one decides.
fn cell(
    partition: &PartitionState,
    tag: &Tag,
    parts: &[Arc<Part>],
    ordinal: Ordinal,
    dictionary: &mut Dictionary,
) -> Result<Option<Cell>> {
    let vocabulary = partition.vocabulary(tag.id);
    let reader = vocabulary.read()?;
    let mut entries: Vec<EntryState> = Vec::new();
    for part in parts.iter().rev() {
        match &**part {
            Part::Single(part) => match part.get(ordinal)? {
                None => {}
                Some(None) => return Ok(Some(Cell::Clear)),
                Some(Some(code)) if tag.kind == TagType::Keyword => {
                    let place = dictionary.place(reader.string(code as Code));
                    return Ok(Some(Cell::Value(i64::from(place))));
                }
                Some(Some(value)) => return Ok(Some(Cell::Value(value))),
            },
            Part::Text(part) => match part.get(ordinal)? {
                None => {}
                Some(None) => return Ok(Some(Cell::Clear)),
                Some(Some(text)) => return Ok(Some(Cell::Text(text.into()))),
            },
            Part::Multi(part) => entries.extend(part.state(ordinal)?),
        }
        if entries.last().is_some_and(|state| state.reset) {
            break;
        }
    }
    let Some(mut state) = entries.pop() else {
        return Ok(None);
    };
    while let Some(newer) = entries.pop() {
        state.merge(&newer);
    }
    let mut place = |code: Code| dictionary.place(reader.string(code));
    let drop: Box<[u32]> = state.drops.iter().map(|code| place(*code)).collect();
    let put: Box<[(u32, i64)]> = state
        .puts
        .iter()
        .map(|(code, value)| (place(*code), *value))
        .collect();
    let members = || put.iter().map(|(place, _)| *place).collect();
    Ok(Some(match (tag.kind, state.reset) {
        (TagType::KeywordSet, true) => Cell::Set(members()),
        (TagType::KeywordSet, false) => Cell::EditSet {
            drop,
            put: members(),
        },
        (_, true) => Cell::Map(put),
        (_, false) => Cell::EditMap { drop, put },
    }))
}
