use tagdb_storage::schema::{Key, NumberType, TagType};

use super::{bind_in, bound, catalog, text};
use crate::bind::Param;
use crate::bind::bound::{Insert, Statement, TagChange, Update};
use crate::value::Value;

fn insert(sql: &str) -> Insert {
    match bound(sql) {
        Ok(Statement::Insert(insert)) => insert,
        other => panic!("{sql}: {other:?}"),
    }
}

fn update(sql: &str) -> Update {
    match bound(sql) {
        Ok(Statement::Update(update)) => update,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn rows_are_converted_to_the_types_of_their_tags() {
    let insert = insert(
        "INSERT INTO users (gender, user_id, age, interests, brand_visits_30d, spend_30d, \
         last_login, birthday, vip, score) VALUES \
         ('female', 'u1', 30.0, ['tea', 'nike', 'tea'], MAP {'nike': 3, 'tea': NULL}, 1.005, \
         '2026-11-20T10:00:00+02:00', '2000-02-29', TRUE, 1), \
         (NULL, '', -1, [], {}, NULL, NULL, DATE '2000-01-01' + 1, NULL, 1e300) \
         ON CONFLICT DO NOTHING",
    );
    assert!(insert.ignore_existing);
    let keys = [Key::Text("u1".into()), Key::Text("".into())];
    assert_eq!(insert.keys, keys);
    let money = Value::Decimal {
        digits: 101,
        scale: 2,
    };
    assert_eq!(
        insert.rows[0],
        [
            Value::Text(text("female")),
            Value::Int(30),
            Value::Set(vec![text("nike"), text("tea")]),
            Value::Map(vec![(text("nike"), Value::Int(3))]),
            money,
            Value::Timestamp(1_795_161_600_000_000),
            Value::Date(11_016),
            Value::Boolean(true),
            Value::Double(1.0),
        ]
    );
    assert_eq!(insert.rows[1][0], Value::Null);
    assert_eq!(insert.rows[1][2], Value::Set(Vec::new()));
    assert_eq!(insert.rows[1][6], Value::Date(10_958));
    assert_eq!(insert.tags[0].1, TagType::Keyword);
    assert_eq!(insert.tags.len(), 9);
}

#[test]
fn parameters_of_rows_may_be_sets_and_maps() {
    let params = [Param::Number("7".into()), Param::Text("x".into())];
    let sql = "INSERT INTO devices (device_id, model) VALUES ($1, $2), ('8', $2)";
    match bind_in(&catalog(), sql, &params).unwrap_err().code() {
        // A string literal is no integer.
        "type_mismatch" => {}
        other => panic!("{other}"),
    }
    let sql = "INSERT INTO users (user_id, interests, spent_at, age) VALUES (?, ?, ?, ?)";
    let params = [
        Param::Text("u".into()),
        Param::List(vec![Param::Text("b".into()), Param::Text("a".into())]),
        Param::Object(vec![("x".into(), Param::Text("1970-01-01".into()))]),
        Param::Text("12".into()),
    ];
    let Statement::Insert(insert) = bind_in(&catalog(), sql, &params).unwrap() else {
        panic!("no INSERT");
    };
    assert_eq!(
        insert.rows[0],
        [
            Value::Set(vec![text("a"), text("b")]),
            Value::Map(vec![(text("x"), Value::Timestamp(0))]),
            Value::Int(12),
        ]
    );
}

#[test]
fn lengths_are_limited() {
    let long = "x".repeat(1_025);
    for (columns, value, code) in [
        ("user_id", format!("'{}'", "k".repeat(513)), "bad_key"),
        ("user_id, city", format!("'u', '{long}'"), "limit_exceeded"),
        (
            "user_id, interests",
            format!("'u', ['{long}']"),
            "limit_exceeded",
        ),
        (
            "user_id, brand_visits_30d",
            format!("'u', {{'{long}': 1}}"),
            "limit_exceeded",
        ),
    ] {
        let sql = format!("INSERT INTO users ({columns}) VALUES ({value})");
        assert_eq!(bound(&sql).unwrap_err().code(), code, "{columns}");
    }
    let fits = "x".repeat(100_000);
    insert(&format!(
        "INSERT INTO users (user_id, bio) VALUES ('u', '{fits}')"
    ));
}

#[test]
fn edits_of_sets_are_seen_as_such() {
    let change = |value: &str| {
        let sql = format!("UPDATE users SET interests = {value} WHERE TRUE");
        update(&sql).assignments.remove(0).change
    };
    let edit = |drop: &[&str], put: &[&str]| TagChange::EditSet {
        drop: drop.iter().map(|member| text(member)).collect(),
        put: put.iter().map(|member| text(member)).collect(),
    };
    assert_eq!(change("array_append(interests, 'a')"), edit(&[], &["a"]));
    assert_eq!(change("array_remove(interests, 'a')"), edit(&["a"], &[]));
    // The later call decides.
    let both = "array_remove(array_append(interests, 'a'), 'a')";
    assert_eq!(change(both), edit(&["a"], &[]));
    assert_eq!(change("array_append(interests, NULL)"), edit(&[], &[]));
    for value in [
        "array_append(wishes, 'a')",
        "array_append(interests, city)",
        "['a']",
        "NULL",
        "wishes",
        "CASE WHEN vip THEN interests ELSE [] END",
    ] {
        assert!(matches!(change(value), TagChange::Set(_)), "{value}");
    }
}

#[test]
fn map_entries_are_assigned_one_by_one() {
    let update = update(
        "UPDATE users SET brand_visits_30d['a'] = 1, brand_visits_30d['b'] = NULL, \
         spent_at['a'] = birthday WHERE vip",
    );
    let keys: Vec<_> = update
        .assignments
        .iter()
        .map(|assignment| match &assignment.change {
            TagChange::Entry { key, value } => (&**key, value.data_type.to_string()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        keys,
        [
            ("a", "INT".into()),
            ("b", "INT".into()),
            ("a", "TIMESTAMP".into())
        ]
    );
    assert_eq!(
        update.assignments[2].kind,
        TagType::Map(NumberType::Timestamp)
    );
    let twice = "UPDATE users SET brand_visits_30d['a'] = 1, brand_visits_30d['a'] = 2 WHERE vip";
    assert_eq!(bound(twice).unwrap_err().code(), "duplicate_column");
    let over = "UPDATE users SET brand_visits_30d['a'] = 3000000000 WHERE vip";
    assert_eq!(bound(over).unwrap_err().code(), "overflow");
}

#[test]
fn schema_statements_become_changes() {
    use tagdb_storage::catalog::SchemaChange;
    let change = |sql: &str| match bound(sql) {
        Ok(Statement::Schema(Some(change))) => change,
        other => panic!("{sql}: {other:?}"),
    };
    let catalog = catalog();
    let users = catalog.table("users").unwrap();
    let age = users.tag("age").unwrap().id;
    assert_eq!(users.partitions, 4);
    assert_eq!(&*users.tag("gender").unwrap().comment, "self-reported");
    assert_eq!(
        change("DROP TABLE users"),
        SchemaChange::DropTable(users.id)
    );
    assert_eq!(
        change("TRUNCATE TABLE users"),
        SchemaChange::TruncateTable(users.id)
    );
    assert_eq!(
        change("ALTER TABLE users DROP age"),
        SchemaChange::DropTag(users.id, age)
    );
    assert_eq!(
        change("ALTER TABLE users RENAME COLUMN age TO \"Age\""),
        SchemaChange::RenameTag(users.id, Some(age), "Age".into())
    );
    assert_eq!(
        change("COMMENT ON COLUMN users.user_id IS 'it''s'"),
        SchemaChange::Comment(users.id, None, "it's".into())
    );
    assert!(matches!(
        change("ALTER TABLE users ADD COLUMN m MAP(TEXT, DECIMAL(5,1)) COMMENT 'c'"),
        SchemaChange::AddTag(_, tag) if tag.comment == "c"
            && tag.kind == TagType::Map(NumberType::Decimal { precision: 5, scale: 1 })
    ));
}
