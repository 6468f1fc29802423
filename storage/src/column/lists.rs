//! A vector of lists of integers.
//!
//! ```text
//! 0  8  length of the vector of bounds in bytes
//! 8  -  bounds: a vector; list `i` is the items `bounds[i] .. bounds[i + 1]`
//! -  -  items: a vector
//! ```

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::vector::Deltas;
use super::{ColumnError, Vector};
use crate::bitmap::small;
use crate::ids::Code;

/// An immutable vector of lists of `i64`, over its serialised bytes. Cloning shares them.
#[derive(Clone, PartialEq, Eq)]
pub struct Lists {
    bytes: Bytes,
    bounds: Vector,
    items: Vector,
}

impl Lists {
    /// Takes `bytes` as lists if they are exactly one valid serialisation.
    ///
    /// # Errors
    /// If anything about the bytes is not as the format says.
    pub fn parse(bytes: Bytes) -> Result<Self, ColumnError> {
        let damaged = |offset, expected| ColumnError { offset, expected };
        let Some((bounds_len, vectors)) = bytes.split_first_chunk() else {
            return Err(damaged(bytes.len(), "the length of the bounds"));
        };
        let items_start = usize::try_from(u64::from_le_bytes(*bounds_len))
            .ok()
            .filter(|len| *len <= vectors.len())
            .map(|len| len + 8)
            .ok_or(damaged(0, "bounds within the lists"))?;
        let within = |start: usize| move |error: ColumnError| error.moved_by(start);
        let bounds = Vector::parse(bytes.slice(8..items_start)).map_err(within(8))?;
        let items = Vector::parse(bytes.slice(items_start..)).map_err(within(items_start))?;
        let holds = !bounds.is_empty()
            && bounds.get(0) == 0
            && bounds.get(bounds.len() - 1) == items.len() as i64
            // Equal values take no bytes, so there may be more of them than can be walked over.
            && (bounds.min() == bounds.max() || bounds.iter().is_sorted());
        if !holds {
            return Err(damaged(8, "rising bounds from 0 to the number of items"));
        }
        Ok(Self {
            bytes,
            bounds,
            items,
        })
    }

    /// The serialisation.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The number of lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Whether there is no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where in [`items`](Self::items) list `index` is.
    ///
    /// # Panics
    /// If `index` is not below `len()`.
    #[must_use]
    pub fn get(&self, index: usize) -> Range<usize> {
        self.bounds.get(index) as usize..self.bounds.get(index + 1) as usize
    }

    /// Begins to fetch where list `index` is.
    #[inline]
    pub(crate) fn prefetch(&self, index: usize) {
        self.bounds.prefetch(index);
    }

    /// The list that has the item at `place`, if it is not before list `from`: found by steps that
    /// double, as whoever asks goes on from list to list.
    #[must_use]
    pub(crate) fn list_of(&self, place: usize, from: usize) -> usize {
        let ends_after = |list: usize| self.bounds.get(list + 1) as usize > place;
        let (mut low, mut step) = (from, 1);
        while low + step < self.len() && !ends_after(low + step - 1) {
            low += step;
            step *= 2;
        }
        let (mut low, mut high) = (low, (low + step).min(self.len()));
        while low < high {
            let middle = low + (high - low) / 2;
            if ends_after(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// Adds to `counts[item]` for each item of some lists, and gives how many of these have any.
    /// Items that are no index of `counts` are passed over.
    pub(crate) fn tally(&self, lists: &[u32], counts: &mut [u64]) -> u64 {
        let bounds =
            |list: usize| self.bounds.get(list) as usize..self.bounds.get(list + 1) as usize;
        let min = self.items.min() as usize;
        let items = self.items.deltas(0, self.items.len());
        match (self.bounds.deltas(0, self.bounds.len()), items) {
            (Deltas::Four(ends), Deltas::One(items)) => {
                let at = |list: usize| u32::from_le_bytes(ends[list]) as usize;
                let item = |place: usize| min.wrapping_add(usize::from(items[place][0]));
                tally(lists, |list| at(list)..at(list + 1), item, counts)
            }
            (Deltas::Four(ends), Deltas::Two(items)) => {
                let at = |list: usize| u32::from_le_bytes(ends[list]) as usize;
                let item =
                    |place: usize| min.wrapping_add(usize::from(u16::from_le_bytes(items[place])));
                tally(lists, |list| at(list)..at(list + 1), item, counts)
            }
            _ => tally(
                lists,
                bounds,
                |place| self.items.get(place) as usize,
                counts,
            ),
        }
    }

    /// Where lists begin and end among the items.
    pub(crate) fn bounds(&self) -> &Vector {
        &self.bounds
    }

    /// The items of all lists, one after the other.
    #[must_use]
    pub fn items(&self) -> &Vector {
        &self.items
    }
}

fn tally(
    lists: &[u32],
    bounds: impl Fn(usize) -> Range<usize>,
    item: impl Fn(usize) -> usize,
    counts: &mut [u64],
) -> u64 {
    let mut known = 0;
    for list in lists {
        let places = bounds(*list as usize);
        known += u64::from(!places.is_empty());
        for place in places {
            if let Some(count) = counts.get_mut(item(place)) {
                *count += 1;
            }
        }
    }
    known
}

impl Default for Lists {
    fn default() -> Self {
        ListsBuilder::new().finish()
    }
}

impl Lists {
    /// Lists with these bounds, which rise from 0 to the number of items.
    #[must_use]
    pub fn from_parts(bounds: &[i64], items: &[Code]) -> Self {
        Self::of(Vector::from_values(bounds), Vector::from_values(items))
    }

    fn of(bounds: Vector, items: Vector) -> Self {
        let items_start = 8 + bounds.bytes().len();
        let mut bytes = Vec::with_capacity(items_start + items.bytes().len());
        bytes.extend((bounds.bytes().len() as u64).to_le_bytes());
        bytes.extend(bounds.bytes());
        bytes.extend(items.bytes());
        let bytes = small::from_vec(bytes);
        // Views of the one allocation; what they were made of is dropped.
        Self {
            bounds: bounds.over(bytes.slice(8..items_start)),
            items: items.over(bytes.slice(items_start..)),
            bytes,
        }
    }
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lists")
            .field("len", &self.len())
            .field("items", &self.items)
            .finish()
    }
}

/// Builds [`Lists`].
#[derive(Debug)]
pub struct ListsBuilder {
    bounds: Vec<i64>,
    items: Vec<i64>,
}

impl ListsBuilder {
    /// Makes a builder of no lists.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bounds: vec![0],
            items: Vec::new(),
        }
    }

    /// Appends a list.
    pub fn push(&mut self, items: impl IntoIterator<Item = i64>) {
        self.items.extend(items);
        self.bounds.push(self.items.len() as i64);
    }

    /// Finishes the lists.
    #[must_use]
    pub fn finish(self) -> Lists {
        Lists::of(
            Vector::from_values(&self.bounds),
            Vector::from_values(&self.items),
        )
    }
}

impl Default for ListsBuilder {
    fn default() -> Self {
        Self::new()
    }
}
