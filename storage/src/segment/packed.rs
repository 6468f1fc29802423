//! Blobs that are compressed on disk: the length of their content, and one zstd frame of it.

use bytes::Bytes;

use crate::codec::Encoder;

/// A blob of more bytes is not compressed, so that nobody has to make room for more.
const PACKED_BYTES_MAX: usize = 64 << 20;

/// Bytes as a blob holds them: compressed, if that makes them smaller by an eighth.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(super) bytes: Bytes,
    pub(super) packed: bool,
}

impl Packed {
    /// Leaves bytes as they are.
    #[must_use]
    pub const fn plain(bytes: Bytes) -> Self {
        Self {
            bytes,
            packed: false,
        }
    }

    /// Compresses what is worth it.
    #[must_use]
    pub fn new(bytes: &Bytes) -> Self {
        let frame = match bytes.len() {
            0..=PACKED_BYTES_MAX => zstd::bulk::compress(bytes, 1).ok(),
            _ => None,
        };
        match frame.filter(|frame| frame.len() + 4 < bytes.len() - bytes.len() / 8) {
            Some(frame) => {
                let mut packed = Encoder::new();
                packed.u32(bytes.len() as u32);
                packed.raw(&frame);
                Self {
                    bytes: packed.finish().into(),
                    packed: true,
                }
            }
            None => Self::plain(bytes.clone()),
        }
    }
}

/// The content of a compressed blob; nothing if it is not one.
pub(super) fn unpack(stored: &[u8]) -> Option<Bytes> {
    let (len, frame) = stored.split_first_chunk()?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > PACKED_BYTES_MAX {
        return None;
    }
    let content = zstd::bulk::decompress(frame, len).ok()?;
    (content.len() == len).then(|| content.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_or_refused() {
        let small: Vec<u8> = (0..100_000_u32).map(|n| (n / 1_000) as u8).collect();
        let packed = Packed::new(&small.clone().into());
        assert!(packed.packed && packed.bytes.len() < small.len() / 8);
        assert_eq!(unpack(&packed.bytes).unwrap(), small);
        for end in 0..packed.bytes.len() {
            assert_eq!(unpack(&packed.bytes[..end]), None);
        }
        let mut longer = packed.bytes.to_vec();
        longer[0] ^= 1;
        assert_eq!(unpack(&longer), None);
        longer[3] = 0xff;
        assert_eq!(unpack(&longer), None);
        for plain in [vec![], vec![7], (0..=255).collect()] {
            let bytes = Bytes::from(plain);
            let kept = Packed::new(&bytes);
            assert!(!kept.packed);
            assert_eq!(kept.bytes, bytes);
        }
    }
}
