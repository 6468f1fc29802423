//! Rows that come by columns: each column goes into the open chunk as a whole, without a cell or a
//! look-up for each value.

use crate::column_batch::{ColumnBatch, DenseColumn, DenseValues, range};
use crate::engine::load::Loader;
use crate::engine::load::chunk::{ChunkTag, Row};
use crate::engine::load::partition::PartitionLoad;
use crate::engine::section::{Codes, Resolved, Stored, check_len, check_number};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Code, Ordinal, PartitionId};
use crate::layer::write::Edit;
use crate::limits::{LONG_TEXT_BYTES_MAX, MEMBERS_MAX};
use crate::parallel;
use crate::schema::{Tag, TagType};

/// Rows of one partition, with their subjects.
#[derive(Clone, Debug, Default)]
struct Placed {
    /// New ones in the open chunk, where all their cells belong.
    here: Vec<Row>,
    /// Others.
    elsewhere: Vec<(u32, Ordinal)>,
}

impl Loader {
    /// Adds rows that come by columns.
    ///
    /// # Errors
    /// A row is refused, or files cannot be written: the load cannot go on.
    pub fn push_columns(&mut self, batch: &ColumnBatch) -> Result<()> {
        let rows = batch.keys.len();
        if batch
            .columns
            .iter()
            .any(|column| column.values.len() != rows)
        {
            return Err(Error::internal("a column is not as long as its batch"));
        }
        let named: Vec<_> = batch.columns.iter().map(|column| column.tag).collect();
        let tags = self.tags_of(&batch.columns)?;
        let mut start = 0;
        while start < rows {
            let mut places = Vec::with_capacity(rows - start);
            let end = self.resolve_some(&batch.keys, start, &mut places)?;
            self.clear_unnamed(&named, &places);
            let placed = self.placed(start, &places);
            self.write_here(&batch.columns, &tags, &placed)?;
            self.write_elsewhere(&batch.columns, &tags, &placed)?;
            start = end;
        }
        for partition in &mut self.partitions {
            partition.write_late_if_many(&self.engine)?;
        }
        Ok(())
    }

    /// The tags of columns, whose values must fit them.
    fn tags_of(&self, columns: &[DenseColumn]) -> Result<Vec<Tag>> {
        let mut tags: Vec<Tag> = Vec::with_capacity(columns.len());
        for column in columns {
            let tag = self.tag(column.tag)?;
            let fits = DenseValues::new(tag.kind);
            if std::mem::discriminant(&column.values) != std::mem::discriminant(&fits) {
                return Err(wrong_values(&tag));
            }
            if tags.iter().any(|other| other.id == tag.id) {
                return Err(Error::internal("a batch has two columns of one tag"));
            }
            tags.push(tag);
        }
        Ok(tags)
    }

    /// By partition, where the rows from `start` on belong.
    fn placed(&self, start: usize, places: &[Option<(PartitionId, Resolved)>]) -> Vec<Placed> {
        let mut placed = vec![Placed::default(); self.partitions.len()];
        let edited: Vec<_> = self.partitions.iter().map(PartitionLoad::edited).collect();
        for (row, place) in (start as u32..).zip(places) {
            let Some((id, resolved)) = place else {
                continue;
            };
            let index = usize::from(id.0);
            match self.partitions[index].place_in_chunk(resolved.ordinal) {
                Some(low)
                    if edited[index]
                        .as_ref()
                        .is_none_or(|them| !them.contains(low)) =>
                {
                    placed[index].here.push(Row { row, low });
                }
                _ => placed[index].elsewhere.push((row, resolved.ordinal)),
            }
        }
        placed
    }

    /// Applies columns to new subjects in the open chunks, several columns at a time. Every value
    /// decides, so nothing has to be cleared before it, whatever the load's mode.
    fn write_here(
        &mut self,
        columns: &[DenseColumn],
        tags: &[Tag],
        placed: &[Placed],
    ) -> Result<()> {
        let vocabulary = self.engine.settings.vocabulary;
        let mut jobs = Vec::new();
        for (partition, placed) in self.partitions.iter_mut().zip(placed) {
            if placed.here.is_empty() {
                continue;
            }
            let start = partition.start.clone();
            for (place, open) in partition.open_tags(tags) {
                let (tag, column) = (&tags[place], &columns[place]);
                let codes = Codes::new(tag, &column.dictionary, &start, vocabulary);
                let values = Values::new(tag, &column.values, codes);
                jobs.push((open, &placed.here, values));
            }
        }
        jobs.sort_by_key(|(open, ..)| !open.is_long());
        parallel::for_each(jobs.into_iter(), |(open, rows, values)| {
            values.write_all(open, rows)
        })
    }

    /// Applies columns to all other subjects.
    fn write_elsewhere(
        &mut self,
        columns: &[DenseColumn],
        tags: &[Tag],
        placed: &[Placed],
    ) -> Result<()> {
        for (partition, placed) in self.partitions.iter_mut().zip(placed) {
            if placed.elsewhere.is_empty() {
                continue;
            }
            for (column, tag) in columns.iter().zip(tags) {
                let codes = partition.codes(&self.engine, tag, &column.dictionary);
                let mut values = Values::new(tag, &column.values, codes);
                let mut cells = partition.cells_of(tag);
                for (row, ordinal) in &placed.elsewhere {
                    cells.write(*ordinal, values.cell(*row as usize)?);
                }
            }
        }
        Ok(())
    }
}

/// The values of a column, asked for by rising row.
struct Values<'a> {
    tag: &'a Tag,
    values: &'a DenseValues,
    nulls: Nulls<'a>,
    codes: Codes<'a>,
}

/// The rows without a value from the present one on.
struct Nulls<'a>(&'a [u32]);

impl Nulls<'_> {
    fn has(&mut self, row: usize) -> bool {
        while let Some((first, rest)) = self.0.split_first() {
            if *first as usize >= row {
                return *first as usize == row;
            }
            self.0 = rest;
        }
        false
    }
}

impl<'a> Values<'a> {
    fn new(tag: &'a Tag, values: &'a DenseValues, codes: Codes<'a>) -> Self {
        let nulls = match values {
            DenseValues::Numbers { nulls, .. } | DenseValues::Texts { nulls, .. } => nulls,
            // An empty set or map is as good as NULL.
            DenseValues::Sets { .. } | DenseValues::Maps { .. } => &[][..],
        };
        Self {
            tag,
            values,
            nulls: Nulls(nulls),
            codes,
        }
    }

    /// Applies rows to a tag of the open chunk.
    fn write_all(mut self, open: &mut ChunkTag, rows: &[Row]) -> Result<()> {
        let (tag, codes, mut nulls) = (self.tag, &mut self.codes, self.nulls);
        match (self.values, tag.kind) {
            (DenseValues::Numbers { values, .. }, TagType::Keyword) => {
                open.write_numbers(rows, |row| match nulls.has(row) {
                    true => Ok(None),
                    false => codes.of_value(values[row]).map(Some),
                })
            }
            (DenseValues::Numbers { values, .. }, kind) => {
                open.write_numbers(rows, |row| match nulls.has(row) {
                    true => Ok(None),
                    false => checked(kind, values[row], tag).map(Some),
                })
            }
            (DenseValues::Sets { ends, members }, _) => open.write_entries(rows, |row, push| {
                let own = &members[range(ends, row)];
                check_len("members of a set or map", own.len(), MEMBERS_MAX)?;
                own.iter()
                    .try_for_each(|place| codes.get(*place).map(|code| push(code, 0)))
            }),
            (DenseValues::Maps { ends, entries }, TagType::Map(number)) => {
                open.write_entries(rows, |row, push| {
                    let own = &entries[range(ends, row)];
                    check_len("members of a set or map", own.len(), MEMBERS_MAX)?;
                    own.iter().try_for_each(|(place, value)| {
                        check_number(number, *value, tag)?;
                        codes.get(*place).map(|code| push(code, *value))
                    })
                })
            }
            (DenseValues::Texts { bytes, ends, .. }, _) => {
                for Row { row, low } in rows {
                    let row = *row as usize;
                    let cell = match nulls.has(row) {
                        true => Stored::Clear,
                        false => text(bytes, ends, row)?,
                    };
                    open.write(*low, cell);
                }
                Ok(())
            }
            _ => Err(wrong_values(tag)),
        }
    }

    /// A row's value as a cell.
    fn cell(&mut self, row: usize) -> Result<Stored<'a>> {
        if self.nulls.has(row) {
            return Ok(Stored::Clear);
        }
        let (tag, codes) = (self.tag, &mut self.codes);
        Ok(match (self.values, tag.kind) {
            (DenseValues::Numbers { values, .. }, TagType::Keyword) => {
                Stored::Number(codes.of_value(values[row])?)
            }
            (DenseValues::Numbers { values, .. }, kind) => {
                Stored::Number(checked(kind, values[row], tag)?)
            }
            (DenseValues::Texts { bytes, ends, .. }, _) => text(bytes, ends, row)?,
            (DenseValues::Sets { ends, members }, _) => {
                let own = members[range(ends, row)].iter();
                replace(own.map(|place| (*place, 0)), codes)?
            }
            (DenseValues::Maps { ends, entries }, TagType::Map(number)) => {
                let own = &entries[range(ends, row)];
                own.iter()
                    .try_for_each(|(_, value)| check_number(number, *value, tag))?;
                replace(own.iter().copied(), codes)?
            }
            _ => return Err(wrong_values(tag)),
        })
    }
}

/// A boolean or number that the tag holds.
fn checked(kind: TagType, value: i64, tag: &Tag) -> Result<i64> {
    match kind {
        TagType::Number(number) => check_number(number, value, tag).map(|()| value),
        TagType::Boolean if value & !1 == 0 => Ok(value),
        _ => Err(wrong_values(tag)),
    }
}

fn text<'a>(bytes: &'a str, ends: &[u32], row: usize) -> Result<Stored<'a>> {
    let text = DenseValues::text(bytes, ends, row);
    check_len("bytes of a long text", text.len(), LONG_TEXT_BYTES_MAX)?;
    Ok(Stored::Text(text))
}

fn replace<'a>(
    own: impl ExactSizeIterator<Item = (u32, i64)>,
    codes: &mut Codes<'_>,
) -> Result<Stored<'a>> {
    check_len("members of a set or map", own.len(), MEMBERS_MAX)?;
    let entries: Result<Vec<(Code, i64)>> = own
        .map(|(place, value)| Ok((codes.get(place)?, value)))
        .collect();
    Ok(Stored::Edit(Edit::Replace(entries?)))
}

fn wrong_values(tag: &Tag) -> Error {
    let detail = format!("tag {:?} cannot hold such a value", tag.name);
    Error::new(ErrorKind::Invalid, "type_mismatch", detail)
}
