//! Files in memory, for tests: a disk that crashes, fills up and fails on demand.
//!
//! It keeps what programs see apart from what would survive a power cut. [`MemoryVfs::crash_process`]
//! keeps the first (the operating system still has it), [`MemoryVfs::crash_power`] keeps the second
//! and a seeded part of what was not synced. Both return a fresh [`MemoryVfs`]; the old one and
//! its open files fail from then on.
//!
//! Bytes that were synced go bad only where a test says so ([`MemoryVfs::flip`],
//! [`MemoryVfs::misdirect`]). Not simulated: a sector that loses neighbours of the bytes written,
//! and a directory sync that fails and loses names for good, because file systems with a journal
//! stop then.

mod damage;
mod disk;
mod faults;
mod random;

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use self::disk::{Change, Disk, Id};
use self::faults::{Faults, Operation};
use self::random::Random;
use super::{LockGuard, Mode, RelPath, Vfs, VfsFile};

pub use self::damage::Damage;
pub use self::faults::Fault;

/// A simulated disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct MemoryVfs {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    disk: Disk,
    faults: Faults,
    capacity_bytes: Option<u64>,
    /// Held by the guard of whoever has the lock.
    lock: Arc<()>,
}

impl MemoryVfs {
    /// An empty disk. Everything random about it follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(Disk::new(), seed, None)
    }

    /// The process stops; the operating system goes on. Nothing is lost and nothing becomes
    /// durable by it.
    #[must_use]
    pub fn crash_process(&self) -> Self {
        self.stop();
        self.fork()
    }

    /// The power goes: of what was not synced, `seed` decides what is left.
    #[must_use]
    pub fn crash_power(&self, seed: u64) -> Self {
        self.crash_power_with(Damage::Mixed, seed)
    }

    /// The power goes, and does this damage.
    #[must_use]
    pub fn crash_power_with(&self, damage: Damage, seed: u64) -> Self {
        self.stop();
        let after = self.fork();
        {
            let mut state = after.state.lock();
            let mut random = Random::new(seed);
            damage::cut_power(&mut state.disk, damage, &mut random);
            state.faults = Faults::new(random.next());
        }
        after
    }

    /// A second disk that is as this one is now; both go on.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut state = self.state.lock();
        let mut disk = state.disk.clone();
        disk.forget_handles();
        Self::with(disk, state.faults.random.next(), state.capacity_bytes)
    }

    /// Makes the first operation that `fault` can hit, counted from operation number
    /// `operation` on (see [`Self::operations`]), fail; if `sticky`, all after it as well.
    pub fn fail_at(&self, operation: u64, fault: Fault, sticky: bool) {
        self.state.lock().faults.plan(operation, fault, sticky);
    }

    /// No further operation fails by plan.
    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// How many operations on files and directories there have been.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().faults.operations
    }

    /// How many operations have failed by plan.
    #[must_use]
    pub fn faults_fired(&self) -> u64 {
        self.state.lock().faults.fired
    }

    /// A hash over all operations: equal for two equal runs.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.state.lock().faults.trace
    }

    /// Limits the bytes of all files together; beyond it writes are short, then `StorageFull`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity_bytes = bytes;
    }

    /// Damages a byte of a file, durably: `mask` says which bits are turned.
    ///
    /// # Errors
    /// `NotFound`, or `UnexpectedEof` for an offset outside.
    pub fn flip(&self, path: &RelPath, offset: u64, mask: u8) -> io::Result<()> {
        let mut state = self.state.lock();
        let id = state.disk.file_id(path)?;
        let file = state.disk.file_mut(id)?;
        for bytes in [&mut file.live, &mut file.durable] {
            let byte = usize::try_from(offset)
                .ok()
                .and_then(|at| bytes.get_mut(at));
            *byte.ok_or(io::ErrorKind::UnexpectedEof)? ^= mask;
        }
        Ok(())
    }

    /// Puts the `len` bytes at `from` over those at `to`, durably, as a disk does that writes a
    /// block to the wrong place. The file at `to` keeps its length.
    ///
    /// # Errors
    /// `NotFound`, or `UnexpectedEof` for places outside of the files.
    pub fn misdirect(
        &self,
        from: (&RelPath, u64),
        to: (&RelPath, u64),
        len: usize,
    ) -> io::Result<()> {
        let mut state = self.state.lock();
        let (from_id, to_id) = (state.disk.file_id(from.0)?, state.disk.file_id(to.0)?);
        let place = |at: u64| {
            let at = usize::try_from(at).ok()?;
            Some(at..at.checked_add(len)?)
        };
        let source = &state.disk.file_mut(from_id)?.durable;
        let block = place(from.1).and_then(|range| source.get(range));
        let block = block.ok_or(io::ErrorKind::UnexpectedEof)?.to_vec();
        let file = state.disk.file_mut(to_id)?;
        for bytes in [&mut file.live, &mut file.durable] {
            let target = place(to.1).and_then(|range| bytes.get_mut(range));
            target
                .ok_or(io::ErrorKind::UnexpectedEof)?
                .copy_from_slice(&block);
        }
        Ok(())
    }

    fn with(disk: Disk, seed: u64, capacity_bytes: Option<u64>) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                disk,
                faults: Faults::new(seed),
                capacity_bytes,
                lock: Arc::new(()),
            })),
        }
    }

    fn stop(&self) {
        self.state.lock().faults.crashed = true;
    }

    /// Does `change` unless a fault prevents it.
    fn change_names(
        &self,
        operation: Operation,
        path: &RelPath,
        change: impl FnOnce(&mut Disk) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.faults.meet(operation, name_of(path))?;
        match fault {
            None => change(&mut state.disk),
            Some(fault) => {
                // Whether it happened is unknown to the caller, except on a full disk.
                if fault != Fault::DiskFull && state.faults.random.coin() {
                    let _ = change(&mut state.disk);
                }
                Err(fault.error())
            }
        }
    }

    fn handle(&self, path: &RelPath, mode: Mode) -> io::Result<Arc<dyn VfsFile>> {
        let mut state = self.state.lock();
        let id = state.disk.file_id(path)?;
        let held = state.disk.hold(id)?;
        Ok(Arc::new(MemoryFile {
            vfs: self.clone(),
            id,
            mode,
            _held: held,
        }))
    }
}

impl Vfs for MemoryVfs {
    fn create_new(&self, path: &RelPath) -> io::Result<Arc<dyn VfsFile>> {
        self.change_names(Operation::AddName, path, |disk| disk.create(path))?;
        self.handle(path, Mode::ReadWrite)
    }

    fn open(&self, path: &RelPath, mode: Mode) -> io::Result<Arc<dyn VfsFile>> {
        self.state.lock().read(name_of(path))?;
        self.handle(path, mode)
    }

    fn rename(&self, from: &RelPath, to: &RelPath) -> io::Result<()> {
        self.change_names(Operation::AddName, from, |disk| disk.rename(from, to))
    }

    fn link(&self, from: &RelPath, to: &RelPath) -> io::Result<()> {
        self.change_names(Operation::AddName, from, |disk| disk.link(from, to))
    }

    fn remove(&self, path: &RelPath) -> io::Result<()> {
        self.change_names(Operation::RemoveName, path, |disk| disk.remove(path))
    }

    fn list(&self, directory: &RelPath) -> io::Result<Vec<RelPath>> {
        let mut state = self.state.lock();
        state.read(name_of(directory))?;
        let id = state.disk.directory_id(directory)?;
        let names = state.disk.names(id)?.keys();
        Ok(names.filter_map(|name| directory.join(name).ok()).collect())
    }

    fn create_dir(&self, path: &RelPath) -> io::Result<()> {
        self.change_names(Operation::AddName, path, |disk| disk.create_dir(path))
    }

    fn remove_dir(&self, path: &RelPath) -> io::Result<()> {
        self.change_names(Operation::RemoveName, path, |disk| disk.remove_dir(path))
    }

    fn sync_dir(&self, directory: &RelPath) -> io::Result<()> {
        self.change_names(Operation::SyncDirectory, directory, |disk| {
            disk.sync_dir(directory)
        })
    }

    fn free_space(&self) -> io::Result<u64> {
        let state = self.state.lock();
        let capacity = state.capacity_bytes.unwrap_or(u64::MAX);
        Ok(capacity.saturating_sub(state.disk.used_bytes()))
    }

    fn lock(&self) -> io::Result<LockGuard> {
        let state = self.state.lock();
        match Arc::strong_count(&state.lock) {
            1 => Ok(LockGuard::new(Arc::clone(&state.lock))),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn random(&self) -> u64 {
        self.state.lock().faults.random.next()
    }
}

impl State {
    fn read(&mut self, detail: u64) -> io::Result<()> {
        match self.faults.meet(Operation::Read, detail)? {
            None => Ok(()),
            Some(fault) => Err(fault.error()),
        }
    }

    /// How much of `wanted` bytes at `offset` the disk has room for.
    fn room(&self, id: Id, offset: usize, wanted: usize) -> io::Result<usize> {
        let Some(capacity) = self.capacity_bytes else {
            return Ok(wanted);
        };
        let file = self.disk.files.get(&id).ok_or(io::ErrorKind::NotFound)?;
        let free = capacity.saturating_sub(self.disk.used_bytes());
        let end = (file.live.len() as u64).saturating_add(free);
        let room = usize::try_from(end.saturating_sub(offset as u64)).unwrap_or(usize::MAX);
        match room {
            0 if wanted > 0 => Err(io::ErrorKind::StorageFull.into()),
            room => Ok(wanted.min(room)),
        }
    }
}

/// A path, for the trace.
fn name_of(path: &RelPath) -> u64 {
    u64::from(crc32fast::hash(path.as_str().as_bytes()))
}

#[derive(Debug)]
struct MemoryFile {
    vfs: MemoryVfs,
    id: Id,
    mode: Mode,
    _held: Arc<()>,
}

impl MemoryFile {
    fn check_writable(&self) -> io::Result<()> {
        match self.mode {
            Mode::ReadWrite => Ok(()),
            Mode::Read => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

impl VfsFile for MemoryFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.vfs.state.lock();
        state.read(offset)?;
        let bytes = &state.disk.file_mut(self.id)?.live;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = bytes.get(offset..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.check_writable()?;
        let mut state = self.vfs.state.lock();
        let digest = offset ^ u64::from(crc32fast::hash(bytes)) << 32;
        let fault = state.faults.meet(Operation::Write, digest)?;
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut count = state.room(self.id, offset, bytes.len())?;
        match fault {
            None => {}
            Some(Fault::ShortWrite) => count = count.div_ceil(2),
            Some(_) => count = state.faults.random.below(count + 1),
        }
        let written = bytes[..count].to_vec();
        let file = state.disk.file_mut(self.id)?;
        file.change(Change::Write {
            offset,
            bytes: written,
        });
        match fault {
            None | Some(Fault::ShortWrite) => Ok(count),
            Some(fault) => Err(fault.error()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.vfs.state.lock();
        let fault = state.faults.meet(Operation::Write, len)?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let happens = fault.is_none() || state.faults.random.coin();
        if happens {
            state.disk.file_mut(self.id)?.change(Change::Resize(len));
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn allocate_zeroed(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.vfs.state.lock();
        let fault = state.faults.meet(Operation::Write, len)?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let offset = state.disk.file_mut(self.id)?.live.len();
        let wanted = len.saturating_sub(offset);
        let mut count = state.room(self.id, offset, wanted)?;
        // A short write is written on by the call itself.
        let fault = fault.filter(|fault| *fault != Fault::ShortWrite);
        if fault.is_some() {
            count = state.faults.random.below(count + 1);
        }
        let file = state.disk.file_mut(self.id)?;
        if count > 0 {
            file.change(Change::Zeros { offset, len: count });
        }
        match fault {
            Some(fault) => Err(fault.error()),
            None if count < wanted => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.vfs.state.lock();
        let fault = state.faults.meet(Operation::Sync, self.id)?;
        let reached = state.faults.random.coin();
        let file = state.disk.file_mut(self.id)?;
        match fault {
            None => {
                file.sync();
                return Ok(());
            }
            Some(Fault::Crash) if reached => file.sync(),
            Some(Fault::Crash) => {}
            Some(_) => file.pending.clear(),
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.vfs.state.lock();
        Ok(state.disk.file_mut(self.id)?.live.len() as u64)
    }
}

#[cfg(test)]
mod tests;
