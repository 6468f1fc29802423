//! Commands on data folders that no server has open: check, restore.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tagdb_storage::vfs::OsVfs;

use crate::cli::args::{CheckArgs, RestoreArgs};
use crate::cli::failure::Failure;
use crate::cli::output;

/// Verifies every checksum and invariant of a data folder.
///
/// # Errors
/// It is damaged, in use, or cannot be read.
pub(crate) fn check(args: &CheckArgs) -> Result<(), Failure> {
    require_folder(&args.dir)?;
    let report = tagdb_storage::check(folder(&args.dir)?)
        .map_err(|error| Failure::Failed(format!("{}: {error}", args.dir.display())))?;
    output::line(&report.to_string())
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
    let data = args.snapshot.parent().and_then(Path::parent);
    let (Some(name), Some(data)) = (name, data) else {
        return Err(usage());
    };
    let data = if data.as_os_str().is_empty() {
        Path::new(".")
    } else {
        data
    };
    let failed = |error| Failure::file(&args.data, &error);
    fs::create_dir_all(&args.data).map_err(failed)?;
    if fs::read_dir(&args.data).map_err(failed)?.next().is_some() {
        return Err(Failure::Failed(format!(
            "{} is not empty",
            args.data.display()
        )));
    }
    tagdb_storage::restore(folder(data)?, name, folder(&args.data)?)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    output::line(&format!(
        "snapshot {name} restored into {}",
        args.data.display()
    ))
}

fn require_folder(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Failure::Failed(format!("{} is no folder", path.display()))),
        Err(error) => Err(Failure::file(path, &error)),
    }
}

fn folder(path: &Path) -> Result<Arc<OsVfs>, Failure> {
    OsVfs::new(path)
        .map(Arc::new)
        .map_err(|error| Failure::file(path, &error))
}
