//! Expressions: operators by precedence.
//!
//! ```text
//! expr       = and {OR and}                      precedence 1
//! and        = not {AND not}                                2
//! not        = NOT not | is                                 3
//! is         = compare {IS [NOT] NULL|TRUE|FALSE|UNKNOWN|DISTINCT FROM compare}   4
//! compare    = range [= <> < <= > >= range]                 5
//! range      = set [[NOT] BETWEEN set AND set | [NOT] IN (list)]   6
//! set        = sum {&& | @> sum}                            7
//! sum        = product {+ | - product}                      8
//! product    = sign {* | / | % sign}                        9
//! sign       = - sign | + sign | postfix                   10
//! postfix    = primary {:: type | [expr]}                  11
//! ```

use crate::bind::bound::Arithmetic;
use crate::error::Result;
use crate::parse::ast::{CompareOp, Expr, ExprKind};
use crate::parse::cursor::Cursor;
use crate::parse::token::TokenKind;
use crate::parse::{primary, types};

const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARE: u8 = 5;
const RANGE: u8 = 6;
const SET: u8 = 7;
const SUM: u8 = 8;
const PRODUCT: u8 = 9;

/// Reads an expression.
pub(crate) fn expr(cursor: &mut Cursor<'_>) -> Result<Expr> {
    let at = cursor.at();
    let first = and_chain(cursor)?;
    if !cursor.is_word("or") {
        return Ok(first);
    }
    let mut terms = or_terms(first);
    while cursor.accept_word("or") {
        terms.extend(or_terms(and_chain(cursor)?));
    }
    cursor.node(at, ExprKind::Or(terms))
}

fn and_chain(cursor: &mut Cursor<'_>) -> Result<Expr> {
    let at = cursor.at();
    let first = operators(cursor, NOT)?;
    if !cursor.is_word("and") {
        return Ok(first);
    }
    let mut terms = and_terms(first);
    while cursor.accept_word("and") {
        terms.extend(and_terms(operators(cursor, NOT)?));
    }
    cursor.node(at, ExprKind::And(terms))
}

/// The terms of a chain in brackets, which joins the chain around it, or the one term.
fn or_terms(term: Expr) -> Vec<Expr> {
    match term.kind {
        ExprKind::Or(terms) => terms,
        _ => vec![term],
    }
}

/// As [`or_terms`], of AND.
fn and_terms(term: Expr) -> Vec<Expr> {
    match term.kind {
        ExprKind::And(terms) => terms,
        _ => vec![term],
    }
}

/// Reads operators that bind at least as tightly as `least`.
fn operators(cursor: &mut Cursor<'_>, least: u8) -> Result<Expr> {
    let mut left = prefix(cursor, least)?;
    // Comparisons do not chain: `a = b = c` has no meaning people agree on.
    let mut compared = false;
    loop {
        let Some((precedence, operator)) = next_operator(cursor)? else {
            return Ok(left);
        };
        if precedence < least {
            return Ok(left);
        }
        if precedence == COMPARE {
            if compared {
                return Err(cursor.expected("no second comparison without brackets"));
            }
            compared = true;
        }
        left = apply(cursor, left, precedence, operator)?;
    }
}

fn prefix(cursor: &mut Cursor<'_>, least: u8) -> Result<Expr> {
    let at = cursor.at();
    if least <= NOT && cursor.accept_word("not") {
        let inner = cursor.nested(|cursor| operators(cursor, NOT))?;
        return cursor.node(at, ExprKind::Not(Box::new(inner)));
    }
    sign(cursor)
}

fn sign(cursor: &mut Cursor<'_>) -> Result<Expr> {
    let at = cursor.at();
    if cursor.accept_symbol("-") {
        let inner = cursor.nested(sign)?;
        return cursor.node(at, ExprKind::Negate(Box::new(inner)));
    }
    if cursor.accept_symbol("+") {
        return cursor.nested(sign);
    }
    let mut left = primary::primary(cursor)?;
    loop {
        let at = cursor.at();
        if cursor.accept_symbol("::") {
            let to = types::data_type(cursor)?;
            left = cursor.node(at, ExprKind::Cast(Box::new(left), to))?;
        } else if cursor.accept_symbol("[") {
            let key = cursor.nested(expr)?;
            if cursor.is_symbol(":") {
                return Err(cursor.unsupported("a slice of an array"));
            }
            cursor.expect_symbol("]")?;
            left = cursor.node(at, ExprKind::Element(Box::new(left), Box::new(key)))?;
        } else {
            return Ok(left);
        }
    }
}

#[derive(Clone, Copy)]
enum Operator {
    Is,
    Compare(CompareOp),
    Between,
    In,
    Overlaps,
    Contains,
    Arithmetic(Arithmetic),
}

/// The operator that stands here, if one does, with its precedence; it is not passed.
fn next_operator(cursor: &Cursor<'_>) -> Result<Option<(u8, Operator)>> {
    match cursor.peek() {
        TokenKind::Symbol(symbol) => symbol_operator(cursor, symbol),
        TokenKind::Word(_) => {
            let negated = usize::from(cursor.is_word("not"));
            let is = |word: &str| cursor.is_word_at(negated, word);
            for (word, name) in [
                ("like", "LIKE"),
                ("ilike", "ILIKE"),
                ("similar", "SIMILAR TO"),
                ("regexp", "REGEXP"),
                ("rlike", "RLIKE"),
                ("glob", "GLOB"),
            ] {
                if is(word) {
                    return Err(cursor.unsupported(name));
                }
            }
            if is("between") {
                Ok(Some((RANGE, Operator::Between)))
            } else if is("in") {
                Ok(Some((RANGE, Operator::In)))
            } else if negated == 0 && is("is") {
                Ok(Some((IS, Operator::Is)))
            } else if negated == 0 && (is("isnull") || is("notnull")) {
                Err(cursor.unsupported("ISNULL; write IS NULL"))
            } else if negated == 0 && is("collate") {
                Err(cursor.unsupported("COLLATE; strings compare by bytes"))
            } else if negated == 0 && is("at") && cursor.is_word_at(1, "time") {
                Err(cursor.unsupported("AT TIME ZONE; set time_zone of the request"))
            } else {
                Ok(None)
            }
        }
        _ => Ok(None),
    }
}

fn symbol_operator(cursor: &Cursor<'_>, symbol: &str) -> Result<Option<(u8, Operator)>> {
    let compare = |operator| Ok(Some((COMPARE, Operator::Compare(operator))));
    let arithmetic = |precedence, operator| Ok(Some((precedence, Operator::Arithmetic(operator))));
    match symbol {
        "=" => compare(CompareOp::Equal),
        "<>" | "!=" => compare(CompareOp::NotEqual),
        "<" => compare(CompareOp::Less),
        "<=" => compare(CompareOp::LessOrEqual),
        ">" => compare(CompareOp::Greater),
        ">=" => compare(CompareOp::GreaterOrEqual),
        "&&" => Ok(Some((SET, Operator::Overlaps))),
        "@>" => Ok(Some((SET, Operator::Contains))),
        "+" => arithmetic(SUM, Arithmetic::Add),
        "-" => arithmetic(SUM, Arithmetic::Subtract),
        "*" => arithmetic(PRODUCT, Arithmetic::Multiply),
        "/" => arithmetic(PRODUCT, Arithmetic::Divide),
        "%" => arithmetic(PRODUCT, Arithmetic::Modulo),
        ")" | "]" | "}" | "," | ";" | ":" | "::" | "[" | "." | "(" | "{" => Ok(None),
        "==" => Err(cursor.unsupported("the operator ==; write =")),
        "<=>" => Err(cursor.unsupported("the operator <=>; write IS NOT DISTINCT FROM")),
        "||" => Err(cursor.unsupported("the operator ||; write concat(a, b)")),
        "->" => Err(cursor.unsupported("the operator -> (lambdas, any_key and JSON)")),
        "<@" => Err(cursor.unsupported("the operator <@; write b @> a")),
        _ => Err(cursor.unsupported(&format!("the operator {symbol}"))),
    }
}

fn apply(cursor: &mut Cursor<'_>, left: Expr, precedence: u8, operator: Operator) -> Result<Expr> {
    let at = cursor.at();
    match operator {
        Operator::Is => is_something(cursor, left),
        Operator::Between | Operator::In => range(cursor, left),
        Operator::Compare(operator) => {
            cursor.skip();
            if ["any", "some", "all"]
                .iter()
                .any(|word| cursor.is_word(word))
            {
                return quantified(cursor, left, operator, at);
            }
            let right = operators(cursor, precedence + 1)?;
            cursor.node(
                at,
                ExprKind::Compare(operator, Box::new(left), Box::new(right)),
            )
        }
        Operator::Overlaps | Operator::Contains | Operator::Arithmetic(_) => {
            cursor.skip();
            let right = Box::new(operators(cursor, precedence + 1)?);
            let left = Box::new(left);
            let kind = match operator {
                Operator::Overlaps => ExprKind::Overlaps(left, right),
                Operator::Arithmetic(operator) => ExprKind::Arithmetic(operator, left, right),
                _ => ExprKind::Contains(left, right),
            };
            cursor.node(at, kind)
        }
    }
}

/// `left = ANY (list)`, from ANY on.
fn quantified(cursor: &mut Cursor<'_>, left: Expr, operator: CompareOp, at: u32) -> Result<Expr> {
    if cursor.is_word("all") || operator != CompareOp::Equal {
        return Err(cursor.unsupported("ALL, and ANY behind an operator other than ="));
    }
    cursor.skip();
    cursor.expect_symbol("(")?;
    primary::refuse_subquery(cursor)?;
    let list = cursor.nested(expr)?;
    cursor.expect_symbol(")")?;
    cursor.node(at, ExprKind::EqualAny(Box::new(left), Box::new(list)))
}

/// `left [NOT] BETWEEN a AND b` and `left [NOT] IN (...)`.
fn range(cursor: &mut Cursor<'_>, left: Expr) -> Result<Expr> {
    let at = cursor.at();
    let negated = cursor.accept_word("not");
    let kind = if cursor.accept_word("between") {
        if cursor.is_word("symmetric") {
            return Err(cursor.unsupported("BETWEEN SYMMETRIC"));
        }
        let low = operators(cursor, SET)?;
        cursor.expect_word("and")?;
        let high = operators(cursor, SET)?;
        ExprKind::Between(Box::new(left), Box::new(low), Box::new(high))
    } else {
        cursor.expect_word("in")?;
        if matches!(cursor.peek(), TokenKind::Question | TokenKind::Dollar(_)) {
            return Err(cursor.unsupported("IN with one parameter; write = ANY($1)"));
        }
        cursor.expect_symbol("(")?;
        primary::refuse_subquery(cursor)?;
        let list = cursor.nested(|cursor| cursor.list(expr))?;
        cursor.expect_symbol(")")?;
        ExprKind::In(Box::new(left), list)
    };
    negate_if(cursor, at, kind, negated)
}

/// What follows IS.
fn is_something(cursor: &mut Cursor<'_>, left: Expr) -> Result<Expr> {
    let at = cursor.at();
    cursor.skip();
    let negated = cursor.accept_word("not");
    let left = Box::new(left);
    let kind = if cursor.accept_word("null") || cursor.accept_word("unknown") {
        ExprKind::IsNull(left)
    } else if cursor.accept_word("true") {
        ExprKind::IsTrue(left)
    } else if cursor.accept_word("false") {
        ExprKind::IsFalse(left)
    } else if cursor.accept_words(&["distinct", "from"]) {
        let right = operators(cursor, COMPARE)?;
        let same = ExprKind::IsNotDistinct(left, Box::new(right));
        return negate_if(cursor, at, same, !negated);
    } else {
        return Err(cursor.expected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM"));
    };
    negate_if(cursor, at, kind, negated)
}

fn negate_if(cursor: &Cursor<'_>, at: u32, kind: ExprKind, negated: bool) -> Result<Expr> {
    let node = cursor.node(at, kind)?;
    if !negated {
        return Ok(node);
    }
    cursor.node(at, ExprKind::Not(Box::new(node)))
}
