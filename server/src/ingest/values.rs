//! From the text of one cell to what is stored: CSV cells and JSON values of every type.

use serde_json::value::RawValue;
use tagdb_query::{DataType, literal};
use tagdb_storage::batch::{Cell, Dictionary};
use tagdb_storage::limits::{KEY_BYTES_MAX, KEYWORD_BYTES_MAX, LONG_TEXT_BYTES_MAX, MEMBERS_MAX};
use tagdb_storage::schema::{Key, KeyType, NumberType, TagType};

use super::csv::CsvCell;
use super::json::{Kind, Object, Text, Texts};
use super::report::RowFault;

/// The key in a CSV cell.
///
/// # Errors
/// `bad_key` if it is missing, too long or no integer where the key is one.
pub fn key_from_csv(kind: KeyType, cell: CsvCell<'_>) -> Result<Key, RowFault> {
    if cell.text.is_empty() && !cell.quoted {
        return Err(bad_key("the key is NULL"));
    }
    key_from_text(kind, cell.text)
}

/// The key in a JSON value.
///
/// # Errors
/// `bad_key` if it is null, too long or of another type; integers may also come as strings.
pub fn key_from_json(kind: KeyType, value: &RawValue) -> Result<Key, RowFault> {
    match (kind, Kind::of(value)) {
        (_, Kind::Text) => key_from_text(kind, &text(value)?.0),
        (KeyType::BigInt, Kind::Number) => key_from_text(kind, value.get()),
        (_, Kind::Null) => Err(bad_key("the key is null")),
        (_, other) => Err(bad_key(format!(
            "the key is {}, expected {}",
            other.name(),
            match kind {
                KeyType::BigInt => "an integer",
                KeyType::Keyword => "a string",
            }
        ))),
    }
}

/// The key that a text stands for.
///
/// # Errors
/// `bad_key` if it is too long, or no integer where the key is one.
pub fn key_from_text(kind: KeyType, text: &str) -> Result<Key, RowFault> {
    match kind {
        KeyType::Keyword if text.len() > KEY_BYTES_MAX => Err(bad_key(format!(
            "the key has {} bytes, at most {KEY_BYTES_MAX} are allowed",
            text.len()
        ))),
        KeyType::Keyword => Ok(Key::Text(text.into())),
        KeyType::BigInt => text.parse().map(Key::Int).map_err(|_| {
            let shown = literal::shown(text);
            bad_key(format!("the key {shown:?} is not a BIGINT"))
        }),
    }
}

fn bad_key(detail: impl Into<String>) -> RowFault {
    RowFault::new("bad_key", detail)
}

/// What a CSV cell says about a tag. Cells that are empty and unquoted are the caller's.
///
/// # Errors
/// `type_mismatch`, `overflow` or `limit_exceeded`.
pub fn from_csv(kind: TagType, text: &str, dictionary: &mut Dictionary) -> Result<Cell, RowFault> {
    match kind {
        TagType::Boolean => literal::parse_boolean(text)
            .map(|value| Cell::Value(i64::from(value)))
            .map_err(fault),
        TagType::Keyword => keyword(text, dictionary).map(|place| Cell::Value(i64::from(place))),
        TagType::Number(number) => self::number(number, text).map(Cell::Value),
        TagType::LongText => long_text(text),
        TagType::KeywordSet | TagType::Map(_) => {
            let value: &RawValue = serde_json::from_str(text).map_err(|_| {
                let shown = literal::shown(text);
                RowFault::new(
                    "type_mismatch",
                    format!(
                        "{shown:?} is not the JSON text of a {}",
                        DataType::from(kind)
                    ),
                )
            })?;
            from_json(kind, value, dictionary)
        }
    }
}

/// What a JSON value says about a tag.
///
/// # Errors
/// `type_mismatch`, `overflow` or `limit_exceeded`.
pub fn from_json(
    kind: TagType,
    value: &RawValue,
    dictionary: &mut Dictionary,
) -> Result<Cell, RowFault> {
    match (kind, Kind::of(value)) {
        (_, Kind::Null) => Ok(Cell::Clear),
        (TagType::Boolean, Kind::Boolean) => Ok(Cell::Value(i64::from(value.get() == "true"))),
        (TagType::Keyword, Kind::Text) => {
            keyword(&text(value)?.0, dictionary).map(|place| Cell::Value(i64::from(place)))
        }
        (TagType::Number(number), _) => number_from_json(number, value).map(Cell::Value),
        (TagType::LongText, Kind::Text) => long_text(&text(value)?.0),
        (TagType::KeywordSet, Kind::Array) => {
            let members = members(value, dictionary)?;
            Ok(if members.is_empty() {
                Cell::Clear
            } else {
                Cell::Set(members)
            })
        }
        (TagType::Map(number), Kind::Object) => {
            let (drop, put) = entries(number, value, dictionary)?;
            if !drop.is_empty() {
                return Err(RowFault::new(
                    "type_mismatch",
                    "a map holds no NULL; leave the key out, or drop it with \"name-\"",
                ));
            }
            Ok(if put.is_empty() {
                Cell::Clear
            } else {
                Cell::Map(put)
            })
        }
        (_, found) => Err(mismatch(kind, found)),
    }
}

/// What `"name+"` says about a set or map: members to add, or keys to set (null removes one).
///
/// # Errors
/// `type_mismatch`, `overflow` or `limit_exceeded`.
pub fn put_from_json(
    kind: TagType,
    value: &RawValue,
    dictionary: &mut Dictionary,
) -> Result<Cell, RowFault> {
    match (kind, Kind::of(value)) {
        (TagType::KeywordSet, Kind::Array) => Ok(Cell::EditSet {
            drop: Box::default(),
            put: members(value, dictionary)?,
        }),
        (TagType::Map(number), Kind::Object) => {
            let (drop, put) = entries(number, value, dictionary)?;
            Ok(Cell::EditMap { drop, put })
        }
        (_, found) => Err(mismatch(kind, found)),
    }
}

/// What `"name-"` says about a set or map: members or keys to remove.
///
/// # Errors
/// `type_mismatch` or `limit_exceeded`.
pub fn drop_from_json(
    kind: TagType,
    value: &RawValue,
    dictionary: &mut Dictionary,
) -> Result<Cell, RowFault> {
    match (kind, Kind::of(value)) {
        (TagType::KeywordSet, Kind::Array) => Ok(Cell::EditSet {
            drop: members(value, dictionary)?,
            put: Box::default(),
        }),
        (TagType::Map(_), Kind::Array) => Ok(Cell::EditMap {
            drop: members(value, dictionary)?,
            put: Box::default(),
        }),
        (_, found) => Err(RowFault::new(
            "type_mismatch",
            format!(
                "expected an array of what to remove, found {}",
                found.name()
            ),
        )),
    }
}

fn mismatch(kind: TagType, found: Kind) -> RowFault {
    let expected = match kind {
        TagType::Boolean => "true or false",
        TagType::Keyword | TagType::LongText => "a string",
        TagType::Number(_) => "a number",
        TagType::KeywordSet => "an array of strings",
        TagType::Map(_) => "an object",
    };
    RowFault::new(
        "type_mismatch",
        format!("expected {expected}, found {}", found.name()),
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn fault(error: tagdb_query::Error) -> RowFault {
    RowFault::new(error.code(), error.to_string())
}

fn text(value: &RawValue) -> Result<Text<'_>, RowFault> {
    serde_json::from_str(value.get())
        .map_err(|error| RowFault::new("syntax_error", format!("bad string: {error}")))
}

fn number(kind: NumberType, text: &str) -> Result<i64, RowFault> {
    literal::parse_number(kind, text).map_err(fault)
}

fn number_from_json(kind: NumberType, value: &RawValue) -> Result<i64, RowFault> {
    let is_time = matches!(kind, NumberType::Date | NumberType::Timestamp);
    match Kind::of(value) {
        Kind::Text => number(kind, &text(value)?.0),
        Kind::Number if !is_time => number(kind, value.get()),
        found => {
            let expected = if is_time { "a string" } else { "a number" };
            Err(RowFault::new(
                "type_mismatch",
                format!("expected {expected}, found {}", found.name()),
            ))
        }
    }
}

fn keyword(text: &str, dictionary: &mut Dictionary) -> Result<u32, RowFault> {
    if text.len() > KEYWORD_BYTES_MAX {
        return Err(RowFault::new(
            "limit_exceeded",
            format!(
                "a KEYWORD has {} bytes, at most {KEYWORD_BYTES_MAX} are allowed",
                text.len()
            ),
        ));
    }
    Ok(dictionary.place(text))
}

fn long_text(text: &str) -> Result<Cell, RowFault> {
    if text.len() > LONG_TEXT_BYTES_MAX {
        return Err(RowFault::new(
            "limit_exceeded",
            format!(
                "a LONGTEXT has {} bytes, at most {LONG_TEXT_BYTES_MAX} are allowed",
                text.len()
            ),
        ));
    }
    Ok(Cell::Text(text.into()))
}

/// The members of a set without duplicates, in order of their places.
fn members(value: &RawValue, dictionary: &mut Dictionary) -> Result<Box<[u32]>, RowFault> {
    let Texts(texts) = serde_json::from_str(value.get()).map_err(bad_content)?;
    let mut places = Vec::with_capacity(texts.len());
    for Text(text) in &texts {
        places.push(keyword(text, dictionary)?);
    }
    places.sort_unstable();
    places.dedup();
    Ok(places.into())
}

type MapEdit = (Box<[u32]>, Box<[(u32, i64)]>);

/// The keys whose value is null, and the others with theirs; of a key that occurs twice, the later
/// one counts.
fn entries(
    kind: NumberType,
    value: &RawValue,
    dictionary: &mut Dictionary,
) -> Result<MapEdit, RowFault> {
    let Object(members) = serde_json::from_str(value.get()).map_err(bad_content)?;
    debug_assert!(members.len() <= MEMBERS_MAX);
    let mut found: Vec<(u32, Option<i64>)> = Vec::with_capacity(members.len());
    for (Text(name), value) in &members {
        let place = keyword(name, dictionary)?;
        let stored = match Kind::of(value) {
            Kind::Null => None,
            _ => Some(number_from_json(kind, value)?),
        };
        found.push((place, stored));
    }
    found.reverse();
    found.sort_by_key(|(place, _)| *place);
    found.dedup_by_key(|(place, _)| *place);
    let drop = found
        .iter()
        .filter(|(_, stored)| stored.is_none())
        .map(|(place, _)| *place)
        .collect();
    let put = found
        .iter()
        .filter_map(|(place, stored)| stored.map(|stored| (*place, stored)))
        .collect();
    Ok((drop, put))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn bad_content(error: serde_json::Error) -> RowFault {
    // The place is one in the cell, which says nothing about the upload.
    let text = error.to_string();
    let detail = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let code = if detail.starts_with("more than") {
        "limit_exceeded"
    } else {
        "type_mismatch"
    };
    RowFault::new(code, detail)
}
