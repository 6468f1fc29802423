//! Dates and timestamps as text.

use std::fmt::Write as _;

use crate::error::{Error, Result};
use crate::literal::shown;

/// Microseconds of a day.
pub const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;
/// 0001-01-01 in days.
pub const DATE_MIN: i32 = -719_162;
/// 9999-12-31 in days.
pub const DATE_MAX: i32 = 2_932_896;
/// 0001-01-01T00:00:00Z in microseconds.
pub const TIMESTAMP_MIN: i64 = DATE_MIN as i64 * MICROSECONDS_PER_DAY;
/// 9999-12-31T23:59:59.999999Z in microseconds.
pub const TIMESTAMP_MAX: i64 = (DATE_MAX as i64 + 1) * MICROSECONDS_PER_DAY - 1;

/// Reads `2026-11-20` as days since 1970-01-01; years go from 0001 to 9999.
///
/// # Errors
/// `type_mismatch` if there is no such day.
pub fn parse_date(text: &str) -> Result<i32> {
    let mut bytes = text.as_bytes();
    match take_date(&mut bytes) {
        Some(days) if bytes.is_empty() => Ok(days),
        _ => Err(Error::type_mismatch(format!(
            "{:?} is not a DATE such as 2026-11-20",
            shown(text)
        ))),
    }
}

/// Reads `2026-11-20T07:16:00.123456+02:00` as microseconds since 1970 in UTC. A space may stand
/// for the T; seconds, their fraction (digits beyond the sixth are cut) and the time may be left
/// out; without `Z` or an offset it is UTC.
///
/// # Errors
/// `type_mismatch` if there is no such moment, `overflow` if it lies before 0001 or after 9999 in
/// UTC.
pub fn parse_timestamp(text: &str) -> Result<i64> {
    let mut bytes = text.as_bytes();
    let Some(microseconds) = take_timestamp(&mut bytes).filter(|_| bytes.is_empty()) else {
        return Err(Error::type_mismatch(format!(
            "{:?} is not a TIMESTAMP such as 2026-11-20T07:16:00Z",
            shown(text)
        )));
    };
    if !(TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&microseconds) {
        let detail = format!("{:?} is outside the range of TIMESTAMP", shown(text));
        return Err(Error::overflow(detail));
    }
    Ok(microseconds)
}

fn take_timestamp(bytes: &mut &[u8]) -> Option<i64> {
    let days = i64::from(take_date(bytes)?);
    let mut seconds = days * 86_400;
    let mut fraction = 0;
    if !bytes.is_empty() {
        if !(take(bytes, b'T') || take(bytes, b't') || take(bytes, b' ')) {
            return None;
        }
        seconds += take_number(bytes, 2, 23)? * 3_600;
        expect(bytes, b':')?;
        seconds += take_number(bytes, 2, 59)? * 60;
        if take(bytes, b':') {
            seconds += take_number(bytes, 2, 59)?;
            if take(bytes, b'.') {
                fraction = take_fraction(bytes)?;
            }
        }
        seconds -= take_offset(bytes)?;
    }
    Some(seconds * 1_000_000 + fraction)
}

/// Seconds east of UTC.
fn take_offset(bytes: &mut &[u8]) -> Option<i64> {
    if bytes.is_empty() || take(bytes, b'Z') || take(bytes, b'z') {
        return Some(0);
    }
    let sign = if take(bytes, b'-') {
        -1
    } else {
        expect(bytes, b'+')?;
        1
    };
    let mut offset = take_number(bytes, 2, 23)? * 3_600;
    if !bytes.is_empty() {
        take(bytes, b':');
        offset += take_number(bytes, 2, 59)? * 60;
    }
    Some(sign * offset)
}

fn take_fraction(bytes: &mut &[u8]) -> Option<i64> {
    let length = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(length);
    *bytes = rest;
    let digit = |place: usize| digits.get(place).map_or(0, |b| i64::from(b - b'0'));
    (length > 0).then(|| (0..6).fold(0, |sum, place| sum * 10 + digit(place)))
}

fn take_date(bytes: &mut &[u8]) -> Option<i32> {
    let year = take_number(bytes, 4, 9_999)?;
    expect(bytes, b'-')?;
    let month = take_number(bytes, 2, 12)?;
    expect(bytes, b'-')?;
    let day = take_number(bytes, 2, 31)?;
    (year > 0 && month > 0 && day > 0 && day <= days_in_month(year, month))
        .then(|| i32::try_from(days_from_civil(year, month, day)).ok())?
}

fn take_number(bytes: &mut &[u8], digits: usize, max: i64) -> Option<i64> {
    let (head, rest) = bytes.split_at_checked(digits)?;
    let mut value = 0;
    for byte in head {
        value = value * 10 + i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    *bytes = rest;
    (value <= max).then_some(value)
}

fn take(bytes: &mut &[u8], wanted: u8) -> bool {
    let found = bytes.first() == Some(&wanted);
    if found {
        *bytes = &bytes[1..];
    }
    found
}

fn expect(bytes: &mut &[u8], wanted: u8) -> Option<()> {
    take(bytes, wanted).then_some(())
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar.
#[must_use]
pub const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of days since 1970-01-01.
pub(crate) const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

pub(super) fn write_date(days: i32, out: &mut String) {
    let (year, month, day) = civil_from_days(i64::from(days));
    // Writing to a String cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

pub(super) fn write_timestamp(microseconds: i64, out: &mut String) {
    let (year, month, day) = civil_from_days(microseconds.div_euclid(MICROSECONDS_PER_DAY));
    let rest = microseconds.rem_euclid(MICROSECONDS_PER_DAY);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    );
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
    out.push('Z');
}
