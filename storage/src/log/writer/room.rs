//! Room for the next frame: in the file that is being written, in a new one, or, on a full disk and
//! for frames that make room, in a small file kept for them.

use std::sync::Arc;

use super::{Blank, Log};
use crate::log::file::{BlankFile, CreateError, LogFile, Origin, require_space, size_for};
use crate::log::frame::FRAME_HEADER_BYTES;
use crate::log::{LogError, PAYLOAD_BYTES_MAX};
use crate::paths;
use crate::planted::{Planted, is_planted};

impl Log {
    /// Makes sure that the next frame, with a payload of `payload_bytes`, has its place. To be
    /// called before every [`Self::append`], under the same lock of the caller.
    ///
    /// `leave_bytes` is asked when that takes another file: so many bytes of the disk are left
    /// free. A disk that has no room for a flush never gets any back, whatever is dropped.
    ///
    /// # Errors
    /// [`LogError::DiskFull`] and [`LogError::TooLarge`] change nothing. [`LogError::Poisoned`]
    /// is for good.
    pub fn reserve(
        &self,
        payload_bytes: usize,
        leave_bytes: &dyn Fn() -> u64,
    ) -> Result<(), LogError> {
        self.reserve_for(payload_bytes, Some(leave_bytes))
    }

    /// As [`Self::reserve`], for a frame that makes room: on a full disk it gets what
    /// [`Self::keep_reserve`] keeps.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    pub fn reserve_to_delete(&self, payload_bytes: usize) -> Result<(), LogError> {
        self.reserve_for(payload_bytes, None)
    }

    /// Keeps a blank file of so many bytes for frames that make room on a full disk. If there is
    /// no space for it now, it is made together with the next file of the log.
    pub fn keep_reserve(&self, bytes: u64) {
        let mut blank = self.blank.lock();
        blank.reserve_bytes = bytes;
        self.fill_reserve(&mut blank);
    }

    fn fill_reserve(&self, blank: &mut Blank) {
        if blank.reserve.is_some() || blank.reserve_bytes == 0 {
            return;
        }
        let path = paths::log_reserve();
        match BlankFile::create(&*self.vfs, path, size_for(blank.reserve_bytes, 0)) {
            Ok(file) => blank.reserve = Some(file),
            Err(CreateError::DiskFull(error) | CreateError::Failed(error)) => {
                tracing::warn!(%error, "no room is kept for deletions on a full disk");
            }
        }
    }

    /// Nothing has to be left by a frame that makes room.
    fn reserve_for(
        &self,
        payload_bytes: usize,
        leave_bytes: Option<&dyn Fn() -> u64>,
    ) -> Result<(), LogError> {
        let deletes = leave_bytes.is_none();
        if payload_bytes > PAYLOAD_BYTES_MAX {
            return Err(LogError::TooLarge {
                bytes: payload_bytes,
            });
        }
        let frame_bytes = (FRAME_HEADER_BYTES + payload_bytes) as u64;
        if self.state.lock().has_room(frame_bytes, deletes)? {
            return Ok(());
        }
        let mut blank = self.blank.lock();
        let origin = {
            let state = self.state.lock();
            if state.has_room(frame_bytes, deletes)? {
                return Ok(());
            }
            Origin {
                log_id: self.settings.log_id,
                epoch: self.settings.epoch,
                number: state.last_number().saturating_add(1),
                first_lsn: state.last_lsn.saturating_add(1),
                synced_lsn: state.durable_lsn,
            }
        };
        let left_bytes = leave_bytes.map_or(0, |bytes| bytes());
        match self.make_file(&mut blank, (origin, frame_bytes), left_bytes) {
            Ok(file) => {
                self.state.lock().start_file(file, false);
                self.fill_reserve(&mut blank);
                Ok(())
            }
            Err(CreateError::DiskFull(_)) if deletes => {
                self.use_reserve(&mut blank, origin, frame_bytes)
            }
            Err(CreateError::DiskFull(_)) if is_planted(Planted::ContinueAfterFull) => Ok(()),
            Err(error) => self.fail(error),
        }
    }

    fn use_reserve(
        &self,
        blank: &mut Blank,
        origin: Origin,
        frame_bytes: u64,
    ) -> Result<(), LogError> {
        let fits = |file: &mut BlankFile| size_for(0, frame_bytes) <= file.file_bytes;
        let Some(file) = blank.reserve.take_if(fits) else {
            let full = std::io::ErrorKind::StorageFull.into();
            return self.fail(CreateError::DiskFull(full));
        };
        let header = file.header(origin, self.vfs.random());
        match file.publish(&*self.vfs, header) {
            Ok(file) => {
                self.state.lock().start_file(file, true);
                Ok(())
            }
            Err(error) => self.fail(error),
        }
    }

    /// A full disk changes nothing; anything else closes the log.
    fn fail(&self, error: CreateError) -> Result<(), LogError> {
        match error {
            CreateError::DiskFull(error) => Err(LogError::DiskFull(Arc::new(error))),
            CreateError::Failed(error) => {
                let mut state = self.state.lock();
                state.poison(error, 0);
                state.check_poison()
            }
        }
    }

    fn make_file(
        &self,
        blank: &mut Blank,
        (origin, frame_bytes): (Origin, u64),
        left_bytes: u64,
    ) -> Result<LogFile, CreateError> {
        let vfs = &*self.vfs;
        let file_bytes = size_for(self.settings.file_bytes, frame_bytes);
        let fits = |spare: &BlankFile| spare.file_bytes == file_bytes;
        let new_bytes = match &blank.spare {
            Some(spare) if fits(spare) => 0,
            _ => file_bytes,
        };
        require_space(vfs, new_bytes.saturating_add(left_bytes)).map_err(CreateError::DiskFull)?;
        let file = match blank.spare.take_if(|spare| fits(spare)) {
            Some(spare) => spare,
            None => {
                let temporary = paths::temporary(&paths::log_file(origin.number));
                BlankFile::create(vfs, temporary, file_bytes)?
            }
        };
        let header = file.header(origin, vfs.random());
        file.publish(vfs, header)
    }

    /// Makes the next file ahead of time once the current one is half full, so that no write
    /// has to wait for it. To be called now and then from a thread of its own.
    ///
    /// # Errors
    /// [`LogError::DiskFull`] changes nothing. [`LogError::Poisoned`] is for good.
    pub fn prepare_spare(&self) -> Result<(), LogError> {
        let mut blank = self.blank.lock();
        {
            let state = self.state.lock();
            state.check_poison()?;
            let half = state.file().map_or(0, |file| file.header.file_bytes / 2);
            if blank.spare.is_some() || state.end_offset < half {
                return Ok(());
            }
        }
        let file_bytes = size_for(self.settings.file_bytes, 0);
        match BlankFile::create(&*self.vfs, paths::log_spare(), file_bytes) {
            Ok(spare) => {
                blank.spare = Some(spare);
                Ok(())
            }
            Err(error) => self.fail(error),
        }
    }
}
