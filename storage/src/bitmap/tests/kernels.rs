//! Chunks and containers against loops over sets of integers.

use std::collections::BTreeSet;

use super::sample::{Random, lows};
use crate::bitmap::dispatch::at_every_level;
use crate::bitmap::{Bitmap, BitmapWriter, Chunk, Container};

fn chunk_of(lows: &[u16]) -> Chunk {
    let mut chunk = Chunk::new();
    for low in lows {
        chunk.set(*low);
    }
    chunk
}

fn assert_members(chunk: &Chunk, expected: impl Iterator<Item = u16>, name: &str) {
    assert!(chunk.iter().eq(expected), "{name}");
}

#[test]
fn a_chunk_is_a_set() {
    for (name, lows) in lows() {
        let chunk = chunk_of(&lows);
        at_every_level(|| {
            assert_eq!(chunk.count() as usize, lows.len(), "{name}");
            assert!(!chunk.is_empty(), "{name}");
            assert_members(&chunk, lows.iter().copied(), &name);
            let mut visited = Vec::new();
            chunk.for_each(|low| visited.push(low));
            assert_eq!(visited, lows, "{name}");
            let mut others = chunk.clone();
            others.not();
            assert_members(
                &others,
                (0..=u16::MAX).filter(|low| !chunk.contains(*low)),
                &name,
            );
            for low in [0, 1, 63, 64, 100, 4095, 40_000, 65_534, 65_535] {
                let rank = lows.partition_point(|member| *member < low);
                assert_eq!(chunk.rank(low) as usize, rank, "{name}: {low}");
                let mut changed = chunk.clone();
                changed.set(low);
                assert!(changed.contains(low), "{name}: {low}");
                changed.remove(low);
                let rest = lows.iter().copied().filter(|member| *member != low);
                assert_members(&changed, rest, &name);
            }
        });
    }
    assert!(Chunk::new().is_empty());
    assert_eq!(Chunk::full().count(), 65_536);
}

#[test]
fn ranges_of_a_chunk() {
    let ends = [
        0, 1, 63, 64, 65, 127, 128, 1000, 65_471, 65_472, 65_535, 65_536,
    ];
    let mut random = Random::new(3);
    let lows: Vec<u16> = (0..=u16::MAX).filter(|_| random.below(3) == 0).collect();
    let chunk = chunk_of(&lows);
    for start in ends {
        let mut below = Chunk::full();
        below.fill_below(start);
        assert_members(&below, (0..start).map(|low| low as u16), "fill_below");
        for end in ends.into_iter().filter(|end| *end >= start) {
            let name = format!("{start}..{end}");
            let inside = |low: &u16| (start..end).contains(&usize::from(*low));
            let mut changed = Chunk::new();
            changed.set_range(start..end);
            assert_members(&changed, (start..end).map(|low| low as u16), &name);
            let bounds = (start < end).then(|| (start as u16, (end - 1) as u16));
            assert_eq!(changed.bounds(), bounds, "{name}");
            changed.copy_from(&chunk);
            changed.clear_range(start..end);
            assert_members(
                &changed,
                lows.iter().copied().filter(|low| !inside(low)),
                &name,
            );
            let count = lows.iter().filter(|low| inside(low)).count();
            assert_eq!(chunk.count_range(start..end) as usize, count, "{name}");
        }
    }
    let mut filled = chunk;
    filled.fill();
    assert_eq!(filled, Chunk::full());
    filled.clear();
    assert_eq!(filled, Chunk::new());
}

#[test]
fn containers_with_chunks() {
    let samples = lows();
    let mut random = Random::new(5);
    for (name, lows) in &samples {
        let values: Vec<u32> = lows.iter().map(|low| u32::from(*low)).collect();
        let bitmap = Bitmap::from_sorted(&values);
        let members: BTreeSet<u16> = lows.iter().copied().collect();
        let (_, container) = bitmap.chunk(0).unwrap();
        for _ in 0..6 {
            let (other_name, other) = &samples[random.below(samples.len() as u64) as usize];
            let name = format!("{name} with {other_name}");
            at_every_level(|| check_pair(container, lows, &members, other, &name));
        }
        at_every_level(|| check_pair(container, lows, &members, &[], name));
    }
}

fn check_pair(
    container: Container<'_>,
    lows: &[u16],
    members: &BTreeSet<u16>,
    other: &[u16],
    name: &str,
) {
    let chunk = chunk_of(other);
    let others: BTreeSet<u16> = other.iter().copied().collect();
    let changed = |change: &dyn Fn(&mut Chunk)| {
        let mut changed = chunk.clone();
        change(&mut changed);
        changed
    };
    let both: Vec<u16> = members.intersection(&others).copied().collect();

    assert_members(
        &changed(&|it| container.copy_into(it)),
        lows.iter().copied(),
        name,
    );
    let or = changed(&|it| container.or_into(it));
    assert_members(&or, members.union(&others).copied(), name);
    let and = changed(&|it| container.and_into(it));
    assert_members(&and, both.iter().copied(), name);
    let and_not = changed(&|it| container.and_not_into(it));
    assert_members(&and_not, others.difference(members).copied(), name);
    assert_eq!(container.and_len(&chunk) as usize, both.len(), "{name}");
    assert_eq!(container.intersects(&chunk), !both.is_empty(), "{name}");

    let mut visited = Vec::new();
    container.for_each_in(&chunk, |low, rank| {
        assert_eq!(lows[rank as usize], low, "{name}");
        visited.push(low);
    });
    assert_eq!(visited, both, "{name}");
    let mut visited = Vec::new();
    container.for_each(|low, rank| {
        assert_eq!(visited.len(), rank as usize, "{name}");
        visited.push(low);
    });
    assert_eq!(visited, lows, "{name}");

    let mut ranks = Chunk::full();
    container.ranks_in(&chunk, &mut ranks);
    let expected = both
        .iter()
        .map(|low| lows.binary_search(low).unwrap() as u16);
    assert_members(&ranks, expected, name);
    let mut at_ranks = Chunk::full();
    container.members_at(&ranks, &mut at_ranks);
    assert_members(&at_ranks, both.iter().copied(), name);
    // Ranks that no member has are nobody's.
    container.members_at(&chunk, &mut at_ranks);
    let expected = other
        .iter()
        .filter_map(|rank| lows.get(usize::from(*rank)).copied());
    assert_members(&at_ranks, expected, name);

    // The same between chunks.
    let own = chunk_of(lows);
    assert_eq!(changed(&|it| it.or(&own)), or, "{name}");
    assert_eq!(changed(&|it| it.and(&own)), and, "{name}");
    assert_eq!(changed(&|it| it.and_not(&own)), and_not, "{name}");
    let xor = changed(&|it| it.xor(&own));
    assert_members(&xor, members.symmetric_difference(&others).copied(), name);
    assert_eq!(
        Chunk::count_and(&chunk, &own) as usize,
        both.len(),
        "{name}"
    );
    assert_eq!(chunk.intersects(&own), !both.is_empty(), "{name}");
}

#[test]
fn one_container_at_a_time() {
    for (name, lows) in lows() {
        let mut writer = BitmapWriter::new();
        writer.push_sorted(9, &lows);
        let bitmap = writer.finish();
        let (first_rank, container) = bitmap.chunk(9).unwrap();
        assert_eq!(first_rank, 0, "{name}");
        assert_eq!(container.len() as usize, lows.len(), "{name}");
        assert_eq!(container.is_full(), lows.len() == 65_536, "{name}");
        assert_eq!(container.min(), lows[0], "{name}");
        assert_eq!(container.max(), lows[lows.len() - 1], "{name}");
        assert!(container.iter().eq(lows.iter().copied()), "{name}");
        at_every_level(|| {
            for low in (0..=u16::MAX).step_by(97).chain([u16::MAX]) {
                let found = lows.binary_search(&low);
                let rank = found.unwrap_or_else(|rank| rank) as u32;
                assert_eq!(container.contains(low), found.is_ok(), "{name}: {low}");
                assert_eq!(container.rank(low), rank, "{name}: {low}");
                assert_eq!(
                    container.position(low),
                    found.is_ok().then_some(rank),
                    "{name}"
                );
            }
        });
        for rank in (0..=lows.len())
            .step_by(1 + lows.len() / 100)
            .chain([lows.len()])
        {
            assert_eq!(
                container.select(rank as u32),
                lows.get(rank).copied(),
                "{name}: {rank}"
            );
        }
    }
}
