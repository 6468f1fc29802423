//! One subject's tags: the newest layer that knows the subject says it.

use std::sync::Arc;

use crate::engine::root::PartitionState;
use crate::engine::segments::SegmentPlace;
use crate::error::Result;
use crate::ids::{Code, Ordinal, TagId, chunk_of, low_of};
use crate::layer::Part;
use crate::layer::write::EntryState;
use crate::segment::row_group::{Column, RowGroup, RowPlace};
use crate::segment::tags::TagSegment;

/// Segments that are told apart; further ones are all asked.
const TOLD_APART: usize = 64;

/// What is known of one subject. Segments that say nothing of it are found once for all tags, and
/// so are the columns of neighbouring tags.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    partition: &'a PartitionState,
    ordinal: Ordinal,
    /// A bit for each of the first segments that has the subject.
    segments: u64,
    groups: Vec<OpenGroup>,
}

/// A row group that was asked for.
#[derive(Clone, Debug)]
struct OpenGroup {
    /// The segment's place.
    place: usize,
    /// Its number in the chunk.
    number: usize,
    group: Arc<RowGroup>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(partition: &'a PartitionState, ordinal: Ordinal) -> Result<Self> {
        let mut segments = 0;
        let live = &partition.segments.live;
        for (place, live) in live.iter().enumerate().take(TOLD_APART) {
            // The oldest one has nearly everybody.
            if place == 0 || live.segment.has_subject(ordinal)? {
                segments |= 1 << place;
            }
        }
        Ok(Self {
            partition,
            ordinal,
            segments,
            groups: Vec::with_capacity(1),
        })
    }

    /// The partition it is of.
    #[must_use]
    pub const fn partition(&self) -> &'a PartitionState {
        self.partition
    }

    /// Its number.
    #[must_use]
    pub const fn ordinal(&self) -> Ordinal {
        self.ordinal
    }

    /// A boolean, keyword or number.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn value(&mut self, tag: TagId) -> Result<Option<i64>> {
        let ordinal = self.ordinal;
        let ask = &mut |said: Said<'_>| match said {
            Said::Column(Column::Single(column)) => Ok(column.get(low_of(ordinal))),
            Said::Part(Part::Single(part)) => part.get(ordinal),
            _ => Ok(None),
        };
        Ok(self.newest(tag, ask)?.flatten())
    }

    /// A long text.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn long_text(&mut self, tag: TagId) -> Result<Option<String>> {
        let ordinal = self.ordinal;
        let ask = &mut |said: Said<'_>| match said {
            Said::Part(Part::Text(part)) => part.get(ordinal),
            _ => Ok(None),
        };
        Ok(self.newest(tag, ask)?.flatten())
    }

    /// Appends the entries of a set or map, by rising code; 0 beside each in sets.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn entries(&mut self, tag: TagId, out: &mut Vec<(Code, i64)>) -> Result<()> {
        let ordinal = self.ordinal;
        let before = out.len();
        let mut newer: Vec<EntryState> = Vec::new();
        let ask = &mut |said: Said<'_>| match said {
            Said::Column(Column::Multi(column)) => {
                Ok(column.read(low_of(ordinal), out).then_some(()))
            }
            Said::Part(Part::Multi(part)) => {
                let state = part.state(ordinal)?;
                let is_whole = state.as_ref().is_some_and(|state| state.reset);
                newer.extend(state);
                Ok(is_whole.then_some(()))
            }
            _ => Ok(None),
        };
        self.newest(tag, ask)?;
        if !newer.is_empty() {
            // What a column said is older than all of these, and whole.
            if out.len() > before {
                newer.push(EntryState {
                    reset: true,
                    puts: out.split_off(before),
                    drops: Vec::new(),
                });
            }
            out.extend(EntryState::fold(newer));
        }
        Ok(())
    }

    /// Begins to fetch what is said of tags. Whoever asks for many subjects does it for all of them
    /// before anything is read, so that memory is waited for once.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn prefetch(&mut self, tags: impl Iterator<Item = TagId>) -> Result<()> {
        let low = low_of(self.ordinal);
        self.for_each_column(tags, |column| column.prefetch(low))
    }

    /// Begins to fetch the entries of sets and maps, whose places are at hand after
    /// [`Self::prefetch`].
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn prefetch_entries(&mut self, tags: impl Iterator<Item = TagId>) -> Result<()> {
        let low = low_of(self.ordinal);
        self.for_each_column(tags, |column| {
            if let Column::Multi(column) = column {
                column.prefetch_entries(low);
            }
        })
    }

    /// Visits the newest column of each tag.
    fn for_each_column(
        &mut self,
        tags: impl Iterator<Item = TagId>,
        visit: impl Fn(&Column),
    ) -> Result<()> {
        let partition = self.partition;
        for tag in tags {
            let mut places = partition.segments.places(tag).rev();
            let own = places.find(|place| self.is_in(place.place));
            if let Some(SegmentPlace {
                place,
                segment,
                rows: Some(rows),
            }) = own
            {
                visit(self.column(place, segment, rows)?);
            }
        }
        Ok(())
    }

    /// Asks the layers of a tag, newest first, until one has an answer.
    fn newest<T>(
        &mut self,
        tag: TagId,
        ask: &mut impl FnMut(Said<'_>) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let partition = self.partition;
        for layer in partition.memory.iter().rev() {
            if let Some(part) = layer.layer.part(tag)
                && let Some(answer) = ask(Said::Part(part))?
            {
                return Ok(Some(answer));
            }
        }
        for SegmentPlace {
            place,
            segment,
            rows,
        } in partition.segments.places(tag).rev()
        {
            if !self.is_in(place) {
                continue;
            }
            let column = match rows {
                Some(rows) => Some(self.column(place, segment, rows)?),
                None => None,
            };
            let answer = match column {
                Some(column) if !matches!(column, Column::Elsewhere) => ask(Said::Column(column))?,
                _ => match segment.part(tag)? {
                    Some(part) => ask(Said::Part(&part))?,
                    None => None,
                },
            };
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }

    const fn is_in(&self, place: usize) -> bool {
        place >= TOLD_APART || self.segments >> place & 1 != 0
    }

    /// A tag's column in a segment.
    fn column(&mut self, place: usize, segment: &TagSegment, rows: RowPlace) -> Result<&Column> {
        let (chunk, number) = (chunk_of(self.ordinal), rows.group());
        let is_it = |open: &OpenGroup| open.place == place && open.number == number;
        let index = match self.groups.iter().position(is_it) {
            Some(index) => index,
            None => {
                let group = segment.row_group(chunk, number)?;
                self.groups.push(OpenGroup {
                    place,
                    number,
                    group,
                });
                self.groups.len() - 1
            }
        };
        segment.column(&self.groups[index].group, chunk, rows)
    }
}

/// What a layer says of a tag.
#[derive(Debug)]
enum Said<'a> {
    /// In the subject's chunk.
    Column(&'a Column),
    /// In all chunks.
    Part(&'a Part),
}
