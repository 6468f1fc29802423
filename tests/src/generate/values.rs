//! Types, keys and values: few, so that they meet again, and those at the edges.

use std::sync::Arc;

use tagdb_storage::schema::{Key, KeyType, NumberType, TagType, sortable_from_double};

use crate::history::Value;
use crate::model::bounds;
use crate::random::Random;

const STRINGS: [&str; 8] = ["", "a", "b", "red", "green", "ünï", "日本", "it's \"so\""];

fn number_kind(random: &mut Random) -> NumberType {
    let precision = 1 + random.below(18) as u8;
    let scale = random.below(usize::from(precision) + 1) as u8;
    *random.pick(&[
        NumberType::SmallInt,
        NumberType::Int,
        NumberType::BigInt,
        NumberType::Decimal { precision, scale },
        NumberType::Double,
        NumberType::Date,
        NumberType::Timestamp,
    ])
}

/// Any type.
pub(super) fn kind(random: &mut Random) -> TagType {
    match random.below(8) {
        0 => TagType::Boolean,
        1 | 2 => TagType::Keyword,
        3 => TagType::Number(number_kind(random)),
        4 => TagType::LongText,
        5 | 6 => TagType::KeywordSet,
        _ => TagType::Map(number_kind(random)),
    }
}

/// The key of a number below 50.
pub(super) fn key(kind: KeyType, place: usize) -> Key {
    match (kind, place) {
        (KeyType::BigInt, 1) => Key::Int(i64::MIN),
        (KeyType::BigInt, 2) => Key::Int(i64::MAX),
        (KeyType::BigInt, 3) => Key::Int(-1),
        (KeyType::BigInt, _) => Key::Int(place as i64),
        (KeyType::Keyword, 1) => Key::Text("".into()),
        (KeyType::Keyword, 2) => Key::Text("ü".repeat(256).into()),
        (KeyType::Keyword, _) => Key::Text(format!("k{place}").into()),
    }
}

fn string(random: &mut Random) -> Arc<str> {
    if random.one_in(100) {
        return "z".repeat(1024).into();
    }
    Arc::from(*random.pick(&STRINGS))
}

fn number(random: &mut Random, kind: NumberType) -> i64 {
    let (low, high) = bounds(kind);
    let any = match random.below(8) {
        0 => low,
        1 => high,
        2 => random.next().cast_signed() >> random.below(64),
        3 if kind == NumberType::Double => {
            sortable_from_double(*random.pick(&[-1.5, -0.0, 0.0, 1e300, f64::MIN_POSITIVE]))
        }
        _ => random.below(6) as i64 - 2,
    };
    any.clamp(low, high)
}

fn some<T>(random: &mut Random, make: &mut dyn FnMut(&mut Random) -> T) -> Vec<T> {
    let count = *random.pick(&[0, 1, 1, 2, 3, 5]);
    (0..count).map(|_| make(random)).collect()
}

fn text(random: &mut Random) -> Arc<str> {
    match random.below(12) {
        0 => Arc::from(""),
        1 => "lorem ipsum ".repeat(random.below(500)).into(),
        _ => format!("text {} {}", random.below(5), string(random)).into(),
    }
}

/// What may be written to a tag.
pub(super) fn value(random: &mut Random, kind: TagType) -> Value {
    if random.one_in(6) {
        return Value::Clear;
    }
    let edit = random.one_in(2);
    match kind {
        TagType::Boolean => Value::Number(random.below(2) as i64),
        TagType::Keyword => Value::Keyword(string(random)),
        TagType::Number(kind) => Value::Number(number(random, kind)),
        TagType::LongText => Value::Text(text(random)),
        TagType::KeywordSet if edit => {
            Value::EditSet(some(random, &mut string), some(random, &mut string))
        }
        TagType::KeywordSet => Value::Set(some(random, &mut string)),
        TagType::Map(kind) => {
            let mut entry = |random: &mut Random| (string(random), number(random, kind));
            if edit {
                Value::EditMap(some(random, &mut string), some(random, &mut entry))
            } else {
                Value::Map(some(random, &mut entry))
            }
        }
    }
}

/// What may not be written to a tag.
pub(super) fn invalid(random: &mut Random, kind: TagType) -> Value {
    let long = || Arc::from("y".repeat(1025));
    let beyond = |kind| {
        let (_, high) = bounds(kind);
        high.checked_add(1)
    };
    match kind {
        TagType::Boolean => Value::Number(2),
        TagType::Keyword if random.one_in(2) => Value::Keyword(long()),
        TagType::KeywordSet if random.one_in(2) => Value::EditSet(Vec::new(), vec![long()]),
        TagType::Number(kind) if let Some(value) = beyond(kind) => Value::Number(value),
        TagType::Map(kind) if let Some(value) = beyond(kind) => {
            Value::Map(vec![(Arc::from("a"), value)])
        }
        TagType::Number(_) | TagType::LongText => Value::Set(Vec::new()),
        TagType::Keyword | TagType::KeywordSet | TagType::Map(_) => Value::Text(Arc::from("t")),
    }
}
