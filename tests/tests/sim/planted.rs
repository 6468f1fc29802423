//! The tests of the tests: with a bug planted, some harness must fail.

use tagdb_storage::planted::{Planted, plant};
use tagdb_tests::sim::{self, bitrot, restart, sweep};

/// Seeds of each harness that a bug has to be caught by.
const SEEDS: u64 = 400;

/// So many of them are tried first: most bugs are caught by then.
const FIRST: u64 = 60;

/// The harness that catches a bug, and what it says.
fn hunt() -> Option<(&'static str, String)> {
    by_seeds(1..=FIRST)
        .or_else(|| {
            caught(
                "bitrot",
                bitrot::sound().and_then(|sound| sound.flips(0, 3)),
            )
        })
        .or_else(by_sweep)
        .or_else(|| by_seeds(FIRST + 1..=SEEDS))
}

fn caught<T>(harness: &'static str, result: Result<T, String>) -> Option<(&'static str, String)> {
    result.err().map(|wrong| (harness, wrong))
}

fn by_seeds(mut seeds: std::ops::RangeInclusive<u64>) -> Option<(&'static str, String)> {
    seeds.find_map(|seed| {
        caught("crash", sim::crash(seed))
            .or_else(|| caught("restart_eio", restart::restart(seed)))
            .or_else(|| caught("torn_groups", restart::torn(seed)))
    })
}

fn by_sweep() -> Option<(&'static str, String)> {
    let mut steps = 0..sweep::script().len();
    steps.find_map(|at| {
        let kinds = sweep::kinds();
        kinds
            .iter()
            .find_map(|kind| caught("sweep", sweep::step(at, *kind)))
    })
}

#[test]
fn planted_bugs_are_caught() {
    let mut missed = Vec::new();
    for bug in Planted::ALL {
        plant(Some(bug));
        let caught = hunt();
        plant(None);
        match caught {
            Some((harness, wrong)) => {
                let wrong: String = wrong.chars().take(160).collect();
                println!("planted: {bug:?} caught by {harness}: {wrong}");
            }
            None => missed.push(bug),
        }
    }
    println!(
        "planted: {} of {} caught",
        Planted::ALL.len() - missed.len(),
        Planted::ALL.len()
    );
    assert!(missed.is_empty(), "missed: {missed:?}");
}
