//! Expressions and predicates as text.

use std::ops::Bound;
use std::sync::Arc;

use tagdb_storage::schema::{Key, NumberType, TagType};

use super::SHOWN_MAX;
use crate::bind::bound::{
    AnyKey, Arithmetic, Column, Comparison, EntryColumn, Expr, ExprKind, Function, InQuery,
    KeyTest, Leaf, Operand, Predicate, Ranges, Scan, Slot, TextTest,
};
use crate::functions::Pattern;
use crate::literal::{from_stored, write_value};
use crate::value::Value;

/// What slots are called.
pub(super) struct Names {
    slots: Vec<String>,
    /// The type of numbers in a slot, if it is one of a scan.
    numbers: Vec<NumberType>,
}

impl Names {
    /// Of the columns of a table.
    pub(super) fn of_scan(scan: &Scan) -> Self {
        let tag = |id| scan.table.tag_by_id(id).map_or("?", |tag| &*tag.name);
        let slots = scan.columns.iter().map(|column| match column {
            Column::Key => scan.table.key_name.to_string(),
            Column::Tag { id, .. } => tag(*id).to_owned(),
            Column::MapValue { id, key, .. } => {
                format!("{}[{}]", tag(*id), value_text(&Value::Text(key.clone())))
            }
        });
        let numbers = scan.columns.iter().map(|column| match column {
            Column::Tag {
                kind: TagType::Number(number) | TagType::Map(number),
                ..
            }
            | Column::MapValue { number, .. } => *number,
            _ => NumberType::BigInt,
        });
        Self {
            slots: slots.collect(),
            numbers: numbers.collect(),
        }
    }

    /// Inside of an `any_key`.
    fn of_entries(&self, any: &AnyKey) -> Self {
        let number = |slot: Slot| self.numbers.get(slot).copied();
        let columns = any.columns.iter();
        let numbers = columns.clone().map(|column| match column {
            EntryColumn::Value(slot) | EntryColumn::Outer(slot) => number(*slot),
            EntryColumn::Key => None,
        });
        Self {
            numbers: numbers
                .map(|number| number.unwrap_or(NumberType::BigInt))
                .collect(),
            slots: columns
                .map(|column| match column {
                    EntryColumn::Key => any.name.to_string(),
                    EntryColumn::Value(slot) => format!("{}[{}]", self.slot(*slot), any.name),
                    EntryColumn::Outer(slot) => self.slot(*slot).to_owned(),
                })
                .collect(),
        }
    }

    /// Of a group's row.
    pub(super) const fn of_groups(slots: Vec<String>) -> Self {
        Self {
            slots,
            numbers: Vec::new(),
        }
    }

    pub(super) fn slots(&self) -> &[String] {
        &self.slots
    }

    pub(super) fn slot(&self, slot: Slot) -> &str {
        self.slots.get(slot).map_or("?", String::as_str)
    }

    pub(super) fn expr_text(&self, expr: &Expr) -> String {
        let mut text = String::new();
        self.expr(expr, &mut text);
        text
    }

    fn expr(&self, expr: &Expr, out: &mut String) {
        match &expr.kind {
            ExprKind::Literal(value) => out.push_str(&value_text(value)),
            ExprKind::Slot(slot) => out.push_str(self.slot(*slot)),
            ExprKind::Negate(inner) => {
                out.push('-');
                self.expr(inner, out);
            }
            ExprKind::Arithmetic(operator, left, right) => {
                out.push('(');
                self.expr(left, out);
                out.push_str(match operator {
                    Arithmetic::Add => " + ",
                    Arithmetic::Subtract => " - ",
                    Arithmetic::Multiply => " * ",
                    Arithmetic::Divide => " / ",
                    Arithmetic::Modulo => " % ",
                });
                self.expr(right, out);
                out.push(')');
            }
            ExprKind::Call(Function::Like(pattern), arguments) => {
                let text = arguments.first().map(|text| self.expr_text(text));
                out.push_str(&like_text(&text.unwrap_or_default(), pattern));
            }
            ExprKind::Call(Function::BucketOf { buckets, salt }, arguments) => {
                let key = arguments.first().map(|key| self.expr_text(key));
                let (key, salt) = (
                    key.unwrap_or_default(),
                    value_text(&Value::Text(salt.clone())),
                );
                out.push_str(&format!("bucket_of({key}, {buckets}, {salt})"));
            }
            ExprKind::Call(function, arguments) => {
                out.push_str(&function_name(function));
                out.push('(');
                for (place, argument) in arguments.iter().enumerate() {
                    out.push_str(if place > 0 { ", " } else { "" });
                    self.expr(argument, out);
                }
                out.push(')');
            }
            ExprKind::Cast(inner) => {
                out.push_str("cast(");
                self.expr(inner, out);
                out.push_str(&format!(" as {})", expr.data_type));
            }
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                out.push_str("case");
                for (when, then) in branches {
                    out.push_str(" when ");
                    self.predicate(when, out);
                    out.push_str(" then ");
                    self.expr(then, out);
                }
                out.push_str(" else ");
                self.expr(otherwise, out);
                out.push_str(" end");
            }
            ExprKind::Predicate(predicate) => self.predicate(predicate, out),
        }
    }

    pub(super) fn predicate(&self, predicate: &Predicate, out: &mut String) {
        match predicate {
            Predicate::Constant(Some(value)) => out.push_str(if *value { "true" } else { "false" }),
            Predicate::Constant(None) => out.push_str("unknown"),
            Predicate::And(terms) => self.chain(terms, " and ", out),
            Predicate::Or(terms) => self.chain(terms, " or ", out),
            Predicate::Not(inner) => {
                out.push_str("not ");
                self.predicate(inner, out);
            }
            Predicate::IsTrue(inner) => self.is(inner, " is true", out),
            Predicate::IsFalse(inner) => self.is(inner, " is false", out),
            Predicate::IsNull(inner) => self.is(inner, " is null", out),
            Predicate::Leaf(leaf) => self.leaf(leaf, out),
        }
    }

    fn chain(&self, terms: &[Predicate], between: &str, out: &mut String) {
        out.push('(');
        for (place, term) in terms.iter().enumerate() {
            out.push_str(if place > 0 { between } else { "" });
            self.predicate(term, out);
        }
        out.push(')');
    }

    fn is(&self, inner: &Predicate, what: &str, out: &mut String) {
        out.push('(');
        self.predicate(inner, out);
        out.push_str(what);
        out.push(')');
    }

    fn call_text(&self, function: &str, slot: Slot, members: &[Arc<str>]) -> String {
        let members = members
            .iter()
            .map(|text| value_text(&Value::Text(text.clone())));
        format!("{function}({}, [{}])", self.slot(slot), listed(members))
    }

    fn in_query_text(&self, test: &InQuery) -> String {
        let selects = test.query.selects().iter();
        let tables: Vec<&str> = selects.map(|select| &*select.scan.table.name).collect();
        let query = format!("(query of {})", tables.join(", "));
        match &test.operand {
            Operand::Key(slot) | Operand::Text(slot) | Operand::Number(slot, _) => {
                format!("{} in {query}", self.slot(*slot))
            }
            Operand::AnyMember(slot) => format!("has_any({}, {query})", self.slot(*slot)),
            Operand::AllValues(slot) => format!("has_all({}, {query})", self.slot(*slot)),
            Operand::Rows(expr) => format!("{} in {query} by rows", self.expr_text(expr)),
        }
    }

    fn leaf(&self, leaf: &Leaf, out: &mut String) {
        let text = match leaf {
            Leaf::Boolean(slot) => self.slot(*slot).to_owned(),
            Leaf::Number(slot, ranges) => {
                let kind = self.numbers.get(*slot).copied();
                ranges_text(self.slot(*slot), ranges, kind.unwrap_or(NumberType::BigInt))
            }
            Leaf::Text(slot, test) => text_test(self.slot(*slot), test),
            Leaf::Known(slot) => format!("{} is known", self.slot(*slot)),
            Leaf::Key(slot, test) => key_test(self.slot(*slot), test),
            Leaf::HasAny(slot, members) => self.call_text("has_any", *slot, members),
            Leaf::HasAll(slot, members) => self.call_text("has_all", *slot, members),
            Leaf::Overlaps(a, b) => format!("has_any({}, {})", self.slot(*a), self.slot(*b)),
            Leaf::Contains(a, b) => format!("has_all({}, {})", self.slot(*a), self.slot(*b)),
            Leaf::Cardinality(slot, ranges) => {
                let name = format!("cardinality({})", self.slot(*slot));
                ranges_text(&name, ranges, NumberType::BigInt)
            }
            Leaf::Compare(comparison, left, right) => {
                let operator = match comparison {
                    Comparison::Equal => "=",
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                };
                format!(
                    "{} {operator} {} by rows",
                    self.expr_text(left),
                    self.expr_text(right)
                )
            }
            Leaf::OneOf(expr, values) => {
                let values = listed(values.iter().map(value_text));
                format!("{} in ({values}) by rows", self.expr_text(expr))
            }
            Leaf::Holds(expr) => format!("{} by rows", self.expr_text(expr)),
            Leaf::NotNull(expr) => format!("{} is not null by rows", self.expr_text(expr)),
            Leaf::InQuery(test) => self.in_query_text(test),
            Leaf::AnyKey(any) => {
                let mut condition = String::new();
                self.of_entries(any)
                    .predicate(&any.predicate, &mut condition);
                format!(
                    "any_key({}, {} -> {condition})",
                    self.slot(any.map),
                    any.name
                )
            }
        };
        out.push_str(&text);
    }
}

/// A value as an SQL literal.
pub(super) fn value_text(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(_) => format!("'{}'", text.replace('\'', "''")),
        Value::Date(_) => format!("DATE '{text}'"),
        Value::Timestamp(_) => format!("TIMESTAMP '{text}'"),
        _ => text,
    }
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Int(key) => key.to_string(),
        Key::Text(key) => value_text(&Value::Text((**key).into())),
    }
}

/// The test of a string.
fn text_test(name: &str, test: &TextTest) -> String {
    let text = |text: &Arc<str>| value_text(&Value::Text(text.clone()));
    match test {
        TextTest::OneOf(texts) => format!("{name} in ({})", listed(texts.iter().map(text))),
        TextTest::Range(low, high) => bounds(name, low.as_ref().map(text), high.as_ref().map(text)),
        TextTest::Like(pattern) => like_text(name, pattern),
    }
}

/// The test of a key.
fn key_test(name: &str, test: &KeyTest) -> String {
    match test {
        KeyTest::OneOf(keys) => format!("{name} in ({})", listed(keys.iter().map(key_text))),
        KeyTest::Range(low, high) => bounds(
            name,
            low.as_ref().map(key_text),
            high.as_ref().map(key_text),
        ),
        KeyTest::Like(pattern) => like_text(name, pattern),
        KeyTest::Bucket {
            buckets,
            salt,
            ranges,
        } => {
            let salt = value_text(&Value::Text(salt.clone()));
            let name = format!("bucket_of({name}, {buckets}, {salt})");
            ranges_text(&name, ranges, NumberType::BigInt)
        }
        KeyTest::Sample { salt, below } => {
            let percent = *below as f64 / u64::MAX as f64 * 100.0;
            format!("{name} in a sample of {percent}%, seed {salt}")
        }
    }
}

fn like_text(name: &str, pattern: &Pattern) -> String {
    let operator = if pattern.ignores_case() {
        "ilike"
    } else {
        "like"
    };
    let text = value_text(&Value::Text(pattern.source().clone()));
    let escape = match pattern.escape() {
        Some('\\') => String::new(),
        Some(escape) => format!(
            " escape {}",
            value_text(&Value::Text(escape.to_string().into()))
        ),
        None => " escape ''".to_owned(),
    };
    format!("{name} {operator} {text}{escape}")
}

fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let rest = items.len().saturating_sub(SHOWN_MAX);
    let shown = items.take(SHOWN_MAX).collect::<Vec<_>>().join(", ");
    match rest {
        0 => shown,
        _ => format!("{shown} and {rest} more"),
    }
}

fn ranges_text(name: &str, ranges: &Ranges, kind: NumberType) -> String {
    let value = |stored: i64| value_text(&from_stored(kind, stored));
    let range = |(low, high): &(i64, i64)| match (*low, *high) {
        (low, high) if low == high => format!("{name} = {}", value(low)),
        (i64::MIN, i64::MAX) => format!("{name} is known"),
        (i64::MIN, high) => format!("{name} <= {}", value(high)),
        (low, i64::MAX) => format!("{name} >= {}", value(low)),
        (low, high) => format!("{name} between {} and {}", value(low), value(high)),
    };
    match ranges.as_slice() {
        [] => format!("{name} is nothing"),
        [one] => range(one),
        all => {
            let rest = all.len().saturating_sub(SHOWN_MAX);
            let shown: Vec<String> = all.iter().take(SHOWN_MAX).map(range).collect();
            let more = if rest > 0 {
                format!(" or {rest} more")
            } else {
                String::new()
            };
            format!("({}{more})", shown.join(" or "))
        }
    }
}

fn bounds(name: &str, low: Bound<String>, high: Bound<String>) -> String {
    let low = match low {
        Bound::Included(low) => Some(format!("{name} >= {low}")),
        Bound::Excluded(low) => Some(format!("{name} > {low}")),
        Bound::Unbounded => None,
    };
    let high = match high {
        Bound::Included(high) => Some(format!("{name} <= {high}")),
        Bound::Excluded(high) => Some(format!("{name} < {high}")),
        Bound::Unbounded => None,
    };
    match (low, high) {
        (Some(low), Some(high)) => format!("({low} and {high})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => format!("{name} is known"),
    }
}

fn function_name(function: &Function) -> String {
    let name = match function {
        Function::Coalesce => "coalesce",
        Function::Nullif => "nullif",
        Function::Abs => "abs",
        Function::Round => "round",
        Function::Floor => "floor",
        Function::Ceil => "ceil",
        Function::Greatest => "greatest",
        Function::Least => "least",
        Function::Length => "length",
        Function::Lower => "lower",
        Function::Upper => "upper",
        Function::Concat => "concat",
        Function::WidthBucket => "width_bucket",
        Function::Extract(field, _) => return format!("extract {field:?}").to_lowercase(),
        Function::DateTrunc(unit, _) => return format!("date_trunc {unit:?}").to_lowercase(),
        Function::Shift(interval, _) => {
            return format!(
                "shift {} months {} days {} us",
                interval.months, interval.days, interval.microseconds
            );
        }
        Function::DateOf(_) => "date",
        Function::MidnightOf(_) => "timestamp",
        Function::Has => "has",
        Function::HasAny => "has_any",
        Function::HasAll => "has_all",
        Function::MapContains => "map_contains",
        Function::Cardinality => "cardinality",
        Function::ArrayAppend => "array_append",
        Function::ArrayRemove => "array_remove",
        Function::Like(_) => "like",
        Function::BucketOf { .. } => "bucket_of",
    };
    name.to_owned()
}
