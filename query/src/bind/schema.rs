//! Statements that change the catalog.

use std::collections::HashSet;

use tagdb_storage::catalog::{Catalog, NewTag, SchemaChange};
use tagdb_storage::ids::TagId;
use tagdb_storage::schema::{KeyType, NumberType, TableSchema, TagType};

use crate::bind::names;
use crate::bind::scope::{find_table, find_tag, has_column};
use crate::error::{Error, Result};
use crate::parse::ast::{ColumnDef, CreateTable, Name};
use crate::value::DataType;

pub(super) fn create_table(catalog: &Catalog, ast: &CreateTable) -> Result<Option<SchemaChange>> {
    if catalog.table(&ast.table.text).is_some() {
        if ast.if_not_exists {
            return Ok(None);
        }
        let detail = format!("table {:?} already exists", ast.table.text);
        return Err(Error::new("already_exists", detail).at(ast.table.at));
    }
    let Some((key, tags)) = ast.columns.split_first() else {
        return Err(Error::internal("a table without a key"));
    };
    let key_type = match key.kind {
        TagType::Keyword => KeyType::Keyword,
        TagType::Number(NumberType::BigInt) => KeyType::BigInt,
        other => {
            let detail = format!("a key is KEYWORD or BIGINT, not {}", DataType::from(other));
            return Err(Error::type_mismatch(detail).at(key.kind_at));
        }
    };
    let change = SchemaChange::CreateTable {
        name: ast.table.text.clone(),
        key_name: key.name.text.clone(),
        key_type,
        key_comment: key.comment.clone(),
        partitions: ast.partitions,
        tags: tags.iter().map(new_tag).collect(),
    };
    let mut names = HashSet::new();
    for column in &ast.columns {
        if !names.insert(&column.name.text) {
            let detail = format!("column {:?} is there twice", column.name.text);
            return Err(Error::new("duplicate_column", detail).at(column.name.at));
        }
    }
    checked(catalog, change, ast.table.at)
}

fn new_tag(column: &ColumnDef) -> NewTag {
    NewTag {
        name: column.name.text.clone(),
        kind: column.kind,
        comment: column.comment.clone(),
    }
}

/// The change, if the catalog takes it.
fn checked(catalog: &Catalog, change: SchemaChange, at: u32) -> Result<Option<SchemaChange>> {
    match catalog.apply(&change) {
        Ok(_) => Ok(Some(change)),
        Err(error) => Err(Error::from(error).at(at)),
    }
}

pub(super) fn drop_table(
    catalog: &Catalog,
    name: &Name,
    if_exists: bool,
) -> Result<Option<SchemaChange>> {
    match catalog.table(&name.text) {
        Some(table) => Ok(Some(SchemaChange::DropTable(table.id))),
        None if if_exists => Ok(None),
        None => Err(names::unknown_table(&name.text, catalog).at(name.at)),
    }
}

pub(super) fn truncate(catalog: &Catalog, name: &Name) -> Result<Option<SchemaChange>> {
    let table = find_table(catalog, name)?;
    Ok(Some(SchemaChange::TruncateTable(table.id)))
}

pub(super) fn add_column(
    catalog: &Catalog,
    name: &Name,
    if_not_exists: bool,
    column: &ColumnDef,
) -> Result<Option<SchemaChange>> {
    let table = find_table(catalog, name)?;
    if if_not_exists && has_column(&table, &column.name.text) {
        return Ok(None);
    }
    let change = SchemaChange::AddTag(table.id, new_tag(column));
    checked(catalog, change, column.name.at)
}

pub(super) fn drop_column(
    catalog: &Catalog,
    name: &Name,
    if_exists: bool,
    column: &Name,
) -> Result<Option<SchemaChange>> {
    let table = find_table(catalog, name)?;
    if *table.key_name == *column.text {
        return Err(Error::unsupported("a table without its key column").at(column.at));
    }
    if if_exists && table.tag(&column.text).is_none() {
        return Ok(None);
    }
    let tag = find_tag(&table, column)?;
    Ok(Some(SchemaChange::DropTag(table.id, tag.id)))
}

/// The tag, or nothing for the key.
fn key_or_tag(table: &TableSchema, column: &Name) -> Result<Option<TagId>> {
    if *table.key_name == *column.text {
        return Ok(None);
    }
    find_tag(table, column).map(|tag| Some(tag.id))
}

pub(super) fn rename_column(
    catalog: &Catalog,
    name: &Name,
    from: &Name,
    to: &Name,
) -> Result<Option<SchemaChange>> {
    let table = find_table(catalog, name)?;
    let column = key_or_tag(&table, from)?;
    let change = SchemaChange::RenameTag(table.id, column, to.text.clone());
    checked(catalog, change, to.at)
}

pub(super) fn comment(
    catalog: &Catalog,
    name: &Name,
    column: &Name,
    comment: &str,
) -> Result<Option<SchemaChange>> {
    let table = find_table(catalog, name)?;
    let target = key_or_tag(&table, column)?;
    let change = SchemaChange::Comment(table.id, target, comment.to_owned());
    checked(catalog, change, column.at)
}
