//! Values as cells: what becomes of a tag of a subject.

use std::sync::Arc;

use tagdb_storage::batch::{Cell, Dictionary};
use tagdb_storage::schema::{NumberType, TagType};

use crate::error::{Error, Result};
use crate::literal::to_stored;
use crate::value::{DataType, Value};

/// The cell of a value; its strings get places in the dictionary.
///
/// # Errors
/// The value does not fit the tag's type.
pub(super) fn cell(kind: TagType, value: &Value, dictionary: &mut Dictionary) -> Result<Cell> {
    Ok(match (kind, value) {
        (_, Value::Null) => Cell::Clear,
        (TagType::Boolean, Value::Boolean(value)) => Cell::Value(i64::from(*value)),
        (TagType::Keyword, Value::Text(text)) => Cell::Value(i64::from(dictionary.place(text))),
        (TagType::LongText, Value::Text(text)) => Cell::Text((**text).into()),
        (TagType::Number(number), _) => Cell::Value(to_stored(number, value)?),
        (TagType::KeywordSet, Value::Set(members)) => Cell::Set(places(members, dictionary)),
        (TagType::Map(number), Value::Map(entries)) => {
            let entry = |(key, value): &(Arc<str>, Value)| {
                Ok((dictionary.place(key), to_stored(number, value)?))
            };
            Cell::Map(entries.iter().map(entry).collect::<Result<_>>()?)
        }
        _ => {
            let kind = DataType::from(kind);
            return Err(Error::type_mismatch(format!("the value is not a {kind}")));
        }
    })
}

/// The cell that drops and puts members of a set.
pub(super) fn edit_set(drop: &[Arc<str>], put: &[Arc<str>], dictionary: &mut Dictionary) -> Cell {
    Cell::EditSet {
        drop: places(drop, dictionary),
        put: places(put, dictionary),
    }
}

/// The cell that changes values under keys of a map; NULL removes the key.
///
/// # Errors
/// A value does not fit.
pub(super) fn edit_map<'a>(
    number: NumberType,
    entries: impl Iterator<Item = (&'a Arc<str>, &'a Value)>,
    dictionary: &mut Dictionary,
) -> Result<Cell> {
    let (mut drop, mut put) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        let place = dictionary.place(key);
        match value {
            Value::Null => drop.push(place),
            _ => put.push((place, to_stored(number, value)?)),
        }
    }
    Ok(Cell::EditMap {
        drop: drop.into(),
        put: put.into(),
    })
}

fn places(strings: &[Arc<str>], dictionary: &mut Dictionary) -> Box<[u32]> {
    strings
        .iter()
        .map(|string| dictionary.place(string))
        .collect()
}
