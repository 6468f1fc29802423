//! Applying a batch to a root: the same code for a write and for replay.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::catalog::Catalog;
use crate::column::{ListsBuilder, Vector};
use crate::engine::batch::{Batch, Section};
use crate::engine::memtable::{self, MemoryLayer};
use crate::engine::root::{DbState, PartitionState, TableState};
use crate::error::{Error, Result};
use crate::ids::{Code, Lsn, TagId};
use crate::keys::KeyMemory;
use crate::layer::Layer;
use crate::layer::part::{FlatRows, MultiPart, Part, Rows, SinglePart, Values};
use crate::vocabulary::VocabularyLimits;

/// Gives the root the tables of a catalog: new ones are empty, dropped ones go.
pub(super) fn apply_catalog(state: &mut DbState, catalog: Catalog) {
    state
        .tables
        .retain(|id, _| catalog.table_by_id(*id).is_some());
    for schema in catalog.tables() {
        match state.tables.get_mut(&schema.id) {
            None => {
                state
                    .tables
                    .insert(schema.id, Arc::new(TableState::new(schema.clone())));
            }
            Some(table) if Arc::ptr_eq(&table.schema, schema) => {}
            Some(table) => {
                let table = Arc::make_mut(table);
                table.schema = schema.clone();
                for partition in &mut table.partitions {
                    let partition = Arc::make_mut(partition);
                    partition.schema = schema.clone();
                    partition.forget_dropped();
                }
            }
        }
    }
    state.catalog = Arc::new(catalog);
}

/// Applies the sections of a batch; its schema change has been applied before.
///
/// # Errors
/// Only a bug, or a damaged frame that has passed its checksum.
pub(super) fn apply_sections(
    state: &mut DbState,
    batch: &Batch,
    barrier: Option<Lsn>,
) -> Result<()> {
    state.lsn = batch.lsn;
    for section in &batch.sections {
        let Some(table) = state.tables.get_mut(&section.table) else {
            continue;
        };
        let table = Arc::make_mut(table);
        let index = usize::from(section.partition.0);
        let Some(partition) = table.partitions.get_mut(index) else {
            return Err(Error::internal(
                "a batch names a partition that does not exist",
            ));
        };
        apply_section(Arc::make_mut(partition), section, batch.lsn, barrier)?;
    }
    Ok(())
}

fn apply_section(
    partition: &mut PartitionState,
    section: &Section,
    lsn: Lsn,
    barrier: Option<Lsn>,
) -> Result<()> {
    let count = section.keys.len() as u32;
    if section.first_ordinal > partition.next_ordinal {
        skip_to(partition, section.first_ordinal);
    }
    if count > 0 {
        if section.first_ordinal != partition.next_ordinal {
            return Err(Error::internal("a batch gives an ordinal a second time"));
        }
        let memory = partition.keys.memory.last();
        let memory = memory.ok_or_else(|| Error::internal("a partition takes no keys"))?;
        memory.push((0..section.keys.len()).map(|row| section.keys.get(row)));
        partition.next_ordinal += count;
    }
    for ordinal in section.deleted.iter() {
        partition.dead.insert(ordinal);
    }
    if !section.parts.is_empty() {
        let layer = Arc::new(Layer::new(lsn, lsn, section.parts.clone()));
        partition.memory.push(MemoryLayer { layer, level: 0 });
        merge_small(partition, barrier)?;
    }
    Ok(())
}

/// Ordinals up to `ordinal` were reserved and never used: they are dead.
pub(super) fn skip_to(partition: &mut PartitionState, ordinal: u32) {
    partition.dead.insert_range(partition.next_ordinal, ordinal);
    partition.next_ordinal = ordinal;
    let memory = Arc::new(KeyMemory::new(ordinal, partition.schema.key_type));
    partition.keys.memory.push(memory);
}

fn merge_small(partition: &mut PartitionState, barrier: Option<Lsn>) -> Result<()> {
    while let Some(range) = memtable::due(&partition.memory, barrier) {
        let inputs = &partition.memory[range.clone()];
        if !memtable::is_small(inputs) {
            break;
        }
        let merged = memtable::merge_layers(inputs, &partition.schema, &partition.dead)?;
        partition.memory.splice(range, [merged]);
    }
    Ok(())
}

/// Gives a batch that was read from the log the codes of this process: they differ where a write
/// was refused after some of its strings had been given codes.
///
/// # Errors
/// A vocabulary file cannot be read or is damaged.
pub(super) fn localise(state: &DbState, batch: &mut Batch) -> Result<()> {
    const NO_LIMITS: VocabularyLimits = VocabularyLimits {
        entries_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    for section in &mut batch.sections {
        let Some(table) = state.table(section.table) else {
            continue;
        };
        let partition = table.partition(section.partition)?;
        for (tag, run) in &section.strings {
            if table.schema.tag_by_id(*tag).is_none() {
                continue;
            }
            let (old, strings): (Vec<Code>, Vec<Box<str>>) = run.iter().cloned().unzip();
            let new = partition.vocabulary(*tag).intern(&strings, NO_LIMITS, "")?;
            if old != new {
                let codes = old.into_iter().zip(new).collect();
                recode(section.parts.as_mut_slice(), *tag, &codes);
            }
        }
    }
    Ok(())
}

fn recode(parts: &mut [(TagId, Arc<Part>)], tag: TagId, codes: &HashMap<Code, Code>) {
    let Ok(index) = parts.binary_search_by_key(&tag, |(id, _)| *id) else {
        return;
    };
    let recoded = match &*parts[index].1 {
        Part::Single(part) => {
            let Values::Flat(values) = &part.values else {
                return;
            };
            let values: Vec<i64> = values.iter().map(|code| new_code(codes, code)).collect();
            Part::Single(Arc::new(SinglePart {
                values: Values::Flat(Vector::from_values(&values)),
                ..SinglePart::clone(part)
            }))
        }
        Part::Multi(part) => {
            let Rows::Flat(full) = &part.full else { return };
            Part::Multi(Arc::new(MultiPart {
                full: Rows::Flat(recode_rows(full, codes)),
                puts: recode_rows(&part.puts, codes),
                drops: recode_rows(&part.drops, codes),
                ..MultiPart::clone(part)
            }))
        }
        Part::Text(_) => return,
    };
    parts[index].1 = Arc::new(recoded);
}

fn new_code(codes: &HashMap<Code, Code>, code: i64) -> i64 {
    let known = u32::try_from(code).ok().and_then(|code| codes.get(&code));
    known.map_or(code, |code| i64::from(*code))
}

fn recode_rows(rows: &FlatRows, codes: &HashMap<Code, Code>) -> FlatRows {
    let mut lists = ListsBuilder::default();
    let mut payload = Vec::new();
    let mut entries = Vec::new();
    for index in 0..rows.codes.len() {
        entries.clear();
        rows.for_each(index, |code, value| {
            entries.push((new_code(codes, i64::from(code)), value));
        });
        entries.sort_unstable();
        lists.push(entries.iter().map(|(code, _)| *code));
        payload.extend(entries.iter().map(|(_, value)| *value));
    }
    let payload = rows.payload.as_ref().map(|_| Vector::from_values(&payload));
    FlatRows {
        codes: lists.finish(),
        payload,
    }
}
