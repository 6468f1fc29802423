//! A file of blobs: header, blobs, a footer that says where they are, a trailer that says where
//! the footer is. Each blob's checksum is bound to the file's salt and the blob's offset, so that
//! bytes of another file or place never pass.

mod cached;
mod damaged;
mod name;

use std::sync::Arc;

use bytes::Bytes;

use self::name::name_check;
use crate::codec::{Decoder, Encoder};
use crate::error::{Damage, Error, Result};
use crate::planted::{Planted, is_planted};
use crate::segment::cache::BlobCache;
use crate::segment::packed::{self, Packed};
use crate::traffic;
use crate::vfs::{Mode, RelPath, Vfs, VfsFile, read_exact_at, write_all_at};

pub(in crate::segment) use damaged::OUT_OF_REACH;

const MAGIC: [u8; 8] = *b"TAGDBSEG";
const END_MAGIC: [u8; 8] = *b"TAGDBEND";
const FORMAT_VERSION: u32 = 1;
const HEADER_BYTES: u64 = 64;
const TRAILER_BYTES: u64 = 32;
const ALIGNMENT: u64 = 8;
const WRITE_BUFFER_BYTES: usize = 1 << 20;
/// The lowest bit of an encoded offset, which is a multiple of 8.
const PACKED: u64 = 1;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Layers.
    Tags = 1,
    /// Keys of a range of ordinals.
    Keys = 2,
    /// Strings of codes.
    Vocabulary = 3,
}

/// Where a blob is, and its checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobRef {
    /// From the file's start.
    pub offset: u64,
    /// In bytes; 0 means that there is no blob.
    pub len: u32,
    /// Over salt, offset and bytes.
    pub crc: u32,
    /// Whether the blob is its length and a zstd frame of its bytes.
    pub packed: bool,
}

impl BlobRef {
    /// Bytes of an encoded reference.
    pub const ENCODED_BYTES: usize = 16;

    /// Appends the reference.
    pub fn encode(self, out: &mut Encoder) {
        out.u64(self.offset | if self.packed { PACKED } else { 0 });
        out.u32(self.len);
        out.u32(self.crc);
    }

    /// Reads a reference.
    ///
    /// # Errors
    /// There are not enough bytes.
    pub fn decode(input: &mut Decoder<'_>) -> Result<Self> {
        let offset = input.u64()?;
        Ok(Self {
            offset: offset & !PACKED,
            len: input.u32()?,
            crc: input.u32()?,
            packed: offset & PACKED != 0,
        })
    }
}

fn checksum(salt: u64, offset: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Writes a new file, which counts only once [`BlobFileWriter::finish`] has returned.
pub struct BlobFileWriter {
    file: Arc<dyn VfsFile>,
    path: RelPath,
    salt: u64,
    written: u64,
    buffer: Vec<u8>,
    /// Blobs that may come again, to be stored once.
    recent: Vec<(Bytes, BlobRef)>,
}

impl std::fmt::Debug for BlobFileWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobFileWriter")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl BlobFileWriter {
    /// Begins a file. The salt is random: no two files have the same.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn create(vfs: &dyn Vfs, path: &RelPath, kind: FileKind, salt: u64) -> Result<Self> {
        let file = vfs
            .create_new(path)
            .map_err(|error| Error::io(path, error))?;
        let mut header = Encoder::new();
        header.raw(&MAGIC);
        header.u32(FORMAT_VERSION);
        header.u32(kind as u32);
        header.u64(salt);
        header.u32(name_check(path));
        let mut buffer = header.finish();
        buffer.resize(HEADER_BYTES as usize - 4, 0);
        let crc = crc32fast::hash(&buffer);
        buffer.extend_from_slice(&crc.to_le_bytes());
        Ok(Self {
            file,
            path: path.clone(),
            salt,
            written: 0,
            buffer,
            recent: Vec::new(),
        })
    }

    /// Adds a blob.
    ///
    /// # Errors
    /// The file cannot be written, or the blob is 4 GiB or larger.
    pub fn put(&mut self, bytes: &[u8]) -> Result<BlobRef> {
        if bytes.is_empty() {
            return Ok(BlobRef::default());
        }
        let padding = self.position().next_multiple_of(ALIGNMENT) - self.position();
        self.buffer.resize(self.buffer.len() + padding as usize, 0);
        let offset = self.position();
        let len = u32::try_from(bytes.len())
            .map_err(|_| Error::internal("a blob of 4 GiB or more cannot be stored"))?;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BUFFER_BYTES {
            self.write_out()?;
        }
        Ok(BlobRef {
            offset,
            len,
            crc: checksum(self.salt, offset, bytes),
            packed: false,
        })
    }

    /// Adds a blob that may be compressed.
    ///
    /// # Errors
    /// As [`BlobFileWriter::put`].
    pub fn put_packed(&mut self, blob: &Packed) -> Result<BlobRef> {
        let reference = self.put(&blob.bytes)?;
        Ok(BlobRef {
            packed: blob.packed,
            ..reference
        })
    }

    /// Adds a blob that may be the same as one of the last few: then it is stored once.
    ///
    /// # Errors
    /// As [`BlobFileWriter::put`].
    pub fn put_shared(&mut self, bytes: &Bytes) -> Result<BlobRef> {
        if let Some((_, known)) = self.recent.iter().find(|(known, _)| known == bytes) {
            return Ok(*known);
        }
        let reference = self.put(bytes)?;
        if self.recent.len() == 8 {
            self.recent.remove(0);
        }
        self.recent.push((bytes.clone(), reference));
        Ok(reference)
    }

    /// Writes footer and trailer and makes the file durable; the directory is not synced. Returns
    /// the file's length in bytes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self, footer: &[u8]) -> Result<u64> {
        let footer = if footer.is_empty() { &[0][..] } else { footer };
        let reference = self.put(footer)?;
        let mut trailer = Encoder::new();
        reference.encode(&mut trailer);
        trailer.raw(&END_MAGIC);
        trailer.u32(0);
        let trailer = trailer.finish();
        let crc = checksum(self.salt, self.position(), &trailer);
        self.buffer.extend_from_slice(&trailer);
        self.buffer.extend_from_slice(&crc.to_le_bytes());
        self.write_out()?;
        if !is_planted(Planted::NoSegmentSync) {
            self.file
                .sync_data()
                .map_err(|error| Error::io(&self.path, error))?;
        }
        Ok(self.written)
    }

    /// Bytes so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn write_out(&mut self) -> Result<()> {
        write_all_at(&*self.file, self.written, &self.buffer)
            .map_err(|error| Error::io(&self.path, error))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// An open file of blobs.
pub struct BlobFile {
    file: Arc<dyn VfsFile>,
    path: RelPath,
    salt: u64,
    len: u64,
    footer: BlobRef,
    /// Names the file in the cache.
    cache_id: u64,
    cache: Arc<BlobCache>,
    /// Why nothing of it can be read, if so.
    damage: Option<Box<Damage>>,
}

impl std::fmt::Debug for BlobFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl BlobFile {
    /// Opens a file and returns it with its footer.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, of another kind or of a newer format.
    pub fn open(
        vfs: &dyn Vfs,
        path: &RelPath,
        kind: FileKind,
        cache: Arc<BlobCache>,
    ) -> Result<(Arc<Self>, Bytes)> {
        let io = |error| Error::io(path, error);
        let file = vfs.open(path, Mode::Read).map_err(io)?;
        let len = file.len().map_err(io)?;
        if len < HEADER_BYTES + TRAILER_BYTES {
            return Err(Error::corrupt(path, len, "a header and a trailer"));
        }
        let mut header = [0; HEADER_BYTES as usize];
        read_exact_at(&*file, 0, &mut header).map_err(io)?;
        let salt = check_header(path, &header, kind)?;
        let mut trailer = [0; TRAILER_BYTES as usize];
        let trailer_at = len - TRAILER_BYTES;
        read_exact_at(&*file, trailer_at, &mut trailer).map_err(io)?;
        let footer_at = check_trailer(path, &trailer, salt, trailer_at)?;
        let cache_id = cache.id_of(path);
        let opened = Self {
            file,
            path: path.clone(),
            salt,
            len,
            footer: footer_at,
            cache_id,
            cache,
            damage: None,
        };
        let footer = opened.read(footer_at)?;
        Ok((Arc::new(opened), footer))
    }

    /// The file's name.
    #[must_use]
    pub const fn path(&self) -> &RelPath {
        &self.path
    }

    /// The file's length in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Never: a file has a header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads and verifies a blob, past the cache.
    ///
    /// # Errors
    /// The file cannot be read, or the blob is damaged.
    pub fn read(&self, reference: BlobRef) -> Result<Bytes> {
        let BlobRef {
            offset,
            len,
            crc,
            packed: is_packed,
        } = reference;
        if len == 0 {
            return Ok(Bytes::new());
        }
        if let Some(damage) = &self.damage {
            return Err(Error::corrupt(&self.path, damage.offset, &damage.expected));
        }
        if offset
            .checked_add(u64::from(len))
            .is_none_or(|end| end > self.len)
        {
            return Err(Error::corrupt(&self.path, offset, "a blob inside the file"));
        }
        let mut bytes = vec![0; len as usize];
        read_exact_at(&*self.file, offset, &mut bytes)
            .map_err(|error| Error::io(&self.path, error))?;
        traffic::read(u64::from(len));
        if checksum(self.salt, offset, &bytes) != crc && !is_planted(Planted::NoBlobChecksum) {
            return Err(Error::corrupt(
                &self.path,
                offset,
                format!("a blob of checksum {crc:08x}"),
            ));
        }
        match is_packed {
            true => packed::unpack(&bytes)
                .ok_or_else(|| Error::corrupt(&self.path, offset, "a compressed blob")),
            false => Ok(bytes.into()),
        }
    }

    /// Reads every byte of the file, past the cache; `blobs` are all that the footer reaches.
    /// Calls `damaged` for each blob that is damaged; if none is, also for bytes between blobs
    /// that are not as they were written.
    pub fn verify(&self, mut blobs: Vec<BlobRef>, damaged: &mut dyn FnMut(Error)) {
        blobs.push(self.footer);
        blobs.retain(|blob| blob.len > 0);
        blobs.sort_unstable_by_key(|blob| (blob.offset, blob.len, blob.crc));
        blobs.dedup();
        let mut whole = true;
        for blob in &blobs {
            if let Err(error) = self.read(*blob) {
                damaged(error);
                whole = false;
            }
        }
        if !whole {
            return;
        }
        let mut end = HEADER_BYTES;
        for (start, next) in blobs
            .iter()
            .map(|blob| (blob.offset, blob.offset + u64::from(blob.len)))
            .chain([(self.len - TRAILER_BYTES, self.len)])
        {
            if let Err(error) = self.verify_padding(end, start) {
                damaged(error);
            }
            end = next;
        }
    }

    fn verify_padding(&self, start: u64, end: u64) -> Result<()> {
        let mut padding = [0; ALIGNMENT as usize];
        let padding = end
            .checked_sub(start)
            .and_then(|len| padding.get_mut(..usize::try_from(len).ok()?));
        let expected = "blobs that follow each other, with less than 8 zeros between them";
        let Some(padding) = padding else {
            return Err(Error::corrupt(&self.path, start, expected));
        };
        read_exact_at(&*self.file, start, padding).map_err(|error| Error::io(&self.path, error))?;
        if padding.len() as u64 == ALIGNMENT || padding.iter().any(|byte| *byte != 0) {
            return Err(Error::corrupt(&self.path, start, expected));
        }
        Ok(())
    }
}

fn check_header(path: &RelPath, header: &[u8], kind: FileKind) -> Result<u64> {
    let mut input = Decoder::new(header);
    if input.raw(8)? != MAGIC {
        return Err(Error::corrupt(
            path,
            0,
            "the magic bytes of a tagdb segment",
        ));
    }
    let (body, crc) = header.split_at(header.len() - 4);
    if crc32fast::hash(body).to_le_bytes() != crc {
        return Err(Error::corrupt(
            path,
            body.len() as u64,
            "the header's checksum",
        ));
    }
    let version = input.u32()?;
    if version != FORMAT_VERSION {
        return Err(Error::unknown_format(path, version, FORMAT_VERSION));
    }
    if input.u32()? != kind as u32 {
        return Err(Error::corrupt(
            path,
            12,
            format!("a segment of kind {kind:?}"),
        ));
    }
    let salt = input.u64()?;
    if input.u32()? != name_check(path) {
        return Err(Error::corrupt(
            path,
            24,
            "a file that was written under this name",
        ));
    }
    Ok(salt)
}

fn check_trailer(path: &RelPath, trailer: &[u8], salt: u64, offset: u64) -> Result<BlobRef> {
    let (body, crc) = trailer.split_at(trailer.len() - 4);
    if checksum(salt, offset, body).to_le_bytes() != crc {
        return Err(Error::corrupt(path, offset, "the trailer's checksum"));
    }
    let mut input = Decoder::new(body);
    let reference = BlobRef::decode(&mut input)?;
    if input.raw(8)? != END_MAGIC {
        return Err(Error::corrupt(
            path,
            offset + 16,
            "the trailer's magic bytes",
        ));
    }
    Ok(reference)
}
