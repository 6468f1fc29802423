//! Tokens of writes that were lost.
use std::sync::Arc;

use crate::engine::tests::fixture::{changes, create, numbers, open, table, tag};
use crate::engine::{Engine, WriteOptions, restore};
use crate::schema::KeyType;
use crate::vfs::MemoryVfs;

fn write(engine: &Engine, key: i64, durable: bool) -> String {
    let (id, number) = (table(engine, "devices"), tag(engine, "devices", "t2"));
    let options = WriteOptions {
        durable,
        ..WriteOptions::default()
    };
    let set = changes(vec![numbers(id, number, [(key, key)].into_iter())]);
    let receipt = engine.write::<crate::Error>(&options, |_| Ok(set)).unwrap();
    receipt.token
}

fn code_of(engine: &Engine, token: &str) -> Option<&'static str> {
    engine.lsn_of_token(token).err().map(|error| error.code())
}

/// Others have taken the LSNs of the lost writes.
#[test]
fn a_token_of_a_write_that_a_crash_took_stays_lost() {
    let vfs = MemoryVfs::new(3);
    let engine = open(&vfs);
    create(&engine, "devices", KeyType::BigInt, 1);
    let kept = write(&engine, 1, true);
    let lost = write(&engine, 2, false);
    let vfs = vfs.crash_power(1);
    drop(engine);
    let engine = open(&vfs);
    assert_eq!(code_of(&engine, &lost), Some("write_lost"));
    let later: Vec<String> = (10..20).map(|key| write(&engine, key, true)).collect();
    assert_eq!(code_of(&engine, &lost), Some("write_lost"));
    drop(engine);
    let engine = open(&vfs);
    assert_eq!(code_of(&engine, &lost), Some("write_lost"));
    for token in later.iter().chain([&kept]) {
        assert_eq!(code_of(&engine, token), None, "{token}");
    }
}

#[test]
fn a_token_of_a_write_after_the_snapshot_stays_lost() {
    let (vfs, target) = (MemoryVfs::new(4), MemoryVfs::new(5));
    let engine = open(&vfs);
    create(&engine, "devices", KeyType::BigInt, 1);
    let kept = write(&engine, 1, true);
    engine.create_snapshot("s").unwrap();
    let lost = write(&engine, 2, true);
    drop(engine);
    let again = open(&vfs);
    let lost_too = write(&again, 3, true);
    drop(again);
    restore(&vfs, "s", &target).unwrap();
    let engine: Arc<Engine> = open(&target);
    for key in 10..20 {
        write(&engine, key, true);
    }
    assert_eq!(code_of(&engine, &kept), None);
    assert_eq!(code_of(&engine, &lost), Some("write_lost"));
    assert_eq!(code_of(&engine, &lost_too), Some("write_lost"));
}
