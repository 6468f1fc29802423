//! Values of settings as people write them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape of the parsers beside it"
)]
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape of the parsers beside it"
)]
pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("\"{text}\" is not an address and port, such as 127.0.0.1:7480 or [::1]:7480")
    })
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("\"{text}\" is neither true nor false")),
    }
}

pub(super) fn number(text: &str, minimum: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number >= minimum => Ok(number),
        Ok(_) => Err(format!("{text} is below the minimum of {minimum}")),
        Err(_) => Err(format!("\"{text}\" is not a whole number")),
    }
}

pub(super) fn count(text: &str, minimum: u64) -> Result<usize, String> {
    usize::try_from(number(text, minimum)?).map_err(|_| format!("{text} is too many"))
}

fn at_most(text: &str, value: u64, maximum: u64) -> Result<usize, String> {
    match usize::try_from(value) {
        Ok(value) if value as u64 <= maximum => Ok(value),
        _ => Err(format!("{text} is above the maximum of {maximum}")),
    }
}

pub(super) fn count_within(text: &str, minimum: u64, maximum: u64) -> Result<usize, String> {
    at_most(text, number(text, minimum)?, maximum)
}

pub(super) fn bytes_within(text: &str, minimum: u64, maximum: u64) -> Result<usize, String> {
    at_most(text, bytes(text, minimum)?, maximum)
}

/// Splits `64MiB` into the number and the unit.
fn split_unit(text: &str) -> Result<(u64, &str), String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    match number.parse() {
        Ok(number) => Ok((number, unit.trim())),
        Err(_) => Err(format!("\"{text}\" does not begin with a whole number")),
    }
}

pub(super) fn bytes(text: &str, minimum: u64) -> Result<u64, String> {
    let (number, unit) = split_unit(text)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => {
            return Err(format!(
                "\"{unit}\" is not a unit; use B, KiB, MiB, GiB or TiB"
            ));
        }
    };
    match number.checked_mul(factor) {
        Some(bytes) if bytes >= minimum => Ok(bytes),
        Some(_) => Err(format!("{text} is below the minimum of {minimum}")),
        None => Err(format!("{text} is too much")),
    }
}

pub(super) fn duration(text: &str, minimum: Duration) -> Result<Duration, String> {
    let (number, unit) = split_unit(text)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("{number} of what? Write {number}s, or ms, m or h")),
        _ => return Err(format!("\"{unit}\" is not a unit; use ms, s, m or h")),
    };
    match number.checked_mul(milliseconds).map(Duration::from_millis) {
        Some(duration) if duration >= minimum => Ok(duration),
        Some(_) => Err(format!("{text} is below the minimum of {minimum:?}")),
        None => Err(format!("{text} is too long")),
    }
}
