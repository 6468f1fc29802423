//! From characters to tokens, and what is refused by looking at tokens alone.
//!
//! The library's tokenizer knows the literals of all systems; those of this dialect are let
//! through. Brackets are counted before anything follows them.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::dialect::{self, TagDialect};

/// The bytes that a token takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The tokens of a text without blanks and comments.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<TokenWithSpan>,
    pub(crate) places: Vec<Place>,
    /// Words, operators and brackets; elements of lists are counted as such.
    pub(crate) counted: usize,
    /// The most brackets, CASE and signs inside each other.
    pub(crate) depth: usize,
}

impl Tokens {
    /// Whether the caller's stack is enough to read them; so it is for nearly all statements.
    pub(crate) const fn is_small(&self) -> bool {
        self.counted <= 256 && self.depth <= 8
    }
}

/// Splits a text, which has to be shorter than 4 GiB.
///
/// # Errors
/// `syntax_error` for an unknown character and for what does not end; `unsupported` for other
/// kinds of literals; `limit_exceeded` for too many or too deeply nested tokens.
pub(crate) fn scan(text: &str, limits: &Limits) -> Result<Tokens> {
    let mut all = Vec::new();
    let outcome = Tokenizer::new(&TagDialect, text).tokenize_with_location_into_buf(&mut all);
    let mut found = Tokens::default();
    let mut reader = Reader::new(text);
    for mut token in all {
        let place = reader.pass(token.span.end);
        if matches!(token.token, Token::Whitespace(_)) {
            continue;
        }
        check_literal(text, &token.token, place, &found).map_err(|error| error.at(place.start))?;
        dialect::hide_keyword(&mut token.token);
        found.counted += usize::from(is_counted(&token.token));
        found.tokens.push(token);
        found.places.push(place);
    }
    if let Err(error) = outcome {
        return Err(not_ended(text, reader.at(), &error.message));
    }
    Limits::check("tokens", found.counted, limits.tokens_max)?;
    found.depth = nesting(&found, limits)?;
    Ok(found)
}

fn is_counted(token: &Token) -> bool {
    !matches!(
        token,
        Token::Comma | Token::Number(..) | Token::SingleQuotedString(_)
    )
}

/// Follows the library's lines and columns through the bytes of the text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    location: Location,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let location = Location { line: 1, column: 1 };
        Self {
            text,
            at: 0,
            location,
        }
    }

    fn at(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    /// Goes on to `end` and gives the bytes passed.
    fn pass(&mut self, end: Location) -> Place {
        let start = self.at();
        for character in self.text[self.at..].chars() {
            if self.location >= end {
                break;
            }
            self.at += character.len_utf8();
            if character == '\n' {
                self.location = Location {
                    line: self.location.line + 1,
                    column: 1,
                };
            } else {
                self.location.column += 1;
            }
        }
        Place {
            start,
            end: self.at(),
        }
    }
}

/// Refuses what is no token of this dialect.
fn check_literal(text: &str, token: &Token, place: Place, before: &Tokens) -> Result<()> {
    let written = &text[place.start as usize..place.end as usize];
    match token {
        Token::Word(_) | Token::Placeholder(_) if follows_number(place, before) => {
            let start = before.places.last().map_or(place.start, |last| last.start);
            Err(not_a_number(&text[start as usize..place.end as usize]).at(start))
        }
        Token::Word(_) | Token::SingleQuotedString(_) | Token::Number(_, false) => Ok(()),
        Token::Placeholder(name) => check_parameter(name),
        Token::Number(_, true) => Err(not_a_number(written)),
        Token::HexStringLiteral(_) if !written.ends_with('\'') => Err(not_a_number(written)),
        Token::Char(character) => Err(unknown_character(*character)),
        Token::Backslash => Err(unknown_character('\\')),
        Token::DollarQuotedString(_) => Err(Error::unsupported("a string in $$")),
        Token::EscapedStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DoubleQuotedRawStringLiteral(_) => {
            let prefix = &written[..1];
            let feature = format!("a string of the form {prefix}'...'");
            Err(Error::unsupported(feature))
        }
        _ => Ok(()),
    }
}

fn follows_number(place: Place, before: &Tokens) -> bool {
    let number =
        matches!(before.tokens.last(), Some(last) if matches!(last.token, Token::Number(..)));
    number
        && before
            .places
            .last()
            .is_some_and(|last| last.end == place.start)
}

fn not_a_number(written: &str) -> Error {
    let shown = crate::literal::shown(written);
    Error::syntax(format!("{shown} is neither a number nor a name"))
}

fn check_parameter(name: &str) -> Result<()> {
    let numbered = name
        .strip_prefix('$')
        .and_then(|number| number.parse().ok())
        .is_some_and(|number: u16| number > 0);
    if numbered || name == "?" {
        return Ok(());
    }
    if name == "$" {
        return Err(Error::syntax("a parameter is written $1 to $65535, or ?"));
    }
    let shown = crate::literal::shown(name);
    let detail = format!("{shown} is no parameter; they are written $1 to $65535, or ?");
    Err(Error::syntax(detail))
}

fn unknown_character(character: char) -> Error {
    if character == '`' {
        return Error::unsupported("a name in backticks; write it in double quotes");
    }
    if character.is_alphabetic() {
        return Error::syntax(format!(
            "unexpected {character:?}; names with letters beyond a-z go in double quotes"
        ));
    }
    Error::syntax(format!("unexpected character {character:?}"))
}

/// The tokenizer stopped at `at`.
fn not_ended(text: &str, at: u32, message: &str) -> Error {
    let rest = text.get(at as usize..).unwrap_or_default();
    let error = match rest.chars().next() {
        Some('/') => Error::syntax("the comment does not end"),
        Some(quote @ ('\'' | '"')) => Error::syntax(format!("the text after {quote} does not end")),
        Some('$') => Error::unsupported("a string in $$"),
        _ => Error::syntax(message.to_lowercase()),
    };
    error.at(at)
}

/// Counts brackets, CASE, lambdas and signs inside each other, so that nothing follows them too
/// far.
fn nesting(found: &Tokens, limits: &Limits) -> Result<usize> {
    // How deep it was before each bracket that is open.
    let mut open: Vec<usize> = Vec::new();
    let (mut depth, mut prefixes, mut deepest) = (0_usize, 0_usize, 0);
    for (token, place) in found.tokens.iter().zip(&found.places) {
        let keyword = match &token.token {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        match (&token.token, keyword) {
            (Token::Minus | Token::Plus, _) | (_, Keyword::NOT) => prefixes += 1,
            _ => prefixes = 0,
        }
        match (&token.token, keyword) {
            (Token::LParen | Token::LBracket | Token::LBrace, _) | (_, Keyword::CASE) => {
                open.push(depth);
                depth += 1;
            }
            (Token::RParen | Token::RBracket | Token::RBrace, _) | (_, Keyword::END) => {
                depth = open.pop().unwrap_or(0);
            }
            // A lambda goes on to the end of its bracket.
            (Token::Arrow, _) => depth += 1,
            (Token::SemiColon, _) => {
                depth = 0;
                open.clear();
            }
            _ => {}
        }
        deepest = deepest.max(depth + prefixes);
        Limits::check("nesting_depth", deepest, limits.nesting_depth_max)
            .map_err(|error| error.at(place.start))?;
    }
    Ok(deepest)
}
