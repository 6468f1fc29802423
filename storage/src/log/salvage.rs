//! Gives up what of a damaged log cannot be read, so that it can be opened again. What is taken out
//! of the log is kept beside it.

use super::file::LogFile;
use super::frame::FrameKind;
use super::open::Unproven;
use super::reader::{Found, FrameReader};
use super::replay::{limits, verify};
use super::{LogError, LogSettings};
use crate::paths;
use crate::vfs::{self, RelPath, Vfs};

/// What was given up of a log.
#[derive(Clone, Debug)]
pub struct Salvaged {
    /// What was wrong.
    pub damage: LogError,
    /// The last batch that is left.
    pub last_lsn: u64,
    /// The files that were taken out.
    pub removed: Vec<RelPath>,
}

/// Makes a log readable that is damaged: its frames from `first_lsn` on up to the damage are kept,
/// all others are given up. The files that held those are moved to the folder `aside`. `None` if
/// the log is sound.
///
/// # Errors
/// A newer program wrote the log, or an I/O error; the log is then as it was, or can be salvaged
/// again.
pub fn salvage(
    vfs: &dyn Vfs,
    settings: LogSettings,
    first_lsn: u64,
    aside: &RelPath,
) -> Result<Option<Salvaged>, LogError> {
    let damage = match verify(vfs, settings, first_lsn) {
        Ok(_) => return Ok(None),
        Err(damage @ (LogError::Corrupt { .. } | LogError::Missing { .. })) => damage,
        Err(other) => return Err(other),
    };
    let all = log_files(vfs)?;
    let (mut sound, mut removed) = (Vec::new(), Vec::new());
    for (number, path) in &all {
        match LogFile::open(vfs, *number, settings.log_id) {
            Ok(file) => sound.push(file),
            Err(LogError::Corrupt { .. }) => removed.push(path.clone()),
            Err(other) => return Err(other),
        }
    }
    let end = readable(&sound, first_lsn)?;
    removed.extend(sound.iter().skip(end.file).map(|file| file.path.clone()));
    keep(vfs, &removed, aside)?;
    let source = sound.get(end.file);
    let unproven = Unproven {
        source,
        kept_lsn: end.kept_lsn,
        last_lsn: end.last_lsn,
    };
    let number = all.last().map_or(1, |(number, _)| number.saturating_add(1));
    let _fresh = unproven.copy_to_fresh_file(vfs, settings, number)?;
    let remove = || {
        for path in &removed {
            vfs::remove_if_there(vfs, path)?;
        }
        vfs.sync_dir(&paths::log_dir())
    };
    remove().map_err(LogError::io("take damaged files out of"))?;
    Ok(Some(Salvaged {
        damage,
        last_lsn: end.last_lsn,
        removed,
    }))
}

fn log_files(vfs: &dyn Vfs) -> Result<Vec<(u64, RelPath)>, LogError> {
    let names = vfs.list(&paths::log_dir());
    let names = names.map_err(LogError::io("list the files of"))?;
    Ok(names
        .into_iter()
        .filter_map(|path| Some((paths::parse_log_file(&path)?, path)))
        .collect())
}

/// Where the readable part of a log ends.
struct End {
    /// Index of the file that is the first not to be read to its end.
    file: usize,
    /// The last frame before that file.
    kept_lsn: u64,
    last_lsn: u64,
}

fn readable(files: &[LogFile], first_lsn: u64) -> Result<End, LogError> {
    let before = first_lsn.saturating_sub(1);
    let mut end = End {
        file: 0,
        kept_lsn: before,
        last_lsn: before,
    };
    let limits = limits(files.iter().map(|file| file.header.first_lsn));
    for (index, (file, limit)) in files.iter().zip(limits).enumerate() {
        let first_of_file = file.header.first_lsn;
        end.file = index;
        if first_of_file >= limit || limit <= first_lsn {
            continue;
        }
        if first_of_file > end.last_lsn.saturating_add(1) {
            return Ok(end);
        }
        end.kept_lsn = end.last_lsn;
        let last_lsn = frames_of(file, limit)?;
        end.last_lsn = end.last_lsn.max(last_lsn);
        if end.last_lsn.saturating_add(1) < limit {
            return Ok(end);
        }
    }
    end.file = files.len();
    end.kept_lsn = end.last_lsn;
    Ok(end)
}

/// The last frame of a file below `limit`, reading from its beginning.
fn frames_of(file: &LogFile, limit: u64) -> Result<u64, LogError> {
    let mut reader = FrameReader::new(file);
    let mut last_lsn = file.header.first_lsn.saturating_sub(1);
    while last_lsn.saturating_add(1) < limit {
        let found = reader.read().map_err(LogError::io("read"))?;
        let Found::Frame { header, .. } = found else {
            break;
        };
        let expected = match header.kind {
            FrameKind::Data => last_lsn.saturating_add(1),
            FrameKind::Seal => last_lsn,
        };
        if header.lsn != expected {
            break;
        }
        last_lsn = header.lsn;
        reader.pass(&header);
    }
    Ok(last_lsn)
}

fn keep(vfs: &dyn Vfs, files: &[RelPath], aside: &RelPath) -> Result<(), LogError> {
    let keep = || {
        vfs::ensure_dir(vfs, aside)?;
        for path in files {
            let target = aside.join(path.name()).map_err(std::io::Error::other)?;
            vfs.link(path, &target)?;
        }
        vfs.sync_dir(aside)
    };
    keep().map_err(LogError::io("keep damaged files of"))
}
