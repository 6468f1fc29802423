//! The log: the one place where a write becomes durable.
//!
//! A frame is one batch. Frames have consecutive LSNs and lie in numbered files that are filled
//! with zeros and synced before they get their name, so that writing a frame changes neither
//! the size of a file nor the space taken, and meets no full disk.
//!
//! ```text
//! file  = header, frame*, zeros
//! frame = len u32 | lsn u64 | durable_lsn u64 | kind u8 | payload_crc u32 | header_crc u32 | payload
//! ```
//!
//! The header's checksum is bound to a random number of the file and to the offset, so that no
//! bytes of another file, place or time pass for a frame. `durable_lsn` is the highest LSN known
//! to be synced when the frame was written: it proves that a frame that is missing or damaged
//! was there. A *seal* is a frame without payload that takes no LSN; it is written when the log
//! is idle, to prove the last frames too.
//!
//! **What is read back.** A file's frames count up to the first LSN of any later file. Reading
//! ends at the first place that holds no valid frame. What should have stood there was durable,
//! and the log is [`LogError::Corrupt`], if any frame or header proves so; otherwise the tail was
//! torn by a crash, and it never was acknowledged.
//!
//! **Starting again.** Frames that no frame behind them proves to be durable may be seen in the
//! operating system's cache only, after a sync that failed. They are copied to a fresh file, and
//! that file is synced, before anything is appended. The old file stays as it is.
//!
//! **Failing.** After a failed write or sync nothing is written any more: commits that waited for
//! it end as [`LogError::Unknown`], all others as [`LogError::Poisoned`]. No sync is repeated.

mod file;
mod frame;
mod open;
mod reader;
mod replay;
mod salvage;
mod state;
mod turns;
mod writer;

use std::io;
use std::sync::Arc;

pub use replay::{LogReport, Verdict, read, verify};
pub use salvage::{Salvaged, salvage};
pub use writer::{Log, LogPosition, OnDurable};

use crate::vfs::RelPath;

/// A frame's payload may have at most this many bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// Called with the LSN and the payload of each frame that is read back.
pub type Apply<'a, E> = dyn FnMut(u64, &[u8]) -> Result<(), E> + 'a;

/// What a log is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// Size of a log file in bytes; a frame that is larger gets a file of its own size.
    pub file_bytes: u64,
    /// Which log this is: files of another one are refused.
    pub log_id: u32,
    /// The epoch of the writer, recorded in the files it makes.
    pub epoch: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            file_bytes: 64 << 20,
            log_id: 0,
            epoch: 0,
        }
    }
}

/// Why the log cannot do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Something that was durable is damaged or gone. Nothing has been changed.
    #[error("log file {file} is damaged at byte {offset}: expected {expected}")]
    Corrupt {
        /// The damaged file.
        file: RelPath,
        /// Where in it, in bytes.
        offset: u64,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A newer program wrote the log. Nothing has been changed.
    #[error("log file {file} has format version {version}, which this program does not know")]
    UnknownVersion {
        /// The file.
        file: RelPath,
        /// Its version.
        version: u32,
    },
    /// The log does not reach back or forth to a frame that is needed.
    #[error("no log file holds frame {lsn}, which is needed")]
    Missing {
        /// The first LSN that is missing.
        lsn: u64,
    },
    /// There is no space for another log file. Nothing has been changed, the log goes on
    /// working, and the same write may be tried again.
    #[error("no space for another log file")]
    DiskFull(#[source] Arc<io::Error>),
    /// A payload is larger than a frame can hold. Nothing has been changed.
    #[error("a batch of {bytes} bytes is larger than the {PAYLOAD_BYTES_MAX} a frame can hold")]
    TooLarge {
        /// Size of the payload.
        bytes: usize,
    },
    /// Writing or syncing the frame failed: whether it is there is known after a restart.
    #[error("frame {lsn} may or may not have been written")]
    Unknown {
        /// The frame.
        lsn: u64,
        /// What failed.
        #[source]
        source: Arc<io::Error>,
    },
    /// An earlier write or sync failed: nothing is written until a restart.
    #[error("the log is closed to writes after an I/O error")]
    Poisoned(#[source] Arc<io::Error>),
    /// A commit of a frame that nobody has appended.
    #[error("frame {lsn} was never appended")]
    NotAppended {
        /// The frame.
        lsn: u64,
    },
    /// An I/O error outside of writing frames.
    #[error("cannot {doing} the log")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What failed.
        #[source]
        source: Arc<io::Error>,
    },
}

impl LogError {
    fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            source: Arc::new(source),
        }
    }
}

#[cfg(test)]
mod tests;
