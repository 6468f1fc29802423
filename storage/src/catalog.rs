//! The tables of a database and how they change.
//!
//! A [`Catalog`] is immutable: a change gives a new one, so that every snapshot keeps the schema it
//! was taken with. Ids come from counters that only rise, so that applying the same changes in the
//! same order gives the same ids.

mod encoding;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{TableId, TagId};
use crate::limits::{COMMENT_BYTES_MAX, NAME_BYTES_MAX, PARTITIONS_MAX, TABLES_MAX, TAGS_MAX};
use crate::schema::{KeyType, NumberType, TableSchema, Tag, TagType};

/// The largest precision of a DECIMAL.
pub const DECIMAL_PRECISION_MAX: u8 = 18;

/// A new tag, before it has an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTag {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: TagType,
    /// For people.
    pub comment: String,
}

/// A change of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaChange {
    /// A new table.
    CreateTable {
        /// Its name.
        name: String,
        /// The key column's name.
        key_name: String,
        /// The key column's type.
        key_type: KeyType,
        /// The key column's comment.
        key_comment: String,
        /// A power of two.
        partitions: u16,
        /// In order.
        tags: Vec<NewTag>,
    },
    /// The table and all its rows go.
    DropTable(TableId),
    /// All rows go; the table gets a new id.
    TruncateTable(TableId),
    /// A new tag at the end.
    AddTag(TableId, NewTag),
    /// The tag and its values go.
    DropTag(TableId, TagId),
    /// A new name for a tag, or for the key (no tag).
    RenameTag(TableId, Option<TagId>, String),
    /// A new comment for a tag, or for the key (no tag).
    Comment(TableId, Option<TagId>, String),
    /// So many tag ids are taken, for tags that a load makes out of sight.
    ReserveTags(u32),
}

/// All tables of a database at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    tables: BTreeMap<Arc<str>, Arc<TableSchema>>,
    next_table: u32,
    next_tag: u32,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            tables: BTreeMap::new(),
            next_table: 1,
            next_tag: 1,
        }
    }
}

impl Catalog {
    /// The table of that name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Arc<TableSchema>> {
        self.tables.get(name)
    }

    /// The table of that id.
    #[must_use]
    pub fn table_by_id(&self, id: TableId) -> Option<&Arc<TableSchema>> {
        self.tables.values().find(|table| table.id == id)
    }

    /// All tables, by name.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableSchema>> {
        self.tables.values()
    }

    /// The id of the next new tag.
    #[must_use]
    pub const fn next_tag(&self) -> u32 {
        self.next_tag
    }

    /// The catalog in which tags of a table have other ids, and so other values.
    ///
    /// # Errors
    /// `unknown_table` or `unknown_tag`.
    pub fn with_tag_ids(&self, table: TableId, ids: &[(TagId, TagId)]) -> Result<Self> {
        let mut next = self.clone();
        let mut table = TableSchema::clone(next.require(table)?);
        for (old, new) in ids {
            let place = place_of(&table, *old)?;
            table.tags[place].id = *new;
        }
        next.put(table);
        Ok(next)
    }

    /// The catalog after a change.
    ///
    /// # Errors
    /// `already_exists`, `unknown_table`, `unknown_tag`, `duplicate_column`, `limit_exceeded`, or
    /// `bad_parameter` for a name, type or number of partitions that cannot be.
    pub fn apply(&self, change: &SchemaChange) -> Result<Self> {
        let mut next = self.clone();
        match change {
            SchemaChange::CreateTable { .. } => next.create_table(change)?,
            SchemaChange::DropTable(id) => {
                let name = next.require(*id)?.name.clone();
                next.tables.remove(&name);
            }
            SchemaChange::TruncateTable(id) => {
                let mut table = TableSchema::clone(next.require(*id)?);
                table.id = TableId(take_id(&mut next.next_table)?);
                next.put(table);
            }
            SchemaChange::AddTag(id, tag) => next.add_tag(*id, tag)?,
            SchemaChange::DropTag(id, tag) => {
                let mut table = TableSchema::clone(next.require(*id)?);
                let place = place_of(&table, *tag)?;
                table.tags.remove(place);
                next.put(table);
            }
            SchemaChange::RenameTag(id, tag, name) => next.rename(*id, *tag, name)?,
            SchemaChange::Comment(id, tag, comment) => next.comment(*id, *tag, comment)?,
            SchemaChange::ReserveTags(count) => {
                for _ in 0..*count {
                    take_id(&mut next.next_tag)?;
                }
            }
        }
        Ok(next)
    }

    fn require(&self, id: TableId) -> Result<&Arc<TableSchema>> {
        self.table_by_id(id).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "unknown_table",
                "the table was dropped meanwhile",
            )
        })
    }

    fn put(&mut self, table: TableSchema) {
        self.tables.insert(table.name.clone(), Arc::new(table));
    }

    fn create_table(&mut self, change: &SchemaChange) -> Result<()> {
        let SchemaChange::CreateTable {
            name,
            key_name,
            key_type,
            key_comment,
            partitions,
            tags,
        } = change
        else {
            return Err(Error::internal("not a new table"));
        };
        if self.tables.contains_key(name.as_str()) {
            return Err(already_exists(format!("table {name:?} already exists")));
        }
        check_limit("tables", self.tables.len() + 1, TABLES_MAX)?;
        check_limit("tags of a table", tags.len(), TAGS_MAX)?;
        check_limit(
            "partitions",
            usize::from(*partitions),
            usize::from(PARTITIONS_MAX),
        )?;
        if !partitions.is_power_of_two() {
            let detail =
                format!("the number of partitions must be a power of two, not {partitions}");
            return Err(bad(detail));
        }
        check_name(name)?;
        check_name(key_name)?;
        check_comment(key_comment)?;
        let mut names = HashSet::from([key_name.as_str()]);
        for tag in tags {
            check_new_tag(tag)?;
            if !names.insert(&tag.name) {
                let detail = format!("column {:?} is there twice", tag.name);
                return Err(Error::new(ErrorKind::Invalid, "duplicate_column", detail));
            }
        }
        let id = TableId(take_id(&mut self.next_table)?);
        let tags = tags
            .iter()
            .map(|tag| self.with_id(tag))
            .collect::<Result<Vec<_>>>()?;
        self.put(TableSchema {
            id,
            name: name.as_str().into(),
            key_name: key_name.as_str().into(),
            key_type: *key_type,
            key_comment: key_comment.as_str().into(),
            partitions: *partitions,
            tags,
        });
        Ok(())
    }

    fn with_id(&mut self, tag: &NewTag) -> Result<Tag> {
        Ok(Tag {
            id: TagId(take_id(&mut self.next_tag)?),
            name: tag.name.as_str().into(),
            kind: tag.kind,
            comment: tag.comment.as_str().into(),
        })
    }

    fn add_tag(&mut self, id: TableId, tag: &NewTag) -> Result<()> {
        let mut table = TableSchema::clone(self.require(id)?);
        check_new_tag(tag)?;
        check_free(&table, &tag.name)?;
        check_limit("tags of a table", table.tags.len() + 1, TAGS_MAX)?;
        table.tags.push(self.with_id(tag)?);
        self.put(table);
        Ok(())
    }

    fn rename(&mut self, id: TableId, tag: Option<TagId>, name: &str) -> Result<()> {
        let mut table = TableSchema::clone(self.require(id)?);
        check_name(name)?;
        check_free(&table, name)?;
        match tag {
            None => table.key_name = name.into(),
            Some(tag) => {
                let place = place_of(&table, tag)?;
                table.tags[place].name = name.into();
            }
        }
        self.put(table);
        Ok(())
    }

    fn comment(&mut self, id: TableId, tag: Option<TagId>, comment: &str) -> Result<()> {
        let mut table = TableSchema::clone(self.require(id)?);
        check_comment(comment)?;
        match tag {
            None => table.key_comment = comment.into(),
            Some(tag) => {
                let place = place_of(&table, tag)?;
                table.tags[place].comment = comment.into();
            }
        }
        self.put(table);
        Ok(())
    }
}

fn take_id(counter: &mut u32) -> Result<u32> {
    let id = *counter;
    *counter = id.checked_add(1).ok_or_else(|| {
        Error::new(
            ErrorKind::Limit,
            "limit_exceeded",
            "no ids are left for tables and tags",
        )
    })?;
    Ok(id)
}

fn place_of(table: &TableSchema, tag: TagId) -> Result<usize> {
    let place = table.tags.iter().position(|other| other.id == tag);
    place.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "unknown_tag",
            format!("a tag of table {:?} was dropped meanwhile", table.name),
        )
    })
}

fn check_free(table: &TableSchema, name: &str) -> Result<()> {
    if *table.key_name == *name || table.tag(name).is_some() {
        let detail = format!("column {name:?} of table {:?} already exists", table.name);
        return Err(already_exists(detail));
    }
    Ok(())
}

fn check_new_tag(tag: &NewTag) -> Result<()> {
    check_name(&tag.name)?;
    check_comment(&tag.comment)?;
    if let TagType::Number(NumberType::Decimal { precision, scale })
    | TagType::Map(NumberType::Decimal { precision, scale }) = tag.kind
        && (precision == 0 || precision > DECIMAL_PRECISION_MAX || scale > precision)
    {
        return Err(bad(format!(
            "DECIMAL({precision},{scale}) of column {:?} cannot be: the precision goes from 1 to \
             {DECIMAL_PRECISION_MAX}, the scale from 0 to the precision",
            tag.name
        )));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    check_limit("bytes of a name", name.len(), NAME_BYTES_MAX)?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(bad(format!("{name:?} cannot be a name")));
    }
    Ok(())
}

fn check_comment(comment: &str) -> Result<()> {
    check_limit("bytes of a comment", comment.len(), COMMENT_BYTES_MAX)
}

fn check_limit(what: &str, value: usize, max: usize) -> Result<()> {
    if value > max {
        let detail = format!("{what}: {value}, at most {max}");
        return Err(Error::new(ErrorKind::Limit, "limit_exceeded", detail));
    }
    Ok(())
}

fn already_exists(detail: String) -> Error {
    Error::new(ErrorKind::Conflict, "already_exists", detail)
}

fn bad(detail: String) -> Error {
    Error::new(ErrorKind::Invalid, "bad_parameter", detail)
}

#[cfg(test)]
mod tests;
