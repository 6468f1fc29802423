//! From text to statements as they are written. Knows nothing of tables.
//!
//! The library `sqlparser` splits and reads the text, under a dialect of our own; what it gives is
//! taken apart at once into trees of our own, by value, over the same tokens. Bytes, tokens and
//! depth of brackets are limited before they are followed, so that no text can overflow the stack;
//! chains of AND and OR are flat. Features of other systems are refused by their names.

pub(crate) mod ast;
mod cursor;
mod dialect;
mod expr;
mod primary;
mod query;
mod refused;
mod scan;
mod select;
mod statement;
mod types;

use std::sync::Arc;

pub use ast::Statement;
pub use refused::RESERVED;
use sqlparser::tokenizer::Token;

use crate::error::{Error, Result};
use crate::limits::Limits;
use cursor::Cursor;

/// Stack for texts that are not small; what is not touched takes no memory.
const STACK_BYTES: usize = 64 << 20;

/// Reads the statements of a text, which semicolons part.
///
/// # Errors
/// `syntax_error`, `unsupported` and `limit_exceeded`, with line and column.
pub fn parse(text: &str, limits: &Limits) -> Result<Vec<Statement>> {
    Limits::check("statement_bytes", text.len(), limits.statement_bytes_max)?;
    statements(text, limits).map_err(|error| error.located_in(text))
}

fn statements(text: &str, limits: &Limits) -> Result<Vec<Statement>> {
    let found = scan::scan(text, limits)?;
    on_enough_stack(found.is_small(), || {
        let mut cursor = Cursor::new(found, text.len(), limits);
        let text: Arc<str> = text.into();
        let mut statements = Vec::new();
        loop {
            while cursor.accept(&Token::SemiColon) {}
            if cursor.is_end() {
                break;
            }
            let at = cursor.at();
            Limits::check("statements", statements.len() + 1, limits.statements_max)
                .map_err(|error| error.at(at))?;
            cursor.begin_statement();
            statements.push(Statement {
                text: text.clone(),
                kind: statement::statement(&mut cursor)?,
            });
            if !cursor.is(&Token::SemiColon) && !cursor.is_end() {
                return Err(cursor.left_over("the end of the statement"));
            }
        }
        if statements.is_empty() {
            return Err(Error::syntax("there is no statement"));
        }
        Ok(statements)
    })
}

/// Reads one condition, such as a segment's definition outside of any SELECT.
///
/// # Errors
/// As of [`parse`].
pub fn parse_predicate(text: &str, limits: &Limits) -> Result<Predicate> {
    Limits::check("statement_bytes", text.len(), limits.statement_bytes_max)?;
    let read = || {
        let found = scan::scan(text, limits)?;
        on_enough_stack(found.is_small(), || {
            let mut cursor = Cursor::new(found, text.len(), limits);
            let expr = cursor.read_expr()?;
            match cursor.is_end() {
                true => Ok(expr),
                false => Err(cursor.left_over("the end of the condition")),
            }
        })
    };
    Ok(Predicate {
        expr: read().map_err(|error: Error| error.located_in(text))?,
        text: text.into(),
    })
}

/// Runs a parse. The library's trees get as high as a chain of operators is
/// long, dropping one goes all the way down, and each query in a query takes some 40 KiB of stack: a
/// text that is not small is read on a thread of its own, whose stack is enough for the highest
/// tree that the limits of tokens and depth allow.
fn on_enough_stack<T: Send>(small: bool, parse: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if small {
        return parse();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("parse".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, parse)
            .map_err(|error| Error::internal(format!("no thread to parse on: {error}")))?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A condition on its own.
#[derive(Debug)]
pub struct Predicate {
    pub(crate) text: Arc<str>,
    pub(crate) expr: ast::Expr,
}

#[cfg(test)]
mod tests;
