//! What one layer says of one tag.

use std::sync::Arc;

use crate::bitmap::{Bitmap, Chunk, Container};
use crate::column::{CodeSet, Lists, ListsBuilder, TextBlocks, Totals, Vector};
use crate::error::{Error, Result};
use crate::ids::{CHUNK_LEN, Code};
use crate::segment::groups::{EntryIndex, ListGroups, MemberIndex, TextGroups, ValueGroups};

/// What one layer says of one tag.
#[derive(Clone, Debug)]
pub enum Part {
    /// Of a boolean, a keyword or a number.
    Single(Arc<SinglePart>),
    /// Of a long text.
    Text(Arc<TextPart>),
    /// Of a set or a map.
    Multi(Arc<MultiPart>),
}

/// Of a tag with at most one number a subject. `set` and `cleared` are disjoint.
#[derive(Clone, Debug, Default)]
pub struct SinglePart {
    /// Subjects that were given a value.
    pub set: Bitmap,
    /// Subjects whose value was taken away.
    pub cleared: Bitmap,
    /// A value for each subject of `set`.
    pub values: Values,
    /// The subjects of each value, in base form of coded tags.
    pub members: Option<MemberIndex>,
}

/// Of a long text. `set` and `cleared` are disjoint.
#[derive(Clone, Debug, Default)]
pub struct TextPart {
    /// Subjects that were given a text.
    pub set: Bitmap,
    /// Subjects whose text was taken away.
    pub cleared: Bitmap,
    /// A text for each subject of `set`.
    pub texts: Texts,
}

/// Of a set or a map. `reset` and `dirty` are disjoint.
#[derive(Clone, Debug, Default)]
pub struct MultiPart {
    /// Subjects whose whole content is decided here.
    pub reset: Bitmap,
    /// Subjects some of whose entries are decided here.
    pub dirty: Bitmap,
    /// The entries of each subject of `reset`.
    pub full: Rows,
    /// The entries put, for each subject of `dirty`.
    pub puts: FlatRows,
    /// The entries dropped, for each subject of `dirty`.
    pub drops: FlatRows,
    /// The subjects of each entry, in base form (`dirty` is empty then).
    pub index: Option<EntryIndex>,
}

/// The values of a single-valued part.
#[derive(Clone, Debug)]
pub enum Values {
    /// One vector in rank order.
    Flat(Vector),
    /// A vector for each chunk, fetched when asked for.
    Grouped(ValueGroups),
}

/// The texts of a text part.
#[derive(Clone, Debug)]
pub enum Texts {
    /// In rank order.
    Flat(TextBlocks),
    /// For each chunk in rank order, fetched when asked for.
    Grouped(TextGroups),
}

/// Lists of entries of some subjects.
#[derive(Clone, Debug)]
pub enum Rows {
    /// In rank order.
    Flat(FlatRows),
    /// For each chunk in rank order, fetched when asked for.
    Grouped(ListGroups),
}

/// Lists of entries in rank order, by rising code.
#[derive(Clone, Debug, Default)]
pub struct FlatRows {
    /// The codes of each list.
    pub codes: Lists,
    /// A value beside each code; none in sets and drops.
    pub payload: Option<Vector>,
}

impl Default for Values {
    fn default() -> Self {
        Self::Flat(Vector::default())
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::Flat(TextBlocks::default())
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::Flat(FlatRows::default())
    }
}

/// The values of a part in one chunk.
#[derive(Clone, Debug, Default)]
pub struct ChunkValues {
    /// Dense (position = low bits of the ordinal) or in rank order from `start`.
    pub vector: Vector,
    /// Where the values of the chunk's subjects begin; nothing if the vector is dense.
    pub start: Option<usize>,
}

impl ChunkValues {
    /// The value of a subject at a position of the chunk and a rank among the chunk's subjects.
    #[must_use]
    pub fn get(&self, low: u16, rank: u32) -> i64 {
        match self.start {
            Some(start) => self.vector.get(start + rank as usize),
            None => self.vector.get(usize::from(low)),
        }
    }

    /// Makes `out` the candidates, all of which are in `set`, whose value lies in `bounds`.
    pub(crate) fn select_range(
        &self,
        set: Container<'_>,
        candidates: &Chunk,
        (low, high): (i64, i64),
        out: &mut Chunk,
    ) {
        match self.start {
            Some(start) => {
                self.vector
                    .select_range_ranked((start as u64, set), candidates, low, high, out);
            }
            None => {
                self.vector
                    .select_range(0, self.vector.len(), low, high, out);
                out.and(candidates);
            }
        }
    }

    /// What the values of the audience, all of which are in `set`, add up to.
    pub(crate) fn totals(&self, set: Container<'_>, audience: &Chunk) -> Totals {
        match self.start {
            Some(start) => self.vector.totals_ranked((start as u64, set), audience),
            None => self.vector.totals(0, audience),
        }
    }

    /// Adds to `counts[value]` for each of the audience, all of which are in `set`.
    ///
    /// # Errors
    /// A value is no index of `counts`.
    pub(crate) fn histogram(
        &self,
        set: Container<'_>,
        audience: &Chunk,
        counts: &mut [u64],
    ) -> Result<()> {
        let (min, max) = (self.vector.min(), self.vector.max());
        if min < 0 || usize::try_from(max).is_ok_and(|max| max >= counts.len()) {
            let detail = format!(
                "values from {min} to {max} where {} are known",
                counts.len()
            );
            return Err(Error::internal(detail));
        }
        match self.start {
            Some(start) => {
                let ranked = (start as u64, set);
                self.vector.histogram_ranked(ranked, audience, counts);
            }
            None => self.vector.histogram(0, audience, counts),
        }
        Ok(())
    }

    /// Makes `out` the subjects of `set` whose value is one of `codes`, which rise.
    pub(crate) fn select_codes(&self, set: Container<'_>, codes: &[Code], out: &mut Chunk) {
        let mut subjects = Chunk::new();
        set.copy_into(&mut subjects);
        if let [code] = codes {
            let code = i64::from(*code);
            return self.select_range(set, &subjects, (code, code), out);
        }
        let codes: CodeSet = codes.iter().copied().collect();
        match self.start {
            Some(start) => {
                self.vector
                    .select_codes_ranked((start as u64, set), &subjects, &codes, out);
            }
            None => {
                self.vector.select_codes(0, self.vector.len(), &codes, out);
                out.and(&subjects);
            }
        }
    }
}

impl Values {
    /// The values of a chunk with `count` subjects, the first of which has rank `first_rank` in
    /// the part.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn chunk(&self, chunk: u16, (first_rank, count): (u64, u32)) -> Result<ChunkValues> {
        match self {
            Self::Flat(vector) => Ok(ChunkValues {
                vector: vector.clone(),
                start: Some(first_rank as usize),
            }),
            Self::Grouped(groups) => groups.chunk(chunk, count as usize),
        }
    }
}

impl Texts {
    /// The texts of a chunk (see [`Values::chunk`]), and the index of its first one among them.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn chunk(&self, chunk: u16, (first_rank, count): (u64, u32)) -> Result<(TextBlocks, u64)> {
        match self {
            Self::Flat(texts) => Ok((texts.clone(), first_rank)),
            Self::Grouped(groups) => Ok((groups.chunk(chunk, u64::from(count))?, 0)),
        }
    }
}

impl Rows {
    /// The lists of a chunk (see [`Values::chunk`]), and the index of its first one among them.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn chunk(&self, chunk: u16, (first_rank, count): (u64, u32)) -> Result<(FlatRows, usize)> {
        match self {
            Self::Flat(rows) => Ok((rows.clone(), first_rank as usize)),
            Self::Grouped(groups) => Ok((groups.chunk(chunk, count as usize)?, 0)),
        }
    }
}

impl FlatRows {
    /// The rows of those present, from entries `(code, low, value)` in any order, with values if
    /// `payload`.
    #[must_use]
    pub fn from_entries(present: &Chunk, entries: &mut [(Code, u16, i64)], payload: bool) -> Self {
        entries.sort_unstable_by_key(|(code, low, _)| (*low, *code));
        let mut codes = ListsBuilder::default();
        let mut rest = &*entries;
        present.for_each(|low| {
            let count = rest.iter().take_while(|entry| entry.1 == low).count();
            let (own, others) = rest.split_at(count);
            codes.push(own.iter().map(|(code, _, _)| i64::from(*code)));
            rest = others;
        });
        let values = || {
            entries
                .iter()
                .map(|(_, _, value)| *value)
                .collect::<Vec<_>>()
        };
        Self {
            codes: codes.finish(),
            payload: payload.then(|| Vector::from_values(&values())),
        }
    }

    /// Calls `visit` with each entry of a list; sets have 0 beside each code.
    pub fn for_each(&self, index: usize, mut visit: impl FnMut(Code, i64)) {
        for place in self.codes.get(index) {
            let value = self
                .payload
                .as_ref()
                .map_or(0, |payload| payload.get(place));
            visit(self.codes.items().get(place) as Code, value);
        }
    }

    /// The value beside a code, if the list has it; 0 in sets.
    #[must_use]
    pub fn find(&self, index: usize, code: Code) -> Option<i64> {
        let range = self.codes.get(index);
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.codes.items().get(middle).cmp(&i64::from(code)) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    return Some(self.payload.as_ref().map_or(0, |values| values.get(middle)));
                }
            }
        }
        None
    }

    /// Marks in `ranks`, counted from the first list, which of `count` lists have a code. The codes
    /// of all lists are compared as one vector; only matches are traced to their lists.
    pub(crate) fn lists_with(&self, first: usize, count: usize, code: Code, ranks: &mut Chunk) {
        ranks.clear();
        if count == 0 {
            return;
        }
        let (start, end) = (
            self.codes.get(first).start,
            self.codes.get(first + count - 1).end,
        );
        let code = i64::from(code);
        let mut found = Chunk::new();
        let mut list = first;
        for block in (start..end).step_by(CHUNK_LEN as usize) {
            let len = (end - block).min(CHUNK_LEN as usize);
            self.codes
                .items()
                .select_range(block, len, code, code, &mut found);
            found.for_each(|place| {
                list = self.codes.list_of(block + usize::from(place), list);
                ranks.set((list - first) as u16);
            });
        }
    }

    /// The number of entries in a list.
    #[must_use]
    pub fn len_of(&self, index: usize) -> usize {
        self.codes.get(index).len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.codes.bytes().len()
            + self
                .payload
                .as_ref()
                .map_or(0, |vector| vector.bytes().len())
    }
}

/// A chunk of a bitmap, if it has any member there, with the rank of the chunk's first member.
pub(crate) fn chunk_of_bitmap(bitmap: &Bitmap, chunk: u16) -> Option<(u64, Container<'_>)> {
    if bitmap.is_empty() {
        None
    } else {
        bitmap.chunk(chunk)
    }
}

impl Part {
    /// Memory held, in bytes; columns that are fetched chunk by chunk do not count.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const OVERHEAD: usize = 160;
        OVERHEAD
            + match self {
                Self::Single(part) => {
                    let values = match &part.values {
                        Values::Flat(vector) => vector.bytes().len(),
                        Values::Grouped(groups) => groups.directory.bytes(),
                    };
                    let members = part.members.as_ref();
                    part.set.bytes().len()
                        + part.cleared.bytes().len()
                        + values
                        + members.map_or(0, |index| index.directory.bytes())
                }
                Self::Text(part) => {
                    let texts = match &part.texts {
                        Texts::Flat(texts) => texts.bytes().len(),
                        Texts::Grouped(groups) => groups.directory.bytes(),
                    };
                    part.set.bytes().len() + part.cleared.bytes().len() + texts
                }
                Self::Multi(part) => {
                    let full = match &part.full {
                        Rows::Flat(rows) => rows.bytes(),
                        Rows::Grouped(groups) => groups.directory.bytes(),
                    };
                    let index = part.index.as_ref();
                    index.map_or(0, |index| index.directory.bytes())
                        + part.reset.bytes().len()
                        + part.dirty.bytes().len()
                        + full
                        + part.puts.bytes()
                        + part.drops.bytes()
                }
            }
    }

    /// The subjects that the part says something of.
    #[must_use]
    pub fn subjects(&self) -> Bitmap {
        match self {
            Self::Single(part) => Bitmap::union(&[&part.set, &part.cleared]),
            Self::Text(part) => Bitmap::union(&[&part.set, &part.cleared]),
            Self::Multi(part) => Bitmap::union(&[&part.reset, &part.dirty]),
        }
    }

    /// The number of subjects that the part says something of.
    #[must_use]
    pub fn subject_count(&self) -> u64 {
        match self {
            Self::Single(part) => part.set.len() + part.cleared.len(),
            Self::Text(part) => part.set.len() + part.cleared.len(),
            Self::Multi(part) => part.reset.len() + part.dirty.len(),
        }
    }

    /// The part of a boolean, keyword or number.
    #[must_use]
    pub fn as_single(&self) -> Option<&Arc<SinglePart>> {
        match self {
            Self::Single(part) => Some(part),
            Self::Text(_) | Self::Multi(_) => None,
        }
    }

    /// The part of a long text.
    #[must_use]
    pub fn as_text(&self) -> Option<&Arc<TextPart>> {
        match self {
            Self::Text(part) => Some(part),
            Self::Single(_) | Self::Multi(_) => None,
        }
    }

    /// The part of a set or map.
    #[must_use]
    pub fn as_multi(&self) -> Option<&Arc<MultiPart>> {
        match self {
            Self::Multi(part) => Some(part),
            Self::Single(_) | Self::Text(_) => None,
        }
    }
}
