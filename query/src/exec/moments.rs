//! Standard deviations: count, mean and sum of squared distances, kept so that parts add up.

use crate::error::{Error, Result};
use crate::value::Value;

/// What is known of some numbers (Welford's way, which cancels nothing out).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    count: u64,
    mean: f64,
    /// Of the distances from the mean.
    squares: f64,
}

impl Moments {
    /// Adds a number.
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }

    /// Adds other numbers (as Chan and others).
    pub(crate) fn merge(&mut self, other: Self) {
        if self.count == 0 || other.count == 0 {
            if self.count == 0 {
                *self = other;
            }
            return;
        }
        let count = (self.count + other.count) as f64;
        let distance = other.mean - self.mean;
        let part = other.count as f64 / count;
        self.squares += other.squares + distance * distance * self.count as f64 * part;
        self.mean += distance * part;
        self.count += other.count;
    }

    /// The standard deviation of a sample; NULL of fewer than two numbers.
    ///
    /// # Errors
    /// `overflow`.
    pub(crate) fn deviation(&self) -> Result<Value> {
        if self.count < 2 {
            return Ok(Value::Null);
        }
        let deviation = (self.squares / (self.count - 1) as f64).sqrt();
        if deviation.is_finite() {
            Ok(Value::Double(deviation))
        } else {
            Err(Error::overflow("stddev is outside the range of a DOUBLE"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let numbers: Vec<f64> = (0..1000).map(|n| 1e9 + f64::from(n * n % 97)).collect();
        let mean = numbers.iter().sum::<f64>() / 1000.0;
        let squares: f64 = numbers.iter().map(|n| (n - mean) * (n - mean)).sum();
        let expected = (squares / 999.0).sqrt();
        for parts in [1, 2, 3, 7, 999] {
            let mut all = Moments::default();
            for part in 0..parts {
                let mut own = Moments::default();
                let numbers = numbers.iter().skip(part).step_by(parts);
                numbers.for_each(|number| own.add(*number));
                all.merge(own);
            }
            let Ok(Value::Double(deviation)) = all.deviation() else {
                panic!("no deviation");
            };
            assert!(
                (deviation - expected).abs() < 1e-6,
                "{deviation} {expected}"
            );
        }
    }
}
