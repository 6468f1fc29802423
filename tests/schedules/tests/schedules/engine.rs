//! The engine: writers, a reader, flush and compaction, a snapshot, and a power cut at any moment.
//!
//! Every write moves an amount from one subject to another, so that the sum over all is always 0.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;
use tagdb_schedules::Result;
use tagdb_schedules::batch::{Cell, Change, Column, Dictionary, Keys, RowBatch, RowMode, WriteSet};
use tagdb_schedules::bitmap::Chunk;
use tagdb_schedules::catalog::{NewTag, SchemaChange};
use tagdb_schedules::check::check;
use tagdb_schedules::clock::Clock;
use tagdb_schedules::engine::{DbState, Engine, Settings, WriteOptions, restore};
use tagdb_schedules::ids::{TableId, TagId};
use tagdb_schedules::schema::{KeyType, NumberType, TagType};
use tagdb_schedules::vfs::{Damage, MemoryVfs, Vfs};

use crate::disk::ScheduledVfs;
use crate::schedules;

const WRITES: i64 = 2;

fn open(vfs: Arc<dyn Vfs>) -> Result<Arc<Engine>> {
    let settings = Settings {
        background: false,
        log_file_bytes: 512,
        cache_bytes: 1 << 20,
        ..Settings::default()
    };
    Engine::open(vfs, settings, Clock::manual(0))
}

/// What all threads know.
struct Shared {
    disk: MemoryVfs,
    engine: Arc<Engine>,
    table: TableId,
    tag: TagId,
    /// The last batch that is known to be durable.
    durable: AtomicU64,
}

impl Shared {
    fn new() -> Arc<Self> {
        let disk = MemoryVfs::new(1);
        let engine = open(Arc::new(ScheduledVfs { disk: disk.clone() })).unwrap();
        let tag = NewTag {
            name: "n".to_owned(),
            kind: TagType::Number(NumberType::BigInt),
            comment: String::new(),
        };
        let create = SchemaChange::CreateTable {
            name: "t".into(),
            key_name: "id".into(),
            key_type: KeyType::BigInt,
            key_comment: String::new(),
            partitions: 1,
            tags: vec![tag],
        };
        let set = WriteSet {
            schema: Some(create),
            ..WriteSet::default()
        };
        let options = WriteOptions::default();
        engine
            .write(&options, |_| Ok::<_, tagdb_schedules::Error>(set))
            .unwrap();
        let state = engine.snapshot();
        let schema = state.catalog().table("t").unwrap();
        Arc::new(Self {
            disk,
            table: schema.id,
            tag: schema.tag("n").unwrap().id,
            durable: AtomicU64::new(state.lsn().0),
            engine,
        })
    }

    /// Gives one subject an amount and another one its opposite; the two are always written together.
    fn write(&self, keys: [i64; 2], amount: i64, durable: bool) {
        let column = Column {
            tag: self.tag,
            dictionary: Dictionary::default(),
            cells: vec![(0, Cell::Value(amount)), (1, Cell::Value(-amount))],
        };
        let rows = RowBatch {
            keys: Keys::Ints(keys.to_vec()),
            columns: vec![column],
        };
        let mode = RowMode::Upsert;
        let set = WriteSet {
            changes: vec![(self.table, Change::Rows { mode, rows })],
            ..WriteSet::default()
        };
        let options = WriteOptions {
            durable,
            idempotency: None,
        };
        let written = self
            .engine
            .write(&options, |_| Ok::<_, tagdb_schedules::Error>(set));
        let receipt = written.unwrap();
        assert!(
            self.engine.snapshot().lsn() >= receipt.lsn,
            "own writes are seen"
        );
        if durable {
            self.durable.fetch_max(receipt.lsn.0, Ordering::SeqCst);
        }
    }

    /// The numbers of a state.
    fn numbers(&self, state: &DbState) -> Vec<i64> {
        let table = state.table(self.table).unwrap();
        let mut found = Vec::new();
        for partition in table.partitions() {
            let mut alive = Chunk::new();
            partition.alive(0, &mut alive);
            let stack = partition.single(self.tag).unwrap();
            let mut visit = |_, value| found.push(value);
            stack.for_each(0, &alive, &mut visit).unwrap();
        }
        found.sort_unstable();
        assert_eq!(
            found.iter().sum::<i64>(),
            0,
            "half a batch at {}",
            state.lsn()
        );
        found
    }

    /// The power goes: what was known to be durable is there, and no batch in part.
    fn cut(&self) {
        let durable = self.durable.load(Ordering::SeqCst);
        let after = self.disk.fork().crash_power_with(Damage::LoseAll, durable);
        let engine = open(Arc::new(after)).unwrap();
        let state = engine.snapshot();
        assert!(state.lsn().0 >= durable, "{} after {durable}", state.lsn());
        self.numbers(&state);
    }
}

type Work = fn(&Shared);

fn write_durably(shared: &Shared) {
    for write in 0..WRITES {
        shared.write([1, 2], 10 + write, true);
    }
}

fn write_loosely(shared: &Shared) {
    for write in 0..WRITES {
        shared.write([3, 4], 100 + write, false);
    }
    shared.write([5, 6], 5, true);
}

fn read(shared: &Shared) {
    let mut last = 0;
    for _ in 0..3 {
        let state = shared.engine.snapshot();
        assert!(state.lsn().0 >= last, "time goes back");
        last = state.lsn().0;
        let numbers = shared.numbers(&state);
        // Others write, flush and merge meanwhile.
        thread::yield_now();
        assert_eq!(shared.numbers(&state), numbers, "a pinned state changes");
    }
}

fn upkeep(shared: &Shared) {
    shared.engine.flush().unwrap();
    shared.engine.compact(None).unwrap();
    shared.engine.flush().unwrap();
}

fn snapshot(shared: &Shared) {
    let info = shared.engine.create_snapshot("one").unwrap();
    let target = MemoryVfs::new(2);
    restore(&shared.disk.fork(), "one", &target).unwrap();
    let engine = open(Arc::new(target)).unwrap();
    let state = engine.snapshot();
    assert_eq!(state.lsn(), info.lsn);
    shared.numbers(&state);
}

fn cut(shared: &Shared) {
    for _ in 0..3 {
        shared.cut();
        thread::yield_now();
    }
}

/// Does all of it at the same time, and then compares what is left.
fn together(works: &[Work]) {
    let shared = Shared::new();
    let spawn = |work: &Work| {
        let (shared, work) = (Arc::clone(&shared), *work);
        thread::spawn(move || work(&shared))
    };
    let threads: Vec<_> = works.iter().map(spawn).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let state = shared.engine.snapshot();
    let numbers = shared.numbers(&state);
    shared.cut();
    shared.engine.close().unwrap();
    let closed = shared.disk.fork();
    let report = check(&closed).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    let again = open(Arc::new(closed)).unwrap().snapshot();
    assert_eq!(again.lsn(), state.lsn());
    assert_eq!(shared.numbers(&again), numbers);
}

pub(crate) fn writers_and_a_cut() {
    together(&[write_durably, write_loosely, cut]);
}

#[test]
fn writers_readers_and_a_cut() {
    schedules(1_500, || {
        together(&[write_durably, write_loosely, read, cut])
    });
}

#[test]
fn flush_and_compaction_beside_writers_and_readers() {
    schedules(1_000, || {
        together(&[write_durably, write_loosely, upkeep, read, cut]);
    });
}

#[test]
fn snapshots_beside_writers_and_compaction() {
    schedules(1_000, || {
        together(&[write_durably, write_loosely, upkeep, snapshot]);
    });
}
