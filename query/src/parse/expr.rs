//! Expressions: from the library's trees to ours, operators first.
//!
//! The library's trees lean to the left, as deep as a text is long. Their left sides are walked
//! by a loop, every operator found on the way becomes a [`Tail`], and the tails are applied from
//! left to right as a parser would; AND and OR become flat. A tree is taken apart by value: to
//! clone or to drop a high one overflows the stack.

use sqlparser::ast::{BinaryOperator, CastKind, Expr as Tree, Query};
use sqlparser::tokenizer::Token;

use crate::bind::bound::Arithmetic;
use crate::error::Result;
use crate::parse::ast::{CompareOp, Expr, ExprKind, Like};
use crate::parse::cursor::Cursor;
use crate::parse::{refused, types};

/// What follows the left side of an operator.
enum Tail {
    And(Box<Tree>),
    Or(Box<Tree>),
    Binary(Box<Tree>),
    Any(Box<Tree>),
    Is,
    IsDistinct(Box<Tree>),
    Between(Box<Tree>, Box<Tree>),
    In(Vec<Tree>),
    InQuery(Box<Query>),
    /// The pattern and what is behind ESCAPE.
    Like(Box<Tree>, Option<Box<Tree>>),
    Cast,
    /// An operator that is left out of the dialect.
    Refused,
}

/// An operator with a side on either hand.
pub(crate) enum Operator {
    Compare(CompareOp),
    Overlaps,
    Contains,
    Arithmetic(Arithmetic),
}

/// The left side of an operator and the rest of it, or the tree if it is no operator.
fn part(tree: Tree) -> (Tree, Option<Tail>) {
    let (left, tail) = match tree {
        Tree::BinaryOp { left, op, right } => match op {
            BinaryOperator::And => (left, Tail::And(right)),
            BinaryOperator::Or => (left, Tail::Or(right)),
            _ => (left, Tail::Binary(right)),
        },
        Tree::AnyOp { left, right, .. } => (left, Tail::Any(right)),
        Tree::IsNull(left)
        | Tree::IsNotNull(left)
        | Tree::IsTrue(left)
        | Tree::IsNotTrue(left)
        | Tree::IsFalse(left)
        | Tree::IsNotFalse(left)
        | Tree::IsUnknown(left)
        | Tree::IsNotUnknown(left) => (left, Tail::Is),
        Tree::IsDistinctFrom(left, right) | Tree::IsNotDistinctFrom(left, right) => {
            (left, Tail::IsDistinct(right))
        }
        Tree::Between {
            expr, low, high, ..
        } => (expr, Tail::Between(low, high)),
        Tree::InList { expr, list, .. } => (expr, Tail::In(list)),
        Tree::InSubquery { expr, subquery, .. } => (expr, Tail::InQuery(subquery)),
        Tree::Like {
            any: false,
            expr,
            pattern,
            escape_char,
            ..
        }
        | Tree::ILike {
            any: false,
            expr,
            pattern,
            escape_char,
            ..
        } => (expr, Tail::Like(pattern, escape_char)),
        Tree::Cast {
            kind: CastKind::DoubleColon,
            expr,
            ..
        } => (expr, Tail::Cast),
        Tree::AllOp { left: expr, .. }
        | Tree::InUnnest { expr, .. }
        | Tree::Like { expr, .. }
        | Tree::ILike { expr, .. }
        | Tree::SimilarTo { expr, .. }
        | Tree::RLike { expr, .. }
        | Tree::Collate { expr, .. }
        | Tree::IsNormalized { expr, .. }
        | Tree::IsJson { expr, .. }
        | Tree::JsonAccess { value: expr, .. }
        | Tree::AtTimeZone {
            timestamp: expr, ..
        } => (expr, Tail::Refused),
        operand => return (operand, None),
    };
    (*left, Some(tail))
}

impl Cursor<'_> {
    /// Takes apart an expression that the library read.
    pub(crate) fn expr(&mut self, mut tree: Tree) -> Result<Expr> {
        let start = self.at();
        let mut tails = Vec::new();
        loop {
            let (left, tail) = part(tree);
            tree = left;
            match tail {
                Some(tail) => tails.push(tail),
                None => break,
            }
        }
        let mut left = self.operand(tree)?;
        // Comparisons do not chain: `a = b = c` has no meaning people agree on.
        let mut compared = false;
        while let Some(tail) = tails.pop() {
            left = match tail {
                Tail::And(right) => {
                    let mut terms = vec![left, self.term("and", *right)?];
                    while let Some(Tail::And(right)) = tails.pop_if(|t| matches!(t, Tail::And(_))) {
                        terms.push(self.term("and", *right)?);
                    }
                    self.node(start, ExprKind::And(terms))?
                }
                Tail::Or(right) => {
                    let mut terms = vec![left, self.term("or", *right)?];
                    while let Some(Tail::Or(right)) = tails.pop_if(|t| matches!(t, Tail::Or(_))) {
                        terms.push(self.term("or", *right)?);
                    }
                    self.node(start, ExprKind::Or(terms))?
                }
                Tail::Binary(_) | Tail::Any(_) if compared && compares(self.peek()) => {
                    return Err(self.expected("no second comparison without brackets"));
                }
                tail => {
                    compared |= compares(self.peek());
                    self.apply(left, tail)?
                }
            };
            left.start = start;
        }
        Ok(left)
    }

    fn term(&mut self, word: &str, right: Tree) -> Result<Expr> {
        self.expect_word(word)?;
        self.expr(right)
    }

    /// The node of an operator that stands here.
    fn apply(&mut self, left: Expr, tail: Tail) -> Result<Expr> {
        let at = self.at();
        let left = Box::new(left);
        match tail {
            Tail::Binary(right) => self.binary(left, *right),
            Tail::Any(right) => self.any(left, *right),
            Tail::Is => self.is_something(left),
            Tail::IsDistinct(right) => {
                self.expect_word("is")?;
                let negated = self.accept_word("not");
                self.expect_word("distinct")?;
                self.expect_word("from")?;
                let right = Box::new(self.expr(*right)?);
                self.negate_if(at, ExprKind::IsNotDistinct(left, right), !negated)
            }
            Tail::Between(low, high) => {
                let negated = self.accept_word("not");
                self.expect_word("between")?;
                let low = Box::new(self.expr(*low)?);
                self.expect_word("and")?;
                let high = Box::new(self.expr(*high)?);
                self.negate_if(at, ExprKind::Between(left, low, high), negated)
            }
            Tail::In(list) => {
                let negated = self.accept_word("not");
                self.expect_word("in")?;
                self.expect(&Token::LParen)?;
                let list = self.list(list, Self::expr)?;
                self.expect(&Token::RParen)?;
                self.negate_if(at, ExprKind::In(left, list), negated)
            }
            Tail::InQuery(query) => {
                let negated = self.accept_word("not");
                self.expect_word("in")?;
                self.expect(&Token::LParen)?;
                let query = Box::new(self.query(*query)?);
                self.expect(&Token::RParen)?;
                self.negate_if(at, ExprKind::InQuery(left, query), negated)
            }
            Tail::Like(pattern, escape) => self.like(*left, *pattern, escape),
            Tail::Cast => {
                self.expect(&Token::DoubleColon)?;
                let to = types::data_type(self)?;
                self.node(at, ExprKind::Cast(left, to))
            }
            Tail::And(_) | Tail::Or(_) | Tail::Refused => Err(self.refused_operator()),
        }
    }

    fn binary(&mut self, left: Box<Expr>, right: Tree) -> Result<Expr> {
        let at = self.at();
        let Some(operator) = operator(self.peek()) else {
            return Err(self.refused_operator());
        };
        self.skip();
        if self.is_word("not") {
            // To the library, `a = NOT b = c` is `a = (NOT (b = c))`.
            return Err(self.expected("brackets around NOT behind an operator"));
        }
        let right = Box::new(self.expr(right)?);
        let kind = match operator {
            Operator::Compare(operator) => ExprKind::Compare(operator, left, right),
            Operator::Arithmetic(operator) => ExprKind::Arithmetic(operator, left, right),
            Operator::Overlaps => ExprKind::Overlaps(left, right),
            Operator::Contains => ExprKind::Contains(left, right),
        };
        self.node(at, kind)
    }

    /// `text [NOT] LIKE pattern [ESCAPE escape]`
    fn like(&mut self, text: Expr, pattern: Tree, escape: Option<Box<Tree>>) -> Result<Expr> {
        let at = self.at();
        let negated = self.accept_word("not");
        let ignores_case = self.accept_word("ilike");
        if !ignores_case {
            self.expect_word("like")?;
        }
        let pattern = self.expr(pattern)?;
        let escape = match escape {
            Some(escape) => {
                self.expect_word("escape")?;
                Some(self.expr(*escape)?)
            }
            None => None,
        };
        let like = Like {
            text,
            pattern,
            escape,
            ignores_case,
        };
        self.negate_if(at, ExprKind::Like(Box::new(like)), negated)
    }

    /// `left = ANY (list)`
    fn any(&mut self, left: Box<Expr>, list: Tree) -> Result<Expr> {
        let at = self.at();
        if !self.is(&Token::Eq) {
            return Err(self.refused_operator());
        }
        self.skip();
        if !self.accept_word("any") {
            self.expect_word("some")?;
        }
        self.expect(&Token::LParen)?;
        let node = match list {
            Tree::Subquery(query) if !self.is(&Token::LParen) => {
                ExprKind::InQuery(left, Box::new(self.query(*query)?))
            }
            list => match self.expr(list)? {
                Expr {
                    kind: ExprKind::Query(query),
                    ..
                } => ExprKind::InQuery(left, query),
                list => ExprKind::EqualAny(left, Box::new(list)),
            },
        };
        self.expect(&Token::RParen)?;
        self.node(at, node)
    }

    fn is_something(&mut self, left: Box<Expr>) -> Result<Expr> {
        let at = self.at();
        self.expect_word("is")?;
        let negated = self.accept_word("not");
        let kind = if self.accept_word("null") || self.accept_word("unknown") {
            ExprKind::IsNull(left)
        } else if self.accept_word("true") {
            ExprKind::IsTrue(left)
        } else {
            self.expect_word("false")?;
            ExprKind::IsFalse(left)
        };
        self.negate_if(at, kind, negated)
    }

    fn negate_if(&self, at: u32, kind: ExprKind, negated: bool) -> Result<Expr> {
        let node = self.node(at, kind)?;
        if !negated {
            return Ok(node);
        }
        self.node(at, ExprKind::Not(Box::new(node)))
    }

    /// The error that the operator which stands here is left out.
    fn refused_operator(&self) -> crate::error::Error {
        let word = usize::from(self.is_word("not"));
        if self.is_word_at(word + 1, "any") {
            return self.unsupported("LIKE ANY");
        }
        if compares(self.peek()) {
            return self.unsupported(refused::QUANTIFIED);
        }
        match refused::operator(self.peek_at(word)) {
            Some(feature) => self.unsupported(&feature),
            None => self.unsupported(&format!("the operator {}", self.peek_at(word))),
        }
    }
}

/// Whether a token is a comparison.
fn compares(token: &Token) -> bool {
    matches!(operator(token), Some(Operator::Compare(_)))
}

/// The operator that a token is.
pub(crate) fn operator(token: &Token) -> Option<Operator> {
    Some(match token {
        Token::Eq => Operator::Compare(CompareOp::Equal),
        Token::Neq => Operator::Compare(CompareOp::NotEqual),
        Token::Lt => Operator::Compare(CompareOp::Less),
        Token::LtEq => Operator::Compare(CompareOp::LessOrEqual),
        Token::Gt => Operator::Compare(CompareOp::Greater),
        Token::GtEq => Operator::Compare(CompareOp::GreaterOrEqual),
        Token::Overlap => Operator::Overlaps,
        Token::AtArrow => Operator::Contains,
        Token::Plus => Operator::Arithmetic(Arithmetic::Add),
        Token::Minus => Operator::Arithmetic(Arithmetic::Subtract),
        Token::Mul => Operator::Arithmetic(Arithmetic::Multiply),
        Token::Div => Operator::Arithmetic(Arithmetic::Divide),
        Token::Mod => Operator::Arithmetic(Arithmetic::Modulo),
        _ => return None,
    })
}
