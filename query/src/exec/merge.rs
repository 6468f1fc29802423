//! What partitions say about groups, added up by value.

use hashbrown::DefaultHashBuilder;
use hashbrown::hash_table::{Entry, HashTable};

use crate::error::Result;
use crate::exec::Execution;
use crate::exec::aggregate::States;
use crate::exec::budget::bytes_of_row;
use crate::exec::hashed::{hash_of, is_same};
use crate::limits::Limits;
use crate::value::Value;

/// Bytes that the place of a group takes in the table of all.
const PLACE_BYTES: usize = 16;

/// What one partition says about groups: values only.
#[derive(Debug)]
pub(crate) struct Partial {
    /// The keys of each group.
    pub(crate) keys: Vec<Vec<Value>>,
    /// Of each aggregate, by group.
    pub(crate) states: Vec<States>,
    /// Bytes that were charged for it.
    pub(crate) held: usize,
}

/// What all partitions so far say.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) keys: Vec<Vec<Value>>,
    pub(crate) states: Vec<States>,
    /// Where the keys of each group are, once there is more than one partition.
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Merged {
    /// Of one partition.
    pub(crate) fn new(first: Partial) -> Self {
        Self {
            keys: first.keys,
            states: first.states,
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Adds another one, whose memory is free then.
    ///
    /// # Errors
    /// `overflow`, `limit_exceeded`, or the statement has to stop.
    pub(crate) fn add(&mut self, other: Partial, execution: &Execution) -> Result<()> {
        let Execution {
            budget, interrupt, ..
        } = execution;
        interrupt.check()?;
        let Self {
            keys,
            states,
            places,
            hasher,
        } = self;
        if places.is_empty() {
            budget.charge(keys.len() * PLACE_BYTES)?;
            for (place, row) in keys.iter().enumerate() {
                let hash = |place: &usize| hash_of(&keys[*place], hasher);
                places.insert_unique(hash_of(row, hasher), place, hash);
            }
        }
        let mut groups = Vec::with_capacity(other.keys.len());
        for row in other.keys {
            let found = places.entry(
                hash_of(&row, hasher),
                |place| is_same(&keys[*place], &row),
                |place| hash_of(&keys[*place], hasher),
            );
            groups.push(match found {
                Entry::Occupied(place) => *place.get(),
                Entry::Vacant(vacant) => {
                    let place = keys.len();
                    vacant.insert(place);
                    budget.charge(bytes_of_row(&row) + PLACE_BYTES)?;
                    keys.push(row);
                    place
                }
            });
        }
        Limits::check("groups", keys.len(), execution.groups_max)?;
        for (states, other) in states.iter_mut().zip(other.states) {
            interrupt.check()?;
            states.merge(other, &groups, keys.len(), budget)?;
        }
        budget.release(other.held);
        Ok(())
    }
}
