//! What to compact next: a pure function from the stacks of a partition to a job.
//!
//! Stacks are looked at tag by tag. Deltas are merged by fours when the newest ones have grown
//! alike; everything is merged into base form when the deltas reach a quarter of the base.

use std::ops::Range;

/// So many neighbours of like size become one.
const FAN_IN: usize = 4;

/// Neighbours are alike when none is more than so many times as large as all newer ones together.
const ALIKE: u64 = 2;

/// The run of a tag's segments to merge, by their sizes in bytes, oldest first. More than `max` never
/// stay as they are: writers are refused soon, and without them nothing new would make any alike.
#[must_use]
pub(super) fn choose(sizes: &[u64], max: usize) -> Option<Range<usize>> {
    let count = sizes.len();
    if count < 2 {
        return None;
    }
    let deltas: u64 = sizes[1..].iter().sum();
    if deltas.saturating_mul(4) >= sizes[0] && (count > FAN_IN || deltas >= sizes[0]) {
        return Some(0..count);
    }
    let mut newer = sizes[count - 1];
    let mut first = count - 1;
    while first > 1 && sizes[first - 1] <= newer.saturating_mul(ALIKE) {
        first -= 1;
        newer += sizes[first];
    }
    if count - first >= FAN_IN {
        return Some(first..count);
    }
    (count > max.max(FAN_IN)).then_some(1..count)
}

/// A smaller file may hold as much as it likes that nobody reads.
const SPARSE_BYTES_MIN: u64 = 1 << 20;

/// Whether so little of a file is still read that copying it is worth the space of the file.
#[must_use]
pub(super) fn is_sparse(read_bytes: u64, file_bytes: u64) -> bool {
    file_bytes >= SPARSE_BYTES_MIN && read_bytes.saturating_mul(4) < file_bytes
}

/// A partition has at most so many key segments.
const KEY_SEGMENTS_MAX: usize = 4;

/// The run of neighbouring key segments to merge, by their numbers of ordinals: the newest, as many
/// as it takes, and older ones that are not much larger.
#[must_use]
pub(super) fn choose_keys(counts: &[u64]) -> Option<Range<usize>> {
    if counts.len() <= KEY_SEGMENTS_MAX {
        return None;
    }
    let mut first = counts.len() - 1;
    let mut newer = counts[first];
    while first > 0
        && (first >= KEY_SEGMENTS_MAX || counts[first - 1] <= newer.saturating_mul(ALIKE))
    {
        first -= 1;
        newer += counts[first];
    }
    Some(first..counts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_segments_stay_few_and_writing_is_bounded() {
        assert_eq!(choose_keys(&[9, 1, 1, 1]), None);
        assert_eq!(choose_keys(&[1, 1, 1, 1, 1]), Some(0..5));
        assert_eq!(choose_keys(&[90, 9, 1, 1, 1]), Some(2..5));
        assert_eq!(choose_keys(&[900, 300, 90, 9, 1]), Some(3..5));
        let (mut counts, mut written) = (Vec::new(), 0);
        for _ in 0..1_000 {
            counts.push(1);
            if let Some(run) = choose_keys(&counts) {
                let merged: u64 = counts[run.clone()].iter().sum();
                written += merged;
                counts.splice(run, [merged]);
            }
            assert!(counts.len() <= KEY_SEGMENTS_MAX);
        }
        assert!(written <= 12_000, "{written} keys written for 1,000");
    }

    #[test]
    fn deltas_merge_by_fours_and_into_the_base_from_a_quarter() {
        assert_eq!(choose(&[1000], 32), None);
        assert_eq!(choose(&[1000, 10], 32), None);
        assert_eq!(choose(&[1000, 10, 10, 10], 32), None);
        assert_eq!(choose(&[1000, 10, 10, 10, 10], 32), Some(1..5));
        assert_eq!(choose(&[1000, 100, 10, 10, 10], 32), None);
        assert_eq!(choose(&[1000, 40, 40, 40, 40], 32), Some(1..5));
        assert_eq!(choose(&[1000, 160, 60, 20, 10], 32), Some(0..5));
        assert_eq!(choose(&[10, 10], 32), Some(0..2));
    }

    #[test]
    fn too_many_layers_are_merged_whatever_their_sizes() {
        // Merges failed for a while, and the newest layer is nothing beside the others.
        let mut sizes = vec![1 << 24];
        sizes.extend([1 << 16; 40]);
        sizes.push(40);
        assert_eq!(choose(&sizes, 64), None);
        assert_eq!(choose(&sizes, 32), Some(1..42));
        let falling: Vec<u64> = (0..9).map(|place| 6_u64.pow(12 - place)).collect();
        assert_eq!(choose(&falling, 4), Some(1..9));
    }

    /// Random flush sizes: stacks stay shallow, and each byte is rewritten a bounded number of
    /// times.
    #[test]
    fn stacks_stay_shallow_and_writing_is_bounded() {
        for seed in 0..50_u64 {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut sizes = vec![if seed % 2 == 0 { 1 << 20 } else { 1 }];
            let (mut written, mut given, mut deepest) = (0, 0, 0);
            for _ in 0..2_000 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let size = 1 + (state >> 33) % 1_000;
                sizes.push(size);
                given += size;
                while let Some(run) = choose(&sizes, 32) {
                    let merged: u64 = sizes[run.clone()].iter().sum();
                    written += merged;
                    sizes.splice(run, [merged]);
                }
                deepest = deepest.max(sizes.len());
            }
            assert!(deepest <= 24, "{deepest} layers with seed {seed}");
            assert!(written <= given * 20, "{written} bytes written for {given}");
        }
    }
}
