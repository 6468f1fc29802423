//! Writing key segments in bounded memory: the keys pass by once to be stored, and then once for
//! each part of the hash table.

use std::ops::Range;

use super::{ENTRIES_PER_BLOCK, KEYS_PER_BLOCK, block_of, fingerprint_of, hash_of};
use crate::batch::KeyRef;
use crate::codec::Encoder;
use crate::column::Vector;
use crate::error::{Error, Result};
use crate::ids::Ordinal;
use crate::parallel;
use crate::schema::KeyType;
use crate::segment::blob_file::{BlobFileWriter, BlobRef, FileKind};
use crate::segment::directory::{DirectoryBuilder, Record};
use crate::segment::packed::Packed;
use crate::vfs::{RelPath, Vfs};

/// Entries of the hash table that are held in memory at once.
const ENTRIES_PER_PASS: usize = 1 << 24;

/// Calls its argument with the key of each living subject, by rising ordinal; may be asked several
/// times.
pub type KeySource<'a> = dyn Fn(&mut dyn FnMut(Ordinal, KeyRef<'_>)) -> Result<()> + 'a;

/// Writes the keys of the living among the ordinals `range`. Returns the file's length in bytes.
///
/// # Errors
/// The file cannot be written, or the source fails.
pub fn write_keys(
    (vfs, path, salt): (&dyn Vfs, &RelPath, u64),
    kind: KeyType,
    range: Range<Ordinal>,
    source: &KeySource<'_>,
) -> Result<u64> {
    let mut file = BlobFileWriter::create(vfs, path, FileKind::Keys, salt)?;
    let (blocks, living) = write_blocks(&mut file, kind, &range, source)?;
    let bits = (living / ENTRIES_PER_BLOCK + 1)
        .next_power_of_two()
        .trailing_zeros();
    let mut hashes = DirectoryBuilder::default();
    let passes = living.div_ceil(ENTRIES_PER_PASS).max(1);
    let step = (1_usize << bits).div_ceil(passes);
    for first in (0..1_usize << bits).step_by(step) {
        let own = first as u32..(first + step).min(1 << bits) as u32;
        write_hashes(&mut file, &mut hashes, (bits, own), source)?;
    }
    let blocks = file.put(&blocks.finish())?;
    let hashes = file.put(&hashes.finish())?;
    let mut footer = Encoder::new();
    footer.u8(match kind {
        KeyType::BigInt => 1,
        KeyType::Keyword => 2,
    });
    footer.u32(range.start);
    footer.u32(range.end - range.start);
    footer.u8(bits as u8);
    blocks.encode(&mut footer);
    hashes.encode(&mut footer);
    file.finish(&footer.finish())
}

/// Writes all keys by ordinal. Returns the directory, and how many there were.
fn write_blocks(
    file: &mut BlobFileWriter,
    kind: KeyType,
    range: &Range<Ordinal>,
    source: &KeySource<'_>,
) -> Result<(DirectoryBuilder, usize)> {
    let mut blocks = Blocks {
        file,
        kind,
        directory: DirectoryBuilder::default(),
        count: 0,
        open: Block::default(),
        full: Vec::new(),
    };
    let mut next = range.start;
    let mut living = 0;
    let mut written = Ok(());
    source(&mut |ordinal, key| {
        if written.is_ok() {
            written = blocks.push_to(&mut next, ordinal, range.end, Some(key));
            living += 1;
        }
    })?;
    written?;
    blocks.push_to(&mut next, range.end, range.end, None)?;
    blocks.close()?;
    Ok((blocks.directory, living))
}

/// Blocks of keys that are put together before they are encoded, several at a time.
const BLOCKS_AT_ONCE: usize = 64;

/// Collects the keys of neighbouring ordinals.
struct Blocks<'a> {
    file: &'a mut BlobFileWriter,
    kind: KeyType,
    directory: DirectoryBuilder,
    count: u32,
    open: Block,
    full: Vec<Block>,
}

/// Some keys, and how they are stored.
#[derive(Default)]
struct Block {
    places: Vec<i64>,
    texts: Vec<u8>,
    encoded: Option<(Packed, Packed)>,
}

impl Block {
    fn encode(&mut self) {
        // Integers rise as often as not; ends do.
        let places = Packed::rising(&Vector::from_values(&self.places));
        let texts = Packed::bytes(&std::mem::take(&mut self.texts).into());
        self.encoded = Some((places, texts));
    }
}

impl Blocks<'_> {
    /// Goes on to `ordinal`, passing over the dead, and adds its key.
    fn push_to(
        &mut self,
        next: &mut Ordinal,
        ordinal: Ordinal,
        end: Ordinal,
        key: Option<KeyRef<'_>>,
    ) -> Result<()> {
        if ordinal < *next || ordinal > end || (key.is_some() && ordinal == end) {
            return Err(Error::internal("keys out of order, or beyond their range"));
        }
        for _ in *next..ordinal {
            self.push(None)?;
        }
        *next = ordinal;
        if key.is_some() {
            self.push(key)?;
            *next += 1;
        }
        Ok(())
    }

    fn push(&mut self, key: Option<KeyRef<'_>>) -> Result<()> {
        let open = &mut self.open;
        let place = match (self.kind, key) {
            (KeyType::BigInt, Some(KeyRef::Int(key))) => key,
            (KeyType::Keyword, Some(KeyRef::Text(key))) => {
                open.texts.extend_from_slice(key.as_bytes());
                open.texts.len() as i64
            }
            // Values that are there already take the fewest bytes.
            (_, None) => open.places.last().copied().unwrap_or(0),
            _ => return Err(Error::internal("a key of another type")),
        };
        open.places.push(place);
        if open.places.len() == KEYS_PER_BLOCK {
            self.full.push(std::mem::take(open));
            if self.full.len() == BLOCKS_AT_ONCE {
                self.write()?;
            }
        }
        Ok(())
    }

    /// Writes the blocks that are full.
    fn write(&mut self) -> Result<()> {
        parallel::for_each(self.full.iter_mut(), |block| {
            block.encode();
            Ok(())
        })?;
        for (first, second) in self.full.drain(..).filter_map(|block| block.encoded) {
            let first = self.file.put_packed(&first)?;
            let second = self.file.put_packed(&second)?;
            self.directory.push(Record {
                key: self.count,
                extra: 0,
                first,
                second,
            });
            self.count += 1;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if !self.open.places.is_empty() {
            self.full.push(std::mem::take(&mut self.open));
        }
        self.write()
    }
}

/// Writes the hash table's blocks of a range.
fn write_hashes(
    file: &mut BlobFileWriter,
    directory: &mut DirectoryBuilder,
    (bits, blocks): (u32, Range<u32>),
    source: &KeySource<'_>,
) -> Result<()> {
    let mut tables: Vec<Table> = blocks.clone().map(|_| Table::default()).collect();
    source(&mut |ordinal, key| {
        let hash = hash_of(key);
        let block = block_of(hash, bits);
        if blocks.contains(&block) {
            let entry = u64::from(fingerprint_of(hash, bits)) << 32 | u64::from(ordinal);
            tables[(block - blocks.start) as usize].entries.push(entry);
        }
    })?;
    for (first, tables) in blocks
        .step_by(BLOCKS_AT_ONCE)
        .zip(tables.chunks_mut(BLOCKS_AT_ONCE))
    {
        parallel::for_each(tables.iter_mut(), |table| {
            table.encode();
            Ok(())
        })?;
        for (block, table) in (first..).zip(tables) {
            if let Some(encoded) = table.encoded.take() {
                let first = file.put_packed(&encoded)?;
                directory.push(Record {
                    key: block,
                    extra: table.count,
                    first,
                    second: BlobRef::default(),
                });
            }
        }
    }
    Ok(())
}

/// A block of the hash table.
#[derive(Default)]
struct Table {
    /// A fingerprint and an ordinal, each.
    entries: Vec<u64>,
    count: u32,
    encoded: Option<Packed>,
}

impl Table {
    fn encode(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            return;
        }
        entries.sort_unstable();
        let prints = entries
            .iter()
            .flat_map(|entry| ((entry >> 32) as u16).to_le_bytes());
        let ordinals = entries
            .iter()
            .flat_map(|entry| (*entry as u32).to_le_bytes());
        let bytes: Vec<u8> = prints.chain(ordinals).collect();
        self.count = entries.len() as u32;
        self.encoded = Some(Packed::hashes(&bytes.into(), entries.len()));
    }
}
