//! ORDER BY: the first rows by a bounded heap, or all of them within the memory budget.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::bind::bound::OrderKey;
use crate::error::Result;
use crate::exec::budget::{Budget, bytes_of_row};
use crate::value::Value;

/// Rows that are worth keeping, by what they are ordered by. Of equal ones, those that were
/// offered first come first.
#[derive(Debug)]
pub(crate) struct Ordered<T> {
    directions: Arc<[Direction]>,
    /// How many rows are wanted at most; nothing for all of them.
    limit: Option<usize>,
    kept: BinaryHeap<Entry<T>>,
    offered: u64,
}

#[derive(Clone, Copy, Debug)]
struct Direction {
    descending: bool,
    nulls_first: bool,
}

/// The largest entry is the one that comes last.
#[derive(Debug)]
struct Entry<T> {
    keys: Vec<Value>,
    number: u64,
    directions: Arc<[Direction]>,
    row: T,
}

impl<T> Entry<T> {
    fn compare(&self, keys: &[Value], number: u64) -> Ordering {
        let pairs = self.keys.iter().zip(keys).zip(&*self.directions);
        for ((a, b), direction) in pairs {
            let order = direction.order(a, b);
            if order.is_ne() {
                return order;
            }
        }
        self.number.cmp(&number)
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

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(&other.keys, other.number)
    }
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
            kept: BinaryHeap::new(),
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
        if self.limit.is_some_and(|limit| self.kept.len() >= limit) {
            let Some(mut last) = self.kept.peek_mut() else {
                return Ok(());
            };
            if last.compare(&keys, number).is_gt() {
                budget.release(bytes_of_row(&last.keys));
                budget.charge(bytes_of_row(&keys))?;
                last.keys = keys;
                last.number = number;
                last.row = row;
            }
            return Ok(());
        }
        budget.charge(bytes_of_row(&keys) + size_of::<Entry<T>>())?;
        let directions = self.directions.clone();
        self.kept.push(Entry {
            keys,
            number,
            directions,
            row,
        });
        Ok(())
    }

    /// Once no more rows can be kept than there are: what the last of them has as its first key.
    pub(crate) fn bar(&self) -> Option<&Value> {
        let is_full = self.limit.is_some_and(|limit| self.kept.len() >= limit);
        self.kept.peek().filter(|_| is_full)?.keys.first()
    }

    /// The rows in order.
    pub(crate) fn finish(self) -> impl Iterator<Item = T> {
        self.kept
            .into_sorted_vec()
            .into_iter()
            .map(|entry| entry.row)
    }
}
