//! Searching rising numbers of 16 bits that are mostly spread evenly.

/// Where the first of `count` rising numbers that is not below `wanted` should be.
pub(crate) const fn guess(count: usize, wanted: u16) -> usize {
    (wanted as usize * count) >> 16
}

/// The first of `count` rising numbers that is not below `wanted`. Where they are
/// spread evenly its place is nearly known: steps from there, which double, stay within few cache
/// lines.
pub(crate) fn first_at_least(count: usize, wanted: u16, at: &impl Fn(usize) -> u16) -> usize {
    let guess = guess(count, wanted);
    let mut step = 16;
    let (mut low, mut high) = (guess, guess);
    while low > 0 && at(low - 1) >= wanted {
        high = low - 1;
        low = low.saturating_sub(step);
        step *= 2;
    }
    while high < count && at(high) < wanted {
        low = high + 1;
        high = (high + step).min(count);
        step *= 2;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if at(middle) < wanted {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::first_at_least;

    #[test]
    fn numbers_are_found_however_they_are_spread() {
        let spread = (0..9_000_u32).map(|n| (n.wrapping_mul(0x9E37_79B1) >> 16) as u16);
        let mut samples: Vec<Vec<u16>> = vec![
            vec![],
            vec![0],
            vec![u16::MAX; 3],
            vec![7; 8_192],
            spread.collect(),
            (0..500).collect(),
            (u16::MAX - 500..=u16::MAX).collect(),
        ];
        for numbers in &mut samples {
            numbers.sort_unstable();
            let near = numbers
                .iter()
                .flat_map(|p| [p.saturating_sub(1), *p, p.saturating_add(1)]);
            for wanted in near.chain([0, 1 << 15, u16::MAX]) {
                let found = first_at_least(numbers.len(), wanted, &|index| numbers[index]);
                assert_eq!(found, numbers.partition_point(|number| *number < wanted));
            }
        }
    }
}
