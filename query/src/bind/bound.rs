//! What a statement means once its names and types are resolved.
//!
//! Expressions and predicates name what they read by *slot*: an index into [`Scan::columns`], or,
//! after grouping, into the group's row (its keys first, then its aggregates). So one evaluator
//! serves both: [`crate::functions::eval`] takes an expression and a row of values by slot.
//!
//! Strings stay strings here, since their codes differ from partition to partition; numbers that
//! are tested are in stored form already (see [`tagdb_storage::schema::NumberType`]).

use std::sync::Arc;

use jiff::tz::TimeZone;
use tagdb_storage::catalog::SchemaChange;
use tagdb_storage::ids::TagId;
use tagdb_storage::schema::{Key, NumberType, TableSchema, TagType};

pub use crate::bind::condition::{
    AnyKey, Comparison, EntryColumn, KeyTest, Leaf, Predicate, Ranges, TextTest,
};
pub use crate::bind::grouping::{Aggregate, AggregateKind, Fraction, GroupKey, Grouping};
pub use crate::bind::queries::{Found, InQuery, NumberSet, Operand, Query, Union};
use crate::functions::Pattern;
use crate::value::{DataType, Value};

/// An index into [`Scan::columns`] or into a group's row.
pub type Slot = usize;

/// One statement.
#[derive(Clone, Debug)]
pub enum Statement {
    /// Reads rows or groups.
    Select(Box<Select>),
    /// Reads the keys of several SELECTs.
    Union(Box<Union>),
    /// Writes rows by key.
    Insert(Insert),
    /// Changes tags of an audience.
    Update(Update),
    /// Deletes an audience. (An audience of one table: its scan has no other use.)
    Delete(Scan),
    /// Changes the catalog; nothing to do if an IF \[NOT\] EXISTS says so.
    Schema(Option<SchemaChange>),
    /// Lists the tables.
    ShowTables,
    /// Describes a table.
    Describe(Arc<TableSchema>),
    /// Shows how a SELECT, UPDATE or DELETE runs.
    Explain {
        /// Whether to run it and show what it took; only for SELECT.
        analyze: bool,
        /// The statement.
        statement: Box<Statement>,
    },
    /// Shows why a subject is in an audience, or is not.
    Membership(Box<Membership>),
}

/// A subject, and the condition that is asked of it.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The subject.
    pub key: Key,
    /// The condition as it is written.
    pub condition: crate::bind::written::Condition,
}

/// The subjects of a table for which a predicate is true, and what is read of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The table.
    pub table: Arc<TableSchema>,
    /// What expressions and predicates read, each once.
    pub columns: Vec<Column>,
    /// Who.
    pub predicate: Predicate,
}

/// Something that is read of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The key: [`Value::Text`] or [`Value::Int`], never NULL.
    Key,
    /// A whole tag; sets and maps are never NULL.
    Tag {
        /// Which.
        id: TagId,
        /// Its type.
        kind: TagType,
    },
    /// The value under a key of a map; NULL if the key is not there.
    MapValue {
        /// The map.
        id: TagId,
        /// The type of its values.
        number: NumberType,
        /// The key.
        key: Arc<str>,
    },
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    /// The alias, the tag's name, or the expression's text.
    pub name: String,
    /// Its type; never [`DataType::Null`].
    pub kind: DataType,
}

/// A SELECT.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// The audience. Slots of `output` and `order` are its columns, unless there is a grouping.
    pub scan: Scan,
    /// Groups and aggregates. With it, slots of `output` and `order` are the group's row.
    pub grouping: Option<Grouping>,
    /// The columns of the result.
    pub columns: Vec<OutputColumn>,
    /// Their expressions, one each.
    pub output: Vec<Expr>,
    /// By importance; empty for the internal order.
    pub order: Vec<OrderKey>,
    /// Rows of the result, at most.
    pub limit: Option<u64>,
    /// Rows passed over.
    pub offset: u64,
}

/// One ORDER BY term.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderKey {
    /// What.
    pub expr: Expr,
    /// From the largest.
    pub descending: bool,
    /// NULLs before everything else.
    pub nulls_first: bool,
}

/// An INSERT with its values converted to the types of its tags.
#[derive(Clone, Debug)]
pub struct Insert {
    /// The table.
    pub table: Arc<TableSchema>,
    /// ON CONFLICT DO NOTHING: rows of keys that exist are passed over.
    pub ignore_existing: bool,
    /// The key of each row; a later row of one key wins.
    pub keys: Vec<Key>,
    /// The tags that are written, each once.
    pub tags: Vec<(TagId, TagType)>,
    /// For each row a value of each of `tags`: NULL clears it; numbers fit the tag.
    pub rows: Vec<Vec<Value>>,
}

/// An UPDATE.
#[derive(Clone, Debug)]
pub struct Update {
    /// The audience, and what the right sides read of it.
    pub scan: Scan,
    /// The right sides read the old values.
    pub assignments: Vec<Assignment>,
}

/// What becomes of a tag of each subject of an audience.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The tag.
    pub tag: TagId,
    /// Its type.
    pub kind: TagType,
    /// What becomes of it. A tag has either one `Set` or `EditSet`, or any number of `Entry` with
    /// different keys.
    pub change: TagChange,
}

/// The change of one tag.
#[derive(Clone, Debug, PartialEq)]
pub enum TagChange {
    /// A new value of the tag's type; NULL clears it. It still has to be checked for the tag's
    /// range (see [`crate::literal::to_stored`]) unless it is a literal.
    Set(Expr),
    /// Members of a set: first `drop`, then `put`. No member is in both.
    EditSet {
        /// Taken away.
        drop: Vec<Arc<str>>,
        /// Added.
        put: Vec<Arc<str>>,
    },
    /// The value under a key of a map; NULL removes the key.
    Entry {
        /// The key.
        key: Arc<str>,
        /// The value, to be checked as for `Set`.
        value: Expr,
    },
}

/// A typed scalar expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// The type of its values; [`DataType::Null`] if it is always NULL.
    pub data_type: DataType,
}

/// What an expression computes.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// Always the same.
    Literal(Value),
    /// What the slot holds.
    Slot(Slot),
    /// A number changed in sign.
    Negate(Box<Expr>),
    /// Of two numbers of one type (or a date and a number of days).
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// A function of its arguments.
    Call(Function, Vec<Expr>),
    /// To the expression's type.
    Cast(Box<Expr>),
    /// The value of the first predicate that is true.
    Case {
        /// When, then.
        branches: Vec<(Predicate, Expr)>,
        /// If none is true.
        otherwise: Box<Expr>,
    },
    /// True, false, or NULL for unknown.
    Predicate(Box<Predicate>),
}

/// Arithmetic operators. NULL in, NULL out; overflow is an error; x / 0 and x % 0 are NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`: of integers truncates toward zero.
    Divide,
    /// `%`: has the sign of the dividend.
    Modulo,
}

/// Scalar functions.
#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    /// The first argument that is not NULL.
    Coalesce,
    /// NULL if both are equal, else the first.
    Nullif,
    /// The distance from zero.
    Abs,
    /// To some digits, half away from zero.
    Round,
    /// Down to a whole number.
    Floor,
    /// Up to a whole number.
    Ceil,
    /// The largest argument that is not NULL.
    Greatest,
    /// The smallest argument that is not NULL.
    Least,
    /// Characters of a text.
    Length,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// Texts one after the other; NULLs are passed over.
    Concat,
    /// The bucket of a number between two bounds: 0 below, n + 1 above.
    WidthBucket,
    /// A field of a date or timestamp.
    Extract(DateField, TimeZone),
    /// The start of the unit a date or timestamp lies in.
    DateTrunc(DateUnit, TimeZone),
    /// A date or timestamp moved by months, days and microseconds.
    Shift(Interval, TimeZone),
    /// The date of a timestamp.
    DateOf(TimeZone),
    /// The timestamp at which a date begins.
    MidnightOf(TimeZone),
    /// Whether a set holds a value.
    Has,
    /// Whether two sets overlap.
    HasAny,
    /// Whether the first set contains the second.
    HasAll,
    /// Whether a map has a key.
    MapContains,
    /// Members of a set, keys of a map.
    Cardinality,
    /// A set with one more member.
    ArrayAppend,
    /// A set without a member.
    ArrayRemove,
    /// Whether a text fits a pattern.
    Like(Box<Pattern>),
    /// The bucket of a key, from 0.
    BucketOf {
        /// How many there are, at least 1.
        buckets: i64,
        /// What makes one division into buckets independent of others.
        salt: Arc<str>,
    },
}

/// A span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Calendar months.
    pub months: i32,
    /// Calendar days.
    pub days: i32,
    /// Exact time.
    pub microseconds: i64,
}

/// What `extract` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateField {
    /// The year.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// ISO 8601, 1 to 53.
    Week,
    /// Of the month.
    Day,
    /// 0 is Sunday.
    DayOfWeek,
    /// 1 is Monday, 7 is Sunday.
    IsoDayOfWeek,
    /// Of the year, from 1.
    DayOfYear,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// With its fraction.
    Second,
    /// Seconds since 1970, with their fraction.
    Epoch,
}

/// What `date_trunc` cuts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateUnit {
    /// January 1.
    Year,
    /// The first day of three months.
    Quarter,
    /// The first day.
    Month,
    /// Monday.
    Week,
    /// Midnight.
    Day,
    /// :00:00
    Hour,
    /// :00
    Minute,
    /// Without fraction.
    Second,
}

impl Expr {
    /// A constant.
    #[must_use]
    pub const fn literal(value: Value, data_type: DataType) -> Self {
        Self {
            kind: ExprKind::Literal(value),
            data_type,
        }
    }

    /// What a slot holds.
    #[must_use]
    pub const fn slot(slot: Slot, data_type: DataType) -> Self {
        Self {
            kind: ExprKind::Slot(slot),
            data_type,
        }
    }

    /// The constant, if it is one.
    #[must_use]
    pub const fn as_literal(&self) -> Option<&Value> {
        match &self.kind {
            ExprKind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The slot, if it is nothing else.
    #[must_use]
    pub const fn as_slot(&self) -> Option<Slot> {
        match self.kind {
            ExprKind::Slot(slot) => Some(slot),
            _ => None,
        }
    }

    /// Calls `f` with every slot that it reads (a slot may come several times).
    pub fn for_each_slot(&self, f: &mut dyn FnMut(Slot)) {
        match &self.kind {
            ExprKind::Literal(_) => {}
            ExprKind::Slot(slot) => f(*slot),
            ExprKind::Negate(inner) | ExprKind::Cast(inner) => inner.for_each_slot(f),
            ExprKind::Arithmetic(_, left, right) => {
                left.for_each_slot(f);
                right.for_each_slot(f);
            }
            ExprKind::Call(_, arguments) => {
                for argument in arguments {
                    argument.for_each_slot(f);
                }
            }
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                for (when, then) in branches {
                    when.for_each_slot(f);
                    then.for_each_slot(f);
                }
                otherwise.for_each_slot(f);
            }
            ExprKind::Predicate(predicate) => predicate.for_each_slot(f),
        }
    }
}
