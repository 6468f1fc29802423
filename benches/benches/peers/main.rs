//! tagdb on the data and questions that other systems are measured on.
//!
//! `cargo bench -p tagdb-benches --bench peers -- RAW USERS FOLDER [--skip-load] [--json OUT]`
//! reads the columns of RAW, loads the same users from the Parquet files beside RAW into FOLDER, updates
//! a random 1% of the users, and measures before and after. With `--skip-load` FOLDER has been loaded before, and only the state after the
//! update is measured. Every answer is compared with one computed from the columns.

mod commits;
mod export;
mod kernel;
mod lookups;

use std::path::{Path, PathBuf};
use std::time::Instant;

use tagdb_benches::raw::{Raw, Sources};
use tagdb_benches::report::Report;
use tagdb_benches::subjects::{self, Result};
use tagdb_benches::timing::Repeat;
use tagdb_benches::{naive, questions, sql};
use tagdb_query::Database;
use tagdb_storage::engine::Settings;
use tagdb_storage::schema::KeyType;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the answers must be, known from other systems: users, Q1, Q2, Q8's sum.
const KNOWN: [(usize, i64, i64, i64); 2] = [
    (10_000_000, 452_144, 194_783, 77_841_572),
    (50_000_000, 2_259_777, 1_170_436, 470_624_408),
];
const SEED: u64 = 3;

struct Arguments {
    raw: PathBuf,
    users: usize,
    folder: PathBuf,
    skip_load: bool,
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder, users] = &words[..]
        && word == lookups::CHILD
    {
        return lookups::touch_all(Path::new(folder), users.parse()?);
    }
    let arguments = arguments(words)?;
    let raw = Raw::read(&arguments.raw, arguments.users)?;
    let mut report = Report::new(arguments.json.clone());
    let mut sources = Sources::own(arguments.users);
    if !arguments.skip_load {
        load(&arguments, &raw, &sources, &mut report)?;
    }
    let pairs = sources.redraw(arguments.users / 100, SEED);
    if !arguments.skip_load {
        update(&arguments.folder, &raw, &pairs, &mut report)?;
    }
    let database = reopen(&arguments.folder, &mut report)?;
    measure(&database, "updated", &raw, &sources, &mut report)?;
    lookups::measure(&database, arguments.users, &mut report)?;
    kernel::measure(&mut report)?;
    commits::measure(&database, &raw, &sources, &arguments.folder, &mut report)?;
    subjects::settle(database.engine())?;
    database.engine().close()?;
    drop(database);
    lookups::memory(&arguments.folder, arguments.users, &mut report)
}

fn arguments(words: Vec<String>) -> Result<Arguments> {
    const USAGE: &str = "RAW USERS FOLDER [--skip-load] [--json OUT]";
    let (mut places, mut skip_load, mut json) = (Vec::new(), false, None);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo adds it.
            "--bench" => {}
            "--skip-load" => skip_load = true,
            "--json" => json = Some(PathBuf::from(words.next().ok_or(USAGE)?)),
            _ => places.push(word),
        }
    }
    let [raw, users, folder] = &places[..] else {
        return Err(USAGE.into());
    };
    Ok(Arguments {
        raw: raw.into(),
        users: users.parse()?,
        folder: folder.into(),
        skip_load,
        json,
    })
}

fn load(arguments: &Arguments, raw: &Raw, sources: &Sources, report: &mut Report) -> Result<()> {
    let folder = &arguments.folder;
    if folder.try_exists()? {
        std::fs::remove_dir_all(folder)?;
    }
    let database = subjects::open(folder, Settings::default())?;
    subjects::create(&database, KeyType::Keyword)?;
    let parquet = arguments.raw.join("..");
    let started = Instant::now();
    let pushing = subjects::load(&database, &parquet, raw.users())?;
    let loaded = started.elapsed().as_secs_f64();
    subjects::settle(database.engine())?;
    let whole = started.elapsed().as_secs_f64();
    let pushing = pushing.as_secs_f64();
    let note = format!("from Parquet; loaded_s={loaded:.3} in_the_engine_s={pushing:.3}");
    report.figure("load", whole, "s", &note)?;
    disk("loaded", &database, report)?;
    measure(&database, "loaded", raw, sources, report)?;
    database.engine().close()?;
    integers(folder, &parquet, raw, sources, report)
}

/// The same users with integer keys, as the other systems have them, for as long as keys are taken
/// out.
fn integers(
    folder: &Path,
    parquet: &Path,
    raw: &Raw,
    sources: &Sources,
    report: &mut Report,
) -> Result<()> {
    let folder = folder.with_extension("integers");
    let database = subjects::open(&folder, Settings::default())?;
    subjects::create(&database, KeyType::BigInt)?;
    subjects::load(&database, parquet, raw.users())?;
    subjects::settle(database.engine())?;
    let (_, exported) = naive::answers(raw, sources);
    export::measure(&database, "loaded, integer keys", exported, report)?;
    database.engine().close()?;
    Ok(std::fs::remove_dir_all(folder)?)
}

fn update(folder: &Path, raw: &Raw, pairs: &[(usize, usize)], report: &mut Report) -> Result<()> {
    let database = subjects::open(folder, Settings::default())?;
    let started = Instant::now();
    subjects::update(&database, raw, pairs)?;
    let writing = started.elapsed().as_secs_f64();
    subjects::settle(database.engine())?;
    let note = format!("settled_s={:.3}", started.elapsed().as_secs_f64());
    report.figure("update of 1% of the users", writing, "s", &note)?;
    disk("updated", &database, report)?;
    Ok(database.engine().close()?)
}

fn reopen(folder: &Path, report: &mut Report) -> Result<Database> {
    let started = Instant::now();
    let database = subjects::open(folder, Settings::default())?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    report.figure("open", milliseconds, "ms", "files in the page cache")?;
    Ok(database)
}

fn disk(state: &str, database: &Database, report: &mut Report) -> Result<()> {
    let status = database.engine().status();
    let note = format!("log_bytes={} depth={}", status.log_bytes, status.depth_max);
    let item = format!("{state}: bytes on disk");
    Ok(report.figure(&item, status.file_bytes as f64, "bytes", &note)?)
}

/// Asks all questions, checks what they say, and times them.
fn measure(
    database: &Database,
    state: &str,
    raw: &Raw,
    sources: &Sources,
    report: &mut Report,
) -> Result<()> {
    let (right, exported) = naive::answers(raw, sources);
    if state == "loaded" {
        check_known(raw.users(), &right)?;
    }
    for question in questions::questions() {
        let item = question.item;
        let found = sql::findings(&question.ask(database)?);
        if right.get(item) != Some(&found) {
            let difference = difference(right.get(item), &found);
            return Err(format!("{state}: {item} is wrong: {difference}").into());
        }
        let times = match &question.call {
            None => Repeat::QUERY.times(|| question.ask(database).map(drop))?,
            Some(call) => {
                for (of, n) in call.ask(database)?.findings() {
                    if found.get(&of) != Some(&n) {
                        return Err(format!("{state}: {item} as one call: {of} is {n}").into());
                    }
                }
                Repeat::QUERY.times(|| call.ask(database).map(drop))?
            }
        };
        let first = found.first_key_value();
        let note = first.map_or(String::new(), |(of, n)| format!("{of}={n}"));
        report.times(&format!("{state}: {item}"), times, &note)?;
    }
    export::measure(database, state, exported, report)
}

fn check_known(
    users: usize,
    right: &std::collections::BTreeMap<&'static str, sql::Findings>,
) -> Result<()> {
    let finding = |item: &str, name: &str| right.get(item)?.get(name).copied();
    for (of, q1, q2, q8) in KNOWN {
        let found = [
            finding("Q1 count 2-tag AND", "users n"),
            finding("Q2 count 5-tag + range", "users n"),
            finding("Q8 sum/avg spend", "users total"),
        ];
        let known = [Some(q1), Some(q2), Some(q8)];
        if of == users && found != known {
            return Err(format!("other systems find {known:?}, not {found:?}").into());
        }
    }
    Ok(())
}

fn difference(right: Option<&sql::Findings>, found: &sql::Findings) -> String {
    let empty = sql::Findings::new();
    let right = right.unwrap_or(&empty);
    let wrong = found.iter().find(|(of, n)| right.get(*of) != Some(n));
    let missing = right.keys().find(|of| !found.contains_key(*of));
    format!("found {wrong:?}, missing {missing:?}")
}
