//! Calls of aggregates.

use crate::bind::bound::{Aggregate, AggregateKind, Expr, Fraction, Predicate};
use crate::bind::expr::scalar;
use crate::bind::predicate::predicate;
use crate::bind::scope::Scope;
use crate::bind::types::{decimal, scale_of};
use crate::error::{Error, Result};
use crate::parse::ast::{self, Call};
use crate::value::{DataType, Value};

/// Whether a function of that name is an aggregate.
pub(super) fn is_aggregate(name: &str) -> bool {
    kind_of(name).is_some()
}

fn kind_of(name: &str) -> Option<AggregateKind> {
    Some(match name {
        "count" => AggregateKind::Count,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        // Which fraction is said by the second argument.
        "median" | "quantile" => AggregateKind::Quantile(Fraction::HALF),
        "stddev" => AggregateKind::Stddev,
        "share" => AggregateKind::Share,
        "tgi" => AggregateKind::Tgi,
        _ => return None,
    })
}

/// Binds an aggregate and its argument over rows; its filter is another matter.
pub(super) fn aggregate(scope: &mut Scope<'_>, call: &Call, has_keys: bool) -> Result<Aggregate> {
    let name = call.name.text.as_str();
    let Some(kind) = kind_of(name) else {
        return Err(Error::internal("an aggregate that is none"));
    };
    if call.star && kind != AggregateKind::Count {
        return Err(Error::type_mismatch(format!("{name}(*) has no meaning")));
    }
    let is_share = matches!(kind, AggregateKind::Share | AggregateKind::Tgi);
    if is_share && !has_keys {
        let detail = format!("{name}() compares groups; write GROUP BY");
        return Err(Error::new("not_grouped", detail));
    }
    if call.star || is_share {
        check_arity(
            call,
            if call.star {
                1.min(call.arguments.len())
            } else {
                0
            },
        )?;
        check_distinct(call, kind)?;
        let data_type = if is_share {
            DataType::Double
        } else {
            DataType::BigInt
        };
        return Ok(Aggregate {
            kind,
            argument: None,
            filter: None,
            data_type,
        });
    }
    let takes_two = name == "quantile";
    check_arity(call, if takes_two { 2 } else { 1 })?;
    let kind = match kind {
        AggregateKind::Count if call.distinct => AggregateKind::CountDistinct,
        AggregateKind::Quantile(_) if takes_two => {
            AggregateKind::Quantile(fraction(scope, &call.arguments[1])?)
        }
        kind => kind,
    };
    check_distinct(call, kind)?;
    let argument = &call.arguments[0];
    let expr = scalar(scope, argument, None)?;
    let Some(data_type) = type_of(kind, expr.data_type) else {
        let detail = format!("{name} of {} has no meaning", expr.data_type);
        return Err(Error::type_mismatch(detail).at(argument.at));
    };
    Ok(Aggregate {
        kind,
        argument: Some(expr),
        filter: None,
        data_type,
    })
}

/// Binds what stands in FILTER over rows, unless it is always true.
pub(super) fn filter(scope: &mut Scope<'_>, call: &Call) -> Result<Option<Predicate>> {
    let Some(ast) = &call.filter else {
        return Ok(None);
    };
    let bound = predicate(scope, ast)?;
    let filter = scope.simplified(bound);
    Ok(Some(filter).filter(|filter| *filter != Predicate::Constant(Some(true))))
}

fn check_arity(call: &Call, wanted: usize) -> Result<()> {
    let count = call.arguments.len();
    if count == wanted {
        return Ok(());
    }
    let name = &call.name.text;
    let s = if wanted == 1 { "" } else { "s" };
    let detail = format!("{name} takes {wanted} argument{s}, not {count}");
    Err(Error::type_mismatch(detail))
}

fn check_distinct(call: &Call, kind: AggregateKind) -> Result<()> {
    let is_same = matches!(
        kind,
        AggregateKind::CountDistinct | AggregateKind::Min | AggregateKind::Max
    );
    if call.distinct && !is_same {
        let name = &call.name.text;
        return Err(Error::unsupported(format!("{name}(DISTINCT ...)")));
    }
    Ok(())
}

/// The second argument of `quantile`.
fn fraction(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Fraction> {
    let scale = DataType::Decimal {
        precision: Fraction::SCALE,
        scale: Fraction::SCALE,
    };
    let expr: Expr = scalar(scope, ast, Some(scale))?;
    let (zero, one) = (Value::Int(0), Value::Int(1));
    let is_within = |value: &&Value| {
        let orders = (value.compare(&zero), value.compare(&one));
        matches!(orders, (Some(low), Some(high)) if low.is_ge() && high.is_le())
    };
    let scale = i32::from(Fraction::SCALE);
    let units = match expr.as_literal().filter(is_within) {
        Some(Value::Double(value)) => crate::decimal::from_double(*value, scale),
        Some(value) => value.to_fixed().and_then(|(digits, from)| {
            crate::decimal::rescale_signed(digits, i32::from(from), scale)
        }),
        None => None,
    };
    let units = units.and_then(|units| u64::try_from(units).ok());
    units.and_then(Fraction::new).ok_or_else(|| {
        let detail = "the second argument of quantile is a constant number from 0 to 1";
        Error::new("bad_parameter", detail).at(ast.at)
    })
}

/// The type of an aggregate's result; nothing if it makes no sense of the argument.
fn type_of(kind: AggregateKind, argument: DataType) -> Option<DataType> {
    let unordered = matches!(
        argument,
        DataType::KeywordSet | DataType::Map(_) | DataType::LongText
    );
    let is_number = argument.is_numeric() || argument == DataType::Null;
    let is_time = matches!(argument, DataType::Date | DataType::Timestamp);
    match kind {
        AggregateKind::Count => Some(DataType::BigInt),
        _ if unordered => None,
        AggregateKind::CountDistinct => Some(DataType::BigInt),
        AggregateKind::Min | AggregateKind::Max => Some(argument),
        AggregateKind::Quantile(_) if is_time => Some(argument),
        _ if !is_number => None,
        AggregateKind::Sum => Some(match (argument, scale_of(argument)) {
            (DataType::Decimal { .. }, Some(scale)) => decimal(scale),
            (_, Some(_)) => DataType::BigInt,
            _ => DataType::Double,
        }),
        _ => Some(DataType::Double),
    }
}
