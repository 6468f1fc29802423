//! Random samples.

use super::patterns::hash;
use super::random::Random;

/// TABLESAMPLE BERNOULLI (tenths / 10) REPEATABLE (seed)
#[derive(Debug)]
pub(crate) struct Sample {
    tenths: u128,
    seed: u64,
}

impl Sample {
    /// Now and then one.
    pub(crate) fn random(random: &mut Random) -> Option<Self> {
        let tenths = *random.pick(&[0, 1, 125, 375, 500, 900, 999, 1000]);
        let seed = random.next() % 1000;
        random.one_in(8).then_some(Self { tenths, seed })
    }

    pub(crate) fn sql(&self) -> String {
        let Self { tenths, seed } = self;
        let (percent, tenth) = (tenths / 10, tenths % 10);
        format!(" TABLESAMPLE BERNOULLI ({percent}.{tenth}) REPEATABLE ({seed})")
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        u128::from(hash(key, &self.seed.to_string())) * 1000 < self.tenths << 64
    }
}
