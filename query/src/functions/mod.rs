//! Expressions and predicates by rows.
//!
//! A row is the values of all slots: a scan's columns, or a group's keys and aggregates. What a
//! predicate says here of one row is what its bitmaps say of all subjects.

mod arithmetic;
mod bucket;
mod cast;
mod pattern;
mod scalar;
mod time;

use std::cmp::Ordering;
use std::sync::Arc;

pub use arithmetic::arithmetic;
pub use bucket::{bucket_hash, bucket_of};
pub use cast::cast;
pub use pattern::Pattern;
pub(crate) use time::unbounded_midnight_of;
pub use time::{add_interval, date_of, midnight_of};

use tagdb_storage::batch::KeyRef;
use tagdb_storage::schema::sortable_from_double;

use crate::bind::bound::{
    AnyKey, Comparison, EntryColumn, Expr, ExprKind, Found, InQuery, Leaf, Operand, Predicate, Slot,
};
use crate::error::{Error, Result};
use crate::value::Value;

/// The value of an expression in a row.
///
/// # Errors
/// `overflow`, `type_mismatch` for a text that a cast cannot read, `bad_parameter`.
pub fn eval(expr: &Expr, row: &[Value]) -> Result<Value> {
    match &expr.kind {
        ExprKind::Literal(value) => Ok(value.clone()),
        ExprKind::Slot(slot) => Ok(slot_value(row, *slot)?.clone()),
        ExprKind::Negate(inner) => arithmetic::negate(&eval(inner, row)?),
        ExprKind::Arithmetic(operator, left, right) => {
            arithmetic(*operator, &eval(left, row)?, &eval(right, row)?)
        }
        ExprKind::Call(function, arguments) => {
            scalar::call(function, arguments, row, expr.data_type)
        }
        ExprKind::Cast(inner) => cast(eval(inner, row)?, expr.data_type),
        ExprKind::Case {
            branches,
            otherwise,
        } => {
            for (when, then) in branches {
                if eval_predicate(when, row)? == Some(true) {
                    return eval(then, row);
                }
            }
            eval(otherwise, row)
        }
        ExprKind::Predicate(predicate) => {
            Ok(eval_predicate(predicate, row)?.map_or(Value::Null, Value::Boolean))
        }
    }
}

fn slot_value(row: &[Value], slot: Slot) -> Result<&Value> {
    row.get(slot)
        .ok_or_else(|| Error::internal("an expression reads beyond its row"))
}

/// Whether a predicate is true or false in a row; nothing if it is unknown.
///
/// # Errors
/// As of [`eval`].
pub fn eval_predicate(predicate: &Predicate, row: &[Value]) -> Result<Option<bool>> {
    match predicate {
        Predicate::Constant(value) => Ok(*value),
        Predicate::And(terms) => eval_chain(terms, row, false),
        Predicate::Or(terms) => eval_chain(terms, row, true),
        Predicate::Not(inner) => Ok(eval_predicate(inner, row)?.map(|value| !value)),
        Predicate::IsTrue(inner) => Ok(Some(eval_predicate(inner, row)? == Some(true))),
        Predicate::IsFalse(inner) => Ok(Some(eval_predicate(inner, row)? == Some(false))),
        Predicate::IsNull(inner) => Ok(Some(eval_predicate(inner, row)?.is_none())),
        Predicate::Leaf(leaf) => eval_leaf(leaf, row),
    }
}

/// OR (`decides` is true) or AND (`decides` is false).
fn eval_chain(terms: &[Predicate], row: &[Value], decides: bool) -> Result<Option<bool>> {
    let mut result = Some(!decides);
    for term in terms {
        match eval_predicate(term, row)? {
            Some(value) if value == decides => return Ok(Some(decides)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}

fn eval_leaf(leaf: &Leaf, row: &[Value]) -> Result<Option<bool>> {
    Ok(match leaf {
        Leaf::Boolean(slot) => boolean(slot_value(row, *slot)?),
        Leaf::Number(slot, ranges) => {
            stored(slot_value(row, *slot)?).map(|stored| ranges.contains(stored))
        }
        Leaf::Text(slot, test) => text(slot_value(row, *slot)?).map(|text| test.contains(text)),
        Leaf::Known(slot) => Some(slot_value(row, *slot)?.is_known()),
        Leaf::Key(slot, test) => key(slot_value(row, *slot)?).map(|key| test.contains(key)),
        Leaf::HasAny(slot, members) => Some(has_any(members_of(slot_value(row, *slot)?), members)),
        Leaf::HasAll(slot, members) => Some(has_all(members_of(slot_value(row, *slot)?), members)),
        Leaf::Overlaps(left, right) => Some(has_any(
            members_of(slot_value(row, *right)?),
            members_of(slot_value(row, *left)?),
        )),
        Leaf::Contains(left, right) => Some(has_all(
            members_of(slot_value(row, *left)?),
            members_of(slot_value(row, *right)?),
        )),
        Leaf::Cardinality(slot, ranges) => {
            Some(ranges.contains(cardinality(slot_value(row, *slot)?)))
        }
        Leaf::Compare(comparison, left, right) => {
            let order = eval(left, row)?.compare(&eval(right, row)?);
            order.map(|order| holds(*comparison, order))
        }
        Leaf::OneOf(expr, values) => one_of(&eval(expr, row)?, values),
        Leaf::Holds(expr) => boolean(&eval(expr, row)?),
        Leaf::NotNull(expr) => Some(!eval(expr, row)?.is_null()),
        Leaf::InQuery(test) => in_query(test, row)?,
        Leaf::AnyKey(any) => Some(any_key(any, row)?),
    })
}

/// Whether a condition is true for any key of a map.
fn any_key(any: &AnyKey, row: &[Value]) -> Result<bool> {
    let Value::Map(entries) = slot_value(row, any.map)? else {
        return Ok(false);
    };
    let mut inner = vec![Value::Null; any.columns.len()];
    for (place, column) in any.columns.iter().enumerate() {
        if let EntryColumn::Outer(slot) = column {
            inner[place] = slot_value(row, *slot)?.clone();
        }
    }
    for (key, own) in entries {
        for (place, column) in any.columns.iter().enumerate() {
            match column {
                EntryColumn::Key => inner[place] = Value::Text(key.clone()),
                EntryColumn::Value(slot) if *slot == any.map => inner[place] = own.clone(),
                EntryColumn::Value(slot) => {
                    inner[place] = value_under(slot_value(row, *slot)?, key)
                }
                EntryColumn::Outer(_) => {}
            }
        }
        if eval_predicate(&any.predicate, &inner)? == Some(true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The value under a key of a map.
fn value_under(map: &Value, key: &str) -> Value {
    let Value::Map(entries) = map else {
        return Value::Null;
    };
    let found = entries.binary_search_by(|(other, _)| (**other).cmp(key));
    found.map_or(Value::Null, |place| entries[place].1.clone())
}

/// A value as a key.
fn key(value: &Value) -> Option<KeyRef<'_>> {
    match value {
        Value::Int(key) => Some(KeyRef::Int(*key)),
        Value::Text(key) => Some(KeyRef::Text(key)),
        _ => None,
    }
}

fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
    }
}

fn one_of(value: &Value, values: &[Value]) -> Option<bool> {
    if value.is_null() {
        return None;
    }
    let order = |other: &Value| other.compare(value).unwrap_or(Ordering::Less);
    Some(values.binary_search_by(order).is_ok())
}

/// Whether something is among the values of a query that was run.
fn in_query(test: &InQuery, row: &[Value]) -> Result<Option<bool>> {
    let (Operand::Key(slot)
    | Operand::Text(slot)
    | Operand::Number(slot, _)
    | Operand::AnyMember(slot)
    | Operand::AllValues(slot)) = &test.operand
    else {
        return match (&test.operand, &test.found) {
            (Operand::Rows(expr), Some(Found::Values(values))) => {
                Ok(one_of(&eval(expr, row)?, values))
            }
            _ => Err(not_run()),
        };
    };
    let value = slot_value(row, *slot)?;
    match (&test.operand, &test.found) {
        (_, Some(Found::Numbers(numbers))) => {
            Ok(stored(value).map(|number| numbers.contains(number)))
        }
        (Operand::AnyMember(_), Some(Found::Values(values))) => {
            let is_value =
                |member: &Arc<str>| one_of(&Value::Text(member.clone()), values) == Some(true);
            Ok(Some(members_of(value).iter().any(is_value)))
        }
        (Operand::AllValues(_), Some(Found::Values(values))) => {
            let set = members_of(value);
            let mut texts = values.iter().filter_map(text);
            Ok(Some(texts.all(|text| has(set, text))))
        }
        (_, Some(Found::Values(values))) => Ok(one_of(value, values)),
        _ => Err(not_run()),
    }
}

fn not_run() -> Error {
    Error::internal("a query in an expression was not run")
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(*value),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn members_of(value: &Value) -> &[Arc<str>] {
    match value {
        Value::Set(members) => members,
        _ => &[],
    }
}

/// Whether a set, which is sorted, holds a member.
fn has(set: &[Arc<str>], member: &str) -> bool {
    set.binary_search_by(|own| (**own).cmp(member)).is_ok()
}

fn has_any(set: &[Arc<str>], members: &[Arc<str>]) -> bool {
    members.iter().any(|member| has(set, member))
}

fn has_all(set: &[Arc<str>], members: &[Arc<str>]) -> bool {
    members.iter().all(|member| has(set, member))
}

fn cardinality(value: &Value) -> i64 {
    let length = match value {
        Value::Set(members) => members.len(),
        Value::Map(entries) => entries.len(),
        _ => 0,
    };
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A tag's number in the form it is stored in.
fn stored(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) | Value::Timestamp(value) => Some(*value),
        Value::Decimal { digits, .. } => i64::try_from(*digits).ok(),
        Value::Double(value) => Some(sortable_from_double(*value)),
        Value::Date(days) => Some(i64::from(*days)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
