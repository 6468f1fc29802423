//! Commands on data folders that no server has open: check, repair, restore.

use std::fs;
use std::io;
use std::path::Path;

use indicatif::HumanBytes;
use tagdb_storage::check;
use tagdb_storage::vfs::OsVfs;

use crate::cli::args::{CheckArgs, RepairArgs, RestoreArgs};
use crate::cli::failure::Failure;
use crate::cli::output;

/// Verifies every checksum and invariant of a data folder.
///
/// # Errors
/// It is damaged, in use, or cannot be read.
pub(crate) fn check(args: &CheckArgs) -> Result<(), Failure> {
    require_folder(&args.dir)?;
    let report = check::check(&folder(&args.dir)?)
        .map_err(|error| Failure::Failed(format!("{}: {error}", args.dir.display())))?;
    for finding in &report.findings {
        output::line(&finding.to_string())?;
    }
    output::line(&format!(
        "{} with {}, {} of {} in {}, {}, up to write {}",
        output::counted(report.tables, "table"),
        output::counted(report.subjects, "subject"),
        output::counted(report.files, "file"),
        HumanBytes(report.bytes),
        output::counted(report.layers, "layer"),
        output::counted(report.snapshots, "snapshot"),
        report.lsn
    ))?;
    if report.is_sound() {
        return output::line("everything is as it must be");
    }
    let findings = report.findings.len() as u64 + report.findings_omitted;
    Err(Failure::Failed(format!(
        "{}: {}",
        args.dir.display(),
        output::counted(findings, "finding")
    )))
}

/// Gives up what is damaged, so that the database opens again.
///
/// # Errors
/// It cannot be repaired, is in use, or cannot be read or written.
pub(crate) fn repair(args: &RepairArgs) -> Result<(), Failure> {
    require_folder(&args.dir)?;
    let repaired = tagdb_storage::repair::repair(&folder(&args.dir)?)
        .map_err(|error| Failure::Failed(format!("{}: {error}", args.dir.display())))?;
    for lost in &repaired.lost {
        output::line(&format!("given up: {lost}"))?;
    }
    match &repaired.aside {
        Some(aside) => output::line(&format!(
            "what was taken out is in {}",
            args.dir.join(aside.as_str()).display()
        )),
        None => output::line("nothing is damaged, and nothing was changed"),
    }
}

/// Restores a snapshot, named by its folder, into a new or empty one.
///
/// # Errors
/// The snapshot is damaged, or the folder is not empty or cannot be written.
pub(crate) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let usage = || {
        Failure::Usage(format!(
            "{}: name a snapshot's folder, DATA/snapshots/NAME",
            args.snapshot.display()
        ))
    };
    require_folder(&args.snapshot)?;
    let name = args.snapshot.file_name().and_then(|name| name.to_str());
    // Snapshots are found by this path, also where they were copied to.
    let snapshots = args.snapshot.parent();
    let snapshots = snapshots.filter(|folder| folder.ends_with("snapshots"));
    let (Some(name), Some(data)) = (name, snapshots.and_then(Path::parent)) else {
        return Err(usage());
    };
    let data = if data.as_os_str().is_empty() {
        Path::new(".")
    } else {
        data
    };
    require_empty(&args.data)?;
    let (from, to) = (folder(data)?, folder(&args.data)?);
    let restored = tagdb_storage::engine::restore(&from, name, &to)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    output::line(&format!(
        "snapshot {name} restored into {}: {}, up to write {}",
        args.data.display(),
        HumanBytes(restored.bytes),
        restored.lsn
    ))
}

fn require_folder(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Failure::Failed(format!("{} is no folder", path.display()))),
        Err(error) => Err(Failure::file(path, &error)),
    }
}

fn require_empty(path: &Path) -> Result<(), Failure> {
    let entry = match fs::read_dir(path) {
        Ok(mut entries) => entries.next(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::file(path, &error)),
    };
    match entry {
        None => Ok(()),
        Some(_) => Err(Failure::Failed(format!("{} is not empty", path.display()))),
    }
}

fn folder(path: &Path) -> Result<OsVfs, Failure> {
    OsVfs::new(path).map_err(|error| Failure::Failed(error.to_string()))
}
