//! A log file: its header, and how it comes to have a name.
//!
//! ```text
//! * 8 bytes: magic "tagdblog"
//! * 4 bytes: format version
//! * 4 bytes: log id
//! * 4 bytes: epoch of the writer
//! * 8 bytes: number of the file
//! * 8 bytes: salt, random
//! * 8 bytes: size of the file
//! * 8 bytes: LSN of the first frame
//! * 8 bytes: highest LSN known to be durable when the file was made
//! * zeros
//! * 4 bytes: CRC-32 of the 124 bytes above
//! ```
//!
//! A file is made under a temporary name, filled with zeros and synced; it gets its name once its
//! header is durable too. So a file that has a name has a valid header and its full size, or it
//! has been damaged since.

use std::io;
use std::sync::Arc;

use super::LogError;
use super::frame::FRAME_HEADER_BYTES;
use crate::codec::{CodecError, Decoder, Encoder};
use crate::paths;
use crate::planted::{Planted, is_planted};
use crate::vfs::{self, Mode, RelPath, Vfs, VfsFile};

pub(super) const FILE_HEADER_BYTES: usize = 128;

const MAGIC: &[u8; 8] = b"tagdblog";
const VERSION: u32 = 1;
const CHECKED_BYTES: usize = FILE_HEADER_BYTES - 4;

/// Sizes of files that hold one large frame are multiples of this.
const BLOCK_BYTES: u64 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileHeader {
    version: u32,
    pub(super) log_id: u32,
    pub(super) epoch: u32,
    pub(super) number: u64,
    pub(super) salt: u64,
    pub(super) file_bytes: u64,
    pub(super) first_lsn: u64,
    pub(super) synced_lsn: u64,
}

impl FileHeader {
    fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.raw(MAGIC);
        encoder.u32(self.version);
        encoder.u32(self.log_id);
        encoder.u32(self.epoch);
        encoder.u64(self.number);
        encoder.u64(self.salt);
        encoder.u64(self.file_bytes);
        encoder.u64(self.first_lsn);
        encoder.u64(self.synced_lsn);
        while encoder.len() < CHECKED_BYTES {
            encoder.u8(0);
        }
        encoder.u32(crc32fast::hash(encoder.as_slice()));
        encoder.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut decoder = Decoder::new(bytes);
        let checked = decoder.raw(CHECKED_BYTES)?;
        if decoder.u32()? != crc32fast::hash(checked) {
            return Err(decoder.error("checksum of the file header"));
        }
        let mut decoder = Decoder::new(checked);
        if decoder.raw(MAGIC.len())? != MAGIC {
            return Err(decoder.error("magic of a log file"));
        }
        Ok(Self {
            version: decoder.u32()?,
            log_id: decoder.u32()?,
            epoch: decoder.u32()?,
            number: decoder.u64()?,
            salt: decoder.u64()?,
            file_bytes: decoder.u64()?,
            first_lsn: decoder.u64()?,
            synced_lsn: decoder.u64()?,
        })
    }
}

/// A log file that has its name.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    pub(super) path: RelPath,
    pub(super) header: FileHeader,
    pub(super) file: Arc<dyn VfsFile>,
}

impl LogFile {
    /// Opens the file with this number and checks its header against its name and size.
    pub(super) fn open(vfs: &dyn Vfs, number: u64, log_id: u32) -> Result<Self, LogError> {
        let path = paths::log_file(number);
        let opened = vfs.open(&path, Mode::ReadWrite);
        let file = opened.map_err(LogError::io("open a file of"))?;
        let len = file.len().map_err(LogError::io("measure a file of"))?;
        let damaged = |offset, expected| LogError::Corrupt {
            file: path.clone(),
            offset,
            expected,
        };
        if len < FILE_HEADER_BYTES as u64 {
            return Err(damaged(len, "a file header"));
        }
        let mut bytes = [0; FILE_HEADER_BYTES];
        vfs::read_exact_at(&*file, 0, &mut bytes).map_err(LogError::io("read"))?;
        let header = FileHeader::decode(&bytes).map_err(|error| damaged(0, error.expected))?;
        if header.version != VERSION {
            let version = header.version;
            return Err(LogError::UnknownVersion {
                file: path,
                version,
            });
        }
        if header.number != number {
            return Err(damaged(0, "the number in the file's name"));
        }
        if header.log_id != log_id {
            return Err(damaged(0, "the id of this log"));
        }
        if header.file_bytes != len {
            return Err(damaged(len.min(header.file_bytes), "the end of the file"));
        }
        Ok(Self { path, header, file })
    }
}

/// The size of a file for one frame of `frame_bytes`, or the usual size if that is larger.
pub(super) fn size_for(usual_bytes: u64, frame_bytes: u64) -> u64 {
    // Behind every data frame there has to be room for a seal.
    let needed = frame_bytes.saturating_add((FILE_HEADER_BYTES + FRAME_HEADER_BYTES) as u64);
    if needed <= usual_bytes {
        usual_bytes
    } else {
        needed.next_multiple_of(BLOCK_BYTES)
    }
}

/// Why there is no new log file.
#[derive(Debug)]
pub(super) enum CreateError {
    /// The disk is full, and the log is as it was.
    DiskFull(io::Error),
    /// The disk failed; the file may be there or not.
    Failed(io::Error),
}

impl CreateError {
    fn of(error: io::Error) -> Self {
        if vfs::is_disk_full(&error) {
            Self::DiskFull(error)
        } else {
            Self::Failed(error)
        }
    }
}

/// Fails if the disk says that it has less room. One that cannot say counts as one that has it: what
/// is written then tells.
pub(super) fn require_space(vfs: &dyn Vfs, bytes: u64) -> io::Result<()> {
    match vfs.free_space() {
        Ok(free) if free < bytes => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

/// A file of zeros, synced, that may become a log file.
#[derive(Debug)]
pub(super) struct BlankFile {
    temporary: RelPath,
    pub(super) file: Arc<dyn VfsFile>,
    pub(super) file_bytes: u64,
}

impl BlankFile {
    pub(super) fn create(
        vfs: &dyn Vfs,
        temporary: RelPath,
        file_bytes: u64,
    ) -> Result<Self, CreateError> {
        let create = || {
            vfs::remove_if_there(vfs, &temporary)?;
            // Else the last bytes of a full disk would be taken and given back again and again.
            require_space(vfs, file_bytes)?;
            let file = vfs.create_new(&temporary)?;
            file.allocate_zeroed(file_bytes)?;
            file.sync_data()?;
            Ok(file)
        };
        match create() {
            Ok(file) => Ok(Self {
                temporary,
                file,
                file_bytes,
            }),
            Err(error) => {
                discard(vfs, &temporary);
                Err(CreateError::of(error))
            }
        }
    }

    /// Syncs the file with a header, and gives it its name durably. Frames that were written
    /// to it before become durable with it.
    pub(super) fn publish(self, vfs: &dyn Vfs, header: FileHeader) -> Result<LogFile, CreateError> {
        let path = paths::log_file(header.number);
        let sync = || match is_planted(Planted::RenameBeforeSync) {
            true => Ok(()),
            false => self.file.sync_data(),
        };
        let named = vfs::write_all_at(&*self.file, 0, &header.encode())
            .and_then(|()| sync())
            .and_then(|()| vfs.rename(&self.temporary, &path));
        if let Err(error) = named {
            discard(vfs, &self.temporary);
            return Err(CreateError::of(error));
        }
        // From here on the file counts, whatever the directory's sync says.
        let synced = match is_planted(Planted::NoLogDirSync) {
            true => Ok(()),
            false => vfs.sync_dir(&paths::log_dir()),
        };
        synced.map_err(CreateError::Failed)?;
        let file = self.file;
        Ok(LogFile { path, header, file })
    }

    /// The header this file is to have.
    pub(super) fn header(&self, origin: Origin, salt: u64) -> FileHeader {
        FileHeader {
            version: VERSION,
            log_id: origin.log_id,
            epoch: origin.epoch,
            number: origin.number,
            salt,
            file_bytes: self.file_bytes,
            first_lsn: origin.first_lsn,
            synced_lsn: origin.synced_lsn,
        }
    }
}

/// What a new file's header says about where it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) log_id: u32,
    pub(super) epoch: u32,
    pub(super) number: u64,
    pub(super) first_lsn: u64,
    pub(super) synced_lsn: u64,
}

fn discard(vfs: &dyn Vfs, temporary: &RelPath) {
    if let Err(error) = vfs::remove_if_there(vfs, temporary) {
        tracing::warn!(file = %temporary, %error, "cannot delete an unfinished log file");
    }
}
