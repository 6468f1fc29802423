//! Every unsafe block of the crate, on little enough that an interpreter of the language, which
//! knows what is undefined, comes to an end: see docs/testing.md.

use crate::bitmap::dispatch::at_every_level;
use crate::bitmap::{Bitmap, Chunk};
use crate::column::Vector;
use crate::prefetch::prefetch;

/// Members of a bitset container: more than an array may have.
const MANY: u32 = 4_097;

#[test]
fn kernels_and_ranks() {
    let few = Bitmap::from_sorted(&[0, 1, 63, 64, 4_096, 65_535]);
    let many: Vec<u32> = (0..MANY).map(|index| index * 15).collect();
    let many = Bitmap::from_sorted(&many);
    let runs = Bitmap::from_range(60..5_000);
    let mut audience = Chunk::new();
    few.write_chunk(0, &mut audience);
    audience.set_range(100..300);
    let vectors = [250, 60_000, 4_000_000_000, i64::MAX].map(|max| {
        let values: Vec<i64> = (0..200).map(|value| value * (max / 200)).collect();
        (Vector::from_values(&values), values)
    });
    at_every_level(|| {
        for bitmap in [&few, &many, &runs] {
            let (_, container) = bitmap.chunk(0).unwrap();
            let (mut ranks, mut members) = (Chunk::new(), Chunk::new());
            container.ranks_in(&audience, &mut ranks);
            container.members_at(&ranks, &mut members);
            let mut expected = audience.clone();
            container.and_into(&mut expected);
            assert_eq!(members, expected);
            assert_eq!(container.and_len(&audience), expected.count());
            assert_eq!(ranks.count(), expected.count());
        }
        for (vector, values) in &vectors {
            let mut selected = Chunk::new();
            vector.select_range(0, values.len(), values[10], values[20], &mut selected);
            assert!(selected.iter().eq(10..=20));
            let sum: i128 = values[10..=20].iter().map(|one| i128::from(*one)).sum();
            assert_eq!(vector.totals(0, &selected).sum, sum);
        }
    });
}

#[test]
fn places_outside_are_not_asked_for() {
    for at in [0, 2, 3, usize::MAX] {
        prefetch(&[1, 2, 3], at);
    }
}
