//! The sample's users as a batch of rows, the form that bulk loads take.

use std::fmt::Write as _;

use tagdb_storage::batch::{Cell, Column, Dictionary, Keys, RowBatch};
use tagdb_storage::schema::{TableSchema, sortable_from_double};

use super::words::{BRANDS, CITIES, GENDERS, INTERESTS};
use super::{User, Users};

/// The next users, numbered from `first`, as rows of the sample's table.
pub(crate) fn rows(users: &mut Users, schema: &TableSchema, first: u32, count: u32) -> RowBatch {
    let mut bytes = String::new();
    let mut ends = Vec::with_capacity(count as usize);
    let mut columns: Vec<Builder> = schema
        .tags
        .iter()
        .map(|tag| Builder {
            name: tag.name.to_string(),
            column: Column {
                tag: tag.id,
                dictionary: Dictionary::default(),
                cells: Vec::with_capacity(count as usize),
            },
            places: Vec::new(),
        })
        .collect();
    for row in 0..count {
        // Writing to a String cannot fail.
        let _ = write!(bytes, "u{}", u64::from(first) + u64::from(row) + 1);
        ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let user = users.next();
        for column in &mut columns {
            column.add(row, &user);
        }
    }
    RowBatch {
        keys: Keys::Texts { bytes, ends },
        columns: columns.into_iter().map(|builder| builder.column).collect(),
    }
}

struct Builder {
    name: String,
    column: Column,
    /// The place of each word of the column's list in its dictionary, once it was used.
    places: Vec<Option<u32>>,
}

impl Builder {
    fn add(&mut self, row: u32, user: &User) {
        let value = Cell::Value;
        let cell = match self.name.as_str() {
            "gender" => user.gender.map(|word| self.keyword(GENDERS, word)),
            "age" => user.age.map(value),
            "city" => user.city.map(|word| self.keyword(CITIES, word)),
            "newsletter" => user.newsletter.map(|wants| value(i64::from(wants))),
            "vip_level" => user.vip_level.map(value),
            "interests" => self.set(INTERESTS, &user.interests),
            "orders" => Some(value(user.orders)),
            "points" => Some(value(user.points)),
            "spend_30d" => user.spend_30d.map(value),
            "engagement" => user
                .engagement
                .map(|share| value(sortable_from_double(share))),
            "signup" => Some(value(user.signup)),
            "last_login" => user.last_login.map(value),
            "brand_visits_30d" => self.map(BRANDS, &user.brand_visits_30d),
            "bio" => user.bio.as_deref().map(|bio| Cell::Text(bio.into())),
            _ => None,
        };
        if let Some(cell) = cell {
            self.column.cells.push((row, cell));
        }
    }

    fn keyword(&mut self, words: &[&str], word: usize) -> Cell {
        Cell::Value(i64::from(self.place(words, word)))
    }

    fn set(&mut self, words: &[&str], members: &[usize]) -> Option<Cell> {
        let places: Box<[u32]> = members
            .iter()
            .map(|word| self.place(words, *word))
            .collect();
        (!places.is_empty()).then_some(Cell::Set(places))
    }

    fn map(&mut self, words: &[&str], entries: &[(usize, i64)]) -> Option<Cell> {
        let entries: Box<[(u32, i64)]> = entries
            .iter()
            .map(|(word, value)| (self.place(words, *word), *value))
            .collect();
        (!entries.is_empty()).then_some(Cell::Map(entries))
    }

    /// The place of a word in the dictionary, without looking it up more than once.
    fn place(&mut self, words: &[&str], word: usize) -> u32 {
        self.places.resize(words.len(), None);
        if let Some(Some(place)) = self.places.get(word) {
            return *place;
        }
        let place = self
            .column
            .dictionary
            .place(words.get(word).copied().unwrap_or_default());
        if let Some(known) = self.places.get_mut(word) {
            *known = Some(place);
        }
        place
    }
}
