//! The users as tagdb holds them: string keys, and strings for what are names.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tagdb_query::{Context, Database, Limits};
use tagdb_storage::batch::{
    Cell, Change, Column, Dictionary, KeyRef, Keys, RowBatch, RowMode, WriteSet,
};
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings, WriteOptions};
use tagdb_storage::ids::{TableId, TagId};
use tagdb_storage::schema::KeyType;
use tagdb_storage::vfs::OsVfs;

use crate::parquet_users;
use crate::raw::Raw;

/// What can go wrong in a benchmark.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// `{key}` is the type of the keys.
const TABLE: &str = "CREATE TABLE users (user_id {key} PRIMARY KEY, gender KEYWORD, \
    age SMALLINT, city KEYWORD, vip_level SMALLINT, interests KEYWORD[], last_login_days INT, \
    spend_30d BIGINT, is_active BOOLEAN, device KEYWORD)";
const TAGS: usize = 9;
/// Users of one write of an update.
const UPDATE_ROWS: usize = 1_000;

/// Opens, or makes, the database of a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn open(folder: &Path, settings: Settings) -> Result<Database> {
    std::fs::create_dir_all(folder)?;
    let vfs = Arc::new(OsVfs::new(folder)?);
    let engine = Engine::open(vfs, settings, Clock::system())?;
    Ok(Database::new(engine, Limits::default()))
}

/// Makes the table, with keys of that type.
///
/// # Errors
/// It is there already, or cannot be written.
pub fn create(database: &Database, key: KeyType) -> Result<()> {
    let key = match key {
        KeyType::BigInt => "BIGINT",
        KeyType::Keyword => "KEYWORD",
    };
    for statement in database.parse(&TABLE.replace("{key}", key))? {
        database.run(&statement, &Context::default())?;
    }
    Ok(())
}

/// The key of the user of a row.
#[must_use]
pub fn key(user: usize) -> String {
    format!("u{}", user + 1)
}

/// Loads the first users of a folder of Parquet files; how much of the time was spent in the engine
/// while files were being read.
///
/// # Errors
/// They cannot be read or written.
pub fn load(database: &Database, folder: &Path, users: usize) -> Result<Duration> {
    let engine = database.engine();
    let table = table_of(engine)?;
    let state = engine.snapshot();
    let schema = state.catalog().table("users");
    let key = schema.map_or(KeyType::Keyword, |schema| schema.key_type);
    drop(state);
    let mut loader = engine.loader(table, RowMode::Upsert)?;
    let mut pushing = Duration::ZERO;
    parquet_users::read(folder, users, key, |batch| {
        let started = Instant::now();
        loader.push_columns(batch)?;
        pushing += started.elapsed();
        Ok(())
    })?;
    loader.finish(&WriteOptions::default())?;
    Ok(pushing)
}

/// Gives users the tags of rows, in groups of 1,000.
///
/// # Errors
/// They cannot be written.
pub fn update(database: &Database, raw: &Raw, pairs: &[(usize, usize)]) -> Result<()> {
    let table = table_of(database.engine())?;
    for group in pairs.chunks(UPDATE_ROWS) {
        write(database.engine(), table, rows(raw, group.iter().copied()))?;
    }
    Ok(())
}

/// Writes rows, durably.
///
/// # Errors
/// They cannot be written.
pub fn write(engine: &Engine, table: TableId, rows: RowBatch) -> tagdb_storage::Result<()> {
    let mode = RowMode::Upsert;
    let set = WriteSet {
        changes: vec![(table, Change::Rows { mode, rows })],
        ..WriteSet::default()
    };
    engine.write(&WriteOptions::default(), |_| {
        Ok::<_, tagdb_storage::Error>(set)
    })?;
    Ok(())
}

/// Brings what is in memory to segments, and merges until nothing is due.
///
/// # Errors
/// A file cannot be written.
pub fn settle(engine: &Arc<Engine>) -> Result<()> {
    engine.flush()?;
    while engine.compact_due()? {}
    Ok(())
}

/// The users' table.
///
/// # Errors
/// There is none.
pub fn table_of(engine: &Engine) -> Result<TableId> {
    let state = engine.snapshot();
    let table = state.catalog().table("users");
    Ok(table.ok_or("the folder has no table \"users\"")?.id)
}

/// `(user, row)`: the users' keys with the tags of the rows.
pub fn rows(raw: &Raw, pairs: impl Iterator<Item = (usize, usize)>) -> RowBatch {
    let mut columns: Vec<Column> = (1..=TAGS as u32).map(column).collect();
    let mut keys = Keys::new(KeyType::Keyword);
    let [mut genders, mut cities, mut topics, mut devices] = [
        Names::new("gender-"),
        Names::new("city-"),
        Names::new("interest-"),
        Names::new("device-"),
    ];
    for (place, (user, row)) in (0..).zip(pairs) {
        keys.push(KeyRef::Text(&key(user)));
        let members = raw.interests(row);
        let cells = [
            Cell::Value(genders.place(raw.gender[row].into()).into()),
            Cell::Value(raw.age[row].into()),
            Cell::Value(cities.place(raw.city[row]).into()),
            Cell::Value(raw.vip_level[row].into()),
            Cell::Set(members.iter().map(|m| topics.place((*m).into())).collect()),
            Cell::Value(raw.last_login_days[row].into()),
            Cell::Value(raw.spend_30d[row].into()),
            Cell::Value(raw.is_active[row].into()),
            Cell::Value(devices.place(raw.device[row].into()).into()),
        ];
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.cells.push((place, cell));
        }
    }
    for (column, names) in [(0, genders), (2, cities), (4, topics), (8, devices)] {
        columns[column].dictionary = names.strings;
    }
    RowBatch { keys, columns }
}

/// The tag of days since the last login.
pub const LAST_LOGIN_DAYS: TagId = TagId(6);

fn column(tag: u32) -> Column {
    Column {
        tag: TagId(tag),
        dictionary: Dictionary::default(),
        cells: Vec::new(),
    }
}

/// The strings of small numbers.
struct Names {
    prefix: &'static str,
    strings: Dictionary,
    places: Vec<Option<u32>>,
}

impl Names {
    fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            strings: Dictionary::default(),
            places: Vec::new(),
        }
    }

    fn place(&mut self, number: u16) -> u32 {
        let index = usize::from(number);
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        let (prefix, strings) = (self.prefix, &mut self.strings);
        *self.places[index].get_or_insert_with(|| strings.place(&format!("{prefix}{number}")))
    }
}
