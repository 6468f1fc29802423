//! The power fails under real file systems: what is in the system's cache is gone, and the folder is
//! what the disk has. Acknowledgements count if they came before.

use std::path::Path;

use crate::life::{Life, begin, survive};
use crate::mount::{Place, cut_power};
use crate::process::Server;
use crate::random::Random;
use crate::record::{Ledger, Promised, Record};
use crate::tracer::{failing, is_missing};
use crate::{rounds, seed, skipped};

/// Power cuts of each file system in a usual run.
const CUTS: u64 = 8;

/// Power cuts within which losses must show where there have to be some.
const CUTS_OF_LIARS: u64 = 20;

/// A file system on which the power can fail.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    make: &'static [&'static str],
    bytes: u64,
}

const EXT4: Kind = Kind {
    name: "ext4",
    make: &["mkfs.ext4", "-q", "-F"],
    bytes: 512 << 20,
};

const XFS: Kind = Kind {
    name: "xfs",
    make: &["mkfs.xfs", "-q"],
    bytes: 512 << 20,
};

/// What is taken for a promise: right, or wrong on purpose.
type Promise = fn(&Record) -> Promised;

/// Lets writers write, cuts the power and looks what is there, again and again.
fn cut_again_and_again(
    test: &str,
    kind: Kind,
    cuts: u64,
    tracer: &[String],
    promise: Promise,
) -> Option<Result<Ledger, String>> {
    let place = Place::new();
    // In memory, so that there is time for many cuts: what the file system has given to its disk
    // stays there either way.
    let image = place.memory("store", "1g").map(|store| store.join("image"));
    let mounted = image.and_then(|image| {
        place.image(&image, kind.make, kind.bytes)?;
        place.mount(&image, "disk")
    });
    let disk = match mounted {
        Ok(disk) => disk,
        Err(why) => {
            skipped(test, &why);
            return None;
        }
    };
    let image = place.path("store").join("image");
    let data = disk.join("data");
    let mut random = Random::new(seed());
    let mut ledger = Ledger::default();
    let mut server = restart(begin(&data), tracer, &data).unwrap();
    for cut in 0..cuts {
        let operations = random.within(1, 160);
        let life = Life::new(&ledger);
        let promised = live_and_cut(&life, &mut server, &disk, operations, promise);
        place.unmount(&disk);
        place.mount(&image, "disk").unwrap();
        let survived = survive(&data, &mut ledger, &life.record, &promised);
        match survived.and_then(|server| restart(server, tracer, &data)) {
            Ok(started) => server = started,
            Err(wrong) => return Some(Err(format!("cut {cut} after {operations}: {wrong}"))),
        }
    }
    drop(server);
    Some(Ok(ledger))
}

/// Puts a server under a tracer, if there is to be one.
fn restart(mut server: Server, tracer: &[String], data: &Path) -> Result<Server, String> {
    if tracer.is_empty() {
        return Ok(server);
    }
    server.stop();
    Server::start_under(tracer, data).map_err(|not| not.log)
}

fn live_and_cut(
    life: &Life,
    server: &mut Server,
    disk: &Path,
    operations: u64,
    promise: Promise,
) -> Promised {
    std::thread::scope(|scope| {
        life.begin(scope, server);
        life.await_operations(operations, || false);
        let promised = promise(&life.record);
        cut_power(disk);
        life.end();
        server.kill();
        promised
    })
}

fn lose_nothing(kind: Kind) {
    let test = format!("power cuts on {}", kind.name);
    let cuts = rounds(CUTS);
    let Some(done) = cut_again_and_again(&test, kind, cuts, &[], Record::promised) else {
        return;
    };
    let ledger = done.unwrap_or_else(|wrong| panic!("SEED={}: {wrong}", seed()));
    println!("{test}: {cuts} cuts, {}", ledger.figures());
}

#[test]
fn a_power_cut_on_ext4_loses_nothing_acknowledged() {
    lose_nothing(EXT4);
}

#[test]
fn a_power_cut_on_xfs_loses_nothing_acknowledged() {
    lose_nothing(XFS);
}

/// Tests of the test. Answers to those who do not wait for the disk are no promises: taken for
/// promises, they are seen to be broken.
#[test]
fn a_wrong_promise_is_seen_to_be_broken() {
    let test = "power cuts with a wrong promise";
    if let Some(why) = is_missing() {
        return skipped(test, why);
    }
    // The disk takes its time, or there would hardly ever be an answer that is not yet on it.
    let slowly = failing("fdatasync", "delay_enter=20000", Path::new("/dev/null"));
    let done = cut_again_and_again(test, EXT4, CUTS_OF_LIARS, &slowly, Record::answered);
    expect_losses(test, done);
}

/// A disk that says it is done and is not is seen through by a power cut, though by no kill.
#[test]
fn a_disk_that_lies_is_seen_through() {
    let test = "power cuts with syncs that do nothing";
    if let Some(why) = is_missing() {
        return skipped(test, why);
    }
    let lies = failing("fdatasync,fsync", "retval=0", Path::new("/dev/null"));
    let done = cut_again_and_again(test, EXT4, CUTS_OF_LIARS, &lies, Record::promised);
    expect_losses(test, done);
}

fn expect_losses(test: &str, done: Option<Result<Ledger, String>>) {
    if let Some(done) = done {
        let Err(wrong) = done else {
            panic!("{test}: nothing was lost of what had to be");
        };
        let shown: String = wrong.chars().take(90).collect();
        println!("{test}: caught, {shown}...");
    }
}
