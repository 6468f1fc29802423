//! Builds bitmaps, a container at a time, in the smallest form of each.

use std::ops::Range;

use bytes::Bytes;

use super::container::{Container, Kind};
use super::view::{COOKIE_PLAIN, COOKIE_RUNS, Layout, SUMMED_CONTAINERS_MAX};
use super::{ARRAY_LEN_MAX, BITSET_BYTES, Bitmap, CHUNK_BITS, Chunk, kernels, small};

/// Builds a [`Bitmap`] from containers pushed in order of their keys.
///
/// Of array, bitset and runs the smallest is written, an array or bitset if runs are no smaller:
/// the same choice as the Roaring libraries' run optimisation, so equal sets made here are equal
/// bytes.
#[derive(Debug, Default)]
pub struct BitmapWriter {
    entries: Vec<Entry>,
    data: Vec<u8>,
    len: u64,
}

#[derive(Debug)]
struct Entry {
    key: u16,
    is_run: bool,
    cardinality: u32,
    /// Where the container begins in the data.
    start: u32,
}

impl BitmapWriter {
    /// Makes a writer of an empty bitmap.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.data.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    fn push_entry(&mut self, key: u16, cardinality: u32, is_run: bool) {
        assert!(
            self.entries.last().is_none_or(|last| last.key < key),
            "keys must rise"
        );
        // At most 65,536 containers of at most 8 KiB.
        let start = self.data.len() as u32;
        self.entries.push(Entry {
            key,
            is_run,
            cardinality,
            start,
        });
        self.len += u64::from(cardinality);
    }

    /// Appends the members of `chunk` as chunk `key`.
    ///
    /// # Panics
    /// If `key` is not above the keys pushed before.
    pub fn push_chunk(&mut self, key: u16, chunk: &Chunk) {
        let cardinality = chunk.count();
        if cardinality == 0 {
            return;
        }
        let runs = kernels::count_runs(chunk.words());
        let is_run = runs_are_smaller(runs as usize, cardinality as usize);
        self.push_entry(key, cardinality, is_run);
        if is_run {
            self.data.extend((runs as u16).to_le_bytes());
            push_runs(&mut self.data, chunk);
        } else if cardinality as usize <= ARRAY_LEN_MAX {
            let mut lows = [[0; 2]; ARRAY_LEN_MAX + 64];
            let len = kernels::collect(chunk.words(), &mut lows);
            self.data.extend(lows[..len].as_flattened());
        } else {
            self.data.extend(chunk.words().as_flattened());
        }
    }

    /// Appends `lows` as chunk `key`.
    ///
    /// # Panics
    /// If `key` is not above the keys pushed before, or `lows` do not rise.
    pub fn push_sorted(&mut self, key: u16, lows: &[u16]) {
        if lows.is_empty() {
            return;
        }
        let (rises, runs) = runs_of(lows);
        assert!(rises, "members must rise");
        let is_run = runs_are_smaller(runs, lows.len());
        self.push_entry(key, lows.len() as u32, is_run);
        if is_run {
            self.data.extend((runs as u16).to_le_bytes());
            for run in lows.chunk_by(|a, b| b - a == 1) {
                self.data.extend(run[0].to_le_bytes());
                self.data.extend(((run.len() - 1) as u16).to_le_bytes());
            }
        } else if lows.len() <= ARRAY_LEN_MAX {
            let start = self.data.len();
            self.data.resize(start + 2 * lows.len(), 0);
            let (out, _) = self.data[start..].as_chunks_mut();
            for (out, low) in out.iter_mut().zip(lows) {
                *out = low.to_le_bytes();
            }
        } else {
            push_bits(&mut self.data, lows);
        }
    }

    /// Appends a copy of `container` as chunk `key`.
    ///
    /// # Panics
    /// If `key` is not above the keys pushed before.
    pub fn push_container(&mut self, key: u16, container: Container<'_>) {
        if container.kind.byte_len() > BITSET_BYTES {
            // Others may write runs that are longer than a bitset.
            let mut chunk = Chunk::new();
            container.or_into(&mut chunk);
            return self.push_chunk(key, &chunk);
        }
        self.push_entry(key, container.len, matches!(container.kind, Kind::Runs(_)));
        match container.kind {
            Kind::Array(values) => self.data.extend(values.as_flattened()),
            Kind::Bitset(words) => self.data.extend(words.as_flattened()),
            Kind::Runs(runs) => {
                self.data.extend((runs.len() as u16).to_le_bytes());
                self.data.extend(runs.as_flattened());
            }
        }
    }

    /// Appends the members of `range` as chunk `key`; `range` is not empty.
    fn push_range(&mut self, key: u16, range: Range<usize>) {
        let is_run = runs_are_smaller(1, range.len());
        self.push_entry(key, range.len() as u32, is_run);
        if is_run {
            self.data.extend(1_u16.to_le_bytes());
            self.data.extend((range.start as u16).to_le_bytes());
            self.data.extend(((range.len() - 1) as u16).to_le_bytes());
        } else {
            self.data
                .extend(range.flat_map(|low| (low as u16).to_le_bytes()));
        }
    }

    /// Finishes the bitmap.
    #[must_use]
    pub fn finish(self) -> Bitmap {
        let layout = Layout {
            containers: self.entries.len() as u32,
            has_runs: self.entries.iter().any(|entry| entry.is_run),
        };
        let mut bytes = Vec::with_capacity(layout.data() + self.data.len());
        if layout.has_runs {
            bytes.extend((COOKIE_RUNS | (layout.containers - 1) << 16).to_le_bytes());
            bytes.extend(self.entries.chunks(8).map(|entries| {
                let flags = entries.iter().enumerate();
                flags.fold(0, |flags, (bit, entry)| {
                    flags | u8::from(entry.is_run) << bit
                })
            }));
        } else {
            bytes.extend(COOKIE_PLAIN.to_le_bytes());
            bytes.extend(layout.containers.to_le_bytes());
        }
        for entry in &self.entries {
            bytes.extend(entry.key.to_le_bytes());
            bytes.extend(((entry.cardinality - 1) as u16).to_le_bytes());
        }
        if layout.has_offsets() {
            let data = layout.data() as u32;
            bytes.extend(
                self.entries
                    .iter()
                    .flat_map(|entry| (data + entry.start).to_le_bytes()),
            );
        }
        bytes.extend(&self.data);
        let first_ranks = (layout.count() > SUMMED_CONTAINERS_MAX).then(|| {
            let mut rank = 0_u32;
            let ranks = self.entries.iter().map(|entry| {
                let first = rank;
                // Wraps only after the last container, when the sum is no longer used.
                rank = rank.wrapping_add(entry.cardinality);
                first
            });
            ranks.collect()
        });
        Bitmap {
            bytes: small::from_vec(bytes),
            layout,
            len: self.len,
            first_ranks,
        }
    }
}

/// Whether members rise, and in how many runs they do.
fn runs_of(lows: &[u16]) -> (bool, usize) {
    let (mut rises, mut runs) = (true, 1);
    for (low, next) in lows.iter().zip(&lows[1..]) {
        rises &= low < next;
        runs += usize::from(next.wrapping_sub(*low) != 1);
    }
    (rises, runs)
}

/// Appends a bitset. Each word is put together before it is stored, as neighbours mostly share one.
fn push_bits(data: &mut Vec<u8>, lows: &[u16]) {
    let start = data.len();
    data.resize(start + BITSET_BYTES, 0);
    let (words, _) = data[start..].as_chunks_mut::<8>();
    let (mut index, mut word) = (0, 0_u64);
    for low in lows {
        let own = usize::from(*low) / 64;
        if own != index {
            words[index] = word.to_le_bytes();
            (index, word) = (own, 0);
        }
        word |= 1 << (low % 64);
    }
    words[index] = word.to_le_bytes();
}

/// Whether `runs` runs take less room than the array or bitset of the same members.
fn runs_are_smaller(runs: usize, cardinality: usize) -> bool {
    2 + 4 * runs < (2 * cardinality).min(BITSET_BYTES)
}

fn push_runs(data: &mut Vec<u8>, chunk: &Chunk) {
    let mut index = 0;
    let mut word = chunk.word(0);
    loop {
        while word == 0 {
            index += 1;
            if index == chunk.words().len() {
                return;
            }
            word = chunk.word(index);
        }
        let start = index * 64 + word.trailing_zeros() as usize;
        // Sets the bits below the run, so that its end is the lowest zero.
        word |= word - 1;
        while word == u64::MAX && index + 1 < chunk.words().len() {
            index += 1;
            word = chunk.word(index);
        }
        let end = index * 64 + word.trailing_ones() as usize;
        word &= word.wrapping_add(1);
        data.extend((start as u16).to_le_bytes());
        data.extend(((end - start - 1) as u16).to_le_bytes());
    }
}

impl Bitmap {
    /// Makes a bitmap of `values`.
    ///
    /// # Panics
    /// If `values` do not rise.
    #[must_use]
    pub fn from_sorted(values: &[u32]) -> Self {
        assert!(values.is_sorted_by(|a, b| a < b), "members must rise");
        if let Some(bitmap) = few(values) {
            return bitmap;
        }
        let mut writer = BitmapWriter::new();
        let mut lows = Vec::new();
        for chunk in values.chunk_by(|a, b| a >> 16 == b >> 16) {
            lows.clear();
            lows.extend(chunk.iter().map(|value| *value as u16));
            writer.push_sorted((chunk[0] >> 16) as u16, &lows);
        }
        writer.finish()
    }

    /// Makes a bitmap of the values `range.start` to `range.end - 1`.
    #[must_use]
    pub fn from_range(range: Range<u32>) -> Self {
        let mut writer = BitmapWriter::new();
        let (mut start, end) = (range.start as usize, range.end as usize);
        while start < end {
            let key = start / CHUNK_BITS;
            let chunk_end = end.min((key + 1) * CHUNK_BITS);
            writer.push_range(
                key as u16,
                start - key * CHUNK_BITS..chunk_end - key * CHUNK_BITS,
            );
            start = chunk_end;
        }
        writer.finish()
    }
}

/// The most values that [`few`] takes.
const FEW_LEN_MAX: usize = 8;

/// Makes a bitmap of a few values on the stack, if none of its containers would be smaller as runs.
fn few(values: &[u32]) -> Option<Bitmap> {
    if values.len() > FEW_LEN_MAX {
        return None;
    }
    let mut containers = 0;
    for chunk in values.chunk_by(|a, b| a >> 16 == b >> 16) {
        containers += 1;
        let runs = 1 + chunk
            .windows(2)
            .filter(|pair| pair[1] - pair[0] != 1)
            .count();
        if runs_are_smaller(runs, chunk.len()) {
            return None;
        }
    }
    let layout = Layout {
        containers,
        has_runs: false,
    };
    let mut bytes = [0; 8 + FEW_LEN_MAX * (4 + 4 + 2)];
    bytes[..4].copy_from_slice(&COOKIE_PLAIN.to_le_bytes());
    bytes[4..8].copy_from_slice(&layout.containers.to_le_bytes());
    let mut end = layout.data();
    for (index, chunk) in values.chunk_by(|a, b| a >> 16 == b >> 16).enumerate() {
        let description = layout.descriptions() + 4 * index;
        let key = (chunk[0] >> 16) as u16;
        bytes[description..description + 2].copy_from_slice(&key.to_le_bytes());
        bytes[description + 2] = chunk.len() as u8 - 1;
        let offset = layout.offsets() + 4 * index;
        bytes[offset..offset + 4].copy_from_slice(&(end as u32).to_le_bytes());
        for value in chunk {
            bytes[end..end + 2].copy_from_slice(&(*value as u16).to_le_bytes());
            end += 2;
        }
    }
    let bytes: Bytes = small::from_slice(&bytes[..end]);
    Some(Bitmap {
        bytes,
        layout,
        len: values.len() as u64,
        first_ranks: None,
    })
}
