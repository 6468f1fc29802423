use std::collections::HashSet;
use std::sync::Arc;

use tagdb_storage::batch::Cell;
use tagdb_storage::ids::{TableId, TagId};
use tagdb_storage::schema::{Family, KeyType, NumberType, TableSchema, Tag, TagType};

use super::*;

/// 2026-11-20.
const NOW: i64 = 20_777 * DAY_US;

/// The schema that [`CREATE_TABLE`] makes, read from its text.
fn schema() -> TableSchema {
    let tags = CREATE_TABLE
        .lines()
        .skip(2)
        .filter(|line| line.starts_with("  "));
    let tags = tags.enumerate().map(|(index, line)| {
        let mut words = line.trim().trim_end_matches(',').splitn(2, ' ');
        let name = words.next().unwrap();
        let kind = words.next().unwrap().trim();
        let kind = kind.split(" COMMENT").next().unwrap();
        Tag {
            id: TagId(index as u32 + 1),
            name: name.into(),
            kind: match kind {
                "KEYWORD" => TagType::Keyword,
                "BOOLEAN" => TagType::Boolean,
                "KEYWORD[]" => TagType::KeywordSet,
                "LONGTEXT" => TagType::LongText,
                "MAP(KEYWORD, INT)" => TagType::Map(NumberType::Int),
                "SMALLINT" => TagType::Number(NumberType::SmallInt),
                "INT" => TagType::Number(NumberType::Int),
                "BIGINT" => TagType::Number(NumberType::BigInt),
                "DOUBLE" => TagType::Number(NumberType::Double),
                "DATE" => TagType::Number(NumberType::Date),
                "TIMESTAMP" => TagType::Number(NumberType::Timestamp),
                "DECIMAL(12,2)" => TagType::Number(NumberType::Decimal {
                    precision: 12,
                    scale: 2,
                }),
                other => panic!("{other}"),
            },
            comment: Arc::from(""),
        }
    });
    TableSchema {
        id: TableId(1),
        name: "users".into(),
        key_name: "user_id".into(),
        key_type: KeyType::Keyword,
        key_comment: Arc::from(""),
        partitions: 1,
        tags: tags.collect(),
    }
}

#[test]
fn the_sample_is_the_same_every_time() {
    let (mut a, mut b) = (Users::new(NOW), Users::new(NOW));
    for _ in 0..1_000 {
        assert_eq!(a.next(), b.next());
    }
}

#[test]
fn every_tag_is_filled_with_values_of_its_type() {
    let schema = schema();
    assert_eq!(schema.tags.len(), 14);
    let batch = rows(&mut Users::new(NOW), &schema, 0, 20_000);
    assert_eq!(batch.keys.len(), 20_000);
    assert_eq!(batch.columns.len(), schema.tags.len());
    for (column, tag) in batch.columns.iter().zip(&schema.tags) {
        let name = &tag.name;
        assert!(column.cells.len() > 1_000, "{name}: {}", column.cells.len());
        assert!(column.cells.is_sorted_by_key(|(row, _)| *row));
        let strings = column.dictionary.strings().len();
        for (_, cell) in &column.cells {
            match (tag.kind.family(), cell) {
                (Family::Single, Cell::Value(value)) => {
                    if tag.kind == TagType::Keyword {
                        assert!((*value as usize) < strings, "{name}");
                    }
                }
                (Family::Text, Cell::Text(text)) => assert!(!text.is_empty()),
                (Family::Set, Cell::Set(members)) => {
                    let distinct: HashSet<_> = members.iter().collect();
                    assert_eq!(distinct.len(), members.len());
                    assert!(members.iter().all(|place| (*place as usize) < strings));
                }
                (Family::Map, Cell::Map(entries)) => {
                    let distinct: HashSet<_> = entries.iter().map(|(place, _)| place).collect();
                    assert_eq!(distinct.len(), entries.len());
                    assert!(entries.iter().all(|(_, value)| *value > 0));
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn values_are_plausible_and_skewed() {
    let mut users = Users::new(NOW);
    let sample: Vec<User> = (0..50_000).map(|_| users.next()).collect();
    let share = |test: &dyn Fn(&User) -> bool| {
        sample.iter().filter(|user| test(user)).count() as f64 / sample.len() as f64
    };
    assert!((0.45..0.49).contains(&share(&|user| user.gender == Some(0))));
    assert!((0.10..0.14).contains(&share(&|user| user.age.is_none())));
    assert!((0.08..0.25).contains(&share(&|user| user.city == Some(0))));
    assert!((0.02..0.30).contains(&share(&|user| user.vip_level.is_some())));
    assert!((0.15..0.60).contains(&share(&|user| user.spend_30d.is_some())));
    assert!(share(&|user| user.interests.is_empty()) < 0.5);
    for user in &sample {
        assert!(
            user.age.is_none_or(|age| (17..=92).contains(&age)),
            "{user:?}"
        );
        assert!(user.spend_30d.is_none_or(|spend| spend < 10_000_000_000));
        assert!(user.last_login.is_none_or(|login| login <= NOW));
        let signup_us = user.signup * DAY_US;
        assert!(
            user.last_login
                .is_none_or(|login| login >= signup_us - DAY_US)
        );
        assert!(i32::try_from(user.orders).is_ok());
    }
}
