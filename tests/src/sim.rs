//! The harnesses of durability: histories that are nearly all faults, faults at every operation of
//! a scripted life, a restart after a failed sync, and damage to every byte. Each is a function of
//! seeds that gives figures or the first thing that went wrong, so that the tests, the soak
//! commands and the tests of the tests run the same.

pub mod bitrot;
pub mod restart;
pub mod sweep;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::generate;
use crate::history::History;
use crate::run::{Summary, run};

/// What a harness has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Histories.
    pub runs: u64,
    /// Ends of the process.
    pub kills: u64,
    /// Ends of the power.
    pub cuts: u64,
    /// Operations on files that failed as planned.
    pub faults: u64,
    /// Times that the disk was full for a while.
    pub full: u64,
    /// Openings, each compared with the model as a whole.
    pub openings: u64,
}

impl Figures {
    /// Adds what one history amounts to.
    pub fn add(&mut self, summary: &Summary) {
        self.runs += 1;
        self.kills += summary.kills as u64;
        self.cuts += summary.cuts as u64;
        self.faults += summary.faults;
        self.full += summary.full as u64;
        self.openings += summary.openings as u64;
    }

    /// Adds those of another run.
    pub const fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.kills += other.kills;
        self.cuts += other.cuts;
        self.faults += other.faults;
        self.full += other.full;
        self.openings += other.openings;
    }
}

/// Runs a history; a panic is a failure like any other.
///
/// # Errors
/// What went wrong, with the step.
pub fn run_caught(history: &History) -> Result<Summary, String> {
    match catch_unwind(AssertUnwindSafe(|| run(history))) {
        Ok(Ok(summary)) => Ok(summary),
        Ok(Err(failure)) => Err(format!(
            "step {}, {:?}: {}",
            failure.step,
            history.steps.get(failure.step),
            failure.wrong
        )),
        Err(panic) => Err(format!("a panic: {}", said(&*panic))),
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    let borrowed = || panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    owned.or_else(borrowed).unwrap_or_default()
}

/// One history of crashes.
///
/// # Errors
/// What was lost, invented or wrong.
pub fn crash(seed: u64) -> Result<Summary, String> {
    run_caught(&generate::crashes(seed)).map_err(|wrong| format!("SEED={seed}: {wrong}"))
}
