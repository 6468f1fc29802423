//! Columns of sets and maps.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait};
use arrow_schema::DataType;
use tagdb_storage::batch::Dictionary;
use tagdb_storage::limits::MEMBERS_MAX;
use tagdb_storage::schema::NumberType;

use super::convert::Faults;
use super::numbers::numbers;
use super::strings::{Place, Places, Strings};
use crate::http::{ApiError, ApiResult};
use crate::ingest::report::RowFault;

/// A column of lists: where each row's part lies, and all parts together.
struct Lists<'a> {
    /// One more than rows.
    bounds: Vec<usize>,
    values: ArrayRef,
    array: &'a dyn Array,
}

impl<'a> Lists<'a> {
    fn new(array: &'a dyn Array) -> ApiResult<Self> {
        let (mut bounds, values) = match array.data_type() {
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
        // Of the values only those of these rows: a batch may be taken in several pieces.
        let first = bounds.first().copied().unwrap_or(0);
        bounds.iter_mut().for_each(|bound| *bound -= first);
        let values = values.slice(first, bounds.last().copied().unwrap_or(0));
        Ok(Self {
            bounds,
            values,
            array,
        })
    }

    fn rows(&self) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> {
        let parts = self.bounds.windows(2).map(|pair| pair[0]..pair[1]);
        (0..).zip(parts).map(|(row, part)| {
            // What lies under a NULL is of no meaning.
            let is_null = self.array.is_null(row as usize);
            (
                row,
                if is_null {
                    part.start..part.start
                } else {
                    part
                },
            )
        })
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
    for (row, part) in lists.rows() {
        let start = members.len();
        if part.len() > MEMBERS_MAX {
            faults.add(row, too_many());
        } else {
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
    let values = numbers(kind, pairs.column(1).as_ref())?;
    places.begin(&strings);
    let key_nulls = pairs.column(0).logical_nulls();
    let is_null = |place: usize| {
        let place_in_nulls = u32::try_from(place).unwrap_or(u32::MAX);
        pairs.is_null(place)
            || key_nulls.as_ref().is_some_and(|nulls| nulls.is_null(place))
            || values.nulls.binary_search(&place_in_nulls).is_ok()
    };
    let mut wrong = values.faults.iter().peekable();
    for (row, part) in lists.rows() {
        let start = entries.len();
        while wrong
            .next_if(|(at, _)| (*at as usize) < part.start)
            .is_some()
        {}
        if let Some((_, fault)) = wrong.next_if(|(at, _)| part.contains(&(*at as usize))) {
            faults.add(row, fault.clone());
        }
        if part.len() > MEMBERS_MAX {
            faults.add(row, too_many());
        } else {
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
