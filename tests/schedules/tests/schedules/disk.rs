//! A disk in memory at which the scheduler may let others go on before anything changes.

use std::io;
use std::sync::Arc;

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use tagdb_schedules::vfs::{LockGuard, MemoryVfs, Mode, RelPath, Vfs, VfsFile};

/// See above.
#[derive(Clone, Debug)]
pub(crate) struct ScheduledVfs {
    pub(crate) disk: MemoryVfs,
}

#[derive(Debug)]
struct ScheduledFile(Arc<dyn VfsFile>);

/// Lets the scheduler choose who goes on.
fn step() {
    AtomicUsize::new(0).load(Ordering::SeqCst);
}

impl Vfs for ScheduledVfs {
    fn create_new(&self, path: &RelPath) -> io::Result<Arc<dyn VfsFile>> {
        step();
        Ok(Arc::new(ScheduledFile(self.disk.create_new(path)?)))
    }

    fn open(&self, path: &RelPath, mode: Mode) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(ScheduledFile(self.disk.open(path, mode)?)))
    }

    fn rename(&self, from: &RelPath, to: &RelPath) -> io::Result<()> {
        step();
        self.disk.rename(from, to)
    }

    fn link(&self, from: &RelPath, to: &RelPath) -> io::Result<()> {
        step();
        self.disk.link(from, to)
    }

    fn remove(&self, path: &RelPath) -> io::Result<()> {
        step();
        self.disk.remove(path)
    }

    fn list(&self, directory: &RelPath) -> io::Result<Vec<RelPath>> {
        self.disk.list(directory)
    }

    fn create_dir(&self, path: &RelPath) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn remove_dir(&self, path: &RelPath) -> io::Result<()> {
        self.disk.remove_dir(path)
    }

    fn sync_dir(&self, directory: &RelPath) -> io::Result<()> {
        step();
        self.disk.sync_dir(directory)
    }

    fn free_space(&self) -> io::Result<u64> {
        self.disk.free_space()
    }

    fn lock(&self) -> io::Result<LockGuard> {
        self.disk.lock()
    }

    fn random(&self) -> u64 {
        self.disk.random()
    }
}

/// What is read does not change by who reads it first.
impl VfsFile for ScheduledFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        step();
        self.0.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate_zeroed(&self, len: u64) -> io::Result<()> {
        self.0.allocate_zeroed(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        step();
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}
