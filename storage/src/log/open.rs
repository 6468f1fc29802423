//! Opens the log: replay, then a state in which everything that is kept is durable.

use std::io;
use std::sync::Arc;

use super::file::{BlankFile, CreateError, FILE_HEADER_BYTES, LogFile, Origin, size_for};
use super::frame::{FrameHeader, FrameKind, Place};
use super::reader::{Found, FrameReader};
use super::replay::{LogReport, Replayed, Verdict, open_files, replay};
use super::writer::{Log, Tail};
use super::{Apply, LogError, LogSettings};
use crate::paths;
use crate::planted::{Planted, is_planted};
use crate::vfs::{self, Vfs};

/// Frames are copied in pieces of about this many bytes.
const COPY_BYTES: usize = 1 << 20;

type Visit<'a> = dyn FnMut(&FrameHeader, &[u8]) -> Result<(), LogError> + 'a;

impl Log {
    /// Reads the log, calls `apply` for every frame from `first_lsn` (at least 1) on, and makes
    /// the log ready for appending. A log without any file starts at `first_lsn`.
    ///
    /// Replay changes nothing on disk; whoever applies must be able to drop everything on error.
    ///
    /// # Errors
    /// What `apply` returns, [`LogError::Corrupt`], [`LogError::Missing`] if the log begins after
    /// `first_lsn`, [`LogError::UnknownVersion`], [`LogError::DiskFull`], or an I/O error.
    pub fn open<E: From<LogError>>(
        vfs: Arc<dyn Vfs>,
        settings: LogSettings,
        first_lsn: u64,
        apply: &mut Apply<'_, E>,
    ) -> Result<(Self, LogReport), E> {
        prepare_directory(&*vfs).map_err(LogError::io("prepare the directory of"))?;
        let files = open_files(&*vfs, settings.log_id)?;
        if files.is_empty() {
            return Ok(create(vfs, settings, first_lsn)?);
        }
        let replayed = replay(&files, first_lsn, apply)?;
        Ok(resume(vfs, settings, files, replayed, first_lsn)?)
    }
}

fn prepare_directory(vfs: &dyn Vfs) -> io::Result<()> {
    vfs::ensure_dir(vfs, &paths::log_dir())?;
    // A name may be seen that an earlier process made and did not sync.
    vfs.sync_dir(&paths::log_dir())
}

fn create(
    vfs: Arc<dyn Vfs>,
    settings: LogSettings,
    first_lsn: u64,
) -> Result<(Log, LogReport), LogError> {
    delete_temporaries(&*vfs)?;
    let last_lsn = first_lsn.saturating_sub(1);
    let nothing = Unproven {
        source: None,
        kept_lsn: last_lsn,
        last_lsn,
    };
    let (file, copied) = nothing.copy_to_fresh_file(&*vfs, settings, 1)?;
    let tail = Tail {
        end_offset: copied.end_offset,
        last_lsn,
    };
    let report = LogReport {
        created: true,
        verdict: Verdict::Clean,
        last_lsn,
        frames_applied: 0,
        frames_skipped: 0,
        frames_rewritten: 0,
    };
    Ok((Log::new(vfs, settings, vec![file], tail), report))
}

fn resume(
    vfs: Arc<dyn Vfs>,
    settings: LogSettings,
    mut files: Vec<LogFile>,
    replayed: Replayed,
    first_lsn: u64,
) -> Result<(Log, LogReport), LogError> {
    delete_temporaries(&*vfs)?;
    let mut report = replayed.report;
    let last_lsn = report.last_lsn;
    let last = files.last().ok_or(LogError::Missing { lsn: first_lsn })?;
    let mut end_offset = replayed.end_offset;
    let is_proven = replayed.proven_lsn == last_lsn || is_planted(Planted::NoTailRewrite);
    if replayed.can_continue && is_proven {
        if let Some(offset) = replayed.seal_offset {
            renew_seal(last, offset, last_lsn).map_err(LogError::io("renew the seal of"))?;
        }
    } else {
        let unproven = Unproven {
            source: files.get(replayed.last_frame_file),
            kept_lsn: replayed.proven_lsn.max(first_lsn.saturating_sub(1)),
            last_lsn,
        };
        let number = last.header.number.saturating_add(1);
        let (file, copied) = unproven.copy_to_fresh_file(&*vfs, settings, number)?;
        report.frames_rewritten = copied.frames;
        end_offset = copied.end_offset;
        files.push(file);
    }
    let tail = Tail {
        end_offset,
        last_lsn,
    };
    Ok((Log::new(vfs, settings, files, tail), report))
}

/// Writes a seal again that may be in the operating system's cache only: were it lost, the
/// zeros in its place would hide the frames that are about to follow it.
fn renew_seal(log_file: &LogFile, offset: u64, last_lsn: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    let salt = log_file.header.salt;
    FrameHeader::seal(last_lsn).encode(Place { salt, offset }, &mut bytes);
    vfs::write_all_at(&*log_file.file, offset, &bytes)?;
    log_file.file.sync_data()
}

fn delete_temporaries(vfs: &dyn Vfs) -> Result<(), LogError> {
    let delete = || {
        for path in vfs.list(&paths::log_dir())? {
            if paths::is_temporary(&path) {
                vfs.remove(&path)?;
            }
        }
        Ok(())
    };
    delete().map_err(LogError::io("delete unfinished files of"))
}

/// The frames after `kept_lsn` up to `last_lsn`: read, but not known to be durable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unproven<'a> {
    /// The file that holds all of them.
    pub(super) source: Option<&'a LogFile>,
    pub(super) kept_lsn: u64,
    pub(super) last_lsn: u64,
}

/// What a fresh file starts with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Copied {
    frames: u64,
    end_offset: u64,
}

impl Unproven<'_> {
    /// Makes a file that takes over after `kept_lsn`, and with it the frames durable.
    pub(super) fn copy_to_fresh_file(
        &self,
        vfs: &dyn Vfs,
        settings: LogSettings,
        number: u64,
    ) -> Result<(LogFile, Copied), LogError> {
        let mut frames_bytes = 0;
        self.for_each(&mut |header, _| {
            frames_bytes += u64::from(header.frame_bytes);
            Ok(())
        })?;
        let temporary = || paths::temporary(&paths::log_file(number));
        let usual_bytes = size_for(settings.file_bytes, frames_bytes);
        let blank = match BlankFile::create(vfs, temporary(), usual_bytes) {
            // On a full disk, at least what is there can be read and deleted from.
            Err(CreateError::DiskFull(_)) => {
                BlankFile::create(vfs, temporary(), size_for(0, frames_bytes))
            }
            other => other,
        };
        let blank = blank.map_err(LogError::from)?;
        let origin = Origin {
            log_id: settings.log_id,
            epoch: settings.epoch,
            number,
            first_lsn: self.kept_lsn.saturating_add(1),
            synced_lsn: self.last_lsn,
        };
        let header = blank.header(origin, vfs.random());
        let copied = self.copy(&blank, header.salt)?;
        let file = blank.publish(vfs, header).map_err(LogError::from)?;
        Ok((file, copied))
    }

    fn copy(&self, blank: &BlankFile, salt: u64) -> Result<Copied, LogError> {
        let mut buffer = Vec::new();
        let mut written = FILE_HEADER_BYTES as u64;
        let mut frames = 0;
        let write = |buffer: &mut Vec<u8>, written: &mut u64| {
            let result = vfs::write_all_at(&*blank.file, *written, buffer);
            *written += buffer.len() as u64;
            buffer.clear();
            result.map_err(LogError::io("copy the tail of"))
        };
        self.for_each(&mut |header, payload| {
            let offset = written + buffer.len() as u64;
            let copy = FrameHeader {
                durable_lsn: self.kept_lsn,
                ..*header
            };
            copy.encode(Place { salt, offset }, &mut buffer);
            buffer.extend_from_slice(payload);
            frames += 1;
            if buffer.len() >= COPY_BYTES {
                write(&mut buffer, &mut written)?;
            }
            Ok(())
        })?;
        write(&mut buffer, &mut written)?;
        Ok(Copied {
            frames,
            end_offset: written,
        })
    }

    fn for_each(&self, visit: &mut Visit<'_>) -> Result<(), LogError> {
        let Some(source) = self.source.filter(|_| self.kept_lsn < self.last_lsn) else {
            return Ok(());
        };
        let mut reader = FrameReader::new(source);
        let mut expected_lsn = self.kept_lsn.max(source.header.first_lsn.saturating_sub(1));
        while expected_lsn < self.last_lsn {
            let offset = reader.offset();
            let found = reader.read().map_err(LogError::io("read"))?;
            let Found::Frame { header, payload } = found else {
                return Err(LogError::Corrupt {
                    file: source.path.clone(),
                    offset,
                    expected: "a frame that was there before",
                });
            };
            if header.kind == FrameKind::Data && header.lsn > expected_lsn {
                expected_lsn = header.lsn;
                visit(&header, payload)?;
            }
            reader.pass(&header);
        }
        Ok(())
    }
}

impl From<CreateError> for LogError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::DiskFull(source) => Self::DiskFull(Arc::new(source)),
            CreateError::Failed(source) => LogError::io("make a file of")(source),
        }
    }
}
