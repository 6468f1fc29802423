use super::*;
use crate::codec::{Decoder, Encoder};

fn tag(name: &str, kind: TagType) -> NewTag {
    NewTag {
        name: name.into(),
        kind,
        comment: String::new(),
    }
}

fn users() -> SchemaChange {
    SchemaChange::CreateTable {
        name: "users".into(),
        key_name: "user_id".into(),
        key_type: KeyType::Keyword,
        key_comment: "external".into(),
        partitions: 4,
        tags: vec![
            tag("age", TagType::Number(NumberType::SmallInt)),
            tag("interests", TagType::KeywordSet),
            tag(
                "spend",
                TagType::Map(NumberType::Decimal {
                    precision: 12,
                    scale: 2,
                }),
            ),
        ],
    }
}

fn code(result: Result<Catalog>) -> &'static str {
    result.err().map_or("ok", |error| error.code())
}

#[test]
fn a_table_lives_through_every_change() {
    let catalog = Catalog::default().apply(&users()).unwrap();
    let id = catalog.table("users").unwrap().id;
    let age = catalog.table("users").unwrap().tag("age").unwrap().id;
    let catalog = catalog
        .apply(&SchemaChange::AddTag(id, tag("vip", TagType::Boolean)))
        .unwrap()
        .apply(&SchemaChange::RenameTag(id, Some(age), "years".into()))
        .unwrap()
        .apply(&SchemaChange::RenameTag(id, None, "uid".into()))
        .unwrap()
        .apply(&SchemaChange::Comment(
            id,
            Some(age),
            "self-reported".into(),
        ))
        .unwrap();
    let table = catalog.table_by_id(id).unwrap();
    assert_eq!(&*table.key_name, "uid");
    assert_eq!(&*table.tag_by_id(age).unwrap().comment, "self-reported");
    let names: Vec<_> = table.tags.iter().map(|tag| &*tag.name).collect();
    assert_eq!(names, ["years", "interests", "spend", "vip"]);

    let dropped = catalog.apply(&SchemaChange::DropTag(id, age)).unwrap();
    assert!(dropped.table("users").unwrap().tag("years").is_none());
    let again = dropped
        .apply(&SchemaChange::AddTag(id, tag("years", TagType::Boolean)))
        .unwrap();
    let new_id = again.table("users").unwrap().tag("years").unwrap().id;
    assert!(new_id > age, "ids of tags are never reused");

    let truncated = catalog.apply(&SchemaChange::TruncateTable(id)).unwrap();
    assert_ne!(truncated.table("users").unwrap().id, id);
    assert_eq!(truncated.table("users").unwrap().tags, table.tags);
    let gone = catalog.apply(&SchemaChange::DropTable(id)).unwrap();
    assert_eq!(gone.tables().count(), 0);
    assert_eq!(
        code(gone.apply(&SchemaChange::DropTable(id))),
        "unknown_table"
    );
    assert_eq!(
        code(dropped.apply(&SchemaChange::DropTag(id, age))),
        "unknown_tag"
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let catalog = Catalog::default().apply(&users()).unwrap();
    let id = catalog.table("users").unwrap().id;
    assert_eq!(code(catalog.apply(&users())), "already_exists");
    let with = |change: &dyn Fn(&mut String, &mut u16, &mut Vec<NewTag>)| {
        let mut new = users();
        if let SchemaChange::CreateTable {
            name,
            partitions,
            tags,
            ..
        } = &mut new
        {
            *name = "other".into();
            change(name, partitions, tags);
        }
        code(catalog.apply(&new))
    };
    assert_eq!(with(&|_, _, _| ()), "ok");
    assert_eq!(with(&|_, partitions, _| *partitions = 3), "bad_parameter");
    assert_eq!(with(&|_, partitions, _| *partitions = 0), "bad_parameter");
    assert_eq!(
        with(&|_, partitions, _| *partitions = 512),
        "limit_exceeded"
    );
    assert_eq!(with(&|name, _, _| name.clear()), "bad_parameter");
    assert_eq!(with(&|name, _, _| *name = "x".repeat(64)), "limit_exceeded");
    let again = tag("age", TagType::Boolean);
    assert_eq!(
        with(&|_, _, tags| tags.push(again.clone())),
        "duplicate_column"
    );
    let key = tag("user_id", TagType::Boolean);
    assert_eq!(
        with(&|_, _, tags| tags.push(key.clone())),
        "duplicate_column"
    );
    for (precision, scale) in [(0, 0), (19, 0), (3, 4)] {
        let kind = TagType::Number(NumberType::Decimal { precision, scale });
        assert_eq!(
            with(&|_, _, tags| tags.push(tag("d", kind))),
            "bad_parameter"
        );
    }
    let many = |_: &mut String, _: &mut u16, tags: &mut Vec<NewTag>| {
        *tags = (0..=TAGS_MAX)
            .map(|n| tag(&format!("t{n}"), TagType::Boolean))
            .collect();
    };
    assert_eq!(with(&many), "limit_exceeded");
    let same = SchemaChange::AddTag(id, tag("age", TagType::Boolean));
    assert_eq!(code(catalog.apply(&same)), "already_exists");
    let comment = SchemaChange::Comment(id, None, "x".repeat(COMMENT_BYTES_MAX + 1));
    assert_eq!(code(catalog.apply(&comment)), "limit_exceeded");
}

fn all_types() -> Vec<NewTag> {
    let numbers = [
        NumberType::SmallInt,
        NumberType::Int,
        NumberType::BigInt,
        NumberType::Decimal {
            precision: 18,
            scale: 18,
        },
        NumberType::Double,
        NumberType::Date,
        NumberType::Timestamp,
    ];
    let mut kinds = vec![
        TagType::Boolean,
        TagType::Keyword,
        TagType::LongText,
        TagType::KeywordSet,
    ];
    kinds.extend(numbers.map(TagType::Number));
    kinds.extend(numbers.map(TagType::Map));
    let named = kinds.into_iter().enumerate();
    named.map(|(n, kind)| tag(&format!("t{n}"), kind)).collect()
}

#[test]
fn catalogs_and_changes_come_back_from_bytes() {
    let (table, one) = (TableId(7), TagId(9));
    let changes = [
        users(),
        SchemaChange::DropTable(table),
        SchemaChange::TruncateTable(table),
        SchemaChange::AddTag(table, tag("x", TagType::LongText)),
        SchemaChange::DropTag(table, one),
        SchemaChange::RenameTag(table, None, "k".into()),
        SchemaChange::RenameTag(table, Some(one), "k".into()),
        SchemaChange::Comment(table, Some(one), "\u{e9}".into()),
    ];
    for change in changes {
        let mut out = Encoder::new();
        change.encode(&mut out);
        let bytes = out.finish();
        let mut input = Decoder::new(&bytes);
        assert_eq!(SchemaChange::decode(&mut input).unwrap(), change);
        input.finish().unwrap();
        for end in 0..bytes.len() {
            assert!(SchemaChange::decode(&mut Decoder::new(&bytes[..end])).is_err());
        }
    }
}

#[test]
fn damaged_catalogs_are_refused_or_still_consistent() {
    let mut catalog = Catalog::default().apply(&users()).unwrap();
    let id = catalog.table("users").unwrap().id;
    for new in all_types() {
        catalog = catalog.apply(&SchemaChange::AddTag(id, new)).unwrap();
    }
    let mut out = Encoder::new();
    catalog.encode(&mut out);
    let bytes = out.finish();
    assert_eq!(Catalog::decode(&mut Decoder::new(&bytes)).unwrap(), catalog);
    for end in 0..bytes.len() {
        assert!(Catalog::decode(&mut Decoder::new(&bytes[..end])).is_err());
    }
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            if let Ok(read) = Catalog::decode(&mut Decoder::new(&damaged)) {
                let mut out = Encoder::new();
                read.encode(&mut out);
                let again = out.finish();
                assert_eq!(Catalog::decode(&mut Decoder::new(&again)).unwrap(), read);
            }
        }
    }
}
