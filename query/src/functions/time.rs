//! Dates and timestamps in a time zone.
//!
//! Local time is an instant moved by the zone's offset, so that calendar arithmetic is on plain
//! days and microseconds; the zone is asked twice per value, and UTC not at all.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::bind::bound::{DateField, DateUnit, Interval};
use crate::error::{Error, Result};
use crate::functions::arithmetic::overflow;
use crate::literal::{
    DATE_MAX, DATE_MIN, MICROSECONDS_PER_DAY, TIMESTAMP_MAX, TIMESTAMP_MIN, civil_from_days,
    days_from_civil,
};
use crate::value::Value;

/// Microseconds that local time is ahead of UTC at an instant; beyond the last instant that zones
/// know of, as far as at that one.
fn offset_at(instant: i64, zone: &TimeZone) -> i64 {
    if *zone == TimeZone::UTC {
        return 0;
    }
    let (first, last) = (Timestamp::MIN, Timestamp::MAX);
    let known = instant.clamp(first.as_microsecond(), last.as_microsecond());
    let known = Timestamp::from_microsecond(known).unwrap_or(last);
    i64::from(zone.to_offset(known).seconds()) * 1_000_000
}

/// The local time of an instant, and how far it is ahead of UTC.
fn local_of(instant: i64, zone: &TimeZone) -> Result<(i64, i64)> {
    let offset = offset_at(instant, zone);
    let local = instant.checked_add(offset).ok_or_else(overflow)?;
    Ok((local, offset))
}

/// The instant of a local time; in a gap the later one, of two the one with the given offset or
/// else the earlier one.
fn instant_of(local: i64, zone: &TimeZone, likely_offset: i64) -> Result<i64> {
    let likely = local.checked_sub(likely_offset).ok_or_else(overflow)?;
    let offset = offset_at(likely, zone);
    if offset == likely_offset {
        return Ok(likely);
    }
    let civil = civil_datetime(local).ok_or_else(overflow)?;
    match zone.to_timestamp(civil) {
        Ok(instant) => Ok(instant.as_microsecond()),
        // Beyond what zones know of.
        Err(_) => local.checked_sub(offset).ok_or_else(overflow),
    }
}

fn civil_datetime(local: i64) -> Option<DateTime> {
    let (days, rest) = split(local);
    let (year, month, day) = civil_from_days(days);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let small = |value: i64| i8::try_from(value).ok();
    DateTime::new(
        i16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(seconds / 3_600)?,
        small(seconds / 60 % 60)?,
        small(seconds % 60)?,
        i32::try_from(fraction * 1_000).ok()?,
    )
    .ok()
}

/// Days and the microseconds of the day.
const fn split(local: i64) -> (i64, i64) {
    (
        local.div_euclid(MICROSECONDS_PER_DAY),
        local.rem_euclid(MICROSECONDS_PER_DAY),
    )
}

fn checked_date(days: i64) -> Result<i32> {
    i32::try_from(days)
        .ok()
        .filter(|days| (DATE_MIN..=DATE_MAX).contains(days))
        .ok_or_else(overflow)
}

fn checked_timestamp(instant: i64) -> Result<i64> {
    match (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&instant) {
        true => Ok(instant),
        false => Err(overflow()),
    }
}

/// The local date of an instant, in days since 1970-01-01.
///
/// # Errors
/// `overflow` outside of the years 1 to 9999.
pub fn date_of(instant: i64, zone: &TimeZone) -> Result<i32> {
    checked_date(split(local_of(instant, zone)?.0).0)
}

/// The instant at which a date begins in a zone, in microseconds since 1970.
///
/// # Errors
/// `overflow` outside of the years 1 to 9999.
pub fn midnight_of(days: i32, zone: &TimeZone) -> Result<i64> {
    checked_timestamp(unbounded_midnight_of(days, zone)?)
}

/// The same, also where no TIMESTAMP goes: to be compared with.
pub(crate) fn unbounded_midnight_of(days: i32, zone: &TimeZone) -> Result<i64> {
    let local = i64::from(checked_date(i64::from(days))?) * MICROSECONDS_PER_DAY;
    instant_of(local, zone, offset_at(local, zone))
}

/// A date or timestamp moved by an interval: first by months (to the last day of a shorter one),
/// then by days, both on the local calendar, then by exact time. Of a date only months and days
/// are added.
///
/// # Errors
/// `overflow` outside of the years 1 to 9999.
pub fn add_interval(value: &Value, interval: Interval, zone: &TimeZone) -> Result<Value> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Date(days) => {
            let moved = move_days(i64::from(*days), interval)?;
            Ok(Value::Date(checked_date(moved)?))
        }
        Value::Timestamp(instant) => {
            let mut moved = *instant;
            if interval.months != 0 || interval.days != 0 {
                let (local, offset) = local_of(moved, zone)?;
                let (days, rest) = split(local);
                let local = move_days(days, interval)? * MICROSECONDS_PER_DAY + rest;
                moved = instant_of(local, zone, offset)?;
            }
            let moved = moved
                .checked_add(interval.microseconds)
                .ok_or_else(overflow)?;
            checked_timestamp(moved).map(Value::Timestamp)
        }
        _ => Err(Error::internal(
            "an interval moves dates and timestamps only",
        )),
    }
}

fn move_days(days: i64, interval: Interval) -> Result<i64> {
    let mut days = i64::from(checked_date(days)?);
    if interval.months != 0 {
        let (year, month, day) = civil_from_days(days);
        let months = year * 12 + (month - 1) + i64::from(interval.months);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let first = days_from_civil(year, month, 1);
        let next = days_from_civil(year + month / 12, month % 12 + 1, 1);
        days = first + (day - 1).min(next - first - 1);
    }
    let moved = days + i64::from(interval.days);
    checked_date(moved).map(i64::from)
}

/// A field of a date or of a timestamp's local time.
pub(super) fn extract(field: DateField, value: &Value, zone: &TimeZone) -> Result<Value> {
    let (local, instant) = match value {
        Value::Null => return Ok(Value::Null),
        Value::Date(days) => {
            let local = i64::from(checked_date(i64::from(*days))?) * MICROSECONDS_PER_DAY;
            (local, local)
        }
        Value::Timestamp(instant) => (local_of(*instant, zone)?.0, *instant),
        _ => return Err(Error::internal("extract reads dates and timestamps only")),
    };
    let (days, rest) = split(local);
    let (year, month, day) = civil_from_days(days);
    let january = days_from_civil(year, 1, 1);
    // 1970-01-01 was a Thursday.
    let weekday = (days + 3).rem_euclid(7) + 1;
    Ok(Value::Int(match field {
        DateField::Year => year,
        DateField::Quarter => (month - 1) / 3 + 1,
        DateField::Month => month,
        DateField::Week => iso_week(days, weekday),
        DateField::Day => day,
        DateField::DayOfWeek => weekday % 7,
        DateField::IsoDayOfWeek => weekday,
        DateField::DayOfYear => days - january + 1,
        DateField::Hour => rest / 3_600_000_000,
        DateField::Minute => rest / 60_000_000 % 60,
        DateField::Second => return Ok(Value::Double((rest % 60_000_000) as f64 / 1e6)),
        DateField::Epoch => return Ok(Value::Double(instant as f64 / 1e6)),
    }))
}

/// The week of the year that its Thursday lies in.
const fn iso_week(days: i64, weekday: i64) -> i64 {
    let thursday = days + 4 - weekday;
    let (year, _, _) = civil_from_days(thursday);
    (thursday - days_from_civil(year, 1, 1)) / 7 + 1
}

/// The start of the unit that a date or a timestamp's local time lies in.
pub(super) fn date_trunc(unit: DateUnit, value: &Value, zone: &TimeZone) -> Result<Value> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Date(days) => {
            let start = start_of(unit, i64::from(*days));
            Ok(Value::Date(checked_date(start)?))
        }
        Value::Timestamp(instant) => {
            let (local, offset) = local_of(*instant, zone)?;
            let (days, rest) = split(local);
            let start = match unit {
                DateUnit::Hour => local - rest.rem_euclid(3_600_000_000),
                DateUnit::Minute => local - rest.rem_euclid(60_000_000),
                DateUnit::Second => local - rest.rem_euclid(1_000_000),
                _ => start_of(unit, days)
                    .checked_mul(MICROSECONDS_PER_DAY)
                    .ok_or_else(overflow)?,
            };
            checked_timestamp(instant_of(start, zone, offset)?).map(Value::Timestamp)
        }
        _ => Err(Error::internal("date_trunc cuts dates and timestamps only")),
    }
}

/// The first day of a unit; a day itself for the units below.
const fn start_of(unit: DateUnit, days: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    match unit {
        DateUnit::Year => days_from_civil(year, 1, 1),
        DateUnit::Quarter => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
        DateUnit::Month => days - (day - 1),
        DateUnit::Week => days - (days + 3).rem_euclid(7),
        DateUnit::Day | DateUnit::Hour | DateUnit::Minute | DateUnit::Second => days,
    }
}
