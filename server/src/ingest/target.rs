//! What the columns of an upload mean for the table it goes to.

use std::sync::Arc;

use std::collections::HashMap;

use tagdb_storage::ids::TagId;
use tagdb_storage::schema::{Family, TableSchema, Tag};
use tagdb_wire::BulkMode;

use super::report::RowFault;
use crate::http::{ApiError, ApiResult};

/// What a column's name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The key.
    Key,
    /// A tag, by its place in the schema.
    Tag(usize),
    /// `x+`: members or keys to put, by the tag's place.
    Put(usize),
    /// `x-`: members or keys to drop, by the tag's place.
    Drop(usize),
}

/// A table as the target of an upload.
#[derive(Debug)]
pub struct Target {
    /// The table.
    pub schema: Arc<TableSchema>,
    /// What rows mean.
    pub mode: BulkMode,
    /// In `replace_tags`, the tags that are replaced.
    pub replaced: Vec<TagId>,
    slots: HashMap<Box<str>, Slot>,
}

impl Target {
    /// The target of an upload; `tags` are those of `replace_tags`.
    ///
    /// # Errors
    /// `bad_parameter` when mode and tags do not fit each other, `unknown_tag` for tags that the
    /// table does not have.
    pub fn new(
        schema: Arc<TableSchema>,
        mode: BulkMode,
        tags: Option<&[String]>,
    ) -> ApiResult<Self> {
        let replaced = match (mode, tags) {
            (BulkMode::ReplaceTags, Some(names)) => replaced_tags(&schema, names)?,
            (BulkMode::ReplaceTags, None) => {
                return Err(ApiError::bad_parameter(
                    "mode=replace_tags needs the tags to replace: &tags=a,b",
                ));
            }
            (_, Some(_)) => {
                return Err(ApiError::bad_parameter(
                    "query parameter \"tags\" goes with mode=replace_tags only",
                ));
            }
            (_, None) => Vec::new(),
        };
        let slots = slots(&schema, mode, &replaced);
        Ok(Self {
            schema,
            mode,
            replaced,
            slots,
        })
    }

    /// What a column's name stands for.
    ///
    /// # Errors
    /// `unknown_tag` for names that the table does not have, `bad_parameter` for those that do not
    /// belong into an upload of this mode.
    pub fn slot(&self, name: &str) -> Result<Slot, RowFault> {
        if let Some(slot) = self.slots.get(name) {
            return Ok(*slot);
        }
        let fault = if self.schema.tag(name).is_none() {
            let detail = format!("unknown tag \"{name}\" of table \"{}\"", self.schema.name);
            RowFault::new("unknown_tag", detail)
        } else {
            let detail = format!("tag \"{name}\" is not among those that this upload writes");
            RowFault::new("bad_parameter", detail)
        };
        Err(fault.in_column(name))
    }

    /// A tag by its place.
    #[must_use]
    pub fn tag(&self, place: usize) -> &Tag {
        &self.schema.tags[place]
    }
}

fn replaced_tags(schema: &TableSchema, names: &[String]) -> ApiResult<Vec<TagId>> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let Some(tag) = schema.tag(name) else {
            let detail = format!("unknown tag \"{name}\" of table \"{}\"", schema.name);
            return Err(ApiError::new("unknown_tag", detail));
        };
        if ids.contains(&tag.id) {
            let detail = format!("tag \"{name}\" is named twice");
            return Err(ApiError::new("duplicate_column", detail));
        }
        ids.push(tag.id);
    }
    Ok(ids)
}

fn slots(schema: &TableSchema, mode: BulkMode, replaced: &[TagId]) -> HashMap<Box<str>, Slot> {
    let mut slots = HashMap::new();
    let written = |tag: &Tag| match mode {
        BulkMode::Delete => false,
        BulkMode::ReplaceTags => replaced.contains(&tag.id),
        BulkMode::Upsert | BulkMode::Insert | BulkMode::Replace => true,
    };
    // Edits first, so that a tag whose own name ends in a sign keeps its name.
    for (place, tag) in schema.tags.iter().enumerate() {
        let many = matches!(tag.kind.family(), Family::Set | Family::Map);
        if many && written(tag) && mode != BulkMode::ReplaceTags {
            slots.insert(format!("{}+", tag.name).into(), Slot::Put(place));
            slots.insert(format!("{}-", tag.name).into(), Slot::Drop(place));
        }
    }
    for (place, tag) in schema.tags.iter().enumerate() {
        if written(tag) {
            slots.insert((&*tag.name).into(), Slot::Tag(place));
        }
    }
    slots.insert((&*schema.key_name).into(), Slot::Key);
    slots
}
