//! Random numbers that are the same on every machine.

/// SplitMix64.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but not, 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to, but not, the bound, which must not be 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in that share of cases.
    pub(super) fn is(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// Around 0 with a deviation of 1, near enough to normal: a sum of twelve.
    pub(super) fn normal(&mut self) -> f64 {
        let mut sum = -6.0;
        for _ in 0..12 {
            sum += self.unit();
        }
        sum
    }
}

/// Draws places of a list, the first most often: the n-th with weight 1 / n^exponent.
#[derive(Debug)]
pub(super) struct Zipf {
    /// Sums of weights, of all in the end 1.
    sums: Vec<f64>,
}

impl Zipf {
    pub(super) fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut sums: Vec<f64> = (1..=count)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        for partial in &mut sums {
            *partial /= sum;
        }
        Self { sums }
    }

    pub(super) fn draw(&self, random: &mut Random) -> usize {
        let share = random.unit();
        let place = self.sums.partition_point(|sum| *sum <= share);
        place.min(self.sums.len().saturating_sub(1))
    }
}
