//! Writing key segments in bounded memory: the keys pass by once to be stored, and then once for
//! each part of the hash table.

use std::ops::Range;

use super::{ENTRIES_PER_BLOCK, KEYS_PER_BLOCK, block_of, fingerprint_of, hash_of};
use crate::batch::KeyRef;
use crate::codec::Encoder;
use crate::column::Vector;
use crate::error::{Error, Result};
use crate::ids::Ordinal;
use crate::schema::KeyType;
use crate::segment::blob_file::{BlobFileWriter, BlobRef, FileKind, Packed};
use crate::segment::directory::{DirectoryBuilder, Record};
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
        places: Vec::with_capacity(KEYS_PER_BLOCK),
        texts: Vec::new(),
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

/// Collects the keys of neighbouring ordinals.
struct Blocks<'a> {
    file: &'a mut BlobFileWriter,
    kind: KeyType,
    directory: DirectoryBuilder,
    count: u32,
    places: Vec<i64>,
    texts: Vec<u8>,
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
        let place = match (self.kind, key) {
            (KeyType::BigInt, Some(KeyRef::Int(key))) => key,
            (KeyType::Keyword, Some(KeyRef::Text(key))) => {
                self.texts.extend_from_slice(key.as_bytes());
                self.texts.len() as i64
            }
            // Values that are there already take the fewest bytes.
            (_, None) => self.places.last().copied().unwrap_or(0),
            _ => return Err(Error::internal("a key of another type")),
        };
        self.places.push(place);
        if self.places.len() == KEYS_PER_BLOCK {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        let places = Packed::new(Vector::from_values(&self.places).bytes());
        let texts = Packed::new(&std::mem::take(&mut self.texts).into());
        let first = self.file.put_packed(&places)?;
        let second = self.file.put_packed(&texts)?;
        self.directory.push(Record {
            key: self.count,
            extra: 0,
            first,
            second,
        });
        self.count += 1;
        self.places.clear();
        Ok(())
    }
}

/// Writes the hash table's blocks of a range.
fn write_hashes(
    file: &mut BlobFileWriter,
    directory: &mut DirectoryBuilder,
    (bits, blocks): (u32, Range<u32>),
    source: &KeySource<'_>,
) -> Result<()> {
    let mut table: Vec<(u64, Ordinal)> = Vec::new();
    source(&mut |ordinal, key| {
        let hash = hash_of(key);
        if blocks.contains(&block_of(hash, bits)) {
            table.push((hash, ordinal));
        }
    })?;
    table.sort_unstable();
    for own in table.chunk_by(|a, b| block_of(a.0, bits) == block_of(b.0, bits)) {
        let first = file.put_packed(&Packed::new(&encode_hashes(own, bits).into()))?;
        directory.push(Record {
            key: block_of(own[0].0, bits),
            extra: own.len() as u32,
            first,
            second: BlobRef::default(),
        });
    }
    Ok(())
}

fn encode_hashes(entries: &[(u64, Ordinal)], bits: u32) -> Vec<u8> {
    let mut out = Encoder::new();
    for (hash, _) in entries {
        out.u16(fingerprint_of(*hash, bits));
    }
    for (_, ordinal) in entries {
        out.u32(*ordinal);
    }
    out.finish()
}
