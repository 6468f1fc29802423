//! The process is killed: at any moment, and in the middle of a chosen system call.

use crate::life::{Life, begin, survive};
use crate::mount::Place;
use crate::process::Server;
use crate::random::Random;
use crate::record::Ledger;
use crate::tracer::{CALLS, is_missing, killing};
use crate::{rounds, seed, skipped};

/// Kills of each sort in a usual run.
const KILLS: u64 = 12;

#[test]
fn a_kill_at_any_moment_loses_nothing_acknowledged() {
    let kills = rounds(KILLS);
    let place = Place::new();
    let data = place.path("data");
    let mut random = Random::new(seed());
    let mut ledger = Ledger::default();
    let mut server = begin(&data);
    for kill in 0..kills {
        let operations = random.within(0, 200);
        let life = Life::new(&ledger);
        let promised = std::thread::scope(|scope| {
            life.begin(scope, &server);
            life.await_operations(operations, || false);
            server.kill();
            life.end();
            life.record.promised()
        });
        let survived = survive(&data, &mut ledger, &life.record, &promised);
        server = survived.unwrap_or_else(|wrong| {
            panic!("SEED={}, kill {kill} after {operations}: {wrong}", seed())
        });
    }
    println!("kills at any moment: {kills} kills, {}", ledger.figures());
}

#[test]
fn a_kill_in_any_call_loses_nothing_acknowledged() {
    if let Some(why) = is_missing() {
        return skipped("kills in system calls", why);
    }
    let kills = rounds(KILLS);
    let place = Place::new();
    let data = place.path("data");
    let trace = place.path("trace");
    let mut random = Random::new(seed());
    let mut ledger = Ledger::default();
    drop(begin(&data));
    let mut hit = 0;
    for kill in 0..kills {
        let (call, often) = CALLS[random.within(0, CALLS.len() as u64) as usize];
        let number = random.within(1, often);
        let what = format!("signal=SIGKILL:when={number}");
        let life = Life::new(&ledger);
        // It may be hit before it listens.
        if let Ok(mut server) = Server::start_under(&killing(call, &what, &trace), &data) {
            std::thread::scope(|scope| {
                life.begin(scope, &server);
                life.await_operations(200, || server.ended().is_some());
                hit += u64::from(server.ended().is_some());
                server.kill();
                life.end();
            });
        } else {
            hit += 1;
        }
        let promised = life.record.promised();
        let survived = survive(&data, &mut ledger, &life.record, &promised);
        drop(survived.unwrap_or_else(|wrong| {
            panic!("SEED={}, kill {kill} in {call} {number}: {wrong}", seed())
        }));
    }
    assert!(hit > 0, "no call was met");
    println!(
        "kills in system calls: {kills} kills, {hit} in the call, {}",
        ledger.figures()
    );
}
