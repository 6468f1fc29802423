//! Manifests: which files are the database, at which LSN. Numbered without gaps, immutable,
//! published by creating the next number.

use std::io::ErrorKind as IoErrorKind;

use crate::bitmap::Bitmap;
use crate::catalog::Catalog;
use crate::codec::{Decoder, Encoder};
use crate::engine::batch::{
    Idempotency, Outcome, decode_idempotency, decode_outcome, encode_idempotency, encode_outcome,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Lsn, Ordinal, PartitionId, TableId, TagId};
use crate::paths::{self, SegmentKind, SegmentName};
use crate::planted::{Planted, is_planted};
use crate::vfs::{Mode, RelPath, Vfs, is_disk_full, read_exact_at, remove_if_there, write_all_at};

const MAGIC: [u8; 8] = *b"TAGDBMAN";
const FORMAT_VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;

/// Openings that a manifest remembers.
const OPENINGS_MAX: usize = 1000;

/// The hash that chooses a key's partition: Iceberg's murmur3 bucket.
const PARTITION_HASH: u8 = 1;

/// All files of the database at one LSN.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// Its number.
    pub number: u64,
    /// Rises whenever the database is opened.
    pub epoch: u32,
    /// The next number of a segment's name in this epoch.
    pub next_counter: u64,
    /// The last batch that is in the segments; the log is replayed from the next one.
    pub lsn: Lsn,
    /// The tables' shapes.
    pub catalog: Catalog,
    /// What each partition consists of.
    pub partitions: Vec<PartitionFiles>,
    /// Writes by their names.
    pub writes: Vec<RecordedWrite>,
    /// The last openings, oldest first.
    pub openings: Vec<Opening>,
}

/// What an opening of the database found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The epoch that it began.
    pub epoch: u32,
    /// The last batch that was there.
    pub lsn: Lsn,
}

/// The files of one partition.
#[derive(Clone, Debug, Default)]
pub struct PartitionFiles {
    /// The table.
    pub table: TableId,
    /// The partition.
    pub partition: PartitionId,
    /// The end of the ordinals.
    pub next_ordinal: Ordinal,
    /// Subjects that are gone.
    pub dead: Bitmap,
    /// Tag segments, oldest first.
    pub segments: Vec<TagFile>,
    /// Key segments, by rising ordinals.
    pub keys: Vec<FileRecord>,
    /// Vocabulary segments, oldest first.
    pub vocabularies: Vec<FileRecord>,
}

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRecord {
    /// Its name.
    pub name: SegmentName,
    /// Its length in bytes.
    pub len: u64,
}

/// A tag segment, and the tags that are read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFile {
    /// The file.
    pub file: FileRecord,
    /// The first batch in it.
    pub first_lsn: Lsn,
    /// The last batch in it.
    pub last_lsn: Lsn,
    /// By rising id.
    pub tags: Vec<TagId>,
}

/// A named write and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedWrite {
    /// The write's name.
    pub idempotency: Idempotency,
    /// Its batch.
    pub lsn: Lsn,
    /// When it was sequenced, in microseconds since 1970.
    pub commit_time: i64,
    /// What it did.
    pub outcome: Outcome,
}

impl Manifest {
    /// All files that it names.
    pub fn files(&self) -> impl Iterator<Item = FileRecord> + '_ {
        self.partitions.iter().flat_map(|partition| {
            let tags = partition.segments.iter().map(|segment| segment.file);
            tags.chain(partition.keys.iter().copied())
                .chain(partition.vocabularies.iter().copied())
        })
    }

    /// Makes room for the names of files that this process is going to write.
    pub fn begin_epoch(&mut self) {
        self.epoch += u32::from(!is_planted(Planted::EpochReuse));
        self.next_counter = 0;
    }

    /// Remembers that the epoch begins with all batches up to `lsn`.
    pub fn remember_opening(&mut self, lsn: Lsn) {
        if self.openings.len() >= OPENINGS_MAX {
            self.openings.remove(0);
        }
        let epoch = self.epoch;
        self.openings.push(Opening { epoch, lsn });
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.u64(self.number);
        out.u32(self.epoch);
        out.u64(self.next_counter);
        out.u64(self.lsn.0);
        out.u8(PARTITION_HASH);
        self.catalog.encode(&mut out);
        out.varint(self.partitions.len() as u64);
        for partition in &self.partitions {
            partition.encode(&mut out);
        }
        out.varint(self.writes.len() as u64);
        for write in &self.writes {
            encode_idempotency(&mut out, &write.idempotency);
            out.u64(write.lsn.0);
            out.i64(write.commit_time);
            encode_outcome(&mut out, &write.outcome);
        }
        out.varint(self.openings.len() as u64);
        for opening in &self.openings {
            out.u32(opening.epoch);
            out.u64(opening.lsn.0);
        }
        // Sources and their positions: none yet.
        out.varint(0);
        out.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut input = Decoder::new(bytes);
        let (number, epoch) = (input.u64()?, input.u32()?);
        let (next_counter, lsn) = (input.u64()?, Lsn(input.u64()?));
        if input.u8()? != PARTITION_HASH {
            return Err(Error::corrupt("a manifest", 28, "a known partition hash"));
        }
        let catalog = Catalog::decode(&mut input)?;
        let mut partitions = Vec::new();
        for _ in 0..input.count(8)? {
            partitions.push(PartitionFiles::decode(&mut input)?);
        }
        let mut writes = Vec::new();
        for _ in 0..input.count(8)? {
            writes.push(RecordedWrite {
                idempotency: decode_idempotency(&mut input)?,
                lsn: Lsn(input.u64()?),
                commit_time: input.i64()?,
                outcome: decode_outcome(&mut input)?,
            });
        }
        let mut openings = Vec::new();
        for _ in 0..input.count(12)? {
            openings.push(Opening {
                epoch: input.u32()?,
                lsn: Lsn(input.u64()?),
            });
        }
        if input.varint()? != 0 {
            return Err(Error::corrupt(
                "a manifest",
                input.offset() as u64,
                "no sources",
            ));
        }
        input.finish()?;
        Ok(Self {
            number,
            epoch,
            next_counter,
            lsn,
            catalog,
            partitions,
            writes,
            openings,
        })
    }
}

impl PartitionFiles {
    fn encode(&self, out: &mut Encoder) {
        out.u32(self.table.0);
        out.u16(self.partition.0);
        out.u32(self.next_ordinal);
        out.bytes(self.dead.bytes());
        out.varint(self.segments.len() as u64);
        for segment in &self.segments {
            encode_file(out, &segment.file);
            out.u64(segment.first_lsn.0);
            out.u64(segment.last_lsn.0);
            out.varint(segment.tags.len() as u64);
            for tag in &segment.tags {
                out.u32(tag.0);
            }
        }
        for files in [&self.keys, &self.vocabularies] {
            out.varint(files.len() as u64);
            for file in files {
                encode_file(out, file);
            }
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self> {
        let (table, partition) = (TableId(input.u32()?), PartitionId(input.u16()?));
        let next_ordinal = input.u32()?;
        let dead = Bitmap::parse(input.bytes()?.to_vec().into())?;
        let mut segments = Vec::new();
        for _ in 0..input.count(20)? {
            let file = decode_file(input, partition, SegmentKind::Tags)?;
            let (first_lsn, last_lsn) = (Lsn(input.u64()?), Lsn(input.u64()?));
            let mut tags = Vec::new();
            for _ in 0..input.count(4)? {
                tags.push(TagId(input.u32()?));
            }
            segments.push(TagFile {
                file,
                first_lsn,
                last_lsn,
                tags,
            });
        }
        let mut files = [Vec::new(), Vec::new()];
        for (files, kind) in files
            .iter_mut()
            .zip([SegmentKind::Keys, SegmentKind::Vocabulary])
        {
            for _ in 0..input.count(20)? {
                files.push(decode_file(input, partition, kind)?);
            }
        }
        let [keys, vocabularies] = files;
        Ok(Self {
            table,
            partition,
            next_ordinal,
            dead,
            segments,
            keys,
            vocabularies,
        })
    }
}

fn encode_file(out: &mut Encoder, file: &FileRecord) {
    out.u32(file.name.epoch);
    out.u64(file.name.counter);
    out.u64(file.len);
}

fn decode_file(
    input: &mut Decoder<'_>,
    partition: PartitionId,
    kind: SegmentKind,
) -> Result<FileRecord> {
    let (epoch, counter, len) = (input.u32()?, input.u64()?, input.u64()?);
    Ok(FileRecord {
        name: SegmentName {
            partition: partition.0,
            epoch,
            counter,
            kind,
        },
        len,
    })
}

/// Makes a manifest durable under its number, which must not exist yet.
///
/// # Errors
/// As [`write_new`].
pub fn publish(vfs: &dyn Vfs, manifest: &Manifest) -> Result<()> {
    write_new(vfs, &paths::manifest(manifest.number), manifest)
}

/// Makes a manifest durable at a path, which must not exist yet.
///
/// # Errors
/// It exists, or cannot be written: then it is not there. After `write_unknown` it may be there or
/// not: its name was made and could not be synced.
pub fn write_new(vfs: &dyn Vfs, path: &RelPath, manifest: &Manifest) -> Result<()> {
    let io = |error| Error::io(path, error);
    let payload = manifest.encode();
    let mut out = Encoder::new();
    out.raw(&MAGIC);
    out.u32(FORMAT_VERSION);
    out.u64(payload.len() as u64);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(out.as_slice());
    hasher.update(&payload);
    out.u32(hasher.finalize());
    out.raw(&payload);
    let temporary = paths::temporary(path);
    remove_if_there(vfs, &temporary).map_err(io)?;
    let file = vfs.create_new(&temporary).map_err(io)?;
    write_all_at(&*file, 0, out.as_slice()).map_err(io)?;
    if !is_planted(Planted::NoManifestSync) {
        file.sync_data().map_err(io)?;
    }
    let unclear = |error| {
        let detail = format!("{path} may or may not be in force after a restart: {error}");
        Error::new(ErrorKind::Unknown, "write_unknown", detail)
    };
    if let Err(error) = vfs.link(&temporary, path) {
        let is_certain = error.kind() == IoErrorKind::AlreadyExists || is_disk_full(&error);
        return Err(if is_certain {
            io(error)
        } else {
            unclear(error)
        });
    }
    // From here on the manifest is seen, whatever fails: its files must not be deleted.
    vfs.sync_dir(&path.parent()).map_err(unclear)?;
    if let Err(error) = vfs.remove(&temporary) {
        tracing::warn!(path = %temporary, %error, "a temporary file cannot be deleted");
    }
    Ok(())
}

/// The numbers of all manifests, rising.
///
/// # Errors
/// The folder cannot be read.
pub fn numbers(vfs: &dyn Vfs) -> Result<Vec<u64>> {
    let directory = paths::manifest_dir();
    let entries = vfs
        .list(&directory)
        .map_err(|error| Error::io(&directory, error))?;
    let mut numbers: Vec<u64> = entries.iter().filter_map(paths::parse_manifest).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads a manifest.
///
/// # Errors
/// It cannot be read, is damaged, or is of a newer format.
pub fn read(vfs: &dyn Vfs, path: &RelPath) -> Result<Manifest> {
    let io = |error| Error::io(path, error);
    let file = vfs.open(path, Mode::Read).map_err(io)?;
    let len = file.len().map_err(io)?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    read_exact_at(&*file, 0, &mut bytes).map_err(io)?;
    if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
        return Err(Error::corrupt(
            path,
            0,
            "the magic bytes of a tagdb manifest",
        ));
    }
    let (header, payload) = bytes.split_at(HEADER_BYTES);
    let mut input = Decoder::new(&header[8..]);
    let version = input.u32()?;
    if version != FORMAT_VERSION {
        return Err(Error::unknown_format(path, version, FORMAT_VERSION));
    }
    if input.u64()? != payload.len() as u64 {
        return Err(Error::corrupt(
            path,
            12,
            format!("a payload of {} bytes", payload.len()),
        ));
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..HEADER_BYTES - 4]);
    hasher.update(payload);
    if hasher.finalize() != input.u32()? {
        return Err(Error::corrupt(path, 20, "the manifest's checksum"));
    }
    Manifest::decode(payload).map_err(|error| {
        Error::corrupt(path, HEADER_BYTES as u64, format!("sound records: {error}"))
    })
}
