//! Sending what a history says to an engine.

use std::sync::Arc;

use tagdb_storage::batch::{Change, KeyRef, Keys, RowBatch, RowMode, WriteSet};
use tagdb_storage::bitmap::Bitmap;
use tagdb_storage::engine::{Engine, Idempotency, Receipt, WriteOptions};
use tagdb_storage::schema::{Key, KeyType};
use tagdb_storage::{Error, Result};

use crate::history::Write;
use crate::model::Counts;
use crate::random::Random;
use crate::translate::{table_id, write_set};

pub(super) fn options(durable: bool, name: Option<&Arc<str>>) -> WriteOptions {
    let named = |name: &Arc<str>| Idempotency {
        key: name.to_string(),
        fingerprint: name
            .bytes()
            .fold(7, |sum, byte| sum * 256 + u128::from(byte)),
        detail: name.as_bytes().to_vec(),
    };
    WriteOptions {
        durable,
        idempotency: name.map(named),
    }
}

pub(super) fn counts_of(receipt: &Receipt) -> Counts {
    let outcome = receipt.outcome;
    Counts {
        rows: outcome.rows,
        created: outcome.created,
        duplicates: outcome.duplicates,
        matched: outcome.matched,
    }
}

pub(super) fn send(engine: &Engine, write: &Write) -> Result<Receipt> {
    let options = options(write.durable, write.name.as_ref());
    engine.write(&options, |state| write_set(state, write))
}

/// Merges random neighbours; those of stacks of one height are the same.
pub(super) fn compact_some(engine: &Engine, seed: u64) -> Result<bool> {
    engine.compact_chosen(&|sizes| {
        let mut random = Random::new(seed ^ sizes.len() as u64);
        let first = random.below(sizes.len().checked_sub(1)?.max(1));
        let end = first + 2 + random.below(sizes.len().checked_sub(first + 1)?.max(1));
        (end <= sizes.len()).then_some(first..end)
    })
}

/// Makes subjects under keys that nobody else uses and deletes them; tells the number of batches.
pub(super) fn burn(engine: &Engine, table: &str, count: u32) -> Result<u64> {
    let options = WriteOptions::default();
    engine.write::<Error>(&options, |state| {
        let id = table_id(state.catalog(), table);
        let kind = state.require(id)?.schema().key_type;
        let mut keys = Keys::new(kind);
        for key in 0..count {
            match kind {
                KeyType::BigInt => keys.push(KeyRef::Int(1_000_000_000 + i64::from(key))),
                KeyType::Keyword => keys.push(KeyRef::Text(&format!("burnt {key}"))),
            }
        }
        let rows = RowBatch {
            keys,
            columns: Vec::new(),
        };
        let change = Change::Rows {
            mode: RowMode::Insert,
            rows,
        };
        Ok(WriteSet {
            changes: vec![(id, change)],
            ..WriteSet::default()
        })
    })?;
    engine.write::<Error>(&options, |state| {
        let id = table_id(state.catalog(), table);
        let mut changes = Vec::new();
        for partition in state.require(id)?.partitions() {
            let next = partition.next_ordinal();
            let mine = |ordinal: &u32| match partition.key(*ordinal) {
                Ok(Key::Int(key)) => key >= 1_000_000_000,
                Ok(Key::Text(key)) => key.starts_with("burnt "),
                Err(_) => false,
            };
            let burnt: Vec<u32> = (0..next).filter(mine).collect();
            let subjects = Bitmap::from_sorted(&burnt);
            let partition = partition.id();
            changes.push((
                id,
                Change::DeleteSubjects {
                    partition,
                    subjects,
                },
            ));
        }
        Ok(WriteSet {
            changes,
            ..WriteSet::default()
        })
    })?;
    Ok(2)
}
