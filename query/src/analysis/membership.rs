//! Why a subject is in an audience, or is not: the condition as it is written, with what is true of
//! the subject at each part, and the values seen there. Computed by rows, not by bitmaps.

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::ids::{chunk_of, low_of};
use tagdb_storage::schema::Key;

use super::Analysis;
use super::conditions::Conditions;
use crate::bind::bound::{Leaf, Predicate, Scan, Slot};
use crate::bind::written::{Condition, Node, NodeKind};
use crate::error::{Error, Result};
use crate::exec::Execution;
use crate::exec::batch::{Batch, Remaining};
use crate::exec::columns::{Columns, RowBuffer};
use crate::exec::in_query::Place;
use crate::explain::column_names;
use crate::functions::eval_predicate;
use crate::value::{DataType, Value};

/// Members of a set, or entries of a map, that are shown.
const SHOWN_MAX: usize = 100;

/// A part of a condition, and whether it is true of a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// As it is written.
    pub text: String,
    /// What it is.
    pub operator: Operator,
    /// True, false, or nothing for unknown.
    pub value: Option<bool>,
    /// What a test saw of the subject.
    pub seen: Vec<Seen>,
    /// The parts below.
    pub children: Vec<Verdict>,
}

/// What a part of a condition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// All parts below.
    And,
    /// Any part below.
    Or,
    /// Not the part below.
    Not,
    /// IS \[NOT\] TRUE, FALSE or NULL of the part below.
    Is,
    /// A test.
    Test,
}

/// A value that a test saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The tag, the key column, `map['key']`, or `cardinality(tag)`.
    pub name: String,
    /// The type of the value.
    pub kind: DataType,
    /// The value; of large sets and maps the beginning.
    pub value: Value,
    /// Members or entries that are left out.
    pub left_out: usize,
}

impl Operator {
    pub(super) const fn of(kind: &NodeKind) -> Self {
        match kind {
            NodeKind::And(_) => Self::And,
            NodeKind::Or(_) => Self::Or,
            NodeKind::Not(_) => Self::Not,
            NodeKind::Is { .. } => Self::Is,
            NodeKind::Test(_) => Self::Test,
        }
    }
}

impl Analysis<'_> {
    /// What each part of a condition (the first of `conditions`) says of a subject.
    ///
    /// # Errors
    /// The condition is at fault, `not_found` if nobody has the key, a file cannot be read or is
    /// damaged.
    pub fn membership(&self, key: &Key, conditions: &Conditions) -> Result<Verdict> {
        let condition = self.written(conditions, Place::Rows)?;
        verdict(&self.execution, key, &condition)
    }
}

/// What each part of a condition says of a subject.
///
/// # Errors
/// `not_found` if nobody has the key, a file cannot be read or is damaged, or an expression cannot
/// be computed.
pub(crate) fn verdict(execution: &Execution, key: &Key, condition: &Condition) -> Result<Verdict> {
    let table = execution.table(&condition.scan.table)?;
    let partition = table.partition(table.partition_of(key.as_ref()))?;
    let Some(ordinal) = partition.find(key.as_ref())? else {
        let detail = format!(
            "table {:?} has no row of that key",
            condition.scan.table.name
        );
        return Err(Error::new("not_found", detail));
    };
    let scan = &condition.scan;
    let slots: Vec<Slot> = (0..scan.columns.len()).collect();
    let columns = Columns::open(partition, &scan.columns, &slots, execution)?;
    let mut audience = Box::<Chunk>::default();
    audience.set(low_of(ordinal));
    let (mut batch, mut left) = (Batch::default(), Remaining::default());
    left.reset(&audience);
    batch.take(chunk_of(ordinal), &mut left, 1);
    let mut buffer = RowBuffer::default();
    buffer.load(&columns, &slots, &batch)?;
    let subject = Subject {
        text: &condition.text,
        names: column_names(scan),
        kinds: kinds(scan),
        row: buffer.row(&slots, 0),
    };
    subject.verdict(&condition.root)
}

/// The types of a scan's columns.
fn kinds(scan: &Scan) -> Vec<DataType> {
    use crate::bind::bound::Column;
    let kind = |column: &Column| match column {
        Column::Key => scan.table.key_type.into(),
        Column::Tag { kind, .. } => (*kind).into(),
        Column::MapValue { number, .. } => (*number).into(),
    };
    scan.columns.iter().map(kind).collect()
}

struct Subject<'a> {
    text: &'a str,
    names: Vec<String>,
    kinds: Vec<DataType>,
    row: &'a [Value],
}

impl Subject<'_> {
    fn verdict(&self, node: &Node) -> Result<Verdict> {
        let children = node.kind.children().iter();
        let children = children.map(|child| self.verdict(child));
        let children = children.collect::<Result<Vec<_>>>()?;
        let first = children.first().and_then(|child| child.value);
        let value = match &node.kind {
            NodeKind::And(_) => all(&children, true),
            NodeKind::Or(_) => all(&children, false),
            NodeKind::Not(_) => first.map(|value| !value),
            NodeKind::Is {
                wanted, negated, ..
            } => Some((first == *wanted) != *negated),
            NodeKind::Test(predicate) => eval_predicate(predicate, self.row)?,
        };
        let seen = match &node.kind {
            NodeKind::Test(predicate) => self.seen(predicate),
            _ => Vec::new(),
        };
        Ok(Verdict {
            text: self.text.get(node.place.clone()).unwrap_or("").to_owned(),
            operator: Operator::of(&node.kind),
            value,
            seen,
            children,
        })
    }

    /// What a test reads, each once.
    fn seen(&self, predicate: &Predicate) -> Vec<Seen> {
        let mut seen: Vec<Seen> = Vec::new();
        predicate.for_each_leaf(&mut |leaf| {
            let mut slots = Vec::new();
            leaf.for_each_slot(&mut |slot| slots.push(slot));
            let is_size = matches!(leaf, Leaf::Cardinality(..));
            for slot in slots {
                let found = self.value(slot, is_size);
                if let Some(found) = found
                    && !seen.iter().any(|known| known.name == found.name)
                {
                    seen.push(found);
                }
            }
        });
        seen
    }

    fn value(&self, slot: Slot, is_size: bool) -> Option<Seen> {
        let (name, kind) = (self.names.get(slot)?, *self.kinds.get(slot)?);
        let value = self.row.get(slot)?;
        let size = match value {
            Value::Set(members) => members.len(),
            Value::Map(entries) => entries.len(),
            _ => 0,
        };
        if is_size {
            return Some(Seen {
                name: format!("cardinality({name})"),
                kind: DataType::BigInt,
                value: Value::Int(i64::try_from(size).unwrap_or(i64::MAX)),
                left_out: 0,
            });
        }
        Some(Seen {
            name: name.clone(),
            kind,
            value: beginning(value),
            left_out: size.saturating_sub(SHOWN_MAX),
        })
    }
}

fn beginning(value: &Value) -> Value {
    match value {
        Value::Set(members) => Value::Set(members.iter().take(SHOWN_MAX).cloned().collect()),
        Value::Map(entries) => Value::Map(entries.iter().take(SHOWN_MAX).cloned().collect()),
        other => other.clone(),
    }
}

/// AND (`neutral` is true) or OR: unknown unless one decides, or all agree.
fn all(children: &[Verdict], neutral: bool) -> Option<bool> {
    let mut values = children.iter().map(|child| child.value);
    if values.clone().any(|value| value == Some(!neutral)) {
        return Some(!neutral);
    }
    values
        .all(|value| value == Some(neutral))
        .then_some(neutral)
}

/// A part of a condition on a line of its own.
pub(crate) struct Line {
    /// With two blanks a level before it.
    pub(crate) condition: String,
    /// In a word.
    pub(crate) verdict: &'static str,
    pub(crate) seen: Option<String>,
}

/// The tree as lines.
pub(crate) fn lines(verdict: &Verdict) -> Vec<Line> {
    let mut lines = Vec::new();
    push(verdict, 0, &mut lines);
    lines
}

fn push(verdict: &Verdict, depth: usize, lines: &mut Vec<Line>) {
    let text = match verdict.operator {
        Operator::And => "AND",
        Operator::Or => "OR",
        Operator::Not => "NOT",
        Operator::Is | Operator::Test => &verdict.text,
    };
    let word = match verdict.value {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    };
    let seen: Vec<String> = verdict.seen.iter().map(seen_text).collect();
    lines.push(Line {
        condition: format!("{}{text}", "  ".repeat(depth)),
        verdict: word,
        seen: (!seen.is_empty()).then(|| seen.join(", ")),
    });
    for child in &verdict.children {
        push(child, depth + 1, lines);
    }
}

fn seen_text(seen: &Seen) -> String {
    let mut text = format!("{} = ", seen.name);
    match &seen.value {
        Value::Null => text.push_str("NULL"),
        Value::Text(value) => {
            text.push('\'');
            text.push_str(&value.replace('\'', "''"));
            text.push('\'');
        }
        value => crate::literal::write_value(value, &mut text),
    }
    if seen.left_out > 0 {
        text.push_str(&format!(" and {} more", seen.left_out));
    }
    text
}
