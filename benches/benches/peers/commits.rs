//! Durable commits of many writers, beside a bare loop that commits in groups and does nothing else.

use std::fs::File;
use std::io::{Error, Result as IoResult};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tagdb_benches::Random;
use tagdb_benches::raw::{Raw, Sources};
use tagdb_benches::report::Report;
use tagdb_benches::subjects::{self, LAST_LOGIN_DAYS, Result};
use tagdb_query::Database;
use tagdb_storage::batch::{Cell, Column, Dictionary, KeyRef, Keys, RowBatch};
use tagdb_storage::schema::KeyType;

const TIME: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const RECORD: [u8; 100] = [1; 100];
const FILE_BYTES: usize = 16 << 20;

/// Each writer writes one tag of one random user at a time: the value that he has already, so that
/// answers stay as they are.
pub(crate) fn measure(
    database: &Database,
    raw: &Raw,
    sources: &Sources,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let engine = database.engine();
    let table = subjects::table_of(engine)?;
    let path = folder.with_extension("bare-log");
    for writers in [1, 16, 64] {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let log = BareLog::create(&path)?;
            bare.push(rate(writers, |_| || log.commit())?);
            ours.push(rate(writers, |writer| {
                let mut random = Random((writer + 1_000 * round) as u64);
                move || {
                    let user = random.below(raw.users() as u64) as usize;
                    let days = raw.last_login_days[sources.row(user)];
                    subjects::write(engine, table, one_cell(user, days)).map_err(Error::other)
                }
            })?);
        }
        let item = format!("durable commits, {writers} writers");
        report.figure(&item, middle(ours), "a second", "one tag of one user each")?;
        let item = format!("bare group commit, {writers} writers");
        report.figure(&item, middle(bare), "a second", "records of 100 bytes")?;
    }
    Ok(std::fs::remove_file(path)?)
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn one_cell(user: usize, days: u16) -> RowBatch {
    let mut keys = Keys::new(KeyType::Keyword);
    keys.push(KeyRef::Text(&subjects::key(user)));
    let column = Column {
        tag: LAST_LOGIN_DAYS,
        dictionary: Dictionary::default(),
        cells: vec![(0, Cell::Value(days.into()))],
    };
    RowBatch {
        keys,
        columns: vec![column],
    }
}

/// Commits a second of so many writers at a time.
fn rate<W>(writers: usize, writer: impl Fn(usize) -> W + Sync) -> IoResult<f64>
where
    W: FnMut() -> IoResult<()>,
{
    let started = Instant::now();
    let run = |number| {
        let mut commit = writer(number);
        let mut done = 0;
        while started.elapsed() < TIME {
            commit()?;
            done += 1;
        }
        Ok(done)
    };
    let done: IoResult<Vec<u64>> = std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..writers)
            .map(|number| scope.spawn(move || run(number)))
            .collect();
        let joined = threads.into_iter().map(|thread| {
            let panicked = |_| Error::other("a writer panicked");
            thread.join().map_err(panicked)?
        });
        joined.collect()
    });
    Ok(done?.iter().sum::<u64>() as f64 / started.elapsed().as_secs_f64())
}

/// A preallocated file, written round and round. The first of those who wait writes what all have
/// queued, and syncs it.
struct BareLog {
    file: File,
    queue: Mutex<Queue>,
    done: Condvar,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    queued: u64,
    committed: u64,
    writing: bool,
    offset: usize,
}

impl BareLog {
    fn create(path: &Path) -> IoResult<Self> {
        let file = File::create(path)?;
        file.write_all_at(&vec![0; FILE_BYTES], 0)?;
        file.sync_all()?;
        Ok(Self {
            file,
            queue: Mutex::default(),
            done: Condvar::new(),
        })
    }

    fn commit(&self) -> IoResult<()> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.bytes.extend_from_slice(&RECORD);
        queue.queued += 1;
        let own = queue.queued;
        while queue.committed < own {
            if queue.writing {
                let woken = self.done.wait(queue);
                queue = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.writing = true;
            let (bytes, upto) = (std::mem::take(&mut queue.bytes), queue.queued);
            if queue.offset + bytes.len() > FILE_BYTES {
                queue.offset = 0;
            }
            let offset = queue.offset as u64;
            queue.offset += bytes.len();
            drop(queue);
            self.file.write_all_at(&bytes, offset)?;
            self.file.sync_data()?;
            queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.committed = upto;
            queue.writing = false;
            self.done.notify_all();
        }
        Ok(())
    }
}
