//! Sets to test with: every kind of container, sizes at every boundary.

use std::collections::BTreeSet;

/// A small generator of reproducible numbers.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Members of one chunk: name and low bits, rising.
pub(crate) fn lows() -> Vec<(String, Vec<u16>)> {
    let mut random = Random::new(7);
    let mut all = Vec::new();
    for len in [1, 2, 3, 100, 4095, 4096, 4097, 30_000, 65_535] {
        let mut lows = BTreeSet::new();
        while lows.len() < len {
            lows.insert(random.next() as u16);
        }
        all.push((format!("{len} random"), lows.into_iter().collect()));
    }
    for (start, len, step) in [
        (0, 65_536, 1),
        (0, 4, 1),
        (65_532, 4, 1),
        (0, 3, 1),
        (1, 65_535, 1),
        (0, 65_535, 1),
        (100, 5000, 1),
        (63, 2, 1),
        (0, 4096, 2),
        (0, 4097, 2),
        (1, 32_768, 2),
        (65_535, 1, 1),
        (0, 1, 1),
    ] {
        let values = (0..len)
            .map(|index| (start + index * step) as u16)
            .collect();
        all.push((format!("{len} from {start} by {step}"), values));
    }
    for runs in [1_usize, 2, 1365, 1366, 2046, 2047, 2048, 2049, 6000] {
        let step = 65_536 / runs;
        let mut lows = BTreeSet::new();
        for run in 0..runs {
            let len = 1 + random.below(step as u64 - 1) as usize;
            lows.extend((run * step..run * step + len).map(|low| low as u16));
        }
        all.push((format!("{runs} runs"), lows.into_iter().collect()));
    }
    all.push(("pairs of threes".to_owned(), vec![1, 2, 3, 7, 8, 9]));
    all
}

/// Whole sets: name and members, rising.
pub(crate) fn sets() -> Vec<(String, Vec<u32>)> {
    let mut all = vec![("empty".to_owned(), Vec::new())];
    let lows = lows();
    let at = |key: u32, lows: &[u16]| -> Vec<u32> {
        lows.iter().map(|low| key << 16 | u32::from(*low)).collect()
    };
    for (name, lows) in &lows {
        all.push((format!("{name} in chunk 0"), at(0, lows)));
        all.push((format!("{name} in chunk 0xffff"), at(0xffff, lows)));
    }
    // Two to forty chunks of changing kinds: with and without offset header and kept ranks.
    for (count, first, step) in [
        (2, 0, 1),
        (3, 5, 7),
        (4, 0xfffc, 1),
        (8, 0, 1),
        (9, 2, 1),
        (10, 0, 6000),
        (40, 0, 1),
    ] {
        let set = (0..count)
            .flat_map(|index| {
                at(
                    (first + index * step) as u32,
                    &lows[(index * 5) % lows.len()].1,
                )
            })
            .collect();
        all.push((format!("{count} chunks"), set));
        let sparse = (0..count)
            .map(|index| ((first + index * step) as u32) << 16 | 77)
            .collect();
        all.push((format!("{count} chunks of one"), sparse));
    }
    all
}
