//! What a batch is going to do to one partition, while it is being put together.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::batch::{Cell, Dictionary, KeyRef, Keys};
use crate::bitmap::Bitmap;
use crate::engine::batch::Section;
use crate::engine::root::PartitionState;
use crate::engine::sizes::check_sizes;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Code, Ordinal, TableId, TagId};
use crate::layer::Part;
use crate::layer::write::{Edit, PartBuilder};
use crate::limits::{
    KEY_BYTES_MAX, KEYWORD_BYTES_MAX, LONG_TEXT_BYTES_MAX, MEMBERS_MAX, ORDINALS_MAX,
};
use crate::schema::{NumberType, Tag, TagType};
use crate::segment::keys::hash_of;
use crate::vocabulary::{Vocabulary, VocabularyLimits};

/// Collects the effects on one partition.
#[derive(Debug)]
pub(super) struct SectionBuilder {
    partition: Arc<PartitionState>,
    keys: Keys,
    rows: HashTable<u32>,
    deleted: BTreeSet<Ordinal>,
    touched: HashSet<Ordinal>,
    tags: BTreeMap<TagId, TagBuilder>,
    limits: VocabularyLimits,
}

/// Collects the effects on one tag.
#[derive(Debug)]
pub(super) struct TagBuilder {
    part: PartBuilder,
    strings: BTreeMap<Code, Box<str>>,
}

/// A key's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Who.
    pub ordinal: Ordinal,
    /// Whether the batch makes the subject.
    pub created: bool,
    /// Whether the key came before in the batch.
    pub repeated: bool,
}

impl SectionBuilder {
    /// No effects yet.
    #[must_use]
    pub(super) fn new(partition: Arc<PartitionState>, limits: VocabularyLimits) -> Self {
        Self {
            keys: Keys::new(partition.schema.key_type),
            partition,
            rows: HashTable::new(),
            deleted: BTreeSet::new(),
            touched: HashSet::new(),
            tags: BTreeMap::new(),
            limits,
        }
    }

    /// The subject of a key, if it exists now.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(super) fn find(&self, key: KeyRef<'_>) -> Result<Option<Ordinal>> {
        let first = self.partition.next_ordinal;
        let same = self.rows.iter_hash(hash_of(key));
        let own = same
            .filter(|row| self.keys.get(**row as usize) == key)
            .map(|row| first + row)
            .filter(|ordinal| !self.deleted.contains(ordinal))
            .max();
        if own.is_some() {
            return Ok(own);
        }
        let alive = |ordinal| self.partition.is_alive(ordinal) && !self.deleted.contains(&ordinal);
        self.partition.keys.find(key, &alive)
    }

    /// The subject of a key, which is made if it does not exist.
    ///
    /// # Errors
    /// The key is too long, ordinals have run out, or a file cannot be read or is damaged.
    pub(super) fn resolve(&mut self, key: KeyRef<'_>) -> Result<Resolved> {
        if let Some(ordinal) = self.find(key)? {
            let repeated = !self.touched.insert(ordinal);
            return Ok(Resolved {
                ordinal,
                created: false,
                repeated,
            });
        }
        check_key(key)?;
        let row = self.keys.len() as u32;
        let ordinal = self.partition.next_ordinal.saturating_add(row);
        if ordinal >= ORDINALS_MAX {
            let detail = "the partition has no room for more subjects: use more partitions";
            return Err(Error::new(ErrorKind::Limit, "limit_exceeded", detail));
        }
        self.keys.push(key);
        let keys = &self.keys;
        self.rows
            .insert_unique(hash_of(key), row, |row| hash_of(keys.get(*row as usize)));
        self.touched.insert(ordinal);
        Ok(Resolved {
            ordinal,
            created: true,
            repeated: false,
        })
    }

    /// The end of the ordinals, those of the batch's own subjects included.
    #[must_use]
    pub(super) fn next_ordinal(&self) -> Ordinal {
        self.partition
            .next_ordinal
            .saturating_add(self.keys.len() as u32)
    }

    /// Lets a subject die; tells whether it was alive.
    pub(super) fn delete(&mut self, ordinal: Ordinal) -> bool {
        ordinal < self.next_ordinal()
            && !self.partition.dead.contains(ordinal)
            && self.deleted.insert(ordinal)
    }

    /// What becomes of a tag.
    pub(super) fn tag(&mut self, tag: &Tag) -> &mut TagBuilder {
        self.tags
            .entry(tag.id)
            .or_insert_with(|| TagBuilder::new(tag))
    }

    /// Turns the strings of a column into codes, each when it is first used.
    pub(super) fn codes<'a>(&self, tag: &'a Tag, dictionary: &'a Dictionary) -> Codes<'a> {
        Codes::new(tag, dictionary, &self.partition, self.limits)
    }

    /// The effects.
    ///
    /// # Errors
    /// A subject would have too many entries, or a file cannot be read or is damaged.
    pub(super) fn finish(self, table: TableId) -> Result<Section> {
        let mut parts = Vec::with_capacity(self.tags.len());
        let mut strings = Vec::new();
        for (tag, builder) in self.tags {
            let part = builder.part.finish();
            if let Some(part) = part.as_multi() {
                check_sizes(&self.partition, tag, part)?;
            }
            parts.push((tag, Arc::new(part)));
            if !builder.strings.is_empty() {
                strings.push((tag, builder.strings.into_iter().collect()));
            }
        }
        let deleted: Vec<Ordinal> = self.deleted.into_iter().collect();
        Ok(Section {
            table,
            partition: self.partition.id,
            first_ordinal: self.partition.next_ordinal,
            keys: self.keys,
            deleted: Bitmap::from_sorted(&deleted),
            parts,
            strings,
        })
    }
}

/// A cell as layers take it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stored<'a> {
    /// Nothing is known any more.
    Clear,
    /// A number, or a code.
    Number(i64),
    /// A long text.
    Text(&'a str),
    /// Of a set or map.
    Edit(Edit),
}

/// The codes of a column's strings in one partition.
#[derive(Debug)]
pub(super) struct Codes<'a> {
    tag: &'a Tag,
    strings: &'a [Box<str>],
    codes: Vec<Option<Code>>,
    vocabulary: Arc<Vocabulary>,
    limits: VocabularyLimits,
}

impl<'a> Codes<'a> {
    /// No string has been asked for yet.
    pub(super) fn new(
        tag: &'a Tag,
        dictionary: &'a Dictionary,
        partition: &PartitionState,
        limits: VocabularyLimits,
    ) -> Self {
        let strings = dictionary.strings();
        let vocabulary = partition.vocabulary(tag.id);
        Self {
            tag,
            strings,
            codes: vec![None; strings.len()],
            vocabulary,
            limits,
        }
    }

    /// The strings that were asked for, with their codes.
    fn used(&self) -> impl Iterator<Item = (Code, &Box<str>)> {
        self.codes
            .iter()
            .zip(self.strings)
            .filter_map(|(code, string)| Some(((*code)?, string)))
    }

    /// The code of the string at a place.
    #[inline]
    pub(super) fn get(&mut self, place: u32) -> Result<Code> {
        match self.codes.get(place as usize) {
            Some(Some(code)) => Ok(*code),
            _ => self.ask(place as usize),
        }
    }

    /// The code of a keyword, which is stored as the string's place.
    #[inline]
    pub(super) fn of_value(&mut self, value: i64) -> Result<i64> {
        let place = u32::try_from(value).unwrap_or(u32::MAX);
        self.get(place).map(i64::from)
    }

    #[cold]
    fn ask(&mut self, index: usize) -> Result<Code> {
        let Some(string) = self.strings.get(index) else {
            return Err(Error::internal(
                "a cell names a string that its column does not have",
            ));
        };
        if string.len() > KEYWORD_BYTES_MAX {
            let detail = format!(
                "a string of tag {:?} has {} bytes, at most {KEYWORD_BYTES_MAX} are allowed; \
                 LONGTEXT takes longer texts",
                self.tag.name,
                string.len()
            );
            return Err(Error::new(ErrorKind::Limit, "limit_exceeded", detail));
        }
        let strings = &self.strings[index..=index];
        let found = self
            .vocabulary
            .intern(strings, self.limits, &self.tag.name)?;
        self.codes[index] = Some(found[0]);
        Ok(found[0])
    }

    /// Validates a cell and puts codes for its strings.
    ///
    /// # Errors
    /// The cell does not fit the tag's type, `vocabulary_full`, or a limit is exceeded.
    pub(super) fn resolve<'c>(&mut self, cell: &'c Cell) -> Result<Stored<'c>> {
        Ok(match (self.tag.kind, cell) {
            (_, Cell::Clear) => Stored::Clear,
            (TagType::Boolean, Cell::Value(value @ (0 | 1))) => Stored::Number(*value),
            (TagType::Keyword, Cell::Value(place)) => Stored::Number(self.of_value(*place)?),
            (TagType::Number(number), Cell::Value(value)) => {
                check_number(number, *value, self.tag)?;
                Stored::Number(*value)
            }
            (TagType::LongText, Cell::Text(text)) => {
                check_len("bytes of a long text", text.len(), LONG_TEXT_BYTES_MAX)?;
                Stored::Text(text)
            }
            (TagType::KeywordSet, Cell::Set(members)) => {
                Stored::Edit(Edit::Replace(self.members(members)?))
            }
            (TagType::KeywordSet, Cell::EditSet { drop, put }) => {
                Stored::Edit(change(&self.members(drop)?, self.members(put)?))
            }
            (TagType::Map(number), Cell::Map(entries)) => {
                check_numbers(number, entries, self.tag)?;
                Stored::Edit(Edit::Replace(self.entries(entries.iter().copied())?))
            }
            (TagType::Map(number), Cell::EditMap { drop, put }) => {
                check_numbers(number, put, self.tag)?;
                Stored::Edit(change(
                    &self.members(drop)?,
                    self.entries(put.iter().copied())?,
                ))
            }
            _ => {
                let detail = format!("tag {:?} cannot hold such a value", self.tag.name);
                return Err(Error::new(ErrorKind::Invalid, "type_mismatch", detail));
            }
        })
    }

    fn members(&mut self, places: &[u32]) -> Result<Vec<(Code, i64)>> {
        self.entries(places.iter().map(|place| (*place, 0)))
    }

    fn entries(
        &mut self,
        entries: impl ExactSizeIterator<Item = (u32, i64)>,
    ) -> Result<Vec<(Code, i64)>> {
        check_len("members of a set or map", entries.len(), MEMBERS_MAX)?;
        entries
            .map(|(place, value)| Ok((self.get(place)?, value)))
            .collect()
    }
}

impl TagBuilder {
    /// No effects yet.
    pub(super) fn new(tag: &Tag) -> Self {
        Self {
            part: PartBuilder::new(tag.kind.family()),
            strings: BTreeMap::new(),
        }
    }

    /// Takes away whatever a subject has.
    pub(super) fn clear(&mut self, ordinal: Ordinal) {
        self.part.clear(ordinal);
    }

    /// Applies a cell to a subject.
    pub(super) fn write(&mut self, ordinal: Ordinal, cell: Stored<'_>) {
        match (&mut self.part, cell) {
            (PartBuilder::Single(part), Stored::Number(value)) => part.write(ordinal, Some(value)),
            (PartBuilder::Text(part), Stored::Text(text)) => part.write(ordinal, Some(text.into())),
            (PartBuilder::Set(part) | PartBuilder::Map(part), Stored::Edit(edit)) => {
                part.write(ordinal, edit);
            }
            (_, Stored::Clear) => self.clear(ordinal),
            _ => debug_assert!(false, "a cell of another family"),
        }
    }

    /// Remembers the strings of the codes that were written.
    pub(super) fn keep_strings(&mut self, codes: &Codes<'_>) {
        for (code, string) in codes.used() {
            self.strings.entry(code).or_insert_with(|| string.clone());
        }
    }

    /// The net effect.
    pub(super) fn finish(self) -> Part {
        self.part.finish()
    }
}

/// Refuses a key that is too long.
pub(super) fn check_key(key: KeyRef<'_>) -> Result<()> {
    match key {
        KeyRef::Text(text) if text.len() > KEY_BYTES_MAX => {
            let detail = format!(
                "a key has {} bytes, at most {KEY_BYTES_MAX} are allowed",
                text.len()
            );
            Err(Error::new(ErrorKind::Invalid, "bad_key", detail))
        }
        _ => Ok(()),
    }
}

fn change(drop: &[(Code, i64)], put: Vec<(Code, i64)>) -> Edit {
    Edit::Change {
        drop: drop.iter().map(|(code, _)| *code).collect(),
        put,
    }
}

/// Refuses what is longer than it may be.
pub(super) fn check_len(what: &str, len: usize, max: usize) -> Result<()> {
    if len <= max {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Limit,
        "limit_exceeded",
        format!("{what}: {len}, at most {max}"),
    ))
}

fn check_numbers(kind: NumberType, entries: &[(u32, i64)], tag: &Tag) -> Result<()> {
    entries
        .iter()
        .try_for_each(|(_, value)| check_number(kind, *value, tag))
}

/// Refuses a number that the tag's type does not hold.
pub(super) fn check_number(kind: NumberType, value: i64, tag: &Tag) -> Result<()> {
    if kind.holds(value) {
        return Ok(());
    }
    let detail = format!("a value is out of the range of tag {:?}", tag.name);
    Err(Error::new(ErrorKind::Invalid, "overflow", detail))
}
