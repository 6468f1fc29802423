//! Where the log stands: what has been appended, what is durable, and whether it may go on.

use std::io;
use std::sync::Arc;

use super::LogError;
use super::file::{FILE_HEADER_BYTES, LogFile};
use super::frame::{FRAME_HEADER_BYTES, FrameHeader, Place};

pub(super) struct State {
    /// Oldest first; frames go to the last one.
    pub(super) files: Vec<LogFile>,
    /// Where in the last file the next frame goes.
    pub(super) end_offset: u64,
    pub(super) last_lsn: u64,
    pub(super) durable_lsn: u64,
    pub(super) appended_bytes: u64,
    /// A header or seal proves the last frame durable.
    pub(super) is_sealed: bool,
    pub(super) pending: Vec<Chunk>,
    /// A group is being written.
    pub(super) is_writing: bool,
    /// The number of the last group that was begun, and its last frame.
    pub(super) group: u64,
    pub(super) group_lsn: u64,
    /// An empty buffer that can be used again.
    pub(super) buffer: Vec<u8>,
    pub(super) poison: Option<Poison>,
    /// The last file is the one kept for frames that make room.
    pub(super) is_reserve: bool,
}

/// Neighbouring frames of one file that wait for being written.
pub(super) struct Chunk {
    pub(super) log_file: LogFile,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) last_lsn: u64,
}

pub(super) struct Poison {
    pub(super) cause: Arc<io::Error>,
    /// Frames up to this one have been given to the operating system.
    pub(super) tried_lsn: u64,
}

impl State {
    /// A log whose frames up to `last_lsn` are all durable and proven.
    pub(super) fn new(files: Vec<LogFile>, end_offset: u64, last_lsn: u64) -> Self {
        Self {
            files,
            end_offset,
            last_lsn,
            durable_lsn: last_lsn,
            appended_bytes: 0,
            is_sealed: true,
            pending: Vec::new(),
            is_writing: false,
            group: 0,
            group_lsn: last_lsn,
            buffer: Vec::new(),
            poison: None,
            is_reserve: false,
        }
    }

    /// Further frames go to a new file.
    pub(super) fn start_file(&mut self, file: LogFile, is_reserve: bool) {
        self.files.push(file);
        self.is_reserve = is_reserve;
        self.end_offset = FILE_HEADER_BYTES as u64;
    }

    pub(super) fn file(&self) -> Option<&LogFile> {
        self.files.last()
    }

    pub(super) fn last_number(&self) -> u64 {
        self.file().map_or(0, |file| file.header.number)
    }

    pub(super) fn check_poison(&self) -> Result<(), LogError> {
        match &self.poison {
            Some(poison) => Err(LogError::Poisoned(Arc::clone(&poison.cause))),
            None => Ok(()),
        }
    }

    /// Whether a data frame fits into the current file, with a seal behind it. The reserve has
    /// room for deletions only.
    pub(super) fn has_room(&self, frame_bytes: u64, deletes: bool) -> Result<bool, LogError> {
        self.check_poison()?;
        if self.is_reserve && !deletes {
            return Ok(false);
        }
        let needed = self.end_offset + frame_bytes + FRAME_HEADER_BYTES as u64;
        Ok(self
            .file()
            .is_some_and(|file| needed <= file.header.file_bytes))
    }

    pub(super) fn push(&mut self, header: &FrameHeader, payload: &[u8]) {
        let Some(log_file) = self.files.last() else {
            return;
        };
        let offset = self.end_offset;
        let place = Place {
            salt: log_file.header.salt,
            offset,
        };
        let number = log_file.header.number;
        let same_file = |chunk: &&mut Chunk| chunk.log_file.header.number == number;
        if self.pending.last_mut().filter(same_file).is_none() {
            self.pending.push(Chunk {
                log_file: log_file.clone(),
                offset,
                bytes: std::mem::take(&mut self.buffer),
                last_lsn: header.lsn,
            });
        }
        if let Some(chunk) = self.pending.last_mut() {
            header.encode(place, &mut chunk.bytes);
            chunk.bytes.extend_from_slice(payload);
            chunk.last_lsn = header.lsn;
        }
        let frame_bytes = u64::from(header.frame_bytes);
        self.end_offset += frame_bytes;
        self.appended_bytes += frame_bytes;
        self.last_lsn = header.lsn;
        self.is_sealed = false;
    }

    /// Takes what waits for being written: a group, which is being written from now on.
    pub(super) fn begin_group(&mut self) -> Vec<Chunk> {
        let chunks = std::mem::take(&mut self.pending);
        self.is_writing = true;
        self.group += 1;
        self.group_lsn = chunks.last().map_or(self.group_lsn, |chunk| chunk.last_lsn);
        chunks
    }

    /// The group of a frame that is not durable, while a group is being written.
    pub(super) const fn group_of(&self, lsn: u64) -> u64 {
        if lsn <= self.group_lsn {
            self.group
        } else {
            self.group + 1
        }
    }

    pub(super) fn poison(&mut self, error: io::Error, tried_lsn: u64) {
        let poison = self.poison.get_or_insert_with(|| Poison {
            cause: Arc::new(error),
            tried_lsn: 0,
        });
        poison.tried_lsn = poison.tried_lsn.max(tried_lsn);
    }
}

impl Poison {
    pub(super) fn error_for(&self, lsn: u64) -> LogError {
        let source = Arc::clone(&self.cause);
        if lsn <= self.tried_lsn {
            LogError::Unknown { lsn, source }
        } else {
            LogError::Poisoned(source)
        }
    }
}
