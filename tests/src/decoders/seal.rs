//! Makes the checksums of damaged files right again, so that what is wrong with them is for the
//! decoders to find. Follows `docs/file-format.md`; bytes that make no sense stay as they are.

use std::ops::Range;

use tagdb_storage::vfs::RelPath;

const LOG_HEADER_BYTES: usize = 128;
const FRAME_HEADER_BYTES: usize = 29;
const SEGMENT_HEADER_BYTES: usize = 64;
const TRAILER_BYTES: usize = 32;
const REFERENCE_BYTES: usize = 16;
/// A record of a directory: key, extra, two references.
const RECORD_BYTES: usize = 40;
const MANIFEST_HEADER_BYTES: usize = 24;

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

fn crc(parts: &[&[u8]]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().to_le_bytes()
}

/// A manifest of this payload.
#[must_use]
pub fn manifest(payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"TAGDBMAN".to_vec();
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(crc(&[&bytes, payload]));
    bytes.extend(payload);
    bytes
}

/// The payload of a manifest.
#[must_use]
pub fn manifest_payload(bytes: &[u8]) -> &[u8] {
    bytes.get(MANIFEST_HEADER_BYTES..).unwrap_or_default()
}

/// Makes the header of a log file that of the file with this number, as long as it is.
pub fn log_header(bytes: &mut [u8], number: u64) {
    if bytes.len() < LOG_HEADER_BYTES {
        return;
    }
    let len = bytes.len() as u64;
    put(bytes, 0, b"tagdblog");
    put(bytes, 8, &1_u32.to_le_bytes());
    put(bytes, 12, &0_u32.to_le_bytes());
    put(bytes, 20, &number.to_le_bytes());
    put(bytes, 36, &len.to_le_bytes());
    let sum = crc(&[&bytes[..LOG_HEADER_BYTES - 4]]);
    put(bytes, LOG_HEADER_BYTES - 4, &sum);
}

/// Makes the frames of a log file sound as far as their lengths lead; `renumbered` gives them the
/// LSNs that follow from the file's header.
pub fn log_frames(bytes: &mut [u8], renumbered: bool) {
    let (Some(salt), Some(mut lsn)) = (u64_at(bytes, 28), u64_at(bytes, 44)) else {
        return;
    };
    let mut at = LOG_HEADER_BYTES;
    while let Some(len) = u32_at(bytes, at) {
        let len = len as usize;
        if len < FRAME_HEADER_BYTES || bytes.len() - at < len {
            return;
        }
        let is_data = bytes[at + 20] == 1;
        if renumbered {
            let own = if is_data { lsn } else { lsn.wrapping_sub(1) };
            let durable = if is_data { 0 } else { own };
            put(bytes, at + 4, &own.to_le_bytes());
            put(bytes, at + 12, &durable.to_le_bytes());
            lsn = own.wrapping_add(1);
        }
        let payload = crc(&[&bytes[at + FRAME_HEADER_BYTES..at + len]]);
        put(bytes, at + 21, &payload);
        let place = (at as u64).to_le_bytes();
        let sum = crc(&[&salt.to_le_bytes(), &place, &bytes[at..at + 25]]);
        put(bytes, at + 25, &sum);
        at += len;
    }
}

/// Makes the header, the trailer and all references of a segment file sound, as the file of this
/// name; `kind` is 1 for tags, 2 for keys and 3 for strings.
pub fn segment(bytes: &mut [u8], path: &RelPath, kind: u32) {
    let len = bytes.len();
    if len < SEGMENT_HEADER_BYTES + TRAILER_BYTES {
        return;
    }
    put(bytes, 0, b"TAGDBSEG");
    put(bytes, 8, &1_u32.to_le_bytes());
    put(bytes, 12, &kind.to_le_bytes());
    let parent = path.parent();
    let name = [parent.name().as_bytes(), b"/", path.name().as_bytes()];
    put(bytes, 24, &crc(&name));
    let sum = crc(&[&bytes[..SEGMENT_HEADER_BYTES - 4]]);
    put(bytes, SEGMENT_HEADER_BYTES - 4, &sum);
    let trailer = len - TRAILER_BYTES;
    let footer = reference(bytes, trailer).unwrap_or(trailer..trailer);
    let mut at = footer.start;
    while at < footer.end {
        let found = reference(bytes, at);
        if let Some(blob) = found.clone() {
            directory(bytes, &blob);
            seal_reference(bytes, at);
        }
        at += if found.is_some() { REFERENCE_BYTES } else { 1 };
    }
    seal_reference(bytes, trailer);
    let at = len - TRAILER_BYTES;
    put(bytes, at + 16, b"TAGDBEND");
    let salt = &bytes[16..24];
    let sum = crc(&[salt, &(at as u64).to_le_bytes(), &bytes[at..len - 4]]);
    put(bytes, len - 4, &sum);
}

/// Makes the references of a directory sound, if a blob may be one.
fn directory(bytes: &mut [u8], blob: &Range<usize>) {
    if blob.len().is_multiple_of(RECORD_BYTES) {
        for record in blob.clone().step_by(RECORD_BYTES) {
            seal_reference(bytes, record + 8);
            seal_reference(bytes, record + 8 + REFERENCE_BYTES);
        }
    }
}

fn seal_reference(bytes: &mut [u8], at: usize) {
    if let Some(blob) = reference(bytes, at) {
        let offset = (blob.start as u64).to_le_bytes();
        let sum = crc(&[&bytes[16..24], &offset, &bytes[blob]]);
        put(bytes, at + 12, &sum);
    }
}

/// The blob that a reference at this place names; nothing if there is none.
fn reference(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = usize::try_from(u64_at(bytes, at)? & !1).ok()?;
    let len = u32_at(bytes, at + 8)? as usize;
    let end = start.checked_add(len)?;
    let is_inside = start >= SEGMENT_HEADER_BYTES && end <= at.min(bytes.len() - TRAILER_BYTES);
    (is_inside && len > 0 && start.is_multiple_of(8)).then_some(start..end)
}
