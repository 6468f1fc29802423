//! A plain model of a database: tables of keys, each with its values. No layers, codes, ordinals
//! or files; nothing here calls the engine.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use tagdb_storage::batch::RowMode;
use tagdb_storage::schema::{Key, KeyType, NumberType, TagType};

use crate::history::{Audience, Ddl, Edit, NamedColumn, Value, Write};

/// All tables by name.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// The tables.
    pub tables: BTreeMap<Arc<str>, Table>,
    born: u64,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// The type of its key.
    pub key_type: KeyType,
    /// How many partitions.
    pub partitions: u16,
    /// Its tags, in order. Ids are given by the model and never used again, as tags keep their
    /// values when they get another name.
    pub tags: Vec<Tag>,
    /// Its subjects.
    pub rows: BTreeMap<Key, Arc<Row>>,
}

/// A tag.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Of the model alone.
    pub id: u64,
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub kind: TagType,
}

/// A subject.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Two subjects that had the same key one after the other differ in this.
    pub born: u64,
    /// What it has; nothing empty.
    pub values: BTreeMap<u64, Held>,
}

/// What a subject has of a tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// A boolean or number.
    Number(i64),
    /// A keyword.
    Keyword(Arc<str>),
    /// A long text.
    Text(Arc<str>),
    /// A set that is not empty.
    Set(BTreeSet<Arc<str>>),
    /// A map that is not empty.
    Map(BTreeMap<Arc<str>, i64>),
}

/// What a write is answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows given.
    pub rows: u64,
    /// Subjects that came to be.
    pub created: u64,
    /// Rows whose subject came before.
    pub duplicates: u64,
    /// Subjects deleted.
    pub matched: u64,
}

/// The code of a refusal.
pub type Refused = &'static str;

/// A batch while it is applied.
struct Applying<'a> {
    next: Database,
    before: &'a Database,
    touched: HashSet<u64>,
    counts: Counts,
}

impl Database {
    /// The database after a batch, and its answer.
    ///
    /// # Errors
    /// The code with which the batch is refused.
    pub fn apply(&self, write: &Write) -> Result<(Self, Counts), Refused> {
        let mut next = self.clone();
        if let Some(ddl) = &write.schema {
            next.change_schema(ddl)?;
        }
        let counts = Counts::default();
        let mut applying = Applying {
            next,
            before: self,
            touched: HashSet::new(),
            counts,
        };
        for (table, edit) in &write.edits {
            applying.edit(table, edit)?;
        }
        Ok((applying.next, applying.counts))
    }

    fn take_id(&mut self) -> u64 {
        self.born += 1;
        self.born
    }

    fn require(&mut self, table: &str) -> Result<&mut Table, Refused> {
        self.tables.get_mut(table).ok_or("unknown_table")
    }

    fn change_schema(&mut self, ddl: &Ddl) -> Result<(), Refused> {
        match ddl {
            Ddl::Create {
                table,
                key_type,
                partitions,
                tags,
            } => {
                if self.tables.contains_key(table) {
                    return Err("already_exists");
                }
                let make = |(name, kind): &(Arc<str>, TagType)| Tag {
                    id: self.take_id(),
                    name: name.clone(),
                    kind: *kind,
                };
                let tags = tags.iter().map(make).collect();
                let (key_type, partitions) = (*key_type, *partitions);
                let rows = BTreeMap::new();
                self.tables.insert(
                    table.clone(),
                    Table {
                        key_type,
                        partitions,
                        tags,
                        rows,
                    },
                );
            }
            Ddl::Drop(table) => {
                self.tables.remove(table).ok_or("unknown_table")?;
            }
            Ddl::Truncate(table) => self.require(table)?.rows.clear(),
            Ddl::AddTag(table, name, kind) => {
                let id = self.take_id();
                let table = self.require(table)?;
                table.check_free(name)?;
                table.tags.push(Tag {
                    id,
                    name: name.clone(),
                    kind: *kind,
                });
            }
            Ddl::DropTag(table, name) => {
                let table = self.require(table)?;
                let place = table.place(name)?;
                let tag = table.tags.remove(place);
                for row in table.rows.values_mut() {
                    Arc::make_mut(row).values.remove(&tag.id);
                }
            }
            Ddl::RenameTag(table, from, to) => {
                let table = self.require(table)?;
                table.check_free(to)?;
                let place = table.place(from)?;
                table.tags[place].name = to.clone();
            }
        }
        Ok(())
    }
}

impl Table {
    /// The tag of a name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.iter().find(|tag| &*tag.name == name)
    }

    fn place(&self, name: &str) -> Result<usize, Refused> {
        self.tags
            .iter()
            .position(|tag| &*tag.name == name)
            .ok_or("unknown_tag")
    }

    fn check_free(&self, name: &str) -> Result<(), Refused> {
        if self.tag(name).is_some() {
            Err("already_exists")
        } else {
            Ok(())
        }
    }
}

impl Applying<'_> {
    fn edit(&mut self, table: &Arc<str>, edit: &Edit) -> Result<(), Refused> {
        self.next.require(table)?;
        match edit {
            Edit::Rows {
                mode,
                keys,
                columns,
            }
            | Edit::Load {
                mode,
                keys,
                columns,
                ..
            } => self.rows(table, *mode, keys, columns),
            Edit::Delete(keys) => {
                let rows = &mut self.next.require(table)?.rows;
                let deleted = keys.iter().filter(|key| rows.remove(key).is_some()).count();
                self.counts.matched += deleted as u64;
                self.counts.rows += keys.len() as u64;
                Ok(())
            }
            Edit::DeleteAudience(audience) => {
                for key in self.present(table, audience)? {
                    self.next.require(table)?.rows.remove(&key);
                    self.counts.matched += 1;
                }
                Ok(())
            }
            Edit::Assign {
                audience,
                tag,
                value,
            } => {
                let tag = self.tag(table, tag)?;
                let present = self.present(table, audience)?;
                present
                    .iter()
                    .try_for_each(|key| self.set(table, key, &tag, value))
            }
            Edit::Cells { tag, cells } => {
                let tag = self.tag(table, tag)?;
                let keys = cells.iter().map(|(key, _)| key.clone()).collect();
                let present = self.present(
                    table,
                    &Audience {
                        keys,
                        strays: false,
                    },
                )?;
                let cells = cells.iter().filter(|(key, _)| present.contains(key));
                for (key, value) in cells {
                    self.set(table, key, &tag, value)?;
                }
                Ok(())
            }
            Edit::ReplaceTags { keys, columns, .. } => {
                for (name, _) in columns {
                    let tag = self.tag(table, name)?;
                    for row in self.next.require(table)?.rows.values_mut() {
                        Arc::make_mut(row).values.remove(&tag.id);
                    }
                }
                let every_row = blank(keys.len(), columns);
                self.rows(table, RowMode::Upsert, keys, &every_row)
            }
        }
    }

    fn tag(&mut self, table: &str, name: &str) -> Result<Tag, Refused> {
        self.next
            .require(table)?
            .tag(name)
            .cloned()
            .ok_or("unknown_tag")
    }

    /// Those of an audience that were there before the batch and still are.
    fn present(&mut self, table: &str, audience: &Audience) -> Result<BTreeSet<Key>, Refused> {
        let Some(before) = self.before.tables.get(table) else {
            return Ok(BTreeSet::new());
        };
        let now = self.next.require(table)?;
        let same = |key: &&Key| match (before.rows.get(*key), now.rows.get(*key)) {
            (Some(before), Some(now)) => before.born == now.born,
            _ => false,
        };
        Ok(audience.keys.iter().filter(same).cloned().collect())
    }

    fn set(&mut self, table: &str, key: &Key, tag: &Tag, value: &Value) -> Result<(), Refused> {
        check(tag.kind, value)?;
        if let Some(row) = self.next.require(table)?.rows.get_mut(key) {
            write(&mut Arc::make_mut(row).values, tag.id, value);
        }
        Ok(())
    }

    fn rows(
        &mut self,
        table: &str,
        mode: RowMode,
        keys: &[Key],
        columns: &[NamedColumn],
    ) -> Result<(), Refused> {
        let applied = keys
            .iter()
            .map(|key| self.row(table, mode, key))
            .collect::<Result<Vec<bool>, Refused>>()?;
        self.counts.rows += applied.iter().filter(|applied| **applied).count() as u64;
        let tags = self.next.require(table)?.tags.clone();
        for tag in &tags {
            let column = columns.iter().find(|(name, _)| *name == tag.name);
            let cells = column.map_or(&[][..], |(_, cells)| cells);
            for (row, key) in keys.iter().enumerate().filter(|(row, _)| applied[*row]) {
                if mode == RowMode::Replace {
                    self.set(table, key, tag, &Value::Clear)?;
                }
                for (_, value) in cells.iter().filter(|(at, _)| *at as usize == row) {
                    self.set(table, key, tag, value)?;
                }
            }
        }
        let known = |name: &str| tags.iter().any(|tag| &*tag.name == name);
        if columns.iter().all(|(name, _)| known(name)) {
            Ok(())
        } else {
            Err("unknown_tag")
        }
    }

    /// Whether a row counts; its subject exists then.
    fn row(&mut self, table: &str, mode: RowMode, key: &Key) -> Result<bool, Refused> {
        if let Key::Text(text) = key
            && text.len() > 512
        {
            return Err("bad_key");
        }
        if let Some(row) = self.next.require(table)?.rows.get(key) {
            let repeated = !self.touched.insert(row.born);
            self.counts.duplicates += u64::from(repeated);
            return match mode {
                RowMode::Insert => Err("key_exists"),
                RowMode::InsertIgnore => Ok(false),
                RowMode::Upsert | RowMode::Replace => Ok(true),
            };
        }
        let born = self.next.take_id();
        self.touched.insert(born);
        self.counts.created += 1;
        let row = Row {
            born,
            values: BTreeMap::new(),
        };
        self.next
            .require(table)?
            .rows
            .insert(key.clone(), Arc::new(row));
        Ok(true)
    }
}

/// Columns in which each row first clears its tag: of several rows of a key the last counts.
fn blank(rows: usize, columns: &[NamedColumn]) -> Vec<NamedColumn> {
    let fill = |(name, cells): &NamedColumn| {
        let clears = (0..rows as u32).map(|row| (row, Value::Clear));
        let mut all: Vec<_> = clears.chain(cells.iter().cloned()).collect();
        all.sort_by_key(|(row, _)| *row);
        (name.clone(), all)
    };
    columns.iter().map(fill).collect()
}

/// Whether a tag takes a value.
fn check(kind: TagType, value: &Value) -> Result<(), Refused> {
    match (kind, value) {
        (_, Value::Clear) | (TagType::Boolean, Value::Number(0 | 1)) => Ok(()),
        (TagType::Keyword, Value::Keyword(string)) => long([string].into_iter()),
        (TagType::Number(number), Value::Number(value)) => in_range(number, *value),
        (TagType::LongText, Value::Text(_)) => Ok(()),
        (TagType::KeywordSet, Value::Set(members)) => long(members.iter()),
        (TagType::KeywordSet, Value::EditSet(drop, put)) => long(drop.iter().chain(put.iter())),
        (TagType::Map(number), Value::Map(put)) => {
            put.iter()
                .try_for_each(|(_, value)| in_range(number, *value))?;
            long(put.iter().map(|(string, _)| string))
        }
        (TagType::Map(number), Value::EditMap(drop, put)) => {
            put.iter()
                .try_for_each(|(_, value)| in_range(number, *value))?;
            long(drop.iter().chain(put.iter().map(|(string, _)| string)))
        }
        _ => Err("type_mismatch"),
    }
}

fn long<'s>(mut strings: impl Iterator<Item = &'s Arc<str>>) -> Result<(), Refused> {
    if strings.any(|string| string.len() > 1024) {
        Err("limit_exceeded")
    } else {
        Ok(())
    }
}

fn in_range(kind: NumberType, value: i64) -> Result<(), Refused> {
    let (low, high) = bounds(kind);
    if low <= value && value <= high {
        Ok(())
    } else {
        Err("overflow")
    }
}

/// The least and the greatest value of a type, as stored.
#[must_use]
pub fn bounds(kind: NumberType) -> (i64, i64) {
    match kind {
        NumberType::SmallInt => (-32_768, 32_767),
        NumberType::Int | NumberType::Date => (-2_147_483_648, 2_147_483_647),
        NumberType::BigInt | NumberType::Timestamp => (i64::MIN, i64::MAX),
        NumberType::Decimal { precision, .. } => {
            let end = 10_i64.pow(u32::from(precision));
            (1 - end, end - 1)
        }
        // The bits of the greatest finite double, and for negative ones all but the sign turned.
        NumberType::Double => (!0x7FEF_FFFF_FFFF_FFFF, 0x7FEF_FFFF_FFFF_FFFF),
    }
}

fn write(values: &mut BTreeMap<u64, Held>, tag: u64, value: &Value) {
    let held = match value {
        Value::Clear => None,
        Value::Number(number) => Some(Held::Number(*number)),
        Value::Keyword(string) => Some(Held::Keyword(string.clone())),
        Value::Text(text) => Some(Held::Text(text.clone())),
        Value::Set(members) => Some(Held::Set(members.iter().cloned().collect())),
        Value::Map(entries) => Some(Held::Map(entries.iter().cloned().collect())),
        Value::EditSet(drop, put) => {
            let mut set = match values.get(&tag) {
                Some(Held::Set(set)) => set.clone(),
                _ => BTreeSet::new(),
            };
            set.retain(|member| !drop.contains(member));
            set.extend(put.iter().cloned());
            Some(Held::Set(set))
        }
        Value::EditMap(drop, put) => {
            let mut map = match values.get(&tag) {
                Some(Held::Map(map)) => map.clone(),
                _ => BTreeMap::new(),
            };
            map.retain(|key, _| !drop.contains(key));
            map.extend(put.iter().cloned());
            Some(Held::Map(map))
        }
    };
    let empty = match &held {
        None => true,
        Some(Held::Set(set)) => set.is_empty(),
        Some(Held::Map(map)) => map.is_empty(),
        Some(_) => false,
    };
    match held.filter(|_| !empty) {
        Some(held) => values.insert(tag, held),
        None => values.remove(&tag),
    };
}
