//! Statements other than SELECT.

use sqlparser::ast::{Expr as Tree, Parens};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::ast::{
    Assignment, ColumnDef, CreateTable, Delete, Expr, Insert, Membership, Name, StatementKind,
    Update,
};
use crate::parse::cursor::Cursor;
use crate::parse::{refused, types};

/// Reads one statement.
pub(crate) fn statement(cursor: &mut Cursor<'_>) -> Result<StatementKind> {
    if cursor.is(&Token::LParen) {
        return cursor.query_statement();
    }
    let Some(word) = cursor.word() else {
        return Err(cursor.expected("a statement"));
    };
    match word.to_ascii_lowercase().as_str() {
        "select" | "with" => cursor.query_statement(),
        "from" => Err(cursor.unsupported("FROM before SELECT")),
        "values" | "table" => Err(cursor.unsupported("VALUES and TABLE as statements")),
        "insert" => insert(cursor).map(StatementKind::Insert),
        "update" => update(cursor).map(StatementKind::Update),
        "delete" => delete(cursor).map(StatementKind::Delete),
        "create" => create(cursor),
        "alter" => alter(cursor),
        "drop" => drop_table(cursor),
        "truncate" => {
            cursor.skip();
            cursor.accept_word("table");
            only_table(cursor).map(StatementKind::Truncate)
        }
        "comment" => comment(cursor),
        "show" => {
            cursor.skip();
            if !cursor.accept_word("tables") {
                return Err(cursor.unsupported("SHOW of anything but TABLES"));
            }
            Ok(StatementKind::ShowTables)
        }
        "describe" | "desc" => {
            cursor.skip();
            cursor.accept_word("table");
            only_table(cursor).map(StatementKind::Describe)
        }
        "explain" => explain(cursor),
        _ => Err(match refused::statement(cursor.peek()) {
            Some(name) => cursor.unsupported(&name),
            None => cursor.expected("a statement"),
        }),
    }
}

fn explain(cursor: &mut Cursor<'_>) -> Result<StatementKind> {
    cursor.skip();
    if cursor.accept_word("membership") {
        return membership(cursor);
    }
    let brackets = (0..).take_while(|ahead| *cursor.peek_at(*ahead) == Token::LParen);
    let inside = brackets.count();
    let is_select = cursor.is_word_at(inside, "select") || cursor.is_word_at(inside, "with");
    if inside > 0 && !is_select || cursor.is_word("verbose") {
        return Err(cursor.unsupported("options of EXPLAIN other than ANALYZE"));
    }
    let analyze = cursor.accept_word("analyze");
    let is_query = cursor.is_any_word(&["select", "with"]) || cursor.is(&Token::LParen);
    if !is_query && !cursor.is_any_word(&["update", "delete"]) {
        return Err(cursor.unsupported("EXPLAIN of anything but SELECT, UPDATE and DELETE"));
    }
    if analyze && !is_query {
        return Err(cursor.unsupported("EXPLAIN ANALYZE of anything but SELECT"));
    }
    let statement = Box::new(statement(cursor)?);
    Ok(StatementKind::Explain { analyze, statement })
}

/// `MEMBERSHIP OF key IN table WHERE condition`
fn membership(cursor: &mut Cursor<'_>) -> Result<StatementKind> {
    cursor.expect_word("of")?;
    let key = cursor.constant()?;
    cursor.expect_word("in")?;
    let table = only_table(cursor)?;
    cursor.expect_word("where")?;
    let predicate = cursor.read_expr()?;
    Ok(StatementKind::ExplainMembership(Box::new(Membership {
        key,
        table,
        predicate,
    })))
}

/// The name of a table without anything before it.
fn only_table(cursor: &mut Cursor<'_>) -> Result<Name> {
    let table = cursor.name("a table")?;
    if cursor.is(&Token::Period) {
        return Err(cursor.unsupported("a schema or database before a table"));
    }
    if cursor.is(&Token::Comma) {
        return Err(cursor.unsupported("several tables in one statement"));
    }
    Ok(table)
}

fn insert(cursor: &mut Cursor<'_>) -> Result<Insert> {
    cursor.skip();
    if cursor.is_word("or") || cursor.is_word("overwrite") {
        return Err(cursor.unsupported("INSERT OR ... and INSERT OVERWRITE"));
    }
    cursor.expect_word("into")?;
    let table = only_table(cursor)?;
    if !cursor.is(&Token::LParen) {
        let refused = cursor.is_any_word(&["select", "default", "with", "set"]);
        return Err(match refused {
            true => cursor.unsupported("INSERT other than with VALUES"),
            false => cursor.expected("the list of columns in brackets"),
        });
    }
    cursor.skip();
    let mut columns = vec![cursor.name("a column")?];
    while cursor.accept(&Token::Comma) {
        columns.push(cursor.name("a column")?);
    }
    cursor.expect(&Token::RParen)?;
    if cursor.is_word("select") || cursor.is_word("with") {
        return Err(cursor.unsupported("INSERT ... SELECT"));
    }
    let values = cursor.library(|parser| {
        parser.expect_keyword_is(Keyword::VALUES)?;
        parser.parse_values(false, false)
    })?;
    cursor.expect_word("values")?;
    let max = cursor.limits.insert_rows_max;
    Limits::check("insert_rows", values.rows.len().min(max + 1), max)
        .map_err(|error| error.at(cursor.at()))?;
    let mut rows = Vec::with_capacity(values.rows.len());
    for values in values.rows {
        if !rows.is_empty() {
            cursor.expect(&Token::Comma)?;
        }
        rows.push(row(cursor, values)?);
    }
    let ignore_existing = on_conflict(cursor)?;
    cursor.refuse_clause()?;
    Ok(Insert {
        table,
        columns,
        rows,
        ignore_existing,
    })
}

fn row(cursor: &mut Cursor<'_>, values: Parens<Vec<Tree>>) -> Result<(u32, Vec<Expr>)> {
    let at = cursor.at();
    cursor.expect(&Token::LParen)?;
    let values = cursor.list(values.content, |cursor, value| {
        match cursor.is_word("default") {
            true => Err(cursor.unsupported("DEFAULT")),
            false => cursor.expr(value),
        }
    })?;
    cursor.expect(&Token::RParen)?;
    Ok((at, values))
}

/// Whether ON CONFLICT DO NOTHING follows.
fn on_conflict(cursor: &mut Cursor<'_>) -> Result<bool> {
    if !cursor.is_word("on") {
        return Ok(false);
    }
    if cursor.accept_words(&["on", "conflict", "do", "nothing"]) {
        return Ok(true);
    }
    Err(match cursor.is_word_at(1, "duplicate") {
        true => cursor.unsupported("ON DUPLICATE KEY UPDATE; a plain INSERT upserts"),
        false => cursor.unsupported(
            "ON CONFLICT other than DO NOTHING without columns; a plain INSERT upserts",
        ),
    })
}

fn update(cursor: &mut Cursor<'_>) -> Result<Update> {
    cursor.skip();
    let table = only_table(cursor)?;
    if !cursor.is_word("set") {
        return Err(match cursor.is_word_at(1, "set") {
            true => cursor.unsupported("an alias of the table of an UPDATE"),
            false => cursor.expected("SET"),
        });
    }
    cursor.skip();
    let mut assignments = vec![assignment(cursor)?];
    while cursor.accept(&Token::Comma) {
        assignments.push(assignment(cursor)?);
    }
    if cursor.is_word("from") {
        return Err(cursor.unsupported("UPDATE ... FROM (joins)"));
    }
    let predicate = required_where(cursor, "UPDATE")?;
    Ok(Update {
        table,
        assignments,
        predicate,
    })
}

fn assignment(cursor: &mut Cursor<'_>) -> Result<Assignment> {
    if cursor.is(&Token::LParen) {
        return Err(cursor.unsupported("SET (a, b) = (...)"));
    }
    let column = cursor.name("a column")?;
    let element = match cursor.accept(&Token::LBracket) {
        true => {
            let key = cursor.read_expr()?;
            cursor.expect(&Token::RBracket)?;
            Some(key)
        }
        false => None,
    };
    cursor.expect(&Token::Eq)?;
    if cursor.is_word("default") {
        return Err(cursor.unsupported("DEFAULT"));
    }
    Ok(Assignment {
        column,
        element,
        value: cursor.read_expr()?,
    })
}

fn delete(cursor: &mut Cursor<'_>) -> Result<Delete> {
    cursor.skip();
    cursor.expect_word("from")?;
    let table = only_table(cursor)?;
    Ok(Delete {
        table,
        predicate: required_where(cursor, "DELETE")?,
    })
}

fn required_where(cursor: &mut Cursor<'_>, statement: &str) -> Result<Expr> {
    if !cursor.accept_word("where") {
        cursor.refuse_clause()?;
        return Err(match cursor.peek() {
            Token::EOF | Token::SemiColon => cursor.unsupported(&format!(
                "{statement} without WHERE; write WHERE TRUE to reach every subject"
            )),
            _ => cursor.expected("WHERE"),
        });
    }
    let predicate = cursor.read_expr()?;
    cursor.refuse_clause()?;
    if cursor.is_word("limit") || cursor.is_word("order") {
        return Err(cursor.unsupported(&format!("ORDER BY and LIMIT in {statement}")));
    }
    Ok(predicate)
}

fn create(cursor: &mut Cursor<'_>) -> Result<StatementKind> {
    let start = cursor.at();
    cursor.skip();
    if !cursor.accept_word("table") {
        let Some(what) = cursor.word().map(str::to_ascii_uppercase) else {
            return Err(cursor.expected("TABLE"));
        };
        return Err(Error::unsupported(format!("CREATE {what}")).at(start));
    }
    let if_not_exists = cursor.accept_words(&["if", "not", "exists"]);
    let table = only_table(cursor)?;
    if cursor.is_word("as") || cursor.is_word("like") {
        return Err(cursor.unsupported("CREATE TABLE from another table or query"));
    }
    cursor.expect(&Token::LParen)?;
    let mut columns = vec![key_column(cursor)?];
    while cursor.accept(&Token::Comma) {
        columns.push(column(cursor)?);
        Limits::check(
            "list_elements",
            columns.len(),
            cursor.limits.list_elements_max,
        )?;
    }
    cursor.expect(&Token::RParen)?;
    let partitions = match cursor.accept_word("with") {
        true => partitions(cursor)?,
        false => 1,
    };
    if cursor.is_word("comment") {
        return Err(cursor.unsupported("a comment of a table"));
    }
    for word in [
        "engine",
        "partition",
        "distributed",
        "tablespace",
        "inherits",
        "order",
    ] {
        if cursor.is_word(word) {
            let detail = format!("{} in CREATE TABLE", word.to_ascii_uppercase());
            return Err(cursor.unsupported(&detail));
        }
    }
    Ok(StatementKind::CreateTable(CreateTable {
        table,
        if_not_exists,
        columns,
        partitions,
    }))
}

/// The first column: `user_id KEYWORD PRIMARY KEY [COMMENT '...']`.
fn key_column(cursor: &mut Cursor<'_>) -> Result<ColumnDef> {
    let name = cursor.name("the key column")?;
    let kind_at = cursor.at();
    let kind = types::tag_type(cursor)?;
    if !cursor.accept_words(&["primary", "key"]) {
        return Err(cursor.expected("PRIMARY KEY, since the first column is the key"));
    }
    let comment = column_comment(cursor)?;
    refuse_constraint(cursor)?;
    Ok(ColumnDef {
        name,
        kind,
        kind_at,
        comment,
    })
}

fn column(cursor: &mut Cursor<'_>) -> Result<ColumnDef> {
    for word in [
        "primary",
        "constraint",
        "unique",
        "foreign",
        "check",
        "index",
        "key",
    ] {
        let table_constraint = cursor.is_word_at(1, "key") || *cursor.peek_at(1) == Token::LParen;
        if cursor.is_word(word) && (table_constraint || word == "constraint") {
            return Err(cursor
                .unsupported("a table constraint; PRIMARY KEY stands behind the first column"));
        }
    }
    let name = cursor.name("a column")?;
    let kind_at = cursor.at();
    let kind = types::tag_type(cursor)?;
    let comment = column_comment(cursor)?;
    refuse_constraint(cursor)?;
    Ok(ColumnDef {
        name,
        kind,
        kind_at,
        comment,
    })
}

fn column_comment(cursor: &mut Cursor<'_>) -> Result<String> {
    match cursor.accept_word("comment") {
        true => cursor.text("the comment as a string"),
        false => Ok(String::new()),
    }
}

fn refuse_constraint(cursor: &Cursor<'_>) -> Result<()> {
    for (word, name) in [
        ("not", "NOT NULL"),
        ("null", "NULL as a constraint"),
        ("default", "DEFAULT"),
        ("unique", "UNIQUE"),
        ("primary", "PRIMARY KEY of another column than the first"),
        ("references", "REFERENCES"),
        ("check", "CHECK"),
        ("generated", "a generated column"),
        ("auto_increment", "AUTO_INCREMENT"),
        ("collate", "COLLATE"),
        ("codec", "CODEC"),
    ] {
        if cursor.is_word(word) {
            return Err(cursor.unsupported(name));
        }
    }
    Ok(())
}

/// `(partitions = 4)` behind WITH.
fn partitions(cursor: &mut Cursor<'_>) -> Result<u16> {
    cursor.expect(&Token::LParen)?;
    if !cursor.accept_word("partitions") {
        return Err(cursor.unsupported("an option of CREATE TABLE other than partitions"));
    }
    cursor.expect(&Token::Eq)?;
    let at = cursor.at();
    let number = cursor.number("the number of partitions")?;
    cursor.expect(&Token::RParen)?;
    number
        .parse()
        .ok()
        .filter(|partitions: &u16| partitions.is_power_of_two())
        .ok_or_else(|| {
            let detail = format!("the number of partitions must be a power of two, not {number}");
            Error::new("bad_parameter", detail).at(at)
        })
}

fn alter(cursor: &mut Cursor<'_>) -> Result<StatementKind> {
    let start = cursor.at();
    cursor.skip();
    if !cursor.accept_word("table") {
        return Err(Error::unsupported("ALTER of anything but a TABLE").at(start));
    }
    let table = only_table(cursor)?;
    let action = cursor.at();
    let statement = if cursor.accept_word("add") {
        cursor.accept_word("column");
        StatementKind::AddColumn {
            table,
            if_not_exists: cursor.accept_words(&["if", "not", "exists"]),
            column: column(cursor)?,
        }
    } else if cursor.accept_word("drop") {
        cursor.accept_word("column");
        StatementKind::DropColumn {
            table,
            if_exists: cursor.accept_words(&["if", "exists"]),
            column: cursor.name("a column")?,
        }
    } else if cursor.accept_word("rename") {
        if cursor.is_word("to") {
            return Err(cursor.unsupported("RENAME of a table"));
        }
        cursor.accept_word("column");
        let from = cursor.name("a column")?;
        cursor.expect_word("to")?;
        let to = cursor.name("a column")?;
        StatementKind::RenameColumn { table, from, to }
    } else {
        let detail = "ALTER TABLE other than ADD COLUMN, DROP COLUMN and RENAME COLUMN";
        return Err(Error::unsupported(detail).at(action));
    };
    if cursor.is(&Token::Comma) {
        return Err(cursor.unsupported("several changes in one ALTER TABLE"));
    }
    Ok(statement)
}

fn drop_table(cursor: &mut Cursor<'_>) -> Result<StatementKind> {
    let start = cursor.at();
    cursor.skip();
    if !cursor.accept_word("table") {
        return Err(Error::unsupported("DROP of anything but a TABLE").at(start));
    }
    let if_exists = cursor.accept_words(&["if", "exists"]);
    let table = only_table(cursor)?;
    if cursor.is_word("cascade") || cursor.is_word("restrict") {
        return Err(cursor.unsupported("CASCADE and RESTRICT"));
    }
    Ok(StatementKind::DropTable { table, if_exists })
}

fn comment(cursor: &mut Cursor<'_>) -> Result<StatementKind> {
    cursor.skip();
    cursor.expect_word("on")?;
    if !cursor.accept_word("column") {
        return Err(cursor.unsupported("COMMENT ON anything but a COLUMN"));
    }
    let table = cursor.name("a table")?;
    cursor.expect(&Token::Period)?;
    let column = cursor.name("a column")?;
    cursor.expect_word("is")?;
    let comment = match cursor.accept_word("null") {
        true => String::new(),
        false => cursor.text("the comment as a string")?,
    };
    Ok(StatementKind::Comment {
        table,
        column,
        comment,
    })
}
