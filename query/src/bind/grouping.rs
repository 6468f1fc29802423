//! Groups and aggregates once their names and types are resolved.

use crate::bind::bound::{Expr, Predicate, Slot};
use crate::value::DataType;

/// How an audience falls into groups. Without keys there is exactly one group, even if nobody is
/// in the audience. SELECT DISTINCT is a grouping without aggregates.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouping {
    /// Slots 0.. of the group's row.
    pub keys: Vec<GroupKey>,
    /// The slots after the keys.
    pub aggregates: Vec<Aggregate>,
    /// What aggregates are filtered by, each once; slots are the scan's columns.
    pub filters: Vec<Predicate>,
    /// Which groups stay; slots are the group's row.
    pub having: Predicate,
}

/// What groups are made by.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupKey {
    /// A value for each subject; slots are the scan's columns. NULL is a group of its own.
    Value(Expr),
    /// Each member of a set, or each key of a map (the slot is a [`Column::Tag`](crate::bind::bound::Column::Tag) of that type):
    /// a subject counts once under each, one with none under NULL. The group's value is a text.
    Unnest(Slot),
}

/// An aggregate function over a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Which.
    pub kind: AggregateKind,
    /// Its argument over the scan's columns; nothing for `count(*)`, `share()` and `tgi()`. NULLs
    /// are passed over; of sets and maps the empty ones are.
    pub argument: Option<Expr>,
    /// Only those count for whom this one of [`Grouping::filters`] is true.
    pub filter: Option<usize>,
    /// The result's type: BIGINT of counts and of sums of integers, DECIMAL(38,s) of sums of
    /// decimals, the argument's of extremes and of quantiles of dates, else DOUBLE.
    pub data_type: DataType,
}

impl Aggregate {
    /// Whether it is counted by subjects alone, whatever they hold.
    #[must_use]
    pub const fn counts_subjects(&self) -> bool {
        self.argument.is_none()
    }
}

/// The aggregate functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateKind {
    /// Of subjects, or of known arguments.
    Count,
    /// Of different known arguments.
    CountDistinct,
    /// Overflow is an error; NULL of nothing.
    Sum,
    /// NULL of nothing.
    Avg,
    /// NULL of nothing.
    Min,
    /// NULL of nothing.
    Max,
    /// The value at a fraction of the way from the least to the largest, between neighbours by
    /// their distance; NULL of nothing.
    Quantile(Fraction),
    /// Of a sample; NULL of fewer than two.
    Stddev,
    /// Of the subjects of all groups whose first key is known, the part that is in the group; NULL
    /// where the first key is.
    Share,
    /// 100 times the share, over the share of the same group among all subjects of the table.
    Tgi,
}

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fraction(u64);

impl Fraction {
    /// Digits after the point.
    pub const SCALE: u8 = 18;
    /// Units of a whole.
    pub const WHOLE: u64 = 10_u64.pow(Self::SCALE as u32);
    /// One half.
    pub const HALF: Self = Self(Self::WHOLE / 2);

    /// So many units; nothing if they are more than a whole.
    #[must_use]
    pub const fn new(units: u64) -> Option<Self> {
        if units <= Self::WHOLE {
            Some(Self(units))
        } else {
            None
        }
    }

    /// How many units it is.
    #[must_use]
    pub const fn units(self) -> u64 {
        self.0
    }
}
