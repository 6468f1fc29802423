//! What two shares say of each other.

/// Which test a z-score is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// The audience is drawn from the base without putting back.
    Hypergeometric,
    /// The two are groups of their own.
    TwoProportion,
}

/// Whom a tag is known of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// In the audience: n.
    pub audience: u64,
    /// In the base: N.
    pub base: u64,
}

/// A value in the audience against the same in the base. Shares are of those whose tag is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Of the audience, those with the value: k.
    pub count: u64,
    /// k / n; nothing if n is 0.
    pub share: Option<f64>,
    /// Of the base, those with the value: K.
    pub base_count: u64,
    /// K / N; nothing if N is 0.
    pub base_share: Option<f64>,
    /// 100 (k/n) / (K/N); nothing if n or K is 0.
    pub tgi: Option<f64>,
    /// How many standard deviations the share is off what the base lets expect; nothing if there
    /// is no deviation at all.
    pub z: Option<f64>,
}

impl Compared {
    /// Compares k of n with K of N.
    #[must_use]
    pub fn new(count: u64, base_count: u64, known: Known, test: Test) -> Self {
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let (own, base) = (share(count, known.audience), share(base_count, known.base));
        let z = match test {
            Test::Hypergeometric => hypergeometric(count, base_count, known),
            Test::TwoProportion => two_proportion(count, base_count, known),
        };
        Self {
            count,
            share: own,
            base_count,
            base_share: base,
            tgi: (base_count > 0)
                .then(|| Some(100.0 * own? / base?))
                .flatten(),
            z: z.filter(|z| z.is_finite()),
        }
    }

    /// JLH = (p - q) (p / q) of a value whose share p is above the base's share q; nothing else
    /// has one, and neither has a value that nobody of the base has.
    #[must_use]
    pub fn jlh(&self) -> Option<f64> {
        let (p, q) = (self.share?, self.base_share?);
        (p > q && q > 0.0).then(|| (p - q) * (p / q))
    }
}

fn hypergeometric(count: u64, base_count: u64, known: Known) -> Option<f64> {
    let (k, n) = (count as f64, known.audience as f64);
    let (base_k, base_n) = (base_count as f64, known.base as f64);
    if known.base < 2 {
        return None;
    }
    let share = base_k / base_n;
    let variance = n * share * (1.0 - share) * (base_n - n) / (base_n - 1.0);
    (variance > 0.0).then(|| (k - n * share) / variance.sqrt())
}

fn two_proportion(count: u64, base_count: u64, known: Known) -> Option<f64> {
    let (k, n) = (count as f64, known.audience as f64);
    let (base_k, base_n) = (base_count as f64, known.base as f64);
    if known.audience == 0 || known.base == 0 {
        return None;
    }
    let pooled = (k + base_k) / (n + base_n);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / base_n);
    (variance > 0.0).then(|| (k / n - base_k / base_n) / variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn a_sample_is_compared_with_what_it_is_drawn_from() {
        let known = Known {
            audience: 10,
            base: 100,
        };
        let found = Compared::new(6, 30, known, Test::Hypergeometric);
        near(found.share, 0.6);
        near(found.base_share, 0.3);
        near(found.tgi, 200.0);
        // Mean 3, variance 10 * 0.3 * 0.7 * 90 / 99.
        near(found.z, 3.0 / (21.0_f64 / 11.0).sqrt());
        near(found.jlh(), 0.3 * 2.0);
    }

    #[test]
    fn two_groups_are_compared_by_their_pooled_share() {
        let known = Known {
            audience: 50,
            base: 80,
        };
        let found = Compared::new(30, 32, known, Test::TwoProportion);
        let pooled: f64 = 62.0 / 130.0;
        let deviation = (pooled * (1.0 - pooled) * (1.0 / 50.0 + 1.0 / 80.0)).sqrt();
        near(found.z, (0.6 - 0.4) / deviation);
        near(found.tgi, 150.0);
    }

    #[test]
    fn nothing_is_said_where_nothing_deviates() {
        let known = |audience, base| Known { audience, base };
        for (k, all, known) in [
            (0, 0, known(0, 0)),
            (1, 1, known(1, 1)),
            (5, 10, known(10, 10)),
            (3, 20, known(3, 20)),
            (0, 0, known(3, 20)),
            (0, 7, known(0, 20)),
        ] {
            let found = Compared::new(k, all, known, Test::Hypergeometric);
            assert_eq!(found.z, None, "{k} {all} {known:?}");
        }
        for (k, all, known) in [
            (0, 0, known(0, 20)),
            (3, 0, known(3, 0)),
            (3, 20, known(3, 20)),
            (0, 0, known(3, 20)),
        ] {
            let found = Compared::new(k, all, known, Test::TwoProportion);
            assert_eq!(found.z, None, "{k} {all} {known:?}");
        }
        let new = Compared::new(3, 0, known(5, 20), Test::TwoProportion);
        assert_eq!((new.tgi, new.jlh()), (None, None));
        let none = Compared::new(0, 4, known(5, 20), Test::TwoProportion);
        assert_eq!((none.tgi, none.jlh()), (Some(0.0), None));
    }
}
