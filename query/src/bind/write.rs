//! INSERT, UPDATE and DELETE.

use std::collections::HashSet;
use std::sync::Arc;

use tagdb_storage::limits::{KEY_BYTES_MAX, KEYWORD_BYTES_MAX, LONG_TEXT_BYTES_MAX, MEMBERS_MAX};
use tagdb_storage::schema::{Key, KeyType, TableSchema, TagType};

use crate::bind::bound::{
    Assignment, Column, Expr, ExprKind, Function, Insert, Predicate, Scan, TagChange, Update,
};
use crate::bind::expr::{coerce, scalar};
use crate::bind::predicate::predicate;
use crate::bind::scope::{Environment, Scope, find_table, find_tag};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::literal::{from_stored, to_stored};
use crate::parse::ast;
use crate::value::{DataType, Value};

/// Binds an INSERT.
pub(super) fn insert(env: &Environment<'_>, text: &str, ast: &ast::Insert) -> Result<Insert> {
    let table = find_table(env.catalog, &ast.table)?;
    let (key_place, tags) = insert_columns(&table, ast)?;
    let mut scope = Scope::new(env, text);
    let mut keys = Vec::with_capacity(ast.rows.len());
    let mut rows = Vec::with_capacity(ast.rows.len());
    for (at, values) in &ast.rows {
        if values.len() != ast.columns.len() {
            let detail = format!("{} values for {} columns", values.len(), ast.columns.len());
            return Err(Error::syntax(detail).at(*at));
        }
        let mut row = Vec::with_capacity(tags.len());
        let mut kinds = tags.iter();
        for (place, value) in values.iter().enumerate() {
            let bound = if place == key_place {
                key(&mut scope, value, table.key_type).map(|key| keys.push(key))
            } else {
                match kinds.next() {
                    Some((_, kind)) => {
                        constant(&mut scope, value, *kind).map(|value| row.push(value))
                    }
                    None => Err(Error::internal("a value without a column")),
                }
            };
            bound.map_err(|error| error.at(value.at))?;
        }
        rows.push(row);
    }
    scope.check_params()?;
    Ok(Insert {
        table,
        ignore_existing: ast.ignore_existing,
        keys,
        tags,
        rows,
    })
}

/// The place of the key in the list of columns, and the tags beside it.
type InsertColumns = (usize, Vec<(tagdb_storage::ids::TagId, TagType)>);

fn insert_columns(table: &TableSchema, ast: &ast::Insert) -> Result<InsertColumns> {
    let mut seen = HashSet::new();
    let mut key_place = None;
    let mut tags = Vec::with_capacity(ast.columns.len());
    for (place, name) in ast.columns.iter().enumerate() {
        if !seen.insert(name.text.as_str()) {
            let detail = format!("column {:?} is there twice", name.text);
            return Err(Error::new("duplicate_column", detail).at(name.at));
        }
        if *table.key_name == *name.text {
            key_place = Some(place);
        } else {
            let tag = find_tag(table, name)?;
            tags.push((tag.id, tag.kind));
        }
    }
    let key_place = key_place.ok_or_else(|| {
        let detail = format!(
            "INSERT needs the key {:?} among its columns",
            table.key_name
        );
        Error::new("bad_key", detail).at(ast.table.at)
    })?;
    Ok((key_place, tags))
}

/// A constant as a key.
pub(super) fn key(scope: &mut Scope<'_>, ast: &ast::Expr, kind: KeyType) -> Result<Key> {
    let expr = scalar(scope, ast, Some(kind.into()))?;
    match (kind, expr.as_literal()) {
        (_, Some(Value::Null)) => Err(Error::new("bad_key", "the key is NULL")),
        (KeyType::Keyword, Some(Value::Text(text))) if text.len() > KEY_BYTES_MAX => {
            let detail = format!("the key has {} bytes, at most {KEY_BYTES_MAX}", text.len());
            Err(Error::new("bad_key", detail))
        }
        (KeyType::Keyword, Some(Value::Text(text))) => Ok(Key::Text((**text).into())),
        (KeyType::BigInt, Some(Value::Int(key))) => Ok(Key::Int(*key)),
        (_, Some(_)) => {
            let wanted = DataType::from(kind);
            let detail = format!("the key is a {wanted}, not a {}", expr.data_type);
            Err(Error::type_mismatch(detail))
        }
        (_, None) => Err(Error::unsupported("anything but constants in VALUES")),
    }
}

fn constant(scope: &mut Scope<'_>, ast: &ast::Expr, kind: TagType) -> Result<Value> {
    let expr = assigned(scope, ast, kind)?;
    match expr.kind {
        ExprKind::Literal(value) => Ok(value),
        _ => Err(Error::unsupported("anything but constants in VALUES")),
    }
}

/// An expression as the value of a tag. Constants are checked for the tag's range here.
fn assigned(scope: &mut Scope<'_>, ast: &ast::Expr, kind: TagType) -> Result<Expr> {
    let to = DataType::from(kind);
    let mut expr = scalar(scope, ast, Some(to))?;
    if (expr.data_type, to) == (DataType::Date, DataType::Timestamp) {
        expr = coerce(scope, expr, to)?;
    }
    if let ExprKind::Literal(value) = expr.kind {
        let value = fit(value, expr.data_type, kind)?;
        return Ok(Expr::literal(value, to));
    }
    let from = expr.data_type;
    let fits = match to {
        DataType::SmallInt | DataType::Int | DataType::BigInt => from.is_integer(),
        DataType::Decimal { .. } | DataType::Double => from.is_numeric(),
        DataType::LongText => from.is_text(),
        _ => from == to,
    };
    if !fits {
        let detail = format!("a {from} does not go into a {to} without CAST");
        return Err(Error::type_mismatch(detail));
    }
    Ok(expr)
}

/// A constant as a tag holds it.
fn fit(value: Value, from: DataType, kind: TagType) -> Result<Value> {
    match (kind, &value) {
        (_, Value::Null)
        | (TagType::Boolean, Value::Boolean(_))
        | (TagType::Map(_), Value::Map(_))
        | (TagType::KeywordSet, Value::Set(_)) => {}
        (TagType::Number(number), _) => {
            return to_stored(number, &value).map(|stored| from_stored(number, stored));
        }
        (TagType::Keyword | TagType::LongText, Value::Text(_)) => {}
        _ => {
            let to = DataType::from(kind);
            let detail = format!("a {from} does not go into a {to}");
            return Err(Error::type_mismatch(detail));
        }
    }
    check_lengths(&value, kind)?;
    Ok(value)
}

fn check_lengths(value: &Value, kind: TagType) -> Result<()> {
    let keyword = |text: &Arc<str>| Limits::check("keyword_bytes", text.len(), KEYWORD_BYTES_MAX);
    match value {
        Value::Text(text) if kind == TagType::LongText => {
            Limits::check("longtext_bytes", text.len(), LONG_TEXT_BYTES_MAX)
        }
        Value::Text(text) => keyword(text),
        Value::Set(members) => {
            Limits::check("set_members", members.len(), MEMBERS_MAX)?;
            members.iter().try_for_each(keyword)
        }
        Value::Map(entries) => {
            Limits::check("map_keys", entries.len(), MEMBERS_MAX)?;
            entries.iter().try_for_each(|(key, _)| keyword(key))
        }
        _ => Ok(()),
    }
}

/// Binds an UPDATE.
pub(super) fn update(env: &Environment<'_>, text: &str, ast: &ast::Update) -> Result<Update> {
    let mut scope = Scope::new(env, text);
    let table = scope.open(&ast.table, None)?;
    let filter = predicate(&mut scope, &ast.predicate)?;
    let filter = scope.simplified(filter);
    let mut assignments: Vec<Assignment> = Vec::with_capacity(ast.assignments.len());
    for assignment in &ast.assignments {
        let bound = self::assignment(&mut scope, &table, assignment)?;
        let twice = assignments.iter().any(|other| conflicts(other, &bound));
        if twice {
            let detail = format!("{:?} is assigned twice", assignment.column.text);
            return Err(Error::new("duplicate_column", detail).at(assignment.column.at));
        }
        assignments.push(bound);
    }
    scope.check_params()?;
    Ok(Update {
        scan: scan(scope, table, filter),
        assignments,
    })
}

fn scan(scope: Scope<'_>, table: Arc<TableSchema>, predicate: Predicate) -> Scan {
    Scan {
        table,
        columns: scope.into_columns(),
        predicate,
    }
}

fn conflicts(a: &Assignment, b: &Assignment) -> bool {
    a.tag == b.tag
        && match (&a.change, &b.change) {
            (TagChange::Entry { key: a, .. }, TagChange::Entry { key: b, .. }) => a == b,
            _ => true,
        }
}

fn assignment(
    scope: &mut Scope<'_>,
    table: &TableSchema,
    ast: &ast::Assignment,
) -> Result<Assignment> {
    if *table.key_name == *ast.column.text {
        return Err(Error::unsupported("a new value for the key").at(ast.column.at));
    }
    let tag = find_tag(table, &ast.column)?;
    let change = match &ast.element {
        Some(key) => entry(scope, tag.kind, key, &ast.value)?,
        None => {
            let value = assigned(scope, &ast.value, tag.kind);
            let value = value.map_err(|error| error.at(ast.value.at))?;
            let own = Column::Tag {
                id: tag.id,
                kind: tag.kind,
            };
            match set_edit(scope, &own, &value) {
                Some(edit) => edit,
                None => TagChange::Set(value),
            }
        }
    };
    Ok(Assignment {
        tag: tag.id,
        kind: tag.kind,
        change,
    })
}

/// `m['key'] = value`
fn entry(
    scope: &mut Scope<'_>,
    kind: TagType,
    key: &ast::Expr,
    value: &ast::Expr,
) -> Result<TagChange> {
    let TagType::Map(number) = kind else {
        let detail = format!("a {} has no elements to assign", DataType::from(kind));
        return Err(Error::type_mismatch(detail).at(key.at));
    };
    let key_expr = scalar(scope, key, Some(DataType::Keyword))?;
    let key_text = match key_expr.as_literal() {
        Some(Value::Text(text)) => text.clone(),
        Some(_) => return Err(Error::type_mismatch("the keys of a map are strings").at(key.at)),
        None => return Err(Error::unsupported("a map's key that is no constant").at(key.at)),
    };
    Limits::check("keyword_bytes", key_text.len(), KEYWORD_BYTES_MAX)
        .map_err(|error| error.at(key.at))?;
    let value_expr = assigned(scope, value, TagType::Number(number));
    Ok(TagChange::Entry {
        key: key_text,
        value: value_expr.map_err(|error| error.at(value.at))?,
    })
}

/// `array_append` and `array_remove` of a tag's own value and constants: what to drop and to put,
/// without reading the set.
fn set_edit(scope: &Scope<'_>, own: &Column, value: &Expr) -> Option<TagChange> {
    let mut calls = Vec::new();
    let mut inner = value;
    while let ExprKind::Call(
        function @ (Function::ArrayAppend | Function::ArrayRemove),
        arguments,
    ) = &inner.kind
    {
        let [set, member] = arguments.as_slice() else {
            return None;
        };
        match member.as_literal()? {
            Value::Text(text) if text.len() <= KEYWORD_BYTES_MAX => {
                calls.push((*function == Function::ArrayAppend, text));
            }
            // Neither adds nor takes away.
            Value::Null => {}
            _ => return None,
        }
        inner = set;
    }
    if inner.as_slot() == value.as_slot() || scope.column(inner.as_slot()?) != Some(own) {
        return None;
    }
    // The outermost call is the last to happen, so that the first one seen decides.
    let (mut drop, mut put) = (Vec::new(), Vec::new());
    for (is_append, member) in calls {
        if !put.contains(member) && !drop.contains(member) {
            let side = if is_append { &mut put } else { &mut drop };
            side.push(member.clone());
        }
    }
    Some(TagChange::EditSet { drop, put })
}

/// Binds a DELETE.
pub(super) fn delete(env: &Environment<'_>, text: &str, ast: &ast::Delete) -> Result<Scan> {
    let mut scope = Scope::new(env, text);
    let table = scope.open(&ast.table, None)?;
    let filter = predicate(&mut scope, &ast.predicate)?;
    let filter = scope.simplified(filter);
    scope.check_params()?;
    Ok(scan(scope, table, filter))
}
