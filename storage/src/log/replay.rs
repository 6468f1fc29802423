//! Reads the whole log back and judges how it ends. Changes nothing.

use super::file::LogFile;
use super::frame::FrameKind;
use super::reader::{Found, FrameReader};
use super::{Apply, LogError, LogSettings};
use crate::paths;
use crate::planted::{Planted, is_planted};
use crate::vfs::{RelPath, Vfs};

/// How the log ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// With its last frame.
    Clean,
    /// With bytes that are no frame, written by a crash in the middle of a write that was not
    /// acknowledged. They do not count.
    Torn {
        /// The file.
        file: RelPath,
        /// Where the bytes begin.
        offset: u64,
    },
}

/// What was found in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// There was no log, and a new one has been started.
    pub created: bool,
    /// How it ended.
    pub verdict: Verdict,
    /// The last frame's LSN; before the first frame, the LSN below it.
    pub last_lsn: u64,
    /// Frames given to the caller.
    pub frames_applied: u64,
    /// Frames older than asked for.
    pub frames_skipped: u64,
    /// Frames that nothing proved durable and that were copied to a fresh file.
    pub frames_rewritten: u64,
}

/// Where reading ended, and what is known then.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) report: LogReport,
    /// Index of the file that holds the last frame.
    pub(super) last_frame_file: usize,
    /// Offset of the first byte that is no frame.
    pub(super) end_offset: u64,
    /// Offset of the seal that is the last frame.
    pub(super) seal_offset: Option<u64>,
    /// The highest LSN that the log itself proves durable.
    pub(super) proven_lsn: u64,
    /// Behind the last frame of the last file there are only zeros.
    pub(super) can_continue: bool,
}

/// Reads the log from `first_lsn` on without changing anything, as a check.
///
/// # Errors
/// As [`Log::open`](super::Log::open), except for those of writing.
pub fn verify(vfs: &dyn Vfs, settings: LogSettings, first_lsn: u64) -> Result<LogReport, LogError> {
    read(vfs, settings, first_lsn, &mut |_, _| Ok(()))
}

/// As [`verify`], and calls `apply` for every frame from `first_lsn` on, in order.
///
/// # Errors
/// As [`verify`], and what `apply` returns.
pub fn read<E: From<LogError>>(
    vfs: &dyn Vfs,
    settings: LogSettings,
    first_lsn: u64,
    apply: &mut Apply<'_, E>,
) -> Result<LogReport, E> {
    let files = open_files(vfs, settings.log_id)?;
    if files.is_empty() {
        return Err(LogError::Missing { lsn: first_lsn }.into());
    }
    replay(&files, first_lsn, apply).map(|replayed| replayed.report)
}

/// All log files in the order of their numbers.
pub(super) fn open_files(vfs: &dyn Vfs, log_id: u32) -> Result<Vec<LogFile>, LogError> {
    let names = vfs.list(&paths::log_dir());
    let mut files = Vec::new();
    for path in names.map_err(LogError::io("list the files of"))? {
        match paths::parse_log_file(&path) {
            Some(number) => files.push(LogFile::open(vfs, number, log_id)?),
            None if paths::is_temporary(&path) => {}
            None => tracing::warn!(file = %path, "unknown file among the log's"),
        }
    }
    Ok(files)
}

/// For each file, the LSN at which a later file takes over.
pub(super) fn limits(first_lsns: impl DoubleEndedIterator<Item = u64>) -> Vec<u64> {
    let mut limit = u64::MAX;
    let mut limits: Vec<u64> = first_lsns
        .rev()
        .map(|first_lsn| {
            let own = limit;
            limit = limit.min(first_lsn);
            own
        })
        .collect();
    limits.reverse();
    limits
}

/// Calls `apply` for every frame from `first_lsn` on, in order. `files` are not empty.
pub(super) fn replay<E: From<LogError>>(
    files: &[LogFile],
    first_lsn: u64,
    apply: &mut Apply<'_, E>,
) -> Result<Replayed, E> {
    let limits = limits(files.iter().map(|file| file.header.first_lsn));
    let mut replay = Replay::new(files, first_lsn);
    for (index, (file, limit)) in files.iter().zip(limits).enumerate() {
        let is_superseded = file.header.first_lsn >= limit || limit <= first_lsn;
        if is_superseded {
            continue;
        }
        replay.enter(index)?;
        let mut reader = FrameReader::new(file);
        if !replay.read_frames(&mut reader, limit, apply)? {
            return Ok(replay.judge(&mut reader)?);
        }
    }
    // The last file has no limit, so its frames end and are judged above.
    Err(LogError::Missing { lsn: first_lsn }.into())
}

struct Replay<'a> {
    files: &'a [LogFile],
    first_lsn: u64,
    file: usize,
    last_frame_file: usize,
    last_lsn: u64,
    proven_lsn: u64,
    seal_offset: Option<u64>,
    frames_applied: u64,
    frames_skipped: u64,
    entered: bool,
    bad: bool,
}

impl<'a> Replay<'a> {
    fn new(files: &'a [LogFile], first_lsn: u64) -> Self {
        let synced = files.iter().map(|file| file.header.synced_lsn);
        Self {
            files,
            first_lsn,
            file: 0,
            last_frame_file: 0,
            last_lsn: 0,
            proven_lsn: synced.max().unwrap_or(0),
            seal_offset: None,
            frames_applied: 0,
            frames_skipped: 0,
            entered: false,
            bad: false,
        }
    }

    fn file(&self) -> Result<&'a LogFile, LogError> {
        let file = self.files.get(self.file);
        file.ok_or(LogError::Missing { lsn: self.last_lsn })
    }

    fn enter(&mut self, index: usize) -> Result<(), LogError> {
        self.file = index;
        self.seal_offset = None;
        let file_first_lsn = self.file()?.header.first_lsn;
        if !self.entered {
            self.entered = true;
            if file_first_lsn > self.first_lsn {
                return Err(LogError::Missing {
                    lsn: self.first_lsn,
                });
            }
            self.last_lsn = file_first_lsn.saturating_sub(1);
        }
        Ok(())
    }

    /// Reads the frames of one file below `limit`; false if they end before it.
    fn read_frames<E: From<LogError>>(
        &mut self,
        reader: &mut FrameReader<'_>,
        limit: u64,
        apply: &mut Apply<'_, E>,
    ) -> Result<bool, E> {
        let first_lsn_of_file = self.file()?.header.first_lsn;
        while self.last_lsn.saturating_add(1) < limit {
            let offset = reader.offset();
            let found = reader.read().map_err(LogError::io("read"))?;
            let (header, payload) = match found {
                Found::Frame { header, payload } => (header, payload),
                Found::Bad => {
                    self.bad = true;
                    return Ok(false);
                }
                Found::End => return Ok(false),
            };
            let expected = match header.kind {
                FrameKind::Data => self.last_lsn.saturating_add(1),
                FrameKind::Seal => self.last_lsn,
            };
            if header.lsn != expected {
                self.bad = true;
                return Ok(false);
            }
            // A file gets its first frame after the file before it was synced.
            self.proven_lsn = self.proven_lsn.max(header.durable_lsn);
            self.proven_lsn = self.proven_lsn.max(first_lsn_of_file.saturating_sub(1));
            self.seal_offset = (header.kind == FrameKind::Seal).then_some(offset);
            if header.kind == FrameKind::Data {
                self.last_lsn = header.lsn;
                self.last_frame_file = self.file;
                if header.lsn < self.first_lsn {
                    self.frames_skipped += 1;
                } else {
                    self.frames_applied += 1;
                    apply(header.lsn, payload)?;
                }
            }
            reader.pass(&header);
        }
        Ok(true)
    }

    /// Decides whether the frame that should follow was durable.
    fn judge(mut self, reader: &mut FrameReader<'_>) -> Result<Replayed, LogError> {
        let file = self.file()?;
        let offset = reader.offset();
        let missing_lsn = self.last_lsn.saturating_add(1);
        let corrupt = LogError::Corrupt {
            file: file.path.clone(),
            offset,
            expected: "a frame that was durable",
        };
        let remains = reader.remains().map_err(LogError::io("read"))?;
        self.proven_lsn = self.proven_lsn.max(remains.durable_lsn);
        if missing_lsn <= self.proven_lsn || missing_lsn < self.first_lsn {
            return Err(corrupt);
        }
        for later in self.files.iter().skip(self.file + 1) {
            // It would have been synced before anything was written to a later file.
            let remains = FrameReader::new(later).remains();
            if remains.map_err(LogError::io("read"))?.has_bytes {
                return Err(corrupt);
            }
        }
        let torn = self.bad || remains.has_bytes;
        let verdict = if torn {
            Verdict::Torn {
                file: file.path.clone(),
                offset,
            }
        } else {
            Verdict::Clean
        };
        Ok(Replayed {
            report: LogReport {
                created: false,
                verdict,
                last_lsn: self.last_lsn,
                frames_applied: self.frames_applied,
                frames_skipped: self.frames_skipped,
                frames_rewritten: 0,
            },
            last_frame_file: self.last_frame_file,
            end_offset: offset,
            seal_offset: self.seal_offset,
            proven_lsn: self.proven_lsn,
            can_continue: (!torn || is_planted(Planted::KeepTornTail))
                && self.file + 1 == self.files.len(),
        })
    }
}
