//! Reads one log file front to back, a window at a time.

use std::io;

use super::file::{FILE_HEADER_BYTES, LogFile};
use super::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, KIND_OFFSET, Place};
use crate::planted::{Planted, is_planted};
use crate::vfs;

/// Bytes read at once, unless a frame is larger.
const WINDOW_BYTES: usize = 1 << 20;

/// What stands at a place of the file.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Frame {
        header: FrameHeader,
        payload: &'a [u8],
    },
    /// Neither a frame nor zeros.
    Bad,
    /// A length of zero, or no room for a frame.
    End,
}

/// What stands behind the last frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Remains {
    pub(super) has_bytes: bool,
    /// The highest LSN that a frame found there proves to have been durable.
    pub(super) durable_lsn: u64,
}

#[derive(Debug)]
pub(super) struct FrameReader<'a> {
    log_file: &'a LogFile,
    window: Vec<u8>,
    /// Offset of the window in the file.
    window_start: u64,
    offset: u64,
}

impl<'a> FrameReader<'a> {
    pub(super) fn new(log_file: &'a LogFile) -> Self {
        Self {
            log_file,
            window: Vec::new(),
            window_start: 0,
            offset: FILE_HEADER_BYTES as u64,
        }
    }

    /// Offset of what [`Self::read`] finds.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What stands at the current offset.
    pub(super) fn read(&mut self) -> io::Result<Found<'_>> {
        let place = self.place(self.offset);
        let left = self.left(self.offset);
        if left < FRAME_HEADER_BYTES as u64 {
            return Ok(Found::End);
        }
        let bytes = self.bytes(self.offset, FRAME_HEADER_BYTES)?;
        if bytes.starts_with(&[0; 4]) {
            return Ok(Found::End);
        }
        let header = match FrameHeader::decode(place, bytes) {
            Ok(header) if u64::from(header.frame_bytes) <= left => header,
            _ => return Ok(Found::Bad),
        };
        let start = self.offset + FRAME_HEADER_BYTES as u64;
        let payload = self.bytes(start, header.payload_bytes())?;
        if crc32fast::hash(payload) == header.payload_crc || is_planted(Planted::NoFrameChecksum) {
            Ok(Found::Frame { header, payload })
        } else {
            Ok(Found::Bad)
        }
    }

    /// Goes to the place behind a frame that was read.
    pub(super) fn pass(&mut self, header: &FrameHeader) {
        self.offset += u64::from(header.frame_bytes);
    }

    /// Looks at everything from the current offset on: are there bytes, and do they hold
    /// headers of frames?
    pub(super) fn remains(&mut self) -> io::Result<Remains> {
        let mut remains = Remains::default();
        let mut start = self.offset;
        while self.left(start) > 0 {
            let count = usize::try_from(self.left(start))
                .map_or(WINDOW_BYTES, |left| left.min(WINDOW_BYTES));
            let place = self.place(start);
            let bytes = self.bytes(start, count)?;
            let has_bytes = bytes.iter().any(|byte| *byte != 0);
            remains.has_bytes |= has_bytes;
            let candidates = if has_bytes { bytes } else { &[] };
            for (index, candidate) in candidates.windows(FRAME_HEADER_BYTES).enumerate() {
                let kind = candidate.get(KIND_OFFSET).copied().and_then(FrameKind::of);
                let place = Place {
                    offset: place.offset + index as u64,
                    ..place
                };
                if kind.is_some()
                    && let Ok(header) = FrameHeader::decode(place, candidate)
                {
                    remains.durable_lsn = remains.durable_lsn.max(header.durable_lsn);
                }
            }
            // A header may begin in this window and end in the next.
            let whole = count == usize::try_from(self.left(start)).unwrap_or(usize::MAX);
            let step = if whole {
                count
            } else {
                count - (FRAME_HEADER_BYTES - 1)
            };
            start += step as u64;
        }
        Ok(remains)
    }

    fn place(&self, offset: u64) -> Place {
        let salt = self.log_file.header.salt;
        Place { salt, offset }
    }

    fn left(&self, offset: u64) -> u64 {
        self.log_file.header.file_bytes.saturating_sub(offset)
    }

    /// `count` bytes at `offset`, which the file has.
    fn bytes(&mut self, offset: u64, count: usize) -> io::Result<&[u8]> {
        let start = offset.checked_sub(self.window_start);
        let start = start.and_then(|start| usize::try_from(start).ok());
        let held = start.filter(|start| start.saturating_add(count) <= self.window.len());
        let start = match held {
            Some(start) => start,
            None => {
                let left = usize::try_from(self.left(offset)).unwrap_or(usize::MAX);
                self.window.clear();
                self.window.resize(count.max(WINDOW_BYTES.min(left)), 0);
                self.window_start = offset;
                vfs::read_exact_at(&*self.log_file.file, offset, &mut self.window)?;
                0
            }
        };
        self.window
            .get(start..start + count)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
