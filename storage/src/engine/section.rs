//! What a batch is going to do to one partition, while it is being put together.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::batch::{Cell, Dictionary, KeyRef, Keys};
use crate::bitmap::Bitmap;
use crate::engine::batch::Section;
use crate::engine::root::PartitionState;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Code, Ordinal, TableId, TagId};
use crate::layer::write::{Edit, PartBuilder};
use crate::limits::{KEY_BYTES_MAX, KEYWORD_BYTES_MAX, LONG_TEXT_BYTES_MAX, MEMBERS_MAX, ORDINALS_MAX};
use crate::schema::{NumberType, Tag, TagType};
use crate::segment::keys::hash_of;
use crate::vocabulary::VocabularyLimits;

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
        let alive =
            |ordinal| self.partition.is_alive(ordinal) && !self.deleted.contains(&ordinal);
        self.partition.keys.find(key, &alive)
    }

    /// The subject of a key, which is made if it does not exist.
    ///
    /// # Errors
    /// The key is too long, ordinals have run out, or a file cannot be read or is damaged.
    pub(super) fn resolve(&mut self, key: KeyRef<'_>) -> Result<Resolved> {
        if let Some(ordinal) = self.find(key)? {
            let repeated = !self.touched.insert(ordinal);
            return Ok(Resolved { ordinal, created: false, repeated });
        }
        if let KeyRef::Text(text) = key
            && text.len() > KEY_BYTES_MAX
        {
            let detail =
                format!("a key has {} bytes, at most {KEY_BYTES_MAX} are allowed", text.len());
            return Err(Error::new(ErrorKind::Invalid, "bad_key", detail));
        }
        let row = self.keys.len() as u32;
        let ordinal = self.partition.next_ordinal.saturating_add(row);
        if ordinal >= ORDINALS_MAX {
            let detail = "the partition has no room for more subjects: use more partitions";
            return Err(Error::new(ErrorKind::Limit, "limit_exceeded", detail));
        }
        self.keys.push(key);
        let keys = &self.keys;
        self.rows.insert_unique(hash_of(key), row, |row| hash_of(keys.get(*row as usize)));
        self.touched.insert(ordinal);
        Ok(Resolved { ordinal, created: true, repeated: false })
    }

    /// Lets a subject die; tells whether it was alive.
    pub(super) fn delete(&mut self, ordinal: Ordinal) -> bool {
        let known = ordinal < self.partition.next_ordinal + self.keys.len() as u32;
        known && !self.partition.dead.contains(ordinal) && self.deleted.insert(ordinal)
    }

    /// Whether a subject exists now.
    #[must_use]
    pub(super) fn is_alive(&self, ordinal: Ordinal) -> bool {
        self.partition.is_alive(ordinal) && !self.deleted.contains(&ordinal)
    }

    /// What becomes of a tag.
    pub(super) fn tag(&mut self, tag: &Tag) -> &mut TagBuilder {
        self.tags.entry(tag.id).or_insert_with(|| TagBuilder {
            part: PartBuilder::new(tag.kind.family()),
            strings: BTreeMap::new(),
        })
    }

    /// Turns the strings of a column into codes, each when it is first used.
    #[must_use]
    pub(super) fn codes<'a>(&self, tag: &'a Tag, dictionary: &'a Dictionary) -> Codes<'a> {
        Codes {
            tag,
            strings: dictionary.strings(),
            codes: vec![None; dictionary.strings().len()],
            partition: self.partition.clone(),
            limits: self.limits,
        }
    }

    /// The effects.
    #[must_use]
    pub(super) fn finish(self, table: TableId) -> Section {
        let mut parts = Vec::with_capacity(self.tags.len());
        let mut strings = Vec::new();
        for (tag, builder) in self.tags {
            parts.push((tag, Arc::new(builder.part.finish())));
            if !builder.strings.is_empty() {
                strings.push((tag, builder.strings.into_iter().collect()));
            }
        }
        let deleted: Vec<Ordinal> = self.deleted.into_iter().collect();
        Section {
            table,
            partition: self.partition.id,
            first_ordinal: self.partition.next_ordinal,
            keys: self.keys,
            deleted: Bitmap::from_sorted(&deleted),
            parts,
            strings,
        }
    }
}

/// The codes of a column's strings in one partition.
#[derive(Debug)]
pub(super) struct Codes<'a> {
    tag: &'a Tag,
    strings: &'a [Box<str>],
    codes: Vec<Option<Code>>,
    partition: Arc<PartitionState>,
    limits: VocabularyLimits,
}

impl Codes<'_> {
    fn get(&mut self, place: u32, builder: &mut TagBuilder) -> Result<Code> {
        let index = place as usize;
        if let Some(Some(code)) = self.codes.get(index) {
            return Ok(*code);
        }
        let Some(string) = self.strings.get(index) else {
            return Err(Error::internal("a cell names a string that its column does not have"));
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
        let vocabulary = self.partition.vocabulary(self.tag.id);
        let found = vocabulary.intern(&self.strings[index..=index], self.limits, &self.tag.name)?;
        let code = found[0];
        builder.strings.insert(code, string.clone());
        self.codes[index] = Some(code);
        Ok(code)
    }
}

impl TagBuilder {
    /// Takes away whatever a subject has.
    pub(super) fn clear(&mut self, ordinal: Ordinal) {
        self.part.clear(ordinal);
    }

    /// Applies a cell to a subject.
    ///
    /// # Errors
    /// The cell does not fit the tag's type, `vocabulary_full`, or a limit is exceeded.
    pub(super) fn write(&mut self, ordinal: Ordinal, cell: &Cell, codes: &mut Codes<'_>) -> Result<()> {
        let kind = codes.tag.kind;
        match (kind, cell) {
            (_, Cell::Clear) => self.clear(ordinal),
            (TagType::Boolean, Cell::Value(value @ (0 | 1))) => self.single(ordinal, *value),
            (TagType::Keyword, Cell::Value(place)) => {
                let place = u32::try_from(*place).unwrap_or(u32::MAX);
                let code = codes.get(place, self)?;
                self.single(ordinal, i64::from(code));
            }
            (TagType::Number(number), Cell::Value(value)) => {
                check_number(number, *value, codes.tag)?;
                self.single(ordinal, *value);
            }
            (TagType::LongText, Cell::Text(text)) => {
                check_len("bytes of a long text", text.len(), LONG_TEXT_BYTES_MAX)?;
                if let PartBuilder::Text(part) = &mut self.part {
                    part.write(ordinal, Some(text.clone()));
                }
            }
            (TagType::KeywordSet, Cell::Set(members)) => {
                let put = self.entries(members.iter().map(|place| (*place, 0)), codes)?;
                self.edit(ordinal, Edit::Replace(put));
            }
            (TagType::KeywordSet, Cell::EditSet { drop, put }) => {
                let drop = self.entries(drop.iter().map(|place| (*place, 0)), codes)?;
                let put = self.entries(put.iter().map(|place| (*place, 0)), codes)?;
                self.edit(ordinal, change(&drop, put));
            }
            (TagType::Map(number), Cell::Map(entries)) => {
                check_numbers(number, entries, codes.tag)?;
                let put = self.entries(entries.iter().copied(), codes)?;
                self.edit(ordinal, Edit::Replace(put));
            }
            (TagType::Map(number), Cell::EditMap { drop, put }) => {
                check_numbers(number, put, codes.tag)?;
                let drop = self.entries(drop.iter().map(|place| (*place, 0)), codes)?;
                let put = self.entries(put.iter().copied(), codes)?;
                self.edit(ordinal, change(&drop, put));
            }
            _ => {
                let detail = format!("tag {:?} cannot hold such a value", codes.tag.name);
                return Err(Error::new(ErrorKind::Invalid, "type_mismatch", detail));
            }
        }
        Ok(())
    }

    fn single(&mut self, ordinal: Ordinal, value: i64) {
        if let PartBuilder::Single(part) = &mut self.part {
            part.write(ordinal, Some(value));
        }
    }

    fn edit(&mut self, ordinal: Ordinal, edit: Edit) {
        if let PartBuilder::Set(part) | PartBuilder::Map(part) = &mut self.part {
            part.write(ordinal, edit);
        }
    }

    fn entries(
        &mut self,
        entries: impl ExactSizeIterator<Item = (u32, i64)>,
        codes: &mut Codes<'_>,
    ) -> Result<Vec<(Code, i64)>> {
        check_len("members of a set or map", entries.len(), MEMBERS_MAX)?;
        entries.map(|(place, value)| Ok((codes.get(place, self)?, value))).collect()
    }
}

fn change(drop: &[(Code, i64)], put: Vec<(Code, i64)>) -> Edit {
    Edit::Change { drop: drop.iter().map(|(code, _)| *code).collect(), put }
}

fn check_len(what: &str, len: usize, max: usize) -> Result<()> {
    if len <= max {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Limit, "limit_exceeded", format!("{what}: {len}, at most {max}")))
}

fn check_numbers(kind: NumberType, entries: &[(u32, i64)], tag: &Tag) -> Result<()> {
    entries.iter().try_for_each(|(_, value)| check_number(kind, *value, tag))
}

fn check_number(kind: NumberType, value: i64, tag: &Tag) -> Result<()> {
    if kind.holds(value) {
        return Ok(());
    }
    let detail = format!("a value is out of the range of tag {:?}", tag.name);
    Err(Error::new(ErrorKind::Invalid, "overflow", detail))
}
