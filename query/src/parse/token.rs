//! From characters to tokens.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind<'a> {
    /// An unquoted word: a keyword or a name.
    Word(&'a str),
    /// A name in double quotes.
    Quoted(Cow<'a, str>),
    /// A string in single quotes.
    Text(Cow<'a, str>),
    /// A number without sign, as written.
    Number(&'a str),
    /// `?`
    Question,
    /// `$1`, counted from 1.
    Dollar(usize),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// A token and the bytes it takes.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind<'a>,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// All symbols, the longer ones first. Those that the grammar does not know are here to be refused
/// by their name.
const SYMBOLS: [&str; 49] = [
    "<=>", "->>", "#>>", "!~*", "||", "&&", "@>", "<@", "->", "=>", "::", ":=", "<=", ">=", "<>",
    "!=", "==", "<<", ">>", "//", "~*", "!~", "#>", "@@", "**", "(", ")", "[", "]", "{", "}", ",",
    ";", ".", ":", "=", "<", ">", "+", "-", "*", "/", "%", "|", "&", "^", "~", "#", "@",
];

/// Splits a text into tokens; the last one is [`TokenKind::End`]. The text has to be shorter than
/// 4 GiB.
///
/// # Errors
/// `syntax_error` for an unknown character and for what does not end; `unsupported` for other
/// kinds of literals.
pub(crate) fn tokenize(text: &str) -> Result<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blanks(text, at)?;
        let (kind, end) = match text.as_bytes().get(at) {
            None => (TokenKind::End, at),
            Some(first) => one(text, at, *first).map_err(|error| error.at(offset(at)))?,
        };
        let last = kind == TokenKind::End;
        tokens.push(Token {
            kind,
            start: offset(at),
            end: offset(end),
        });
        if last {
            return Ok(tokens);
        }
        at = end;
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The first byte from `at` that is neither blank nor comment.
fn skip_blanks(text: &str, mut at: usize) -> Result<usize> {
    let bytes = text.as_bytes();
    loop {
        match bytes.get(at..).unwrap_or_default() {
            [b' ' | b'\t' | b'\n' | b'\r' | 0x0c, ..] => at += 1,
            [b'-', b'-', rest @ ..] => {
                let length = rest.iter().position(|b| *b == b'\n');
                at += 2 + length.unwrap_or(rest.len());
            }
            [b'/', b'*', ..] => at = skip_comment(bytes, at)?,
            _ => return Ok(at),
        }
    }
}

/// The byte after a comment, which may contain other comments.
fn skip_comment(bytes: &[u8], start: usize) -> Result<usize> {
    let (mut at, mut depth) = (start + 2, 1_usize);
    while depth > 0 {
        match bytes.get(at..).unwrap_or_default() {
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [_, ..] => at += 1,
            [] => return Err(Error::syntax("the comment does not end").at(offset(start))),
        }
    }
    Ok(at)
}

fn one(text: &str, at: usize, first: u8) -> Result<(TokenKind<'_>, usize)> {
    let rest = &text[at..];
    let second = rest.as_bytes().get(1).copied().unwrap_or(b' ');
    match first {
        b'\'' => quoted(rest, '\'').map(|(text, len)| (TokenKind::Text(text), at + len)),
        b'"' => quoted(rest, '"').map(|(name, len)| (TokenKind::Quoted(name), at + len)),
        b'0'..=b'9' => number(rest).map(|len| (TokenKind::Number(&rest[..len]), at + len)),
        b'.' if second.is_ascii_digit() => {
            number(rest).map(|len| (TokenKind::Number(&rest[..len]), at + len))
        }
        b'?' => Ok((TokenKind::Question, at + 1)),
        b'$' if second == b'$' => Err(Error::unsupported("a string in $$")),
        b'$' => {
            let len = 1 + count(&rest[1..], |b| b.is_ascii_digit());
            match rest[1..len].parse() {
                Ok(index @ 1..=65_535) => Ok((TokenKind::Dollar(index), at + len)),
                _ => Err(Error::syntax("a parameter is written $1 to $65535, or ?")),
            }
        }
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
            let len = count(rest, |b| {
                b.is_ascii_alphanumeric() || b == b'_' || b == b'$'
            });
            if rest[len..].starts_with('\'') {
                let prefix = &rest[..len];
                if ["e", "x", "b", "n"]
                    .iter()
                    .any(|p| prefix.eq_ignore_ascii_case(p))
                {
                    return Err(Error::unsupported(format!(
                        "a string of the form {prefix}'...'"
                    )));
                }
            }
            Ok((TokenKind::Word(&rest[..len]), at + len))
        }
        b'`' => Err(Error::unsupported(
            "a name in backticks; write it in double quotes",
        )),
        _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => Ok((TokenKind::Symbol(symbol), at + symbol.len())),
            None => Err(unknown_character(rest)),
        },
    }
}

fn unknown_character(rest: &str) -> Error {
    let character = rest.chars().next().unwrap_or(' ');
    if character.is_alphabetic() {
        return Error::syntax(format!(
            "unexpected {character:?}; names with letters beyond a-z go in double quotes"
        ));
    }
    Error::syntax(format!("unexpected character {character:?}"))
}

fn count(text: &str, test: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|b| test(*b)).count()
}

/// The content of a quoted text, in which a doubled quote is one, and the bytes it takes.
fn quoted(text: &str, quote: char) -> Result<(Cow<'_, str>, usize)> {
    let mut end = 1;
    let mut doubled = false;
    while let Some(length) = text[end..].find(quote) {
        end += length + 1;
        if !text[end..].starts_with(quote) {
            let inner = &text[1..end - 1];
            let content = if doubled {
                let (two, one) = (format!("{quote}{quote}"), quote.to_string());
                Cow::Owned(inner.replace(&two, &one))
            } else {
                Cow::Borrowed(inner)
            };
            return Ok((content, end));
        }
        doubled = true;
        end += 1;
    }
    Err(Error::syntax(format!(
        "the text after {quote} does not end"
    )))
}

/// The bytes of `digits[.digits][e[+-]digits]`.
fn number(text: &str) -> Result<usize> {
    let is_digit = |b: u8| b.is_ascii_digit();
    let mut len = count(text, is_digit);
    if text[len..].starts_with('.') {
        len += 1;
        len += count(&text[len..], is_digit);
    }
    if text[len..].starts_with(['e', 'E']) {
        let sign = usize::from(text[len + 1..].starts_with(['+', '-']));
        let digits = count(&text[len + 1 + sign..], is_digit);
        if digits > 0 {
            len += 1 + sign + digits;
        }
    }
    let next = text[len..].chars().next().unwrap_or(' ');
    if next.is_alphanumeric() || next == '_' {
        let end = text[len..].find(|c: char| !c.is_alphanumeric() && c != '_');
        let word = &text[..end.map_or(text.len(), |end| len + end)];
        let word = crate::literal::shown(word);
        return Err(Error::syntax(format!(
            "{word} is neither a number nor a name"
        )));
    }
    Ok(len)
}
