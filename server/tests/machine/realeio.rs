//! A disk whose writes fail in the kernel, after they were taken into its cache: the image of a file
//! system lies in a memory that is too small for it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use crate::http::Request;
use crate::life::{Life, begin, survive};
use crate::mount::{Place, cut_power, run, text};
use crate::process::Server;
use crate::random::Random;
use crate::record::{Ledger, Promised};
use crate::{rounds, seed, skipped};

/// Failing disks of a usual run.
const DISKS: u64 = 3;

/// Operations that writers try to do before they count as unharmed.
const OPERATIONS: u64 = 20_000;

/// Bytes of a block of the file system.
const BLOCK_BYTES: u64 = 4096;

/// A file system, and the room that its disk has left.
struct ThinDisk {
    place: Place,
    image: PathBuf,
    filler: PathBuf,
    disk: PathBuf,
}

impl ThinDisk {
    fn new() -> Result<Self, String> {
        let place = Place::new();
        let store = place.memory("store", "80m")?;
        let image = store.join("image");
        // What fails to be written must not make all the disk read-only at once.
        let make = [
            "mkfs.ext4",
            "-q",
            "-F",
            "-b",
            "4096",
            "-J",
            "size=4",
            "-e",
            "continue",
        ];
        place.image(&image, &make, 256 << 20)?;
        // The journal has its room for sure, else all ends as soon as it finds none.
        let whole = File::options().read(true).write(true).open(&image).unwrap();
        for block in blocks(&image, "<8>") {
            let mut bytes = [0; BLOCK_BYTES as usize];
            whole
                .read_exact_at(&mut bytes, block * BLOCK_BYTES)
                .unwrap();
            whole.write_all_at(&bytes, block * BLOCK_BYTES).unwrap();
        }
        let disk = place.mount(&image, "disk")?;
        Ok(Self {
            filler: store.join("filler"),
            place,
            image,
            disk,
        })
    }

    /// Mounts it. A loop device takes a request for done of which its file had room for a part only,
    /// which no disk does; so requests are of one block each.
    fn mount(&self) {
        self.place.mount(&self.image, "disk").unwrap();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let ours = |line: &&str| line.split(' ').nth(1) == Some(text(&self.disk));
        let device = mounts
            .lines()
            .rfind(ours)
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        let device = device.trim_start_matches("/dev/");
        let limit = format!("/sys/block/{device}/queue/max_sectors_kb");
        fs::write(limit, (BLOCK_BYTES >> 10).to_string()).unwrap();
    }

    fn mount_again(&self) {
        self.place.unmount(&self.disk);
        self.mount();
    }

    /// Takes away what is under the zeros of the log: what is written there from now on has to find
    /// room again, as on every disk that finds room for blocks when they are written.
    fn thin_out_the_log(&self) {
        let names = fs::read_dir(self.disk.join("data/log")).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        self.place.unmount(&self.disk);
        let image = File::options().read(true).write(true).open(&self.image);
        let image = image.unwrap();
        for name in names {
            let path = format!("/data/log/{}", name.to_str().unwrap());
            for block in blocks(&self.image, &path) {
                let mut bytes = [0; BLOCK_BYTES as usize];
                image
                    .read_exact_at(&mut bytes, block * BLOCK_BYTES)
                    .unwrap();
                if bytes == [0; BLOCK_BYTES as usize] {
                    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                    fallocate(&image, flags, block * BLOCK_BYTES, BLOCK_BYTES).unwrap();
                }
            }
        }
        self.mount();
    }

    /// Leaves so much room under the file system.
    fn fill_up(&self, left_bytes: u64) {
        let mut filler = File::create(&self.filler).unwrap();
        while filler.write_all(&[1; 4096]).is_ok() {}
        let filled = filler.metadata().unwrap().len();
        filler.set_len(filled.saturating_sub(left_bytes)).unwrap();
    }

    fn give_room(&self) {
        fs::remove_file(&self.filler).unwrap();
    }
}

/// The numbers of a file's blocks, of an image that is not mounted.
fn blocks(image: &Path, file: &str) -> Vec<u64> {
    let told = run("debugfs", &["-R", &format!("blocks {file}"), text(image)]).unwrap();
    let words = told.split_whitespace();
    words.map(|word| word.parse().unwrap()).collect()
}

#[derive(Debug, Default)]
struct Figures {
    read_only: u64,
    restarts_on_the_cache: u64,
}

/// Lets writers write until the disk fails them.
fn live_until_it_fails(server: &Server, ledger: &Ledger, figures: &mut Figures) -> Life {
    let life = Life::new(ledger);
    std::thread::scope(|scope| {
        life.begin(scope, server);
        life.await_operations(OPERATIONS, || life.is_over());
        life.end();
    });
    assert!(life.is_over(), "the disk did not fail: {:?}", life.refusals);
    // Whatever failed, reads go on, and writes are refused for good.
    server.must(&Request::sql("SELECT count(*) FROM t"));
    assert_eq!(server.ask(&Request::get("/readyz")).status, 503);
    for _ in 0..3 {
        let answer = server.ask(&Request::sql("DELETE FROM t WHERE n = 1"));
        assert_eq!((answer.status, &*answer.code()), (503, "read_only"));
    }
    figures.read_only += 1;
    life
}

/// Starts again on what the cache shows, writes, and then the power fails.
fn restart_on_the_cache(
    thin: &ThinDisk,
    data: &Path,
    ledger: &mut Ledger,
    (life, promised): (&Life, &Promised),
) -> Result<(Life, Promised), String> {
    let mut server = survive(data, ledger, &life.record, promised)?;
    let life = Life::new(ledger);
    let promised = std::thread::scope(|scope| {
        life.begin(scope, &server);
        life.await_operations(30, || life.is_over());
        let promised = life.record.promised();
        cut_power(&thin.disk);
        life.end();
        server.kill();
        promised
    });
    Ok((life, promised))
}

fn is_writable(disk: &Path) -> bool {
    let probe = disk.join("probe");
    let written = File::create(&probe).and_then(|file| file.sync_all());
    written.is_ok() && fs::remove_file(&probe).is_ok()
}

#[test]
fn a_disk_that_fails_loses_nothing_acknowledged() {
    let test = "failing disks";
    let mut random = Random::new(seed());
    let (mut figures, mut ledger, disks) = (Figures::default(), Ledger::default(), rounds(DISKS));
    let thin = match ThinDisk::new() {
        Ok(thin) => thin,
        Err(why) => return skipped(test, &why),
    };
    let data = thin.disk.join("data");
    let mut server = begin(&data);
    for round in 0..disks {
        server.stop();
        thin.thin_out_the_log();
        server = Server::start(&data);
        thin.fill_up(random.within(0, 400) << 10);
        let mut life = live_until_it_fails(&server, &ledger, &mut figures);
        let mut promised = life.record.promised();
        server.kill();
        thin.give_room();
        let at = format!("SEED={}, disk {round}", seed());
        if round % 2 == 1 && is_writable(&thin.disk) {
            figures.restarts_on_the_cache += 1;
            let before = (&life, &promised);
            let after = restart_on_the_cache(&thin, &data, &mut ledger, before);
            (life, promised) = after.unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
        }
        thin.mount_again();
        let survived = survive(&data, &mut ledger, &life.record, &promised);
        server = survived.unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
    }
    drop(server);
    println!("{test}: {disks} times, {figures:?}, {}", ledger.figures());
}
