//! Columns of sets and maps.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait, UInt64Array};
use arrow_schema::DataType;
use arrow_select::take::take;
use tagdb_storage::batch::Dictionary;
use tagdb_storage::limits::MEMBERS_MAX;
use tagdb_storage::schema::NumberType;

use super::convert::Faults;
use super::numbers::numbers_in_lists;
use super::strings::{Place, Places, Strings};
use crate::http::{ApiError, ApiResult};
use crate::ingest::report::RowFault;

/// A column of lists: where each row's part lies, and all parts together. Lists that are NULL or
/// too long are empty here, and nothing of theirs is among the values.
struct Lists {
    /// One more than rows.
    bounds: Vec<usize>,
    values: ArrayRef,
    /// The rows whose lists are too long.
    too_long: Vec<u32>,
}

impl Lists {
    fn new(array: &dyn Array) -> ApiResult<Self> {
        let (all, values) = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                (bounds(list.value_offsets()), list.values())
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                (bounds(list.value_offsets()), list.values())
            }
            other => return Err(ApiError::internal(format!("{other} is not a list"))),
        };
        let mut too_long = Vec::new();
        let mut kept = vec![0];
        let mut end = 0;
        for (row, pair) in all.windows(2).enumerate() {
            let len = pair[1] - pair[0];
            // What lies under a NULL is of no meaning.
            if array.is_valid(row) && len > MEMBERS_MAX {
                too_long.push(end_of(row));
            } else if array.is_valid(row) {
                end += len;
            }
            kept.push(end);
        }
        // Of the values only those of these rows: a batch may be taken in several pieces.
        let first = all.first().copied().unwrap_or(0);
        let len = all.last().copied().unwrap_or(first) - first;
        let values = if end == len {
            values.slice(first, len)
        } else {
            let parts = all.windows(2).zip(kept.windows(2));
            let parts = parts.flat_map(|(all, kept)| all[0]..all[0] + (kept[1] - kept[0]));
            let places: UInt64Array = parts.map(|place| place as u64).collect();
            take(values.as_ref(), &places, None)
                .map_err(|error| ApiError::internal(error.to_string()))?
        };
        Ok(Self {
            bounds: kept,
            values,
            too_long,
        })
    }

    fn rows(&self) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> {
        (0..).zip(self.bounds.windows(2).map(|pair| pair[0]..pair[1]))
    }
}

fn bounds<O: OffsetSizeTrait>(offsets: &[O]) -> Vec<usize> {
    offsets.iter().map(|offset| offset.as_usize()).collect()
}

/// How many members or entries the rows of a column have, if it is of lists or maps.
pub(super) fn lengths(array: &dyn Array) -> Option<Vec<usize>> {
    let bounds = match array.data_type() {
        DataType::List(_) => bounds(array.as_list::<i32>().value_offsets()),
        DataType::LargeList(_) => bounds(array.as_list::<i64>().value_offsets()),
        DataType::Map(..) => bounds(array.as_map().value_offsets()),
        _ => return None,
    };
    Some(bounds.windows(2).map(|pair| pair[1] - pair[0]).collect())
}

/// Appends the rows of a column of sets.
///
/// # Errors
/// Only a bug: a column of another type.
pub(super) fn sets(
    array: &dyn Array,
    places: &mut Places,
    dictionary: &mut Dictionary,
    (ends, members): (&mut Vec<u32>, &mut Vec<u32>),
    faults: &mut Faults<'_>,
) -> ApiResult<()> {
    let lists = Lists::new(array)?;
    let strings = Strings::new(lists.values.as_ref())?;
    places.begin(&strings);
    let nulls = lists.values.logical_nulls();
    for row in &lists.too_long {
        faults.add(*row, too_many());
    }
    for (row, part) in lists.rows() {
        let start = members.len();
        for place in part {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(place));
            match (is_null, places.of_row(&strings, place, dictionary)) {
                (false, Place::Known(place)) => members.push(place),
                (false, Place::TooLong) => faults.add_too_long(row),
                (true, _) | (_, Place::Null) => {
                    faults.add(row, RowFault::new("type_mismatch", "a set holds no NULL"));
                }
            }
        }
        let own = &mut members[start..];
        if !own.is_sorted_by(|a, b| a < b) {
            own.sort_unstable();
            let mut sorted = members.split_off(start);
            sorted.dedup();
            members.append(&mut sorted);
        }
        ends.push(end_of(members.len()));
    }
    Ok(())
}

/// Appends the rows of a column of maps; of a key that occurs twice, the later one counts.
///
/// # Errors
/// Only a bug: a column of another type.
pub(super) fn maps(
    kind: NumberType,
    array: &dyn Array,
    places: &mut Places,
    dictionary: &mut Dictionary,
    (ends, entries): (&mut Vec<u32>, &mut Vec<(u32, i64)>),
    faults: &mut Faults<'_>,
) -> ApiResult<()> {
    let as_list;
    let array = match array.data_type() {
        DataType::Map(..) => {
            as_list = arrow_array::ListArray::from(array.as_map().clone());
            &as_list as &dyn Array
        }
        _ => array,
    };
    let lists = Lists::new(array)?;
    let pairs = lists.values.as_struct();
    let strings = Strings::new(pairs.column(0).as_ref())?;
    let values = numbers_in_lists(kind, pairs.column(1).as_ref(), &lists.bounds)?;
    places.begin(&strings);
    let key_nulls = pairs.column(0).logical_nulls();
    let is_null = |place: usize| {
        let place_in_nulls = u32::try_from(place).unwrap_or(u32::MAX);
        pairs.is_null(place)
            || key_nulls.as_ref().is_some_and(|nulls| nulls.is_null(place))
            || values.nulls.binary_search(&place_in_nulls).is_ok()
    };
    for row in &lists.too_long {
        faults.add(*row, too_many());
    }
    let mut wrong = values.faults.iter().peekable();
    for (row, part) in lists.rows() {
        let start = entries.len();
        if let Some((_, fault)) = wrong.next_if(|(at, _)| part.contains(&(*at as usize))) {
            faults.add(row, fault.clone());
        }
        for place in part {
            match (is_null(place), places.of_row(&strings, place, dictionary)) {
                (false, Place::Known(key)) => entries.push((key, values.values[place])),
                (false, Place::TooLong) => faults.add_too_long(row),
                (true, _) | (_, Place::Null) => {
                    let detail = "a map holds no NULL; leave the key out";
                    faults.add(row, RowFault::new("type_mismatch", detail));
                }
            }
        }
        if !entries[start..].is_sorted_by(|a, b| a.0 < b.0) {
            let mut own = entries.split_off(start);
            own.reverse();
            own.sort_by_key(|(place, _)| *place);
            own.dedup_by_key(|(place, _)| *place);
            entries.append(&mut own);
        }
        ends.push(end_of(entries.len()));
    }
    Ok(())
}

fn end_of(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn too_many() -> RowFault {
    let detail = format!("more than {MEMBERS_MAX} members");
    RowFault::new("limit_exceeded", detail)
}
