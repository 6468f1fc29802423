//! Quantiles: all numbers of a group, and what lies between two of them.

use tagdb_storage::schema::{NumberType, double_from_sortable, sortable_from_double};

use crate::bind::bound::Fraction;
use crate::decimal;
use crate::error::Result;
use crate::exec::budget::Budget;
use crate::literal::{from_stored, positive_zero};
use crate::value::{DataType, Value};

/// The form in which values of an expression are gathered.
pub(crate) fn gathered_as(data_type: DataType) -> NumberType {
    match data_type {
        DataType::Date => NumberType::Date,
        DataType::Timestamp => NumberType::Timestamp,
        // A decimal of an expression may have more digits than are stored; the result is a double.
        DataType::Double | DataType::Decimal { .. } => NumberType::Double,
        _ => NumberType::BigInt,
    }
}

/// A value in that form.
pub(crate) fn to_gathered(number: NumberType, value: &Value) -> Option<i64> {
    match (number, value) {
        (NumberType::Double, _) => value.to_double().map(sortable_from_double),
        (_, Value::Int(value) | Value::Timestamp(value)) => Some(*value),
        (_, Value::Date(days)) => Some(i64::from(*days)),
        _ => None,
    }
}

/// Adds a number, and takes the memory.
///
/// # Errors
/// `limit_exceeded`.
pub(crate) fn gather(numbers: &mut Vec<i64>, number: i64, budget: &Budget) -> Result<()> {
    if numbers.len() == numbers.capacity() {
        let more = numbers.len().max(4);
        budget.charge(more * size_of::<i64>())?;
        numbers.reserve_exact(more);
    }
    numbers.push(number);
    Ok(())
}

/// The number at a fraction of the way from the least to the largest; between two neighbours
/// in proportion, of dates and timestamps rounded down.
pub(crate) fn quantile(numbers: &mut [i64], number: NumberType, fraction: Fraction) -> Value {
    let Some(last) = numbers.len().checked_sub(1) else {
        return Value::Null;
    };
    let whole = u128::from(Fraction::WHOLE);
    let place = u128::from(fraction.units()) * last as u128;
    let (index, part) = ((place / whole) as usize, (place % whole) as i128);
    let (_, low, above) = numbers.select_nth_unstable(index);
    let low = *low;
    let high = match part {
        0 => low,
        _ => above.iter().copied().min().unwrap_or(low),
    };
    let whole = i128::from(Fraction::WHOLE);
    if number == NumberType::Double {
        let (low, high) = (double_from_sortable(low), double_from_sortable(high));
        return Value::Double(positive_zero(between(
            low,
            high,
            part as f64 / whole as f64,
        )));
    }
    // Below 2^64 times 10^18: exact.
    let units = i128::from(low) * whole + (i128::from(high) - i128::from(low)) * part;
    match number {
        NumberType::Date | NumberType::Timestamp => {
            let down = i64::try_from(units.div_euclid(whole)).unwrap_or(low);
            from_stored(number, down)
        }
        NumberType::Decimal { scale, .. } => fixed(units, scale),
        _ => fixed(units, 0),
    }
}

fn fixed(units: i128, scale: u8) -> Value {
    Value::Double(decimal::to_double(units, Fraction::SCALE + scale))
}

fn between(low: f64, high: f64, part: f64) -> f64 {
    let distance = high - low;
    if distance.is_finite() {
        low + distance * part
    } else {
        low * (1.0 - part) + high * part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[i64], number: NumberType, fraction: u64) -> Value {
        let fraction = Fraction::new(Fraction::WHOLE / 100 * fraction);
        quantile(
            &mut numbers.to_vec(),
            number,
            fraction.unwrap_or(Fraction::HALF),
        )
    }

    #[test]
    fn what_lies_between_is_exact() {
        let int = NumberType::BigInt;
        assert_eq!(of(&[], int, 50), Value::Null);
        assert_eq!(of(&[7], int, 99), Value::Double(7.0));
        assert_eq!(of(&[4, 1, 3, 2], int, 50), Value::Double(2.5));
        assert_eq!(of(&[4, 1, 3, 2], int, 0), Value::Double(1.0));
        assert_eq!(of(&[4, 1, 3, 2], int, 100), Value::Double(4.0));
        assert_eq!(of(&[i64::MIN, i64::MAX], int, 50), Value::Double(-0.5));
        // 0.29 * 100 is less than 29 as a double.
        let hundred: Vec<i64> = (0..=100).rev().collect();
        assert_eq!(of(&hundred, int, 29), Value::Double(29.0));
        let cents = NumberType::Decimal {
            precision: 10,
            scale: 2,
        };
        assert_eq!(of(&[75, 150], cents, 50), Value::Double(1.125));
        assert_eq!(of(&[-1, 0], NumberType::Date, 50), Value::Date(-1));
        assert_eq!(of(&hundred, NumberType::Date, 29), Value::Date(29));
        let huge = [f64::MAX, -f64::MAX].map(sortable_from_double);
        assert_eq!(of(&huge, NumberType::Double, 50), Value::Double(0.0));
    }
}
