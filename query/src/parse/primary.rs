//! Literals, names, calls, and what stands in brackets.

use crate::bind::bound::{DateField, Interval};
use crate::error::{Error, Result};
use crate::parse::ast::{Call, Expr, ExprKind, Name};
use crate::parse::cursor::{Cursor, is_reserved};
use crate::parse::expr::expr;
use crate::parse::token::TokenKind;
use crate::parse::types;
use crate::value::DataType;

/// Reads what no operator takes apart.
pub(crate) fn primary(cursor: &mut Cursor<'_>) -> Result<Expr> {
    let at = cursor.at();
    let kind = match cursor.peek() {
        TokenKind::Number(number) => {
            let number = (*number).to_owned();
            cursor.skip();
            ExprKind::Number(number)
        }
        TokenKind::Text(text) => {
            let text = text.to_string();
            cursor.skip();
            ExprKind::Text(text)
        }
        TokenKind::Question | TokenKind::Dollar(_) => ExprKind::Parameter(cursor.parameter()?),
        TokenKind::Symbol("(") => return bracketed(cursor),
        TokenKind::Symbol("[") => list(cursor)?,
        TokenKind::Symbol("{") => map(cursor)?,
        TokenKind::Symbol("*") => return Err(cursor.expected("an expression")),
        TokenKind::Symbol(":") => {
            return Err(cursor.unsupported("a parameter of the form :name; write $1"));
        }
        TokenKind::Word(word) => {
            let word = word.to_ascii_lowercase();
            return match keyword(cursor, &word)? {
                Some(kind) => cursor.node(at, kind),
                None => name_or_call(cursor),
            };
        }
        TokenKind::Quoted(_) => return name_or_call(cursor),
        _ => return Err(cursor.expected("an expression")),
    };
    cursor.node(at, kind)
}

/// An expression that a keyword starts; otherwise nothing is passed.
fn keyword(cursor: &mut Cursor<'_>, word: &str) -> Result<Option<ExprKind>> {
    let text_follows = matches!(cursor.peek_at(1), TokenKind::Text(_));
    let bracket = |symbol| *cursor.peek_at(1) == TokenKind::Symbol(symbol);
    let kind = match word {
        "null" => constant(cursor, ExprKind::Null),
        "true" => constant(cursor, ExprKind::Boolean(true)),
        "false" => constant(cursor, ExprKind::Boolean(false)),
        "case" => case(cursor)?,
        "cast" => cast(cursor)?,
        "extract" if bracket("(") => extract(cursor)?,
        "array" if bracket("[") => {
            cursor.skip();
            list(cursor)?
        }
        "map" if bracket("{") => {
            cursor.skip();
            map(cursor)?
        }
        "date" if text_follows => typed_text(cursor, DataType::Date)?,
        "timestamp" if text_follows => typed_text(cursor, DataType::Timestamp)?,
        "interval" if text_follows || matches!(cursor.peek_at(1), TokenKind::Number(_)) => {
            ExprKind::Interval(interval(cursor)?)
        }
        "current_date" => {
            let name = cursor.name("a name")?;
            ExprKind::Call(Call {
                name,
                star: false,
                distinct: false,
                arguments: Vec::new(),
            })
        }
        "current_timestamp" | "localtimestamp" => {
            return Err(cursor.unsupported("CURRENT_TIMESTAMP; write now()"));
        }
        "exists" | "select" => return Err(cursor.unsupported("a sub-query")),
        "try_cast" | "safe_cast" => return Err(cursor.unsupported("TRY_CAST")),
        _ => return Ok(None),
    };
    Ok(Some(kind))
}

fn constant(cursor: &mut Cursor<'_>, kind: ExprKind) -> ExprKind {
    cursor.skip();
    kind
}

/// `DATE '2026-11-20'`: a cast of a string.
fn typed_text(cursor: &mut Cursor<'_>, to: DataType) -> Result<ExprKind> {
    cursor.skip();
    let at = cursor.at();
    let text = cursor.text("a string")?;
    let text = cursor.node(at, ExprKind::Text(text))?;
    Ok(ExprKind::Cast(Box::new(text), to))
}

fn bracketed(cursor: &mut Cursor<'_>) -> Result<Expr> {
    cursor.skip();
    refuse_subquery(cursor)?;
    let inner = cursor.nested(expr)?;
    if cursor.is_symbol(",") {
        return Err(cursor.unsupported("a row of several values"));
    }
    cursor.expect_symbol(")")?;
    Ok(inner)
}

/// Refuses a sub-query behind a bracket.
pub(crate) fn refuse_subquery(cursor: &Cursor<'_>) -> Result<()> {
    if ["select", "with", "values", "table"]
        .iter()
        .any(|word| cursor.is_word(word))
    {
        return Err(cursor.unsupported("a sub-query"));
    }
    Ok(())
}

/// `['a', 'b']`, at its bracket.
fn list(cursor: &mut Cursor<'_>) -> Result<ExprKind> {
    cursor.expect_symbol("[")?;
    if cursor.accept_symbol("]") {
        return Ok(ExprKind::List(Vec::new()));
    }
    let items = cursor.nested(|cursor| cursor.list(expr))?;
    cursor.expect_symbol("]")?;
    Ok(ExprKind::List(items))
}

/// `{'a': 1, 'b': 2}`, at its brace.
fn map(cursor: &mut Cursor<'_>) -> Result<ExprKind> {
    cursor.expect_symbol("{")?;
    if cursor.accept_symbol("}") {
        return Ok(ExprKind::Map(Vec::new()));
    }
    let entries = cursor.nested(|cursor| {
        cursor.list(|cursor| {
            let key = expr(cursor)?;
            cursor.expect_symbol(":")?;
            Ok((key, expr(cursor)?))
        })
    })?;
    cursor.expect_symbol("}")?;
    Ok(ExprKind::Map(entries))
}

fn case(cursor: &mut Cursor<'_>) -> Result<ExprKind> {
    cursor.skip();
    cursor.nested(|cursor| {
        let operand = match cursor.is_word("when") {
            true => None,
            false => Some(Box::new(expr(cursor)?)),
        };
        let mut branches = Vec::new();
        while cursor.accept_word("when") {
            let when = expr(cursor)?;
            cursor.expect_word("then")?;
            branches.push((when, expr(cursor)?));
        }
        if branches.is_empty() {
            return Err(cursor.expected("WHEN"));
        }
        let otherwise = match cursor.accept_word("else") {
            true => Some(Box::new(expr(cursor)?)),
            false => None,
        };
        cursor.expect_word("end")?;
        Ok(ExprKind::Case {
            operand,
            branches,
            otherwise,
        })
    })
}

fn cast(cursor: &mut Cursor<'_>) -> Result<ExprKind> {
    cursor.skip();
    cursor.expect_symbol("(")?;
    let inner = cursor.nested(expr)?;
    cursor.expect_word("as")?;
    let to = types::data_type(cursor)?;
    cursor.expect_symbol(")")?;
    Ok(ExprKind::Cast(Box::new(inner), to))
}

fn extract(cursor: &mut Cursor<'_>) -> Result<ExprKind> {
    cursor.skip();
    cursor.expect_symbol("(")?;
    let field = match cursor.peek() {
        TokenKind::Word(word) => date_field(word),
        TokenKind::Text(word) => date_field(word),
        _ => None,
    };
    let Some(field) = field else {
        let fields = "YEAR, QUARTER, MONTH, WEEK, DAY, DOW, ISODOW, DOY, HOUR, MINUTE, SECOND or \
                      EPOCH";
        return Err(cursor.expected(fields));
    };
    cursor.skip();
    cursor.expect_word("from")?;
    let inner = cursor.nested(expr)?;
    cursor.expect_symbol(")")?;
    Ok(ExprKind::Extract(field, Box::new(inner)))
}

fn date_field(word: &str) -> Option<DateField> {
    Some(match word.to_ascii_lowercase().as_str() {
        "year" => DateField::Year,
        "quarter" => DateField::Quarter,
        "month" => DateField::Month,
        "week" => DateField::Week,
        "day" => DateField::Day,
        "dow" | "dayofweek" => DateField::DayOfWeek,
        "isodow" => DateField::IsoDayOfWeek,
        "doy" | "dayofyear" => DateField::DayOfYear,
        "hour" => DateField::Hour,
        "minute" => DateField::Minute,
        "second" => DateField::Second,
        "epoch" => DateField::Epoch,
        _ => return None,
    })
}

/// `INTERVAL '7 days 2 hours'`, `INTERVAL '7' DAY`, `INTERVAL 7 DAY`.
fn interval(cursor: &mut Cursor<'_>) -> Result<Interval> {
    cursor.skip();
    let at = cursor.at();
    let mut text = match cursor.take() {
        TokenKind::Number(number) => number.to_owned(),
        TokenKind::Text(text) => text.into_owned(),
        _ => return Err(cursor.expected("a number or a string")),
    };
    if let TokenKind::Word(word) = cursor.peek()
        && unit_of(&word.to_ascii_lowercase()).is_some()
    {
        text = format!("{text} {word}");
        cursor.skip();
    }
    parse_interval(&text).ok_or_else(|| {
        let shown = crate::literal::shown(&text);
        Error::syntax(format!("{shown:?} is not an interval such as '7 days'")).at(at)
    })
}

fn parse_interval(text: &str) -> Option<Interval> {
    let mut interval = Interval::default();
    let mut words = text.split_ascii_whitespace().peekable();
    words.peek()?;
    while let Some(number) = words.next() {
        let number: i64 = number.parse().ok()?;
        let (months, days, microseconds) = unit_of(&words.next()?.to_ascii_lowercase())?;
        let times = |unit: i32| i32::try_from(number.checked_mul(i64::from(unit))?).ok();
        interval.months = interval.months.checked_add(times(months)?)?;
        interval.days = interval.days.checked_add(times(days)?)?;
        let exact = number.checked_mul(microseconds)?;
        interval.microseconds = interval.microseconds.checked_add(exact)?;
    }
    Some(interval)
}

/// Months, days and microseconds of a unit.
fn unit_of(word: &str) -> Option<(i32, i32, i64)> {
    Some(match word {
        "year" | "years" => (12, 0, 0),
        "quarter" | "quarters" => (3, 0, 0),
        "month" | "months" => (1, 0, 0),
        "week" | "weeks" => (0, 7, 0),
        "day" | "days" => (0, 1, 0),
        "hour" | "hours" => (0, 0, 3_600_000_000),
        "minute" | "minutes" => (0, 0, 60_000_000),
        "second" | "seconds" => (0, 0, 1_000_000),
        "millisecond" | "milliseconds" => (0, 0, 1_000),
        "microsecond" | "microseconds" => (0, 0, 1),
        _ => return None,
    })
}

fn name_or_call(cursor: &mut Cursor<'_>) -> Result<Expr> {
    let at = cursor.at();
    let first = cursor.name("an expression")?;
    if cursor.accept_symbol("(") {
        let call = call(cursor, first)?;
        return cursor.node(at, ExprKind::Call(call));
    }
    let kind = if cursor.accept_symbol(".") {
        let name = cursor.name("a column")?;
        if cursor.is_symbol(".") {
            return Err(cursor.unsupported("a name of more than two parts"));
        }
        ExprKind::Column {
            qualifier: Some(first),
            name,
        }
    } else {
        ExprKind::Column {
            qualifier: None,
            name: first,
        }
    };
    cursor.node(at, kind)
}

/// A call behind its bracket.
fn call(cursor: &mut Cursor<'_>, name: Name) -> Result<Call> {
    let mut call = Call {
        name,
        star: false,
        distinct: false,
        arguments: Vec::new(),
    };
    if cursor.accept_symbol("*") {
        call.star = true;
    } else if !cursor.is_symbol(")") {
        call.distinct = cursor.accept_word("distinct");
        if !call.distinct {
            cursor.accept_word("all");
        }
        refuse_subquery(cursor)?;
        call.arguments = cursor.nested(|cursor| cursor.list(expr))?;
        if cursor.is_word("order") {
            return Err(cursor.unsupported("ORDER BY in an aggregate"));
        }
        if cursor.is_symbol("=>") || cursor.is_symbol(":=") {
            return Err(cursor.unsupported("a named argument"));
        }
    }
    cursor.expect_symbol(")")?;
    for (word, feature) in [
        ("filter", "FILTER"),
        ("over", "OVER (window functions)"),
        ("within", "WITHIN GROUP"),
        ("ignore", "IGNORE NULLS"),
    ] {
        let behind = cursor.peek_at(1);
        let opens = *behind == TokenKind::Symbol("(")
            || matches!(behind, TokenKind::Word(next) if !is_reserved(next));
        if cursor.is_word(word) && (opens || cursor.is_word_at(1, "group")) {
            return Err(cursor.unsupported(feature));
        }
    }
    Ok(call)
}
