//! Some subjects of one chunk, in their order, for reading columns beside each other.

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::ids::{CHUNK_LEN, Ordinal, ordinal_at};

/// Rows of a batch of single values.
pub(crate) const BATCH_ROWS: usize = 4_096;
/// Values of all rows of a batch, at most: rows of very many columns come in smaller batches.
pub(crate) const BATCH_VALUES: usize = 1 << 18;
/// Rows of a batch that holds sets or maps, of up to 65,536 members each.
pub(crate) const MULTI_BATCH_ROWS: usize = 1_024;
/// Rows of a batch that holds long texts, of up to 1 MiB each.
pub(crate) const TEXT_BATCH_ROWS: usize = 64;

/// Words of a chunk.
const WORDS: usize = CHUNK_LEN as usize / 64;

/// Some subjects of one chunk. Reused from batch to batch.
#[derive(Debug)]
pub(crate) struct Batch {
    chunk: u16,
    audience: Box<Chunk>,
    lows: Vec<u16>,
    /// By word of the audience: the row of its first subject.
    first_rows: Vec<u16>,
}

impl Default for Batch {
    /// Nobody.
    fn default() -> Self {
        Self {
            chunk: 0,
            audience: Box::default(),
            lows: Vec::new(),
            first_rows: vec![0; WORDS],
        }
    }
}

impl Batch {
    /// Takes up to `rows_max` of the lowest subjects of `left`, which loses them; tells whether
    /// there were any.
    pub(crate) fn take(&mut self, chunk: u16, left: &mut Remaining, rows_max: usize) -> bool {
        self.chunk = chunk;
        for low in self.lows.drain(..) {
            self.audience.set_word(usize::from(low) / 64, 0);
        }
        while self.lows.len() < rows_max
            && let Some((word, bits)) = left.next_word(rows_max - self.lows.len())
        {
            // A batch has at most as many rows as a chunk has positions.
            self.first_rows[word] = self.lows.len() as u16;
            self.audience.set_word(word, bits);
            push_bits(word as u16 * 64, bits, &mut self.lows);
        }
        !self.lows.is_empty()
    }

    /// Takes those of another batch that are in `members`.
    pub(crate) fn pick(&mut self, other: &Self, members: &Chunk) {
        self.chunk = other.chunk;
        for low in self.lows.drain(..) {
            self.audience.remove(low);
        }
        for low in other.lows.iter().filter(|low| members.contains(**low)) {
            self.push(*low);
        }
    }

    /// Adds a subject behind all others.
    fn push(&mut self, low: u16) {
        let word = usize::from(low) / 64;
        if self.audience.word(word) == 0 {
            // A batch has at most as many rows as a chunk has positions.
            self.first_rows[word] = self.lows.len() as u16;
        }
        self.audience.set(low);
        self.lows.push(low);
    }

    /// The chunk they lie in.
    pub(crate) const fn chunk(&self) -> u16 {
        self.chunk
    }

    /// Who they are.
    pub(crate) const fn audience(&self) -> &Chunk {
        &self.audience
    }

    /// How many they are.
    pub(crate) const fn len(&self) -> usize {
        self.lows.len()
    }

    /// Their positions in the chunk, rising.
    pub(crate) fn lows(&self) -> &[u16] {
        &self.lows
    }

    /// The row of a subject of the batch.
    pub(crate) fn row(&self, low: u16) -> usize {
        let word = usize::from(low) / 64;
        let below = self.audience.word(word) & !(u64::MAX << (low % 64));
        usize::from(self.first_rows[word]) + below.count_ones() as usize
    }

    /// The subject of a row.
    pub(crate) fn ordinal(&self, row: usize) -> Ordinal {
        ordinal_at(self.chunk, self.lows[row])
    }
}

/// Appends the positions of a word's bits. It does some at a time, beyond the last one too, for to
/// stop at the last one is a guess that is often wrong.
fn push_bits(base: u16, mut bits: u64, lows: &mut Vec<u16>) {
    const STEP: usize = 4;
    let start = lows.len();
    let count = bits.count_ones() as usize;
    lows.resize(start + count.next_multiple_of(STEP), 0);
    let (steps, _) = lows[start..].as_chunks_mut::<STEP>();
    for low in steps.iter_mut().flatten() {
        *low = base.wrapping_add(bits.trailing_zeros() as u16);
        bits &= bits.wrapping_sub(1);
    }
    lows.truncate(start + count);
}

/// The part of a chunk's audience that has not been taken yet.
#[derive(Debug, Default)]
pub(crate) struct Remaining {
    audience: Box<Chunk>,
    index: usize,
    bits: u64,
}

impl Remaining {
    /// All of an audience.
    pub(crate) fn reset(&mut self, audience: &Chunk) {
        self.audience.copy_from(audience);
        self.index = 0;
        self.bits = audience.word(0);
    }

    /// Leaves out those who are not in `chunk`.
    pub(crate) fn keep(&mut self, chunk: &Chunk) {
        self.audience.and(chunk);
        self.bits &= chunk.word(self.index);
    }

    /// Takes up to `count` of the next word's lowest subjects; each word of a batch is taken from
    /// once, as only the last one is not taken whole.
    fn next_word(&mut self, count: usize) -> Option<(usize, u64)> {
        while self.bits == 0 {
            if self.index + 1 == WORDS {
                return None;
            }
            self.index += 1;
            self.bits = self.audience.word(self.index);
        }
        let mut rest = self.bits;
        if rest.count_ones() as usize <= count {
            rest = 0;
        } else {
            (0..count).for_each(|_| rest &= rest - 1);
        }
        let taken = self.bits & !rest;
        self.bits = rest;
        Some((self.index, taken))
    }

    /// Passes over up to `count` of them; tells how many there were.
    pub(crate) fn pass(&mut self, count: u64) -> u64 {
        let mut skipped = 0;
        while skipped < count && self.next().is_some() {
            skipped += 1;
        }
        skipped
    }
}

impl Iterator for Remaining {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        while self.bits == 0 {
            if self.index + 1 == WORDS {
                return None;
            }
            self.index += 1;
            self.bits = self.audience.word(self.index);
        }
        let low = self.index as u32 * 64 + self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        Some(low as u16)
    }
}
