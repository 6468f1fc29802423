//! Queries in queries, once their names and types are resolved.

use std::sync::Arc;

use hashbrown::HashSet;
use tagdb_storage::bitmap::Bitmap;
use tagdb_storage::ids::Code;
use tagdb_storage::schema::NumberType;

use crate::bind::bound::{Expr, OrderKey, OutputColumn, Select, Slot};
use crate::value::Value;

/// Something that gives rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// One SELECT.
    Select(Box<Select>),
    /// The keys of several.
    Union(Box<Union>),
}

/// The rows of several SELECTs, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Union {
    /// The key.
    pub columns: Vec<OutputColumn>,
    /// Each of one key column of the same type, in the internal order and without a limit.
    pub parts: Vec<Select>,
    /// Of the whole; slots are its columns.
    pub order: Vec<OrderKey>,
    /// Rows of the whole, at most.
    pub limit: Option<u64>,
    /// Rows passed over.
    pub offset: u64,
}

impl Query {
    /// Its columns.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        match self {
            Self::Select(select) => &select.columns,
            Self::Union(union) => &union.columns,
        }
    }

    /// Its SELECTs.
    #[must_use]
    pub fn selects(&self) -> &[Select] {
        match self {
            Self::Select(select) => std::slice::from_ref(select),
            Self::Union(union) => &union.parts,
        }
    }
}

/// Whether what a subject has is among the values of a query, which has one column and reads the
/// same state. Before anything is evaluated the query is run, and this becomes what `found` says;
/// what NULLs and an empty result mean is then written out around it.
#[derive(Clone, Debug)]
pub struct InQuery {
    /// What is looked for.
    pub operand: Operand,
    /// Where.
    pub query: Arc<Query>,
    /// What its values are to the operand, once it was run.
    pub found: Option<Found>,
}

impl PartialEq for InQuery {
    fn eq(&self, other: &Self) -> bool {
        // Queries that WITH names are shared, and may use each other many times.
        let same_query = Arc::ptr_eq(&self.query, &other.query) || self.query == other.query;
        same_query && self.operand == other.operand && self.found == other.found
    }
}

/// What is looked for among the values of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// The key.
    Key(Slot),
    /// A KEYWORD tag.
    Text(Slot),
    /// A number tag or a map value.
    Number(Slot, NumberType),
    /// Any member of a set; NULLs among the values are passed over.
    AnyMember(Slot),
    /// All values, in a set; NULLs among them are passed over.
    AllValues(Slot),
    /// A value, by rows; it has the type that values are brought to.
    Rows(Expr),
}

impl Operand {
    /// Calls `f` with every slot that it reads.
    pub fn for_each_slot(&self, f: &mut dyn FnMut(Slot)) {
        match self {
            Self::Key(slot)
            | Self::Text(slot)
            | Self::Number(slot, _)
            | Self::AnyMember(slot)
            | Self::AllValues(slot) => f(*slot),
            Self::Rows(expr) => expr.for_each_slot(f),
        }
    }
}

/// The values of a query as an operand is compared with them. What holds for one partition only
/// lies in the order of partitions.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Of keys: who they are.
    Subjects(Arc<Vec<Bitmap>>),
    /// Of strings: their codes, rising; nothing if [`Operand::AllValues`] cannot hold since the
    /// partition does not know one of them.
    Codes(Arc<Vec<Option<Vec<Code>>>>),
    /// Of numbers: in stored form.
    Numbers(Arc<NumberSet>),
    /// None is NULL, sorted by [`Value::compare`].
    Values(Arc<Vec<Value>>),
}

/// A set of stored numbers that can be asked quickly.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberSet {
    /// A bit for each number from the lowest on.
    Dense {
        /// The lowest number.
        low: i64,
        /// The bits.
        bits: Vec<u64>,
    },
    /// Numbers that lie far apart.
    Sparse(HashSet<i64>),
}

/// Bits for each number of a set that are still better than hashing them.
const DENSE_BITS: u64 = 256;

impl NumberSet {
    /// The set of these numbers.
    #[must_use]
    pub fn new(numbers: HashSet<i64>) -> Self {
        let low = numbers.iter().min().copied().unwrap_or(0);
        let high = numbers.iter().max().copied().unwrap_or(0);
        let span = high.abs_diff(low);
        if span / DENSE_BITS > numbers.len() as u64 {
            return Self::Sparse(numbers);
        }
        let mut bits = vec![0; (span / 64 + 1) as usize];
        for number in numbers {
            let bit = number.abs_diff(low);
            bits[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        Self::Dense { low, bits }
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, number: i64) -> bool {
        match self {
            Self::Dense { low, bits } => {
                let bit = number.abs_diff(*low);
                let word = usize::try_from(bit / 64).ok().and_then(|at| bits.get(at));
                number >= *low && word.is_some_and(|word| word >> (bit % 64) & 1 != 0)
            }
            Self::Sparse(numbers) => numbers.contains(&number),
        }
    }
}
