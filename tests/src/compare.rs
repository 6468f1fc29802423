//! Comparison of all that can be read from a root with the model: what each subject has (rows),
//! and who has what (bitmaps), through all layers, chunks and partitions.

mod values;

use std::collections::BTreeMap;
use std::fmt::Debug;

use tagdb_storage::Result as EngineResult;
use tagdb_storage::batch::KeyRef;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::{DbState, PartitionState, TableState};
use tagdb_storage::ids::{Ordinal, PartitionId, low_of, ordinal_at};
use tagdb_storage::schema::{Family, Key, KeyType, Tag};

use crate::model::{self, Database, Row};
use crate::random::Random;

/// What is wrong, for people.
pub type Mismatch = String;

/// Turns an engine error into a mismatch.
///
/// # Errors
/// Reading failed.
pub fn read<T>(what: &str, result: EngineResult<T>) -> Result<T, Mismatch> {
    result.map_err(|error| format!("{what}: {error} ({})", error.code()))
}

/// Compares two values.
///
/// # Errors
/// They differ.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers hand over what they have just made"
)]
pub fn same<T: PartialEq + Debug>(
    what: impl FnOnce() -> String,
    got: T,
    want: T,
) -> Result<(), Mismatch> {
    if got == want {
        return Ok(());
    }
    Err(format!(
        "{}: the engine says {got:?}, the model {want:?}",
        what()
    ))
}

/// Buffers of a comparison, and what it has found besides.
#[derive(Debug)]
pub struct Comparison {
    random: Random,
    alive: Chunk,
    audience: Chunk,
    got: Chunk,
    want: Chunk,
    /// The most layers of one tag over living subjects.
    pub depth: usize,
}

/// A partition's subjects, as the model has them.
struct Subjects<'m> {
    partition: &'m PartitionState,
    rows: BTreeMap<Ordinal, (&'m Key, &'m Row)>,
}

impl<'m> Subjects<'m> {
    fn in_chunk(&self, chunk: u16) -> impl Iterator<Item = (u16, &'m Key, &'m Row)> + '_ {
        let all = ordinal_at(chunk, 0)..=ordinal_at(chunk, u16::MAX);
        self.rows
            .range(all)
            .map(|(ordinal, (key, row))| (low_of(*ordinal), *key, *row))
    }
}

/// Makes a chunk of some positions.
fn fill(chunk: &mut Chunk, lows: impl Iterator<Item = u16>) {
    chunk.clear();
    lows.for_each(|low| chunk.set(low));
}

fn equal(what: impl FnOnce() -> String, got: &Chunk, want: &Chunk) -> Result<(), Mismatch> {
    if got == want {
        return Ok(());
    }
    let (got, want): (Vec<u16>, Vec<u16>) = (got.iter().collect(), want.iter().collect());
    same(what, got, want)
}

impl Comparison {
    /// A comparison whose samples follow from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            alive: Chunk::new(),
            audience: Chunk::new(),
            got: Chunk::new(),
            want: Chunk::new(),
            depth: 0,
        }
    }

    /// Compares the catalog, and the tables that `wanted` names.
    ///
    /// # Errors
    /// What differs.
    pub fn run(
        &mut self,
        state: &DbState,
        model: &Database,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<(), Mismatch> {
        let names = state
            .catalog()
            .tables()
            .map(|table| table.name.clone())
            .collect::<Vec<_>>();
        same(
            || "tables".to_owned(),
            names,
            model.tables.keys().cloned().collect(),
        )?;
        for (name, model) in &model.tables {
            let schema = state
                .catalog()
                .table(name)
                .ok_or("the catalog lost a table")?;
            let tags: Vec<_> = schema
                .tags
                .iter()
                .map(|tag| (tag.name.clone(), tag.kind))
                .collect();
            let want = model
                .tags
                .iter()
                .map(|tag| (tag.name.clone(), tag.kind))
                .collect();
            same(|| format!("tags of {name}"), tags, want)?;
            let shape = (schema.key_type, schema.partitions);
            same(
                || format!("shape of {name}"),
                shape,
                (model.key_type, model.partitions),
            )?;
            if wanted(name) {
                let table = state.table(schema.id).ok_or("the root lost a table")?;
                self.table(table, model)
                    .map_err(|wrong| format!("table {name}: {wrong}"))?;
            }
        }
        Ok(())
    }

    fn table(&mut self, table: &TableState, model: &model::Table) -> Result<(), Mismatch> {
        let mut rows: BTreeMap<PartitionId, BTreeMap<Ordinal, (&Key, &Row)>> = BTreeMap::new();
        for (key, row) in &model.rows {
            let home = table.partition_of(key.as_ref());
            let partition = read("partition", table.partition(home))?;
            let ordinal = read("find", partition.find(key.as_ref()))?
                .ok_or_else(|| format!("key {key:?} is not found in partition {home}"))?;
            let before = rows.entry(home).or_default().insert(ordinal, (key, &**row));
            if let Some((other, _)) = before {
                return Err(format!("keys {key:?} and {other:?} have one ordinal"));
            }
        }
        self.absent_keys(table, model)?;
        for partition in table.partitions() {
            let rows = rows.remove(&partition.id()).unwrap_or_default();
            let subjects = Subjects { partition, rows };
            self.partition(&subjects, &table.schema().tags, model)
                .map_err(|wrong| format!("partition {}: {wrong}", partition.id()))?;
        }
        Ok(())
    }

    /// Keys that the model does not have are not found, nor any key in a foreign partition.
    fn absent_keys(&mut self, table: &TableState, model: &model::Table) -> Result<(), Mismatch> {
        let some: Vec<Key> = match model.key_type {
            KeyType::BigInt => (0..4)
                .map(|_| Key::Int(self.random.below(60) as i64))
                .collect(),
            KeyType::Keyword => (0..4)
                .map(|_| Key::Text(format!("k{}", self.random.below(60)).into()))
                .collect(),
        };
        for key in some.iter().filter(|key| !model.rows.contains_key(key)) {
            for partition in table.partitions() {
                let found = read("find", partition.find(key.as_ref()))?;
                same(
                    || format!("find of {key:?}, which is not there"),
                    found,
                    None,
                )?;
            }
        }
        for key in some.iter().filter(|key| model.rows.contains_key(key)) {
            let home = table.partition_of(key.as_ref());
            for partition in table.partitions().iter().filter(|other| other.id() != home) {
                let found = read("find", partition.find(key.as_ref()))?;
                same(
                    || format!("find of {key:?} of another partition"),
                    found,
                    None,
                )?;
            }
        }
        Ok(())
    }

    fn partition(
        &mut self,
        subjects: &Subjects<'_>,
        tags: &[Tag],
        model: &model::Table,
    ) -> Result<(), Mismatch> {
        let partition = subjects.partition;
        same(
            || "subjects".to_owned(),
            partition.subjects(),
            subjects.rows.len() as u64,
        )?;
        for (ordinal, (key, _)) in &subjects.rows {
            let got = read("key", partition.key(*ordinal))?;
            same(|| format!("key of ordinal {ordinal}"), &got, *key)?;
        }
        // One chunk more than there are: it is to be empty.
        for chunk in 0..=partition.chunks() as u16 {
            self.keys(subjects, chunk)?;
            let empty = self.alive.is_empty();
            if empty && !self.random.one_in(16) {
                continue;
            }
            for (tag, own) in tags.iter().zip(&model.tags) {
                self.tag(subjects, chunk, tag, own.id)?;
            }
        }
        if !subjects.rows.is_empty() {
            let depth = tags.iter().map(|tag| partition.depth(tag.id)).max();
            self.depth = self.depth.max(depth.unwrap_or(0));
        }
        Ok(())
    }

    fn keys(&mut self, subjects: &Subjects<'_>, chunk: u16) -> Result<(), Mismatch> {
        let own: Vec<_> = subjects.in_chunk(chunk).collect();
        fill(&mut self.want, own.iter().map(|(low, _, _)| *low));
        subjects.partition.alive(chunk, &mut self.alive);
        equal(
            || format!("alive in chunk {chunk}"),
            &self.alive,
            &self.want,
        )?;
        self.sample();
        let mut got = Vec::new();
        let mut visit = |low, key: KeyRef<'_>| got.push((low, key.to_key()));
        read(
            "for_each_key",
            subjects
                .partition
                .for_each_key(chunk, &self.audience, &mut visit),
        )?;
        let wanted = own
            .iter()
            .filter(|(low, _, _)| self.audience.contains(*low));
        let want = wanted.map(|(low, key, _)| (*low, (*key).clone())).collect();
        same(|| format!("keys of chunk {chunk}"), got, want)
    }

    /// Takes all living subjects as the audience, or some of them.
    fn sample(&mut self) {
        self.audience.copy_from(&self.alive);
        if self.random.one_in(2) {
            for low in &self.alive {
                if self.random.one_in(3) {
                    self.audience.remove(low);
                }
            }
        }
    }

    fn tag(
        &mut self,
        subjects: &Subjects<'_>,
        chunk: u16,
        tag: &Tag,
        id: u64,
    ) -> Result<(), Mismatch> {
        self.sample();
        let wrong = |wrong| format!("tag {} ({:?}), chunk {chunk}: {wrong}", tag.name, tag.kind);
        match tag.kind.family() {
            Family::Single => self.singles(subjects, chunk, tag, id),
            Family::Text => self.texts(subjects, chunk, tag, id),
            Family::Set | Family::Map => self.multis(subjects, chunk, tag, id),
        }
        .map_err(wrong)
    }
}
