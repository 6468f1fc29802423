//! The dialect that the library reads.
//!
//! Its precedences are PostgreSQL's. To the library it is a generic dialect, of which it knows the
//! types of maps; what no flag of it reaches is read here.

use std::any::TypeId;

use sqlparser::ast::{
    Expr, Ident, LambdaFunction, LambdaFunctionParameter, LambdaSyntax, Map, MapEntry, ObjectName,
    OneOrManyWithParens,
};
use sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

use crate::parse::refused;

/// SQL as tagdb speaks it.
#[derive(Debug)]
pub(crate) struct TagDialect;

/// The keywords that the library is told of. Of the thousand that it knows from all systems, the
/// others are names to it, and refused by their names where a name cannot stand.
#[rustfmt::skip]
const KEYWORDS: &[Keyword] = &[
    // Statements and clauses.
    Keyword::SELECT, Keyword::DISTINCT, Keyword::ALL, Keyword::FROM, Keyword::AS, Keyword::WHERE,
    Keyword::GROUP, Keyword::BY, Keyword::HAVING, Keyword::ORDER, Keyword::ASC, Keyword::DESC,
    Keyword::NULLS, Keyword::FIRST, Keyword::LAST, Keyword::LIMIT, Keyword::OFFSET, Keyword::ROW,
    Keyword::ROWS, Keyword::WITH, Keyword::UNION, Keyword::INTERSECT, Keyword::EXCEPT,
    Keyword::TABLESAMPLE, Keyword::BERNOULLI, Keyword::REPEATABLE, Keyword::INSERT, Keyword::INTO,
    Keyword::VALUES, Keyword::ON, Keyword::CONFLICT, Keyword::DO, Keyword::NOTHING, Keyword::DELETE,
    // Operators and operands.
    Keyword::AND, Keyword::OR, Keyword::NOT, Keyword::IN, Keyword::IS, Keyword::NULL, Keyword::TRUE,
    Keyword::FALSE, Keyword::UNKNOWN, Keyword::BETWEEN, Keyword::LIKE, Keyword::ILIKE,
    Keyword::ESCAPE, Keyword::ANY, Keyword::SOME, Keyword::EXISTS, Keyword::CASE, Keyword::WHEN,
    Keyword::THEN, Keyword::ELSE, Keyword::END, Keyword::CAST, Keyword::EXTRACT, Keyword::INTERVAL,
    Keyword::ARRAY, Keyword::FILTER, Keyword::CURRENT_DATE,
    // Read to be refused by their names.
    Keyword::TRY_CAST, Keyword::SAFE_CAST,
    // Types.
    Keyword::BOOLEAN, Keyword::BOOL, Keyword::TEXT, Keyword::VARCHAR, Keyword::STRING,
    Keyword::SMALLINT, Keyword::INT, Keyword::INTEGER, Keyword::BIGINT, Keyword::UNSIGNED,
    Keyword::DOUBLE, Keyword::PRECISION, Keyword::DECIMAL, Keyword::NUMERIC, Keyword::DATE,
    Keyword::TIMESTAMP, Keyword::TIME, Keyword::ZONE, Keyword::WITHOUT, Keyword::MAP,
    // Units of time.
    Keyword::YEAR, Keyword::YEARS, Keyword::QUARTER, Keyword::MONTH, Keyword::MONTHS, Keyword::WEEK,
    Keyword::WEEKS, Keyword::DAY, Keyword::DAYS, Keyword::HOUR, Keyword::HOURS, Keyword::MINUTE,
    Keyword::MINUTES, Keyword::SECOND, Keyword::SECONDS, Keyword::MILLISECOND,
    Keyword::MILLISECONDS, Keyword::MICROSECOND, Keyword::MICROSECONDS,
];

/// Reserved words that start an expression.
const OPERANDS: &[Keyword] = &[
    Keyword::CASE,
    Keyword::CAST,
    Keyword::EXISTS,
    Keyword::FALSE,
    Keyword::NOT,
    Keyword::NULL,
    Keyword::TRUE,
];

impl Dialect for TagDialect {
    fn dialect(&self) -> TypeId {
        GenericDialect.dialect()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_ascii_alphanumeric() || ch == '_' || ch == '$'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        PostgreSqlDialect {}.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        PostgreSqlDialect {}.prec_value(precedence)
    }

    fn is_select_item_alias(&self, explicit: bool, _: &Keyword, parser: &mut Parser<'_>) -> bool {
        explicit || !is_reserved(&parser.get_current_token().token)
    }

    fn is_table_factor_alias(&self, explicit: bool, _: &Keyword, parser: &mut Parser<'_>) -> bool {
        let token = &parser.get_current_token().token;
        explicit || !is_reserved(token) && refused::clause(token).is_none()
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        OPERANDS.contains(&keyword)
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        // Read to be refused by its name.
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    /// Reads what most operands are at once; the library would first try to read a type.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let token = &parser.peek_token_ref().token;
        match token {
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_) => {
                Some(parser.parse_value().map(Expr::Value))
            }
            Token::LBrace => Some(map_literal(parser)),
            Token::LParen if is_query(parser) => Some(match follows_in(parser) {
                true => parser.expected_ref("an expression", parser.peek_token_ref()),
                false => query(parser),
            }),
            // Parameters of other systems.
            Token::Colon | Token::AtSign => {
                Some(parser.expected_ref("an expression", parser.peek_token_ref()))
            }
            Token::Word(word) => {
                if is_reserved(token) && !OPERANDS.contains(&word.keyword) {
                    return Some(parser.expected_ref("an expression", parser.peek_token_ref()));
                }
                word_prefix(word.keyword, parser)
            }
            _ => None,
        }
    }
}

/// Reads an operand that starts with a word. Where one form alone is possible, the library is not
/// left to try others, for then its error would be about the last one.
fn word_prefix(keyword: Keyword, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
    let next = &parser.peek_nth_token_ref(1).token;
    match (keyword, next) {
        (_, Token::Arrow) => Some(lambda(parser)),
        (Keyword::MAP, Token::LBrace) => {
            parser.advance_token();
            Some(map_literal(parser))
        }
        (Keyword::ARRAY, Token::LBracket) => {
            parser.advance_token();
            parser.advance_token();
            Some(parser.parse_array_expr(true))
        }
        (Keyword::EXTRACT, Token::LParen) => {
            parser.advance_token();
            Some(parser.parse_extract_expr())
        }
        (Keyword::CURRENT_DATE, _)
        | (Keyword::INTERVAL, Token::Number(..))
        | (Keyword::TRY_CAST | Keyword::SAFE_CAST, Token::LParen) => None,
        (Keyword::NoKeyword, Token::SingleQuotedString(_)) => Some(name(parser)),
        (_, Token::SingleQuotedString(_)) => None,
        _ if OPERANDS.contains(&keyword) => None,
        (_, Token::LParen) => Some(function(parser)),
        _ => Some(name(parser)),
    }
}

fn is_keyword(parser: &Parser<'_>, index: usize, keyword: Keyword) -> bool {
    matches!(&parser.token_at(index).token, Token::Word(word) if word.keyword == keyword)
}

/// Whether a query in brackets starts here. The library knows of such if it starts with one SELECT.
fn is_query(parser: &Parser<'_>) -> bool {
    let mut next = parser.get_current_index() + 1;
    while parser.token_at(next).token == Token::LParen {
        next += 1;
    }
    is_keyword(parser, next, Keyword::SELECT) || is_keyword(parser, next, Keyword::WITH)
}

/// Whether the last tokens were `IN (`. The library has tried to read a query then, and failed: to
/// read it once more as an element of a list would fail in the same way, and take twice the time
/// for every bracket around it.
fn follows_in(parser: &Parser<'_>) -> bool {
    let current = parser.get_current_index();
    parser.token_at(current).token == Token::LParen
        && current > 0
        && is_keyword(parser, current - 1, Keyword::IN)
}

/// A query in brackets.
fn query(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let query = parser.parse_query()?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Subquery(query))
}

fn name(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.parse_identifier().map(Expr::Identifier)
}

/// Hides the keywords of other systems from the library.
pub(crate) fn hide_keyword(token: &mut Token) {
    if let Token::Word(word) = token
        && !KEYWORDS.contains(&word.keyword)
    {
        word.keyword = Keyword::NoKeyword;
    }
}

/// Whether a token is an unquoted word that cannot be a name.
pub(crate) fn is_reserved(token: &Token) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. })
        if refused::RESERVED.iter().any(|word| value.eq_ignore_ascii_case(word)))
}

/// `{'a': 1}`, of which the library knows names as keys only.
fn map_literal(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.expect_token(&Token::LBrace)?;
    let entries = parser.parse_comma_separated0(
        |parser| {
            let key = Box::new(parser.parse_expr()?);
            parser.expect_token(&Token::Colon)?;
            let value = Box::new(parser.parse_expr()?);
            Ok(MapEntry { key, value })
        },
        Token::RBrace,
    )?;
    parser.expect_token(&Token::RBrace)?;
    Ok(Expr::Map(Map { entries }))
}

/// `k -> condition`. The library tries several forms, each of them twice.
fn lambda(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = parser.parse_identifier()?;
    parser.expect_token(&Token::Arrow)?;
    let parameter = LambdaFunctionParameter {
        name,
        data_type: None,
    };
    Ok(Expr::Lambda(LambdaFunction {
        params: OneOrManyWithParens::One(parameter),
        body: Box::new(parser.parse_expr()?),
        syntax: LambdaSyntax::Arrow,
    }))
}

fn function(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name: Ident = parser.parse_identifier()?;
    parser.parse_function(ObjectName::from(vec![name]))
}
