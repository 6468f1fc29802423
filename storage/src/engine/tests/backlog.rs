//! Writers that are faster than flushes or compactions: they wait, are refused, and go on; what was
//! acknowledged is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::catalog::{NewTag, SchemaChange};
use crate::check::check;
use crate::clock::Clock;
use crate::engine::maintenance::run_worker;
use crate::engine::tests::fixture::{changes, numbers, read_numbers, schema, table, tag, write};
use crate::engine::{Engine, Settings, WriteOptions};
use crate::error::{Error, Result};
use crate::schema::{KeyType, NumberType, TagType};
use crate::vfs::MemoryVfs;

const MEMORY_BYTES_MAX: usize = 64 << 10;
const LAYERS_MAX: usize = 8;
/// Rows of a write.
const ROWS: i64 = 200;

fn open(vfs: &MemoryVfs) -> Arc<Engine> {
    let settings = Settings {
        log_file_bytes: 1 << 20,
        flush_bytes: MEMORY_BYTES_MAX / 4,
        memory_bytes_max: MEMORY_BYTES_MAX,
        layers_max: LAYERS_MAX,
        ..Settings::default()
    };
    Engine::open(Arc::new(vfs.clone()), settings, Clock::manual(0)).unwrap()
}

/// A table of numbers, and all that was acknowledged.
struct Writer {
    engine: Arc<Engine>,
    written: BTreeMap<i64, i64>,
    next: i64,
}

impl Writer {
    fn new(vfs: &MemoryVfs) -> Self {
        let engine = open(vfs);
        let change = SchemaChange::CreateTable {
            name: "t".into(),
            key_name: "id".into(),
            key_type: KeyType::BigInt,
            key_comment: String::new(),
            partitions: 1,
            tags: vec![NewTag {
                name: "n".into(),
                kind: TagType::Number(NumberType::BigInt),
                comment: String::new(),
            }],
        };
        write(&engine, schema(change));
        Self {
            engine,
            written: BTreeMap::new(),
            next: 0,
        }
    }

    /// Writes new subjects.
    fn write(&mut self) -> Result<()> {
        let rows: Vec<_> = (self.next..self.next + ROWS)
            .map(|key| (key, -key))
            .collect();
        let (table, tag) = (table(&self.engine, "t"), tag(&self.engine, "t", "n"));
        let change = numbers(table, tag, rows.iter().copied());
        self.engine
            .write::<Error>(&WriteOptions::default(), |_| Ok(changes(vec![change])))?;
        self.written.extend(rows);
        self.next += ROWS;
        Ok(())
    }

    /// Writes until a write is refused, and gives why.
    fn write_until_refused(&mut self, between: &dyn Fn(&Engine)) -> Error {
        for _ in 0..1_000 {
            if let Err(error) = self.write() {
                return error;
            }
            between(&self.engine);
        }
        panic!("nothing was refused");
    }

    /// Writes until a write succeeds again.
    fn write_at_last(&mut self) {
        for _ in 0..20 {
            if self.write().is_ok() {
                return;
            }
        }
        panic!("writes are refused for ever");
    }

    /// Everything that was acknowledged is there, before and after a start.
    fn check(self, vfs: &MemoryVfs) {
        assert_eq!(read_numbers(&self.engine, "t", "n"), self.written);
        self.engine.close().unwrap();
        let written = self.written;
        drop(self.engine);
        let engine = open(vfs);
        assert_eq!(read_numbers(&engine, "t", "n"), written);
        engine.close().unwrap();
        drop(engine);
        let report = check(vfs).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}

#[test]
fn writers_wait_for_flushes_and_go_on() {
    let vfs = MemoryVfs::new(1);
    let mut writer = Writer::new(&vfs);
    let engine = Arc::clone(&writer.engine);
    let stalled = engine.flushing.lock();
    let error = writer.write_until_refused(&|_| {});
    assert_eq!(error.code(), "overloaded");
    assert!(error.detail().contains("memory_bytes_max"), "{error}");
    assert_eq!(engine.refuses_writes().unwrap().code(), "overloaded");
    let bytes = engine.status().memory_bytes as usize;
    // The write that reached the bound is in it.
    let bounds = MEMORY_BYTES_MAX..MEMORY_BYTES_MAX * 5 / 4;
    assert!(bounds.contains(&bytes), "{bytes}");
    drop(stalled);
    writer.write_at_last();
    drop(engine);
    writer.check(&vfs);
}

#[test]
fn writers_wait_for_compactions_and_go_on() {
    let vfs = MemoryVfs::new(2);
    let mut writer = Writer::new(&vfs);
    let engine = Arc::clone(&writer.engine);
    let stalled = engine.compacting.lock();
    let error = writer.write_until_refused(&|engine| engine.flush().unwrap());
    assert_eq!(error.code(), "overloaded");
    assert!(error.detail().contains("layers_max"), "{error}");
    let depth = engine.status().depth_max as usize;
    assert!((LAYERS_MAX..=LAYERS_MAX + 1).contains(&depth), "{depth}");
    // Loads add layers as well.
    let loader = engine.loader(table(&engine, "t"), crate::batch::RowMode::Upsert);
    assert_eq!(loader.err().unwrap().code(), "overloaded");
    // A compaction that fails is not waited for.
    engine.maintenance.backlog.compacted(true);
    writer.write().unwrap();
    engine.maintenance.backlog.compacted(false);
    drop(stalled);
    writer.write_at_last();
    assert!(engine.refuses_writes().is_none());
    drop(engine);
    writer.check(&vfs);
}

#[test]
fn a_worker_that_panics_goes_on() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    fn work(_: &Engine) -> bool {
        match RUNS.fetch_add(1, Ordering::Relaxed) {
            0 => panic!("on purpose"),
            run => run < 3,
        }
    }
    let vfs = MemoryVfs::new(5);
    let engine = open(&vfs);
    run_worker(&Arc::downgrade(&engine), work);
    assert_eq!(RUNS.load(Ordering::Relaxed), 4);
    engine.close().unwrap();
}
