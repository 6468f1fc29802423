//! What the benchmarks share: a seeded generator of users.
//!
//! Ten tags a user: gender, age, city (300), vip, interests (200, about six a user), days since
//! login, spend, active, device (50), and visits by brand. Skewed as real ones are; some NULLs.
//!
//! Benchmarks beside other systems read the columns that those read: see [`raw`].

pub mod calls;
pub mod naive;
pub mod parquet_users;
pub mod questions;
pub mod raw;
pub mod report;
pub mod sql;
pub mod subjects;
pub mod timing;

use tagdb_storage::batch::{Cell, Column, Dictionary, KeyRef, Keys, RowBatch};
use tagdb_storage::catalog::{NewTag, SchemaChange};
use tagdb_storage::ids::TagId;
use tagdb_storage::schema::{KeyType, NumberType, TagType};

/// A small generator of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, all alike.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    /// A number below `end`, small ones more often.
    pub fn skewed(&mut self, end: u64) -> u64 {
        let unit = (self.draw() >> 11) as f64 / (1_u64 << 53) as f64;
        ((end as f64).powf(unit) - 1.0) as u64 % end
    }
}

const TAGS: [(&str, TagType); 10] = [
    ("gender", TagType::Keyword),
    ("age", TagType::Number(NumberType::SmallInt)),
    ("city", TagType::Keyword),
    ("vip", TagType::Number(NumberType::SmallInt)),
    ("interests", TagType::KeywordSet),
    ("login_days", TagType::Number(NumberType::Int)),
    (
        "spend",
        TagType::Number(NumberType::Decimal {
            precision: 12,
            scale: 2,
        }),
    ),
    ("active", TagType::Boolean),
    ("device", TagType::Keyword),
    ("visits", TagType::Map(NumberType::Int)),
];

/// The table of the users.
#[must_use]
pub fn create_table(partitions: u16) -> SchemaChange {
    let new = |(name, kind): &(&str, TagType)| NewTag {
        name: (*name).to_owned(),
        kind: *kind,
        comment: String::new(),
    };
    SchemaChange::CreateTable {
        name: "users".into(),
        key_name: "id".into(),
        key_type: KeyType::Keyword,
        key_comment: String::new(),
        partitions,
        tags: TAGS.iter().map(new).collect(),
    }
}

/// Users `first` to `end - 1`, whose tag ids begin with 1.
#[must_use]
pub fn users(first: u64, end: u64, seed: u64) -> RowBatch {
    users_of(first..end, seed)
}

/// Any users.
#[must_use]
pub fn users_of(users: impl Iterator<Item = u64>, seed: u64) -> RowBatch {
    let mut keys = Keys::new(KeyType::Keyword);
    let mut columns: Vec<Column> = (1..=TAGS.len() as u32)
        .map(|tag| Column {
            tag: TagId(tag),
            dictionary: Dictionary::default(),
            cells: Vec::new(),
        })
        .collect();
    for (row, user) in (0..).zip(users) {
        keys.push(KeyRef::Text(&format!("u{user}")));
        let mut random = Random(seed ^ user.wrapping_mul(0xD134_2543_DE82_EF95));
        for (column, (name, _)) in columns.iter_mut().zip(TAGS) {
            if let Some(cell) = cell(name, &mut random, &mut column.dictionary) {
                column.cells.push((row, cell));
            }
        }
    }
    RowBatch { keys, columns }
}

fn cell(name: &str, random: &mut Random, strings: &mut Dictionary) -> Option<Cell> {
    let mut string = |prefix: &str, number: u64| strings.place(&format!("{prefix}{number}"));
    Some(match name {
        "gender" => Cell::Value(i64::from(string("g", random.below(100) / 52))),
        "age" if random.below(20) == 0 => return None,
        "age" => Cell::Value(13 + random.skewed(77) as i64),
        "city" => Cell::Value(i64::from(string("city-", random.skewed(300)))),
        "vip" => Cell::Value(random.skewed(9) as i64),
        "interests" => {
            let count = random.below(13);
            Cell::Set(
                (0..count)
                    .map(|_| string("topic-", random.skewed(200)))
                    .collect(),
            )
        }
        "login_days" => Cell::Value(random.skewed(1_000) as i64),
        "spend" if random.below(100) < 55 => Cell::Value(0),
        "spend" => Cell::Value(random.skewed(1_000_000_000) as i64),
        "active" => Cell::Value(i64::from(random.below(10) < 4)),
        "device" => Cell::Value(i64::from(string("device-", random.skewed(50)))),
        _ if random.below(4) > 0 => return None,
        _ => {
            let count = 1 + random.below(3);
            let entry = |random: &mut Random, place| (place, random.skewed(100) as i64);
            let places: Vec<u32> = (0..count)
                .map(|_| string("brand-", random.skewed(100)))
                .collect();
            Cell::Map(
                places
                    .into_iter()
                    .map(|place| entry(random, place))
                    .collect(),
            )
        }
    })
}
