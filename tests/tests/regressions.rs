//! Short histories that once went wrong.

#![expect(clippy::unwrap_used, reason = "all of this file is a test")]

use std::sync::Arc;

use tagdb_storage::batch::RowMode;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::check;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings, WriteOptions};
use tagdb_storage::schema::{Key, KeyType, TagType};
use tagdb_storage::vfs::OsVfs;
use tagdb_tests::generate;
use tagdb_tests::history::{Audience, Ddl, Edit, History, Load, Step, Stop, Value, Write};
use tagdb_tests::run::run;
use tagdb_tests::translate::write_set;

fn name(name: &str) -> Arc<str> {
    Arc::from(name)
}

fn key(number: i64) -> Key {
    Key::Int(number)
}

/// A table `t` with a keyword `g`, a set `s` and a text `x` in one partition, then `steps`.
fn check(steps: Vec<Step>) {
    let tags = vec![
        (name("g"), TagType::Keyword),
        (name("s"), TagType::KeywordSet),
        (name("x"), TagType::LongText),
    ];
    let key_type = KeyType::BigInt;
    let create = Ddl::Create {
        table: name("t"),
        key_type,
        partitions: 1,
        tags,
    };
    let create = Write {
        durable: true,
        name: None,
        schema: Some(create),
        edits: Vec::new(),
    };
    let mut all = vec![Step::Write(create)];
    all.extend(steps);
    let history = History {
        seed: 1,
        cache_bytes: 0,
        log_file_bytes: 1 << 13,
        load_cells: 1,
        check_every: 1,
        steps: all,
    };
    run(&history).unwrap();
}

fn write(durable: bool, edit: Edit) -> Step {
    Step::Write(Write {
        durable,
        name: None,
        schema: None,
        edits: vec![(name("t"), edit)],
    })
}

/// Subjects `keys`, each with the value `a`.
fn rows(keys: std::ops::Range<i64>) -> Step {
    let cells = (0..keys.clone().count() as u32).map(|row| (row, Value::Keyword(name("a"))));
    let columns = vec![(name("g"), cells.collect())];
    let keys = keys.map(key).collect();
    write(
        true,
        Edit::Rows {
            mode: RowMode::Upsert,
            keys,
            columns,
        },
    )
}

#[test]
fn a_value_for_an_ordinal_not_yet_given_is_not_that_of_a_later_subject() {
    let audience = Audience {
        keys: Vec::new(),
        strays: true,
    };
    let value = Value::Keyword(name("b"));
    let assign = Edit::Assign {
        audience,
        tag: name("g"),
        value,
    };
    let subject = Edit::Rows {
        mode: RowMode::Upsert,
        keys: vec![key(1)],
        columns: Vec::new(),
    };
    check(vec![write(true, assign), write(true, subject)]);
}

#[test]
fn a_deleted_snapshot_stays_deleted_when_the_power_goes() {
    for seed in 0..40 {
        check(vec![
            rows(0..3),
            Step::Snapshot(name("s")),
            Step::DeleteSnapshot(name("s")),
            Step::Reopen(Stop::Power(seed)),
        ]);
    }
}

#[test]
fn compaction_forgets_no_value_of_a_subject_whose_deletion_is_not_durable() {
    check(vec![
        rows(0..5),
        Step::Flush,
        rows(3..7),
        Step::Flush,
        write(false, Edit::Delete(vec![key(1), key(4)])),
        Step::Compact(None),
        Step::Reopen(Stop::Kill),
    ]);
}

fn write_of(edit: Edit) -> Write {
    Write {
        durable: true,
        name: None,
        schema: None,
        edits: vec![(name("t"), edit)],
    }
}

fn load(edit: Edit) -> Step {
    Step::Load(Load {
        write: write_of(edit),
        batches: 1,
        meanwhile: Vec::new(),
        given_up: false,
    })
}

#[test]
fn a_load_of_texts_ends() {
    let columns = vec![(name("x"), vec![(0, Value::Text(name("text")))])];
    load_and_check(Edit::Load {
        keys: vec![key(9)],
        columns,
        mode: RowMode::Upsert,
    });
}

/// The cells of a row that replaces come after nothing, not after what the subject had.
#[test]
fn a_replacing_load_edits_an_empty_set() {
    let put = |member| Value::EditSet(Vec::new(), vec![name(member)]);
    let columns = vec![(name("s"), vec![(0, put("a")), (1, put("b"))])];
    let keys = vec![key(1), key(1)];
    let (more, same) = (columns.clone(), keys.clone());
    load_and_check(Edit::Load {
        keys: same,
        columns: more,
        mode: RowMode::Replace,
    });
    load_and_check(Edit::ReplaceTags { keys, columns });
}

/// An edit of a set in a load counted as the whole content of a subject that was new to the load,
/// also when somebody else made that subject meanwhile.
#[test]
fn a_load_edits_a_set_that_somebody_makes_meanwhile() {
    let set = |members: &[&str]| Value::Set(members.iter().map(|member| name(member)).collect());
    let of_two = |first, second| vec![(name("s"), vec![(0, first), (1, second)])];
    let meanwhile = Edit::Rows {
        keys: vec![key(8), key(9)],
        columns: of_two(set(&["a", "b", "f"]), set(&["a", "b"])),
        mode: RowMode::Upsert,
    };
    let edit = |drop: &[&str], put: &str| {
        let drop = drop.iter().map(|member| name(member)).collect();
        Value::EditSet(drop, vec![name(put)])
    };
    let load = Load {
        write: write_of(Edit::Load {
            keys: vec![key(8), key(9), key(8)],
            columns: vec![(
                name("s"),
                vec![
                    (0, edit(&["a"], "c")),
                    (1, set(&["d"])),
                    (2, edit(&["b"], "e")),
                ],
            )],
            mode: RowMode::Upsert,
        }),
        batches: 2,
        meanwhile: vec![write(true, meanwhile)],
        given_up: false,
    };
    check(vec![
        rows(0..3),
        Step::Load(load),
        Step::Compact(None),
        Step::Reopen(Stop::Kill),
    ]);
}

fn load_and_check(edit: Edit) {
    check(vec![rows(0..3), load(edit)]);
}

/// What was cached held files, and files held the cache.
#[cfg(target_os = "linux")]
#[test]
fn a_closed_database_keeps_no_file_open() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(OsVfs::new(folder.path()).unwrap());
    let engine = Engine::open(disk, Settings::default(), Clock::system()).unwrap();
    let of_tags = |seed: &u64| match generate::writes(*seed, 0).0.schema {
        Some(Ddl::Create { tags, .. }) => tags.len() > 4,
        _ => false,
    };
    let seed = (1..).find(of_tags).unwrap();
    let (create, writes) = generate::writes(seed, 20);
    for (step, write) in [create].iter().chain(&writes).enumerate() {
        // Refusals are part of what is generated.
        let _ = engine.write(&WriteOptions::default(), |state| write_set(state, write));
        if step % 5 == 0 {
            engine.flush().unwrap();
        }
    }
    engine.compact(None).unwrap();
    let state = engine.snapshot();
    for table in state.catalog().tables() {
        for partition in state.table(table.id).unwrap().partitions() {
            for tag in &table.tags {
                let _ = partition.known(tag.id, tag.kind.family(), 0, &mut Chunk::new());
            }
        }
    }
    assert!(engine.status().cache_bytes > 0);
    drop(state);
    engine.close().unwrap();
    drop(engine);
    assert!(
        check::check(&OsVfs::new(folder.path()).unwrap())
            .unwrap()
            .is_sound()
    );
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    let left: Vec<_> = targets
        .filter(|path| path.starts_with(folder.path()))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
