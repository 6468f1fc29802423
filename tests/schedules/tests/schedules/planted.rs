//! The test of the tests: deliberate bugs of commit and publication are found by schedules.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tagdb_schedules::planted::{Planted, plant};

use crate::schedules;
use crate::{engine, log};

#[test]
fn planted_bugs_are_found() {
    let tests: [fn(); 2] = [log::commits_and_a_cut, engine::writers_and_a_cut];
    for bug in [Planted::AckEarly, Planted::NoLogSync, Planted::NoLogDirSync] {
        plant(Some(bug));
        let found = tests.iter().any(|test| {
            let run = || schedules(5_000, *test);
            catch_unwind(AssertUnwindSafe(run)).is_err()
        });
        plant(None);
        assert!(found, "{bug:?} is missed");
    }
}
