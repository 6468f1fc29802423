//! The groups of a partition's subjects: values become small numbers, and pairs of numbers groups.

use hashbrown::HashMap;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::Code;
use tagdb_storage::schema::NumberType;

use crate::bind::bound::{Column, Expr, ExprKind, GroupKey, Slot};
use crate::error::{Error, Result};
use crate::exec::batch::Batch;
use crate::exec::budget::{Budget, bytes_of};
use crate::exec::columns::{Columns, Reader, slots_of, string_of};
use crate::exec::hashed::Hashed;
use crate::exec::row_function::RowFunction;
use crate::functions::eval;
use crate::limits::Limits;
use crate::literal::from_stored;
use crate::value::Value;

/// Rows in groups of one batch whose memory need not be looked at.
const PAIRS_UNCHECKED: usize = 1 << 16;

/// The number of a value among those of one group key; NULL is 0.
type Id = u32;
/// The number of a group.
pub(crate) type Group = u32;

/// The groups of one partition.
#[derive(Debug)]
pub(crate) struct GroupIds {
    keys: Vec<Key>,
    groups_max: usize,
    stored: Vec<Option<i64>>,
}

#[derive(Debug)]
struct Key {
    source: Source,
    groups: Level,
    /// Bytes of its tables that were charged.
    charged: usize,
}

/// Where the value of a group key comes from.
#[derive(Debug)]
enum Source {
    /// A boolean or keyword: its id is the code and one more.
    Coded(Slot),
    /// The members of a set, or the keys of a map; ids as of `Coded`.
    Members(Slot),
    Number(Slot, NumberType, Interner<i64>),
    Computed(Box<(Expr, RowFunction<Id>, Interner<Hashed>)>),
}

/// Numbers for things, from 1.
#[derive(Debug)]
struct Interner<T> {
    ids: HashMap<T, Id>,
    things: Vec<T>,
    /// Bytes that the things hold beside their own size, as far as they were charged.
    bytes: usize,
}

/// The groups by the first keys up to one of them.
#[derive(Debug)]
enum Level {
    /// Of the first key: group and one more by id.
    First { groups: Vec<Group>, ids: Vec<Id> },
    /// Of the others: group by the group so far and the id.
    Next {
        groups: HashMap<(Group, Id), Group>,
        pairs: Vec<(Group, Id)>,
    },
}

impl<T: Clone + Eq + std::hash::Hash> Interner<T> {
    fn new() -> Self {
        Self {
            ids: HashMap::new(),
            things: Vec::new(),
            bytes: 0,
        }
    }

    fn id(&mut self, thing: T) -> Id {
        let Self { ids, things, .. } = self;
        *ids.entry(thing).or_insert_with_key(|thing| {
            things.push(thing.clone());
            things.len() as Id
        })
    }

    fn table_bytes(&self) -> usize {
        self.ids.capacity() * (size_of::<(T, Id)>() + 1) + self.things.capacity() * size_of::<T>()
    }

    fn thing(&self, id: Id) -> Option<&T> {
        self.things.get((id as usize).checked_sub(1)?)
    }
}

impl Level {
    fn group(&mut self, before: Group, id: Id) -> Group {
        match self {
            Self::First { groups, ids } => {
                let place = id as usize;
                if groups.len() <= place {
                    groups.resize(place + 1, 0);
                }
                if groups[place] == 0 {
                    ids.push(id);
                    groups[place] = ids.len() as Group;
                }
                groups[place] - 1
            }
            Self::Next { groups, pairs } => *groups.entry((before, id)).or_insert_with(|| {
                pairs.push((before, id));
                pairs.len() as Group - 1
            }),
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::First { ids, .. } => ids.len(),
            Self::Next { pairs, .. } => pairs.len(),
        }
    }

    /// The group before this level, and the id.
    fn parts(&self, group: Group) -> (Group, Id) {
        match self {
            Self::First { ids, .. } => (0, ids[group as usize]),
            Self::Next { pairs, .. } => pairs[group as usize],
        }
    }
}

impl GroupIds {
    /// No groups yet.
    ///
    /// # Errors
    /// A key cannot be grouped by.
    pub(crate) fn new(keys: &[GroupKey], columns: &Columns, groups_max: usize) -> Result<Self> {
        let mut own = Vec::with_capacity(keys.len());
        for (place, key) in keys.iter().enumerate() {
            let groups = match place {
                0 => Level::First {
                    groups: Vec::new(),
                    ids: Vec::new(),
                },
                _ => Level::Next {
                    groups: HashMap::new(),
                    pairs: Vec::new(),
                },
            };
            own.push(Key {
                source: Source::new(key, columns)?,
                groups,
                charged: 0,
            });
        }
        Ok(Self {
            keys: own,
            groups_max,
            stored: Vec::new(),
        })
    }

    /// The number of groups so far; without keys there is one.
    pub(crate) fn len(&self) -> usize {
        self.keys.last().map_or(1, |key| key.groups.len())
    }

    /// Bytes that were charged for it.
    pub(crate) fn held_bytes(&self) -> usize {
        let held = |key: &Key| {
            let values = match &key.source {
                Source::Computed(computed) => computed.2.bytes,
                _ => 0,
            };
            key.charged + values
        };
        self.keys.iter().map(held).sum()
    }

    /// Whether the first key of a group is not NULL.
    pub(crate) fn is_known(&self, mut group: Group) -> bool {
        let mut first = 1;
        for key in self.keys.iter().rev() {
            (group, first) = key.groups.parts(group);
        }
        first != 0
    }

    /// Appends row and group for each row of a batch and each group it belongs to.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, an expression cannot be computed, `limit_exceeded`.
    pub(crate) fn assign(
        &mut self,
        columns: &Columns,
        batch: &Batch,
        budget: &Budget,
        out: &mut Vec<(u32, Group)>,
    ) -> Result<()> {
        out.clear();
        out.extend((0..batch.len() as u32).map(|row| (row, 0)));
        for key in &mut self.keys {
            key.refine((columns, batch), &mut self.stored, budget, out)?;
            let bytes = key.table_bytes();
            budget.charge(bytes.saturating_sub(key.charged))?;
            key.charged = key.charged.max(bytes);
            Limits::check("groups", key.groups.len(), self.groups_max)?;
        }
        Ok(())
    }

    /// The values of the keys of all groups, group by group.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn values(
        &self,
        partition: &PartitionState,
        scan: &[Column],
    ) -> Result<Vec<Vec<Value>>> {
        let mut by_key = Vec::with_capacity(self.keys.len());
        let mut groups: Vec<Group> = (0..self.len() as Group).collect();
        for key in self.keys.iter().rev() {
            let mut ids = Vec::with_capacity(groups.len());
            for group in &mut groups {
                let (before, id) = key.groups.parts(*group);
                *group = before;
                ids.push(id);
            }
            by_key.push(key.source.values(&ids, partition, scan)?.into_iter());
        }
        by_key.reverse();
        let row = |_| by_key.iter_mut().filter_map(Iterator::next).collect();
        Ok((0..self.len()).map(row).collect())
    }
}

impl Key {
    /// Bytes of its tables, as far as they have room.
    fn table_bytes(&self) -> usize {
        let values = match &self.source {
            Source::Coded(_) | Source::Members(_) => 0,
            Source::Number(_, _, ids) => ids.table_bytes(),
            Source::Computed(computed) => computed.2.table_bytes(),
        };
        values
            + match &self.groups {
                Level::First { groups, ids } => {
                    groups.capacity() * size_of::<Group>() + ids.capacity() * size_of::<Id>()
                }
                Level::Next { groups, pairs } => {
                    groups.capacity() * (size_of::<((Group, Id), Group)>() + 1)
                        + pairs.capacity() * size_of::<(Group, Id)>()
                }
            }
    }

    /// Splits the groups that rows are in by this key.
    fn refine(
        &mut self,
        (columns, batch): (&Columns, &Batch),
        stored: &mut Vec<Option<i64>>,
        budget: &Budget,
        out: &mut Vec<(u32, Group)>,
    ) -> Result<()> {
        let Self { source, groups, .. } = self;
        match source {
            Source::Coded(slot) => {
                columns.stored(*slot, batch, stored)?;
                for (row, group) in out {
                    let id = stored[*row as usize].map_or(0, |code| code as Id + 1);
                    *group = groups.group(*group, id);
                }
            }
            Source::Number(slot, _, ids) => {
                columns.stored(*slot, batch, stored)?;
                for (row, group) in out {
                    let id = stored[*row as usize].map_or(0, |number| ids.id(number));
                    *group = groups.group(*group, id);
                }
            }
            Source::Computed(computed) => {
                let (expr, function, ids) = &mut **computed;
                let own = function.apply(columns, batch, &mut |row| {
                    let value = eval(expr, row)?;
                    if value.is_null() {
                        return Ok(0);
                    }
                    let (bytes, before) = (bytes_of(&value), ids.things.len());
                    let id = ids.id(Hashed(value));
                    if ids.things.len() > before {
                        budget.charge(bytes)?;
                        ids.bytes += bytes;
                    }
                    Ok(id)
                })?;
                for (row, group) in out {
                    *group = groups.group(*group, own[*row as usize]);
                }
            }
            Source::Members(slot) => {
                let members = Members::read(columns.reader(*slot)?, batch)?;
                let before = std::mem::take(out);
                for (row, group) in before {
                    let codes = members.of_row(row);
                    if codes.is_empty() {
                        out.push((row, groups.group(group, 0)));
                    }
                    let own = codes
                        .iter()
                        .map(|code| (row, groups.group(group, code + 1)));
                    out.extend(own);
                    if out.len() > PAIRS_UNCHECKED {
                        budget.check(out.len() * size_of::<(u32, Group)>())?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Source {
    fn new(key: &GroupKey, columns: &Columns) -> Result<Self> {
        let expr = match key {
            GroupKey::Unnest(slot) => return Ok(Self::Members(*slot)),
            GroupKey::Value(expr) => expr,
        };
        let computed = || {
            Self::Computed(Box::new((
                expr.clone(),
                RowFunction::new(slots_of([expr]), expr.size(), |_| 0),
                Interner::new(),
            )))
        };
        let ExprKind::Slot(slot) = expr.kind else {
            return Ok(computed());
        };
        Ok(match columns.reader(slot)? {
            Reader::Boolean(_) | Reader::Keyword(..) => Self::Coded(slot),
            Reader::Number(_, number) | Reader::MapValue(_, _, number) => {
                Self::Number(slot, *number, Interner::new())
            }
            _ => computed(),
        })
    }

    fn values(
        &self,
        ids: &[Id],
        partition: &PartitionState,
        scan: &[Column],
    ) -> Result<Vec<Value>> {
        match self {
            Self::Coded(slot) | Self::Members(slot) => match scan.get(*slot) {
                Some(Column::Tag { id, kind }) if kind.has_vocabulary() => {
                    let vocabulary = partition.vocabulary(*id);
                    let strings = vocabulary.read()?;
                    let value = |id: &Id| match id.checked_sub(1) {
                        None => Ok(Value::Null),
                        Some(code) => Ok(Value::Text(string_of(&strings, code as Code)?)),
                    };
                    ids.iter().map(value).collect()
                }
                Some(_) => {
                    let value = |id: &Id| match id.checked_sub(1) {
                        None => Value::Null,
                        Some(code) => Value::Boolean(code != 0),
                    };
                    Ok(ids.iter().map(value).collect())
                }
                None => Err(Error::internal("a group key reads beyond its row")),
            },
            Self::Number(_, number, numbers) => {
                let value = |id: &Id| {
                    numbers
                        .thing(*id)
                        .map_or(Value::Null, |stored| from_stored(*number, *stored))
                };
                Ok(ids.iter().map(value).collect())
            }
            Self::Computed(computed) => {
                let values = &computed.2;
                let value = |id: &Id| values.thing(*id).map_or(Value::Null, |v| v.0.clone());
                Ok(ids.iter().map(value).collect())
            }
        }
    }
}

/// The codes of the members of a batch's sets, or of the keys of its maps.
#[derive(Debug, Default)]
struct Members {
    codes: Vec<Code>,
    /// By row, where its codes begin and end.
    spans: Vec<(usize, usize)>,
}

impl Members {
    fn read(reader: &Reader, batch: &Batch) -> Result<Self> {
        let (Reader::Set(stack, _) | Reader::Map(stack, ..)) = reader else {
            return Err(Error::internal("unnest of what is no set or map"));
        };
        let mut codes = Vec::new();
        let mut spans = vec![(0, 0); batch.len()];
        stack.for_each_row(batch.chunk(), batch.audience(), &mut |low, entries| {
            let start = codes.len();
            codes.extend(entries.iter().map(|(code, _)| *code));
            spans[batch.row(low)] = (start, codes.len());
        })?;
        Ok(Self { codes, spans })
    }

    fn of_row(&self, row: u32) -> &[Code] {
        let (start, end) = self.spans[row as usize];
        &self.codes[start..end]
    }
}
