#![allow(warnings)]
use std::sync::Arc;
use tagdb_storage::batch::RowMode;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::*;
use tagdb_storage::schema::*;
use tagdb_storage::vfs::*;
use tagdb_tests::compare::Comparison;
use tagdb_tests::history::*;
use tagdb_tests::model::Database;
use tagdb_tests::translate::*;
#[path = "crash.rs"]
mod crash;
#[test]
fn together() {
    for seed in 0..6 {
        let disk = MemoryVfs::new(seed);
        let settings = Settings {
            background: true,
            flush_bytes: 16 << 10,
            log_file_bytes: 32 << 10,
            log_bytes: 128 << 10,
            ..Settings::default()
        };
        let engine = Engine::open(Arc::new(disk.clone()), settings, Clock::system()).unwrap();
        crash::send(&engine, &crash::create());
        std::thread::scope(|s| {
            for w in 0..3 {
                let e = &engine;
                s.spawn(move || {
                    for n in 1..=(if w == 2 { 6 } else { 60 }) {
                        crash::send(e, &crash::batch(w, n));
                    }
                });
            }
        });
        let mut model = Database::default().apply(&crash::create()).unwrap().0;
        for w in 0..3 {
            for n in 1..=(if w == 2 { 6 } else { 60 }) {
                model = model.apply(&crash::batch(w, n)).unwrap().0;
            }
        }
        println!(
            "{seed} live {:?}",
            Comparison::new(1).run(&engine.snapshot(), &model, &|_| true)
        );
        for p in engine
            .snapshot()
            .table(tagdb_storage::ids::TableId(1))
            .unwrap()
            .partitions()
        {
            println!("next {} {}", p.next_ordinal(), p.next_ordinal() >> 16);
        }
        drop(engine);
        let engine =
            Engine::open(Arc::new(disk.crash_process()), settings, Clock::system()).unwrap();
        println!(
            "{seed} reopened {:?}",
            Comparison::new(1).run(&engine.snapshot(), &model, &|_| true)
        );
        let state = engine.snapshot();
        let schema = state.catalog().table("t").unwrap();
        let t = state.table(schema.id).unwrap();
        for w in 0..3 {
            let k = crash::last_key(w);
            let p = t.partition(t.partition_of(k.as_ref())).unwrap();
            let o = p.find(k.as_ref()).unwrap().unwrap();
            println!(
                "last key {w}: {} chunk {} low {} {:?}",
                p.id(),
                o >> 16,
                o & 65535,
                p.multi(schema.tags[2].id).unwrap().get(o)
            );
        }
    }
}
