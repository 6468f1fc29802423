//! The tests of the tests: with a bug planted, some harness must fail.

use tagdb_storage::planted::{Planted, plant};
use tagdb_tests::sim::{self, bitrot, restart, sweep};

/// Seeds of each harness that a bug has to be caught by.
const SEEDS: u64 = 400;

/// The harness that catches a bug, and what it says.
fn hunt() -> Option<(&'static str, String)> {
    for seed in 1..=SEEDS {
        for (name, run) in [
            ("crash", sim::crash as fn(u64) -> _),
            ("restart_eio", restart::restart),
        ] {
            if let Err(wrong) = run(seed) {
                return Some((name, wrong));
            }
        }
        if seed == 40 {
            // Most bugs are caught by now, and this is cheaper than more seeds.
            if let Err(wrong) = bitrot::sound().and_then(|sound| sound.flips(0, 7)) {
                return Some(("bitrot", wrong));
            }
        }
    }
    for at in 0..sweep::script().len() {
        for kind in sweep::kinds() {
            let swept = sweep::step(at, kind).and_then(|_| sweep::recovery(at, kind));
            if let Err(wrong) = swept {
                return Some(("sweep", wrong));
            }
        }
    }
    None
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
