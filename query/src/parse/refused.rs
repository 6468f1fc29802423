//! Words of SQL that are no names here, and what is refused by its name.

use sqlparser::tokenizer::Token;

use crate::parse::cursor::unquoted;
use crate::parse::expr;

/// Words that cannot be names unless they are quoted.
#[rustfmt::skip]
pub const RESERVED: &[&str] = &[
    "all", "and", "any", "as", "asc", "between", "by", "case", "cast", "create", "cross", "desc",
    "distinct", "else", "end", "except", "exists", "false", "fetch", "for", "from", "full", "group",
    "having", "ilike", "in", "inner", "intersect", "into", "is", "join", "left", "like", "limit",
    "natural", "not", "null", "offset", "on", "or", "order", "prewhere", "primary", "qualify",
    "returning", "right", "select", "some", "table", "tablesample", "then", "true", "union",
    "using", "when", "where", "window", "with",
];

/// Statements that other systems have, by their first word.
#[rustfmt::skip]
const STATEMENTS: &[&str] = &[
    "analyze", "attach", "begin", "call", "checkpoint", "close", "cluster", "commit", "copy",
    "declare", "detach", "discard", "do", "end", "execute", "export", "fetch", "grant", "import",
    "kill", "listen", "load", "lock", "merge", "notify", "optimize", "pivot", "prepare", "refresh",
    "reindex", "rename", "replace", "reset", "revoke", "rollback", "savepoint", "set", "start",
    "use", "vacuum",
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
    ("minus", "MINUS; write EXCEPT"),
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

/// Operators of other systems that are words.
const OPERATORS: &[(&str, &str)] = &[
    ("similar", "SIMILAR TO"),
    ("regexp", "REGEXP"),
    ("rlike", "RLIKE"),
    ("glob", "GLOB"),
    ("isnull", "ISNULL; write IS NULL"),
    ("notnull", "NOTNULL; write IS NOT NULL"),
    ("collate", "COLLATE; strings compare by bytes"),
    ("at", "AT TIME ZONE; set time_zone of the request"),
];

/// What `= ANY` is not.
pub(crate) const QUANTIFIED: &str = "ALL, and ANY behind an operator other than =";

/// The name of a statement of other systems that starts with this token.
pub(crate) fn statement(token: &Token) -> Option<String> {
    let word = unquoted(token)?;
    let known = STATEMENTS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known));
    known.then(|| word.to_ascii_uppercase())
}

/// The name of a clause of other systems that starts with this token.
pub(crate) fn clause(token: &Token) -> Option<String> {
    named(CLAUSES, unquoted(token)?)
}

/// The name of an operator of other systems.
pub(crate) fn operator(token: &Token) -> Option<String> {
    let name = match token {
        Token::DoubleEq => "==; write =",
        Token::Spaceship => "<=>; write IS NOT DISTINCT FROM",
        Token::StringConcat => "||; write concat(a, b)",
        Token::Arrow => "-> (lambdas outside of any_key, and JSON)",
        Token::ArrowAt => "<@; write b @> a",
        Token::Comma
        | Token::SemiColon
        | Token::LParen
        | Token::RParen
        | Token::LBracket
        | Token::RBracket
        | Token::LBrace
        | Token::RBrace
        | Token::Period
        | Token::Colon
        | Token::DoubleColon
        | Token::SingleQuotedString(_)
        | Token::Number(..)
        | Token::Placeholder(_)
        | Token::EOF => return None,
        Token::Word(_) => return named(OPERATORS, unquoted(token)?),
        symbol if expr::operator(symbol).is_some() => return None,
        symbol => return Some(format!("the operator {symbol}")),
    };
    Some(format!("the operator {name}"))
}

/// What is left out of the dialect where the library stopped between two tokens.
pub(crate) fn between(before: &Token, token: &Token) -> Option<&'static str> {
    let follows = |word: &str| unquoted(before).is_some_and(|w| w.eq_ignore_ascii_case(word));
    match token {
        Token::Placeholder(_) if follows("in") => Some("IN with one parameter; write = ANY($1)"),
        _ if follows("symmetric") => Some("BETWEEN SYMMETRIC"),
        // In the list of SELECT an operator of one word is an alias at first.
        _ => OPERATORS
            .iter()
            .find(|(word, _)| follows(word))
            .map(|(_, name)| *name),
    }
}

fn named(table: &[(&str, &str)], word: &str) -> Option<String> {
    let known = table
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known));
    known.map(|(_, name)| (*name).to_owned())
}
