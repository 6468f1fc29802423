//! Deliberate bugs, by which the tests of durability are tested: with one of them planted, the
//! harnesses in `tests/` must fail.
//!
//! They are there with the feature `planted` only, which nothing but those tests asks for, and
//! hold for the thread that planted them. Without the feature every question below is a constant
//! `false`.

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A write is acknowledged before the log is synced.
    AckEarly,
    /// The log is never synced.
    NoLogSync,
    /// An error of a sync of the log is taken for success.
    IgnoreSyncError,
    /// A sync of the log that failed is tried again.
    RetrySync,
    /// The name of a new log file is not synced.
    NoLogDirSync,
    /// A log file gets its name before its bytes are durable.
    RenameBeforeSync,
    /// The checksum of a frame's payload is not looked at.
    NoFrameChecksum,
    /// A log that ends in a torn frame is appended to where it ends.
    KeepTornTail,
    /// The log is not sealed.
    NoSeal,
    /// Frames that nothing proves durable are not written again when the log is opened.
    NoTailRewrite,
    /// Log files are deleted before the manifest that makes them superfluous is in force.
    TrimEarly,
    /// A write goes on that has no room in the log.
    ContinueAfterFull,
    /// Segments are not synced.
    NoSegmentSync,
    /// Names of segments are not synced.
    NoSegmentDirSync,
    /// A manifest is not synced before it gets its name.
    NoManifestSync,
    /// Old files are deleted before the new manifest is in force.
    DeleteEarly,
    /// An epoch is used twice, and with it the names of files.
    EpochReuse,
    /// A snapshot names files that nothing keeps.
    SnapshotNotPinned,
    /// Compaction forgets subjects whose deletion is not durable.
    CompactUncommitted,
    /// Checksums of blobs are not looked at.
    NoBlobChecksum,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::AckEarly,
        Self::NoLogSync,
        Self::IgnoreSyncError,
        Self::RetrySync,
        Self::NoLogDirSync,
        Self::RenameBeforeSync,
        Self::NoFrameChecksum,
        Self::KeepTornTail,
        Self::NoSeal,
        Self::NoTailRewrite,
        Self::TrimEarly,
        Self::ContinueAfterFull,
        Self::NoSegmentSync,
        Self::NoSegmentDirSync,
        Self::NoManifestSync,
        Self::DeleteEarly,
        Self::EpochReuse,
        Self::SnapshotNotPinned,
        Self::CompactUncommitted,
        Self::NoBlobChecksum,
    ];
}

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;

    use super::Planted;

    thread_local! {
        static NOW: Cell<Option<Planted>> = const { Cell::new(None) };
    }

    /// Plants a bug for this thread, or takes it out again.
    pub fn plant(bug: Option<Planted>) {
        NOW.set(bug);
    }

    pub(crate) fn is_planted(bug: Planted) -> bool {
        NOW.get() == Some(bug)
    }
}

#[cfg(not(feature = "planted"))]
mod switch {
    use super::Planted;

    pub(crate) const fn is_planted(_: Planted) -> bool {
        false
    }
}

pub(crate) use switch::is_planted;
#[cfg(feature = "planted")]
pub use switch::plant;
