//! Words of SQL that are no names here, and what is refused by its name.

use crate::parse::cursor::Cursor;
use crate::parse::token::TokenKind;

/// Words that cannot be names unless they are quoted.
pub(crate) const RESERVED: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "create",
    "cross",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "from",
    "full",
    "group",
    "having",
    "ilike",
    "in",
    "inner",
    "intersect",
    "into",
    "is",
    "join",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "prewhere",
    "primary",
    "qualify",
    "right",
    "select",
    "some",
    "table",
    "tablesample",
    "then",
    "true",
    "union",
    "using",
    "when",
    "where",
    "window",
    "with",
    "returning",
];

/// Statements that other systems have, by their first word.
const STATEMENTS: &[&str] = &[
    "analyze",
    "attach",
    "begin",
    "call",
    "checkpoint",
    "close",
    "cluster",
    "commit",
    "copy",
    "declare",
    "detach",
    "discard",
    "do",
    "end",
    "execute",
    "export",
    "fetch",
    "grant",
    "import",
    "kill",
    "listen",
    "load",
    "lock",
    "merge",
    "notify",
    "optimize",
    "pivot",
    "prepare",
    "refresh",
    "reindex",
    "rename",
    "replace",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "set",
    "start",
    "use",
    "vacuum",
];

/// What may follow FROM in other systems, by its first word.
const CLAUSES: &[(&str, &str)] = &[
    ("join", "JOIN"),
    ("inner", "JOIN"),
    ("left", "JOIN"),
    ("right", "JOIN"),
    ("full", "JOIN"),
    ("cross", "JOIN"),
    ("natural", "JOIN"),
    ("lateral", "LATERAL"),
    ("asof", "JOIN"),
    ("union", "UNION"),
    ("intersect", "INTERSECT"),
    ("except", "EXCEPT"),
    ("tablesample", "TABLESAMPLE"),
    ("sample", "SAMPLE"),
    ("final", "FINAL"),
    ("prewhere", "PREWHERE"),
    ("qualify", "QUALIFY"),
    ("window", "WINDOW"),
    ("fetch", "FETCH FIRST; write LIMIT"),
    ("for", "FOR UPDATE"),
    ("into", "SELECT INTO"),
    ("settings", "SETTINGS"),
    ("format", "FORMAT"),
    ("returning", "RETURNING"),
    ("using", "USING"),
    ("pivot", "PIVOT"),
    ("unpivot", "UNPIVOT"),
];

/// The name of a statement of other systems that starts here.
pub(crate) fn statement(cursor: &Cursor<'_>) -> Option<String> {
    let TokenKind::Word(word) = cursor.peek() else {
        return None;
    };
    let known = STATEMENTS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known));
    known.then(|| word.to_ascii_uppercase())
}

/// The name of a clause of other systems that starts here.
pub(crate) fn clause(cursor: &Cursor<'_>) -> Option<&'static str> {
    let TokenKind::Word(word) = cursor.peek() else {
        return None;
    };
    let known = CLAUSES
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known));
    known.map(|(_, name)| *name)
}

/// Whether a word starts a clause, so that it is no alias.
pub(crate) fn starts_clause(word: &str) -> bool {
    CLAUSES
        .iter()
        .any(|(known, _)| word.eq_ignore_ascii_case(known))
}
