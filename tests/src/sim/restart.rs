//! A sync of the log fails, the process starts again on what the cache shows, takes new writes,
//! and then the power goes: nothing that was acknowledged may be lost.

use std::sync::Arc;

use tagdb_storage::batch::RowMode;
use tagdb_storage::schema::{Key, KeyType, NumberType, TagType};
use tagdb_storage::vfs::{Damage, Fault};

use super::run_caught;
use crate::history::{Ddl, Edit, History, Interruption, Step, Stop, Value, Write};
use crate::random::Random;
use crate::run::Summary;

/// A write of some rows to the table `t` of [`create`].
#[must_use]
pub fn rows(keys: std::ops::Range<i64>, value: i64, durable: bool) -> Write {
    let count = keys.clone().count() as u32;
    let word = |row: u32| Arc::from(format!("w{}", (i64::from(row) + value) % 3));
    let columns: Vec<(Arc<str>, Vec<(u32, Value)>)> = vec![
        (
            Arc::from("n"),
            (0..count).map(|row| (row, Value::Number(value))).collect(),
        ),
        (
            Arc::from("w"),
            (0..count)
                .map(|row| (row, Value::Keyword(word(row))))
                .collect(),
        ),
        (
            Arc::from("s"),
            (0..count)
                .map(|row| (row, Value::EditSet(Vec::new(), vec![word(row)])))
                .collect(),
        ),
    ];
    let edit = Edit::Rows {
        mode: RowMode::Upsert,
        keys: keys.map(Key::Int).collect(),
        columns,
    };
    Write {
        durable,
        name: None,
        schema: None,
        edits: vec![(Arc::from("t"), edit)],
    }
}

/// A table with a number, a word and a set.
#[must_use]
pub fn create(table: &str) -> Write {
    let tags = vec![
        (Arc::from("n"), TagType::Number(NumberType::Int)),
        (Arc::from("w"), TagType::Keyword),
        (Arc::from("s"), TagType::KeywordSet),
    ];
    let schema = Ddl::Create {
        table: Arc::from(table),
        key_type: KeyType::BigInt,
        partitions: 1,
        tags,
    };
    Write {
        durable: true,
        name: None,
        schema: Some(schema),
        edits: Vec::new(),
    }
}

/// The history of a seed.
#[must_use]
pub fn history(seed: u64) -> History {
    let mut random = Random::new(seed);
    let mut steps = vec![Step::Write(create("t"))];
    for number in 0..random.below(4) as i64 {
        steps.push(Step::Write(rows(number..number + 2, number, true)));
    }
    for round in 0..1 + random.below(3) as i64 {
        // Some frames that share the sync that fails.
        for _ in 0..random.below(3) {
            steps.push(Step::Write(rows(round..round + 1, 40 + round, false)));
        }
        steps.push(Step::Interrupted(Interruption {
            step: Box::new(Step::Write(rows(round..round + 3, 50 + round, true))),
            after: random.below(3) as u64,
            fault: Fault::Io,
            sticky: random.one_in(4),
            stop: Some(Stop::Kill),
        }));
        for _ in 0..random.below(3) {
            let write = rows(round + 2..round + 5, 60 + round, !random.one_in(4));
            steps.push(Step::Write(write));
        }
        if random.one_in(4) {
            steps.push(Step::Flush);
        }
        let damage = *random.pick(&[Damage::LoseAll, Damage::LoseAll, Damage::Mixed]);
        steps.push(Step::Reopen(Stop::Cut(damage, random.next())));
    }
    History {
        seed,
        cache_bytes: 1 << 20,
        log_file_bytes: *random.pick(&[1 << 9, 1 << 11]),
        load_cells: 50,
        check_every: 2,
        steps,
    }
}

/// One restart after a failed sync.
///
/// # Errors
/// What was lost, invented or wrong.
pub fn restart(seed: u64) -> Result<Summary, String> {
    run_caught(&history(seed)).map_err(|wrong| format!("SEED={seed}: {wrong}"))
}

/// A group of frames of one size reaches the disk in part, and the log goes on behind it.
///
/// # Errors
/// What was lost, invented or wrong.
pub fn torn(seed: u64) -> Result<Summary, String> {
    let mut random = Random::new(seed);
    let mut steps = vec![Step::Write(create("t"))];
    // All words are known then, so that frames have one size.
    steps.push(Step::Write(rows(0..6, 0, true)));
    for key in 0..2 + random.below(5) as i64 {
        steps.push(Step::Write(rows(key..key + 1, 10 + key, false)));
    }
    let damage = *random.pick(&[Damage::Sectors, Damage::Garbage]);
    steps.push(Step::Interrupted(Interruption {
        step: Box::new(Step::Write(rows(0..1, 20, true))),
        after: 1,
        fault: Fault::Crash,
        sticky: false,
        stop: Some(Stop::Cut(damage, random.next())),
    }));
    for key in 0..1 + random.below(3) as i64 {
        steps.push(Step::Write(rows(key..key + 1, 30 + key, true)));
    }
    steps.push(Step::Reopen(Stop::Kill));
    let history = History {
        seed,
        cache_bytes: 0,
        log_file_bytes: 1 << 13,
        load_cells: 50,
        check_every: 1,
        steps,
    };
    run_caught(&history).map_err(|wrong| format!("SEED={seed}: {wrong}"))
}
