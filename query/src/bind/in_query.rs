//! Conditions that ask whether something is among the values of a query.

use tagdb_storage::schema::TagType;

use crate::bind::bound::{Column, Expr, InQuery, Leaf, Operand, Predicate, Slot};
use crate::bind::expr::{coerce, scalar};
use crate::bind::query::{among_keys, in_condition};
use crate::bind::scope::Scope;
use crate::bind::types::common_type;
use crate::error::{Error, Result};
use crate::parse::ast;
use crate::value::DataType;

/// `left IN (query)`
pub(super) fn in_query(
    scope: &mut Scope<'_>,
    left: &ast::Expr,
    ast: &ast::Query,
) -> Result<Predicate> {
    let bound = in_condition(scope, ast)?;
    let kind = column_type(&bound.query);
    let left_at = left.at;
    let left = scalar(scope, left, Some(kind))?;
    let common = common_type(left.data_type, kind).filter(|common| {
        // Midnights depend on the time zone, which a query in a condition does not have.
        let dates = [DataType::Date, DataType::Timestamp];
        !dates.contains(common) || left.data_type == kind || left.data_type == DataType::Null
    });
    let Some(common) = common else {
        let detail = format!("{} and {kind} do not go together", left.data_type);
        return Err(Error::type_mismatch(detail).at(left_at));
    };
    if matches!(
        common,
        DataType::KeywordSet | DataType::Map(_) | DataType::LongText
    ) {
        let feature = format!("IN of {common} values; write x && (SELECT ...) for sets");
        return Err(Error::unsupported(feature).at(left_at));
    }
    let operand = operand(scope, left, common)?;
    if let (Operand::Key(_), Some(keys)) = (&operand, &bound.keys) {
        return among_keys(scope, keys);
    }
    Ok(leaf(operand, &bound))
}

/// `set && (query)`, `set @> (query)`
pub(super) fn set_query(
    scope: &mut Scope<'_>,
    set: &Expr,
    ast: &ast::Query,
    operand: fn(Slot) -> Operand,
) -> Result<Predicate> {
    let bound = in_condition(scope, ast)?;
    let kind = column_type(&bound.query);
    if !matches!(kind, DataType::Keyword) {
        let detail = format!("the members of a set are strings, not {kind}");
        return Err(Error::type_mismatch(detail).at(ast.at));
    }
    match set.as_slot().filter(|_| scope.groups.is_none()) {
        Some(slot) => Ok(leaf(operand(slot), &bound)),
        None => Err(Error::unsupported(
            "a sub-query beside a set that is no column",
        )),
    }
}

fn column_type(query: &crate::bind::bound::Query) -> DataType {
    let column = query.columns().first();
    column.map_or(DataType::Null, |column| column.kind)
}

fn leaf(operand: Operand, bound: &crate::bind::query::BoundQuery) -> Predicate {
    Predicate::Leaf(Leaf::InQuery(Box::new(InQuery {
        operand,
        query: bound.query.clone(),
        found: None,
    })))
}

fn operand(scope: &Scope<'_>, left: Expr, common: DataType) -> Result<Operand> {
    let slot = left.as_slot().filter(|_| scope.groups.is_none());
    let column = slot.and_then(|slot| Some((slot, scope.column(slot)?)));
    Ok(match column {
        Some((slot, Column::Key)) => Operand::Key(slot),
        Some((slot, Column::MapValue { number, .. })) => Operand::Number(slot, *number),
        Some((slot, Column::Tag { kind, .. })) => match kind {
            TagType::Keyword => Operand::Text(slot),
            TagType::Number(number) => Operand::Number(slot, *number),
            _ => Operand::Rows(coerce(scope, left, common)?),
        },
        None => Operand::Rows(coerce(scope, left, common)?),
    })
}
