//! The engine from end to end, in memory. Random histories against a model are in the tests crate.

mod backlog;
mod columns;
mod faults;
pub(crate) mod fixture;
mod load_memory;
mod names;
mod reclaim;
mod sizes;
mod strays;
mod subjects;
mod tokens;

use std::sync::Arc;

use crate::batch::{Cell, Change, Column, Dictionary, KeyRef, Keys, RowBatch, RowMode, WriteSet};
use crate::catalog::{NewTag, SchemaChange};
use crate::clock::Clock;
use crate::engine::{Engine, Settings, WriteOptions};
use crate::error::{Error, Result};
use crate::ids::{TableId, TagId};
use crate::schema::{KeyType, NumberType, TagType};
use crate::vfs::{MemoryVfs, Vfs};

fn open(vfs: &Arc<MemoryVfs>) -> Arc<Engine> {
    let settings = Settings {
        background: false,
        log_file_bytes: 1 << 16,
        ..Settings::default()
    };
    let vfs: Arc<dyn Vfs> = vfs.clone();
    Engine::open(vfs, settings, Clock::manual(0)).unwrap()
}

fn create_users(engine: &Engine) -> TableId {
    let tag = |name: &str, kind| NewTag {
        name: name.into(),
        kind,
        comment: String::new(),
    };
    let change = SchemaChange::CreateTable {
        name: "users".into(),
        key_name: "id".into(),
        key_type: KeyType::Keyword,
        key_comment: String::new(),
        partitions: 1,
        tags: vec![
            tag("city", TagType::Keyword),
            tag("age", TagType::Number(NumberType::SmallInt)),
            tag("likes", TagType::KeywordSet),
        ],
    };
    write(
        engine,
        WriteSet {
            schema: Some(change),
            ..WriteSet::default()
        },
    );
    engine.snapshot().catalog().table("users").unwrap().id
}

fn write(engine: &Engine, set: WriteSet) {
    engine
        .write(&WriteOptions::default(), |_| Ok::<_, Error>(set))
        .unwrap();
}

/// Users `u{first}` to `u{end - 1}`: a city of three, an age, one or two likes.
fn rows(first: u32, end: u32) -> RowBatch {
    let mut keys = Keys::new(KeyType::Keyword);
    let (mut cities, mut likes) = (Dictionary::default(), Dictionary::default());
    let [mut city, mut age, mut like] = [const { Vec::new() }; 3];
    for (row, user) in (0..).zip(first..end) {
        keys.push(KeyRef::Text(&format!("u{user}")));
        let place = cities.place(["Bern", "Rom", "Wien"][user as usize % 3]);
        city.push((row, Cell::Value(i64::from(place))));
        age.push((row, Cell::Value(i64::from(user % 90))));
        let tea = likes.place("tea");
        let cup = likes.place("cup");
        let both = [tea, cup];
        like.push((row, Cell::Set(both[..1 + user as usize % 2].into())));
    }
    let column = |tag, dictionary, cells| Column {
        tag: TagId(tag),
        dictionary,
        cells,
    };
    let columns = vec![
        column(1, cities, city),
        column(2, Dictionary::default(), age),
        column(3, likes, like),
    ];
    RowBatch { keys, columns }
}

fn upsert(engine: &Engine, table: TableId, rows: RowBatch) {
    let change = Change::Rows {
        mode: RowMode::Upsert,
        rows,
    };
    write(
        engine,
        WriteSet {
            changes: vec![(table, change)],
            ..WriteSet::default()
        },
    );
}

/// Every user of `[0, end)` has what [`rows`] gave it, and nobody else is there.
fn verify(engine: &Engine, table: TableId, end: u32) -> Result<()> {
    let state = engine.snapshot();
    let partition = &state.table(table).unwrap().partitions()[0];
    assert_eq!(partition.subjects(), u64::from(end));
    let (city, age) = (partition.single(TagId(1))?, partition.single(TagId(2))?);
    let likes = partition.multi(TagId(3))?;
    let (cities, liked) = (
        partition.vocabulary(TagId(1)),
        partition.vocabulary(TagId(3)),
    );
    for user in 0..end {
        let key = format!("u{user}");
        let ordinal = partition
            .find(KeyRef::Text(&key))?
            .expect("the user exists");
        assert_eq!(partition.key(ordinal)?.as_ref(), KeyRef::Text(&key));
        assert_eq!(age.get(ordinal)?, Some(i64::from(user % 90)));
        let code = city.get(ordinal)?.unwrap() as u32;
        assert_eq!(
            cities.read()?.string(code),
            ["Bern", "Rom", "Wien"][user as usize % 3]
        );
        let entries = likes.get(ordinal)?;
        assert_eq!(entries.len(), 1 + user as usize % 2);
        assert_eq!(
            entries.len() == 2,
            entries
                .iter()
                .any(|(code, _)| { liked.read().unwrap().string(*code) == "cup" })
        );
    }
    assert_eq!(partition.find(KeyRef::Text(&format!("u{end}")))?, None);
    Ok(())
}

#[test]
fn what_is_written_is_read_before_and_after_flush_compaction_and_opening() {
    let vfs = Arc::new(MemoryVfs::new(1));
    let engine = open(&vfs);
    let table = create_users(&engine);
    for batch in 0..40 {
        upsert(&engine, table, rows(batch * 50, batch * 50 + 60));
        if batch % 7 == 3 {
            engine.flush().unwrap();
        }
        if batch % 17 == 3 {
            engine.compact(None).unwrap();
        }
    }
    verify(&engine, table, 2_010).unwrap();
    drop(engine);
    let engine = open(&vfs);
    verify(&engine, table, 2_010).unwrap();
    engine.flush().unwrap();
    engine.compact(None).unwrap();
    verify(&engine, table, 2_010).unwrap();
    engine.close().unwrap();
    drop(engine);
    verify(&open(&vfs), table, 2_010).unwrap();
}

#[test]
fn a_load_is_seen_at_once_and_mends_what_happened_meanwhile() {
    let vfs = Arc::new(MemoryVfs::new(2));
    let engine = open(&vfs);
    let table = create_users(&engine);
    upsert(&engine, table, rows(0, 100));
    let mut loader = engine.loader(table, RowMode::Upsert).unwrap();
    loader.push(&rows(50, 70_000)).unwrap();
    // Meanwhile a user of the load is made with another age, and one that it writes to dies.
    let mut other = rows(500, 501);
    other.columns.truncate(2);
    other.columns[1].cells[0].1 = Cell::Value(7);
    upsert(&engine, table, other);
    let mut dying = Keys::new(KeyType::Keyword);
    dying.push(KeyRef::Text("u60"));
    let delete = (table, Change::DeleteKeys(dying));
    write(
        &engine,
        WriteSet {
            changes: vec![delete],
            ..WriteSet::default()
        },
    );
    loader.push(&rows(69_000, 150_000)).unwrap();
    let partition = engine.snapshot().table(table).unwrap().partitions()[0].clone();
    assert_eq!(partition.subjects(), 100);
    let receipt = loader.finish(&WriteOptions::default()).unwrap();
    assert_eq!(receipt.outcome.rows, 69_950 + 81_000);
    assert_eq!(receipt.outcome.duplicates, 1_000);
    verify(&engine, table, 150_000).unwrap();
    upsert(&engine, table, rows(150_000, 150_010));
    verify(&engine, table, 150_010).unwrap();
    drop(engine);
    let engine = open(&vfs);
    verify(&engine, table, 150_010).unwrap();
    engine.compact(None).unwrap();
    verify(&engine, table, 150_010).unwrap();
}

#[test]
fn a_load_fills_chunks_with_long_texts() {
    let engine = open(&Arc::new(MemoryVfs::new(6)));
    let table = create_users(&engine);
    let bio = NewTag {
        name: "bio".into(),
        kind: TagType::LongText,
        comment: String::new(),
    };
    let change = SchemaChange::AddTag(table, bio);
    write(
        &engine,
        WriteSet {
            schema: Some(change),
            ..WriteSet::default()
        },
    );
    let bio = engine.snapshot().require(table).unwrap().schema().tags[3].id;
    let count = 65_537;
    let mut batch = rows(0, count);
    let texts = (0..count).map(|row| (row, Cell::Text(format!("text {row}").into())));
    batch.columns = vec![Column {
        tag: bio,
        dictionary: Dictionary::default(),
        cells: texts.collect(),
    }];
    let mut loader = engine.loader(table, RowMode::Upsert).unwrap();
    loader.push(&batch).unwrap();
    loader.finish(&WriteOptions::default()).unwrap();
    let partition = engine.snapshot().require(table).unwrap().partitions()[0].clone();
    for row in [0, 65_535, 65_536] {
        let key = format!("u{row}");
        let ordinal = partition.find(KeyRef::Text(&key)).unwrap().unwrap();
        let text = partition.text(bio).unwrap().get(ordinal).unwrap();
        assert_eq!(text, Some(format!("text {row}")));
    }
}

#[test]
fn a_load_that_is_dropped_leaves_nothing_behind() {
    let vfs = Arc::new(MemoryVfs::new(3));
    let engine = open(&vfs);
    let table = create_users(&engine);
    let mut loader = engine.loader(table, RowMode::Insert).unwrap();
    loader.push(&rows(0, 80_000)).unwrap();
    assert!(loader.push(&rows(5, 6)).is_err());
    drop(loader);
    upsert(&engine, table, rows(0, 10));
    verify(&engine, table, 10).unwrap();
    drop(engine);
    verify(&open(&vfs), table, 10).unwrap();
}

#[test]
fn replaced_tags_belong_to_exactly_the_loaded_subjects() {
    let vfs = Arc::new(MemoryVfs::new(4));
    let engine = open(&vfs);
    let table = create_users(&engine);
    upsert(&engine, table, rows(0, 30));
    let mut loader = engine.tag_loader(table, &[TagId(2)]).unwrap();
    let mut daily = rows(20, 40);
    daily.columns.remove(2);
    daily.columns.remove(0);
    loader.push(&daily).unwrap();
    let refused = engine.write(&WriteOptions::default(), |_| {
        let change = Change::Rows {
            mode: RowMode::Upsert,
            rows: rows(0, 1),
        };
        Ok::<_, Error>(WriteSet {
            changes: vec![(table, change)],
            ..WriteSet::default()
        })
    });
    assert_eq!(refused.unwrap_err().code(), "tag_being_replaced");
    loader.finish(&WriteOptions::default()).unwrap();
    verify_replaced(&engine, table);
    drop(engine);
    verify_replaced(&open(&vfs), table);
}

/// Users 20 to 39 have an age, users 0 to 29 a city.
fn verify_replaced(engine: &Engine, table: TableId) {
    let state = engine.snapshot();
    let users = state.table(table).unwrap();
    let age = users.schema().tag("age").unwrap().id;
    let partition = &users.partitions()[0];
    assert_eq!(partition.subjects(), 40);
    for user in 0..40_u32 {
        let key = format!("u{user}");
        let ordinal = partition.find(KeyRef::Text(&key)).unwrap().unwrap();
        let expected = (user >= 20).then_some(i64::from(user));
        assert_eq!(
            partition.single(age).unwrap().get(ordinal).unwrap(),
            expected
        );
        let city = partition.single(TagId(1)).unwrap().get(ordinal).unwrap();
        assert_eq!(city.is_some(), user < 30);
    }
}
