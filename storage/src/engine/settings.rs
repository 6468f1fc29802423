//! What an engine is opened with.

use crate::limits::{VOCABULARY_BYTES_MAX, VOCABULARY_ENTRIES_MAX};
use crate::vocabulary::VocabularyLimits;

/// Settings of an engine.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Memory for verified blobs of segments, in bytes.
    pub cache_bytes: u64,
    /// A flush begins when layers and keys in memory reach so many bytes.
    pub flush_bytes: usize,
    /// Writers are refused when layers and keys in memory reach so many bytes.
    pub memory_bytes_max: usize,
    /// The size of a log file, in bytes.
    pub log_file_bytes: u64,
    /// A flush begins when the log reaches so many bytes.
    pub log_bytes: u64,
    /// How large a vocabulary may grow.
    pub vocabulary: VocabularyLimits,
    /// Writers are refused when a tag has so many layers in files over each other.
    pub layers_max: usize,
    /// How long a named write is remembered, in microseconds.
    pub idempotency_micros: i64,
    /// How many named writes are remembered at most; the oldest go first.
    pub idempotency_entries_max: usize,
    /// Bytes of their names and answers at most; the oldest go first.
    pub idempotency_bytes_max: usize,
    /// Cells of subjects that exist already which a bulk load gathers before it writes them as a
    /// segment.
    pub load_cells: usize,
    /// Whether flushes and compactions run by themselves, on threads of the engine's own.
    pub background: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_bytes: 4 << 30,
            flush_bytes: 64 << 20,
            memory_bytes_max: 512 << 20,
            log_file_bytes: 16 << 20,
            log_bytes: 1 << 30,
            vocabulary: VocabularyLimits {
                entries_max: VOCABULARY_ENTRIES_MAX,
                bytes_max: VOCABULARY_BYTES_MAX,
            },
            layers_max: 64,
            idempotency_micros: 24 * 3_600 * 1_000_000,
            idempotency_entries_max: 1_000_000,
            idempotency_bytes_max: 64 << 20,
            load_cells: 8 << 20,
            background: true,
        }
    }
}

impl Settings {
    /// How many named writes are remembered, and bytes of them.
    pub(super) const fn recorded_max(&self) -> (usize, usize) {
        (self.idempotency_entries_max, self.idempotency_bytes_max)
    }
}
