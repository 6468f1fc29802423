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
    if to >= from {
        if digits == 0 {
            return Some(0);
        }
        return checked(digits.checked_mul(power(to - from)?)?);
    }
    let Some(unit) = power(from - to) else {
        return Some(0);
    };
    let (whole, rest) = (digits / unit, digits % unit);
    let away = rest.unsigned_abs() >= unit.unsigned_abs().div_ceil(2);
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
    if digits.unsigned_abs() <= 1 << 53 && scale <= 22 {
        return digits as f64 / 10_f64.powi(i32::from(scale));
    }
    format!("{digits}e-{scale}").parse().unwrap_or(0.0)
}

/// The nearest decimal of that scale, rounded half away from zero; nothing if it gets too long.
#[must_use]
pub fn from_double(value: f64, scale: u8) -> Option<i128> {
    // The shortest text that means the double is what people take for its value.
    let (digits, from) = parse(&format!("{value:e}"))?;
    rescale(digits, from, scale)
}

/// Parses `[+-]digits[.digits][e[+-]digits]` exactly. Nothing if it is no such number, or if it has
/// more than 38 significant digits; zeros beyond the 38th place after the point are cut.
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
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
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
        assert_eq!(to_double(1, 1), 0.1);
        assert_eq!(
            to_double(123_456_789_012_345_678_901, 3),
            123_456_789_012_345_678.901
        );
    }
}
