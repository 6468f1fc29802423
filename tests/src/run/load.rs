//! Bulk loads.

use std::sync::Arc;

use tagdb_storage::engine::{Engine, Loader};
use tagdb_storage::ids::TagId;
use tagdb_storage::{Error, Result};

use crate::history::{Edit, Load, NamedColumn, Write};
use crate::translate::{row_batch, table_id, tag_id};
use tagdb_storage::schema::Key;

/// Begins a load.
///
/// # Errors
/// The engine refuses it.
pub(super) fn begin(engine: &Arc<Engine>, write: &Write) -> Result<Loader> {
    let (name, edit) = &write.edits[0];
    let state = engine.snapshot();
    let id = table_id(state.catalog(), name);
    match edit {
        Edit::Load { mode, .. } => engine.loader(id, *mode),
        Edit::ReplaceTags { columns, .. } => {
            let table = state.catalog().table(name).map(|table| &**table);
            let tags: Vec<TagId> = columns
                .iter()
                .map(|(name, _)| tag_id(table, name))
                .collect();
            engine.tag_loader(id, &tags)
        }
        _ => Err(Error::internal("not a load")),
    }
}

/// Gives a batch of rows to a load.
///
/// # Errors
/// The engine refuses them.
pub(super) fn push(loader: &mut Loader, engine: &Engine, load: &Load, batch: usize) -> Result<()> {
    let (name, edit) = &load.write.edits[0];
    let (keys, columns) = rows(edit);
    let part = |batch: usize| keys.len() * batch / load.batches;
    let state = engine.snapshot();
    let table = state.catalog().table(name).map(|table| &**table);
    loader.push(&row_batch(
        table,
        keys,
        columns,
        part(batch)..part(batch + 1),
    ))
}

fn rows(edit: &Edit) -> (&[Key], &[NamedColumn]) {
    match edit {
        Edit::Load { keys, columns, .. } | Edit::ReplaceTags { keys, columns, .. } => {
            (keys, columns)
        }
        _ => (&[], &[]),
    }
}
