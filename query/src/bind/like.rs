//! LIKE and ILIKE.

use std::sync::Arc;

use tagdb_storage::limits::KEYWORD_BYTES_MAX;
use tagdb_storage::schema::Key;

use crate::bind::bound::{Column, Expr, Function, KeyTest, Leaf, Predicate, Slot, TextTest};
use crate::bind::expr::{called, fold, scalar};
use crate::bind::scope::Scope;
use crate::error::{Error, Result};
use crate::functions::Pattern;
use crate::limits::Limits;
use crate::parse::ast::{self, Like};
use crate::value::{DataType, Value};

/// Binds `text LIKE pattern`.
pub(super) fn like(scope: &mut Scope<'_>, like: &Like) -> Result<Predicate> {
    let text = scalar(scope, &like.text, Some(DataType::Keyword))?;
    let name = if like.ignores_case { "ILIKE" } else { "LIKE" };
    match text.data_type {
        DataType::Keyword | DataType::Null => {}
        DataType::LongText => {
            let detail = "a condition on a LONGTEXT other than IS [NOT] NULL";
            return Err(Error::unsupported(detail).at(like.text.at));
        }
        DataType::KeywordSet => {
            let detail = format!("{name} takes a string, not a set; write has(set, 'a')");
            return Err(Error::type_mismatch(detail).at(like.text.at));
        }
        other => {
            let detail = format!("{name} takes a string, not {other}");
            return Err(Error::type_mismatch(detail).at(like.text.at));
        }
    }
    let Some(source) = constant(scope, &like.pattern, &format!("the pattern of {name}"))? else {
        return Ok(Predicate::Constant(None));
    };
    let escape = match &like.escape {
        None => Some('\\'),
        Some(ast) => match constant(scope, ast, "the character behind ESCAPE")? {
            None => return Ok(Predicate::Constant(None)),
            Some(text) => one_character(&text).map_err(|error| error.at(ast.at))?,
        },
    };
    Limits::check("keyword_bytes", source.len(), KEYWORD_BYTES_MAX)
        .map_err(|error| error.at(like.pattern.at))?;
    let pattern = Pattern::new(&source, escape, like.ignores_case);
    of_pattern(scope, text, pattern)
}

/// A string that is known before anything is read; nothing if it is NULL.
fn constant(scope: &mut Scope<'_>, ast: &ast::Expr, what: &str) -> Result<Option<Arc<str>>> {
    let expr = scalar(scope, ast, Some(DataType::Keyword))?;
    match expr.as_literal() {
        Some(Value::Text(text)) => Ok(Some(text.clone())),
        Some(Value::Null) => Ok(None),
        Some(_) => {
            let detail = format!("{what} is a string, not {}", expr.data_type);
            Err(Error::type_mismatch(detail).at(ast.at))
        }
        None => Err(Error::unsupported(format!("{what} that is no constant")).at(ast.at)),
    }
}

fn one_character(text: &str) -> Result<Option<char>> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (escape, None) => Ok(escape),
        _ => Err(Error::new(
            "bad_parameter",
            "ESCAPE takes one character, or none",
        )),
    }
}

fn of_pattern(scope: &Scope<'_>, text: Expr, pattern: Pattern) -> Result<Predicate> {
    if let Some(slot) = text.as_slot().filter(|_| scope.groups.is_none()) {
        return Ok(Predicate::Leaf(of_column(scope, slot, pattern)));
    }
    if text.data_type == DataType::Null {
        return Ok(Predicate::Constant(None));
    }
    let function = Function::Like(Box::new(pattern));
    let call = fold(called(function, vec![text], DataType::Boolean))?;
    Ok(match call.as_literal() {
        Some(Value::Boolean(value)) => Predicate::Constant(Some(*value)),
        Some(_) => Predicate::Constant(None),
        None => Predicate::Leaf(Leaf::Holds(call)),
    })
}

fn of_column(scope: &Scope<'_>, slot: Slot, pattern: Pattern) -> Leaf {
    let literal: Option<Arc<str>> = pattern.literal().map(Into::into);
    if matches!(scope.column(slot), Some(Column::Key)) {
        return Leaf::Key(
            slot,
            match literal {
                Some(text) => KeyTest::OneOf(vec![Key::Text((*text).into())]),
                None => KeyTest::Like(Box::new(pattern)),
            },
        );
    }
    Leaf::Text(
        slot,
        match literal {
            Some(text) => TextTest::OneOf(vec![text]),
            None => TextTest::Like(Box::new(pattern)),
        },
    )
}
