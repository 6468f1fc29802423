//! Rows that come by columns: each column goes into the open chunk as a whole, without a cell or a
//! look-up for each value.

use crate::column_batch::{ColumnBatch, DenseColumn, DenseValues, range};
use crate::engine::load::Loader;
use crate::engine::load::chunk::ChunkTag;
use crate::engine::load::partition::PartitionLoad;
use crate::engine::section::{Codes, Resolved, Stored, check_len, check_number};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{PartitionId, low_of};
use crate::layer::write::Edit;
use crate::limits::{LONG_TEXT_BYTES_MAX, MEMBERS_MAX};
use crate::schema::{Tag, TagType};

/// A row of a batch and its subject.
type Placed = (usize, Resolved);

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
        let mut start = 0;
        while start < rows {
            let mut places = Vec::with_capacity(rows - start);
            let end = self.resolve_some(&batch.keys, start, &mut places)?;
            self.clear_unnamed(&named, &places);
            let placed = self.by_partition(start, &places);
            for column in &batch.columns {
                self.write_column(column, &placed)?;
            }
            start = end;
        }
        for partition in &mut self.partitions {
            partition.write_late_if_many(&self.engine)?;
        }
        Ok(())
    }

    fn by_partition(
        &self,
        start: usize,
        places: &[Option<(PartitionId, Resolved)>],
    ) -> Vec<Vec<Placed>> {
        let mut placed = vec![Vec::new(); self.partitions.len()];
        for (row, place) in (start..).zip(places) {
            if let Some((id, resolved)) = place {
                placed[usize::from(id.0)].push((row, *resolved));
            }
        }
        placed
    }

    fn write_column(&mut self, column: &DenseColumn, placed: &[Vec<Placed>]) -> Result<()> {
        let tag = self.tag(column.tag)?;
        for (partition, rows) in self.partitions.iter_mut().zip(placed) {
            if rows.is_empty() {
                continue;
            }
            let mut codes = partition.codes(&self.engine, &tag, &column.dictionary);
            partition.write_column(&tag, rows, &mut codes, &column.values)?;
        }
        Ok(())
    }
}

impl PartitionLoad {
    /// Applies a column's values to the subjects of some rows. Every value decides, so nothing has
    /// to be cleared before it, whatever the load's mode.
    fn write_column(
        &mut self,
        tag: &Tag,
        rows: &[Placed],
        codes: &mut Codes<'_>,
        values: &DenseValues,
    ) -> Result<()> {
        if std::mem::discriminant(values) != std::mem::discriminant(&DenseValues::new(tag.kind)) {
            return Err(wrong_values(tag));
        }
        let mut open = None;
        let mut nulls = Nulls::of(values);
        let written = rows.iter().try_for_each(|(row, resolved)| {
            let is_null = nulls.contains(*row);
            let low = low_of(resolved.ordinal);
            if self.is_open(resolved.ordinal) {
                let open = open.get_or_insert_with(|| self.take_open(tag));
                // Not if an earlier row has edited what nothing had decided.
                if open.takes(low, &Stored::Clear) {
                    return match is_null {
                        true => {
                            open.write(low, Stored::Clear);
                            Ok(())
                        }
                        false => write_open(open, tag, low, codes, values, *row),
                    };
                }
            }
            let stored = match is_null {
                true => Stored::Clear,
                false => stored(tag, codes, values, *row)?,
            };
            self.write_late_cell(tag, resolved.ordinal, stored);
            Ok(())
        });
        if let Some(open) = open {
            self.put_back(tag, open);
        }
        written
    }
}

/// The rows of a column that are NULL, asked for by rising row.
struct Nulls<'a>(&'a [u32]);

impl<'a> Nulls<'a> {
    fn of(values: &'a DenseValues) -> Self {
        match values {
            DenseValues::Numbers { nulls, .. } | DenseValues::Texts { nulls, .. } => Self(nulls),
            // An empty set or map is as good as NULL.
            DenseValues::Sets { .. } | DenseValues::Maps { .. } => Self(&[]),
        }
    }

    fn contains(&mut self, row: usize) -> bool {
        while let Some((first, rest)) = self.0.split_first() {
            if *first as usize >= row {
                return *first as usize == row;
            }
            self.0 = rest;
        }
        false
    }
}

/// Writes a row's value, which is not NULL, into the open chunk.
fn write_open(
    open: &mut ChunkTag,
    tag: &Tag,
    low: u16,
    codes: &mut Codes<'_>,
    values: &DenseValues,
    row: usize,
) -> Result<()> {
    match values {
        DenseValues::Sets { ends, members } => {
            let own = &members[range(ends, row)];
            check_len("members of a set or map", own.len(), MEMBERS_MAX)?;
            open.write_entries(low, |entries| {
                for place in own {
                    entries.push((codes.get(*place)?, 0));
                }
                Ok(())
            })
        }
        DenseValues::Maps { ends, entries } => {
            let own = &entries[range(ends, row)];
            check_len("members of a set or map", own.len(), MEMBERS_MAX)?;
            open.write_entries(low, |entries| {
                for (place, value) in own {
                    check_map_value(tag, *value)?;
                    entries.push((codes.get(*place)?, *value));
                }
                Ok(())
            })
        }
        DenseValues::Numbers { .. } | DenseValues::Texts { .. } => {
            open.write(low, stored(tag, codes, values, row)?);
            Ok(())
        }
    }
}

/// A row's value, which is not NULL, as layers take it.
fn stored<'v>(
    tag: &Tag,
    codes: &mut Codes<'_>,
    values: &'v DenseValues,
    row: usize,
) -> Result<Stored<'v>> {
    Ok(match (values, tag.kind) {
        (DenseValues::Numbers { values, .. }, TagType::Keyword) => {
            let place = u32::try_from(values[row]).unwrap_or(u32::MAX);
            Stored::Number(i64::from(codes.get(place)?))
        }
        (DenseValues::Numbers { values, .. }, TagType::Number(number)) => {
            check_number(number, values[row], tag)?;
            Stored::Number(values[row])
        }
        (DenseValues::Numbers { values, .. }, TagType::Boolean) if values[row] & !1 == 0 => {
            Stored::Number(values[row])
        }
        (DenseValues::Texts { bytes, ends, .. }, TagType::LongText) => {
            let text = DenseValues::text(bytes, ends, row);
            check_len("bytes of a long text", text.len(), LONG_TEXT_BYTES_MAX)?;
            Stored::Text(text)
        }
        (DenseValues::Sets { ends, members }, TagType::KeywordSet) => {
            let own = &members[range(ends, row)];
            check_len("members of a set or map", own.len(), MEMBERS_MAX)?;
            let entries = own.iter().map(|place| Ok((codes.get(*place)?, 0)));
            Stored::Edit(Edit::Replace(entries.collect::<Result<_>>()?))
        }
        (DenseValues::Maps { ends, entries }, TagType::Map(_)) => {
            let own = &entries[range(ends, row)];
            check_len("members of a set or map", own.len(), MEMBERS_MAX)?;
            let entries = own.iter().map(|(place, value)| {
                check_map_value(tag, *value)?;
                Ok((codes.get(*place)?, *value))
            });
            Stored::Edit(Edit::Replace(entries.collect::<Result<_>>()?))
        }
        _ => return Err(wrong_values(tag)),
    })
}

fn wrong_values(tag: &Tag) -> Error {
    let detail = format!("tag {:?} cannot hold such a value", tag.name);
    Error::new(ErrorKind::Invalid, "type_mismatch", detail)
}

fn check_map_value(tag: &Tag, value: i64) -> Result<()> {
    match tag.kind {
        TagType::Map(number) => check_number(number, value, tag),
        _ => Ok(()),
    }
}
