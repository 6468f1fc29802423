//! Random changes of bytes, as a fuzzer makes them.

use crate::random::Random;

/// Numbers at the edges of their types.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    i64::MAX as u64,
    u64::MAX,
];

/// Changes bytes in one to four places; `other` is what pieces may come from.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        change(bytes, other, random);
    }
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let len = 1 + random.below(8);
    let end = bytes.len().min(at + len);
    match random.below(8) {
        0 => bytes[at..end].fill_with(|| random.next() as u8),
        1 => {
            bytes.drain(at..end);
        }
        2 => {
            let some: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
            bytes.splice(at..at, some);
        }
        3 => {
            let from = random.below(other.len() + 1);
            let to = other.len().min(from + random.below(64));
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        4 => {
            let from = random.below(bytes.len() + 1);
            let to = bytes.len().min(from + random.below(32));
            let copied = bytes[from..to].to_vec();
            bytes.splice(at..at, copied);
        }
        5 => {
            let edge = random.pick(&EDGES).to_le_bytes();
            let width = *random.pick(&[1, 2, 4, 8]);
            let width = width.min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&edge[..width]);
        }
        6 => bytes.truncate(at),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}
