//! ORDER BY: the first rows in room for few more than those, or all of them within the memory
//! budget.

use std::cmp::Ordering;

use crate::bind::bound::OrderKey;
use crate::error::Result;
use crate::exec::budget::{Budget, bytes_of, bytes_of_row};
use crate::value::Value;

/// Rows kept beyond twice the limit before the last ones are dropped.
const SPARE_ROWS: usize = 256;

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
    pub(crate) fn finish(mut self) -> impl Iterator<Item = T> {
        let directions = &self.directions;
        self.kept.sort_unstable_by(|a, b| compare(directions, a, b));
        self.kept.truncate(self.limit.unwrap_or(usize::MAX));
        self.kept.into_iter().map(|entry| entry.row)
    }
}

fn compare<T>(directions: &[Direction], a: &Entry<T>, b: &Entry<T>) -> Ordering {
    order(directions, &a.keys, &b.keys).then(a.number.cmp(&b.number))
}
