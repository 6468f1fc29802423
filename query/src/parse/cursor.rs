//! A place among the tokens of a text, and what every part of the grammar needs of it.
//!
//! The library reads ahead and gives a tree; the tree is taken apart with a second cursor over the
//! same tokens. So every node has an exact place, and syntax that nobody took from the tree is
//! found as a token too many.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::literal::shown;
use crate::parse::ast::{Expr, ExprKind, Name};
use crate::parse::dialect::{TagDialect, is_reserved};
use crate::parse::refused;
use crate::parse::scan::{Place, Tokens};

/// Bytes of a name.
const NAME_BYTES_MAX: usize = tagdb_storage::limits::NAME_BYTES_MAX;

/// How deep the library may call itself: more than any nesting of brackets that is allowed needs.
const RECURSION_MAX: usize = 1_000;

/// Reads tokens from left to right.
pub(crate) struct Cursor<'a> {
    parser: Parser<'a>,
    places: Vec<Place>,
    next: usize,
    pub(crate) limits: &'a Limits,
    /// `?` seen so far in the statement.
    questions: usize,
    dollars: bool,
}

impl<'a> Cursor<'a> {
    /// Before the first token of a text of so many bytes.
    pub(crate) fn new(found: Tokens, text_bytes: usize, limits: &'a Limits) -> Self {
        let end = u32::try_from(text_bytes).unwrap_or(u32::MAX);
        let Tokens {
            mut tokens,
            mut places,
            ..
        } = found;
        // The library cannot tell "before the first token" from "behind it", so the first one is
        // nobody's.
        tokens.insert(0, TokenWithSpan::wrap(Token::SemiColon));
        places.insert(0, Place { start: 0, end: 0 });
        places.push(Place { start: end, end });
        let mut parser = Parser::new(&TagDialect)
            .with_recursion_limit(RECURSION_MAX)
            .with_tokens_with_locations(tokens);
        parser.advance_token();
        Self {
            parser,
            places,
            next: 1,
            limits,
            questions: 0,
            dollars: false,
        }
    }

    /// Parameters are counted anew.
    pub(crate) fn begin_statement(&mut self) {
        (self.questions, self.dollars) = (0, false);
    }

    /// Lets the library read what starts at the next token, which is not passed.
    pub(crate) fn library<T>(
        &mut self,
        read: impl FnOnce(&mut Parser<'a>) -> Result<T, ParserError>,
    ) -> Result<T> {
        while self.parser.get_current_index() + 1 > self.next {
            self.parser.prev_token();
        }
        while self.parser.get_current_index() + 1 < self.next {
            self.parser.advance_token();
        }
        read(&mut self.parser).map_err(|error| self.library_error(&error))
    }

    /// Reads an expression.
    pub(crate) fn read_expr(&mut self) -> Result<Expr> {
        let tree = self.library(Parser::parse_expr)?;
        self.expr(tree)
    }

    /// The token `ahead` places on.
    pub(crate) fn peek_at(&self, ahead: usize) -> &Token {
        &self.parser.token_at(self.next + ahead).token
    }

    /// The next token.
    pub(crate) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    /// Whether no token is left.
    pub(crate) fn is_end(&self) -> bool {
        *self.peek() == Token::EOF
    }

    /// Passes over the next token; the end is never passed.
    pub(crate) fn skip(&mut self) {
        self.next = (self.next + 1).min(self.places.len() - 1);
    }

    /// The byte at which the next token starts.
    pub(crate) fn at(&self) -> u32 {
        self.places[self.next].start
    }

    /// The byte after the last token that was passed.
    pub(crate) fn end_of_last(&self) -> u32 {
        self.places[self.next - 1].end
    }

    /// The unquoted word that is next.
    pub(crate) fn word(&self) -> Option<&str> {
        unquoted(self.peek())
    }

    /// Whether the next token is this keyword.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    /// Whether the token `ahead` places on is this keyword.
    pub(crate) fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        unquoted(self.peek_at(ahead)).is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    /// Whether the next token is one of these keywords.
    pub(crate) fn is_any_word(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    /// Passes over a keyword if it is next.
    pub(crate) fn accept_word(&mut self, word: &str) -> bool {
        self.accept_words(&[word])
    }

    /// Passes over some keywords if all of them are next.
    pub(crate) fn accept_words(&mut self, words: &[&str]) -> bool {
        let found = (0..words.len()).all(|ahead| self.is_word_at(ahead, words[ahead]));
        if found {
            self.next += words.len();
        }
        found
    }

    /// Passes over a keyword.
    pub(crate) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.accept_word(word) {
            return Ok(());
        }
        Err(self.expected(&word.to_ascii_uppercase()))
    }

    /// Whether the next token is this symbol.
    pub(crate) fn is(&self, symbol: &Token) -> bool {
        self.peek() == symbol
    }

    /// Passes over a symbol if it is next.
    pub(crate) fn accept(&mut self, symbol: &Token) -> bool {
        let found = self.is(symbol);
        if found {
            self.skip();
        }
        found
    }

    /// Passes over a symbol.
    pub(crate) fn expect(&mut self, symbol: &Token) -> Result<()> {
        if self.accept(symbol) {
            return Ok(());
        }
        Err(self.expected(&format!("\"{symbol}\"")))
    }

    /// The error that something else should stand here; what is known of other systems is named.
    pub(crate) fn expected(&self, what: &str) -> Error {
        let found = match self.peek() {
            Token::Word(word) => match word.quote_style {
                Some(_) => format!("the name {:?}", shown(&word.value)),
                None => format!("{:?}", shown(&word.value)),
            },
            Token::SingleQuotedString(text) => format!("the string '{}'", shown(text)),
            Token::Number(number, _) => format!("the number {}", shown(number)),
            Token::Placeholder(_) => "a parameter".to_owned(),
            Token::EOF => "the end".to_owned(),
            symbol => format!("\"{symbol}\""),
        };
        Error::syntax(format!("expected {what}, found {found}")).at(self.at())
    }

    /// As [`Self::expected`], where a name could stand.
    fn expected_name(&self, what: &str) -> Error {
        let Some(word) = self.word().filter(|_| is_reserved(self.peek())) else {
            return self.expected(what);
        };
        let name = word.to_ascii_lowercase();
        Error::syntax(format!(
            "expected {what}, found the keyword {word}; a column of that name is written \
             \"{name}\""
        ))
        .at(self.at())
    }

    /// The error that what stands here is left out of the dialect.
    pub(crate) fn unsupported(&self, feature: &str) -> Error {
        Error::unsupported(feature).at(self.at())
    }

    /// The error of what stands here although nothing more is expected.
    pub(crate) fn left_over(&self, what: &str) -> Error {
        let named = refused::clause(self.peek()).or_else(|| refused::operator(self.peek()));
        let before = &self.parser.token_at(self.next.saturating_sub(1)).token;
        match named.or_else(|| refused::between(before, self.peek()).map(str::to_owned)) {
            Some(feature) => self.unsupported(&feature),
            None => self.expected(what),
        }
    }

    /// The library's error in our words, at the token where it stopped; there the cursor stays.
    fn library_error(&mut self, error: &ParserError) -> Error {
        let text = match error {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => text,
            ParserError::RecursionLimitExceeded => {
                let value = self.limits.nesting_depth_max as u64 + 1;
                let max = self.limits.nesting_depth_max as u64;
                return Error::limit_exceeded("nesting_depth", value, max).at(self.at());
            }
        };
        let (sentence, location) = split_location(text);
        let is_there = |at: &usize| self.parser.token_at(*at).span.start == location;
        let end = self.places.len() - 1;
        let stopped = match sentence.ends_with("found: EOF") {
            true => end,
            false => end.min(self.parser.get_current_index() + 1),
        };
        self.next = (1..end).find(is_there).unwrap_or(stopped);
        if let Some(error) = self.query_error() {
            return error;
        }
        let before = &self.parser.token_at(self.next - 1).token;
        if let Some(feature) = refused::between(before, self.peek()) {
            return self.unsupported(feature);
        }
        let expected = sentence
            .strip_prefix("Expected: ")
            .or_else(|| sentence.strip_prefix("Expected "))
            .and_then(|rest| rest.split(", found: ").next());
        match expected {
            Some(what) => self.library_expected(what),
            None if sentence.starts_with("No infix parser") => self.left_over("an operator"),
            None => Error::syntax(sentence.to_lowercase()).at(self.at()),
        }
    }

    /// The error inside of a query behind `IN (`, if the library stopped where one starts: it then
    /// found that the query is none and took it for a list.
    fn query_error(&mut self) -> Option<Error> {
        if !self.is_any_word(&["select", "with"]) && !self.is(&Token::LParen) {
            return None;
        }
        let stopped = self.next;
        let mut first = stopped;
        while first > 1 && self.parser.token_at(first - 1).token == Token::LParen {
            first -= 1;
        }
        let opens = first > 1 && first < stopped;
        let before = unquoted(&self.parser.token_at(first - 1).token)?;
        if !opens || !before.eq_ignore_ascii_case("in") {
            return None;
        }
        self.next = first + 1;
        let error = self.library(Parser::parse_query).err();
        if error.is_none() {
            self.next = stopped;
        }
        error
    }

    /// What the library expected here, in our words.
    fn library_expected(&self, what: &str) -> Error {
        match what {
            "an expression" if self.is_word("select") => {
                self.unsupported("a sub-query without brackets")
            }
            "an expression" if self.is(&Token::Colon) => {
                self.unsupported("a parameter of the form :name; write $1")
            }
            "an expression" => self.expected_name("an expression"),
            "SELECT, VALUES, or a subquery in the query body" if self.is_word("by") => {
                self.unsupported("BY NAME")
            }
            "SELECT, VALUES, or a subquery in the query body" => self.expected("SELECT"),
            "identifier" => self.expected_name("a name"),
            "'FROM' or ','" => self.left_over("FROM"),
            ":" => self.left_over("\":\" or a closing bracket"),
            _ if what.ends_with("after IS") => {
                self.expected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM")
            }
            _ if what.starts_with("one of [=") => self.unsupported(refused::QUANTIFIED),
            _ if what.chars().all(|c| c.is_ascii_punctuation()) => {
                self.left_over(&format!("\"{what}\""))
            }
            _ => self.left_over(what),
        }
    }

    /// A name; unquoted keywords of the grammar are none.
    pub(crate) fn name(&mut self, what: &str) -> Result<Name> {
        let at = self.at();
        let text = match self.peek() {
            Token::Word(word) if word.quote_style.is_some() => {
                let name = &word.value;
                if name.is_empty() || name.chars().any(char::is_control) {
                    return Err(Error::syntax(format!("{name:?} cannot be a name")).at(at));
                }
                name.clone()
            }
            Token::Word(word) if !is_reserved(self.peek()) => word.value.to_ascii_lowercase(),
            _ => return Err(self.expected_name(what)),
        };
        Limits::check("name_bytes", text.len(), NAME_BYTES_MAX).map_err(|error| error.at(at))?;
        self.skip();
        Ok(Name { text, at })
    }

    /// A string.
    pub(crate) fn text(&mut self, what: &str) -> Result<String> {
        match self.peek() {
            Token::SingleQuotedString(text) => {
                let text = text.clone();
                self.skip();
                Ok(text)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A number without sign, as written.
    pub(crate) fn number(&mut self, what: &str) -> Result<String> {
        match self.peek() {
            Token::Number(number, _) => {
                let number = number.clone();
                self.skip();
                Ok(number)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// The number of a parameter, `?` or `$1`, counted from 0.
    pub(crate) fn parameter(&mut self) -> Result<usize> {
        let at = self.at();
        let index = match self.peek() {
            Token::Placeholder(name) => name.trim_start_matches('$').parse::<usize>().ok(),
            _ => return Err(self.expected("a parameter")),
        };
        self.skip();
        match index {
            Some(_) => self.dollars = true,
            None => self.questions += 1,
        }
        if self.dollars && self.questions > 0 {
            let detail = "a statement has parameters either as ? or as $1, not both";
            return Err(Error::syntax(detail).at(at));
        }
        Ok(index.unwrap_or(self.questions) - 1)
    }

    /// Takes the elements of a list one by one, with the commas between them.
    pub(crate) fn list<T, U>(
        &mut self,
        elements: Vec<T>,
        mut take: impl FnMut(&mut Self, T) -> Result<U>,
    ) -> Result<Vec<U>> {
        let max = self.limits.list_elements_max;
        Limits::check("list_elements", elements.len().min(max + 1), max)
            .map_err(|error| error.at(self.at()))?;
        let mut taken = Vec::with_capacity(elements.len());
        for element in elements {
            if !taken.is_empty() {
                self.expect(&Token::Comma)?;
            }
            taken.push(take(self, element)?);
        }
        Ok(taken)
    }

    /// A node of a tree, if the tree does not get too high.
    pub(crate) fn node(&self, at: u32, kind: ExprKind) -> Result<Expr> {
        let height = kind.child_height() + 1;
        Limits::check(
            "expression_height",
            height as usize,
            self.limits.expression_height_max,
        )
        .map_err(|error| error.at(at))?;
        Ok(Expr {
            kind,
            at,
            start: at,
            end: self.end_of_last(),
            height,
        })
    }
}

/// The word that a token is, unless it is quoted.
pub(crate) fn unquoted(token: &Token) -> Option<&str> {
    match token {
        Token::Word(Word {
            value,
            quote_style: None,
            ..
        }) => Some(value),
        _ => None,
    }
}

/// Parts the place from an error of the library: `... at Line: 1, Column: 5`.
fn split_location(text: &str) -> (&str, Location) {
    let place = text
        .rsplit_once(" at Line: ")
        .and_then(|(sentence, place)| {
            let (line, column) = place.split_once(", Column: ")?;
            let location = Location {
                line: line.parse().ok()?,
                column: column.parse().ok()?,
            };
            Some((sentence, location))
        });
    place.unwrap_or((text, Location { line: 0, column: 0 }))
}
