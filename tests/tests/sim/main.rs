//! The harnesses of durability on the simulated disk. Each prints its figures. A usual run is a
//! share for every build; more of it by
//!
//! ```text
//! SEEDS=1000000 cargo test --release -p tagdb-tests --test sim crash -- --nocapture
//! SEED=7        cargo test -p tagdb-tests --test sim crash -- --nocapture
//! ```

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this file is a test"
)]

mod damage;
mod planted;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tagdb_tests::generate;
use tagdb_tests::run::Summary;
use tagdb_tests::sim::{self, Figures, bitrot, restart, sweep};

/// Histories of crashes in a usual run.
const CRASH_SEEDS: u64 = 1_500;

/// Restarts after a failed sync in a usual run.
const RESTART_SEEDS: u64 = 1_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

/// Works on two threads until all is done or something fails.
fn share<T: Send>(
    cases: std::ops::Range<u64>,
    run: impl Fn(u64) -> Result<T, String> + Sync,
    add: impl Fn(T) + Sync,
) -> Result<(), String> {
    let next = AtomicU64::new(cases.start);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases.end {
                        break;
                    }
                    match run(case) {
                        Ok(done) => add(done),
                        Err(wrong) => *failed.lock().unwrap() = Some(wrong),
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap().map_or(Ok(()), Err)
}

fn seeds(name: &str, usual: u64, run: impl Fn(u64) -> Result<Summary, String> + Sync) {
    let (first, count) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (
            number("FIRST").unwrap_or(1),
            number("SEEDS").unwrap_or(usual),
        ),
    };
    let figures = Mutex::new(Figures::default());
    let done = share(first..first + count, run, |summary| {
        figures.lock().unwrap().add(&summary);
    });
    let figures = figures.into_inner().unwrap();
    println!(
        "{name}: seeds {first} to {}: {figures:?}",
        first + count - 1
    );
    if let Err(wrong) = done {
        panic!("{wrong}");
    }
}

#[test]
fn crash() {
    seeds("crash", CRASH_SEEDS, sim::crash);
}

#[test]
fn restart_eio() {
    seeds("restart_eio", RESTART_SEEDS, restart::restart);
}

#[test]
fn torn_groups() {
    seeds("torn_groups", RESTART_SEEDS, restart::torn);
}

#[test]
fn a_seed_repeats_every_operation() {
    for seed in [3, 5, 8] {
        let traces = [1, 2].map(|_| sim::crash(seed).expect("a sound history").trace);
        assert_eq!(traces[0], traces[1], "seed {seed}");
        assert_ne!(traces[0], sim::crash(seed + 100).expect("sound").trace);
    }
    assert_eq!(
        format!("{:?}", generate::crashes(5)),
        format!("{:?}", generate::crashes(5))
    );
}

#[test]
fn sweep() {
    let kinds = sweep::kinds();
    let steps = sweep::script().len() as u64;
    let kinds_count = kinds.len() as u64;
    let figures = Mutex::new(Figures::default());
    let run = |case: u64| {
        let kind = kinds[(case % kinds_count) as usize];
        let at = (case / kinds_count) as usize;
        let mut done = sweep::step(at, kind)?;
        done.merge(&sweep::recovery(at, kind)?);
        Ok(done)
    };
    let done = share(0..steps * kinds_count, run, |more: Figures| {
        figures.lock().unwrap().merge(&more);
    });
    println!("sweep: {:?}", figures.into_inner().unwrap());
    if let Err(wrong) = done {
        panic!("{wrong}");
    }
}

#[test]
fn bitrot() {
    let sound = bitrot::sound().expect("a database");
    let bytes: u64 = sound.files.iter().map(|(_, len)| len).sum();
    let verdicts = Mutex::new(Vec::new());
    let flips = share(
        0..16,
        |first| sound.flips(first, 16),
        |more| {
            verdicts.lock().unwrap().push(more);
        },
    );
    let verdicts = verdicts.into_inner().unwrap();
    let sum = |get: fn(&bitrot::Verdicts) -> u64| verdicts.iter().map(get).sum::<u64>();
    println!(
        "bitrot: {bytes} bytes turned: {} refused, {} named, {} harmless",
        sum(|one| one.refused),
        sum(|one| one.named),
        sum(|one| one.harmless)
    );
    if let Err(wrong) = flips {
        panic!("{wrong}");
    }
    let rounds = number("SEEDS").unwrap_or(2);
    for seed in 0..rounds {
        match sound.structural(seed) {
            Ok(verdicts) => {
                println!("bitrot: files cut, gone, exchanged, overwritten: {verdicts:?}")
            }
            Err(wrong) => panic!("{wrong}"),
        }
    }
}
