//! Every file name of a data directory, built and parsed in one place.
//!
//! ```text
//! LOCK
//! log/{number:020}.log
//! manifest/{number:020}
//! data/{partition:04x}/{epoch:08x}-{counter:012x}.seg|.key|.voc
//! snapshots/{name}/...            the same tree again, without log and LOCK
//! *.tmp                           unfinished; deleted at the next start
//! ```

use crate::vfs::RelPath;

/// The file whose lock says that a process has the data directory. Not a [`RelPath`]: only
/// [`Vfs::lock`](crate::vfs::Vfs::lock) reaches it.
pub const LOCK: &str = "LOCK";

const TEMPORARY_SUFFIX: &str = ".tmp";

/// The directory of the log's files.
#[must_use]
pub fn log_dir() -> RelPath {
    RelPath::from_trusted("log".to_owned())
}

/// The log file with this number.
#[must_use]
pub fn log_file(number: u64) -> RelPath {
    RelPath::from_trusted(format!("log/{number:020}.log"))
}

/// A blank file made ahead of time to become the next log file.
#[must_use]
pub fn log_spare() -> RelPath {
    RelPath::from_trusted(format!("log/spare{TEMPORARY_SUFFIX}"))
}

/// A blank file kept for deletions on a full disk.
#[must_use]
pub fn log_reserve() -> RelPath {
    RelPath::from_trusted(format!("log/reserve{TEMPORARY_SUFFIX}"))
}

/// The number of a log file; `None` for any other path.
#[must_use]
pub fn parse_log_file(path: &RelPath) -> Option<u64> {
    let digits = path.as_str().strip_prefix("log/")?.strip_suffix(".log")?;
    decimal_20(digits)
}

/// A file that has its name for a moment only.
#[must_use]
pub fn scratch(random: u64) -> RelPath {
    RelPath::from_trusted(format!("scratch-{random:016x}{TEMPORARY_SUFFIX}"))
}

/// The directory of the manifests.
#[must_use]
pub fn manifest_dir() -> RelPath {
    RelPath::from_trusted("manifest".to_owned())
}

/// The manifest with this number.
#[must_use]
pub fn manifest(number: u64) -> RelPath {
    RelPath::from_trusted(format!("manifest/{number:020}"))
}

/// The number of a manifest; `None` for any other path.
#[must_use]
pub fn parse_manifest(path: &RelPath) -> Option<u64> {
    decimal_20(path.as_str().strip_prefix("manifest/")?)
}

/// The directory that holds the segments of all partitions.
#[must_use]
pub fn data_dir() -> RelPath {
    RelPath::from_trusted("data".to_owned())
}

/// The directory of one partition's segments.
#[must_use]
pub fn partition_dir(partition: u16) -> RelPath {
    RelPath::from_trusted(format!("data/{partition:04x}"))
}

/// The partition of a directory made by [`partition_dir`]; `None` for any other path.
#[must_use]
pub fn parse_partition_dir(path: &RelPath) -> Option<u16> {
    let digits = path.as_str().strip_prefix("data/")?;
    u16::try_from(lower_hex(digits, 4)?).ok()
}

/// What a segment file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// Layers of tags: `.seg`.
    Tags,
    /// Keys and their ordinals: `.key`.
    Keys,
    /// The strings of a keyword tag: `.voc`.
    Vocabulary,
}

impl SegmentKind {
    const ALL: [Self; 3] = [Self::Tags, Self::Keys, Self::Vocabulary];

    fn suffix(self) -> &'static str {
        match self {
            Self::Tags => ".seg",
            Self::Keys => ".key",
            Self::Vocabulary => ".voc",
        }
    }
}

/// The name of a segment file: two writers never pick the same one, because no two have the
/// same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The partition it belongs to.
    pub partition: u16,
    /// The epoch of the process that wrote it.
    pub epoch: u32,
    /// Its number within the epoch; 48 bits.
    pub counter: u64,
    /// What it holds.
    pub kind: SegmentKind,
}

impl SegmentName {
    /// The highest counter there is: a counter has twelve hexadecimal digits.
    pub const COUNTER_MAX: u64 = (1 << 48) - 1;

    /// Its path. Bits of the counter above [`Self::COUNTER_MAX`] do not count.
    #[must_use]
    pub fn path(&self) -> RelPath {
        RelPath::from_trusted(format!(
            "data/{:04x}/{:08x}-{:012x}{}",
            self.partition,
            self.epoch,
            self.counter & Self::COUNTER_MAX,
            self.kind.suffix()
        ))
    }

    /// The name of a segment's path; `None` for any other path.
    #[must_use]
    pub fn parse(path: &RelPath) -> Option<Self> {
        let (partition, name) = path.as_str().strip_prefix("data/")?.split_once('/')?;
        let (kind, stem) = SegmentKind::ALL
            .into_iter()
            .find_map(|kind| Some((kind, name.strip_suffix(kind.suffix())?)))?;
        let (epoch, counter) = stem.split_once('-')?;
        Some(Self {
            partition: u16::try_from(lower_hex(partition, 4)?).ok()?,
            epoch: u32::try_from(lower_hex(epoch, 8)?).ok()?,
            counter: lower_hex(counter, 12)?,
            kind,
        })
    }
}

/// The directory that holds all snapshots.
#[must_use]
pub fn snapshots_dir() -> RelPath {
    RelPath::from_trusted("snapshots".to_owned())
}

/// The directory of the snapshot with this name: 1 to 64 of `a-z 0-9 _ -`, the first a letter or
/// digit; `None` for any other name.
#[must_use]
pub fn snapshot_dir(name: &str) -> Option<RelPath> {
    is_snapshot_name(name).then(|| RelPath::from_trusted(format!("snapshots/{name}")))
}

/// The name of a snapshot's directory; `None` for any other path.
#[must_use]
pub fn parse_snapshot_dir(path: &RelPath) -> Option<&str> {
    let name = path.as_str().strip_prefix("snapshots/")?;
    is_snapshot_name(name).then_some(name)
}

fn is_snapshot_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 64
        && name.bytes().next().is_some_and(plain)
        && name
            .bytes()
            .all(|byte| plain(byte) || matches!(byte, b'_' | b'-'))
}

/// A directory for what a repair takes out.
#[must_use]
pub fn given_up(number: u32) -> RelPath {
    RelPath::from_trusted(format!("given-up-{number:04}"))
}

/// The name a file or directory has until it is complete.
#[must_use]
pub fn temporary(path: &RelPath) -> RelPath {
    RelPath::from_trusted(format!("{path}{TEMPORARY_SUFFIX}"))
}

/// Whether a path is one that was never completed and may be deleted.
#[must_use]
pub fn is_temporary(path: &RelPath) -> bool {
    path.as_str().ends_with(TEMPORARY_SUFFIX)
}

fn decimal_20(digits: &str) -> Option<u64> {
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn lower_hex(digits: &str, len: usize) -> Option<u64> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let plain = digits.len() == len && digits.bytes().all(digit);
    plain
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
