//! Appends frames and makes them durable in groups.
//!
//! Appending only encodes into a buffer. Of those who wait for their frames, the first writes
//! everything that has been appended by then with one write and one sync per file, while the
//! others, and all who come later, wait; then the next group goes.

mod room;

use std::fmt;
use std::io;
use std::sync::Arc;

use super::file::{BlankFile, LogFile};
use super::frame::{FRAME_HEADER_BYTES, FrameHeader};
use super::replay::limits;
use super::state::{Chunk, State};
use super::turns::Turns;
use super::{LogError, LogSettings};
use crate::paths;
use crate::planted::{Planted, is_planted};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, RwLock};
use crate::vfs::{self, Vfs, VfsFile};

/// A buffer larger than this is given back to the allocator after use.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// Called with the highest durable LSN, in rising order, before the commits that waited for it
/// return.
pub type OnDurable = Box<dyn Fn(u64) + Send + Sync>;

/// The log, open for appending.
pub struct Log {
    vfs: Arc<dyn Vfs>,
    settings: LogSettings,
    state: Mutex<State>,
    /// The state's `durable_lsn`, for those who only wait for it.
    durable_lsn: AtomicU64,
    turns: Turns,
    /// Held while a file is made.
    blank: Mutex<Blank>,
    on_durable: RwLock<Option<OnDurable>>,
}

/// Blank files made ahead of time.
#[derive(Debug, Default)]
struct Blank {
    /// The next file of the log.
    spare: Option<BlankFile>,
    /// Kept for frames that make room on a full disk.
    reserve: Option<BlankFile>,
    /// The size of the reserve, in bytes; 0 for none.
    reserve_bytes: u64,
}

/// Where the log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    /// First LSN of the oldest file.
    pub oldest_lsn: u64,
    /// LSN of the last frame appended.
    pub last_lsn: u64,
    /// LSN of the last frame that is durable.
    pub durable_lsn: u64,
    /// Bytes of frames appended since the log was opened.
    pub appended_bytes: u64,
    /// Bytes of frames that wait for being written.
    pub pending_bytes: u64,
    /// Number of files.
    pub files: usize,
    /// Size of all files.
    pub file_bytes: u64,
}

/// Where appending begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    pub(super) end_offset: u64,
    pub(super) last_lsn: u64,
}

impl Log {
    /// A log whose frames up to the tail's are all durable.
    pub(super) fn new(
        vfs: Arc<dyn Vfs>,
        settings: LogSettings,
        files: Vec<LogFile>,
        tail: Tail,
    ) -> Self {
        Self {
            vfs,
            settings,
            state: Mutex::new(State::new(files, tail.end_offset, tail.last_lsn)),
            durable_lsn: AtomicU64::new(tail.last_lsn),
            turns: Turns::default(),
            blank: Mutex::default(),
            on_durable: RwLock::new(None),
        }
    }

    /// Sets what is called when frames become durable.
    pub fn set_on_durable(&self, on_durable: OnDurable) {
        *self.on_durable.write() = Some(on_durable);
    }

    /// The highest durable LSN.
    #[must_use]
    pub fn durable_lsn(&self) -> u64 {
        self.durable_lsn.load(Ordering::Acquire)
    }

    /// LSNs and sizes.
    #[must_use]
    pub fn position(&self) -> LogPosition {
        let state = self.state.lock();
        let pending = state.pending.iter().map(|chunk| chunk.bytes.len() as u64);
        let oldest = state.files.first();
        LogPosition {
            oldest_lsn: oldest.map_or(0, |file| file.header.first_lsn),
            last_lsn: state.last_lsn,
            durable_lsn: state.durable_lsn,
            appended_bytes: state.appended_bytes,
            pending_bytes: pending.sum(),
            files: state.files.len(),
            file_bytes: state.files.iter().map(|file| file.header.file_bytes).sum(),
        }
    }

    /// Why nothing is written any more, if that is so.
    #[must_use]
    pub fn poison_cause(&self) -> Option<Arc<io::Error>> {
        let state = self.state.lock();
        state
            .poison
            .as_ref()
            .map(|poison| Arc::clone(&poison.cause))
    }

    /// Takes no more frames, because something beside the log could not be made durable. What has
    /// been appended is not written either.
    pub fn close_to_writes(&self, cause: &str) {
        self.state.lock().poison(io::Error::other(cause), 0);
    }

    /// Adds the frame `lsn`, which follows the last one, at the place that [`Self::reserve`] has
    /// made sure of. It is written by the next commit or [`Self::sync_pending`].
    ///
    /// A frame out of order or without a place would make the log unreadable; it is a fault of
    /// the caller, is not written, and closes the log to writes. After an earlier failure nothing
    /// happens: the commit reports it.
    pub fn append(&self, lsn: u64, payload: &[u8]) {
        let frame_bytes = (FRAME_HEADER_BYTES + payload.len()) as u64;
        let mut header = FrameHeader::data(lsn, 0, payload);
        let mut state = self.state.lock();
        let follows = lsn == state.last_lsn.saturating_add(1);
        match state.has_room(frame_bytes, true) {
            Ok(true) if follows => {
                header.durable_lsn = state.durable_lsn;
                state.push(&header, payload);
            }
            Ok(_) => {
                debug_assert!(false, "frame {lsn} out of order or without a place");
                state.poison(
                    io::Error::other("a frame out of order or without a place"),
                    0,
                );
            }
            Err(_) => {}
        }
        state.last_lsn = state.last_lsn.max(lsn);
    }

    /// Returns once the frame `lsn` and all before it are durable.
    ///
    /// # Errors
    /// [`LogError::Unknown`] if writing the frame failed; [`LogError::Poisoned`] if it was not
    /// written because of an earlier failure; [`LogError::NotAppended`].
    pub fn commit(&self, lsn: u64) -> Result<(), LogError> {
        while self.durable_lsn() < lsn {
            let state = self.state.lock();
            if state.durable_lsn >= lsn {
                break;
            }
            if state.last_lsn < lsn {
                return Err(LogError::NotAppended { lsn });
            }
            if let Some(poison) = state.poison.as_ref().filter(|_| !state.is_writing) {
                let error = poison.error_for(lsn);
                drop(state);
                self.turns.close();
                return Err(error);
            }
            if state.is_writing {
                let group = state.group_of(lsn);
                drop(state);
                self.turns.wait(group);
            } else {
                self.write_group(state);
            }
        }
        Ok(())
    }

    /// Makes everything that has been appended durable, for writes nobody waits for.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn sync_pending(&self) -> Result<(), LogError> {
        let last_lsn = self.state.lock().last_lsn;
        self.commit(last_lsn)
    }

    /// Makes everything durable and writes a seal, which proves the last frames to the next
    /// start. To be called when the log is idle and before it is closed; costs nothing if
    /// nothing has been appended since the last one.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn seal(&self) -> Result<(), LogError> {
        self.sync_pending()?;
        let mut state = self.state.lock();
        while state.is_writing {
            let group = state.group;
            MutexGuard::unlocked(&mut state, || self.turns.wait(group));
        }
        state.check_poison()?;
        if state.is_sealed || is_planted(Planted::NoSeal) || state.durable_lsn < state.last_lsn {
            return Ok(());
        }
        let seal = FrameHeader::seal(state.last_lsn);
        state.push(&seal, &[]);
        state.is_sealed = true;
        self.write_group(state);
        self.state.lock().check_poison()
    }

    /// Deletes the files that hold only frames below `lsn`.
    ///
    /// # Errors
    /// An I/O error; the files that could not be deleted are tried again the next time.
    pub fn trim(&self, lsn: u64) -> Result<(), LogError> {
        let paths: Vec<_> = {
            let state = self.state.lock();
            let limits = limits(state.files.iter().map(|file| file.header.first_lsn));
            let files = state.files.iter().zip(limits);
            files
                .take_while(|(_, limit)| *limit <= lsn)
                .map(|(file, _)| file.path.clone())
                .collect()
        };
        if paths.is_empty() {
            return Ok(());
        }
        let delete = || {
            for path in paths {
                vfs::remove_if_there(&*self.vfs, &path)?;
                self.state.lock().files.retain(|file| file.path != path);
            }
            self.vfs.sync_dir(&paths::log_dir())
        };
        delete().map_err(LogError::io("delete old files of"))
    }

    /// Writes what has been appended, while nobody else does, and wakes those who wait for it.
    fn write_group(&self, mut state: MutexGuard<'_, State>) {
        let chunks = state.begin_group();
        let (group, tried_lsn) = (state.group, state.group_lsn);
        let written = MutexGuard::unlocked(&mut state, || self.write(chunks));
        state.is_writing = false;
        match written {
            Ok(buffer) => state.buffer = buffer,
            Err(error) => state.poison(error, tried_lsn),
        }
        if state.poison.is_some() {
            self.turns.close();
            return;
        }
        let has_next = !state.pending.is_empty();
        self.turns.end(group, has_next);
        drop(state);
        self.turns.wake(group, has_next);
    }

    /// Writes a group; returns a buffer for the next one.
    fn write(&self, chunks: Vec<Chunk>) -> io::Result<Vec<u8>> {
        let mut buffer = Vec::new();
        for chunk in chunks {
            let file = &*chunk.log_file.file;
            vfs::write_all_at(file, chunk.offset, &chunk.bytes)?;
            // A file is synced before anything is written to the next one: replay counts on it.
            if is_planted(Planted::AckEarly) {
                self.announce(chunk.last_lsn);
            }
            sync(file)?;
            self.announce(chunk.last_lsn);
            buffer = chunk.bytes;
        }
        buffer.clear();
        buffer.shrink_to(BUFFER_KEPT_BYTES);
        Ok(buffer)
    }

    /// Tells the callback before anybody who waits.
    fn announce(&self, durable_lsn: u64) {
        if self.durable_lsn() == durable_lsn {
            return;
        }
        if let Some(on_durable) = &*self.on_durable.read() {
            on_durable(durable_lsn);
        }
        self.state.lock().durable_lsn = durable_lsn;
        self.durable_lsn.store(durable_lsn, Ordering::Release);
    }
}

fn sync(file: &dyn VfsFile) -> io::Result<()> {
    if is_planted(Planted::NoLogSync) {
        return Ok(());
    }
    match file.sync_data() {
        Err(_) if is_planted(Planted::IgnoreSyncError) => Ok(()),
        Err(_) if is_planted(Planted::RetrySync) => file.sync_data(),
        synced => synced,
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("settings", &self.settings)
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
