//! Bulk loads.

use std::sync::Arc;

use tagdb_storage::engine::{Engine, Loader};
use tagdb_storage::ids::TagId;
use tagdb_storage::schema::Key;
use tagdb_storage::{Error, Result};

use super::send::{counts_of, options};
use super::{Named, Runner};
use crate::compare::{Mismatch, same};
use crate::history::{Edit, Load, NamedColumn, Write};
use crate::translate::{row_batch, table_id, tag_id};

/// Begins a load.
///
/// # Errors
/// The engine refuses it.
fn begin(engine: &Arc<Engine>, write: &Write) -> Result<Loader> {
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
fn push(loader: &mut Loader, engine: &Engine, load: &Load, batch: usize) -> Result<()> {
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

impl Runner {
    pub(super) fn load(&mut self, load: &Load) -> Result<(), Mismatch> {
        let engine = self.engine()?;
        let begun = begin(&engine, &load.write);
        self.follow(&engine);
        let push = |mut loader: Loader, batch| {
            push(&mut loader, &engine, load, batch)?;
            Ok(loader)
        };
        let mut pushed = begun.and_then(|loader| push(loader, 0));
        for step in &load.meanwhile {
            self.step(step)?;
            self.compare(step)?;
        }
        for batch in 1..load.batches {
            pushed = pushed.and_then(|loader| push(loader, batch));
        }
        if load.given_up {
            return Ok(());
        }
        let options = options(true, load.write.name.as_ref());
        let finished = pushed.and_then(|loader| loader.finish(&options));
        match (self.model.apply(&load.write), finished) {
            (Ok((next, counts)), Ok(receipt)) => {
                if load.meanwhile.is_empty() {
                    same(
                        || "outcome of a load".to_owned(),
                        counts_of(&receipt),
                        counts,
                    )?;
                }
                self.lsn = receipt.lsn.0;
                self.model = next;
                self.all_durable();
                if let Some(name) = &load.write.name {
                    let counts = counts_of(&receipt);
                    self.named.push(Named {
                        name: name.clone(),
                        lsn: self.lsn,
                        counts,
                    });
                }
                Ok(())
            }
            (Err(refused), Err(error)) => {
                self.summary.refused += 1;
                same(
                    || format!("refusal of a load ({error})"),
                    error.code(),
                    refused,
                )
            }
            (Err(refused), Ok(_)) => Err(format!("a load was taken that is {refused}")),
            (Ok(_), Err(error)) => Err(format!("a load was refused: {error} ({})", error.code())),
        }
    }

    /// Takes in LSNs that stand for nothing the model knows of.
    pub(super) fn follow(&mut self, engine: &Engine) {
        let lsn = engine.snapshot().lsn().0;
        if lsn > self.lsn {
            self.lsn = lsn;
            self.all_durable();
        }
    }

    pub(super) fn attempt_load(&mut self, engine: &Arc<Engine>, load: &Load) {
        let begun = begin(engine, &load.write);
        let finished = begun.and_then(|mut loader| {
            for batch in 0..load.batches {
                push(&mut loader, engine, load, batch)?;
            }
            loader.finish(&options(true, None))
        });
        let next = self.model.apply(&load.write);
        if let (Ok((next, _)), Ok(receipt)) = (&next, &finished) {
            (self.lsn, self.model) = (receipt.lsn.0, next.clone());
            self.all_durable();
            return;
        }
        // Whether it counts is known by what is found; a load takes some LSNs more than one.
        let models = [Ok(&self.model), next.as_ref().map(|(next, _)| next)];
        for model in models.into_iter().flatten().cloned().map(Arc::new) {
            self.versions
                .extend((1..64).map(|more| (self.lsn + more, model.clone())));
        }
    }
}
