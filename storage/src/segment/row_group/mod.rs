//! Row groups: what a segment says of neighbouring tags in one chunk, for reading one subject at a
//! time. One look into the cache finds the columns of all of these tags, ready to be read.
//!
//! Only columns of base form are here, other than long texts. Each is read when it is first asked
//! for. The group's weight in the cache is that of the columns it holds; those that statements read
//! are cached (and weighed) beside it, by themselves.

mod presence;

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use self::presence::Presence;
use crate::bitmap::Bitmap;
use crate::error::{Error, Result};
use crate::ids::{Code, TagId};
use crate::layer::part::{
    ChunkValues, FlatRows, MultiPart, Part, Rows, SinglePart, Values, chunk_of_bitmap,
};
use crate::segment::cache::Cached;
use crate::segment::tags::TagSegment;

/// Tags of one group.
const TAGS: usize = 16;
/// Above the numbers of tags, by which parts are cached.
const CACHE_NUMBERS: u64 = 1 << 40;

/// Columns of neighbouring tags in one chunk.
#[derive(Debug)]
pub struct RowGroup {
    columns: [OnceLock<Column>; TAGS],
    kept_bytes: Mutex<usize>,
}

/// What a segment says of a tag in one chunk.
#[derive(Debug)]
pub(crate) enum Column {
    /// Of a boolean, a keyword or a number.
    Single(SingleColumn),
    /// Of a set or a map.
    Multi(Box<MultiColumn>),
    /// Too large for a group.
    Elsewhere,
}

/// Values of a chunk.
#[derive(Debug)]
pub(crate) struct SingleColumn {
    set: Presence,
    values: ChunkValues,
    cleared: Presence,
}

/// Rows of a chunk.
#[derive(Debug)]
pub(crate) struct MultiColumn {
    reset: Presence,
    rows: FlatRows,
}

impl SingleColumn {
    /// What is said of a subject: nothing, that it has no value, or its value.
    #[inline]
    pub(crate) fn get(&self, low: u16) -> Option<Option<i64>> {
        match self.set.position(low) {
            Some(rank) => Some(Some(self.values.get(low, rank))),
            None => self.cleared.position(low).map(|_| None),
        }
    }
}

impl MultiColumn {
    /// Appends a subject's entries, if they are decided here; tells whether they are.
    pub(crate) fn read(&self, low: u16, out: &mut Vec<(Code, i64)>) -> bool {
        let rank = self.reset.position(low);
        if let Some(rank) = rank {
            self.rows
                .for_each(rank as usize, |code, value| out.push((code, value)));
        }
        rank.is_some()
    }

    /// Begins to fetch a subject's entries, whose place is at hand.
    pub(crate) fn prefetch_entries(&self, low: u16) {
        if let Some(rank) = self.reset.position(low) {
            let list = self.rows.codes.get(rank as usize);
            self.rows.codes.items().prefetch(list.start);
            if let Some(payload) = &self.rows.payload {
                payload.prefetch(list.start);
            }
        }
    }
}

impl Column {
    /// Begins to fetch what is said of a subject.
    pub(crate) fn prefetch(&self, low: u16) {
        match self {
            Self::Single(column) => {
                let rank = column.set.prefetch(low);
                match column.values.start {
                    None => column.values.vector.prefetch(usize::from(low)),
                    Some(start) => {
                        if let Some(rank) = rank {
                            column.values.vector.prefetch(start + rank as usize);
                        }
                    }
                }
            }
            Self::Multi(column) => {
                if let Some(rank) = column.reset.prefetch(low) {
                    column.rows.codes.prefetch(rank as usize);
                }
            }
            Self::Elsewhere => {}
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Single(column) => {
                let presence = column.set.bytes() + column.cleared.bytes();
                presence + column.values.vector.bytes().len()
            }
            Self::Multi(column) => {
                size_of::<MultiColumn>() + column.reset.bytes() + column.rows.bytes()
            }
            Self::Elsewhere => 0,
        }
    }
}

impl RowGroup {
    fn new() -> Self {
        Self {
            columns: [const { OnceLock::new() }; TAGS],
            kept_bytes: Mutex::new(size_of::<Self>()),
        }
    }
}

/// Where a tag's columns are among the row groups of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowPlace(usize);

impl RowPlace {
    /// The group of each chunk that holds it.
    pub(crate) const fn group(self) -> usize {
        self.0 / TAGS
    }
}

impl TagSegment {
    /// Where a tag's columns are among the row groups; nothing if they are in none.
    pub(crate) fn row_place(&self, tag: TagId) -> Option<RowPlace> {
        self.row_tags().binary_search(&tag).ok().map(RowPlace)
    }

    /// A group of a chunk, without any column at first.
    pub(crate) fn row_group(&self, chunk: u16, group: usize) -> Result<Arc<RowGroup>> {
        let make = || {
            let made = Arc::new(RowGroup::new());
            let bytes = *made.kept_bytes.lock();
            Ok(Cached::RowGroup(made, bytes))
        };
        let number = cache_number(chunk, group);
        self.file().cached_as(number, make)?.into_row_group()
    }

    /// What a group says of a tag, which is read if it is not there yet.
    pub(crate) fn column<'a>(
        &self,
        group: &'a Arc<RowGroup>,
        chunk: u16,
        place: RowPlace,
    ) -> Result<&'a Column> {
        let slot = &group.columns[place.0 % TAGS];
        if let Some(column) = slot.get() {
            return Ok(column);
        }
        let column = self.read_column(chunk, place)?;
        let mut kept_bytes = group.kept_bytes.lock();
        if slot.get().is_none() {
            let bytes = *kept_bytes + column.bytes();
            if bytes > self.file().cache().group_bytes_max() {
                return Ok(slot.get_or_init(|| Column::Elsewhere));
            }
            *kept_bytes = bytes;
            // Again, for what it weighs now.
            self.file().recache_as(
                cache_number(chunk, place.group()),
                Cached::RowGroup(group.clone(), bytes),
            );
        }
        Ok(slot.get_or_init(|| column))
    }

    fn read_column(&self, chunk: u16, place: RowPlace) -> Result<Column> {
        let tag = self.row_tags().get(place.0);
        let part = tag.map(|tag| self.part(*tag)).transpose()?.flatten();
        let part = part.ok_or_else(|| Error::internal("a column of no tag"))?;
        match &*part {
            Part::Single(part) => single_column(part, chunk).map(Column::Single),
            Part::Multi(part) => Ok(Column::Multi(Box::new(multi_column(part, chunk)?))),
            Part::Text(_) => Err(Error::internal("texts are in no row group")),
        }
    }
}

const fn cache_number(chunk: u16, group: usize) -> u64 {
    CACHE_NUMBERS + ((group as u64) << 16) + chunk as u64
}

fn single_column(part: &SinglePart, chunk: u16) -> Result<SingleColumn> {
    let (values, set) = match (chunk_of_bitmap(&part.set, chunk), &part.values) {
        (None, _) => (ChunkValues::default(), Presence::none()),
        (Some((_, set)), Values::Grouped(groups)) => {
            let values = groups.read_chunk(chunk, set.len() as usize)?;
            (values, Presence::new(set))
        }
        (Some(_), Values::Flat(_)) => return Err(not_grouped()),
    };
    Ok(SingleColumn {
        set,
        values,
        cleared: presence(&part.cleared, chunk),
    })
}

fn multi_column(part: &MultiPart, chunk: u16) -> Result<MultiColumn> {
    match (chunk_of_bitmap(&part.reset, chunk), &part.full) {
        (None, _) => Ok(MultiColumn {
            reset: Presence::none(),
            rows: FlatRows::default(),
        }),
        (Some((_, reset)), Rows::Grouped(groups)) => Ok(MultiColumn {
            rows: groups.read_chunk(chunk, reset.len() as usize)?,
            reset: Presence::new(reset),
        }),
        (Some(_), Rows::Flat(_)) => Err(not_grouped()),
    }
}

fn presence(bitmap: &Bitmap, chunk: u16) -> Presence {
    chunk_of_bitmap(bitmap, chunk).map_or_else(Presence::none, |(_, own)| Presence::new(own))
}

fn not_grouped() -> Error {
    Error::internal("a part in delta form is in no row group")
}
