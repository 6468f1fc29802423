//! From keys to ordinals: the table of hashes, alone and for many keys at a time.

use std::sync::Arc;

use bytes::Bytes;

use super::{KEYS_PER_BLOCK, KeyBlock, KeySegment, block_of, fingerprint_of};
use crate::batch::KeyRef;
use crate::bitmap::search::{first_at_least, guess};
use crate::error::{Error, Result};
use crate::ids::Ordinal;
use crate::prefetch::prefetch;

/// Bytes of a fingerprint, and of an ordinal.
const PRINT_BYTES: usize = 2;
const ORDINAL_BYTES: usize = 4;

/// A block of the table of hashes.
#[derive(Debug)]
struct Entries {
    bytes: Bytes,
    count: usize,
    /// In the file.
    offset: u64,
}

impl Entries {
    fn print(&self, index: usize) -> u16 {
        let at = index * PRINT_BYTES;
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    fn ordinal_at(&self, index: usize) -> usize {
        self.count * PRINT_BYTES + index * ORDINAL_BYTES
    }

    fn ordinal(&self, index: usize) -> Ordinal {
        let at = self.ordinal_at(index);
        let bytes = &self.bytes[at..at + ORDINAL_BYTES];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn first_at_least(&self, wanted: u16) -> usize {
        first_at_least(self.count, wanted, &|index| self.print(index))
    }
}

/// A key on the way to its ordinal.
#[derive(Debug)]
struct Probe {
    entries: Entries,
    wanted: u16,
    /// The first entry that may be the key's.
    low: usize,
    /// The keys of that entry's ordinal, and the place among them.
    block: Option<KeyPlace>,
}

/// Where a key is: in a block, at a place.
type KeyPlace = (Arc<KeyBlock>, usize);

impl KeySegment {
    /// The newest ordinal of a key that `accept` takes.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn find(
        &self,
        key: KeyRef<'_>,
        hash: u64,
        accept: &dyn Fn(Ordinal) -> bool,
    ) -> Result<Option<Ordinal>> {
        let Some(entries) = self.entries(hash)? else {
            return Ok(None);
        };
        let wanted = fingerprint_of(hash, self.bits);
        let low = entries.first_at_least(wanted);
        let probe = Probe {
            entries,
            wanted,
            low,
            block: None,
        };
        self.settle(key, probe, accept)
    }

    /// Fills in the newest ordinals of keys, each with its hash, that `accept` takes; those that
    /// have one already are passed over. Tells `likely` the place of a key and its probable ordinal
    /// while the key that is stored is on its way.
    ///
    /// All keys make each step together, as each step waits for memory that the step before has
    /// told the place of.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn find_all(
        &self,
        keys: &[(KeyRef<'_>, u64)],
        accept: &dyn Fn(Ordinal) -> bool,
        likely: &mut dyn FnMut(usize, Ordinal),
        found: &mut [Option<Ordinal>],
    ) -> Result<()> {
        let mut probes = Vec::with_capacity(keys.len());
        for ((_, hash), found) in keys.iter().zip(&*found) {
            let probe = match found {
                Some(_) => None,
                None => self.probe(*hash)?,
            };
            probes.push(probe);
        }
        for probe in probes.iter_mut().flatten() {
            probe.low = probe.entries.first_at_least(probe.wanted);
            let at = probe.entries.ordinal_at(probe.low);
            prefetch(&probe.entries.bytes, at);
        }
        for (key, probe) in probes.iter_mut().enumerate() {
            if let Some(probe) = probe
                && probe.low < probe.entries.count
                && probe.entries.print(probe.low) == probe.wanted
            {
                let row = self.row(&probe.entries, probe.low)?;
                let (block, place) = self.place(row)?;
                block.prefetch(place);
                probe.block = Some((block, place));
                likely(key, self.first + row as Ordinal);
            }
        }
        for (block, place) in probes.iter().flatten().flat_map(|probe| &probe.block) {
            block.prefetch_text(*place);
        }
        for (((key, _), found), probe) in keys.iter().zip(found).zip(probes) {
            if let Some(probe) = probe {
                *found = self.settle(*key, probe, accept)?;
            }
        }
        Ok(())
    }

    fn probe(&self, hash: u64) -> Result<Option<Probe>> {
        let Some(entries) = self.entries(hash)? else {
            return Ok(None);
        };
        let wanted = fingerprint_of(hash, self.bits);
        let guess = guess(entries.count, wanted);
        prefetch(&entries.bytes, guess * PRINT_BYTES);
        Ok(Some(Probe {
            entries,
            wanted,
            low: 0,
            block: None,
        }))
    }

    /// The block of the table that has a hash.
    fn entries(&self, hash: u64) -> Result<Option<Entries>> {
        let Some(record) = self.hashes.get(block_of(hash, self.bits))? else {
            return Ok(None);
        };
        let bytes = self.bytes(record.first)?;
        let count = record.extra as usize;
        if bytes.len() != count * (PRINT_BYTES + ORDINAL_BYTES) {
            let expected = format!("{count} entries of 6 bytes");
            let offset = record.first.offset;
            return Err(Error::corrupt(self.file.path(), offset, expected));
        }
        Ok(Some(Entries {
            bytes,
            count,
            offset: record.first.offset,
        }))
    }

    /// The row of an entry among the keys of this segment.
    fn row(&self, entries: &Entries, index: usize) -> Result<usize> {
        let ordinal = entries.ordinal(index);
        if ordinal < self.first || ordinal >= self.end() {
            let expected = "ordinals of this segment";
            return Err(Error::corrupt(self.file.path(), entries.offset, expected));
        }
        Ok((ordinal - self.first) as usize)
    }

    fn place(&self, row: usize) -> Result<KeyPlace> {
        Ok((self.block(row / KEYS_PER_BLOCK)?, row % KEYS_PER_BLOCK))
    }

    /// Looks at the keys of the entries from `low` on that have the wanted fingerprint.
    fn settle(
        &self,
        key: KeyRef<'_>,
        probe: Probe,
        accept: &dyn Fn(Ordinal) -> bool,
    ) -> Result<Option<Ordinal>> {
        let Probe {
            entries,
            wanted,
            low,
            mut block,
        } = probe;
        let mut found = None;
        for index in (low..entries.count).take_while(|index| entries.print(*index) == wanted) {
            let row = self.row(&entries, index)?;
            let ordinal = self.first + row as Ordinal;
            let first = block.take();
            if accept(ordinal) && found < Some(ordinal) {
                let (block, place) = match first {
                    Some(first) => first,
                    None => self.place(row)?,
                };
                if block.get(place)? == key {
                    found = Some(ordinal);
                }
            }
        }
        Ok(found)
    }
}
