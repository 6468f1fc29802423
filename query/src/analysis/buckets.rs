//! Where the buckets of a number or date begin: as asked, or at round numbers.

use tagdb_storage::column::Spread;
use tagdb_storage::schema::{NumberType, double_from_sortable, sortable_from_double};

use crate::bind::Param;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::literal::{
    DATE_MAX, DATE_MIN, MICROSECONDS_PER_DAY, civil_from_days, days_from_civil, parse_number,
};
use crate::value::DataType;

/// Bounds that a request may give of one tag.
const BOUNDS_MAX: usize = 1_000;
/// Buckets that automatic bounds aim at.
const BUCKETS: u64 = 10;
/// Automatic buckets are laid over all but this part of the audience, at either end.
const TAIL: f64 = 0.01;

/// Bounds as a request gives them, as stored.
///
/// # Errors
/// `bad_parameter` if they do not rise, `type_mismatch` or `overflow` if one is not of the type,
/// `limit_exceeded`.
pub(super) fn given(name: &str, kind: NumberType, bounds: &[Param]) -> Result<Vec<i64>> {
    Limits::check("buckets", bounds.len(), BOUNDS_MAX)?;
    let bound = |bound: &Param| match bound {
        Param::Number(text) | Param::Text(text) => parse_number(kind, text),
        _ => {
            let kind = DataType::from(kind);
            let detail = format!("a bound of {name:?} is not a {kind}");
            Err(Error::type_mismatch(detail))
        }
    };
    let bounds = bounds.iter().map(bound).collect::<Result<Vec<_>>>()?;
    if bounds.windows(2).any(|pair| pair[0] >= pair[1]) {
        let detail = format!("the bounds of the buckets of {name:?} do not rise");
        return Err(Error::new("bad_parameter", detail));
    }
    Ok(bounds)
}

/// Round bounds, rising, that part most of the values into about ten buckets.
pub(super) fn automatic(kind: NumberType, spread: &Spread) -> Vec<i64> {
    let Some((min, max)) = spread.totals().bounds else {
        return Vec::new();
    };
    let count = spread.totals().count;
    // Those whose extremes are known may be gone.
    let Some(last) = count.checked_sub(1) else {
        return Vec::new();
    };
    let tail = (count as f64 * TAIL) as u64;
    let low = spread.rank(tail).map_or(min, |((low, _), _)| low.max(min));
    let high = spread.rank(last - tail.min(last));
    let high = high.map_or(max, |((_, high), _)| high.min(max));
    if low >= high {
        return Vec::new();
    }
    match kind {
        NumberType::Double => doubles(double_from_sortable(low), double_from_sortable(high)),
        NumberType::Date => days(low, high),
        NumberType::Timestamp => timestamps(low, high),
        NumberType::SmallInt
        | NumberType::Int
        | NumberType::BigInt
        | NumberType::Decimal { .. } => {
            let step = high.abs_diff(low).div_ceil(BUCKETS);
            let mut round = 1_u64;
            while round < step {
                round = next_round(round);
            }
            multiples(low, high, i64::try_from(round).unwrap_or(i64::MAX))
        }
    }
}

/// 1, 2, 5, 10, 20, 50, ...
const fn next_round(round: u64) -> u64 {
    let mut leading = round;
    while leading >= 10 {
        leading /= 10;
    }
    match leading {
        2 => round.saturating_mul(5) / 2,
        _ => round.saturating_mul(2),
    }
}

/// The multiples of a step above `low`, up to `high`.
fn multiples(low: i64, high: i64, step: i64) -> Vec<i64> {
    let first = low.div_euclid(step).checked_add(1);
    let mut bounds = Vec::new();
    let mut next = first.and_then(|first| first.checked_mul(step));
    while let Some(bound) = next.filter(|bound| *bound <= high) {
        bounds.push(bound);
        next = bound.checked_add(step);
    }
    bounds
}

fn doubles(low: f64, high: f64) -> Vec<i64> {
    let step = (high - low) / BUCKETS as f64;
    if !step.is_finite() || step <= 0.0 {
        return vec![sortable_from_double(0.0)];
    }
    let power = 10_f64.powf(step.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|leading| leading * power);
    let step = round.into_iter().find(|round| *round >= step);
    let step = step.unwrap_or(power * 10.0);
    let first = (low / step).floor();
    let mut bounds: Vec<i64> = (1..=2 * BUCKETS)
        .map(|place| (first + place as f64) * step)
        .filter(|bound| bound.is_finite() && *bound > low && *bound <= high)
        .map(sortable_from_double)
        .collect();
    bounds.dedup();
    bounds
}

/// Single days, weeks from Monday, months, quarters, years, or round numbers of years.
fn days(low: i64, high: i64) -> Vec<i64> {
    let step = high.abs_diff(low).div_ceil(BUCKETS);
    match step {
        0 | 1 => multiples(low, high, 1),
        // 1970-01-05 was a Monday.
        2..=7 => {
            let weeks = multiples(low - 4, high - 4, 7);
            weeks.into_iter().map(|day| day + 4).collect()
        }
        8..=31 => months(low, high, 1),
        32..=92 => months(low, high, 3),
        _ => {
            let mut years = 1;
            while years * 366 < step {
                years = next_round(years);
            }
            months(low, high, i64::try_from(years * 12).unwrap_or(i64::MAX))
        }
    }
}

/// The first days of every so many months, counted from the year 0.
fn months(low: i64, high: i64, step: i64) -> Vec<i64> {
    let month = |days: i64| {
        let days = days.clamp(i64::from(DATE_MIN), i64::from(DATE_MAX));
        let (year, month, _) = civil_from_days(days);
        year * 12 + month - 1
    };
    let firsts = multiples(month(low) - 1, month(high), step).into_iter();
    let days = firsts.map(|m| days_from_civil(m.div_euclid(12), m.rem_euclid(12) + 1, 1));
    days.filter(|day| low < *day && *day <= high).collect()
}

fn timestamps(low: i64, high: i64) -> Vec<i64> {
    let day = MICROSECONDS_PER_DAY;
    let step = high.abs_diff(low).div_ceil(BUCKETS);
    if step > day as u64 / 2 {
        let days = days(low.div_euclid(day), high.div_euclid(day)).into_iter();
        let moments = days.map(|days| days * day);
        return moments.filter(|moment| low < *moment).collect();
    }
    let second = 1_000_000;
    let steps = [1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600, 43_200].map(|s| s * second);
    let round = steps.into_iter().find(|round| *round as u64 >= step);
    let mut small = 1;
    while small < step {
        small = next_round(small);
    }
    match round {
        Some(round) if step > second as u64 / 2 => multiples(low, high, round),
        _ => multiples(low, high, small as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::literal::{parse_date, parse_timestamp};

    fn spread(values: impl IntoIterator<Item = i64>) -> Spread {
        let mut spread = Spread::default();
        values.into_iter().for_each(|value| spread.add(value));
        spread
    }

    #[test]
    fn integers_are_cut_at_round_numbers() {
        let of =
            |values: std::ops::RangeInclusive<i64>| automatic(NumberType::Int, &spread(values));
        assert_eq!(of(1..=1), []);
        assert_eq!(of(1..=3), [2, 3]);
        assert_eq!(of(18..=95), [20, 30, 40, 50, 60, 70, 80, 90]);
        assert_eq!(of(-150..=150), [-100, -50, 0, 50, 100]);
        let far = automatic(NumberType::BigInt, &spread([i64::MIN, 0, i64::MAX]));
        assert!(far.len() < 20 && far.is_sorted(), "{far:?}");
    }

    #[test]
    fn a_few_far_away_make_no_buckets() {
        let values = (0..1_000).map(|n| n % 10).chain([1_000_000]);
        let bounds = automatic(NumberType::Int, &spread(values));
        // So far apart, values are counted sixteen together.
        assert_eq!(bounds, [2, 4, 6, 8, 10, 12, 14]);
    }

    #[test]
    fn doubles_are_cut_at_round_numbers() {
        let values = (0..100).map(|n| sortable_from_double(f64::from(n) / 100.0));
        let bounds = automatic(NumberType::Double, &spread(values));
        let bounds: Vec<f64> = bounds.into_iter().map(double_from_sortable).collect();
        assert!(bounds.len() >= 4 && bounds.len() <= 20, "{bounds:?}");
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        for values in [
            [f64::MIN, f64::MAX],
            [5e-324, 1e-323],
            [-0.1, 0.1],
            [1e300, 1e308],
        ] {
            let bounds = automatic(
                NumberType::Double,
                &spread(values.map(sortable_from_double)),
            );
            assert!(
                bounds.len() <= 21 && bounds.is_sorted(),
                "{values:?} {bounds:?}"
            );
        }
    }

    #[test]
    fn dates_are_cut_where_calendars_are() {
        let text = |low: &str, high: &str| {
            let [low, high] = [low, high].map(|day| i64::from(parse_date(day).unwrap()));
            let bounds = days(low, high).into_iter();
            let shown = bounds.map(civil_from_days);
            shown
                .map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(text("2026-01-01", "2026-01-04").len(), 3);
        let weeks = text("2026-11-01", "2026-12-20");
        assert_eq!(weeks.first().unwrap(), "2026-11-02");
        assert_eq!(weeks.get(1).unwrap(), "2026-11-09");
        let months = text("2026-01-15", "2026-10-20");
        assert_eq!(months.first().unwrap(), "2026-02-01");
        assert_eq!(months.len(), 9);
        let years = text("1950-06-01", "2010-01-01");
        assert_eq!(years.first().unwrap(), "1960-01-01");
        assert_eq!(years.len(), 6);
        let all = text("0001-01-01", "9999-12-31");
        assert!(all.len() <= 11, "{all:?}");
    }

    #[test]
    fn moments_are_cut_where_clocks_are() {
        let of = |low: &str, high: &str| {
            let [low, high] = [low, high].map(|moment| parse_timestamp(moment).unwrap());
            timestamps(low, high)
        };
        let hour = 3_600_000_000;
        let hours = of("2026-11-20T00:10:00Z", "2026-11-20T09:30:00Z");
        assert!(
            hours.iter().all(|moment| moment % hour == 0) && hours.len() == 9,
            "{hours:?}"
        );
        let days = of("2026-11-20T00:10:00Z", "2026-11-29T09:30:00Z");
        assert!(
            days.iter().all(|moment| moment % (24 * hour) == 0),
            "{days:?}"
        );
        assert_eq!(timestamps(3, 9), [4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn given_bounds_rise_and_fit() {
        let number = |text: &str| Param::Number(text.to_owned());
        let of = |bounds: &[Param]| given("age", NumberType::SmallInt, bounds);
        assert_eq!(of(&[number("18"), number("25")]).unwrap(), [18, 25]);
        assert_eq!(of(&[]).unwrap(), []);
        for (bounds, code) in [
            (vec![number("25"), number("18")], "bad_parameter"),
            (vec![number("18"), number("18")], "bad_parameter"),
            (vec![number("18.5")], "type_mismatch"),
            (vec![number("40000")], "overflow"),
            (vec![Param::Null], "type_mismatch"),
            (vec![Param::Boolean(true)], "type_mismatch"),
            (
                (0..1_001).map(|n| number(&n.to_string())).collect(),
                "limit_exceeded",
            ),
        ] {
            assert_eq!(of(&bounds).unwrap_err().code(), code, "{bounds:?}");
        }
    }
}
