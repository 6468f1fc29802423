//! Users from Parquet files into a database, and the bytes that they take there.
//!
//! `cargo bench -p tagdb-benches --bench load -- DATA USERS FOLDER` reads the files of DATA, makes
//! string keys and strings of names, and loads them into FOLDER, which is made anew.

use std::path::Path;
use std::time::Instant;

use tagdb_benches::parquet_users;
use tagdb_benches::report::Report;
use tagdb_benches::subjects::{self, Result};
use tagdb_storage::engine::Settings;
use tagdb_storage::schema::KeyType;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo adds one.
    let places: Vec<&String> = words.iter().filter(|word| *word != "--bench").collect();
    let [data, users, folder] = places[..] else {
        return Err("DATA USERS FOLDER".into());
    };
    let (data, folder, users) = (Path::new(data), Path::new(folder), users.parse()?);
    if folder.try_exists()? {
        std::fs::remove_dir_all(folder)?;
    }
    let mut report = Report::new(None);
    let started = Instant::now();
    parquet_users::read(data, users, KeyType::Keyword, |_| Ok(()))?;
    let reading = started.elapsed().as_secs_f64();
    report.figure(
        "reading alone",
        reading,
        "s",
        "rows as the engine takes them",
    )?;
    let database = subjects::open(folder, Settings::default())?;
    subjects::create(&database, KeyType::Keyword)?;
    let started = Instant::now();
    let pushing = subjects::load(&database, data, users)?;
    let whole = started.elapsed().as_secs_f64();
    let note = format!("in_the_engine_s={:.3} while reading", pushing.as_secs_f64());
    report.figure("load", whole, "s", &note)?;
    subjects::settle(database.engine())?;
    let bytes = database.engine().status().file_bytes;
    report.figure("bytes on disk", bytes as f64, "bytes", "")?;
    Ok(database.engine().close()?)
}
