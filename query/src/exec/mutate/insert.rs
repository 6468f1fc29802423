//! INSERT: rows by key.

use tagdb_storage::batch::{Change, Column, Dictionary, Keys, RowBatch, RowMode};

use crate::bind::bound::Insert;
use crate::error::Result;
use crate::exec::mutate::cells::cell;

/// The rows of an INSERT.
///
/// # Errors
/// A value does not fit its tag.
pub(super) fn change(insert: Insert) -> Result<Change> {
    let mut keys = Keys::new(insert.table.key_type);
    insert.keys.iter().for_each(|key| keys.push(key.as_ref()));
    let mut columns = Vec::with_capacity(insert.tags.len());
    for (place, (tag, kind)) in insert.tags.into_iter().enumerate() {
        let mut dictionary = Dictionary::default();
        let mut cells = Vec::with_capacity(insert.rows.len());
        for (row, values) in (0..).zip(&insert.rows) {
            if let Some(value) = values.get(place) {
                cells.push((row, cell(kind, value, &mut dictionary)?));
            }
        }
        columns.push(Column {
            tag,
            dictionary,
            cells,
        });
    }
    let mode = if insert.ignore_existing {
        RowMode::InsertIgnore
    } else {
        RowMode::Upsert
    };
    Ok(Change::Rows {
        mode,
        rows: RowBatch { keys, columns },
    })
}
