//! Calls of scalar functions.

use crate::bind::aggregate::is_aggregate;
use crate::bind::bound::{DateUnit, Expr, Function};
use crate::bind::expr::{alike, called, coerce, coerced, date_or_timestamp, of_predicate, scalar};
use crate::bind::scope::Scope;
use crate::bind::types::{decimal, scale_of};
use crate::bind::{names, sample, sets};
use crate::error::{Error, Result};
use crate::functions::date_of;
use crate::parse::ast::{self, Call};
use crate::value::{DataType, Value};

/// Binds a call as a value.
pub(super) fn call(
    scope: &mut Scope<'_>,
    call: &Call,
    at: u32,
    expected: Option<DataType>,
) -> Result<Expr> {
    let name = call.name.text.as_str();
    if is_aggregate(name) {
        return Err(Error::unsupported(format!(
            "the aggregate {name} here; aggregates stand in the SELECT list, in HAVING and in \
             ORDER BY"
        )));
    }
    if name == "unnest" || name == "map_keys" {
        return Err(Error::unsupported(format!(
            "{name} here; write GROUP BY unnest(set) or GROUP BY unnest(map_keys(map))"
        )));
    }
    if call.star || call.distinct || call.filter.is_some() {
        if !names::FUNCTIONS.contains(&name) {
            return Err(names::unknown_function(name).at(at));
        }
        return Err(Error::syntax(format!(
            "{name} takes neither * nor DISTINCT nor FILTER"
        )));
    }
    if let Some(predicate) = sets::call(scope, call)? {
        return Ok(of_predicate(predicate));
    }
    let arguments: Vec<&ast::Expr> = call.arguments.iter().collect();
    match name {
        "now" => constant_time(scope, &arguments, DataType::Timestamp),
        "current_date" => constant_time(scope, &arguments, DataType::Date),
        "coalesce" => variadic(scope, Function::Coalesce, &arguments, expected),
        "greatest" | "least" => {
            let function = match name {
                "greatest" => Function::Greatest,
                _ => Function::Least,
            };
            let expr = variadic(scope, function, &arguments, expected)?;
            ordered(expr)
        }
        "nullif" => {
            arity(name, &arguments, 2..=2)?;
            nullif(scope, &arguments, expected)
        }
        "concat" => concat(scope, &arguments),
        "abs" | "floor" | "ceil" | "round" => number(scope, name, &arguments),
        "length" | "lower" | "upper" => text(scope, name, &arguments),
        "cardinality" => cardinality(scope, &arguments),
        "bucket_of" => sample::bucket_of(scope, &arguments),
        "width_bucket" => width_bucket(scope, &arguments),
        "date_trunc" => date_trunc(scope, &arguments),
        "array_append" | "array_remove" => set_edit(scope, name, &arguments),
        "extract" => Err(Error::syntax("extract is written extract(YEAR FROM x)")),
        _ => Err(names::unknown_function(name).at(at)),
    }
}

fn arity(
    name: &str,
    arguments: &[&ast::Expr],
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<()> {
    if allowed.contains(&arguments.len()) {
        return Ok(());
    }
    let (least, most) = (allowed.start(), allowed.end());
    let wanted = match least == most {
        true => least.to_string(),
        false => format!("{least} to {most}"),
    };
    Err(Error::type_mismatch(format!(
        "{name} takes {wanted} arguments, not {}",
        arguments.len()
    )))
}

fn constant_time(scope: &Scope<'_>, arguments: &[&ast::Expr], data_type: DataType) -> Result<Expr> {
    let now = scope.env.now;
    match data_type {
        DataType::Date => {
            arity("current_date", arguments, 0..=0)?;
            let date = date_of(now, &scope.env.time_zone)?;
            Ok(Expr::literal(Value::Date(date), data_type))
        }
        _ => {
            arity("now", arguments, 0..=0)?;
            Ok(Expr::literal(Value::Timestamp(now), data_type))
        }
    }
}

/// Arguments of one type, which is the result's.
fn variadic(
    scope: &mut Scope<'_>,
    function: Function,
    arguments: &[&ast::Expr],
    expected: Option<DataType>,
) -> Result<Expr> {
    if arguments.is_empty() {
        return Err(Error::type_mismatch(
            "the function takes at least one argument",
        ));
    }
    let (arguments, data_type) = coerced(scope, arguments, expected)?;
    Ok(called(function, arguments, data_type))
}

/// The result has the type of the first argument, unless a date has to become a timestamp.
fn nullif(
    scope: &mut Scope<'_>,
    arguments: &[&ast::Expr],
    expected: Option<DataType>,
) -> Result<Expr> {
    let (mut arguments, common) = alike(scope, arguments, expected)?;
    if common == DataType::Timestamp {
        arguments = arguments
            .into_iter()
            .map(|argument| coerce(scope, argument, common))
            .collect::<Result<_>>()?;
    }
    let data_type = arguments.first().map_or(common, |first| first.data_type);
    Ok(called(Function::Nullif, arguments, data_type))
}

fn ordered(expr: Expr) -> Result<Expr> {
    match expr.data_type {
        DataType::KeywordSet | DataType::Map(_) => Err(Error::type_mismatch(format!(
            "values of {} have no order",
            expr.data_type
        ))),
        _ => Ok(expr),
    }
}

fn concat(scope: &mut Scope<'_>, arguments: &[&ast::Expr]) -> Result<Expr> {
    arity("concat", arguments, 1..=1_000)?;
    let mut texts = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let expr = scalar(scope, argument, None)?;
        if matches!(expr.data_type, DataType::KeywordSet | DataType::Map(_)) {
            let detail = format!("concat takes no {}", expr.data_type);
            return Err(Error::type_mismatch(detail).at(argument.at));
        }
        texts.push(expr);
    }
    Ok(called(Function::Concat, texts, DataType::Keyword))
}

/// Functions of a number.
fn number(scope: &mut Scope<'_>, name: &str, arguments: &[&ast::Expr]) -> Result<Expr> {
    let most = if name == "round" { 2 } else { 1 };
    arity(name, arguments, 1..=most)?;
    let value = numeric(scope, arguments[0])?;
    let whole = match value.data_type {
        other if other.is_integer() => DataType::BigInt,
        other => other,
    };
    let (function, data_type) = match (name, whole) {
        ("abs", _) => (Function::Abs, whole),
        ("floor", DataType::Decimal { .. }) => (Function::Floor, decimal(0)),
        ("floor", _) => (Function::Floor, whole),
        ("ceil", DataType::Decimal { .. }) => (Function::Ceil, decimal(0)),
        ("ceil", _) => (Function::Ceil, whole),
        _ => return round(scope, value, whole, arguments.get(1).copied()),
    };
    Ok(called(function, vec![value], data_type))
}

/// A decimal keeps the digits that are asked for, if that is a constant.
fn round(
    scope: &mut Scope<'_>,
    value: Expr,
    whole: DataType,
    places: Option<&ast::Expr>,
) -> Result<Expr> {
    let places = match places {
        None => Expr::literal(Value::Int(0), DataType::BigInt),
        Some(ast) => {
            let places = scalar(scope, ast, Some(DataType::BigInt))?;
            if !places.data_type.is_integer() && places.data_type != DataType::Null {
                let detail = format!("a number of digits is an integer, not {}", places.data_type);
                return Err(Error::type_mismatch(detail).at(ast.at));
            }
            places
        }
    };
    let data_type = match (whole, scale_of(whole), places.as_literal()) {
        (DataType::Decimal { .. }, Some(scale), Some(Value::Int(places))) => {
            decimal(u8::try_from((*places).max(0)).unwrap_or(u8::MAX).min(scale))
        }
        _ => whole,
    };
    Ok(called(Function::Round, vec![value, places], data_type))
}

fn numeric(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Expr> {
    let expr = scalar(scope, ast, None)?;
    if !expr.data_type.is_numeric() && expr.data_type != DataType::Null {
        let detail = format!("a number is expected, not {}", expr.data_type);
        return Err(Error::type_mismatch(detail).at(ast.at));
    }
    Ok(expr)
}

fn text(scope: &mut Scope<'_>, name: &str, arguments: &[&ast::Expr]) -> Result<Expr> {
    arity(name, arguments, 1..=1)?;
    let expr = scalar(scope, arguments[0], Some(DataType::Keyword))?;
    match expr.data_type {
        DataType::Keyword | DataType::LongText | DataType::Null => {}
        DataType::KeywordSet | DataType::Map(_) => {
            let detail = format!("{name} takes a string; the size of a set is cardinality(x)");
            return Err(Error::type_mismatch(detail).at(arguments[0].at));
        }
        other => {
            let detail = format!("{name} takes a string, not {other}");
            return Err(Error::type_mismatch(detail).at(arguments[0].at));
        }
    }
    let (function, data_type) = match name {
        "length" => (Function::Length, DataType::BigInt),
        "lower" => (Function::Lower, expr.data_type),
        _ => (Function::Upper, expr.data_type),
    };
    Ok(called(function, vec![expr], data_type))
}

fn cardinality(scope: &mut Scope<'_>, arguments: &[&ast::Expr]) -> Result<Expr> {
    arity("cardinality", arguments, 1..=1)?;
    let expr = scalar(scope, arguments[0], Some(DataType::KeywordSet))?;
    if !matches!(expr.data_type, DataType::KeywordSet | DataType::Map(_)) {
        let detail = format!("cardinality takes a set or a map, not {}", expr.data_type);
        return Err(Error::type_mismatch(detail).at(arguments[0].at));
    }
    Ok(called(Function::Cardinality, vec![expr], DataType::BigInt))
}

fn width_bucket(scope: &mut Scope<'_>, arguments: &[&ast::Expr]) -> Result<Expr> {
    arity("width_bucket", arguments, 4..=4)?;
    let mut values = Vec::with_capacity(4);
    for argument in arguments {
        values.push(numeric(scope, argument)?);
    }
    if !values[3].data_type.is_integer() && values[3].data_type != DataType::Null {
        let detail = "the number of buckets is an integer";
        return Err(Error::type_mismatch(detail).at(arguments[3].at));
    }
    Ok(called(Function::WidthBucket, values, DataType::BigInt))
}

fn date_trunc(scope: &mut Scope<'_>, arguments: &[&ast::Expr]) -> Result<Expr> {
    arity("date_trunc", arguments, 2..=2)?;
    let unit = scalar(scope, arguments[0], Some(DataType::Keyword))?;
    let unit = match unit.as_literal() {
        Some(Value::Text(text)) => date_unit(text),
        _ => None,
    };
    let Some(unit) = unit else {
        let detail = "the unit of date_trunc is 'year', 'quarter', 'month', 'week', 'day', 'hour', \
                      'minute' or 'second'";
        return Err(Error::type_mismatch(detail).at(arguments[0].at));
    };
    let value = date_or_timestamp(scope, arguments[1])?;
    let data_type = value.data_type;
    let function = Function::DateTrunc(unit, scope.env.time_zone.clone());
    Ok(called(function, vec![value], data_type))
}

fn date_unit(text: &str) -> Option<DateUnit> {
    Some(match text.to_ascii_lowercase().as_str() {
        "year" => DateUnit::Year,
        "quarter" => DateUnit::Quarter,
        "month" => DateUnit::Month,
        "week" => DateUnit::Week,
        "day" => DateUnit::Day,
        "hour" => DateUnit::Hour,
        "minute" => DateUnit::Minute,
        "second" => DateUnit::Second,
        _ => return None,
    })
}

fn set_edit(scope: &mut Scope<'_>, name: &str, arguments: &[&ast::Expr]) -> Result<Expr> {
    arity(name, arguments, 2..=2)?;
    let set = scalar(scope, arguments[0], Some(DataType::KeywordSet))?;
    if set.data_type != DataType::KeywordSet {
        let detail = format!("{name} takes a set, not {}", set.data_type);
        return Err(Error::type_mismatch(detail).at(arguments[0].at));
    }
    let member = scalar(scope, arguments[1], Some(DataType::Keyword))?;
    if !matches!(member.data_type, DataType::Keyword | DataType::Null) {
        let detail = format!("the members of a set are strings, not {}", member.data_type);
        return Err(Error::type_mismatch(detail).at(arguments[1].at));
    }
    let member = coerce(scope, member, DataType::Keyword)?;
    let function = match name {
        "array_append" => Function::ArrayAppend,
        _ => Function::ArrayRemove,
    };
    Ok(called(function, vec![set, member], DataType::KeywordSet))
}
