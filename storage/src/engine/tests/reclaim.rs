//! What is dropped gives its space back.
use crate::catalog::SchemaChange;
use crate::engine::WriteOptions;
use crate::engine::tests::fixture::{
    Random, changes, count_files, create, expect_sound, numbers, open, read_numbers, rows, schema,
    table, tag, write,
};
use crate::paths::{self, SegmentKind};
use crate::schema::KeyType;
use crate::vfs::{MemoryVfs, RelPath, Vfs};

fn all_files(vfs: &MemoryVfs) -> usize {
    [
        SegmentKind::Tags,
        SegmentKind::Keys,
        SegmentKind::Vocabulary,
    ]
    .into_iter()
    .map(|kind| count_files(vfs, kind))
    .sum()
}

#[test]
fn tables_that_are_dropped_or_truncated_take_their_files_along() {
    for truncate in [false, true] {
        let vfs = MemoryVfs::new(1);
        let engine = open(&vfs);
        create(&engine, "devices", KeyType::BigInt, 2);
        rows(&engine, "devices", &mut Random(1), 100, 100);
        engine.flush().unwrap();
        let id = table(&engine, "devices");
        // Somebody who still reads goes on reading.
        let reader = engine.snapshot();
        assert!(all_files(&vfs) > 0 && engine.status().cache_bytes == 0);
        for partition in reader.table(id).unwrap().partitions() {
            let tag = reader
                .catalog()
                .table("devices")
                .unwrap()
                .tag("t2")
                .unwrap()
                .id;
            partition.single(tag).unwrap();
        }
        assert!(engine.status().cache_bytes > 0);
        let change = match truncate {
            true => SchemaChange::TruncateTable(id),
            false => SchemaChange::DropTable(id),
        };
        write(&engine, schema(change));
        engine.flush().unwrap();
        assert_eq!((all_files(&vfs), engine.status().cache_bytes), (0, 0));
        for partition in reader.table(id).unwrap().partitions() {
            let tag = reader
                .catalog()
                .table("devices")
                .unwrap()
                .tag("t4")
                .unwrap()
                .id;
            partition.text(tag).unwrap();
        }
        engine.close().unwrap();
        drop(engine);
        expect_sound(&vfs);
    }
}

#[test]
fn columns_that_are_dropped_leave_the_roots_at_once_and_the_files_when_they_can() {
    let vfs = MemoryVfs::new(2);
    let engine = open(&vfs);
    create(&engine, "devices", KeyType::BigInt, 1);
    let id = table(&engine, "devices");
    let number = tag(&engine, "devices", "t2");
    rows(&engine, "devices", &mut Random(1), 100, 100);
    engine.flush().unwrap();
    // A segment of one tag only.
    write(
        &engine,
        changes(vec![numbers(id, number, [(1, 2)].into_iter())]),
    );
    engine.flush().unwrap();
    assert_eq!(count_files(&vfs, SegmentKind::Tags), 2);
    write(&engine, schema(SchemaChange::DropTag(id, number)));
    let segments = |tag| {
        let state = engine.snapshot();
        let partition = state.table(id).unwrap().partitions()[0].clone();
        let live = partition.segments.live.iter();
        let readers = live.filter(|live| live.tags.contains(&tag)).count();
        (partition.segments.live.len(), readers)
    };
    assert_eq!(segments(number), (1, 0));
    engine.flush().unwrap();
    assert_eq!(count_files(&vfs, SegmentKind::Tags), 1);
    let tags = engine
        .snapshot()
        .catalog()
        .table("devices")
        .unwrap()
        .tags
        .clone();
    for tag in tags {
        write(&engine, schema(SchemaChange::DropTag(id, tag.id)));
    }
    engine.flush().unwrap();
    assert_eq!(count_files(&vfs, SegmentKind::Tags), 0);
    engine.close().unwrap();
    drop(engine);
    expect_sound(&vfs);
}

/// A file that is kept for little gives its space back when it is compacted.
#[test]
fn what_is_left_of_a_large_file_goes_to_a_small_one() {
    let vfs = MemoryVfs::new(3);
    let engine = open(&vfs);
    create(&engine, "devices", KeyType::BigInt, 1);
    let id = table(&engine, "devices");
    let (number, other) = (tag(&engine, "devices", "t2"), tag(&engine, "devices", "t3"));
    for round in 0..2 {
        // The first layer of the number is the oldest one, the second is not.
        let few = (0..900).map(|key| (key, key + round));
        write(&engine, changes(vec![numbers(id, number, few)]));
        let many = (0..150_000).map(|key| (key, key << 40 | round));
        write(&engine, changes(vec![numbers(id, other, many)]));
        engine.flush().unwrap();
    }
    let bytes = || engine.status().file_bytes;
    assert!(bytes() > 2 << 20);
    write(&engine, schema(SchemaChange::DropTag(id, other)));
    engine.flush().unwrap();
    assert_eq!(count_files(&vfs, SegmentKind::Tags), 2);
    let keys = count_files(&vfs, SegmentKind::Keys);
    let before = bytes();
    assert!(engine.compact_due().unwrap());
    assert!(bytes() < before / 2, "{} of {before} bytes", bytes());
    assert_eq!(count_files(&vfs, SegmentKind::Keys), keys);
    while engine.compact_due().unwrap() {}
    let found = read_numbers(&engine, "devices", "t2");
    assert_eq!((found.len(), found.get(&7)), (900, Some(&8)));
    engine.close().unwrap();
    drop(engine);
    expect_sound(&vfs);
}

#[test]
fn scratch_files_leave_nothing_behind() {
    let vfs = MemoryVfs::new(5);
    let engine = open(&vfs);
    let mut file = engine.scratch_file().unwrap();
    file.append(b"some").unwrap();
    file.append(b" bytes").unwrap();
    let mut read = [0; 16];
    assert_eq!((file.len(), file.read_at(2, &mut read).unwrap()), (10, 8));
    assert_eq!(&read[..8], b"me bytes");
    let names = |vfs: &MemoryVfs| vfs.list(&RelPath::root()).unwrap();
    let before = names(&vfs);
    assert!(
        before.iter().all(|path| !paths::is_temporary(path)),
        "{before:?}"
    );
    // One whose process died before it took the name away.
    drop((file, engine));
    vfs.create_new(&paths::scratch(7)).unwrap();
    assert!(names(&vfs).iter().any(paths::is_temporary));
    drop(open(&vfs));
    assert!(!names(&vfs).iter().any(paths::is_temporary));
}

#[test]
fn a_disk_that_is_filled_keeps_room_to_flush_so_that_a_drop_makes_some() {
    let vfs = MemoryVfs::new(1);
    let engine = open(&vfs);
    create(&engine, "kept", KeyType::BigInt, 1);
    create(&engine, "dropped", KeyType::BigInt, 1);
    let mut random = Random(3);
    let mut take = |name: &str| {
        let rows = (0..100).map(|_| (random.below(1 << 62) as i64, random.below(5_000) as i64));
        let (table, tag) = (table(&engine, name), tag(&engine, name, "t2"));
        let set = changes(vec![numbers(table, tag, rows)]);
        engine.write::<crate::Error>(&WriteOptions::default(), |_| Ok(set))
    };
    for _ in 0..100 {
        take("dropped").unwrap();
    }
    engine.flush().unwrap();
    let used = u64::MAX - vfs.free_space().unwrap();
    vfs.set_capacity(Some(used + (200 << 10)));
    let refused = loop {
        if let Err(error) = take("kept") {
            break error;
        }
    };
    assert_eq!(refused.code(), "disk_full");
    write(
        &engine,
        schema(SchemaChange::DropTable(table(&engine, "dropped"))),
    );
    engine.flush().unwrap();
    take("kept").unwrap();
    drop(engine);
    expect_sound(&vfs);
}
