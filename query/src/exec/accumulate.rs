//! Aggregates while they go over a partition: kernels for whole chunks, columns for batches.

use hashbrown::HashSet;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::Code;
use tagdb_storage::schema::{NumberType, double_from_sortable};

use crate::bind::bound::{Aggregate, AggregateKind, Column, Expr, ExprKind, Slot};
use crate::decimal;
use crate::error::{Error, Result};
use crate::exec::aggregate::{DoubleSum, States, grow};
use crate::exec::batch::Batch;
use crate::exec::budget::{Budget, bytes_of};
use crate::exec::columns::{Columns, Reader, slots_of, string_of};
use crate::exec::group_ids::{Group, GroupIds};
use crate::exec::hashed::Hashed;
use crate::exec::moments::Moments;
use crate::exec::quantile::gather;
use crate::exec::row_function::RowFunction;
use crate::exec::share::Shares;
use crate::functions::eval;
use crate::literal::from_stored;
use crate::value::{DataType, Value};

/// An aggregate while it goes over a partition.
#[derive(Debug)]
pub(crate) struct Accumulator {
    kind: AggregateKind,
    input: Input,
    state: Raw,
}

/// What is aggregated.
#[derive(Debug)]
enum Input {
    /// Everybody.
    Rows,
    /// Numbers or codes as stored.
    Stored(Slot),
    /// Anything else.
    Computed(Expr, Box<RowFunction<Value>>),
}

/// States that may hold what only the partition understands.
#[derive(Debug)]
enum Raw {
    Plain(States),
    /// Of stored numbers or codes; what they mean is the column's matter.
    DistinctStored(Slot, Vec<HashSet<i64>>),
    ExtremeStored {
        number: NumberType,
        is_max: bool,
        values: Vec<Option<i64>>,
    },
    DoubleStored(Vec<DoubleSum>),
    MomentsStored(NumberType, Vec<Moments>),
}

/// A stored number as a double.
fn double_of(number: NumberType, stored: i64) -> f64 {
    match number {
        NumberType::Double => double_from_sortable(stored),
        NumberType::Decimal { scale, .. } => decimal::to_double(i128::from(stored), scale),
        _ => stored as f64,
    }
}

impl Accumulator {
    /// Before the first row.
    ///
    /// # Errors
    /// The argument's column is not open.
    pub(crate) fn new(aggregate: &Aggregate, columns: &Columns) -> Result<Self> {
        let kind = aggregate.kind;
        let Some(argument) = &aggregate.argument else {
            let state = match kind {
                AggregateKind::Share | AggregateKind::Tgi => States::Shares(Shares::default()),
                _ => States::Count(Vec::new()),
            };
            return Ok(Self {
                kind,
                input: Input::Rows,
                state: Raw::Plain(state),
            });
        };
        if let ExprKind::Slot(slot) = argument.kind
            && let Some(state) = Raw::of_stored(kind, slot, columns)?
        {
            return Ok(Self {
                kind,
                input: Input::Stored(slot),
                state,
            });
        }
        Ok(Self {
            kind,
            input: Input::Computed(
                argument.clone(),
                Box::new(RowFunction::new(
                    slots_of([argument]),
                    argument.size(),
                    bytes_of,
                )),
            ),
            state: Raw::Plain(States::of(kind, argument.data_type)),
        })
    }

    /// Adds rows of a batch, which rise, to their groups.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, an expression cannot be computed, `overflow`,
    /// `limit_exceeded`.
    pub(crate) fn add(
        &mut self,
        columns: &Columns,
        batch: &Batch,
        (rows, ids): (&[(u32, Group)], &GroupIds),
        budget: &Budget,
    ) -> Result<()> {
        columns.execution.interrupt.check()?;
        self.state.grow(ids.len(), budget)?;
        match &mut self.input {
            Input::Rows => {
                match &mut self.state {
                    Raw::Plain(States::Count(counts)) => rows
                        .iter()
                        .for_each(|(_, group)| counts[*group as usize] += 1),
                    Raw::Plain(States::Shares(shares)) => shares.add(rows, ids),
                    _ => return Err(Error::internal("an aggregate of subjects")),
                }
                Ok(())
            }
            Input::Stored(slot) => {
                let mut stored = Vec::new();
                columns.stored(*slot, batch, &mut stored)?;
                self.state.add_stored(&stored, rows, budget)
            }
            Input::Computed(expr, function) => {
                let values = function.apply(columns, batch, &mut |row| eval(expr, row))?;
                match &mut self.state {
                    Raw::Plain(states) => states.add(self.kind, &values, rows, budget),
                    _ => Err(Error::internal("an aggregate of what is not stored")),
                }
            }
        }
    }

    /// Whether it can take the audience of a chunk as a whole, if there is only one group.
    pub(crate) fn takes_chunks(&self, columns: &Columns) -> bool {
        match self.input {
            Input::Rows => true,
            Input::Stored(slot) => {
                columns.single(slot).is_some() && !matches!(self.state, Raw::DoubleStored(_))
            }
            Input::Computed(..) => false,
        }
    }

    /// Adds the audience of a chunk to the one group there is.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, `overflow`, `limit_exceeded`.
    pub(crate) fn add_chunk(
        &mut self,
        columns: &Columns,
        chunk: u16,
        audience: &Chunk,
        budget: &Budget,
    ) -> Result<()> {
        columns.execution.interrupt.check()?;
        self.state.grow(1, budget)?;
        let stack = match self.input {
            Input::Stored(slot) => columns.single(slot),
            Input::Rows | Input::Computed(..) => None,
        };
        match (stack, &mut self.state) {
            (None, Raw::Plain(States::Count(counts))) => {
                counts[0] += u64::from(audience.count());
            }
            (Some(stack), Raw::Plain(States::Count(counts))) => {
                counts[0] += stack.totals(chunk, audience)?.count;
            }
            (Some(stack), Raw::Plain(States::Fixed(sums))) => {
                let totals = stack.totals(chunk, audience)?;
                sums[0].add(totals.sum, totals.count)?;
            }
            (Some(stack), Raw::ExtremeStored { is_max, values, .. }) => {
                if let Some((min, max)) = stack.totals(chunk, audience)?.bounds {
                    let best = values[0].get_or_insert(if *is_max { max } else { min });
                    *best = if *is_max {
                        max.max(*best)
                    } else {
                        min.min(*best)
                    };
                }
            }
            (Some(stack), Raw::Plain(States::Numbers(_, numbers))) => {
                let mut added = Ok(());
                stack.for_each(chunk, audience, &mut |_, value| {
                    if added.is_ok() {
                        added = gather(&mut numbers[0], value, budget);
                    }
                })?;
                added?;
            }
            (Some(stack), Raw::MomentsStored(number, moments)) => {
                let number = *number;
                stack.for_each(chunk, audience, &mut |_, value| {
                    moments[0].add(double_of(number, value));
                })?;
            }
            (Some(stack), Raw::DistinctStored(_, sets)) => {
                let set = &mut sets[0];
                let before = set.len();
                stack.for_each(chunk, audience, &mut |_, value| {
                    set.insert(value);
                })?;
                budget.charge((set.len() - before) * 16)?;
            }
            _ => return Err(Error::internal("an aggregate that takes no chunks")),
        }
        Ok(())
    }

    /// The states as values.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn finish(
        mut self,
        groups: usize,
        partition: &PartitionState,
        columns: &[Column],
        budget: &Budget,
    ) -> Result<States> {
        self.state.grow(groups, budget)?;
        Ok(match self.state {
            Raw::Plain(states) => states,
            Raw::DoubleStored(sums) => States::Double(sums),
            Raw::MomentsStored(_, moments) => States::Moments(moments),
            Raw::ExtremeStored {
                number,
                is_max,
                values,
            } => {
                let value = |v: Option<i64>| v.map_or(Value::Null, |v| from_stored(number, v));
                States::Extreme {
                    is_max,
                    values: values.into_iter().map(value).collect(),
                }
            }
            Raw::DistinctStored(slot, sets) => {
                let column = columns
                    .get(slot)
                    .ok_or_else(|| Error::internal("no such slot"))?;
                States::Distinct(distinct_values(sets, column, partition, budget)?)
            }
        })
    }
}

fn distinct_values(
    sets: Vec<HashSet<i64>>,
    column: &Column,
    partition: &PartitionState,
    budget: &Budget,
) -> Result<Vec<HashSet<Hashed>>> {
    let vocabulary = match column {
        Column::Tag { id, kind } if kind.has_vocabulary() => Some(partition.vocabulary(*id)),
        _ => None,
    };
    let strings = vocabulary
        .as_ref()
        .map(|vocabulary| vocabulary.read())
        .transpose()?;
    let value = |stored: i64| {
        Ok(Hashed(match (&strings, column) {
            (Some(strings), _) => Value::Text(string_of(strings, stored as Code)?),
            (None, Column::Tag { kind, .. }) => match DataType::from(*kind).number_type() {
                Some(number) => from_stored(number, stored),
                None => Value::Boolean(stored != 0),
            },
            (None, Column::MapValue { number, .. }) => from_stored(*number, stored),
            (None, Column::Key) => Value::Int(stored),
        }))
    };
    let mut out = Vec::with_capacity(sets.len());
    for set in sets {
        budget.charge(set.len() * size_of::<Hashed>())?;
        out.push(set.into_iter().map(value).collect::<Result<_>>()?);
    }
    Ok(out)
}

impl Raw {
    /// The states of an aggregate of a slot; nothing if its values have to be computed.
    fn of_stored(kind: AggregateKind, slot: Slot, columns: &Columns) -> Result<Option<Self>> {
        let reader = columns.reader(slot)?;
        let number = match reader {
            Reader::Number(_, number) | Reader::MapValue(_, _, number) => Some(*number),
            _ => None,
        };
        let is_coded = matches!(reader, Reader::Boolean(_) | Reader::Keyword(..));
        Ok(match (kind, number) {
            (AggregateKind::Count, _) if number.is_some() || is_coded => {
                Some(Self::Plain(States::Count(Vec::new())))
            }
            (AggregateKind::CountDistinct, _) if number.is_some() || is_coded => {
                Some(Self::DistinctStored(slot, Vec::new()))
            }
            (AggregateKind::Sum | AggregateKind::Avg, Some(NumberType::Double)) => {
                Some(Self::DoubleStored(Vec::new()))
            }
            (AggregateKind::Sum | AggregateKind::Avg, Some(_)) => {
                Some(Self::Plain(States::Fixed(Vec::new())))
            }
            (AggregateKind::Min | AggregateKind::Max, Some(number)) => Some(Self::ExtremeStored {
                number,
                is_max: kind == AggregateKind::Max,
                values: Vec::new(),
            }),
            (AggregateKind::Quantile(_), Some(number)) => {
                Some(Self::Plain(States::Numbers(number, Vec::new())))
            }
            (AggregateKind::Stddev, Some(number)) => Some(Self::MomentsStored(number, Vec::new())),
            _ => None,
        })
    }

    fn grow(&mut self, groups: usize, budget: &Budget) -> Result<()> {
        match self {
            Self::Plain(states) => states.grow(groups, budget),
            Self::DistinctStored(_, sets) => grow(sets, groups, budget),
            Self::ExtremeStored { values, .. } => grow(values, groups, budget),
            Self::DoubleStored(sums) => grow(sums, groups, budget),
            Self::MomentsStored(_, moments) => grow(moments, groups, budget),
        }
    }

    fn add_stored(
        &mut self,
        stored: &[Option<i64>],
        rows: &[(u32, Group)],
        budget: &Budget,
    ) -> Result<()> {
        let known = rows
            .iter()
            .filter_map(|(row, group)| Some((*group as usize, stored[*row as usize]?)));
        match self {
            Self::Plain(States::Count(counts)) => {
                known.for_each(|(group, _)| counts[group] += 1);
            }
            Self::Plain(States::Fixed(sums)) => {
                for (group, value) in known {
                    sums[group].add(i128::from(value), 1)?;
                }
            }
            Self::Plain(States::Numbers(_, numbers)) => {
                for (group, value) in known {
                    gather(&mut numbers[group], value, budget)?;
                }
            }
            Self::MomentsStored(number, moments) => {
                let number = *number;
                known.for_each(|(group, value)| moments[group].add(double_of(number, value)));
            }
            Self::DoubleStored(sums) => {
                known.for_each(|(group, value)| sums[group].add(double_from_sortable(value)));
            }
            Self::ExtremeStored { is_max, values, .. } => {
                let is_max = *is_max;
                for (group, value) in known {
                    let best = values[group].get_or_insert(value);
                    *best = if is_max {
                        value.max(*best)
                    } else {
                        value.min(*best)
                    };
                }
            }
            Self::DistinctStored(_, sets) => {
                let mut new = 0;
                known.for_each(|(group, value)| new += usize::from(sets[group].insert(value)));
                budget.charge(new * 16)?;
            }
            Self::Plain(_) => return Err(Error::internal("an aggregate of what is stored")),
        }
        Ok(())
    }
}
