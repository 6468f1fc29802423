//! Random histories on the engine and on a plain model side by side.
//!
//! `SEED=7 cargo test -p tagdb-tests --test model` repeats one history; `HISTORIES=10000` runs
//! more of them. A history that fails is cut down to the steps that matter and printed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this file is a test"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tagdb_tests::generate;
use tagdb_tests::history::History;
use tagdb_tests::run::{Failure, Summary, run};

/// Histories in a usual run: they have at least [`STEPS_MIN`] steps.
const HISTORIES: u64 = 410;

/// The steps that a usual run is to reach.
const STEPS_MIN: usize = 100_000;

/// Tries at cutting a failing history down.
const CUTS_MAX: usize = 400;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

fn run_caught(history: &History) -> Result<Summary, Failure> {
    catch_unwind(AssertUnwindSafe(|| run(history))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let wrong = format!("a panic: {}", said.unwrap_or_default());
        Err(Failure {
            step: history.steps.len().saturating_sub(1),
            wrong,
        })
    })
}

/// Cuts steps out of a failing history as long as it fails.
fn shrink(mut history: History, mut failure: Failure) -> (History, Failure) {
    history.steps.truncate(failure.step + 1);
    let mut tries = 0;
    let mut size = history.steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < history.steps.len() && tries < CUTS_MAX {
            tries += 1;
            let mut cut = history.clone();
            cut.steps.drain(at..(at + size).min(history.steps.len()));
            match run_caught(&cut) {
                Ok(_) => at += size,
                Err(found) => {
                    cut.steps.truncate(found.step + 1);
                    (history, failure) = (cut, found);
                }
            }
        }
        size /= 2;
    }
    (history, failure)
}

fn report(history: History, failure: Failure) -> ! {
    let seed = history.seed;
    println!("SEED={seed}: step {}: {}", failure.step, failure.wrong);
    let (history, failure) = shrink(history, failure);
    for (step, operation) in history.steps.iter().enumerate() {
        println!("{step}: {operation:?}");
    }
    panic!(
        "SEED={seed}, cut to {} steps: {}",
        history.steps.len(),
        failure.wrong
    );
}

#[test]
fn histories_agree_with_the_model() {
    if let Some(seed) = number("SEED") {
        let history = generate::history(seed);
        match run_caught(&history) {
            Ok(summary) => println!("SEED={seed}: {summary:?}"),
            Err(failure) => report(history, failure),
        }
        return;
    }
    let first = number("FIRST").unwrap_or(1);
    let count = number("HISTORIES").unwrap_or(HISTORIES);
    let next = AtomicU64::new(first);
    let done = Mutex::new(Vec::new());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    let history = generate::history(seed);
                    match run_caught(&history) {
                        Ok(summary) => done.lock().unwrap().push(summary),
                        Err(failure) => *failed.lock().unwrap() = Some((history, failure)),
                    }
                }
            });
        }
    });
    if let Some((history, failure)) = failed.into_inner().unwrap() {
        report(history, failure);
    }
    let done = done.into_inner().unwrap();
    let sum = |get: fn(&Summary) -> usize| done.iter().map(get).sum::<usize>();
    let steps = sum(|summary| summary.steps);
    let deep = done.iter().filter(|summary| summary.depth >= 4).count();
    println!(
        "{} histories, {steps} steps, {} refusals, {} openings, {deep} with four or more layers",
        done.len(),
        sum(|summary| summary.refused),
        sum(|summary| summary.openings),
    );
    assert!(
        deep * 100 >= done.len() * 30,
        "only {deep} of {} are deep",
        done.len()
    );
    assert!(
        count != HISTORIES || steps >= STEPS_MIN,
        "only {steps} steps"
    );
}
