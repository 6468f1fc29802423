//! What an operator wants to know.

use std::collections::BTreeSet;

use crate::engine::maintenance::memory_bytes;
use crate::engine::{DbState, Engine};
use crate::error::Damage;
use crate::ids::Lsn;

/// The engine's state in figures.
#[derive(Clone, Debug)]
pub struct EngineStatus {
    /// The last visible batch.
    pub lsn: Lsn,
    /// The last durable batch.
    pub durable_lsn: Lsn,
    /// The last batch in segments.
    pub flushed_lsn: Lsn,
    /// Rises with every opening.
    pub epoch: u32,
    /// Why no writes are taken, if so.
    pub read_only: Option<String>,
    /// Layers and keys in memory, in bytes.
    pub memory_bytes: u64,
    /// Verified blobs in memory, in bytes.
    pub cache_bytes: u64,
    /// Log files, in bytes.
    pub log_bytes: u64,
    /// Segment files.
    pub files: u64,
    /// Segment files, in bytes.
    pub file_bytes: u64,
    /// What is damaged, as far as it was found: at the opening, and by merges.
    pub damaged: Vec<String>,
    /// The most layers that any tag has over each other.
    pub depth_max: u64,
}

impl Engine {
    /// The engine's state in figures.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        let state = self.snapshot();
        let position = self.log.position();
        let (flushed_lsn, files, file_bytes) = {
            let files = self.files.lock();
            let manifest = files.manifest();
            let bytes = manifest.files().map(|file| file.len).sum();
            (manifest.lsn, manifest.files().count() as u64, bytes)
        };
        let partitions = state.tables.values().flat_map(|table| &table.partitions);
        let depths = partitions.flat_map(|partition| {
            partition
                .schema
                .tags
                .iter()
                .map(|tag| partition.depth(tag.id))
        });
        EngineStatus {
            lsn: state.lsn,
            durable_lsn: Lsn(position.durable_lsn),
            flushed_lsn,
            epoch: self.epoch,
            read_only: self.poisoned().map(|error| error.detail().to_owned()),
            memory_bytes: memory_bytes(&state) as u64,
            cache_bytes: self.cache.bytes(),
            log_bytes: position.file_bytes,
            files,
            file_bytes,
            damaged: self.damaged_files(&state),
            depth_max: depths.max().unwrap_or(0) as u64,
        }
    }

    fn damaged_files(&self, state: &DbState) -> Vec<String> {
        let partitions = state.tables.values().flat_map(|table| &table.partitions);
        let live = partitions.flat_map(|partition| &partition.segments.live);
        let out_of_reach = live.filter_map(|live| live.segment.file().damage());
        let mut all: BTreeSet<String> = out_of_reach
            .map(|damage| {
                let Damage {
                    file,
                    offset,
                    expected,
                } = damage;
                format!("{file} is damaged at byte {offset}: expected {expected}")
            })
            .collect();
        all.extend(self.damaged.list());
        all.into_iter().collect()
    }
}
