//! From text to statements as they are written. Knows nothing of tables.
//!
//! The grammar is our own, by recursive descent. Bytes, tokens, depth of brackets and height of
//! trees are limited before they are followed, so that no text can overflow the stack; chains of
//! AND and OR are flat. Features of other systems are refused by their names.

pub(crate) mod ast;
mod cursor;
mod expr;
mod primary;
mod refused;
mod select;
mod statement;
mod token;
mod types;

use std::sync::Arc;

pub use ast::Statement;

use crate::error::{Error, Result};
use crate::limits::Limits;
use cursor::Cursor;
use token::{Token, TokenKind};

/// Reads the statements of a text, which semicolons part.
///
/// # Errors
/// `syntax_error`, `unsupported` and `limit_exceeded`, with line and column.
pub fn parse(text: &str, limits: &Limits) -> Result<Vec<Statement>> {
    Limits::check("statement_bytes", text.len(), limits.statement_bytes_max)?;
    statements(text, limits).map_err(|error| error.located_in(text))
}

fn statements(text: &str, limits: &Limits) -> Result<Vec<Statement>> {
    let tokens = token::tokenize(text)?;
    let counted = tokens.iter().filter(|token| is_counted(token)).count();
    Limits::check("tokens", counted, limits.tokens_max)?;
    let mut cursor = Cursor::new(tokens, limits);
    let text: Arc<str> = text.into();
    let mut statements = Vec::new();
    loop {
        while cursor.accept_symbol(";") {}
        if *cursor.peek() == TokenKind::End {
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
        if !cursor.is_symbol(";") && *cursor.peek() != TokenKind::End {
            return Err(cursor.expected("the end of the statement"));
        }
    }
    if statements.is_empty() {
        return Err(Error::syntax("there is no statement"));
    }
    Ok(statements)
}

/// Elements of lists are counted as such.
fn is_counted(token: &Token<'_>) -> bool {
    !matches!(
        token.kind,
        TokenKind::Symbol(",") | TokenKind::Number(_) | TokenKind::Text(_) | TokenKind::End
    )
}

/// Reads one condition, such as a segment's definition outside of any SELECT.
///
/// # Errors
/// As of [`parse`].
pub fn parse_predicate(text: &str, limits: &Limits) -> Result<Predicate> {
    Limits::check("statement_bytes", text.len(), limits.statement_bytes_max)?;
    let read = || {
        let tokens = token::tokenize(text)?;
        let counted = tokens.iter().filter(|token| is_counted(token)).count();
        Limits::check("tokens", counted, limits.tokens_max)?;
        let mut cursor = Cursor::new(tokens, limits);
        let expr = expr::expr(&mut cursor)?;
        match cursor.peek() {
            TokenKind::End => Ok(expr),
            _ => Err(cursor.expected("the end of the condition")),
        }
    };
    Ok(Predicate {
        expr: read().map_err(|error: Error| error.located_in(text))?,
        text: text.into(),
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
