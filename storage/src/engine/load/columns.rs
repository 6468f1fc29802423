//! Rows that come by columns: each column goes into the open chunk as a whole, without a cell or a
//! look-up for each value.

use crate::column_batch::{ColumnBatch, DenseColumn, DenseValues, range};
use crate::engine::load::Loader;
use crate::engine::load::partition::TagCells;
use crate::engine::section::{Codes, Resolved, Stored, check_len, check_number};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Code, Ordinal, PartitionId};
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

    /// Applies a column's values to the subjects of some rows. Every value decides, so nothing has
    /// to be cleared before it, whatever the load's mode.
    fn write_column(&mut self, column: &DenseColumn, placed: &[Vec<Placed>]) -> Result<()> {
        let tag = self.tag(column.tag)?;
        let fits = DenseValues::new(tag.kind);
        if std::mem::discriminant(&column.values) != std::mem::discriminant(&fits) {
            return Err(wrong_values(&tag));
        }
        for (partition, rows) in self.partitions.iter_mut().zip(placed) {
            if rows.is_empty() {
                continue;
            }
            let mut codes = partition.codes(&self.engine, &tag, &column.dictionary);
            let mut cells = partition.cells_of(&tag);
            let mut values = Values {
                tag: &tag,
                values: &column.values,
                nulls: nulls_of(&column.values),
                entries: Vec::new(),
            };
            for (row, resolved) in rows {
                values.write(*row, resolved.ordinal, &mut codes, &mut cells)?;
            }
        }
        Ok(())
    }
}

/// The values of a column, asked for by rising row.
struct Values<'a> {
    tag: &'a Tag,
    values: &'a DenseValues,
    /// The rows that are NULL from the present one on.
    nulls: &'a [u32],
    entries: Vec<(Code, i64)>,
}

fn nulls_of(values: &DenseValues) -> &[u32] {
    match values {
        DenseValues::Numbers { nulls, .. } | DenseValues::Texts { nulls, .. } => nulls,
        // An empty set or map is as good as NULL.
        DenseValues::Sets { .. } | DenseValues::Maps { .. } => &[],
    }
}

impl Values<'_> {
    fn is_null(&mut self, row: usize) -> bool {
        while let Some((first, rest)) = self.nulls.split_first() {
            if *first as usize >= row {
                return *first as usize == row;
            }
            self.nulls = rest;
        }
        false
    }

    fn write(
        &mut self,
        row: usize,
        ordinal: Ordinal,
        codes: &mut Codes<'_>,
        cells: &mut TagCells<'_>,
    ) -> Result<()> {
        if self.is_null(row) {
            cells.write(ordinal, Stored::Clear);
            return Ok(());
        }
        let tag = self.tag;
        match (self.values, tag.kind) {
            (DenseValues::Numbers { values, .. }, TagType::Keyword) => {
                let place = u32::try_from(values[row]).unwrap_or(u32::MAX);
                cells.write(ordinal, Stored::Number(i64::from(codes.get(place)?)));
            }
            (DenseValues::Numbers { values, .. }, TagType::Number(number)) => {
                check_number(number, values[row], tag)?;
                cells.write(ordinal, Stored::Number(values[row]));
            }
            (DenseValues::Numbers { values, .. }, _) if values[row] & !1 == 0 => {
                cells.write(ordinal, Stored::Number(values[row]));
            }
            (DenseValues::Texts { bytes, ends, .. }, _) => {
                let text = DenseValues::text(bytes, ends, row);
                check_len("bytes of a long text", text.len(), LONG_TEXT_BYTES_MAX)?;
                cells.write(ordinal, Stored::Text(text));
            }
            (DenseValues::Sets { ends, members }, _) => {
                let own = members[range(ends, row)].iter();
                self.replace(ordinal, own.map(|place| (*place, 0)), codes, cells)?;
            }
            (DenseValues::Maps { ends, entries }, TagType::Map(number)) => {
                let own = &entries[range(ends, row)];
                own.iter()
                    .try_for_each(|(_, value)| check_number(number, *value, tag))?;
                self.replace(ordinal, own.iter().copied(), codes, cells)?;
            }
            _ => return Err(wrong_values(tag)),
        }
        Ok(())
    }

    fn replace(
        &mut self,
        ordinal: Ordinal,
        own: impl ExactSizeIterator<Item = (u32, i64)>,
        codes: &mut Codes<'_>,
        cells: &mut TagCells<'_>,
    ) -> Result<()> {
        check_len("members of a set or map", own.len(), MEMBERS_MAX)?;
        self.entries.clear();
        for (place, value) in own {
            self.entries.push((codes.get(place)?, value));
        }
        cells.replace(ordinal, &self.entries);
        Ok(())
    }
}

fn wrong_values(tag: &Tag) -> Error {
    let detail = format!("tag {:?} cannot hold such a value", tag.name);
    Error::new(ErrorKind::Invalid, "type_mismatch", detail)
}
