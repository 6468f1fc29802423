//! Kernels over vectors against loops over their values.

use std::collections::BTreeSet;

use super::vector::samples;
use crate::bitmap::dispatch::at_every_level;
use crate::bitmap::tests::sample::{Random, lows};
use crate::bitmap::{Bitmap, Chunk};
use crate::column::{CodeSet, Totals, Vector};

/// Ranges whose ends lie before, at, inside, at and after those of the values.
fn ranges(values: &[i64], random: &mut Random) -> Vec<(i64, i64)> {
    let (min, max) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
    let mut pick = || values[random.below(values.len() as u64) as usize];
    let ends = [
        i64::MIN,
        min.saturating_sub(1),
        min,
        min.saturating_add(1),
        pick(),
        pick(),
        max.saturating_sub(1),
        max,
        max.saturating_add(1),
        i64::MAX,
    ];
    let pairs = ends
        .iter()
        .flat_map(|low| ends.iter().map(|high| (*low, *high)));
    pairs.collect()
}

fn assert_members(chunk: &Chunk, expected: impl Iterator<Item = usize>, name: &str) {
    assert!(chunk.iter().map(usize::from).eq(expected), "{name}");
}

#[test]
fn dense_ranges() {
    let mut random = Random::new(29);
    let mut out = Chunk::full();
    for (name, values) in samples()
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
    {
        let vector = Vector::from_values(&values);
        let start = random.below(values.len() as u64 / 2 + 1) as usize;
        let len = (values.len() - start).min(65_536);
        for (low, high) in ranges(&values, &mut random).into_iter().step_by(3) {
            at_every_level(|| {
                vector.select_range(start, len, low, high, &mut out);
                let expected = (0..len).filter(|at| (low..=high).contains(&values[start + at]));
                assert_members(&out, expected, &format!("{name}: {low}..={high}"));
            });
        }
    }
}

/// Vectors of codes of each width; the greatest code is in each.
fn codes(len: usize) -> Vec<(usize, Vec<i64>)> {
    let mut random = Random::new(31);
    let kinds = [
        (1, 1),
        (2, 1),
        (3, 1),
        (200, 1),
        (300, 1),
        (70_000, 1),
        (5, 3),
    ];
    let vectors = kinds.map(|(count, step)| {
        let mut values: Vec<i64> = (0..len)
            .map(|_| (random.below(count) * step) as i64)
            .collect();
        values[len / 2] = ((count - 1) * step) as i64;
        ((count * step) as usize, values)
    });
    vectors.to_vec()
}

/// Sets of no code, of ranges of codes and of many codes; some ask for more than there are.
fn code_sets(count: u32) -> Vec<BTreeSet<u32>> {
    vec![
        BTreeSet::new(),
        BTreeSet::from([0]),
        BTreeSet::from([count - 1]),
        BTreeSet::from([1, 2, 3, 70, 299, 400]),
        (0..count).collect(),
        (0..count + 5).step_by(3).collect(),
        (1..count.max(300)).filter(|code| code % 7 != 0).collect(),
    ]
}

fn audiences() -> Vec<(String, Chunk)> {
    let mut all = vec![("nobody".to_owned(), Chunk::new())];
    for (name, lows) in lows() {
        let mut chunk = Chunk::new();
        lows.iter().for_each(|low| chunk.set(*low));
        all.push((name, chunk));
    }
    all
}

fn totals_of(values: impl Iterator<Item = i64> + Clone) -> Totals {
    Totals {
        count: values.clone().count() as u64,
        sum: values.clone().map(i128::from).sum(),
        bounds: values.clone().min().zip(values.max()),
    }
}

fn histogram_of(values: impl Iterator<Item = i64>, len: usize) -> Vec<u64> {
    let mut counts = vec![1; len];
    values.for_each(|value| counts[value as usize] += 1);
    counts
}

#[test]
fn dense_codes_histograms_and_totals() {
    let mut out = Chunk::full();
    for (count, values) in codes(65_600) {
        let vector = Vector::from_values(&values);
        let sets = code_sets(count as u32);
        for (start, len) in [(0, 65_536), (64, 65_536), (5, 1000), (65_599, 1), (0, 0)] {
            for asked in &sets {
                let set = asked.iter().copied().collect::<CodeSet>();
                at_every_level(|| {
                    vector.select_codes(start, len, &set, &mut out);
                    let is_asked = |at: &usize| asked.contains(&(values[start + at] as u32));
                    assert_members(&out, (0..len).filter(is_asked), &format!("{count} codes"));
                });
            }
        }
        for (name, audience) in audiences() {
            let name = format!("{count} codes, {name}");
            let audience_values = || audience.iter().map(|low| values[64 + usize::from(low)]);
            at_every_level(|| {
                let mut counts = vec![1; count];
                vector.histogram(64, &audience, &mut counts);
                assert_eq!(counts, histogram_of(audience_values(), count), "{name}");
                assert_eq!(
                    vector.totals(64, &audience),
                    totals_of(audience_values()),
                    "{name}"
                );
            });
        }
    }
}

#[test]
fn totals_are_exact() {
    let mut random = Random::new(37);
    for (name, values) in samples()
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
    {
        let vector = Vector::from_values(&values);
        let len = values.len().min(65_536);
        let mut audience = Chunk::new();
        for dense in [false, true] {
            audience.fill_below(len);
            if !dense {
                (0..len as u32)
                    .filter(|_| random.below(3) > 0)
                    .for_each(|at| {
                        audience.remove(at as u16);
                    });
            }
            let expected = totals_of(audience.iter().map(|low| values[usize::from(low)]));
            at_every_level(|| assert_eq!(vector.totals(0, &audience), expected, "{name}"));
        }
    }
}

#[test]
fn ranked() {
    let mut random = Random::new(41);
    let mut out = Chunk::full();
    let audiences = audiences();
    let kinds = codes(65_600);
    for (kind, (container_name, lows)) in lows().into_iter().enumerate() {
        // Members in two chunks, so that ranks in the second do not begin at 0.
        let members: Vec<u32> = (0..5)
            .chain(lows.iter().map(|low| 1 << 16 | u32::from(*low)))
            .collect();
        let bitmap = Bitmap::from_sorted(&members);
        let (first, container) = bitmap.chunk(1).unwrap();
        for _ in 0..4 {
            let (count, values) = &kinds[(kind + random.below(3) as usize) % kinds.len()];
            let vector = Vector::from_values(values);
            let (audience_name, audience) =
                &audiences[random.below(audiences.len() as u64) as usize];
            let name = format!("{container_name}, {audience_name}, {count} codes");
            let value_of = |low: &u16| values[5 + lows.binary_search(low).unwrap()];
            let both = || {
                audience
                    .iter()
                    .filter(|low| lows.binary_search(low).is_ok())
            };
            let sets = code_sets(*count as u32);
            let asked = &sets[random.below(sets.len() as u64) as usize];
            let set = asked.iter().copied().collect::<CodeSet>();
            let ranges = ranges(values, &mut random);
            at_every_level(|| {
                for (low, high) in ranges.iter().step_by(11) {
                    vector.select_range_ranked((first, container), audience, *low, *high, &mut out);
                    let expected = both().filter(|it| (*low..=*high).contains(&value_of(it)));
                    assert_members(&out, expected.map(usize::from), &name);
                }
                vector.select_codes_ranked((first, container), audience, &set, &mut out);
                let expected = both().filter(|it| asked.contains(&(value_of(it) as u32)));
                assert_members(&out, expected.map(usize::from), &name);
                let mut counts = vec![1; *count];
                vector.histogram_ranked((first, container), audience, &mut counts);
                let selected = || both().map(|it| value_of(&it)).collect::<Vec<_>>();
                assert_eq!(
                    counts,
                    histogram_of(selected().into_iter(), *count),
                    "{name}"
                );
                let expected = totals_of(selected().into_iter());
                assert_eq!(
                    vector.totals_ranked((first, container), audience),
                    expected,
                    "{name}"
                );
            });
        }
    }
}

#[test]
fn negative_values_are_no_codes() {
    let values: Vec<i64> = (-500..500).collect();
    let vector = Vector::from_values(&values);
    let mut out = Chunk::full();
    for set in [vec![0, 1, 2], (0..900).step_by(2).collect()] {
        vector.select_codes(0, 1000, &set.iter().copied().collect(), &mut out);
        let expected = (0..1000).filter(|at| set.contains(&(values[*at] as u32)));
        assert_members(&out, expected, "codes above 0");
    }
    let set: CodeSet = [7, 3].into_iter().collect();
    assert!(set.contains(3) && set.contains(7) && !set.contains(-7) && !set.contains(8));
}

#[test]
#[should_panic(expected = "an audience beyond the vector")]
fn an_audience_must_have_values() {
    let mut audience = Chunk::new();
    audience.set(3);
    let _ = Vector::constant(7, 3).totals(0, &audience);
}
