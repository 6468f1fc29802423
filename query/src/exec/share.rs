//! `share()` and `tgi()`: how many of those whose first key is known are in a group.

use hashbrown::HashMap;

use crate::error::Result;
use crate::exec::budget::{Budget, bytes_of_row};
use crate::exec::group_ids::{Group, GroupIds};
use crate::exec::hashed::Hashed;
use crate::value::Value;

/// Subjects by group, and of all groups those whose first key is known.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    pub(crate) counts: Vec<u64>,
    pub(crate) known: u64,
}

impl Shares {
    /// Adds rows, which rise, to their groups.
    pub(crate) fn add(&mut self, rows: &[(u32, Group)], ids: &GroupIds) {
        let mut last = None;
        for (row, group) in rows {
            self.counts[*group as usize] += 1;
            if last != Some(*row) && ids.is_known(*group) {
                self.known += 1;
            }
            last = Some(*row);
        }
    }

    /// The part that a group is; NULL of nothing.
    pub(crate) fn share(&self, group: usize) -> Value {
        match self.known {
            0 => Value::Null,
            known => Value::Double(self.counts[group] as f64 / known as f64),
        }
    }
}

/// Groups of a whole table, to compare with.
#[derive(Debug, Default)]
pub(crate) struct Base {
    counts: HashMap<Vec<Hashed>, u64>,
    known: u64,
}

impl Base {
    /// Of these groups.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub(crate) fn new(keys: Vec<Vec<Value>>, shares: Shares, budget: &Budget) -> Result<Self> {
        budget.charge(keys.iter().map(|row| bytes_of_row(row) + 8).sum())?;
        let keys = keys
            .into_iter()
            .map(|row| row.into_iter().map(Hashed).collect());
        Ok(Self {
            counts: keys.zip(shares.counts).collect(),
            known: shares.known,
        })
    }

    /// 100 times the share of a group over its share here; NULL if that is none.
    pub(crate) fn tgi(&self, keys: &[Value], shares: &Shares, group: usize) -> Value {
        let keys: Vec<Hashed> = keys.iter().cloned().map(Hashed).collect();
        let count = self.counts.get(&keys).copied().unwrap_or(0);
        if count == 0 || shares.known == 0 {
            return Value::Null;
        }
        let product = |a: u64, b: u64| (u128::from(a) * u128::from(b)) as f64;
        let (own, base) = (
            product(shares.counts[group], self.known),
            product(count, shares.known),
        );
        Value::Double(100.0 * own / base)
    }
}
