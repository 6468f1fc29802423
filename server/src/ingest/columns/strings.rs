//! Columns of strings, whichever way they are laid out.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
};
use arrow_schema::DataType;
use tagdb_storage::batch::Dictionary;
use tagdb_storage::limits::KEYWORD_BYTES_MAX;

use crate::http::{ApiError, ApiResult};

/// A column of strings without its NULLs.
#[derive(Clone, Debug)]
enum Plain<'a> {
    Utf8(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
    /// Nothing but NULLs.
    Nothing(usize),
}

/// A column of strings, perhaps by their places in a dictionary.
#[derive(Debug)]
pub struct Strings<'a>(Layout<'a>);

#[derive(Debug)]
enum Layout<'a> {
    Plain(Plain<'a>),
    Coded {
        /// One a row; of no meaning where the row is NULL.
        keys: Cow<'a, [i32]>,
        values: Plain<'a>,
        shared: &'a ArrayRef,
    },
}

impl<'a> Plain<'a> {
    fn new(array: &'a dyn Array) -> ApiResult<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string()),
            DataType::LargeUtf8 => Self::Large(array.as_string()),
            DataType::Utf8View => Self::View(array.as_string_view()),
            DataType::Null => Self::Nothing(array.len()),
            other => return Err(ApiError::internal(format!("{other} is not a string"))),
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Utf8(array) => array.len(),
            Self::Large(array) => array.len(),
            Self::View(array) => array.len(),
            Self::Nothing(len) => *len,
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Utf8(array) => array.is_null(row),
            Self::Large(array) => array.is_null(row),
            Self::View(array) => array.is_null(row),
            Self::Nothing(_) => true,
        }
    }

    fn get(&self, row: usize) -> &'a str {
        match self {
            Self::Utf8(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
            Self::Nothing(_) => "",
        }
    }
}

impl<'a> Strings<'a> {
    /// The strings of a column.
    ///
    /// # Errors
    /// Only a bug: a column of another type.
    pub fn new(array: &'a dyn Array) -> ApiResult<Self> {
        let Some(coded) = array.as_any_dictionary_opt() else {
            return Plain::new(array).map(|plain| Self(Layout::Plain(plain)));
        };
        let keys = coded.keys();
        let keys = match keys.data_type() {
            DataType::Int32 => Cow::Borrowed(&keys.as_primitive::<Int32Type>().values()[..]),
            DataType::Int8 => widened(keys.as_primitive::<Int8Type>()),
            DataType::Int16 => widened(keys.as_primitive::<Int16Type>()),
            DataType::UInt8 => widened(keys.as_primitive::<UInt8Type>()),
            DataType::UInt16 => widened(keys.as_primitive::<UInt16Type>()),
            DataType::UInt32 => widened(keys.as_primitive::<UInt32Type>()),
            DataType::Int64 => widened(keys.as_primitive::<Int64Type>()),
            DataType::UInt64 => widened(keys.as_primitive::<UInt64Type>()),
            other => return Err(ApiError::internal(format!("{other} is not a code"))),
        };
        Ok(Self(Layout::Coded {
            keys,
            values: Plain::new(coded.values().as_ref())?,
            shared: coded.values(),
        }))
    }

    /// The string of a row that is not NULL itself; nothing if it names a NULL.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match &self.0 {
            Layout::Plain(values) => Some(values.get(row)),
            Layout::Coded { keys, values, .. } => {
                let place = usize::try_from(*keys.get(row)?).ok()?;
                (place < values.len() && !values.is_null(place)).then(|| values.get(place))
            }
        }
    }
}

/// Codes that do not fit 31 bits become -1, which no dictionary has.
fn widened<T>(keys: &PrimitiveArray<T>) -> Cow<'static, [i32]>
where
    T: arrow_array::ArrowPrimitiveType,
    T::Native: TryInto<i32>,
{
    let keys = keys.values().iter();
    keys.map(|key| (*key).try_into().unwrap_or(-1)).collect()
}

/// The places in a batch's dictionary of the strings of a column's own dictionary; kept from one
/// record batch to the next as long as the column's dictionary is the same.
#[derive(Debug, Default)]
pub(super) struct Places {
    of: Option<ArrayRef>,
    places: Vec<u32>,
}

/// A string whose place is not known yet.
const UNKNOWN: u32 = u32::MAX;
/// A string that is NULL.
const NULL: u32 = u32::MAX - 1;
/// A string that is too long.
const TOO_LONG: u32 = u32::MAX - 2;

/// A row's string as a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Known(u32),
    Null,
    TooLong,
}

impl Places {
    /// Forgets everything: the batch has another dictionary.
    pub(super) fn clear(&mut self) {
        self.of = None;
        self.places.clear();
    }

    /// Prepares for a column.
    pub(super) fn begin(&mut self, strings: &Strings<'_>) {
        let Layout::Coded { shared, .. } = &strings.0 else {
            return self.clear();
        };
        let is_same = self.of.as_ref().is_some_and(|of| {
            std::ptr::addr_eq(of.as_ref(), shared.as_ref())
                || of.to_data().ptr_eq(&shared.to_data())
        });
        if !is_same {
            self.of = Some((*shared).clone());
            self.places.clear();
            self.places.resize(shared.len(), UNKNOWN);
        }
    }

    /// The place of the string of a row that is not NULL itself.
    pub(super) fn of_row(
        &mut self,
        strings: &Strings<'_>,
        row: usize,
        dictionary: &mut Dictionary,
    ) -> Place {
        let (keys, values) = match &strings.0 {
            Layout::Plain(values) => return shown(of_string(values.get(row), dictionary)),
            Layout::Coded { keys, values, .. } => (keys, values),
        };
        let Ok(key) = usize::try_from(keys[row]) else {
            return Place::Null;
        };
        let Some(place) = self.places.get_mut(key) else {
            return Place::Null;
        };
        if *place == UNKNOWN {
            *place = if values.is_null(key) {
                NULL
            } else {
                of_string(values.get(key), dictionary)
            };
        }
        shown(*place)
    }
}

fn of_string(string: &str, dictionary: &mut Dictionary) -> u32 {
    if string.len() > KEYWORD_BYTES_MAX {
        TOO_LONG
    } else {
        dictionary.place(string)
    }
}

const fn shown(place: u32) -> Place {
    match place {
        NULL => Place::Null,
        TOO_LONG => Place::TooLong,
        place => Place::Known(place),
    }
}
