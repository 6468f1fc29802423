//! Blobs that are compressed on disk: the length of their content, how it is rearranged, and one
//! zstd frame of that.

use bytes::Bytes;

use crate::codec::{Decoder, Encoder};
use crate::column::{Lists, VECTOR_HEADER_BYTES, Vector};
use crate::segment::arrange::{Part, Step, arrange, restore};

/// A blob of more bytes is not compressed, so that nobody has to make room for more.
const PACKED_BYTES_MAX: usize = 64 << 20;
/// Bytes of lists before their first vector.
const LISTS_HEADER_BYTES: usize = 8;

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

    /// Of bytes that have no known form.
    #[must_use]
    pub fn bytes(bytes: &Bytes) -> Self {
        Self::new(bytes, &[])
    }

    /// Of a vector whose values come in any order.
    #[must_use]
    pub fn vector(vector: &Vector) -> Self {
        Self::new(vector.bytes(), &of_vector(vector, Step::None))
    }

    /// Of a vector whose values rise.
    #[must_use]
    pub fn rising(vector: &Vector) -> Self {
        Self::new(vector.bytes(), &of_vector(vector, Step::Rising))
    }

    /// Of lists, the items of which rise.
    #[must_use]
    pub fn lists(lists: &Lists) -> Self {
        let mut parts = vec![Part::bytes(LISTS_HEADER_BYTES)];
        parts.extend(of_vector(lists.bounds(), Step::Rising));
        parts.extend(of_vector(lists.items(), Step::Lists));
        Self::new(lists.bytes(), &parts)
    }

    /// Of as many fingerprints, which rise, as ordinals.
    #[must_use]
    pub fn hashes(bytes: &Bytes, count: usize) -> Self {
        let parts = [
            Part::new(2, Step::Rising, count),
            Part::new(4, Step::None, count),
        ];
        Self::new(bytes, &parts)
    }

    /// Compresses what is worth it.
    fn new(bytes: &Bytes, parts: &[Part]) -> Self {
        let arranged = match parts {
            [] => None,
            parts if bytes.len() <= PACKED_BYTES_MAX => arrange(bytes, parts),
            _ => None,
        };
        let parts = if arranged.is_some() { parts } else { &[] };
        let frame = match bytes.len() {
            0..=PACKED_BYTES_MAX => {
                let content = arranged.as_deref().unwrap_or(bytes);
                zstd::bulk::compress(content, 1).ok()
            }
            _ => None,
        };
        match frame.filter(|frame| frame.len() + 32 < bytes.len() - bytes.len() / 8) {
            Some(frame) => {
                let mut packed = Encoder::new();
                packed.u32(bytes.len() as u32);
                packed.u8(parts.len() as u8);
                parts.iter().for_each(|part| part.encode(&mut packed));
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

fn of_vector(vector: &Vector, step: Step) -> Vec<Part> {
    let mut parts = vec![Part::bytes(VECTOR_HEADER_BYTES)];
    if vector.width() > 0 {
        parts.push(Part::new(vector.width(), step, vector.len()));
    }
    parts
}

/// The content of a compressed blob; nothing if it is not one.
pub(super) fn unpack(stored: &[u8]) -> Option<Bytes> {
    let mut input = Decoder::new(stored);
    let len = input.u32().ok()? as usize;
    if len > PACKED_BYTES_MAX {
        return None;
    }
    let count = input.u8().ok()?;
    let parts: Option<Vec<Part>> = (0..count).map(|_| Part::decode(&mut input)).collect();
    let parts = parts?;
    let frame = input.raw(input.remaining()).ok()?;
    let content = zstd::bulk::decompress(frame, len).ok()?;
    if content.len() != len {
        return None;
    }
    if parts.is_empty() {
        return Some(content.into());
    }
    restore(&content, &parts).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::ListsBuilder;

    #[test]
    fn what_is_packed_is_unpacked_or_refused() {
        let small: Vec<u8> = (0..100_000_u32).map(|n| (n / 1_000) as u8).collect();
        let packed = Packed::bytes(&small.clone().into());
        assert!(packed.packed && packed.bytes.len() < small.len() / 8);
        assert_eq!(unpack(&packed.bytes).unwrap(), small);
        for end in 0..packed.bytes.len() {
            assert_eq!(unpack(&packed.bytes[..end]), None);
        }
        for at in [0, 3, 4] {
            let mut other = packed.bytes.to_vec();
            other[at] ^= 0x81;
            assert_eq!(unpack(&other), None);
        }
        for plain in [vec![], vec![7], (0..=255).collect()] {
            let bytes = Bytes::from(plain);
            let kept = Packed::bytes(&bytes);
            assert!(!kept.packed);
            assert_eq!(kept.bytes, bytes);
        }
    }

    #[test]
    fn every_form_comes_back() {
        let mut lists = ListsBuilder::new();
        for list in 0..2_000_i64 {
            lists.push((0..list % 9).map(|item| item * item + list % 50));
        }
        let lists = lists.finish();
        let values: Vec<i64> = (0..5_000).map(|n| n * 37 % 1_000 - 100_000).collect();
        let places: Vec<i64> = (0..4_096).map(|n| n * 9).collect();
        let same = Vector::constant(5, 1 << 40);
        let mut hashes: Vec<u8> = (0..3_000_u16)
            .flat_map(|n| (n * 21).to_le_bytes())
            .collect();
        hashes.extend((0..3_000_u32).flat_map(|n| (n * 7919 % 3_000).to_le_bytes()));
        let hashes = Bytes::from(hashes);
        let (values, places) = (Vector::from_values(&values), Vector::from_values(&places));
        for (packed, bytes) in [
            (Packed::lists(&lists), lists.bytes()),
            (Packed::lists(&Lists::default()), Lists::default().bytes()),
            (Packed::vector(&values), values.bytes()),
            (Packed::rising(&places), places.bytes()),
            (Packed::vector(&same), same.bytes()),
            (Packed::hashes(&hashes, 3_000), &hashes),
        ] {
            let content = match packed.packed {
                true => unpack(&packed.bytes).unwrap(),
                false => packed.bytes,
            };
            assert_eq!(content, *bytes);
        }
    }
}
