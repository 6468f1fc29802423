//! Which column of a file goes where, decided before any row is read.

use std::sync::Arc;

use arrow_schema::{DataType, Fields, Schema};
use tagdb_storage::schema::{KeyType, NumberType, TagType};

use crate::http::{ApiError, ApiResult};
use crate::ingest::report::RowFault;
use crate::ingest::target::{Slot, Target};

/// What the columns of a file mean for the table they go to.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) target: Arc<Target>,
    /// The key's place in the file.
    pub(super) key: usize,
    /// Places in the file, with the tags' places in the schema.
    pub(super) tags: Vec<(usize, usize)>,
}

impl Plan {
    /// Finds the target of each column and checks its type.
    ///
    /// # Errors
    /// A column is not known, not of a type that its tag can hold, or named twice; or the key is
    /// missing.
    pub fn new(target: Arc<Target>, schema: &Schema) -> ApiResult<Self> {
        let refused = |fault: RowFault| ApiError::new(fault.code, fault.detail);
        let mut key = None;
        let mut tags: Vec<(usize, usize)> = Vec::new();
        for (place, field) in schema.fields().iter().enumerate() {
            let name = field.name();
            let twice = match target.slot(name).map_err(refused)? {
                Slot::Key => {
                    check_key(name, target.schema.key_type, field.data_type())?;
                    key.replace(place).is_some()
                }
                Slot::Tag(tag) => {
                    check_tag(name, target.tag(tag).kind, field.data_type())?;
                    tags.push((place, tag));
                    tags.iter().filter(|(_, other)| *other == tag).count() > 1
                }
                Slot::Put(_) | Slot::Drop(_) => {
                    return Err(ApiError::unsupported(&format!(
                        "adding and removing members by columns of a file (\"{name}\")"
                    )));
                }
            };
            if twice {
                let detail = format!("column \"{name}\" occurs twice");
                return Err(ApiError::new("duplicate_column", detail));
            }
        }
        let Some(key) = key else {
            let detail = format!("the key column \"{}\" is missing", target.schema.key_name);
            return Err(ApiError::new("bad_key", detail));
        };
        Ok(Self { target, key, tags })
    }
}

fn check_key(name: &str, kind: KeyType, found: &DataType) -> ApiResult<()> {
    let (fits, expected, tag) = match kind {
        KeyType::Keyword => (is_text(found), "a string", "KEYWORD"),
        KeyType::BigInt => (found.is_integer(), "an integer", "BIGINT"),
    };
    fit(fits, name, expected, tag, found)
}

fn check_tag(name: &str, kind: TagType, found: &DataType) -> ApiResult<()> {
    let (fits, expected) = match kind {
        _ if *found == DataType::Null => (true, ""),
        TagType::Boolean => (*found == DataType::Boolean, "Boolean"),
        TagType::Keyword | TagType::LongText => (is_text(found), "a string"),
        TagType::Number(number) => (is_number(number, found), expected_number(number)),
        TagType::KeywordSet => (
            members_of(found).is_some_and(|member| is_text(member) || *member == DataType::Null),
            "a list of strings",
        ),
        TagType::Map(number) => (
            entries_of(found).is_some_and(|(key, value)| is_text(key) && is_number(number, value)),
            "a map from strings, or a list of pairs of a string and a value",
        ),
    };
    let tag = tagdb_query::DataType::from(kind).to_string();
    fit(fits, name, expected, &tag, found)
}

fn fit(fits: bool, name: &str, expected: &str, tag: &str, found: &DataType) -> ApiResult<()> {
    if fits {
        return Ok(());
    }
    let mut found = found.to_string();
    if found.len() > 200 {
        let end = (0..=200).rev().find(|end| found.is_char_boundary(*end));
        found.truncate(end.unwrap_or(0));
        found.push_str("...");
    }
    Err(ApiError::new(
        "type_mismatch",
        format!("column \"{name}\" is {found}; a {tag} takes {expected}"),
    ))
}

/// Whether the column holds strings.
pub(super) fn is_text(found: &DataType) -> bool {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => matches!(
            **value,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        ),
        _ => false,
    }
}

fn is_number(kind: NumberType, found: &DataType) -> bool {
    let is_decimal = matches!(
        found,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..)
    );
    match kind {
        NumberType::SmallInt | NumberType::Int | NumberType::BigInt => found.is_integer(),
        NumberType::Decimal { .. } => found.is_integer() || is_decimal,
        NumberType::Double => found.is_integer() || found.is_floating() || is_decimal,
        NumberType::Date => matches!(found, DataType::Date32 | DataType::Date64),
        NumberType::Timestamp => matches!(found, DataType::Timestamp(..)),
    }
}

const fn expected_number(kind: NumberType) -> &'static str {
    match kind {
        NumberType::SmallInt | NumberType::Int | NumberType::BigInt => "an integer",
        NumberType::Decimal { .. } => "a decimal of up to 128 bits or an integer",
        NumberType::Double => "a number",
        NumberType::Date => "Date32 or Date64",
        NumberType::Timestamp => "Timestamp",
    }
}

/// The type of a list's members.
pub(super) fn members_of(found: &DataType) -> Option<&DataType> {
    match found {
        DataType::List(member) | DataType::LargeList(member) => Some(member.data_type()),
        _ => None,
    }
}

/// The types of a map's keys and values; a list of pairs is a map too.
pub(super) fn entries_of(found: &DataType) -> Option<(&DataType, &DataType)> {
    let (DataType::Map(entry, _) | DataType::List(entry) | DataType::LargeList(entry)) = found
    else {
        return None;
    };
    match entry.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => {
            Some((fields[0].data_type(), fields[1].data_type()))
        }
        _ => None,
    }
}

/// The types that a file's columns are best read as: strings of a vocabulary as dictionaries, so
/// that each distinct string is looked at once, and other strings where they lie.
pub(super) fn best_types(fields: &Fields, plan: &Plan) -> Fields {
    let place_of = |place| plan.tags.iter().find(|(other, _)| *other == place);
    let retyped = fields.iter().enumerate().map(|(place, field)| {
        let kind = place_of(place).map(|(_, tag)| plan.target.tag(*tag).kind);
        let kept = field.as_ref().clone();
        let data_type = match kind {
            None | Some(TagType::LongText) => in_place(field.data_type()),
            Some(_) => as_dictionary(field.data_type()),
        };
        kept.with_data_type(data_type)
    });
    retyped.collect()
}

fn in_place(found: &DataType) -> DataType {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        other => other.clone(),
    }
}

fn as_dictionary(found: &DataType) -> DataType {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        DataType::List(member) => {
            let data_type = as_dictionary(member.data_type());
            DataType::List(Arc::new(member.as_ref().clone().with_data_type(data_type)))
        }
        DataType::Map(entry, sorted) => {
            let data_type = as_dictionary(entry.data_type());
            let entry = entry.as_ref().clone().with_data_type(data_type);
            DataType::Map(Arc::new(entry), *sorted)
        }
        DataType::Struct(fields) => {
            let retyped = fields.iter().map(|field| {
                let data_type = as_dictionary(field.data_type());
                field.as_ref().clone().with_data_type(data_type)
            });
            DataType::Struct(retyped.collect())
        }
        other => other.clone(),
    }
}
