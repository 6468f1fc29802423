//! How cost grows: with leaves, clients, audiences, layers; and, over several runs, with subjects.
//!
//! `cargo bench -p tagdb-benches --bench growth -- RAW USERS FOLDER OUT` reads the columns of RAW, loads
//! the same users from the Parquet files beside RAW into FOLDER, which it empties first, and writes the
//! points of all curves to OUT as JSON.

mod clients;
mod curves;
mod lookups;

use std::path::Path;

use tagdb_benches::questions::{FIVE_TAGS, portrait};
use tagdb_benches::raw::{Raw, Sources};
use tagdb_benches::sql;
use tagdb_benches::subjects::{self, Result};
use tagdb_benches::timing::Repeat;
use tagdb_query::Database;
use tagdb_storage::engine::Settings;
use tagdb_storage::schema::KeyType;

use curves::Curves;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LEAVES: [usize; 8] = [1, 2, 5, 10, 20, 30, 40, 50];
const LAYERS: usize = 10;
/// Shares of the users that audiences have, about.
const SHARES: [f64; 9] = [0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 0.9];

fn main() -> Result<()> {
    // Cargo adds the flag.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let [raw, users, folder, out] = &words[..] else {
        return Err("RAW USERS FOLDER OUT".into());
    };
    let folder = Path::new(folder);
    let parquet = Path::new(raw).join("..");
    let raw = Raw::read(Path::new(raw), users.parse()?)?;
    if folder.try_exists()? {
        std::fs::remove_dir_all(folder)?;
    }
    let settings = Settings {
        // Layers stay as they are made.
        background: false,
        ..Settings::default()
    };
    let database = subjects::open(folder, settings)?;
    subjects::create(&database, KeyType::Keyword)?;
    subjects::load(&database, &parquet, raw.users())?;
    subjects::settle(database.engine())?;
    let mut curves = Curves::new(raw.users(), out);
    subjects_curve(&database, &mut curves)?;
    leaves(&database, &mut curves)?;
    audiences(&database, &raw, &mut curves)?;
    clients::curve(&database, &mut curves)?;
    lookups::beside_portraits(&database, raw.users(), &mut curves)?;
    layers(&database, &raw, &mut curves)?;
    Ok(database.engine().close()?)
}

/// The median of a question made of some statements, in milliseconds.
fn median(database: &Database, statements: &[String]) -> Result<f64> {
    let times = Repeat::QUERY.times(|| {
        statements
            .iter()
            .try_for_each(|sql| sql::drain(database, sql).map(drop))
    })?;
    Ok(times.median_ms)
}

fn count_of(audience: &str) -> Vec<String> {
    vec![format!("SELECT count(*) AS n FROM users WHERE {audience}")]
}

fn portrait_of(audience: &str) -> Vec<String> {
    let statements = portrait(&["gender", "age", "city"], "", audience);
    statements.into_iter().map(|(_, sql)| sql).collect()
}

fn keys_of(audience: &str) -> Vec<String> {
    vec![format!("SELECT user_id FROM users WHERE {audience}")]
}

/// The same questions; the script puts the runs of several sizes side by side.
fn subjects_curve(database: &Database, curves: &mut Curves) -> Result<()> {
    let x = curves.users() as f64;
    let two_tags = "gender = 'gender-2' AND has(interests, 'interest-5')";
    for (series, statements) in [
        ("two tags", count_of(two_tags)),
        ("five tags and a range", count_of(FIVE_TAGS)),
        ("portrait", portrait_of(FIVE_TAGS)),
        ("keys", keys_of(FIVE_TAGS)),
    ] {
        curves.point("subjects", series, x, median(database, &statements)?)?;
    }
    Ok(())
}

/// Conditions that leave most users in, so that none can be passed over; and any of so many.
fn leaves(database: &Database, curves: &mut Curves) -> Result<()> {
    for count in LEAVES {
        let has = |n: usize| format!("has(interests, 'interest-{}')", 199 - n);
        let all: Vec<String> = (0..count).map(|n| format!("NOT {}", has(n))).collect();
        let any: Vec<String> = (0..count).map(has).collect();
        for (series, audience) in [("AND", all.join(" AND ")), ("OR", any.join(" OR "))] {
            let taken = median(database, &count_of(&audience))?;
            curves.point("leaves", series, count as f64, taken)?;
        }
    }
    Ok(())
}

/// Users from some spend on, or from some age on where the spend of most is 0.
fn audiences(database: &Database, raw: &Raw, curves: &mut Curves) -> Result<()> {
    let mut spends = raw.spend_30d.clone();
    let mut ages = raw.age.clone();
    spends.sort_unstable();
    ages.sort_unstable();
    for share in SHARES {
        let place = ((1.0 - share) * raw.users() as f64) as usize;
        let (audience, below) = if spends[place] > 0 {
            let below = spends.partition_point(|spend| *spend < spends[place]);
            (format!("spend_30d >= {}", spends[place]), below)
        } else {
            let below = ages.partition_point(|age| *age < ages[place]);
            (format!("age >= {}", ages[place]), below)
        };
        let percent = 100.0 * (1.0 - below as f64 / raw.users() as f64);
        for (series, statements) in [
            ("count", count_of(&audience)),
            ("portrait", portrait_of(&audience)),
            ("keys", keys_of(&audience)),
        ] {
            let taken = median(database, &statements)?;
            curves.point("audiences", series, percent, taken)?;
        }
    }
    Ok(())
}

/// Each layer gives a random 1% of the users other tags.
fn layers(database: &Database, raw: &Raw, curves: &mut Curves) -> Result<()> {
    let mut sources = Sources::own(raw.users());
    for depth in 0..=LAYERS {
        if depth > 0 {
            let pairs = sources.redraw(raw.users() / 100, depth as u64);
            subjects::update(database, raw, &pairs)?;
            database.engine().flush()?;
        }
        let x = depth as f64;
        for (series, statements) in [
            ("five tags and a range", count_of(FIVE_TAGS)),
            ("portrait", portrait_of(FIVE_TAGS)),
        ] {
            curves.point("layers", series, x, median(database, &statements)?)?;
        }
        let times = lookups::times(database, raw.users())?;
        curves.point("layers", "100 look-ups", x, 100.0 * times.median_ms)?;
    }
    Ok(())
}
