//! Damaged bytes give an error or another valid bitmap, never a panic.

use bytes::Bytes;
use roaring::RoaringBitmap;

use super::sample::Random;
use crate::bitmap::{Bitmap, BitmapError, Chunk};

/// Reads everything that a bitmap can be asked for.
fn exercise(bitmap: &Bitmap, chunk: &mut Chunk) {
    let mut count = 0;
    let mut before = None;
    for value in bitmap {
        assert!(before < Some(value));
        before = Some(value);
        count += 1;
    }
    assert_eq!(bitmap.len(), count);
    assert_eq!(bitmap.max(), before);
    for rank in [0, count / 2, count.saturating_sub(1)] {
        if let Some(value) = bitmap.select(rank) {
            assert_eq!(bitmap.position(value), Some(rank));
        }
    }
    for (key, first_rank, container) in bitmap.chunks() {
        assert_eq!(bitmap.rank(u32::from(key) << 16), first_rank);
        container.copy_into(chunk);
        assert_eq!(chunk.count(), container.len());
    }
    assert_eq!(
        Bitmap::union(&[bitmap, &Bitmap::from_range(5..9)])
            .difference(bitmap)
            .len(),
        4 - { (5..9).filter(|value| bitmap.contains(*value)).count() as u64 }
    );
}

/// Serialisations of every shape, small enough to damage each byte.
fn samples() -> Vec<Bytes> {
    let mut mixed: Vec<u32> = (0..40_000).step_by(3).collect();
    mixed.extend(100_000..131_000);
    mixed.extend([200_000, 200_007, 70_000_000]);
    let many: Vec<u32> = (0..12).map(|key| key << 17 | 5).collect();
    let runs: Vec<u32> = (0..2)
        .flat_map(|key| key << 16..(key << 16) + 100)
        .collect();
    let sets = [
        vec![],
        vec![7],
        vec![1, 2, 3, 4],
        (0..3000).step_by(2).collect(),
        many,
        runs,
        mixed,
        (u32::MAX - 70_000..=u32::MAX).collect(),
    ];
    sets.iter()
        .map(|set| Bitmap::from_sorted(set).bytes().clone())
        .collect()
}

#[test]
fn every_truncation_is_found() {
    for bytes in samples() {
        for len in (0..bytes.len()).step_by(1 + bytes.len() / 2000) {
            Bitmap::parse(bytes.slice(..len)).unwrap_err();
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        Bitmap::parse(longer.into()).unwrap_err();
    }
}

#[test]
fn every_flipped_byte() {
    let mut chunk = Chunk::new();
    for bytes in samples() {
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= flip;
                if let Ok(bitmap) = Bitmap::parse(damaged.into()) {
                    // Valid bytes of a small bitmap are read in full; of a large one now and then.
                    if bitmap.len() < 5000 || at % 101 == 0 {
                        exercise(&bitmap, &mut chunk);
                    }
                }
            }
        }
    }
}

#[test]
fn random_bytes() {
    let mut chunk = Chunk::new();
    let mut random = Random::new(43);
    for _ in 0..20_000 {
        let len = random.below(80) as usize;
        let mut bytes: Vec<u8> = (0..len).map(|_| (random.next() & 0x3) as u8).collect();
        // Most begin like a bitmap, or they would all fail at once.
        if len > 8 && random.below(8) > 0 {
            bytes[0] = if random.below(2) == 0 { 0x3a } else { 0x3b };
            bytes[1] = 0x30;
            bytes[2..4].fill(0);
        }
        if let Ok(bitmap) = Bitmap::parse(bytes.clone().into()) {
            exercise(&bitmap, &mut chunk);
            let oracle = RoaringBitmap::deserialize_from(&bytes[..]).unwrap();
            assert!(bitmap.iter().eq(oracle.iter()));
        }
    }
}

#[test]
fn errors_say_where() {
    let error = |bytes: &[u8]| Bitmap::parse(Bytes::copy_from_slice(bytes)).unwrap_err();
    assert_eq!(
        error(&[]),
        BitmapError {
            offset: 0,
            expected: "a cookie"
        }
    );
    let cookie = error(&[1, 2, 3, 4, 0, 0, 0, 0]);
    assert_eq!(
        cookie,
        BitmapError {
            offset: 0,
            expected: "the cookie 12346 or 12347"
        }
    );
    let mut falling = Bitmap::from_sorted(&[10, 20]).bytes().to_vec();
    falling[16] = 20;
    assert_eq!(
        error(&falling),
        BitmapError {
            offset: 16,
            expected: "rising members of an array"
        }
    );
}

#[test]
fn adjacent_runs_are_taken_and_written_smaller() {
    // Two runs 0..=9 and 10..=19, which a writer may leave apart.
    let bytes = [59, 48, 0, 0, 1, 0, 0, 19, 0, 2, 0, 0, 0, 9, 0, 10, 0, 9, 0];
    let bitmap = Bitmap::parse(Bytes::copy_from_slice(&bytes)).unwrap();
    assert_eq!(bitmap, Bitmap::from_range(0..20));
    assert_eq!(bitmap.rank(15), 15);
    let overlapping = [59, 48, 0, 0, 1, 0, 0, 19, 0, 2, 0, 0, 0, 9, 0, 9, 0, 9, 0];
    Bitmap::parse(Bytes::copy_from_slice(&overlapping)).unwrap_err();
}

#[test]
fn hostile_headers_are_refused_without_allocating_for_them() {
    let many = [0x3a, 0x30, 0, 0, 0xff, 0xff, 0xff, 0xff];
    Bitmap::parse(Bytes::copy_from_slice(&many)).unwrap_err();
    let no_runs = [59, 48, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    Bitmap::parse(Bytes::copy_from_slice(&no_runs)).unwrap_err();
}
