//! How many entries a subject may have, however they come.

use crate::batch::{Cell, Change, Column, Dictionary, Keys, RowBatch, RowMode};
use crate::engine::WriteOptions;
use crate::engine::tests::fixture::{changes, create, expect_sound, open, table, tag, write};
use crate::ids::{TableId, TagId};
use crate::limits::MEMBERS_MAX;
use crate::schema::KeyType;
use crate::vfs::MemoryVfs;

fn places(dictionary: &mut Dictionary, range: std::ops::Range<usize>) -> Vec<u32> {
    range
        .map(|number| dictionary.place(&format!("m{number}")))
        .collect()
}

/// A write of one row, whose cell is made of places in the dictionary.
fn row(
    (table, tag): (TableId, TagId),
    key: i64,
    cell: impl FnOnce(&mut Dictionary) -> Cell,
) -> (TableId, Change) {
    let mut dictionary = Dictionary::default();
    let cells = vec![(0, cell(&mut dictionary))];
    let columns = vec![Column {
        tag,
        dictionary,
        cells,
    }];
    let rows = RowBatch {
        keys: Keys::Ints(vec![key]),
        columns,
    };
    let mode = RowMode::Upsert;
    (table, Change::Rows { mode, rows })
}

fn edit(
    drop: std::ops::Range<usize>,
    put: std::ops::Range<usize>,
) -> impl FnOnce(&mut Dictionary) -> Cell {
    move |dictionary| Cell::EditSet {
        drop: places(dictionary, drop).into(),
        put: places(dictionary, put).into(),
    }
}

fn edit_map(put: std::ops::Range<usize>) -> impl FnOnce(&mut Dictionary) -> Cell {
    move |dictionary| Cell::EditMap {
        drop: [].into(),
        put: places(dictionary, put)
            .into_iter()
            .map(|place| (place, 1))
            .collect(),
    }
}

#[test]
fn edits_do_not_grow_a_set_or_map_beyond_its_limit() {
    let vfs = MemoryVfs::new(3);
    let mut engine = open(&vfs);
    create(&engine, "devices", KeyType::BigInt, 1);
    let id = table(&engine, "devices");
    let set = (id, tag(&engine, "devices", "t5"));
    let map = (id, tag(&engine, "devices", "t6"));
    let full = MEMBERS_MAX;
    for flushed in [false, true] {
        if flushed {
            engine.flush().unwrap();
            engine.compact(None).unwrap();
        }
        let refused = |changes: Vec<(TableId, Change)>| {
            let changes = crate::batch::WriteSet {
                changes,
                ..crate::batch::WriteSet::default()
            };
            let result = engine.write::<crate::Error>(&WriteOptions::default(), |_| Ok(changes));
            assert_eq!(result.unwrap_err().code(), "limit_exceeded");
        };
        let accepted = |all| write(&engine, changes(all));
        accepted(vec![row(set, 1, |dictionary| {
            Cell::Set(places(dictionary, 0..full).into())
        })]);
        accepted(vec![row(map, 1, edit_map(0..full - 1))]);
        // What is there already, and what comes for what goes.
        accepted(vec![row(set, 1, edit(0..0, 5..9))]);
        accepted(vec![row(set, 1, edit(0..1, full..full + 1))]);
        accepted(vec![row(map, 1, edit_map(full - 1..full))]);
        refused(vec![row(set, 1, edit(0..0, 0..1))]);
        refused(vec![row(map, 1, edit_map(full..full + 1))]);
        // Also in several steps of one batch.
        refused(vec![
            row(set, 2, edit(0..0, 0..full)),
            row(set, 2, edit(0..0, full..full + 1)),
        ]);
        let replace = |dictionary: &mut Dictionary| Cell::Set(places(dictionary, 0..full).into());
        refused(vec![
            row(set, 1, replace),
            row(set, 1, edit(0..0, full..full + 1)),
        ]);
        accepted(vec![
            row(set, 1, edit(0..0, 0..1)),
            row(set, 1, edit(7..8, 0..0)),
        ]);
        accepted(vec![row(set, 1, |_| Cell::Clear)]);
        accepted(vec![row(map, 1, |_| Cell::Clear)]);
        accepted(vec![row(set, 1, edit(0..0, 0..full))]);
    }
    engine.close().unwrap();
    drop(engine);
    expect_sound(&vfs);
    engine = open(&vfs);
    engine.close().unwrap();
}
