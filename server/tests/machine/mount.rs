//! File systems of a test's own: images on loop devices, and in memory. They are released when
//! their test ends, however it ends; what a killed one left is released by the next.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::ioctl::{Setter, ioctl};

use crate::process::wait_until;

/// Folders of this name below the temporary folder are ours, with the id of their process.
const PREFIX: &str = "tagdb-machine-";

/// Shuts a file system down at once; of ext4, XFS and others.
const GOING_DOWN: u32 = 0x8004_587d;
/// So that not even its journal is written first.
const NO_LOG_FLUSH: u32 = 2;

/// A folder whose file systems go with it.
#[derive(Debug)]
pub(crate) struct Place {
    root: PathBuf,
}

/// Runs a program that must succeed, or tells why it did not.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let told = |why: &str| format!("{program} {}: {}", arguments.join(" "), why.trim());
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| told(&error.to_string()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let why = String::from_utf8_lossy(&output.stderr);
            Err(told(why.lines().next().unwrap_or("")))
        }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        static SWEEP: Once = Once::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        SWEEP.call_once(release_what_was_left);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir(&root).unwrap();
        Self { root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A file system in memory, or why there can be none.
    pub(crate) fn memory(&self, name: &str, size: &str) -> Result<PathBuf, String> {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let options = format!("size={size}");
        run(
            "mount",
            &["-t", "tmpfs", "-o", &options, "tagdb", text(&folder)],
        )?;
        Ok(folder)
    }

    /// An image with a new file system, not mounted, or why there can be none.
    pub(crate) fn image(&self, path: &Path, make: &[&str], bytes: u64) -> Result<(), String> {
        let image = File::create(path).map_err(|error| error.to_string())?;
        image.set_len(bytes).map_err(|error| error.to_string())?;
        let arguments = [&make[1..], &[text(path)]].concat();
        run(make[0], &arguments).map(drop)
    }

    /// Mounts an image.
    pub(crate) fn mount(&self, image: &Path, name: &str) -> Result<PathBuf, String> {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        run("mount", &["-o", "loop", text(image), text(&folder)])?;
        Ok(folder)
    }

    /// Takes a file system off, which waits for whoever is still about to leave it.
    pub(crate) fn unmount(&self, folder: &Path) {
        assert!(folder.starts_with(&self.root));
        let mut told = Ok(String::new());
        let gone = wait_until(|| {
            told = run("umount", &[text(folder)]);
            told.is_ok()
        });
        assert!(gone, "{told:?}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        release(&self.root);
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What the power's failure does to a file system: nothing is written any more, neither data nor
/// journal.
#[expect(unsafe_code, reason = "there is no other way to this call")]
pub(crate) fn cut_power(folder: &Path) {
    let folder = File::open(folder).unwrap();
    // SAFETY: the call of this number reads an u32 at the address, on every file system that knows
    // it, and changes no memory.
    let cut = unsafe { ioctl(&folder, Setter::<GOING_DOWN, u32>::new(NO_LOG_FLUSH)) };
    cut.unwrap();
}

/// Unmounts everything below a folder of ours, the innermost first, and deletes it.
fn release(root: &Path) {
    let below = || -> Vec<PathBuf> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let folders = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let ours = folders.map(PathBuf::from);
        ours.filter(|folder| folder.starts_with(root)).collect()
    };
    for folder in below().iter().rev() {
        if run("umount", &[text(folder)]).is_err() {
            let _ = run("umount", &["-l", text(folder)]);
        }
    }
    // What could not be unmounted is not ours to delete.
    if below().is_empty() {
        let _ = fs::remove_dir_all(root);
    }
}

fn release_what_was_left() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let process = name.and_then(|rest| rest.split('-').next());
        if let Some(process) = process
            && matches!(Path::new("/proc").join(process).try_exists(), Ok(false))
        {
            end_servers_of(&entry.path());
            release(&entry.path());
        }
    }
}

/// Ends servers whose data is below a folder of ours: their test was killed.
fn end_servers_of(root: &Path) {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_ours = |argument: &[u8]| Path::new(OsStr::from_bytes(argument)).starts_with(root);
        if arguments.split(|byte| *byte == 0).any(is_ours) {
            let _ = run("kill", &["-KILL", text(Path::new(&entry.file_name()))]);
        }
    }
}
