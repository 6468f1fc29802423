//! SELECT.

use crate::error::Result;
use crate::parse::ast::{Name, OrderTerm, Select, SelectItem};
use crate::parse::cursor::{Cursor, is_reserved};
use crate::parse::expr::expr;
use crate::parse::refused;
use crate::parse::token::TokenKind;

/// Reads a SELECT.
pub(crate) fn select(cursor: &mut Cursor<'_>) -> Result<Select> {
    cursor.expect_word("select")?;
    let distinct = cursor.accept_word("distinct");
    if distinct && cursor.is_word("on") {
        return Err(cursor.unsupported("DISTINCT ON"));
    }
    if !distinct {
        cursor.accept_word("all");
    }
    let items = cursor.list(item)?;
    if !cursor.is_word("from") {
        return Err(missing_from(cursor));
    }
    cursor.skip();
    let (table, alias) = table(cursor)?;
    let predicate = match cursor.accept_word("where") {
        true => Some(expr(cursor)?),
        false => None,
    };
    let group_by = match cursor.accept_words(&["group", "by"]) {
        true => group_by(cursor)?,
        false => Vec::new(),
    };
    let having = match cursor.accept_word("having") {
        true => Some(expr(cursor)?),
        false => None,
    };
    refuse_clause(cursor)?;
    let order_by = match cursor.accept_words(&["order", "by"]) {
        true => cursor.list(order_term)?,
        false => Vec::new(),
    };
    let mut select = Select {
        distinct,
        items,
        table,
        alias,
        predicate,
        group_by,
        having,
        order_by,
        limit: None,
        offset: None,
    };
    limit(cursor, &mut select)?;
    refuse_clause(cursor)?;
    Ok(select)
}

fn missing_from(cursor: &Cursor<'_>) -> crate::error::Error {
    match cursor.peek() {
        TokenKind::End | TokenKind::Symbol(";") => cursor.unsupported("SELECT without FROM"),
        _ if cursor.is_word("into") => cursor.unsupported("SELECT INTO"),
        _ => cursor.expected("FROM"),
    }
}

fn item(cursor: &mut Cursor<'_>) -> Result<SelectItem> {
    let at = cursor.at();
    let qualified = *cursor.peek_at(1) == TokenKind::Symbol(".")
        && *cursor.peek_at(2) == TokenKind::Symbol("*");
    if qualified {
        return Err(cursor.unsupported("table.*; write *"));
    }
    if cursor.accept_symbol("*") {
        for word in ["except", "exclude", "replace", "rename", "ilike"] {
            let behind = cursor.is_word_at(1, "select");
            if cursor.is_word(word) && !behind {
                return Err(cursor.unsupported(&format!("* {}", word.to_ascii_uppercase())));
            }
        }
        return Ok(SelectItem::All { at });
    }
    let expr = expr(cursor)?;
    let end = cursor.end_of_last();
    Ok(SelectItem::Expr {
        expr,
        alias: alias(cursor)?,
        start: at,
        end,
    })
}

fn alias(cursor: &mut Cursor<'_>) -> Result<Option<Name>> {
    if cursor.accept_word("as") {
        return cursor.name("an alias").map(Some);
    }
    let is_name = match cursor.peek() {
        TokenKind::Word(word) => !is_reserved(word),
        TokenKind::Quoted(_) => true,
        _ => false,
    };
    match is_name {
        true => cursor.name("an alias").map(Some),
        false => Ok(None),
    }
}

/// The table and its alias.
fn table(cursor: &mut Cursor<'_>) -> Result<(Name, Option<Name>)> {
    if cursor.is_symbol("(") {
        return Err(cursor.unsupported("a sub-query in FROM"));
    }
    let table = cursor.name("a table")?;
    if cursor.is_symbol("(") {
        return Err(cursor.unsupported("a function in FROM"));
    }
    if cursor.is_symbol(".") {
        return Err(cursor.unsupported("a schema or database before a table"));
    }
    let clause = matches!(cursor.peek(), TokenKind::Word(word) if refused::starts_clause(word));
    let alias = if clause { None } else { alias(cursor)? };
    if cursor.is_symbol(",") {
        return Err(cursor.unsupported("a join (several tables in FROM)"));
    }
    refuse_clause(cursor)?;
    Ok((table, alias))
}

fn group_by(cursor: &mut Cursor<'_>) -> Result<Vec<crate::parse::ast::Expr>> {
    let opens = *cursor.peek_at(1) == TokenKind::Symbol("(");
    if cursor.is_word("all") {
        return Err(cursor.unsupported("GROUP BY ALL"));
    }
    for (word, name) in [("rollup", "ROLLUP"), ("cube", "CUBE")] {
        if cursor.is_word(word) && opens {
            return Err(cursor.unsupported(name));
        }
    }
    if cursor.is_word("grouping") && cursor.is_word_at(1, "sets") {
        return Err(cursor.unsupported("GROUPING SETS"));
    }
    let keys = cursor.list(expr)?;
    if cursor.is_word("with") {
        return Err(cursor.unsupported("GROUP BY ... WITH"));
    }
    Ok(keys)
}

fn order_term(cursor: &mut Cursor<'_>) -> Result<OrderTerm> {
    if cursor.is_word("all") {
        return Err(cursor.unsupported("ORDER BY ALL"));
    }
    let expr = expr(cursor)?;
    if cursor.is_word("using") {
        return Err(cursor.unsupported("ORDER BY ... USING"));
    }
    let descending = cursor.accept_word("desc");
    if !descending {
        cursor.accept_word("asc");
    }
    let nulls_first = match cursor.accept_word("nulls") {
        false => None,
        true if cursor.accept_word("first") => Some(true),
        true => {
            cursor.expect_word("last")?;
            Some(false)
        }
    };
    if cursor.is_word("with") {
        return Err(cursor.unsupported("ORDER BY ... WITH"));
    }
    Ok(OrderTerm {
        expr,
        descending,
        nulls_first,
    })
}

/// LIMIT and OFFSET, in any order.
fn limit(cursor: &mut Cursor<'_>, select: &mut Select) -> Result<()> {
    loop {
        if select.limit.is_none() && cursor.is_word("limit") {
            cursor.skip();
            if !cursor.accept_word("all") {
                select.limit = Some(expr(cursor)?);
            }
            if cursor.is_symbol(",") {
                return Err(cursor.unsupported("LIMIT a, b; write LIMIT b OFFSET a"));
            }
            if cursor.is_word("by") {
                return Err(cursor.unsupported("LIMIT BY"));
            }
        } else if select.offset.is_none() && cursor.is_word("offset") {
            cursor.skip();
            select.offset = Some(expr(cursor)?);
            if !cursor.accept_word("rows") {
                cursor.accept_word("row");
            }
        } else {
            return Ok(());
        }
    }
}

/// Refuses a clause of other systems by its name.
pub(crate) fn refuse_clause(cursor: &Cursor<'_>) -> Result<()> {
    match refused::clause(cursor) {
        Some(name) => Err(cursor.unsupported(name)),
        None => Ok(()),
    }
}
