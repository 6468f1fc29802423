//! ORDER BY: the first rows in room for few more than those, or all of them within the memory
//! budget.

use std::cmp::Ordering;
use std::collections::VecDeque;

use crate::bind::bound::OrderKey;
use crate::error::Result;
use crate::exec::Interrupt;
use crate::exec::budget::{Budget, bytes_of, bytes_of_row};
use crate::exec::progress::Progress;
use crate::value::Value;

/// Rows kept beyond twice the limit before the last ones are dropped.
const SPARE_ROWS: usize = 256;
/// Keys of the rows that are sorted between two looks at the interrupt.
const RUN_KEYS: usize = 1 << 20;

/// Rows that are worth keeping, by what they are ordered by. Of equal ones, those that were
/// offered first come first.
#[derive(Debug)]
pub(crate) struct Ordered<T> {
    directions: Vec<Direction>,
    /// How many rows are wanted at most; nothing for all of them.
    limit: Option<usize>,
    kept: Vec<Entry<T>>,
    /// What the last row has that is known to be among the first ones: rows behind it are not
    /// wanted.
    bar: Option<Keys>,
    offered: u64,
}

#[derive(Clone, Copy, Debug)]
struct Direction {
    descending: bool,
    nulls_first: bool,
}

#[derive(Debug)]
struct Entry<T> {
    keys: Keys,
    number: u64,
    row: T,
}

/// What a row is ordered by. The first key decides most comparisons, so it is at hand.
#[derive(Clone, Debug)]
struct Keys {
    first: Value,
    rest: Vec<Value>,
}

impl Keys {
    fn new(mut keys: Vec<Value>) -> Self {
        if keys.len() == 1 {
            let first = keys.pop().unwrap_or(Value::Null);
            return Self {
                first,
                rest: Vec::new(),
            };
        }
        let mut keys = keys.into_iter();
        let first = keys.next().unwrap_or(Value::Null);
        Self {
            first,
            rest: keys.collect(),
        }
    }

    fn bytes(&self) -> usize {
        bytes_of(&self.first) + bytes_of_row(&self.rest)
    }
}

impl Direction {
    fn order(self, a: &Value, b: &Value) -> Ordering {
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if self.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if self.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let order = a.compare(b).unwrap_or(Ordering::Equal);
                if self.descending {
                    order.reverse()
                } else {
                    order
                }
            }
        }
    }
}

fn order(directions: &[Direction], a: &Keys, b: &Keys) -> Ordering {
    let Some((first, rest)) = directions.split_first() else {
        return Ordering::Equal;
    };
    let order = first.order(&a.first, &b.first);
    if order.is_ne() {
        return order;
    }
    let orders = a.rest.iter().zip(&b.rest).zip(rest);
    orders
        .map(|((a, b), direction)| direction.order(a, b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl<T> Ordered<T> {
    /// Nothing kept so far.
    pub(crate) fn new(order: &[OrderKey], limit: Option<usize>) -> Self {
        let direction = |key: &OrderKey| Direction {
            descending: key.descending,
            nulls_first: key.nulls_first,
        };
        Self {
            directions: order.iter().map(direction).collect(),
            limit,
            kept: Vec::new(),
            bar: None,
            offered: 0,
        }
    }

    /// Keeps a row if it may be wanted. `keys` are what it is ordered by.
    ///
    /// # Errors
    /// `limit_exceeded`: the rows do not fit the memory.
    pub(crate) fn offer(&mut self, keys: Vec<Value>, row: T, budget: &Budget) -> Result<()> {
        let number = self.offered;
        self.offered += 1;
        let keys = Keys::new(keys);
        let is_behind = |bar: &Keys| order(&self.directions, &keys, bar).is_ge();
        if self.limit == Some(0) || self.bar.as_ref().is_some_and(is_behind) {
            return Ok(());
        }
        budget.charge(keys.bytes() + size_of::<Entry<T>>())?;
        self.kept.push(Entry { keys, number, row });
        if let Some(limit) = self.limit
            && self.kept.len() / 2 >= limit.saturating_add(SPARE_ROWS)
        {
            self.drop_last(limit, budget);
        }
        Ok(())
    }

    fn drop_last(&mut self, limit: usize, budget: &Budget) {
        let directions = &self.directions;
        self.kept
            .select_nth_unstable_by(limit - 1, |a, b| compare(directions, a, b));
        for entry in self.kept.drain(limit..) {
            budget.release(entry.keys.bytes() + size_of::<Entry<T>>());
        }
        self.bar = self.kept.last().map(|entry| entry.keys.clone());
    }

    /// Once it is known that rows behind a first key are not wanted: that key.
    pub(crate) fn bar(&self) -> Option<&Value> {
        self.bar.as_ref().map(|bar| &bar.first)
    }

    /// The rows in order.
    ///
    /// # Errors
    /// The statement has to stop.
    pub(crate) fn finish(self, interrupt: &Interrupt) -> Result<impl Iterator<Item = T>> {
        let sorted = sorted(self.kept, &self.directions, interrupt)?;
        let limit = self.limit.unwrap_or(usize::MAX);
        Ok(sorted.into_iter().take(limit).map(|entry| entry.row))
    }
}

/// Sorts runs, and merges them: a sort as a whole would not stop.
fn sorted<T>(
    mut entries: Vec<Entry<T>>,
    directions: &[Direction],
    interrupt: &Interrupt,
) -> Result<Vec<Entry<T>>> {
    let run = (RUN_KEYS / directions.len().max(1)).max(64);
    let mut runs = VecDeque::new();
    loop {
        interrupt.check()?;
        let mut last = match entries.len().checked_sub(run) {
            Some(rest) if rest > 0 => entries.split_off(rest),
            _ => std::mem::take(&mut entries),
        };
        last.sort_unstable_by(|a, b| compare(directions, a, b));
        runs.push_back(last);
        if entries.is_empty() {
            break;
        }
    }
    while runs.len() > 1 {
        let (first, second) = (runs.pop_front(), runs.pop_front());
        let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
        runs.push_back(merged(first, second, directions, interrupt)?);
    }
    Ok(runs.pop_front().unwrap_or_default())
}

/// Two sorted runs as one.
fn merged<T>(
    first: Vec<Entry<T>>,
    second: Vec<Entry<T>>,
    directions: &[Direction],
    interrupt: &Interrupt,
) -> Result<Vec<Entry<T>>> {
    let mut all = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter().peekable(), second.into_iter().peekable());
    let mut progress = Progress::default();
    loop {
        progress.step(directions.len(), interrupt)?;
        let next = match (first.peek(), second.peek()) {
            (Some(a), Some(b)) if compare(directions, a, b).is_gt() => second.next(),
            (None, _) => second.next(),
            _ => first.next(),
        };
        match next {
            Some(entry) => all.push(entry),
            None => return Ok(all),
        }
    }
}

fn compare<T>(directions: &[Direction], a: &Entry<T>, b: &Entry<T>) -> Ordering {
    order(directions, &a.keys, &b.keys).then(a.number.cmp(&b.number))
}
