//! A place among the tokens of a text, and what every part of the grammar needs of it.

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::literal::shown;
use crate::parse::ast::{Expr, ExprKind, Name};
use crate::parse::refused::RESERVED;
use crate::parse::token::{Token, TokenKind};

/// Bytes of a name.
const NAME_BYTES_MAX: usize = tagdb_storage::limits::NAME_BYTES_MAX;

/// Reads tokens from left to right.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
    pub(crate) limits: &'a Limits,
    depth: usize,
    /// `?` seen so far in the statement.
    questions: usize,
    dollars: bool,
}

impl<'a> Cursor<'a> {
    /// Before the first token; there is at least the end.
    pub(crate) fn new(tokens: Vec<Token<'a>>, limits: &'a Limits) -> Self {
        Self {
            tokens,
            next: 0,
            limits,
            depth: 0,
            questions: 0,
            dollars: false,
        }
    }

    /// Parameters are counted anew.
    pub(crate) fn begin_statement(&mut self) {
        (self.questions, self.dollars, self.depth) = (0, false, 0);
    }

    /// The token `ahead` places on; beyond the end it is the end.
    pub(crate) fn peek_at(&self, ahead: usize) -> &TokenKind<'a> {
        let place = (self.next + ahead).min(self.tokens.len() - 1);
        &self.tokens[place].kind
    }

    /// The next token.
    pub(crate) fn peek(&self) -> &TokenKind<'a> {
        self.peek_at(0)
    }

    /// Passes over the next token and gives it; the end is never passed.
    pub(crate) fn take(&mut self) -> TokenKind<'a> {
        let kind = self.peek().clone();
        self.skip();
        kind
    }

    /// Passes over the next token; the end is never passed.
    pub(crate) fn skip(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    /// The byte at which the next token starts.
    pub(crate) fn at(&self) -> u32 {
        self.tokens[self.next].start
    }

    /// The byte after the last token that was passed.
    pub(crate) fn end_of_last(&self) -> u32 {
        self.tokens[self.next.saturating_sub(1)].end
    }

    /// Whether the next token is this keyword (given in lower case).
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    /// Whether the token `ahead` places on is this keyword.
    pub(crate) fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    /// Passes over a keyword if it is next.
    pub(crate) fn accept_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.skip();
        }
        found
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
    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol)
    }

    /// Passes over a symbol if it is next.
    pub(crate) fn accept_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.skip();
        }
        found
    }

    /// Passes over a symbol.
    pub(crate) fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.accept_symbol(symbol) {
            return Ok(());
        }
        Err(self.expected(&format!("{symbol:?}")))
    }

    /// The error that something else should stand here.
    pub(crate) fn expected(&self, what: &str) -> Error {
        let found = match self.peek() {
            TokenKind::Word(word) => format!("{:?}", shown(word)),
            TokenKind::Quoted(name) => format!("the name {:?}", shown(name)),
            TokenKind::Text(text) => format!("the string '{}'", shown(text)),
            TokenKind::Number(number) => format!("the number {}", shown(number)),
            TokenKind::Question | TokenKind::Dollar(_) => "a parameter".to_owned(),
            TokenKind::Symbol(symbol) => format!("{symbol:?}"),
            TokenKind::End => "the end".to_owned(),
        };
        Error::syntax(format!("expected {what}, found {found}")).at(self.at())
    }

    /// The error that what stands here is left out of the dialect.
    pub(crate) fn unsupported(&self, feature: &str) -> Error {
        Error::unsupported(feature).at(self.at())
    }

    /// A name; unquoted keywords of the grammar are none.
    pub(crate) fn name(&mut self, what: &str) -> Result<Name> {
        let at = self.at();
        let text = match self.peek() {
            TokenKind::Word(word) if is_reserved(word) => {
                let mut error = self.expected(what);
                if !word.is_empty() {
                    let shown = word.to_ascii_lowercase();
                    error = Error::syntax(format!(
                        "expected {what}, found the keyword {word}; a column of that name is \
                         written \"{shown}\""
                    ))
                    .at(at);
                }
                return Err(error);
            }
            TokenKind::Word(word) => word.to_ascii_lowercase(),
            TokenKind::Quoted(name) => {
                if name.is_empty() || name.chars().any(char::is_control) {
                    return Err(Error::syntax(format!("{name:?} cannot be a name")).at(at));
                }
                name.to_string()
            }
            _ => return Err(self.expected(what)),
        };
        Limits::check("name_bytes", text.len(), NAME_BYTES_MAX).map_err(|error| error.at(at))?;
        self.skip();
        Ok(Name { text, at })
    }

    /// A string.
    pub(crate) fn text(&mut self, what: &str) -> Result<String> {
        match self.peek() {
            TokenKind::Text(text) => {
                let text = text.to_string();
                self.skip();
                Ok(text)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// The number of a parameter, counted from 0.
    pub(crate) fn parameter(&mut self) -> Result<usize> {
        let at = self.at();
        let index = match self.take() {
            TokenKind::Dollar(index) => {
                self.dollars = true;
                index - 1
            }
            _ => {
                self.questions += 1;
                self.questions - 1
            }
        };
        if self.dollars && self.questions > 0 {
            let detail = "a statement has parameters either as ? or as $1, not both";
            return Err(Error::syntax(detail).at(at));
        }
        Ok(index)
    }

    /// Reads something one level deeper.
    pub(crate) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        Limits::check("nesting_depth", self.depth, self.limits.nesting_depth_max)
            .map_err(|error| error.at(self.at()))?;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads `item, item, ...`.
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept_symbol(",") {
            items.push(item(self)?);
            Limits::check("list_elements", items.len(), self.limits.list_elements_max)
                .map_err(|error| error.at(self.at()))?;
        }
        Ok(items)
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
        Ok(Expr { kind, at, height })
    }
}

/// Whether an unquoted word cannot be a name.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| word.eq_ignore_ascii_case(reserved))
}
