//! What must hold inside one layer of one tag.

use crate::bitmap::{Bitmap, Container};
use crate::column::{TextBlocks, Vector};
use crate::error::Result;
use crate::ids::{Code, Ordinal};
use crate::layer::part::{
    ChunkValues, FlatRows, MultiPart, Part, Rows, SinglePart, TextPart, Texts, Values,
};
use crate::limits::{LONG_TEXT_BYTES_MAX, MEMBERS_MAX};
use crate::schema::{Tag, TagType};
use crate::segment::directory::Directory;
use crate::segment::groups::{DENSE, EntryIndex, ListGroups, MemberIndex, RANKED, ValueGroups};
use crate::segment::tags::TagEntry;

/// What is known around a layer.
#[derive(Clone, Copy)]
pub(super) struct PartContext<'a> {
    pub(super) tag: &'a Tag,
    pub(super) entry: &'a TagEntry,
    /// The end of the ordinals.
    pub(super) next_ordinal: Ordinal,
    /// The number of strings of the tag's vocabulary.
    pub(super) codes: u32,
}

/// Takes the offset in the file and what is wrong there.
type Say<'a> = dyn FnMut(u64, &str) + 'a;

/// Checks one layer of one tag.
///
/// # Errors
/// A blob cannot be read or parsed: what comes after it is not checked.
pub(super) fn check_part(part: &Part, context: PartContext<'_>, say: &mut Say<'_>) -> Result<()> {
    let entry = context.entry;
    let end = u64::from(context.next_ordinal);
    let subjects = part.subjects();
    if subjects.max().is_some_and(|last| u64::from(last) >= end) {
        say(entry.set.offset, "subjects that were never given");
    }
    if subjects.len() != part.subject_count() {
        say(entry.set.offset, "a subject has a value and has none");
    }
    match part {
        Part::Single(part) => context.single(part, say),
        Part::Text(part) => context.text(part, say),
        Part::Multi(part) => context.multi(part, say),
    }
}

impl PartContext<'_> {
    fn expect_count(&self, count: u64, say: &mut Say<'_>) {
        if count != self.entry.subjects {
            say(self.entry.set.offset, "another number of subjects");
        }
    }

    /// All of a vector's values are the tag's values.
    fn expect_values(&self, values: &Vector, offset: u64, say: &mut Say<'_>) {
        let holds = |value: i64| match self.tag.kind {
            TagType::Boolean => value == 0 || value == 1,
            TagType::Keyword => self.is_code(value),
            TagType::Number(kind) | TagType::Map(kind) => kind.holds(value),
            TagType::LongText | TagType::KeywordSet => false,
        };
        let bounds = [values.min(), values.max()];
        if !values.is_empty() && !bounds.into_iter().all(holds) {
            say(offset, "a value that the tag's type does not have");
        }
    }

    /// All items are codes of the tag's vocabulary.
    fn are_codes(&self, items: &Vector) -> bool {
        items.is_empty() || self.is_code(items.min()) && self.is_code(items.max())
    }

    fn is_code(&self, value: i64) -> bool {
        (0..i64::from(self.codes)).contains(&value)
    }

    fn single(&self, part: &SinglePart, say: &mut Say<'_>) -> Result<()> {
        self.expect_count(part.set.len(), say);
        match &part.values {
            Values::Flat(values) => {
                self.expect_values(values, self.entry.values.offset, say);
                Ok(())
            }
            Values::Grouped(groups) => {
                self.value_groups(&part.set, groups, say)?;
                match &part.members {
                    Some(index) => self.members(&part.set, groups, index, say),
                    None if self.tag.kind.is_coded() && !part.set.is_empty() => {
                        say(self.entry.values.offset, "no bitmaps of the values");
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// Base form has a record for each chunk with subjects, and no other.
    fn expect_chunks(&self, set: &Bitmap, directory: &Directory, say: &mut Say<'_>) -> Result<()> {
        let mut chunks = set.chunks().map(|(chunk, ..)| u32::from(chunk));
        let mut same = set.chunk_count() == directory.len();
        for record in directory.iter() {
            let record = record?;
            same &= chunks.next() == Some(record.key);
            same &= record.extra == RANKED || record.extra == DENSE;
        }
        if !same {
            let what = "the row groups are not those of the subjects' chunks";
            say(self.entry.values.offset, what);
        }
        Ok(())
    }

    fn value_groups(&self, set: &Bitmap, groups: &ValueGroups, say: &mut Say<'_>) -> Result<()> {
        self.expect_chunks(set, &groups.directory, say)?;
        for (chunk, _, container) in set.chunks() {
            let values = groups.chunk(chunk, container.len() as usize)?;
            let offset = self.entry.values.offset;
            self.expect_values(&values.vector, offset, say);
            let mut bounds: Option<(i64, i64)> = None;
            container.for_each(|low, rank| {
                let value = values.get(low, rank);
                let (min, max) = bounds.unwrap_or((value, value));
                bounds = Some((min.min(value), max.max(value)));
            });
            if bounds != Some((values.vector.min(), values.vector.max())) {
                let what =
                    format!("chunk {chunk}: least and greatest are not the subjects' values");
                say(offset, &what);
            }
        }
        Ok(())
    }

    /// The bitmaps of the values are a partition of the set, and say what the rows say.
    fn members(
        &self,
        set: &Bitmap,
        groups: &ValueGroups,
        index: &MemberIndex,
        say: &mut Say<'_>,
    ) -> Result<()> {
        let mut total = 0;
        for record in index.directory.iter() {
            let record = record?;
            let Some(members) = index.get(record.key)? else {
                continue;
            };
            let offset = record.first.offset;
            expect_members(&members, record.extra, offset, say);
            total += members.len();
            let mut agree = true;
            for (chunk, _, own) in members.chunks() {
                let Some((_, known)) = set.chunk(chunk) else {
                    agree = false;
                    continue;
                };
                let values = groups.chunk(chunk, known.len() as usize)?;
                own.for_each(|low, _| {
                    agree &= value_of(known, &values, low) == Some(i64::from(record.key));
                });
            }
            if !agree {
                let what = format!("bitmap and rows disagree about value {}", record.key);
                say(offset, &what);
            }
        }
        if total != set.len() {
            say(self.entry.index.offset, "a row without its bitmap");
        }
        Ok(())
    }

    fn text(&self, part: &TextPart, say: &mut Say<'_>) -> Result<()> {
        self.expect_count(part.set.len(), say);
        let offset = self.entry.values.offset;
        match &part.texts {
            Texts::Flat(texts) => check_texts(texts, offset, say),
            Texts::Grouped(groups) => {
                self.expect_chunks(&part.set, &groups.directory, say)?;
                for (chunk, _, container) in part.set.chunks() {
                    let texts = groups.chunk(chunk, u64::from(container.len()))?;
                    check_texts(&texts, offset, say)?;
                }
                Ok(())
            }
        }
    }

    fn multi(&self, part: &MultiPart, say: &mut Say<'_>) -> Result<()> {
        let count = match &part.full {
            Rows::Flat(_) => part.reset.len() + part.dirty.len(),
            Rows::Grouped(_) => part.reset.len(),
        };
        self.expect_count(count, say);
        match &part.full {
            Rows::Flat(full) => {
                self.rows(full, self.entry.values.offset, say);
                self.edits(part, say);
                Ok(())
            }
            Rows::Grouped(groups) => {
                self.expect_chunks(&part.reset, &groups.directory, say)?;
                let mut total = 0;
                for (chunk, _, container) in part.reset.chunks() {
                    let rows = groups.chunk(chunk, container.len() as usize)?;
                    self.rows(&rows, self.entry.values.offset, say);
                    total += rows.codes.items().len() as u64;
                }
                match &part.index {
                    Some(index) => self.entries(&part.reset, (groups, total), index, say),
                    None => Ok(()),
                }
            }
        }
    }

    /// Each list has rising codes, no more than allowed, and values of the tag's type.
    fn rows(&self, rows: &FlatRows, offset: u64, say: &mut Say<'_>) {
        let items = rows.codes.items();
        let bounded = items.len() <= rows.codes.len().saturating_mul(MEMBERS_MAX);
        if !bounded {
            return say(offset, "more entries than subjects may have");
        }
        if !self.are_codes(items) {
            say(offset, "an entry that is not in the vocabulary");
        }
        let mut rising = true;
        // Lists without items take no bytes: there may be more of them than can be walked over.
        let lists = if items.is_empty() {
            0
        } else {
            rows.codes.len()
        };
        for index in 0..lists {
            let mut places = rows.codes.get(index);
            rising &= places.len() <= MEMBERS_MAX;
            let mut before = places.next().map(|place| items.get(place));
            for place in places {
                rising &= before < Some(items.get(place));
                before = Some(items.get(place));
            }
        }
        if !rising {
            say(offset, "the entries of a subject do not rise");
        }
        match (&rows.payload, self.tag.kind) {
            (Some(values), TagType::Map(_)) => self.expect_values(values, offset, say),
            (None, TagType::Map(_)) if items.is_empty() => {}
            (None, TagType::KeywordSet) => {}
            _ => say(
                offset,
                "values beside entries that have none, or the reverse",
            ),
        }
    }

    /// What a delta puts and drops of a subject.
    fn edits(&self, part: &MultiPart, say: &mut Say<'_>) {
        let [puts, _, drops] = self.entry.edits;
        self.rows(&part.puts, puts.offset, say);
        if !self.are_codes(part.drops.codes.items()) {
            say(
                drops.offset,
                "a dropped entry that is not in the vocabulary",
            );
        }
        let mut sound = part.drops.payload.is_none();
        for index in 0..part.puts.codes.len().min(part.drops.codes.len()) {
            let mut before = None;
            part.drops.for_each(index, |code, _| {
                sound &= before < Some(code) && part.puts.find(index, code).is_none();
                before = Some(code);
            });
            sound &= part.puts.len_of(index) + part.drops.len_of(index) > 0;
        }
        if !sound {
            let what = "a subject without a change, or an entry both put and dropped";
            say(drops.offset, what);
        }
    }

    /// The bitmaps of the entries say what the lists say.
    fn entries(
        &self,
        set: &Bitmap,
        (groups, in_lists): (&ListGroups, u64),
        index: &EntryIndex,
        say: &mut Say<'_>,
    ) -> Result<()> {
        let mut total = 0;
        for record in index.directory.iter() {
            let record = record?;
            let Some((members, values)) = index.get(record.key)? else {
                continue;
            };
            let offset = record.first.offset;
            expect_members(&members, record.extra, offset, say);
            total += members.len();
            let mut agree = values.is_some() == matches!(self.tag.kind, TagType::Map(_));
            for (chunk, first, own) in members.chunks() {
                let Some((_, known)) = set.chunk(chunk) else {
                    agree = false;
                    continue;
                };
                let rows = groups.chunk(chunk, known.len() as usize)?;
                own.for_each(|low, rank| {
                    let place = (first + u64::from(rank)) as usize;
                    let value = values.as_ref().map_or(0, |values| values.get(place));
                    agree &= entry_of(known, &rows, low, record.key) == Some(value);
                });
            }
            if !agree {
                let what = format!("bitmap and rows disagree about entry {}", record.key);
                say(offset, &what);
            }
        }
        if total != in_lists {
            say(self.entry.index.offset, "an entry without its bitmap");
        }
        Ok(())
    }
}

fn expect_members(members: &Bitmap, count: u32, offset: u64, say: &mut Say<'_>) {
    if members.len() != u64::from(count) || members.is_empty() {
        say(offset, "another number of members than the directory says");
    }
}

fn value_of(known: Container<'_>, values: &ChunkValues, low: u16) -> Option<i64> {
    if values.start.is_none() {
        return known.contains(low).then(|| values.get(low, 0));
    }
    known.position(low).map(|rank| values.get(low, rank))
}

fn entry_of(known: Container<'_>, rows: &FlatRows, low: u16, code: Code) -> Option<i64> {
    let rank = known.position(low)?;
    rows.find(rank as usize, code)
}

fn check_texts(texts: &TextBlocks, offset: u64, say: &mut Say<'_>) -> Result<()> {
    let mut next = 0;
    while next < texts.len() {
        let block = texts.block(next)?;
        let strings = block.strings();
        let sound = |index| {
            let text = block.get(index);
            text.len() <= LONG_TEXT_BYTES_MAX && std::str::from_utf8(text).is_ok()
        };
        if !strings.clone().all(sound) {
            say(offset, "a text that is too long or not UTF-8");
        }
        next = strings.end;
    }
    Ok(())
}
