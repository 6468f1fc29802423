//! A disk that is full: writes are refused, look-ups and deletions go on, and once there is room
//! writes are taken again by the same process.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::http::{Answer, Request};
use crate::life::{Life, admin, begin, drop_snapshot, snapshot, survive};
use crate::mount::Place;
use crate::process::{Server, wait_until};
use crate::random::Random;
use crate::record::Ledger;
use crate::{rounds, seed, skipped};

/// How often a disk is filled in a usual run: room is made in two ways.
const TIMES: u64 = 2;

/// What others have on the disk and can take away, in bytes: enough for another file of the log.
const BALLAST_BYTES: usize = 20 << 20;

/// Lengths of texts that fill the disk: what a large one finds no room for, small ones may.
const TEXTS: [usize; 3] = [64 << 10, 4 << 10, 64];

/// Writes in vain, of 2 seconds each, after which a server does not catch up any more.
const OVERLOADED_MAX: u32 = 30;

/// Texts of one upload.
const TEXTS_AT_A_TIME: u64 = 8;

/// What fills the disk, and how much of it has to be there.
struct Filling {
    random: Random,
    next: u64,
    there: u64,
    refused: u64,
}

impl Filling {
    fn upload(&mut self, server: &Server, length: usize) -> Answer {
        let mut lines = String::new();
        for id in self.next..self.next + TEXTS_AT_A_TIME {
            let words =
                (0..length / 16).map(|_| format!("{:016x}", self.random.within(0, 1 << 63)));
            let text: String = words.collect();
            lines.push_str(&format!("{}\n", json!({"id": id, "x": text})));
        }
        let target = "/v1/tables/big/rows";
        let answer = server.ask(&Request::post(target, "application/x-ndjson", lines));
        if answer.is_success() {
            self.next += TEXTS_AT_A_TIME;
            self.there += TEXTS_AT_A_TIME;
        }
        answer
    }

    /// Uploads until not even small texts are taken.
    fn fill(&mut self, server: &Server) {
        for length in TEXTS {
            let mut overloaded = 0;
            loop {
                let answer = self.upload(server, length);
                match (answer.status, answer.code().as_str()) {
                    (200, _) => {}
                    (507, "disk_full") => break,
                    // Whoever waits for a flush that finds no room is told so sooner or later.
                    (503, "overloaded") if overloaded < OVERLOADED_MAX => overloaded += 1,
                    _ => panic!("{answer:?}: {}", server.log()),
                }
            }
            self.refused += 1;
        }
    }

    /// Deletes one subject, for which there has to be room.
    fn delete_one(&mut self, server: &Server) {
        self.there -= 1;
        let target = format!("/v1/tables/big/rows/{}", self.next - self.there - 1);
        let answer = server.must(&Request {
            method: "DELETE",
            ..Request::get(target)
        });
        assert!(answer.body.contains("\"rows_affected\":1"), "{answer:?}");
    }

    /// Drops all of it, with the snapshots that would keep it, until there is room again.
    fn drop_all(&mut self, server: &Server, life: &Life) {
        let list = server.must(&Request::get("/v1/admin/snapshots"));
        let list: Json = serde_json::from_str(&list.body).unwrap();
        for snapshot in list["snapshots"].as_array().unwrap() {
            let name = snapshot["name"].as_str().unwrap();
            server.must(&drop_snapshot(name));
            let mut known = life.record.snapshots.lock().unwrap();
            known.insert(name.to_owned(), Some(false));
        }
        server.must(&Request::sql("DROP TABLE big"));
        self.there = 0;
        let made = wait_until(|| server.ask(&create_big()).is_success());
        assert!(made, "what was dropped made no room: {}", server.log());
    }

    fn check(&self, server: &Server) {
        let answer = server.must(&Request::sql("SELECT count(*) FROM big"));
        let counted: Json = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(counted["rows"][0][0], json!(self.there), "{}", server.log());
    }
}

/// Takes room on the disk, which has to be there.
fn put_ballast(path: &Path) {
    let mut ballast = File::create(path).unwrap();
    ballast.write_all(&vec![1; BALLAST_BYTES]).unwrap();
}

fn create_big() -> Request {
    Request::sql("CREATE TABLE big (id BIGINT PRIMARY KEY, x LONGTEXT)")
}

/// All that is promised of a full disk, while nothing else is going on.
fn go_on_without_room(server: &Server, filling: &mut Filling) {
    for _ in 0..3 {
        filling.delete_one(server);
    }
    filling.check(server);
    let last = filling.next - 1;
    let found = server.must(&Request::get(format!("/v1/tables/big/rows/{last}?tags=x")));
    assert!(found.body.len() > 60, "{found:?}");
    for request in [admin("flush"), admin("compact"), snapshot("full")] {
        let answer = server.ask(&request);
        let is_right = answer.is_success() || answer.code() == "disk_full";
        assert!(is_right, "{request:?}: {answer:?}: {}", server.log());
    }
    let list = server.must(&Request::get("/v1/admin/snapshots"));
    if list.body.contains("\"full\"") {
        server.must(&drop_snapshot("full"));
    }
    let status = server.must(&Request::get("/v1/status"));
    assert!(status.body.contains("\"ready\""), "{status:?}");
}

/// Writes are taken again without a restart.
fn await_room(server: &Server, filling: &mut Filling) {
    let taken = wait_until(|| filling.upload(server, TEXTS[2]).is_success());
    assert!(
        taken,
        "writes are refused though there is room: {}",
        server.log()
    );
}

#[test]
fn a_full_disk_refuses_and_goes_on() {
    let test = "full disks";
    let place = Place::new();
    let disk: PathBuf = match place.memory("disk", "64m") {
        Ok(disk) => disk,
        Err(why) => return skipped(test, &why),
    };
    let (data, ballast) = (disk.join("data"), disk.join("ballast"));
    let mut ledger = Ledger::default();
    let mut filling = Filling {
        random: Random::new(seed()),
        next: 0,
        there: 0,
        refused: 0,
    };
    let mut server = begin(&data);
    server.must(&create_big());
    let (mut refusals, times) = (0, rounds(TIMES));
    for time in 0..times {
        let others_make_room = time % 2 == 0;
        let life = Life::new(&ledger);
        if others_make_room {
            filling.drop_all(&server, &life);
            server.must(&admin("flush"));
            put_ballast(&ballast);
        }
        std::thread::scope(|scope| {
            life.begin(scope, &server);
            filling.fill(&server);
            life.end();
        });
        go_on_without_room(&server, &mut filling);
        match others_make_room {
            true => fs::remove_file(&ballast).unwrap(),
            false => filling.drop_all(&server, &life),
        }
        await_room(&server, &mut filling);
        filling.check(&server);
        refusals += life.refusals.lock().unwrap().len();
        server.kill();
        let promised = life.record.promised();
        let survived = survive(&data, &mut ledger, &life.record, &promised);
        server = survived.unwrap_or_else(|wrong| panic!("time {time}: {wrong}"));
        filling.check(&server);
    }
    println!(
        "{test}: filled {times} times, {} and {refusals} writes refused, {}",
        filling.refused,
        ledger.figures()
    );
}
