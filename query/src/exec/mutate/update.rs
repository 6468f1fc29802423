//! UPDATE: constants for a whole audience at once, everything else subject by subject.

use std::sync::Arc;

use tagdb_storage::batch::{Cell, Change, Dictionary, WriteSet};
use tagdb_storage::bitmap::{Bitmap, Chunk};
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Ordinal, TagId};
use tagdb_storage::schema::TagType;

use crate::bind::bound::{Expr, TagChange, Update};
use crate::error::{Error, Result};
use crate::exec::batch::{Batch, Remaining};
use crate::exec::budget::bytes_of;
use crate::exec::columns::Columns;
use crate::exec::mutate::cells::{cell, edit_map, edit_set};
use crate::exec::rows::Output;
use crate::exec::{Execution, scan};
use crate::value::Value;

/// What becomes of one tag.
struct TagWrite {
    tag: TagId,
    kind: TagType,
    change: Written,
}

enum Written {
    /// The same for everybody.
    Constant(Dictionary, Cell),
    /// A value for each.
    Set(Expr),
    /// A value for each under each of these keys.
    Entries(Vec<(Arc<str>, Expr)>),
}

/// The changes of an UPDATE, on the state before it.
///
/// # Errors
/// As of [`super::Mutation::write_set`].
pub(super) fn write_set(execution: &Execution, update: &Update) -> Result<WriteSet> {
    let writes = plan(update)?;
    let table = update.scan.table.id;
    let mut changes = Vec::new();
    let mut matched = 0;
    for partition in execution.table(&update.scan.table)?.partitions() {
        let subjects = scan::bitmap(&update.scan, partition, execution)?;
        if subjects.is_empty() {
            continue;
        }
        matched += subjects.len();
        for write in &writes {
            if let Written::Constant(dictionary, cell) = &write.change {
                let (dictionary, cell) = (dictionary.clone(), cell.clone());
                let (partition, subjects) = (partition.id(), subjects.clone());
                let tag = write.tag;
                let change = Change::Assign {
                    partition,
                    subjects,
                    tag,
                    dictionary,
                    cell,
                };
                changes.push((table, change));
            }
        }
        let computed = computed(execution, update, &writes, (partition, &subjects))?;
        changes.extend(computed.into_iter().map(|change| (table, change)));
    }
    Ok(WriteSet {
        changes,
        matched: Some(matched),
        ..WriteSet::default()
    })
}

fn plan(update: &Update) -> Result<Vec<TagWrite>> {
    let mut writes = Vec::new();
    let mut entries: Vec<(TagId, TagType, Vec<(Arc<str>, Expr)>)> = Vec::new();
    for assignment in &update.assignments {
        let (tag, kind) = (assignment.tag, assignment.kind);
        let mut dictionary = Dictionary::default();
        let change = match &assignment.change {
            TagChange::Set(expr) => match expr.as_literal() {
                Some(value) => {
                    let cell = cell(kind, value, &mut dictionary)?;
                    Written::Constant(dictionary, cell)
                }
                None => Written::Set(expr.clone()),
            },
            TagChange::EditSet { drop, put } => {
                let cell = edit_set(drop, put, &mut dictionary);
                Written::Constant(dictionary, cell)
            }
            TagChange::Entry { key, value } => {
                let entry = (key.clone(), value.clone());
                match entries.iter_mut().find(|(other, ..)| *other == tag) {
                    Some((.., own)) => own.push(entry),
                    None => entries.push((tag, kind, vec![entry])),
                }
                continue;
            }
        };
        writes.push(TagWrite { tag, kind, change });
    }
    for (tag, kind, entries) in entries {
        let change = entries_write(kind, entries)?;
        writes.push(TagWrite { tag, kind, change });
    }
    Ok(writes)
}

fn entries_write(kind: TagType, entries: Vec<(Arc<str>, Expr)>) -> Result<Written> {
    let TagType::Map(number) = kind else {
        return Err(no_map());
    };
    let literals = entries
        .iter()
        .map(|(key, expr)| Some((key, expr.as_literal()?)));
    let Some(literals) = literals.collect::<Option<Vec<_>>>() else {
        return Ok(Written::Entries(entries));
    };
    let mut dictionary = Dictionary::default();
    let cell = edit_map(number, literals.into_iter(), &mut dictionary)?;
    Ok(Written::Constant(dictionary, cell))
}

/// The cells of a tag that is written subject by subject.
struct Cells {
    dictionary: Dictionary,
    cells: Vec<(Ordinal, Cell)>,
}

fn computed(
    execution: &Execution,
    update: &Update,
    writes: &[TagWrite],
    (partition, subjects): (&Arc<PartitionState>, &Bitmap),
) -> Result<Vec<Change>> {
    let exprs: Vec<Expr> = writes
        .iter()
        .flat_map(|write| exprs_of(&write.change))
        .collect();
    if exprs.is_empty() {
        return Ok(Vec::new());
    }
    let mut output = Output::new(exprs);
    let columns = Columns::open(partition, &update.scan.columns, output.slots(), execution)?;
    let computed = |write: &&TagWrite| !matches!(write.change, Written::Constant(..));
    let writes: Vec<&TagWrite> = writes.iter().filter(computed).collect();
    let mut made: Vec<Cells> = writes
        .iter()
        .map(|_| Cells {
            dictionary: Dictionary::default(),
            cells: Vec::new(),
        })
        .collect();
    let mut audience = Box::<Chunk>::default();
    let (mut batch, mut left) = (Batch::default(), Remaining::default());
    for (chunk, _, container) in subjects.chunks() {
        execution.interrupt.check()?;
        container.copy_into(&mut audience);
        left.reset(&audience);
        while batch.take(chunk, &mut left, columns.batch_rows()) {
            for (row, values) in output.rows(&columns, &batch)?.into_iter().enumerate() {
                let bytes = values.iter().map(|value| bytes_of(value) + 64).sum();
                execution.budget.charge(bytes)?;
                let mut values = values.as_slice();
                for (write, made) in writes.iter().zip(&mut made) {
                    let cell = next_cell(write, &mut values, &mut made.dictionary)?;
                    made.cells.push((batch.ordinal(row), cell));
                }
            }
        }
    }
    let partition = partition.id();
    let changes = writes
        .iter()
        .zip(made)
        .map(|(write, Cells { dictionary, cells })| Change::Cells {
            partition,
            tag: write.tag,
            dictionary,
            cells,
        });
    Ok(changes.collect())
}

fn exprs_of(change: &Written) -> Vec<Expr> {
    match change {
        Written::Constant(..) => Vec::new(),
        Written::Set(expr) => vec![expr.clone()],
        Written::Entries(entries) => entries.iter().map(|(_, expr)| expr.clone()).collect(),
    }
}

/// The cell of a tag, from the values of its expressions, which are taken from the front.
fn next_cell(write: &TagWrite, values: &mut &[Value], dictionary: &mut Dictionary) -> Result<Cell> {
    let count = match &write.change {
        Written::Constant(..) => 0,
        Written::Set(_) => 1,
        Written::Entries(entries) => entries.len(),
    };
    let own = values
        .split_off(..count)
        .ok_or_else(|| Error::internal("too few values"))?;
    match (&write.change, own, write.kind) {
        (Written::Set(_), [value], kind) => cell(kind, value, dictionary),
        (Written::Entries(entries), own, TagType::Map(number)) => edit_map(
            number,
            entries.iter().map(|(key, _)| key).zip(own),
            dictionary,
        ),
        _ => Err(no_map()),
    }
}

fn no_map() -> Error {
    Error::internal("an entry of what is no map")
}
