//! Whole-bitmap operations against the `roaring` library.

use roaring::{MultiOps, RoaringBitmap};

use super::sample::{Random, sets};
use crate::bitmap::Bitmap;

struct Sample {
    name: String,
    bitmap: Bitmap,
    oracle: RoaringBitmap,
}

fn samples() -> Vec<Sample> {
    let sample = |(name, members): (String, Vec<u32>)| Sample {
        name,
        bitmap: Bitmap::from_sorted(&members),
        oracle: RoaringBitmap::from_sorted_iter(members).unwrap(),
    };
    sets().into_iter().map(sample).collect()
}

fn assert_is(bitmap: &Bitmap, mut expected: RoaringBitmap, name: &str) {
    expected.optimize();
    let mut bytes = Vec::new();
    expected.serialize_into(&mut bytes).unwrap();
    assert!(bitmap.bytes()[..] == bytes, "{name}");
    assert_eq!(
        *bitmap,
        Bitmap::parse(bitmap.bytes().clone()).unwrap(),
        "{name}"
    );
}

#[test]
fn pairs() {
    let samples = samples();
    let mut random = Random::new(13);
    for a in &samples {
        for _ in 0..5 {
            let b = &samples[random.below(samples.len() as u64) as usize];
            let name = format!("{} with {}", a.name, b.name);
            let pair = [&a.bitmap, &b.bitmap];
            assert_is(&Bitmap::union(&pair), &a.oracle | &b.oracle, &name);
            assert_is(&Bitmap::intersection(&pair), &a.oracle & &b.oracle, &name);
            assert_is(
                &a.bitmap.difference(&b.bitmap),
                &a.oracle - &b.oracle,
                &name,
            );
            assert_eq!(a.bitmap == b.bitmap, a.oracle == b.oracle, "{name}");
        }
        assert_is(
            &a.bitmap.difference(&a.bitmap),
            RoaringBitmap::new(),
            &a.name,
        );
    }
}

#[test]
fn many() {
    let samples = samples();
    let mut random = Random::new(17);
    for count in [0, 1, 3, 4, 10, 30] {
        for _ in 0..20 {
            let picked: Vec<&Sample> = (0..count)
                .map(|_| &samples[random.below(samples.len() as u64) as usize])
                .collect();
            let name = picked
                .iter()
                .map(|it| it.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            let bitmaps: Vec<&Bitmap> = picked.iter().map(|it| &it.bitmap).collect();
            let union = picked.iter().map(|it| &it.oracle).union();
            assert_is(&Bitmap::union(&bitmaps), union, &name);
            let intersection = picked.iter().map(|it| &it.oracle).intersection();
            assert_is(&Bitmap::intersection(&bitmaps), intersection, &name);
        }
    }
}

#[test]
fn results_of_runs_and_arrays_are_smallest() {
    let range = Bitmap::from_range(0..200_000);
    let odd: Vec<u32> = (0..200_000).filter(|value| value % 2 == 1).collect();
    let odd = Bitmap::from_sorted(&odd);
    assert_eq!(Bitmap::intersection(&[&range, &odd]).bytes(), odd.bytes());
    assert_eq!(Bitmap::union(&[&range, &odd]).bytes(), range.bytes());
    let even = range.difference(&odd);
    assert_eq!(even.len(), 100_000);
    assert_eq!(Bitmap::union(&[&even, &odd]).bytes(), range.bytes());
}
