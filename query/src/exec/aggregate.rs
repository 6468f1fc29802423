//! Aggregate functions: their states by group, what merges them, and what they come to.

use hashbrown::HashSet;
use tagdb_storage::schema::NumberType;

use crate::bind::bound::{Aggregate, AggregateKind};
use crate::decimal;
use crate::error::{Error, Result};
use crate::exec::budget::{Budget, bytes_of};
use crate::exec::group_ids::Group;
use crate::exec::hashed::{Hashed, order};
use crate::exec::moments::Moments;
use crate::exec::quantile::{gather, gathered_as, quantile, to_gathered};
use crate::exec::share::Shares;
use crate::literal::positive_zero;
use crate::value::{DataType, Value};

/// The states of one aggregate, by group. A plain struct of values: it can leave its partition.
#[derive(Debug)]
pub(crate) enum States {
    Count(Vec<u64>),
    Distinct(Vec<HashSet<Hashed>>),
    Fixed(Vec<FixedSum>),
    Double(Vec<DoubleSum>),
    Extreme {
        is_max: bool,
        values: Vec<Value>,
    },
    /// All numbers, as they are stored.
    Numbers(NumberType, Vec<Vec<i64>>),
    Moments(Vec<Moments>),
    Shares(Shares),
}

/// An exact sum of integers or decimals of one scale.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FixedSum {
    digits: i128,
    count: u64,
}

/// A sum of doubles that keeps what rounding takes away (Neumaier).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DoubleSum {
    sum: f64,
    lost: f64,
    count: u64,
}

impl FixedSum {
    /// Adds a sum of so many numbers.
    ///
    /// # Errors
    /// `overflow`.
    pub(crate) fn add(&mut self, digits: i128, count: u64) -> Result<()> {
        self.digits = self.digits.checked_add(digits).ok_or_else(overflow)?;
        self.count += count;
        Ok(())
    }
}

impl DoubleSum {
    /// Adds a number.
    pub(crate) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        self.lost += match self.sum.abs() >= value.abs() {
            true => (self.sum - sum) + value,
            false => (value - sum) + self.sum,
        };
        self.sum = sum;
        self.count += 1;
    }

    /// Adds a sum of other numbers.
    pub(crate) fn merge(&mut self, other: Self) {
        let count = self.count + other.count;
        self.add(other.sum);
        self.lost += other.lost;
        self.count = count;
    }

    /// The sum.
    ///
    /// # Errors
    /// `overflow`.
    pub(crate) fn total(self) -> Result<f64> {
        let total = self.sum + self.lost;
        if total.is_finite() {
            Ok(total)
        } else {
            Err(overflow())
        }
    }
}

/// Makes states for so many groups.
///
/// # Errors
/// `limit_exceeded`.
pub(crate) fn grow<T: Clone + Default>(
    states: &mut Vec<T>,
    groups: usize,
    budget: &Budget,
) -> Result<()> {
    let new = groups.saturating_sub(states.len());
    budget.charge(new * size_of::<T>())?;
    states.resize(states.len() + new, T::default());
    Ok(())
}

impl States {
    /// The states of an aggregate of computed values.
    pub(crate) fn of(kind: AggregateKind, argument: DataType) -> Self {
        match kind {
            AggregateKind::Count => Self::Count(Vec::new()),
            AggregateKind::CountDistinct => Self::Distinct(Vec::new()),
            AggregateKind::Sum | AggregateKind::Avg if argument == DataType::Double => {
                Self::Double(Vec::new())
            }
            AggregateKind::Sum | AggregateKind::Avg => Self::Fixed(Vec::new()),
            AggregateKind::Min | AggregateKind::Max => Self::Extreme {
                is_max: kind == AggregateKind::Max,
                values: Vec::new(),
            },
            AggregateKind::Quantile(_) => Self::Numbers(gathered_as(argument), Vec::new()),
            AggregateKind::Stddev => Self::Moments(Vec::new()),
            AggregateKind::Share | AggregateKind::Tgi => Self::Shares(Shares::default()),
        }
    }

    /// Makes states for so many groups.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub(crate) fn grow(&mut self, groups: usize, budget: &Budget) -> Result<()> {
        match self {
            Self::Count(counts) => grow(counts, groups, budget),
            Self::Distinct(sets) => grow(sets, groups, budget),
            Self::Fixed(sums) => grow(sums, groups, budget),
            Self::Double(sums) => grow(sums, groups, budget),
            Self::Numbers(_, numbers) => grow(numbers, groups, budget),
            Self::Moments(moments) => grow(moments, groups, budget),
            Self::Shares(shares) => grow(&mut shares.counts, groups, budget),
            Self::Extreme { values, .. } => {
                let new = groups.saturating_sub(values.len());
                budget.charge(new * size_of::<Value>())?;
                values.resize(values.len() + new, Value::Null);
                Ok(())
            }
        }
    }

    /// Adds values, one a row, to the groups of their rows.
    ///
    /// # Errors
    /// `overflow`, `limit_exceeded`.
    pub(crate) fn add(
        &mut self,
        kind: AggregateKind,
        values: &[Value],
        rows: &[(u32, Group)],
        budget: &Budget,
    ) -> Result<()> {
        let known = rows
            .iter()
            .map(|(row, group)| (*group as usize, &values[*row as usize]))
            .filter(|(_, value)| value.is_known());
        match self {
            Self::Count(counts) => known.for_each(|(group, _)| counts[group] += 1),
            Self::Distinct(sets) => {
                for (group, value) in known {
                    if sets[group].insert(Hashed(value.clone())) {
                        budget.charge(bytes_of(value) + 16)?;
                    }
                }
            }
            Self::Fixed(sums) => {
                for (group, value) in known {
                    let digits = value.to_fixed().map(|(digits, _)| digits);
                    let digits =
                        digits.ok_or_else(|| Error::internal(format!("{kind:?} of text")))?;
                    sums[group].add(digits, 1)?;
                }
            }
            Self::Double(sums) => {
                for (group, value) in known {
                    sums[group].add(value.to_double().unwrap_or_default());
                }
            }
            Self::Extreme { is_max, values } => {
                for (group, value) in known {
                    take_extreme(*is_max, &mut values[group], value, budget)?;
                }
            }
            Self::Numbers(number, numbers) => {
                for (group, value) in known {
                    let value = to_gathered(*number, value)
                        .ok_or_else(|| Error::internal("a quantile of what is no number"))?;
                    gather(&mut numbers[group], value, budget)?;
                }
            }
            Self::Moments(moments) => {
                for (group, value) in known {
                    moments[group].add(value.to_double().unwrap_or_default());
                }
            }
            Self::Shares(_) => return Err(Error::internal("a share of values")),
        }
        Ok(())
    }

    /// Adds the states of another partition; `groups[i]` is the group that its group `i` is here,
    /// of `count` in all. Whatever is kept of them is charged anew.
    ///
    /// # Errors
    /// `overflow`, `limit_exceeded`.
    pub(crate) fn merge(
        &mut self,
        other: Self,
        groups: &[usize],
        count: usize,
        budget: &Budget,
    ) -> Result<()> {
        self.grow(count, budget)?;
        match (self, other) {
            (Self::Count(own), Self::Count(other)) => {
                groups
                    .iter()
                    .zip(other)
                    .for_each(|(group, count)| own[*group] += count);
            }
            (Self::Distinct(own), Self::Distinct(other)) => {
                for (group, set) in groups.iter().zip(other) {
                    for value in set {
                        let bytes = bytes_of(&value.0) + 16;
                        if own[*group].insert(value) {
                            budget.charge(bytes)?;
                        }
                    }
                }
            }
            (Self::Fixed(own), Self::Fixed(other)) => {
                for (group, sum) in groups.iter().zip(other) {
                    own[*group].add(sum.digits, sum.count)?;
                }
            }
            (Self::Double(own), Self::Double(other)) => {
                groups
                    .iter()
                    .zip(other)
                    .for_each(|(group, sum)| own[*group].merge(sum));
            }
            (
                Self::Extreme {
                    is_max,
                    values: own,
                },
                Self::Extreme { values: other, .. },
            ) => {
                for (group, value) in groups.iter().zip(&other) {
                    if !value.is_null() {
                        take_extreme(*is_max, &mut own[*group], value, budget)?;
                    }
                }
            }
            (Self::Numbers(_, own), Self::Numbers(_, other)) => {
                for (group, mut numbers) in groups.iter().zip(other) {
                    if own[*group].is_empty() {
                        budget.charge(numbers.capacity() * size_of::<i64>())?;
                        own[*group] = numbers;
                    } else {
                        budget.charge(numbers.len() * size_of::<i64>())?;
                        own[*group].append(&mut numbers);
                    }
                }
            }
            (Self::Moments(own), Self::Moments(other)) => {
                let both = groups.iter().zip(other);
                both.for_each(|(group, moments)| own[*group].merge(moments));
            }
            (Self::Shares(own), Self::Shares(other)) => {
                let both = groups.iter().zip(other.counts);
                both.for_each(|(group, count)| own.counts[*group] += count);
                own.known += other.known;
            }
            _ => return Err(Error::internal("states of different aggregates")),
        }
        Ok(())
    }

    /// What a group comes to.
    ///
    /// # Errors
    /// `overflow`.
    pub(crate) fn value(&mut self, group: usize, aggregate: &Aggregate) -> Result<Value> {
        let is_average = aggregate.kind == AggregateKind::Avg;
        match self {
            Self::Count(counts) => to_int(i128::from(counts[group])),
            Self::Distinct(sets) => to_int(sets[group].len() as i128),
            Self::Extreme { values, .. } => Ok(values[group].clone()),
            Self::Numbers(number, numbers) => Ok(match aggregate.kind {
                AggregateKind::Quantile(fraction) => {
                    quantile(&mut numbers[group], *number, fraction)
                }
                _ => Value::Null,
            }),
            Self::Moments(moments) => moments[group].deviation(),
            Self::Shares(shares) => Ok(shares.share(group)),
            Self::Fixed(sums) if sums[group].count == 0 => Ok(Value::Null),
            Self::Fixed(sums) if is_average => {
                let FixedSum { digits, count } = sums[group];
                let argument = aggregate
                    .argument
                    .as_ref()
                    .map(|argument| argument.data_type);
                let scale = argument.map_or(0, scale_of);
                Ok(Value::Double(
                    decimal::to_double(digits, scale) / count as f64,
                ))
            }
            Self::Fixed(sums) => match aggregate.data_type {
                DataType::Decimal { scale, .. } => {
                    let digits = decimal::checked(sums[group].digits).ok_or_else(overflow)?;
                    Ok(Value::Decimal { digits, scale })
                }
                _ => to_int(sums[group].digits),
            },
            Self::Double(sums) if sums[group].count == 0 => Ok(Value::Null),
            Self::Double(sums) => {
                let total = sums[group].total()?;
                let divisor = if is_average {
                    sums[group].count as f64
                } else {
                    1.0
                };
                Ok(Value::Double(positive_zero(total / divisor)))
            }
        }
    }
}

fn take_extreme(is_max: bool, best: &mut Value, value: &Value, budget: &Budget) -> Result<()> {
    let is_better = match order(value, best) {
        std::cmp::Ordering::Less => !is_max,
        std::cmp::Ordering::Greater => is_max,
        std::cmp::Ordering::Equal => false,
    };
    if best.is_null() || is_better {
        budget.charge(bytes_of(value))?;
        budget.release(bytes_of(best));
        *best = value.clone();
    }
    Ok(())
}

const fn scale_of(data_type: DataType) -> u8 {
    match data_type {
        DataType::Decimal { scale, .. } => scale,
        _ => 0,
    }
}

fn to_int(value: i128) -> Result<Value> {
    i64::try_from(value).map(Value::Int).map_err(|_| overflow())
}

fn overflow() -> Error {
    Error::overflow("a sum is outside the range of its type")
}
