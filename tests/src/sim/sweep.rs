//! A scripted life of a small database, with a fault at every operation on files, of every kind;
//! and a crash after every step, with a fault at every operation of the recovery from it.

use std::sync::Arc;

use tagdb_storage::batch::RowMode;
use tagdb_storage::schema::Key;
use tagdb_storage::vfs::{Damage, Fault};

use super::restart::{create, rows};
use super::{Figures, run_caught};
use crate::history::{Ddl, Edit, History, Interruption, Load, Step, Stop, Write};

/// A kind of fault: what fails, for how long, and how the process ends then.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    fault: Fault,
    sticky: bool,
    stop: Option<Stop>,
}

/// All kinds of faults.
#[must_use]
pub fn kinds() -> Vec<Kind> {
    let kind = |fault, sticky, stop| Kind {
        fault,
        sticky,
        stop,
    };
    let mut kinds = vec![
        kind(Fault::Crash, false, Some(Stop::Kill)),
        kind(Fault::ShortWrite, true, None),
    ];
    for damage in Damage::SINGLE {
        kinds.push(kind(Fault::Crash, false, Some(Stop::Cut(damage, 7))));
    }
    for fault in [Fault::Io, Fault::DiskFull] {
        for sticky in [false, true] {
            kinds.push(kind(fault, sticky, None));
            kinds.push(kind(fault, sticky, Some(Stop::Cut(Damage::LoseAll, 7))));
        }
    }
    kinds
}

fn edit(table: &str, edit: Edit) -> Write {
    Write {
        durable: true,
        name: None,
        schema: None,
        edits: vec![(Arc::from(table), edit)],
    }
}

fn ddl(change: Ddl) -> Step {
    Step::Write(Write {
        durable: true,
        name: None,
        schema: Some(change),
        edits: Vec::new(),
    })
}

/// The life.
#[must_use]
pub fn script() -> Vec<Step> {
    let keys = |range: std::ops::Range<i64>| range.map(Key::Int).collect::<Vec<Key>>();
    let write = |range, value| Step::Write(rows(range, value, true));
    let loaded = match rows(3..9, 5, true).edits.swap_remove(0).1 {
        Edit::Rows { keys, columns, .. } => Edit::Load {
            keys,
            columns,
            mode: RowMode::Upsert,
        },
        other => other,
    };
    let load = Load {
        write: edit("t", loaded),
        batches: 2,
        meanwhile: Vec::new(),
        given_up: false,
    };
    vec![
        Step::Write(create("t")),
        write(0..4, 1),
        Step::Flush,
        Step::Write(rows(2..6, 2, false)),
        Step::Write(edit("t", Edit::Delete(keys(0..1)))),
        Step::Flush,
        Step::Write(Write {
            durable: false,
            ..edit("t", Edit::Delete(keys(1..2)))
        }),
        Step::Compact(None),
        Step::Load(load),
        Step::Snapshot(Arc::from("s")),
        Step::Write(create("u")),
        write(8..12, 3),
        ddl(Ddl::DropTag(Arc::from("t"), Arc::from("w"))),
        Step::Flush,
        ddl(Ddl::Drop(Arc::from("u"))),
        Step::Compact(None),
    ]
}

fn life(steps: Vec<Step>) -> History {
    History {
        seed: 1,
        cache_bytes: 1 << 20,
        log_file_bytes: 1 << 10,
        load_cells: 1,
        check_every: 1,
        steps,
    }
}

/// What comes after a fault: the database has to be as good as new.
fn afterwards() -> [Step; 3] {
    let last = Edit::Delete(vec![Key::Int(2)]);
    [
        Step::Write(edit("t", last)),
        Step::Flush,
        Step::Reopen(Stop::Kill),
    ]
}

/// Fails every operation of one step of the life in one way.
///
/// # Errors
/// What was lost, invented or wrong.
pub fn step(at: usize, kind: Kind) -> Result<Figures, String> {
    let script = script();
    every_operation(&script[..at], &script[at], kind)
}

/// The power goes after one step of the life, and every operation of the recovery fails in one way.
///
/// # Errors
/// What was lost, invented or wrong.
pub fn recovery(at: usize, kind: Kind) -> Result<Figures, String> {
    let script = script();
    let reopen = Step::Reopen(Stop::Cut(Damage::Sectors, at as u64));
    every_operation(&script[..=at], &reopen, kind)
}

fn every_operation(before: &[Step], under_way: &Step, kind: Kind) -> Result<Figures, String> {
    let mut figures = Figures::default();
    for after in 0.. {
        let mut steps = before.to_vec();
        steps.push(Step::Interrupted(Interruption {
            step: Box::new(under_way.clone()),
            after,
            fault: kind.fault,
            sticky: kind.sticky,
            stop: kind.stop,
        }));
        steps.extend(afterwards());
        let case = || {
            format!(
                "{kind:?} at operation {after} of step {} {under_way:?}",
                before.len()
            )
        };
        let summary = run_caught(&life(steps)).map_err(|wrong| format!("{}: {wrong}", case()))?;
        figures.add(&summary);
        if !summary.fired {
            break;
        }
    }
    Ok(figures)
}
