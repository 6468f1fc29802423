//! Exact fixed-point arithmetic: `digits` times 10^-`scale`, with at most 38 digits.

use std::cmp::Ordering;

/// Digits of a decimal that a statement computes with, at most.
pub const DIGITS_MAX: u8 = 38;

/// 10^38, which no number of digits reaches.
const LIMIT: i128 = 10_i128.pow(DIGITS_MAX as u32);

/// 10^exponent; nothing if that has more than 38 digits.
#[must_use]
pub fn power(exponent: u8) -> Option<i128> {
    (exponent < DIGITS_MAX).then(|| 10_i128.pow(u32::from(exponent)))
}

/// The digits, if there are at most 38.
#[must_use]
pub fn checked(digits: i128) -> Option<i128> {
    (digits.unsigned_abs() < LIMIT.unsigned_abs()).then_some(digits)
}

/// The same number with another scale, rounded half away from zero; nothing if it gets too long.
#[must_use]
pub fn rescale(digits: i128, from: u8, to: u8) -> Option<i128> {
    rescale_signed(digits, i32::from(from), i32::from(to))
}

/// The same with scales of any size; of one below zero, the last digits before the point are gone.
#[must_use]
pub fn rescale_signed(digits: i128, from: i32, to: i32) -> Option<i128> {
    if digits == 0 {
        return Some(0);
    }
    let places = from.abs_diff(to);
    let unit = (places <= u32::from(DIGITS_MAX)).then(|| 10_i128.pow(places));
    if to >= from {
        return checked(digits.checked_mul(unit?)?);
    }
    let Some(unit) = unit else {
        return Some(0);
    };
    let (whole, rest) = (digits / unit, digits % unit);
    let away = rest.unsigned_abs() >= unit.unsigned_abs() / 2;
    Some(if away { whole + digits.signum() } else { whole })
}

/// The same number with another scale, if no digit is lost.
#[must_use]
pub fn rescale_exactly(digits: i128, from: u8, to: u8) -> Option<i128> {
    let scaled = rescale(digits, from, to)?;
    (to >= from || rescale(scaled, to, from) == Some(digits)).then_some(scaled)
}

/// The order of two numbers.
#[must_use]
pub fn compare(a: (i128, u8), b: (i128, u8)) -> Ordering {
    // Whole parts first, then fractions brought to one scale: nothing can overflow.
    let split = |(digits, scale): (i128, u8)| match power(scale) {
        Some(unit) => (digits.div_euclid(unit), digits.rem_euclid(unit)),
        None if digits < 0 => (-1, digits + LIMIT),
        None => (0, digits),
    };
    let ((whole_a, rest_a), (whole_b, rest_b)) = (split(a), split(b));
    let scale = a.1.max(b.1);
    let widen = |rest: i128, from: u8| rest.saturating_mul(power(scale - from).unwrap_or(LIMIT));
    whole_a
        .cmp(&whole_b)
        .then_with(|| widen(rest_a, a.1).cmp(&widen(rest_b, b.1)))
}

/// The nearest double.
#[must_use]
pub fn to_double(digits: i128, scale: u8) -> f64 {
    // Both sides of this division are exact, so that its one rounding is the right one.
    if scale == 0 || digits.unsigned_abs() <= 1 << 53 && scale <= 22 {
        return digits as f64 / 10_f64.powi(i32::from(scale));
    }
    format!("{digits}e-{scale}").parse().unwrap_or(0.0)
}

/// The nearest decimal of that scale, which may be below zero, rounded half away from zero; nothing
/// if it gets too long.
#[must_use]
pub fn from_double(value: f64, scale: i32) -> Option<i128> {
    // The shortest text that means the double is what people take for its value. It is
    // `d.ddde-d`, with at most 17 digits.
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let (digits, places) = parse(mantissa)?;
    rescale_signed(
        digits,
        i32::from(places) - exponent.parse::<i32>().ok()?,
        scale,
    )
}

/// The order of a number and a double, by value: a whole double is just that, and one with a
/// fraction is what its shortest text says.
#[must_use]
pub fn compare_double(number: (i128, u8), double: f64) -> Ordering {
    // A double that is not the nearest one lies on its side of all that are nearer to another one.
    let (digits, scale) = number;
    let nearest = to_double(digits, scale).partial_cmp(&double);
    let exact = match nearest {
        Some(order) if order.is_ne() => return order,
        _ if double.abs() >= (1_i64 << f64::MANTISSA_DIGITS) as f64 => Some((double as i128, 0)),
        _ if scale == 0 => return Ordering::Equal,
        _ => parse(&format!("{double:e}")),
    };
    exact.map_or(Ordering::Equal, |exact| compare(number, exact))
}

/// Parses `[+-]digits[.digits][e[+-]digits]` exactly. Nothing if it is no such number, or if it has
/// more than 38 significant digits; zeros at the end of so many are cut.
#[must_use]
pub fn parse(text: &str) -> Option<(i128, u8)> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, mut fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    if whole.len() + fraction.len() > usize::from(DIGITS_MAX) {
        fraction = fraction.trim_end_matches('0');
    }
    let mut digits = 0_i128;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        digits = checked(digits.checked_mul(10)? + i128::from(byte - b'0'))?;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let (digits, scale) = fit_scale(digits, scale)?;
    Some((if negative { -digits } else { digits }, scale))
}

/// As [`parse`], without the last of too many digits after the point. Rounded to a scale that keeps
/// fewer, it comes to the same.
#[must_use]
pub fn parse_cut(text: &str) -> Option<(i128, u8)> {
    let (whole, fraction) = text.split_once('.')?;
    let significant = whole.trim_start_matches(['-', '+']).trim_start_matches('0');
    let kept = usize::from(DIGITS_MAX).saturating_sub(significant.len());
    let (kept, rest) = fraction.split_at_checked(kept)?;
    let is_number = rest.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| parse(&format!("{whole}.{kept}")))?
}

fn fit_scale(mut digits: i128, mut scale: i32) -> Option<(i128, u8)> {
    if digits == 0 {
        return Some((0, scale.clamp(0, i32::from(DIGITS_MAX)) as u8));
    }
    while scale < 0 {
        digits = checked(digits.checked_mul(10)?)?;
        scale += 1;
    }
    while scale > i32::from(DIGITS_MAX) {
        if digits % 10 != 0 {
            return None;
        }
        digits /= 10;
        scale -= 1;
    }
    Some((digits, u8::try_from(scale).ok()?))
}

/// The text of a number: all of its digits after the point are there.
#[must_use]
pub fn to_text(digits: i128, scale: u8) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let scale = usize::from(scale);
    let mut text = digits.unsigned_abs().to_string();
    if scale > 0 {
        if text.len() <= scale {
            text.insert_str(0, &"0".repeat(scale + 1 - text.len()));
        }
        text.insert(text.len() - scale, '.');
    }
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        for text in [
            "0",
            "-1",
            "1.50",
            "0.05",
            "-0.001",
            "12345678901234567890.123456789",
        ] {
            let (digits, scale) = parse(text).unwrap();
            assert_eq!(to_text(digits, scale), text);
        }
        assert_eq!(parse("+1.5e2"), Some((150, 0)));
        assert_eq!(parse("15e-3"), Some((15, 3)));
        assert_eq!(parse(".5"), Some((5, 1)));
        assert_eq!(parse("5."), Some((5, 0)));
        for text in [
            "", ".", "-", "1e", "e5", "1.2.3", "0x1", "1 ", "1e99", "nan", "1e-40",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"9".repeat(39)), None);
        assert_eq!(parse("0e999999999"), Some((0, 0)));
    }

    #[test]
    fn rounding_goes_half_away_from_zero() {
        for (digits, from, to, expected) in [
            (125, 2, 1, 13),
            (-125, 2, 1, -13),
            (124, 2, 1, 12),
            (-5, 1, 0, -1),
            (4, 1, 0, 0),
            (7, 0, 3, 7_000),
        ] {
            assert_eq!(rescale(digits, from, to), Some(expected));
        }
        assert_eq!(rescale(10_i128.pow(37), 0, 1), None);
        assert_eq!(rescale(1, 38, 0), Some(0));
        assert_eq!(rescale(LIMIT - 1, 38, 0), Some(1));
        assert_eq!(rescale(LIMIT / 2 - 1, 38, 0), Some(0));
        assert_eq!(rescale_signed(LIMIT - 1, 400, 0), Some(0));
        assert_eq!(rescale_signed(-1_250, 0, -2), Some(-13));
        assert_eq!(rescale_signed(13, -2, 0), Some(1_300));
        assert_eq!(rescale_exactly(1_230, 3, 2), Some(123));
        assert_eq!(rescale_exactly(1_235, 3, 2), None);
    }

    #[test]
    fn order_is_by_value_whatever_the_scale() {
        assert_eq!(compare((150, 2), (15, 1)), Ordering::Equal);
        assert_eq!(compare((-151, 2), (-15, 1)), Ordering::Less);
        let long = LIMIT - 1;
        assert_eq!(compare((long, 0), (long, 38)), Ordering::Greater);
        assert_eq!(compare((long, 38), (1, 0)), Ordering::Less);
        assert_eq!(compare((-long, 38), (-1, 0)), Ordering::Greater);
        assert_eq!(compare((-long, 38), (0, 0)), Ordering::Less);
        assert_eq!(compare((5, 38), (0, 0)), Ordering::Greater);
    }

    #[test]
    fn doubles_convert_by_their_shortest_text() {
        assert_eq!(from_double(0.1, 2), Some(10));
        assert_eq!(from_double(2.675, 2), Some(268));
        assert_eq!(from_double(1e30, 0), Some(10_i128.pow(30)));
        assert_eq!(from_double(1e300, 0), None);
        assert_eq!(from_double(1e-300, 20), Some(0));
        assert_eq!(from_double(6e17, -18), Some(1));
        assert_eq!(from_double(-1.5e300, -300), Some(-2));
        assert_eq!(to_double(1, 1), 0.1);
        assert_eq!(
            to_double(123_456_789_012_345_678_901, 3),
            123_456_789_012_345_678.901
        );
    }

    #[test]
    fn long_texts_keep_what_matters() {
        let zeros = |text: &str, count| format!("{text}{}", "0".repeat(count));
        assert_eq!(
            parse(&zeros("1234567890123456789.", 40)),
            Some((1_234_567_890_123_456_789, 0))
        );
        assert_eq!(parse(&zeros("1.5", 37)), Some((15, 1)));
        assert_eq!(parse(&zeros("1.5", 36)).map(|(_, scale)| scale), Some(37));
        let below_half = format!("-00.12{}", "49".repeat(30));
        assert_eq!(parse(&below_half), None);
        let (digits, scale) = parse_cut(&below_half).unwrap();
        assert_eq!((rescale(digits, scale, 2), scale), (Some(-12), 38));
        assert_eq!(parse_cut(&format!("{below_half}x")), None);
        assert_eq!(parse_cut(&format!("{below_half}e1")), None);
        assert_eq!(parse_cut(&"9".repeat(39)), None);
        assert_eq!(parse_cut(&format!("{}.5", "9".repeat(39))), None);
    }

    #[test]
    fn doubles_compare_by_value() {
        let max = i128::from(i64::MAX);
        assert_eq!(compare_double((max, 0), max as f64), Ordering::Less);
        assert_eq!(compare_double((max + 1, 0), max as f64), Ordering::Equal);
        assert_eq!(
            compare_double((-max - 1, 0), i64::MIN as f64),
            Ordering::Equal
        );
        // 1e38 is the double below it.
        assert_eq!(compare_double((LIMIT - 1, 0), 1e38), Ordering::Greater);
        assert_eq!(compare_double((LIMIT - 1, 0), f64::MAX), Ordering::Less);
        assert_eq!(compare_double((1, 38), -f64::MAX), Ordering::Greater);
        assert_eq!(compare_double((1, 1), 0.1), Ordering::Equal);
        assert_eq!(
            compare_double((100_000_000_000_000_001, 18), 0.1),
            Ordering::Greater
        );
        assert_eq!(
            compare_double((99_999_999_999_999_999, 18), 0.1),
            Ordering::Less
        );
        assert_eq!(compare_double((1, 38), 1e-38), Ordering::Equal);
        assert_eq!(compare_double((0, 38), 1e-300), Ordering::Less);
        assert_eq!(compare_double((0, 38), 0.0), Ordering::Equal);
        assert_eq!(
            compare_double((9_007_199_254_740_993, 0), 9_007_199_254_740_992.0),
            Ordering::Greater
        );
    }
}
