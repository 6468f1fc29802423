//! Which partition a key belongs to: Iceberg's bucket transform, so that other programs can
//! pre-bucket a load.

use crate::batch::KeyRef;
use crate::ids::PartitionId;

/// The partition of a key: `(murmur3_x86_32(key, seed 0) & 0x7FFF_FFFF) mod partitions`, where the
/// key's bytes are UTF-8 or the 8 bytes of the integer, little-endian.
#[must_use]
pub fn partition_of(key: KeyRef<'_>, partitions: u16) -> PartitionId {
    if partitions <= 1 {
        return PartitionId(0);
    }
    let hash = match key {
        KeyRef::Int(key) => murmur3_x86_32(&key.to_le_bytes()),
        KeyRef::Text(key) => murmur3_x86_32(key.as_bytes()),
    };
    PartitionId(((hash & 0x7FFF_FFFF) % u32::from(partitions)) as u16)
}

/// MurmurHash3 x86 32-bit with seed 0 (Austin Appleby, public domain reference
/// `MurmurHash3_x86_32`).
#[must_use]
pub fn murmur3_x86_32(bytes: &[u8]) -> u32 {
    let mut hash: u32 = 0;
    let (blocks, tail) = bytes.as_chunks::<4>();
    for block in blocks {
        hash ^= scramble(u32::from_le_bytes(*block));
        hash = hash
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xE654_6B64);
    }
    if !tail.is_empty() {
        let last = tail
            .iter()
            .rev()
            .fold(0, |word, byte| (word << 8) | u32::from(*byte));
        hash ^= scramble(last);
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
    hash ^ (hash >> 16)
}

const fn scramble(word: u32) -> u32 {
    word.wrapping_mul(0xCC9E_2D51)
        .rotate_left(15)
        .wrapping_mul(0x1B87_3593)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_iceberg_specification() {
        assert_eq!(murmur3_x86_32(b"iceberg"), 1_210_000_089);
        assert_eq!(murmur3_x86_32(&34_i64.to_le_bytes()), 2_017_239_379);
        assert_eq!(partition_of(KeyRef::Text("iceberg"), 16), PartitionId(9));
    }
}
