//! What a file keeps of its name.

use crate::vfs::RelPath;

/// Binds a file to its name, so that no other file passes for it: the CRC-32 of the last two parts
/// of its path, which are the same in a snapshot.
pub(super) fn name_check(path: &RelPath) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(path.parent().name().as_bytes());
    hasher.update(b"/");
    hasher.update(path.name().as_bytes());
    hasher.finalize()
}
