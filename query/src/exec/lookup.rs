//! Subjects by their keys, without SQL.
//!
//! Keys are looked up some at a time, and each step is made for all of them before the next one: a
//! step waits for memory, and together they wait once.

use std::sync::Arc;

use tagdb_storage::batch::KeyRef;
use tagdb_storage::engine::{DbState, PartitionState, Subject, TableState};
use tagdb_storage::ids::{Code, PartitionId, TagId};
use tagdb_storage::schema::{NumberType, TableSchema, Tag, TagType};
use tagdb_storage::vocabulary::{Vocabulary, VocabularyReader};

use crate::error::{Error, Result};
use crate::literal::from_stored;
use crate::value::Value;

/// Keys that are looked up together.
const KEYS_TOGETHER: usize = 128;

/// The tags of a subject: places in the schema, and values.
pub type Row = Vec<(usize, Value)>;

/// The value of a tag of one subject, as long as a look-up shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TagValue<'a> {
    /// Nothing is known.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number as tags store it.
    Number(NumberType, i64),
    /// KEYWORD and LONGTEXT.
    Text(&'a str),
    /// Sorted by bytes, without duplicates.
    Set(&'a [&'a str]),
    /// Sorted by key, without duplicates; numbers as tags store them.
    Map(NumberType, &'a [(&'a str, i64)]),
}

impl TagValue<'_> {
    /// Whether the value is known: not NULL, and if a set or map, not empty.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Set(members) => !members.is_empty(),
            Self::Map(_, entries) => !entries.is_empty(),
            Self::Boolean(_) | Self::Number(..) | Self::Text(_) => true,
        }
    }

    /// As a value of its own.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match *self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Number(number, stored) => from_stored(number, stored),
            Self::Text(text) => Value::Text(text.into()),
            Self::Set(members) => {
                Value::Set(members.iter().map(|member| Arc::from(*member)).collect())
            }
            Self::Map(number, entries) => {
                let entry =
                    |(key, stored): &(&str, i64)| (Arc::from(*key), from_stored(number, *stored));
                Value::Map(entries.iter().map(entry).collect())
            }
        }
    }
}

/// The subjects of keys, in the order asked; nothing for keys that nobody has. Without `tags` only
/// what is known of them.
///
/// # Errors
/// `unknown_table`, `unknown_tag`, `duplicate_column`, or a file cannot be read or is damaged.
pub(crate) fn lookup(
    state: &DbState,
    schema: &TableSchema,
    keys: &[KeyRef<'_>],
    tags: Option<&[String]>,
) -> Result<Vec<Option<Row>>> {
    let mut rows = Vec::with_capacity(keys.len());
    for_each(state, schema, keys, tags, |row| {
        let values = |row: &[(usize, TagValue<'_>)]| {
            row.iter()
                .map(|(place, value)| (*place, value.to_value()))
                .collect()
        };
        rows.push(row.map(values));
        Ok::<_, Error>(())
    })?;
    Ok(rows)
}

/// Shows the subjects of keys, in the order asked: places in the schema, and values; nothing for
/// keys that nobody has. Without `tags` only what is known of them. `visit` must not look anything
/// up: vocabularies are held meanwhile.
///
/// # Errors
/// `unknown_table`, `unknown_tag`, a file cannot be read or is damaged; those of `visit`.
pub(crate) fn for_each<E: From<Error>>(
    state: &DbState,
    schema: &TableSchema,
    keys: &[KeyRef<'_>],
    tags: Option<&[String]>,
    mut visit: impl FnMut(Option<&[(usize, TagValue<'_>)]>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let table = state.require(schema.id).map_err(Error::from)?;
    let asked = Asked::new(schema, tags)?;
    for keys in keys.chunks(KEYS_TOGETHER) {
        let mut subjects = subjects(table, keys, &asked)?;
        let cells = Cells::read(&asked, &mut subjects)?;
        let vocabularies = Vocabularies::new(&asked, &subjects);
        let strings = vocabularies.read()?;
        cells.show(&asked, &vocabularies, &strings, &subjects, &mut visit)?;
    }
    Ok(())
}

/// What is asked of each subject.
struct Asked<'a> {
    tags: Vec<AskedTag<'a>>,
    /// The tags that have vocabularies, each once.
    coded: Vec<TagId>,
    only_known: bool,
}

struct AskedTag<'a> {
    /// In the schema.
    place: usize,
    tag: &'a Tag,
    /// Among those that have vocabularies.
    coded: Option<usize>,
}

impl<'a> Asked<'a> {
    fn new(schema: &'a TableSchema, tags: Option<&[String]>) -> Result<Self> {
        let places = places_of(schema, tags)?;
        let mut asked = Self {
            tags: Vec::with_capacity(places.len()),
            coded: Vec::new(),
            only_known: tags.is_none(),
        };
        for place in places {
            let tag = &schema.tags[place];
            let coded = tag.kind.has_vocabulary().then(|| {
                // A vocabulary must not be held twice: a writer may wait for it between.
                let known = || asked.coded.iter().position(|id| *id == tag.id);
                tags.and_then(|_| known()).unwrap_or_else(|| {
                    asked.coded.push(tag.id);
                    asked.coded.len() - 1
                })
            });
            asked.tags.push(AskedTag { place, tag, coded });
        }
        Ok(asked)
    }

    fn ids(&self) -> impl Iterator<Item = TagId> {
        self.tags.iter().map(|asked| asked.tag.id)
    }
}

/// The subjects of keys, in their order; what is asked of them is being fetched.
fn subjects<'a>(
    table: &'a TableState,
    keys: &[KeyRef<'_>],
    asked: &Asked<'_>,
) -> Result<Vec<Option<Subject<'a>>>> {
    let id_of = |place| (table.partition_of(keys[place]), place);
    let mut by_partition: Vec<(PartitionId, usize)> = (0..keys.len()).map(id_of).collect();
    by_partition.sort_unstable_by_key(|(id, place)| (id.0, *place));
    let mut subjects: Vec<Option<Subject<'_>>> = vec![None; keys.len()];
    for own in by_partition.chunk_by(|a, b| a.0 == b.0) {
        let partition = table.partition(own[0].0)?;
        let keys: Vec<_> = own.iter().map(|(_, place)| keys[*place]).collect();
        // If this fails, so does what follows, which then says why.
        let fetch = &mut |key: usize, ordinal| {
            let (_, place) = own[key];
            if let Ok(mut subject) = partition.subject(ordinal)
                && subject.prefetch(asked.ids()).is_ok()
            {
                subjects[place] = Some(subject);
            }
        };
        let found = partition.find_all(&keys, fetch)?;
        for ((_, place), ordinal) in own.iter().zip(found) {
            let fetched = subjects[*place].take();
            subjects[*place] = match (ordinal, fetched) {
                (None, _) => None,
                (Some(ordinal), Some(subject)) if subject.ordinal() == ordinal => Some(subject),
                (Some(ordinal), _) => {
                    let mut subject = partition.subject(ordinal)?;
                    subject.prefetch(asked.ids())?;
                    Some(subject)
                }
            };
        }
    }
    Ok(subjects)
}

/// Values as they are stored, of some subjects: those of the first by tag, then of the next.
#[derive(Default)]
struct Cells {
    cells: Vec<Cell>,
    entries: Vec<(Code, i64)>,
    texts: Vec<String>,
}

/// A value as it is stored.
#[derive(Clone, Copy)]
enum Cell {
    Null,
    Number(i64),
    /// A place among the texts.
    Text(usize),
    /// The end among the entries; they begin where those before end.
    Entries(usize),
}

impl Cells {
    /// Reads what is asked of the subjects that there are.
    fn read(asked: &Asked<'_>, subjects: &mut [Option<Subject<'_>>]) -> Result<Self> {
        let multi = || {
            let tags = asked.tags.iter().map(|asked| asked.tag);
            let multi =
                tags.filter(|tag| matches!(tag.kind, TagType::KeywordSet | TagType::Map(_)));
            multi.map(|tag| tag.id)
        };
        for subject in subjects.iter_mut().flatten() {
            subject.prefetch_entries(multi())?;
        }
        let mut cells = Self {
            cells: Vec::with_capacity(subjects.len() * asked.tags.len()),
            ..Self::default()
        };
        for subject in subjects.iter_mut().flatten() {
            for asked in &asked.tags {
                let cell = cells.cell(asked.tag, subject)?;
                cells.cells.push(cell);
            }
        }
        Ok(cells)
    }

    fn cell(&mut self, tag: &Tag, subject: &mut Subject<'_>) -> Result<Cell> {
        Ok(match tag.kind {
            TagType::Boolean | TagType::Number(_) | TagType::Keyword => {
                subject.value(tag.id)?.map_or(Cell::Null, Cell::Number)
            }
            TagType::LongText => match subject.long_text(tag.id)? {
                Some(text) => {
                    self.texts.push(text);
                    Cell::Text(self.texts.len() - 1)
                }
                None => Cell::Null,
            },
            TagType::KeywordSet | TagType::Map(_) => {
                subject.entries(tag.id, &mut self.entries)?;
                Cell::Entries(self.entries.len())
            }
        })
    }

    /// Calls `visit` with each subject in its order.
    fn show<E: From<Error>>(
        &self,
        asked: &Asked<'_>,
        vocabularies: &Vocabularies<'_>,
        strings: &[VocabularyReader<'_>],
        subjects: &[Option<Subject<'_>>],
        visit: &mut impl FnMut(Option<&[(usize, TagValue<'_>)]>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let named = self.named(asked, vocabularies, strings, subjects)?;
        let mut row = Vec::with_capacity(asked.tags.len());
        let mut cells = self.cells.iter();
        let mut entries = named.entries.as_slice();
        let mut members = named.members.as_slice();
        let mut start = 0;
        for subject in subjects {
            let Some(subject) = subject else {
                visit(None)?;
                continue;
            };
            row.clear();
            let own = vocabularies.of(strings, subject);
            for (asked_tag, cell) in asked.tags.iter().zip(&mut cells) {
                let strings = asked_tag.coded.and_then(|coded| own.get(coded));
                let value = match (*cell, asked_tag.tag.kind) {
                    (Cell::Null, _) => TagValue::Null,
                    (Cell::Number(value), TagType::Number(number)) => {
                        TagValue::Number(number, value)
                    }
                    (Cell::Number(code), TagType::Keyword) => {
                        TagValue::Text(string_of(strings, code as Code)?)
                    }
                    (Cell::Number(value), _) => TagValue::Boolean(value != 0),
                    (Cell::Text(text), _) => TagValue::Text(&self.texts[text]),
                    (Cell::Entries(end), TagType::Map(number)) => {
                        TagValue::Map(number, take(&mut entries, end - start))
                    }
                    (Cell::Entries(end), _) => TagValue::Set(take(&mut members, end - start)),
                };
                if let Cell::Entries(end) = *cell {
                    start = end;
                }
                if !asked.only_known || value.is_known() {
                    row.push((asked_tag.place, value));
                }
            }
            visit(Some(&row))?;
        }
        Ok(())
    }

    /// The entries with their strings, those of each set or map sorted.
    fn named<'s>(
        &self,
        asked: &Asked<'_>,
        vocabularies: &Vocabularies<'_>,
        strings: &'s [VocabularyReader<'_>],
        subjects: &[Option<Subject<'_>>],
    ) -> Result<Named<'s>> {
        let mut named = Named::default();
        if self.entries.is_empty() {
            return Ok(named);
        }
        let mut cells = self.cells.iter();
        let mut start = 0;
        for subject in subjects.iter().flatten() {
            let own = vocabularies.of(strings, subject);
            for (asked, cell) in asked.tags.iter().zip(&mut cells) {
                let strings = asked.coded.and_then(|coded| own.get(coded));
                let Cell::Entries(end) = *cell else { continue };
                let entries = &self.entries[start..end];
                start = end;
                if let TagType::Map(_) = asked.tag.kind {
                    let before = named.entries.len();
                    for (code, value) in entries {
                        named.entries.push((string_of(strings, *code)?, *value));
                    }
                    named.entries[before..].sort_unstable_by_key(|(key, _)| *key);
                } else {
                    let before = named.members.len();
                    for (code, _) in entries {
                        named.members.push(string_of(strings, *code)?);
                    }
                    named.members[before..].sort_unstable();
                }
            }
        }
        Ok(named)
    }
}

/// Entries by their strings.
#[derive(Default)]
struct Named<'s> {
    /// Of sets.
    members: Vec<&'s str>,
    /// Of maps.
    entries: Vec<(&'s str, i64)>,
}

/// The first of some items, which are taken away.
fn take<'a, T>(items: &mut &'a [T], count: usize) -> &'a [T] {
    let (taken, rest) = items.split_at(count);
    *items = rest;
    taken
}

fn string_of<'a>(strings: Option<&'a VocabularyReader<'_>>, code: Code) -> Result<&'a str> {
    let string = strings.and_then(|strings| strings.get(code));
    let string = string.map(|string| &**string);
    string.ok_or_else(|| Error::internal(format!("code {code} has no string")))
}

/// The vocabularies of what is asked, of the partitions that have subjects.
struct Vocabularies<'a> {
    partitions: Vec<&'a PartitionState>,
    /// How many of the tags have one.
    tags: usize,
    /// Those of the first partition by tag, then of the next.
    opened: Vec<Arc<Vocabulary>>,
}

impl<'a> Vocabularies<'a> {
    fn new(asked: &Asked<'_>, subjects: &[Option<Subject<'a>>]) -> Self {
        let mut partitions: Vec<&PartitionState> = Vec::new();
        let mut opened = Vec::new();
        for subject in subjects.iter().flatten() {
            let partition = subject.partition();
            if partitions.iter().all(|known| known.id() != partition.id()) {
                partitions.push(partition);
                partition.vocabularies(asked.coded.iter().copied(), &mut opened);
            }
        }
        Self {
            partitions,
            tags: asked.coded.len(),
            opened,
        }
    }

    /// Holds them all. What is read of files is read before, but for strings nobody asked for yet.
    fn read(&self) -> Result<Vec<VocabularyReader<'_>>> {
        let mut strings = Vec::with_capacity(self.opened.len());
        for vocabulary in &self.opened {
            strings.push(vocabulary.read()?);
        }
        Ok(strings)
    }

    /// Those of a subject's partition.
    fn of<'s, 'v>(
        &self,
        strings: &'s [VocabularyReader<'v>],
        subject: &Subject<'_>,
    ) -> &'s [VocabularyReader<'v>] {
        let id = subject.partition().id();
        let partition = self.partitions.iter().position(|known| known.id() == id);
        partition.map_or(&[], |place| &strings[place * self.tags..][..self.tags])
    }
}

pub(super) fn places_of(schema: &TableSchema, tags: Option<&[String]>) -> Result<Vec<usize>> {
    let Some(names) = tags else {
        return Ok((0..schema.tags.len()).collect());
    };
    let place = |name: &String| {
        schema
            .tags
            .iter()
            .position(|tag| *tag.name == **name)
            .ok_or_else(|| {
                let detail = format!("unknown tag {name:?} of table {:?}", schema.name);
                Error::new("unknown_tag", detail)
            })
    };
    let places = names.iter().map(place).collect::<Result<Vec<_>>>()?;
    let mut rising = places.clone();
    rising.sort_unstable();
    if let Some(twice) = rising.windows(2).find(|pair| pair[0] == pair[1]) {
        let detail = format!("tag {:?} is asked for twice", schema.tags[twice[0]].name);
        return Err(Error::new("duplicate_column", detail));
    }
    Ok(places)
}
