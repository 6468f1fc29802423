//! The in-memory layers of a partition: a short list, merged by eights.
//!
//! A merge replaces exactly its inputs, wherever they still stand side by side. Layers up to a
//! flush's barrier are not merged with newer ones while the flush is under way.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::ids::{Lsn, TagId};
use crate::layer::Layer;
use crate::layer::merge::{MergeContext, merge};
use crate::schema::{Family, TableSchema};
use crate::subjects::Dead;

/// So many neighbours of a level become one of the next level.
const FAN_IN: usize = 8;

/// Merges of more bytes than this are left to the maintenance thread.
const INLINE_BYTES_MAX: usize = 4 << 20;

/// A layer and how often it has been merged.
#[derive(Clone, Debug)]
pub(crate) struct MemoryLayer {
    /// The layer.
    pub layer: Arc<Layer>,
    /// How many merges deep it is.
    pub level: u8,
}

/// The newest neighbours that should be merged, if there are enough of them.
#[must_use]
pub(super) fn due(layers: &[MemoryLayer], barrier: Option<Lsn>) -> Option<Range<usize>> {
    let first = barrier.map_or(0, |barrier| {
        layers.partition_point(|layer| layer.layer.last_lsn <= barrier)
    });
    due_in(layers, first..layers.len()).or_else(|| {
        if first >= FAN_IN {
            due_in(layers, 0..first)
        } else {
            None
        }
    })
}

fn due_in(layers: &[MemoryLayer], within: Range<usize>) -> Option<Range<usize>> {
    let mut end = within.end;
    while end > within.start {
        let level = layers[end - 1].level;
        let same = layers[within.start..end]
            .iter()
            .rev()
            .take_while(|other| other.level <= level);
        let count = same.count();
        if count >= FAN_IN {
            return Some(end - count..end);
        }
        end -= count;
    }
    None
}

/// Whether a merge is small enough to be done at once.
#[must_use]
pub(super) fn is_small(layers: &[MemoryLayer]) -> bool {
    layers.iter().map(|layer| layer.layer.bytes).sum::<usize>() <= INLINE_BYTES_MAX
}

/// Merges neighbouring layers into one.
///
/// # Errors
/// Only a bug: layers in memory cannot be damaged.
pub(super) fn merge_layers(
    layers: &[MemoryLayer],
    schema: &TableSchema,
    dead: &Dead,
) -> Result<MemoryLayer> {
    let plain: Vec<_> = layers.iter().map(|layer| layer.layer.clone()).collect();
    let level = layers
        .iter()
        .map(|layer| layer.level)
        .max()
        .unwrap_or(0)
        .saturating_add(1);
    let merged = merge_to_one(&plain, schema, dead, &|_| false)?;
    Ok(MemoryLayer {
        layer: Arc::new(merged),
        level,
    })
}

/// Merges neighbouring layers, oldest first; `bottom` tells of which tags nothing older exists.
/// Tags that the schema no longer has are left out.
///
/// # Errors
/// Only a bug: layers in memory cannot be damaged.
pub(super) fn merge_to_one(
    layers: &[Arc<Layer>],
    schema: &TableSchema,
    dead: &Dead,
    bottom: &dyn Fn(TagId) -> bool,
) -> Result<Layer> {
    let tags: BTreeSet<TagId> = layers
        .iter()
        .flat_map(|layer| layer.parts.iter().map(|(tag, _)| *tag))
        .collect();
    let mut parts = Vec::with_capacity(tags.len());
    for id in tags {
        let Some(tag) = schema.tag_by_id(id) else {
            continue;
        };
        let own: Vec<_> = layers
            .iter()
            .filter_map(|layer| layer.part(id).cloned())
            .collect();
        let bottom = bottom(id);
        if let [only] = own.as_slice()
            && !bottom
        {
            parts.push((id, only.clone()));
            continue;
        }
        let payload = tag.kind.family() == Family::Map;
        parts.push((
            id,
            Arc::new(merge(
                &own,
                MergeContext {
                    dead,
                    bottom,
                    payload,
                },
            )?),
        ));
    }
    let first = layers.first().map_or(Lsn(0), |layer| layer.first_lsn);
    let last = layers.last().map_or(Lsn(0), |layer| layer.last_lsn);
    Ok(Layer::new(first, last, parts))
}

/// Puts a merged layer in the place of its inputs, if they still stand side by side.
#[must_use]
pub(super) fn replace(
    layers: &mut Vec<MemoryLayer>,
    inputs: &[MemoryLayer],
    merged: &MemoryLayer,
) -> bool {
    let Some(first) = inputs.first() else {
        return false;
    };
    let Some(at) = layers
        .iter()
        .position(|layer| Arc::ptr_eq(&layer.layer, &first.layer))
    else {
        return false;
    };
    let stands = layers.len() >= at + inputs.len()
        && layers[at..at + inputs.len()]
            .iter()
            .zip(inputs)
            .all(|(layer, input)| Arc::ptr_eq(&layer.layer, &input.layer));
    if stands {
        layers.splice(at..at + inputs.len(), [merged.clone()]);
    }
    stands
}
