//! The tags of one user, and of a hundred, by key; and what memory that takes.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use tagdb_benches::Random;
use tagdb_benches::report::Report;
use tagdb_benches::subjects::{self, Result};
use tagdb_benches::timing::Repeat;
use tagdb_query::{Database, TagValue};
use tagdb_storage::batch::KeyRef;
use tagdb_storage::engine::Settings;

/// The first argument of the process whose memory is measured.
pub(crate) const CHILD: &str = "touch-all-users";

pub(crate) fn measure(database: &Database, users: usize, report: &mut Report) -> Result<()> {
    // A few users of each chunk, so that no file is read while times are taken.
    let some: Vec<String> = (0..users).step_by(1_000).map(subjects::key).collect();
    look_up(database, &some)?;
    let mut random = Random(1);
    for (item, count) in [
        ("Q5 look-up of a user", 1),
        ("Q5 look-up of 100 users", 100),
    ] {
        let times = Repeat::LOOKUP.times(|| {
            let keys: Vec<String> = (0..count)
                .map(|_| subjects::key(random.below(users as u64) as usize))
                .collect();
            look_up(database, &keys)
        })?;
        report.times(&format!("updated: {item}"), times, "in process")?;
    }
    Ok(())
}

/// Looks users up, all of whom must be there.
fn look_up(database: &Database, keys: &[String]) -> Result<()> {
    let keys: Vec<KeyRef<'_>> = keys.iter().map(|key| KeyRef::Text(key)).collect();
    let snapshot = database.engine().snapshot();
    let (mut missing, mut seen) = (false, 0);
    database.lookup_each(&snapshot, "users", &keys, None, |row| {
        missing |= row.is_none();
        for (_, value) in row.unwrap_or_default() {
            seen += match value {
                TagValue::Number(_, stored) => *stored as usize,
                TagValue::Text(text) => bytes(text),
                TagValue::Set(members) => members.iter().map(|text| bytes(text)).sum(),
                _ => 1,
            };
        }
        Ok::<_, tagdb_query::Error>(())
    })?;
    black_box(seen);
    if missing {
        return Err("a user is missing".into());
    }
    Ok(())
}

/// Reads a string, as whoever writes it down does.
fn bytes(text: &str) -> usize {
    text.bytes().map(usize::from).sum()
}

/// What a process that has looked up every user has grown by.
pub(crate) fn memory(folder: &Path, users: usize, report: &mut Report) -> Result<()> {
    let program = std::env::current_exe()?;
    let output = Command::new(program)
        .arg(CHILD)
        .args([folder.as_os_str(), users.to_string().as_ref()])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let bytes = text.split_whitespace().map(str::parse::<f64>);
    let [grown, cached] = bytes.collect::<std::result::Result<Vec<_>, _>>()?[..] else {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the look-up process failed: {why}").into());
    };
    let note = format!("cache_bytes={:.1}", cached / users as f64);
    let item = "memory for look-ups, a user";
    Ok(report.figure(item, grown / users as f64, "bytes", &note)?)
}

/// Opens a database and looks up every user; prints by how many bytes the process has grown, and
/// how many of them the engine holds.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
pub(crate) fn touch_all(folder: &Path, users: usize) -> Result<()> {
    let before = resident_bytes()?;
    let database = subjects::open(folder, Settings::default())?;
    for first in (0..users).step_by(1_000) {
        let end = users.min(first + 1_000);
        let keys: Vec<String> = (first..end).map(subjects::key).collect();
        look_up(&database, &keys)?;
    }
    let status = database.engine().status();
    let held = status.cache_bytes + status.memory_bytes;
    println!("{} {held}", resident_bytes()?.saturating_sub(before));
    Ok(())
}

fn resident_bytes() -> Result<u64> {
    const PAGE: u64 = 4_096;
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages = text.split_whitespace().nth(1).ok_or("no resident pages")?;
    Ok(pages.parse::<u64>()? * PAGE)
}
