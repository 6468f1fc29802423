//! From what a caller asks to be written to a batch of effects: keys become ordinals, strings
//! become codes. Runs under the write lock, on the pending root, and validates everything: what
//! comes out can be logged, applied and replayed without fail.

use std::collections::{BTreeMap, BTreeSet};

use crate::batch::{Cell, Change, Dictionary, Keys, RowBatch, RowMode, WriteSet};
use crate::bitmap::Bitmap;
use crate::engine::batch::{Batch, Outcome, Section};
use crate::engine::root::{DbState, TableState};
use crate::engine::section::{Resolved, SectionBuilder};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Lsn, Ordinal, PartitionId, TableId, TagId};
use crate::schema::{Key, Tag};
use crate::vocabulary::VocabularyLimits;

/// Puts a batch together.
#[derive(Debug)]
pub(super) struct Sequence<'a> {
    state: &'a DbState,
    limits: VocabularyLimits,
    /// Tags that nobody may write to now.
    replacing: &'a BTreeSet<TagId>,
    sections: BTreeMap<(TableId, PartitionId), SectionBuilder>,
    outcome: Outcome,
}

/// Where a row goes: its partition and subject, or nowhere.
type Place = Option<(PartitionId, Resolved)>;

impl<'a> Sequence<'a> {
    /// Before the first change; `state` is the pending root.
    #[must_use]
    pub(super) fn new(
        state: &'a DbState,
        limits: VocabularyLimits,
        replacing: &'a BTreeSet<TagId>,
    ) -> Self {
        Self {
            state,
            limits,
            replacing,
            sections: BTreeMap::new(),
            outcome: Outcome::default(),
        }
    }

    /// The batch that a write set amounts to; its schema change has been applied to the state.
    ///
    /// # Errors
    /// The write is refused; nothing has happened.
    pub(super) fn run(mut self, write: WriteSet, lsn: Lsn, commit_time: i64) -> Result<Batch> {
        for (table, change) in &write.changes {
            self.change(*table, change)?;
        }
        if let Some(matched) = write.matched {
            self.outcome.matched = matched;
        }
        let sections: Vec<Section> = self
            .sections
            .into_iter()
            .map(|((table, _), section)| section.finish(table))
            .collect::<Result<_>>()?;
        Ok(Batch {
            lsn,
            commit_time,
            event_time: None,
            source: None,
            idempotency: None,
            outcome: self.outcome,
            schema: write.schema,
            sections,
        })
    }

    fn change(&mut self, id: TableId, change: &Change) -> Result<()> {
        let table = self.state.require(id)?;
        match change {
            Change::Rows { mode, rows } => self.rows(table, *mode, rows),
            Change::DeleteKeys(keys) => self.delete_keys(table, keys),
            Change::DeleteSubjects {
                partition,
                subjects,
            } => self.delete_subjects(table, *partition, subjects),
            Change::Assign {
                partition,
                subjects,
                tag,
                dictionary,
                cell,
            } => {
                let tag = require_tag(table, *tag)?;
                let cells = subjects.iter().map(|ordinal| (ordinal, cell));
                self.cells(table, *partition, tag, dictionary, cells)
            }
            Change::Cells {
                partition,
                tag,
                dictionary,
                cells,
            } => {
                let tag = require_tag(table, *tag)?;
                let cells = cells.iter().map(|(ordinal, cell)| (*ordinal, cell));
                self.cells(table, *partition, tag, dictionary, cells)
            }
        }
    }

    fn section(&mut self, table: &TableState, id: PartitionId) -> Result<&mut SectionBuilder> {
        let partition = table.partition(id)?;
        let limits = self.limits;
        let section = self.sections.entry((table.schema.id, id));
        Ok(section.or_insert_with(|| SectionBuilder::new(partition.clone(), limits)))
    }

    fn rows(&mut self, table: &TableState, mode: RowMode, rows: &RowBatch) -> Result<()> {
        let mut places = Vec::with_capacity(rows.keys.len());
        for row in 0..rows.keys.len() {
            places.push(self.place(table, mode, &rows.keys, row)?);
        }
        self.outcome.rows += places.iter().flatten().count() as u64;
        if mode == RowMode::Replace {
            let clear = |tag: &&Tag| rows.columns.iter().all(|column| column.tag != tag.id);
            for tag in table.schema.tags.iter().filter(clear) {
                self.clear_all(table, tag, &places)?;
            }
        }
        for column in &rows.columns {
            let tag = require_tag(table, column.tag)?;
            let mut cells: Vec<(u32, &Cell)> = column
                .cells
                .iter()
                .map(|(row, cell)| (*row, cell))
                .collect();
            if mode == RowMode::Replace {
                cells = clearing_the_rest(&cells, places.len());
            }
            self.column(table, tag, &column.dictionary, &cells, &places)?;
        }
        Ok(())
    }

    fn place(
        &mut self,
        table: &TableState,
        mode: RowMode,
        keys: &Keys,
        row: usize,
    ) -> Result<Place> {
        let key = keys.get(row);
        let partition = table.partition_of(key);
        let section = self.section(table, partition)?;
        let resolved = section.resolve(key)?;
        self.outcome.duplicates += u64::from(resolved.repeated);
        self.outcome.created += u64::from(resolved.created);
        match mode {
            RowMode::Insert if !resolved.created => Err(key_exists(&key.to_key())),
            RowMode::InsertIgnore if !resolved.created => Ok(None),
            _ => Ok(Some((partition, resolved))),
        }
    }

    fn clear_all(&mut self, table: &TableState, tag: &Tag, places: &[Place]) -> Result<()> {
        for (partition, resolved) in places.iter().flatten() {
            if !resolved.created {
                self.check_free(tag)?;
                self.section(table, *partition)?
                    .tag(tag)
                    .clear(resolved.ordinal);
            }
        }
        Ok(())
    }

    fn column(
        &mut self,
        table: &TableState,
        tag: &Tag,
        dictionary: &Dictionary,
        cells: &[(u32, &Cell)],
        places: &[Place],
    ) -> Result<()> {
        for partition in table.partitions() {
            let id = partition.id;
            let mine = |row: u32| {
                places
                    .get(row as usize)
                    .copied()
                    .flatten()
                    .filter(|(place, _)| *place == id)
            };
            let cells = cells
                .iter()
                .filter_map(|(row, cell)| Some((mine(*row)?.1.ordinal, *cell)));
            self.cells(table, id, tag, dictionary, cells)?;
        }
        Ok(())
    }

    /// Refuses to write to a tag that a load is replacing.
    fn check_free(&self, tag: &Tag) -> Result<()> {
        if self.replacing.contains(&tag.id) {
            Err(being_replaced())
        } else {
            Ok(())
        }
    }

    /// Applies cells by ordinal; subjects that do not exist are passed over.
    fn cells<'c>(
        &mut self,
        table: &TableState,
        partition: PartitionId,
        tag: &Tag,
        dictionary: &Dictionary,
        cells: impl Iterator<Item = (Ordinal, &'c Cell)>,
    ) -> Result<()> {
        let mut cells = cells.peekable();
        if cells.peek().is_none() {
            return Ok(());
        }
        self.check_free(tag)?;
        let section = self.section(table, partition)?;
        let mut codes = section.codes(tag, dictionary);
        let end = section.next_ordinal();
        let builder = section.tag(tag);
        // A value beyond the end would be that of a later subject.
        for (ordinal, cell) in cells.filter(|(ordinal, _)| *ordinal < end) {
            builder.write(ordinal, codes.resolve(cell)?);
        }
        builder.keep_strings(&codes);
        Ok(())
    }

    fn delete_keys(&mut self, table: &TableState, keys: &Keys) -> Result<()> {
        for row in 0..keys.len() {
            let key = keys.get(row);
            let section = self.section(table, table.partition_of(key))?;
            let deleted = match section.find(key)? {
                Some(ordinal) => section.delete(ordinal),
                None => false,
            };
            self.outcome.matched += u64::from(deleted);
        }
        self.outcome.rows += keys.len() as u64;
        Ok(())
    }

    fn delete_subjects(
        &mut self,
        table: &TableState,
        partition: PartitionId,
        subjects: &Bitmap,
    ) -> Result<()> {
        let section = self.section(table, partition)?;
        let deleted = subjects
            .iter()
            .filter(|ordinal| section.delete(*ordinal))
            .count();
        self.outcome.matched += deleted as u64;
        Ok(())
    }
}

/// The cells of a column with [`Cell::Clear`] for each row that has none.
fn clearing_the_rest<'c>(cells: &[(u32, &'c Cell)], rows: usize) -> Vec<(u32, &'c Cell)> {
    let mut given = cells.iter().peekable();
    let mut all = Vec::with_capacity(rows);
    for row in 0..rows as u32 {
        all.push((row, &Cell::Clear));
        while let Some(cell) = given.next_if(|(at, _)| *at <= row) {
            all.push(*cell);
        }
    }
    all
}

pub(super) fn require_tag(table: &TableState, id: TagId) -> Result<&Tag> {
    table.schema.tag_by_id(id).ok_or_else(|| {
        let detail = format!(
            "a tag of table {:?} was dropped meanwhile",
            table.schema.name
        );
        Error::new(ErrorKind::NotFound, "unknown_tag", detail)
    })
}

pub(super) fn key_exists(key: &Key) -> Error {
    let key = match key {
        Key::Int(key) => key.to_string(),
        Key::Text(key) => format!("{key:?}"),
    };
    Error::new(
        ErrorKind::Conflict,
        "key_exists",
        format!("key {key} exists already"),
    )
}

pub(super) fn being_replaced() -> Error {
    let detail = "a load is replacing this tag: writes to it are refused until it has ended";
    Error::new(ErrorKind::Conflict, "tag_being_replaced", detail)
}
