//! What is known of one column.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use serde_json::Value;
use tagdb_query::literal::parse_boolean;
use tagdb_storage::limits;

use super::kind::Kind;
use super::scalar::Scalar;

/// Distinct strings beyond which a column is text and not a vocabulary: half of what a tag may
/// have, so that the next file still fits.
const DISTINCT_MAX: usize = limits::VOCABULARY_ENTRIES_MAX / 2;
/// As [`DISTINCT_MAX`], for the strings' bytes.
const DISTINCT_BYTES_MAX: usize = limits::VOCABULARY_BYTES_MAX / 2;
/// Values remembered to tell whether a column repeats itself; beyond, it is taken to be unique.
const UNIQUE_VALUES_MAX: usize = 16 << 20;
/// Rows of an incomplete sample from which it can be said that a column has no vocabulary.
const SAMPLE_ROWS_MIN: u64 = 10_000;

/// What is known of the values of a column.
#[derive(Debug)]
pub(crate) struct Facts {
    /// What the file itself says of the type.
    told: Option<Kind>,
    /// Values that are there.
    known: u64,
    boolean: bool,
    scalar: Scalar,
    text: bool,
    set: bool,
    map: bool,
    map_values: Scalar,
    bytes_max: usize,
    seen: HashSet<u64>,
    seen_bytes: usize,
    hasher: RandomState,
    unique: bool,
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self {
            told: None,
            known: 0,
            boolean: true,
            scalar: Scalar::default(),
            text: true,
            set: true,
            map: true,
            map_values: Scalar::default(),
            bytes_max: 0,
            seen: HashSet::new(),
            seen_bytes: 0,
            hasher: RandomState::new(),
            unique: true,
        }
    }

    /// Facts of a column of a type that the file tells, and of which a sample says no more than
    /// whether it can be the key.
    pub(crate) fn told(kind: Kind) -> Self {
        let is_whole = matches!(kind, Kind::SmallInt | Kind::Int | Kind::BigInt);
        Self {
            told: Some(kind),
            unique: is_whole,
            text: false,
            ..Self::new()
        }
    }

    /// Facts of a column of strings, whatever they look like.
    pub(crate) fn strings() -> Self {
        let mut facts = Self::new();
        facts.only(Shape::String);
        facts.boolean = false;
        facts.scalar = Scalar::none();
        facts
    }

    /// Takes in a string of a column of strings.
    pub(crate) fn observe_string(&mut self, text: &str) {
        self.known += 1;
        self.remember(text);
    }

    /// Takes in a whole number of a column of such.
    pub(crate) fn observe_int(&mut self, number: i128) {
        self.known += 1;
        let text = number.to_string();
        self.scalar.observe_unquoted(&text);
        self.remember(&text);
    }

    /// Takes in values that are there, of whatever kind.
    pub(crate) const fn observe_others(&mut self, count: u64) {
        self.known += count;
    }

    /// Takes in a cell of CSV that is not empty.
    pub(crate) fn observe_text(&mut self, text: &str) {
        self.known += 1;
        self.boolean = self.boolean && parse_boolean(text).is_ok();
        if self.scalar.is_possible() {
            self.scalar.observe_text(text);
        }
        if self.set || self.map {
            self.observe_json_cell(text);
        }
        self.remember(text);
    }

    /// Takes in a value of NDJSON that is not null.
    pub(crate) fn observe_json(&mut self, value: &Value) {
        self.known += 1;
        match value {
            Value::Bool(_) => {
                self.only(Shape::Boolean);
                self.unique = false;
            }
            Value::Number(number) => {
                self.only(Shape::Number);
                let text = number_text(number);
                self.scalar.observe_unquoted(&text);
                self.remember(&text);
            }
            Value::String(text) => {
                self.only(Shape::String);
                if self.scalar.is_possible() {
                    self.scalar.observe_quoted(text);
                }
                self.remember(text);
            }
            Value::Array(_) | Value::Object(_) => {
                self.only(Shape::Nested);
                self.observe_nested(value);
                self.unique = false;
            }
            Value::Null => self.known -= 1,
        }
    }

    fn observe_json_cell(&mut self, text: &str) {
        let is_nested = text.starts_with(['[', '{']);
        match serde_json::from_str::<Value>(text) {
            Ok(value) if is_nested => self.observe_nested(&value),
            _ => (self.set, self.map) = (false, false),
        }
    }

    fn observe_nested(&mut self, value: &Value) {
        match value {
            Value::Array(members) => {
                self.map = false;
                self.set = self.set && members.iter().all(Value::is_string);
            }
            Value::Object(entries) => {
                self.set = false;
                for value in entries.values() {
                    match value {
                        Value::Number(number) => {
                            self.map_values.observe_unquoted(&number_text(number));
                        }
                        Value::String(text) => self.map_values.observe_quoted(text),
                        Value::Null => {}
                        Value::Bool(_) | Value::Array(_) | Value::Object(_) => self.map = false,
                    }
                }
                self.map = self.map && self.map_values.is_possible();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                (self.set, self.map) = (false, false);
            }
        }
    }

    /// JSON says which of the types a value may have.
    fn only(&mut self, shape: Shape) {
        self.boolean &= shape == Shape::Boolean;
        if matches!(shape, Shape::Boolean | Shape::Nested) {
            self.scalar = Scalar::none();
        }
        self.text &= shape == Shape::String;
        if shape != Shape::Nested {
            (self.set, self.map) = (false, false);
        }
    }

    fn remember(&mut self, text: &str) {
        self.bytes_max = self.bytes_max.max(text.len());
        let may_be_vocabulary = self.text
            && self.scalar.kind().is_none()
            && self.seen.len() <= DISTINCT_MAX
            && self.seen_bytes <= DISTINCT_BYTES_MAX;
        if self.seen.len() >= UNIQUE_VALUES_MAX || !(self.unique || may_be_vocabulary) {
            return;
        }
        if self.seen.insert(self.hasher.hash_one(text)) {
            self.seen_bytes += text.len();
        } else {
            self.unique = false;
        }
    }

    /// The type for the column, or nothing if no type can hold it.
    pub(crate) fn kind(&self, sample_is_complete: bool) -> Option<Kind> {
        if let Some(told) = &self.told {
            return Some(told.clone());
        }
        if self.known == 0 {
            return Some(Kind::Keyword);
        }
        if self.boolean {
            return Some(Kind::Boolean);
        }
        if let Some(kind) = self.scalar.kind() {
            return Some(kind);
        }
        if self.set {
            return Some(Kind::Set);
        }
        if self.map {
            let value = self.map_values.kind().unwrap_or(Kind::Double);
            return Some(Kind::Map(Box::new(match value {
                // Counts grow; the values of a map take little room anyway.
                Kind::SmallInt => Kind::Int,
                wider => wider,
            })));
        }
        if !self.text {
            // Such as whole numbers beyond 64 bits: identifiers, which a DOUBLE would change.
            return None;
        }
        let has_no_vocabulary = self.seen.len() > DISTINCT_MAX
            || self.seen_bytes > DISTINCT_BYTES_MAX
            || (!sample_is_complete && self.is_mostly_distinct());
        if self.bytes_max > limits::KEYWORD_BYTES_MAX || has_no_vocabulary {
            return Some(Kind::LongText);
        }
        Some(Kind::Keyword)
    }

    fn is_mostly_distinct(&self) -> bool {
        self.known >= SAMPLE_ROWS_MIN && self.seen.len() as u64 > self.known / 2
    }

    /// The type as a key, if the column can be one: never empty, never repeated, whole numbers or
    /// short text.
    pub(crate) fn key_kind(&self, rows: u64) -> Option<Kind> {
        if rows == 0 || self.known != rows || !self.unique {
            return None;
        }
        let is_identifier = self.scalar.range().is_some() || self.scalar.kind().is_none();
        self.key_type().filter(|_| is_identifier)
    }

    /// The type the column would have as a key, if it can have one at all.
    pub(crate) fn key_type(&self) -> Option<Kind> {
        if self.scalar.range().is_some() {
            return Some(Kind::BigInt);
        }
        (self.text && self.bytes_max <= limits::KEY_BYTES_MAX).then_some(Kind::Keyword)
    }

    /// What of the values explains the choice.
    pub(crate) fn summary(&self, kind: Option<&Kind>) -> String {
        if self.known == 0 {
            return "always empty".to_owned();
        }
        match (self.scalar.range(), kind) {
            (Some((min, max)), _) => format!("{min} to {max}"),
            (None, Some(Kind::Keyword)) => match self.seen.len() {
                1 => "1 value".to_owned(),
                count => format!("{count} values"),
            },
            (None, Some(Kind::LongText)) => format!("up to {} bytes", self.bytes_max),
            _ => String::new(),
        }
    }
}

/// A number as it was written, as far as that is known: what looks like a whole number of more
/// than 64 bits gets all its digits.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && is_beyond_integers(value) => {
            format!("{value:.0}")
        }
        _ => number.to_string(),
    }
}

fn is_beyond_integers(value: f64) -> bool {
    // Beyond the upper bound nobody writes digits.
    (9.2e18..1e30).contains(&value.abs())
}

/// What JSON tells of a value by the way it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Boolean,
    Number,
    String,
    Nested,
}
