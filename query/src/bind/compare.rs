//! Comparisons: of a column with a constant as a leaf that bitmaps can answer, of anything else
//! by rows.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use tagdb_storage::schema::{Key, NumberType, TagType};

use crate::bind::bound::{
    Column, Comparison, Expr, ExprKind, Function, KeyTest, Leaf, Predicate, Ranges, Slot, TextTest,
};
use crate::bind::expr::{alike, coerce, scalar};
use crate::bind::scope::Scope;
use crate::error::{Error, Result};
use crate::functions::unbounded_midnight_of;
use crate::literal::{Operator, ranges};
use crate::parse::ast::{self, CompareOp};
use crate::plan::joined;
use crate::value::{DataType, Value};

/// Binds a comparison.
pub(super) fn compare(
    scope: &mut Scope<'_>,
    operator: CompareOp,
    left: &ast::Expr,
    right: &ast::Expr,
) -> Result<Predicate> {
    let (exprs, common) = alike(scope, &[left, right], None)?;
    let Ok([left, right]) = <[Expr; 2]>::try_from(exprs) else {
        return Err(Error::internal("two expressions became another number"));
    };
    compare_bound(scope, operator, left, right, common)
}

/// A comparison of expressions that [`alike`] has found to go together.
pub(super) fn compare_bound(
    scope: &mut Scope<'_>,
    operator: CompareOp,
    left: Expr,
    right: Expr,
    common: DataType,
) -> Result<Predicate> {
    check_comparable(common, operator)?;
    let (left, right, operator) = match left.as_literal() {
        Some(_) => (right, left, mirrored(operator)),
        None => (left, right, operator),
    };
    if operator == CompareOp::NotEqual {
        let equal = compare_bound(scope, CompareOp::Equal, left, right, common)?;
        return Ok(Predicate::Not(Box::new(equal)));
    }
    if right.as_literal().is_some_and(Value::is_null) || left.data_type == DataType::Null {
        return Ok(Predicate::Constant(None));
    }
    if let Some(constant) = right.as_literal()
        && let Some(leaf) = column_leaf(scope, operator, &left, constant)?
    {
        return Ok(leaf);
    }
    by_rows(scope, operator, left, right, common)
}

fn check_comparable(common: DataType, operator: CompareOp) -> Result<()> {
    let ordered = !matches!(operator, CompareOp::Equal | CompareOp::NotEqual);
    match common {
        DataType::LongText => Err(Error::unsupported(
            "a condition on a LONGTEXT other than IS [NOT] NULL",
        )),
        DataType::Map(_) => Err(Error::unsupported("a comparison of maps")),
        DataType::KeywordSet if ordered => Err(Error::type_mismatch(
            "sets have no order; use has, has_any, has_all or cardinality",
        )),
        _ => Ok(()),
    }
}

const fn mirrored(operator: CompareOp) -> CompareOp {
    match operator {
        CompareOp::Equal | CompareOp::NotEqual => operator,
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessOrEqual => CompareOp::GreaterOrEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterOrEqual => CompareOp::LessOrEqual,
    }
}

const fn range_operator(operator: CompareOp) -> Operator {
    match operator {
        CompareOp::Equal | CompareOp::NotEqual => Operator::Equal,
        CompareOp::Less => Operator::Less,
        CompareOp::LessOrEqual => Operator::LessOrEqual,
        CompareOp::Greater => Operator::Greater,
        CompareOp::GreaterOrEqual => Operator::GreaterOrEqual,
    }
}

fn by_rows(
    scope: &Scope<'_>,
    operator: CompareOp,
    left: Expr,
    right: Expr,
    common: DataType,
) -> Result<Predicate> {
    // Numbers of different types compare as they are; dates become timestamps.
    let (left, right) = match common {
        DataType::Timestamp => (coerce(scope, left, common)?, coerce(scope, right, common)?),
        _ => (left, right),
    };
    let (comparison, left, right) = match operator {
        CompareOp::Equal | CompareOp::NotEqual => (Comparison::Equal, left, right),
        CompareOp::Less => (Comparison::Less, left, right),
        CompareOp::LessOrEqual => (Comparison::LessOrEqual, left, right),
        CompareOp::Greater => (Comparison::Less, right, left),
        CompareOp::GreaterOrEqual => (Comparison::LessOrEqual, right, left),
    };
    let leaf = Leaf::Compare(comparison, left, right);
    if let Leaf::Compare(_, left, right) = &leaf
        && left.as_literal().is_some()
        && right.as_literal().is_some()
    {
        let value = crate::functions::eval_predicate(&Predicate::Leaf(leaf), &[])?;
        return Ok(Predicate::Constant(value));
    }
    Ok(Predicate::Leaf(leaf))
}

/// The comparison of a column with a constant that is not NULL, if the left side is a column.
fn column_leaf(
    scope: &Scope<'_>,
    operator: CompareOp,
    left: &Expr,
    constant: &Value,
) -> Result<Option<Predicate>> {
    if scope.groups.is_some() {
        return Ok(None);
    }
    if let ExprKind::Call(Function::Cardinality, arguments) = &left.kind
        && let [argument] = arguments.as_slice()
        && let Some(slot) = argument.as_slot()
    {
        let ranges = ranges(NumberType::BigInt, range_operator(operator), constant);
        return Ok(ranges.map(|ranges| Predicate::Leaf(Leaf::Cardinality(slot, ranges))));
    }
    if let ExprKind::Call(Function::BucketOf { buckets, salt }, arguments) = &left.kind
        && let Some(slot) = arguments.first().and_then(Expr::as_slot)
        && matches!(scope.column(slot), Some(Column::Key))
    {
        let ranges = ranges(NumberType::BigInt, range_operator(operator), constant);
        let test = |ranges| KeyTest::Bucket {
            buckets: *buckets,
            salt: salt.clone(),
            ranges,
        };
        return Ok(ranges.map(|ranges| Predicate::Leaf(Leaf::Key(slot, test(ranges)))));
    }
    let Some(slot) = left.as_slot() else {
        return Ok(None);
    };
    let kind = match scope.column(slot) {
        Some(Column::Key) => return Ok(key_leaf(slot, operator, constant)),
        Some(Column::MapValue { number, .. }) => TagType::Number(*number),
        Some(Column::Tag { kind, .. }) => *kind,
        None => return Err(Error::internal("a slot without a column")),
    };
    Ok(match (kind, constant) {
        (TagType::Boolean, Value::Boolean(wanted)) if operator == CompareOp::Equal => {
            let holds = Predicate::Leaf(Leaf::Boolean(slot));
            Some(match wanted {
                true => holds,
                false => Predicate::Not(Box::new(holds)),
            })
        }
        (TagType::Keyword, Value::Text(text)) => {
            let test = text_test(operator, text);
            Some(Predicate::Leaf(Leaf::Text(slot, test)))
        }
        (TagType::Number(NumberType::Date), Value::Timestamp(instant)) => {
            let ranges = date_ranges(scope, operator, *instant);
            Some(Predicate::Leaf(Leaf::Number(slot, ranges)))
        }
        (TagType::Number(NumberType::Timestamp), Value::Date(days)) => {
            let instant = Value::Timestamp(unbounded_midnight_of(*days, &scope.env.time_zone)?);
            let ranges = ranges(NumberType::Timestamp, range_operator(operator), &instant);
            ranges.map(|ranges| Predicate::Leaf(Leaf::Number(slot, ranges)))
        }
        (TagType::Number(number), _) => ranges(number, range_operator(operator), constant)
            .map(|ranges| Predicate::Leaf(Leaf::Number(slot, ranges))),
        _ => None,
    })
}

fn text_test(operator: CompareOp, text: &Arc<str>) -> TextTest {
    let text = text.clone();
    match operator {
        CompareOp::Equal | CompareOp::NotEqual => TextTest::OneOf(vec![text]),
        CompareOp::Less => TextTest::Range(Bound::Unbounded, Bound::Excluded(text)),
        CompareOp::LessOrEqual => TextTest::Range(Bound::Unbounded, Bound::Included(text)),
        CompareOp::Greater => TextTest::Range(Bound::Excluded(text), Bound::Unbounded),
        CompareOp::GreaterOrEqual => TextTest::Range(Bound::Included(text), Bound::Unbounded),
    }
}

fn key_leaf(slot: Slot, operator: CompareOp, constant: &Value) -> Option<Predicate> {
    let test = match constant {
        Value::Text(text) => {
            let key = |text: Arc<str>| Key::Text((*text).into());
            match text_test(operator, text) {
                TextTest::OneOf(texts) => KeyTest::OneOf(texts.into_iter().map(key).collect()),
                TextTest::Range(low, high) => KeyTest::Range(low.map(key), high.map(key)),
                TextTest::Like(pattern) => KeyTest::Like(pattern),
            }
        }
        _ => {
            let ranges = ranges(NumberType::BigInt, range_operator(operator), constant)?;
            match (ranges.as_slice(), operator) {
                ([], _) => KeyTest::OneOf(Vec::new()),
                ([(key, last)], CompareOp::Equal) if key == last => {
                    KeyTest::OneOf(vec![Key::Int(*key)])
                }
                ([(low, high), ..], _) => KeyTest::Range(
                    Bound::Included(Key::Int(*low)),
                    Bound::Included(Key::Int(*high)),
                ),
            }
        }
    };
    Some(Predicate::Leaf(Leaf::Key(slot, test)))
}

/// The days whose midnight compares so with an instant.
fn date_ranges(scope: &Scope<'_>, operator: CompareOp, instant: i64) -> Ranges {
    let zone = &scope.env.time_zone;
    let (min, max) = (crate::literal::DATE_MIN, crate::literal::DATE_MAX);
    // Midnights rise with the days; those that cannot be told lie at the very ends.
    let first_where = |test: &dyn Fn(Ordering) -> bool| {
        let (mut low, mut high) = (min, max + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let order = match unbounded_midnight_of(middle, zone) {
                Ok(midnight) => midnight.cmp(&instant),
                Err(_) if middle < 0 => Ordering::Less,
                Err(_) => Ordering::Greater,
            };
            if test(order) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        i64::from(low)
    };
    let first = first_where(&|order| order.is_ge());
    let after = first_where(&|order| order.is_gt());
    let (low, high) = match operator {
        CompareOp::Equal | CompareOp::NotEqual => (first, after - 1),
        CompareOp::Less => (i64::MIN, first - 1),
        CompareOp::LessOrEqual => (i64::MIN, after - 1),
        CompareOp::Greater => (after, i64::MAX),
        CompareOp::GreaterOrEqual => (first, i64::MAX),
    };
    Ranges::between(low, high)
}

/// `inner IN (list)`.
pub(super) fn in_list(
    scope: &mut Scope<'_>,
    inner: &ast::Expr,
    list: &[ast::Expr],
) -> Result<Predicate> {
    let mut asts = vec![inner];
    asts.extend(list);
    let (mut exprs, common) = alike(scope, &asts, None)?;
    let rest = exprs.split_off(1);
    match exprs.pop() {
        Some(inner) => one_of(scope, inner, rest, common),
        None => Err(Error::internal("IN without its left side")),
    }
}

/// `left = ANY(list)` of a list that came as a set.
pub(super) fn in_values(
    scope: &mut Scope<'_>,
    left: &ast::Expr,
    values: Vec<Expr>,
) -> Result<Predicate> {
    let left = scalar(scope, left, None)?;
    let mut common = left.data_type;
    for value in &values {
        common = crate::bind::types::common_type(common, value.data_type).ok_or_else(|| {
            let detail = format!("{common} and {} do not go together", value.data_type);
            Error::type_mismatch(detail)
        })?;
    }
    one_of(scope, left, values, common)
}

/// Whether an expression equals one of some others; unknown instead of false if one of them is
/// NULL.
fn one_of(
    scope: &mut Scope<'_>,
    inner: Expr,
    list: Vec<Expr>,
    common: DataType,
) -> Result<Predicate> {
    if list.is_empty() {
        return Ok(Predicate::Constant(Some(false)));
    }
    check_comparable(common, CompareOp::Equal)?;
    let mut terms = Vec::new();
    let mut has_null = false;
    let mut constants = Vec::with_capacity(list.len());
    for item in list {
        match item.kind {
            ExprKind::Literal(Value::Null) => has_null = true,
            ExprKind::Literal(value) => constants.push((value, item.data_type)),
            _ => {
                scope.count(inner.size())?;
                let term = compare_bound(scope, CompareOp::Equal, inner.clone(), item, common)?;
                terms.push(term);
            }
        }
    }
    if !constants.is_empty() {
        terms.insert(0, constants_leaf(scope, inner, constants, common)?);
    }
    if has_null {
        terms.push(Predicate::Constant(None));
    }
    Ok(match terms.len() {
        1 => terms.remove(0),
        _ => Predicate::Or(terms),
    })
}

fn constants_leaf(
    scope: &mut Scope<'_>,
    inner: Expr,
    constants: Vec<(Value, DataType)>,
    common: DataType,
) -> Result<Predicate> {
    if inner.data_type == DataType::Null {
        return Ok(Predicate::Constant(None));
    }
    // What a column makes of each constant is joined to one leaf.
    let mut leaves = Vec::with_capacity(constants.len());
    for (constant, _) in &constants {
        match column_leaf(scope, CompareOp::Equal, &inner, constant)? {
            Some(Predicate::Leaf(leaf)) => leaves.push(leaf),
            _ => return values_leaf(scope, inner, constants, common),
        }
    }
    if leaves.len() > 1 && !leaves.iter().all(is_list) {
        return values_leaf(scope, inner, constants, common);
    }
    let leaf = joined(leaves, true).map(Predicate::Leaf);
    Ok(leaf.unwrap_or(Predicate::Constant(Some(false))))
}

/// Whether it lists the values that pass.
const fn is_list(leaf: &Leaf) -> bool {
    matches!(
        leaf,
        Leaf::Number(..)
            | Leaf::Cardinality(..)
            | Leaf::Text(_, TextTest::OneOf(_))
            | Leaf::Key(_, KeyTest::OneOf(_))
    )
}

/// By rows.
fn values_leaf(
    scope: &mut Scope<'_>,
    inner: Expr,
    mut constants: Vec<(Value, DataType)>,
    common: DataType,
) -> Result<Predicate> {
    if inner.data_type == DataType::Boolean {
        let mut terms = Vec::new();
        for wanted in [true, false] {
            let wanted = Value::Boolean(wanted);
            let found = constants.iter().position(|(value, _)| *value == wanted);
            let Some((value, data_type)) = found.map(|place| constants.swap_remove(place)) else {
                continue;
            };
            let constant = Expr::literal(value, data_type);
            let equal = CompareOp::Equal;
            terms.push(compare_bound(
                scope,
                equal,
                inner.clone(),
                constant,
                common,
            )?);
        }
        return Ok(Predicate::Or(terms));
    }
    // One type for all, so that their order is that of the values they are looked up with.
    let inner = coerce(scope, inner, common)?;
    let mut values = Vec::with_capacity(constants.len());
    for (value, data_type) in constants {
        let constant = coerce(scope, Expr::literal(value, data_type), common)?;
        values.extend(constant.as_literal().cloned());
    }
    values.sort_by(|a, b| a.compare(b).unwrap_or(Ordering::Equal));
    values.dedup_by(|a, b| a.compare(b) == Some(Ordering::Equal));
    let leaf = Predicate::Leaf(Leaf::OneOf(inner, values));
    if let Predicate::Leaf(Leaf::OneOf(inner, _)) = &leaf
        && inner.as_literal().is_some()
    {
        let value = crate::functions::eval_predicate(&leaf, &[])?;
        return Ok(Predicate::Constant(value));
    }
    Ok(leaf)
}
