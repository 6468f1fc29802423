//! What is known of numbers, dates and timestamps written as text.

use tagdb_query::literal::{parse_date, parse_timestamp};

use super::kind::Kind;

/// Digits of a DECIMAL.
const PRECISION_MAX: u32 = 18;
/// More digits than this after the point look measured, not counted: DOUBLE.
const SCALE_MAX: u32 = 6;
/// Digits that a DECIMAL gets before the point beyond those seen.
const PRECISION_ROOM: u32 = 3;

/// What some values, all of them so far, may be read as.
#[derive(Debug)]
pub(crate) struct Scalar {
    integer: bool,
    number: bool,
    date: bool,
    timestamp: bool,
    min: i64,
    max: i64,
    whole_digits: u32,
    scale: u32,
    exponent: bool,
    /// The digits after the point of numbers in quotes, which all have as many.
    quoted_scale: Option<u32>,
}

impl Default for Scalar {
    fn default() -> Self {
        Self {
            integer: true,
            number: true,
            date: true,
            timestamp: true,
            min: i64::MAX,
            max: i64::MIN,
            whole_digits: 1,
            scale: 0,
            exponent: false,
            quoted_scale: None,
        }
    }
}

impl Scalar {
    /// Fits no value.
    pub(crate) fn none() -> Self {
        Self {
            integer: false,
            number: false,
            date: false,
            timestamp: false,
            ..Self::default()
        }
    }

    /// Whether some type still fits everything seen.
    pub(crate) fn is_possible(&self) -> bool {
        self.number || self.timestamp
    }

    /// Takes in a value written as text, which may be a number, a date or a timestamp.
    pub(crate) fn observe_text(&mut self, text: &str) {
        self.observe_number(text);
        self.observe_string(text);
    }

    /// Takes in a value that can only be a date, a timestamp or a DECIMAL: one is exported as a
    /// string, always with as many digits after the point.
    pub(crate) fn observe_quoted(&mut self, text: &str) {
        let shape = NumberShape::of(text).filter(|shape| shape.scale > 0 && !shape.exponent);
        self.integer = false;
        match shape {
            Some(shape) if self.quoted_scale.is_none_or(|scale| scale == shape.scale) => {
                self.quoted_scale = Some(shape.scale);
                self.observe_number(text);
            }
            _ => self.number = false,
        }
        self.observe_string(text);
    }

    /// Takes in a value that can only be a number.
    pub(crate) fn observe_unquoted(&mut self, text: &str) {
        (self.date, self.timestamp) = (false, false);
        self.observe_number(text);
    }

    fn observe_string(&mut self, text: &str) {
        self.date = self.date && parse_date(text).is_ok();
        // Days are timestamps too.
        self.timestamp = self.timestamp && parse_timestamp(text).is_ok();
    }

    fn observe_number(&mut self, text: &str) {
        if !self.number {
            return;
        }
        let Some(shape) = NumberShape::of(text) else {
            (self.integer, self.number) = (false, false);
            return;
        };
        self.whole_digits = self.whole_digits.max(shape.whole_digits);
        self.scale = self.scale.max(shape.scale);
        self.exponent |= shape.exponent;
        match text.parse::<i64>() {
            Ok(value) => {
                self.min = self.min.min(value);
                self.max = self.max.max(value);
            }
            Err(_) => self.integer = false,
        }
    }

    /// The narrowest type with room for everything seen, or nothing if none fits.
    pub(crate) fn kind(&self) -> Option<Kind> {
        if self.integer {
            return Some(integer_kind(self.min, self.max));
        }
        if self.number {
            let kind = self.number_kind();
            return kind.filter(|kind| self.quoted_scale.is_none() || *kind != Kind::Double);
        }
        if self.date {
            return Some(Kind::Date);
        }
        self.timestamp.then_some(Kind::Timestamp)
    }

    fn number_kind(&self) -> Option<Kind> {
        let digits = self.whole_digits + self.scale;
        if self.exponent || self.scale > SCALE_MAX {
            return Some(Kind::Double);
        }
        if self.scale == 0 {
            // Whole numbers beyond 64 bits: identifiers, which a DOUBLE would change.
            return None;
        }
        let scale = self.scale.max(2);
        if digits > PRECISION_MAX || self.whole_digits + scale > PRECISION_MAX {
            return Some(Kind::Double);
        }
        Some(Kind::Decimal {
            precision: (self.whole_digits + scale + PRECISION_ROOM).min(PRECISION_MAX),
            scale,
        })
    }

    /// The range of the whole numbers seen.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        (self.integer && self.min <= self.max).then_some((self.min, self.max))
    }
}

/// The narrowest type whose range is at least twice as wide.
fn integer_kind(min: i64, max: i64) -> Kind {
    let reach = if min > max {
        0
    } else {
        min.unsigned_abs().max(max.unsigned_abs())
    };
    if reach <= u64::from(i16::MAX.unsigned_abs()) / 2 {
        Kind::SmallInt
    } else if reach <= u64::from(i32::MAX.unsigned_abs()) / 2 {
        Kind::Int
    } else {
        Kind::BigInt
    }
}

/// A number as JSON writes it: no plus sign, no leading zeros, so that codes such as `007` and
/// telephone numbers stay text.
struct NumberShape {
    whole_digits: u32,
    scale: u32,
    exponent: bool,
}

impl NumberShape {
    fn of(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('-').unwrap_or(text).as_bytes();
        let whole = digits(rest);
        if whole == 0 || (whole > 1 && rest.first() == Some(&b'0')) {
            return None;
        }
        let mut rest = rest.get(whole..)?;
        let mut scale = 0;
        if rest.first() == Some(&b'.') {
            rest = rest.get(1..)?;
            scale = digits(rest);
            if scale == 0 {
                return None;
            }
            rest = rest.get(scale..)?;
        }
        let mut exponent = false;
        if let Some(b'e' | b'E') = rest.first() {
            exponent = true;
            rest = rest.get(1..)?;
            if let Some(b'+' | b'-') = rest.first() {
                rest = rest.get(1..)?;
            }
            let count = digits(rest);
            if count == 0 {
                return None;
            }
            rest = rest.get(count..)?;
        }
        let is_finite = !exponent || text.parse::<f64>().is_ok_and(f64::is_finite);
        (rest.is_empty() && is_finite).then_some(Self {
            whole_digits: u32::try_from(whole).ok()?,
            scale: u32::try_from(scale).ok()?,
            exponent,
        })
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}
