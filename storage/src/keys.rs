//! The keys of a partition: those that are not yet in a key segment, in memory, and the way
//! through all of them.

use std::sync::Arc;

use hashbrown::HashTable;
use parking_lot::RwLock;

use crate::batch::{KeyRef, Keys};
use crate::error::{Error, Result};
use crate::ids::{Ordinal, ordinal_at};
use crate::schema::{Key, KeyType};
use crate::segment::keys::{GatheredKeys, KeySegment, hash_of};

/// Keys of ordinals from `first` on, in memory. It only grows, and one object serves every root:
/// a root passes over ordinals it does not know yet.
#[derive(Debug)]
pub struct KeyMemory {
    first: Ordinal,
    table: RwLock<Table>,
}

#[derive(Debug)]
struct Table {
    keys: Keys,
    rows: HashTable<u32>,
}

impl KeyMemory {
    /// No keys yet.
    #[must_use]
    pub fn new(first: Ordinal, kind: KeyType) -> Self {
        let table = Table {
            keys: Keys::new(kind),
            rows: HashTable::new(),
        };
        Self {
            first,
            table: RwLock::new(table),
        }
    }

    /// The first ordinal.
    #[must_use]
    pub const fn first(&self) -> Ordinal {
        self.first
    }

    /// The end of the ordinals so far.
    #[must_use]
    pub fn end(&self) -> Ordinal {
        self.first + self.table.read().keys.len() as Ordinal
    }

    /// Gives the next ordinals to keys.
    pub fn push<'a>(&self, keys: impl Iterator<Item = KeyRef<'a>>) {
        let mut table = self.table.write();
        let Table { keys: known, rows } = &mut *table;
        for key in keys {
            let row = known.len() as u32;
            known.push(key);
            rows.insert_unique(hash_of(key), row, |row| hash_of(known.get(*row as usize)));
        }
    }

    /// The newest ordinal of a key that `accept` takes.
    fn find(
        &self,
        key: KeyRef<'_>,
        hash: u64,
        accept: &dyn Fn(Ordinal) -> bool,
    ) -> Option<Ordinal> {
        let table = self.table.read();
        table
            .rows
            .iter_hash(hash)
            .filter(|row| table.keys.get(**row as usize) == key)
            .map(|row| self.first + row)
            .filter(|ordinal| accept(*ordinal))
            .max()
    }

    fn key(&self, ordinal: Ordinal) -> Option<Key> {
        let table = self.table.read();
        let row = ordinal.checked_sub(self.first)? as usize;
        (row < table.keys.len()).then(|| table.keys.get(row).to_key())
    }

    fn gather(&self, base: Ordinal, lows: &[u16], out: &mut GatheredKeys) -> Result<()> {
        let table = self.table.read();
        for ordinal in lows.iter().map(|low| base + Ordinal::from(*low)) {
            let row = ordinal.checked_sub(self.first).map(|row| row as usize);
            match row.filter(|row| *row < table.keys.len()) {
                Some(row) => out.push(table.keys.get(row)),
                None => return Err(no_key(ordinal)),
            }
        }
        Ok(())
    }

    fn for_each(
        &self,
        range: std::ops::Range<Ordinal>,
        wanted: &dyn Fn(Ordinal) -> bool,
        visit: &mut dyn FnMut(Ordinal, KeyRef<'_>),
    ) {
        let table = self.table.read();
        let end = range.end.min(self.first + table.keys.len() as Ordinal);
        for ordinal in (range.start..end).filter(|ordinal| wanted(*ordinal)) {
            visit(ordinal, table.keys.get((ordinal - self.first) as usize));
        }
    }

    /// The keys of the first `count` ordinals.
    #[must_use]
    pub fn first_keys(&self, count: u32) -> Keys {
        let table = self.table.read();
        match &table.keys {
            Keys::Ints(keys) => Keys::Ints(keys[..count as usize].to_vec()),
            Keys::Texts { bytes, ends } => {
                let ends = ends[..count as usize].to_vec();
                let end = ends.last().map_or(0, |end| *end as usize);
                Keys::Texts {
                    bytes: bytes[..end].to_owned(),
                    ends,
                }
            }
        }
    }

    /// Memory held by the keys, in bytes (about).
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.table.read().keys {
            Keys::Ints(keys) => keys.len() * 16,
            Keys::Texts { bytes, ends } => bytes.len() + ends.len() * 12,
        }
    }
}

/// All keys of a partition, as a root sees them: segments, then memories, by rising ordinals.
#[derive(Clone, Debug)]
pub struct PartitionKeys {
    /// On disk.
    pub segments: Vec<Arc<KeySegment>>,
    /// Not yet on disk; the last one grows.
    pub memory: Vec<Arc<KeyMemory>>,
}

impl PartitionKeys {
    /// The newest ordinal of a key that `accept` takes.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn find(
        &self,
        key: KeyRef<'_>,
        accept: &dyn Fn(Ordinal) -> bool,
    ) -> Result<Option<Ordinal>> {
        let hash = hash_of(key);
        let found = self
            .memory
            .iter()
            .rev()
            .find_map(|memory| memory.find(key, hash, accept));
        if found.is_some() {
            return Ok(found);
        }
        for segment in self.segments.iter().rev() {
            if let Some(ordinal) = segment.find(key, hash, accept)? {
                return Ok(Some(ordinal));
            }
        }
        Ok(None)
    }

    /// The newest ordinals of keys that `accept` takes. Tells `likely` the places of keys and
    /// their probable ordinals before these are certain.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn find_all(
        &self,
        keys: &[KeyRef<'_>],
        accept: &dyn Fn(Ordinal) -> bool,
        likely: &mut dyn FnMut(usize, Ordinal),
    ) -> Result<Vec<Option<Ordinal>>> {
        let keys: Vec<_> = keys.iter().map(|key| (*key, hash_of(*key))).collect();
        let mut found = vec![None; keys.len()];
        for memory in self.memory.iter().rev() {
            for ((key, hash), found) in keys.iter().zip(&mut found) {
                if found.is_none() {
                    *found = memory.find(*key, *hash, accept);
                }
            }
        }
        for segment in self.segments.iter().rev() {
            segment.find_all(&keys, accept, likely, &mut found)?;
        }
        Ok(found)
    }

    /// The key of an ordinal.
    ///
    /// # Errors
    /// There is none, or a file cannot be read or is damaged.
    pub fn key(&self, ordinal: Ordinal) -> Result<Key> {
        let index = self
            .segments
            .partition_point(|segment| segment.end() <= ordinal);
        if let Some(segment) = self.segments.get(index)
            && segment.first <= ordinal
        {
            return segment.key(ordinal);
        }
        let index = self
            .memory
            .partition_point(|memory| memory.first() <= ordinal);
        let memory = index.checked_sub(1).map(|index| &self.memory[index]);
        memory
            .and_then(|memory| memory.key(ordinal))
            .ok_or_else(|| no_key(ordinal))
    }

    /// Appends the keys of some ordinals of a chunk, whose positions rise.
    ///
    /// # Errors
    /// One has no key, or a file cannot be read or is damaged.
    pub fn gather(&self, chunk: u16, lows: &[u16], out: &mut GatheredKeys) -> Result<()> {
        let base = ordinal_at(chunk, 0);
        let below = |lows: &[u16], end: Ordinal| {
            lows.partition_point(|low| base + Ordinal::from(*low) < end)
        };
        let mut rest = lows;
        for segment in &self.segments {
            if below(rest, segment.first) > 0 {
                break;
            }
            let (own, others) = rest.split_at(below(rest, segment.end()));
            segment.gather(base, own, out)?;
            rest = others;
        }
        for (index, memory) in self.memory.iter().enumerate() {
            let next = self.memory.get(index + 1).map(|next| next.first());
            let end = next.map_or(rest.len(), |next| below(rest, next));
            let (own, others) = rest.split_at(end);
            memory.gather(base, own, out)?;
            rest = others;
        }
        match rest.first() {
            None => Ok(()),
            Some(low) => Err(no_key(ordinal_at(chunk, *low))),
        }
    }

    /// Calls `visit` with the keys of `range`, by rising ordinal, for which `wanted` holds.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn for_each(
        &self,
        range: std::ops::Range<Ordinal>,
        wanted: &dyn Fn(Ordinal) -> bool,
        visit: &mut dyn FnMut(Ordinal, KeyRef<'_>),
    ) -> Result<()> {
        for segment in &self.segments {
            let (start, end) = (range.start.max(segment.first), range.end.min(segment.end()));
            if start < end {
                segment.for_each(start, end, wanted, visit)?;
            }
        }
        for memory in &self.memory {
            let start = range.start.max(memory.first());
            memory.for_each(start..range.end, wanted, visit);
        }
        Ok(())
    }
}

fn no_key(ordinal: Ordinal) -> Error {
    Error::internal(format!("ordinal {ordinal} has no key"))
}
