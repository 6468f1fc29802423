//! Statements with answers written by hand.

use crate::session::Session;

fn people() -> Session {
    let session = Session::new();
    session.run(
        "CREATE TABLE users (user_id KEYWORD PRIMARY KEY, gender KEYWORD COMMENT 'self-reported',
         age SMALLINT, vip BOOLEAN, interests KEYWORD[], spend DECIMAL(12,2), visits MAP(KEYWORD, INT),
         joined DATE, score DOUBLE, bio LONGTEXT)",
    );
    session.run(
        "INSERT INTO users (user_id, gender, age, vip, interests, spend, visits, joined, score, bio)
         VALUES ('a', 'female', 30, true, ['tea', 'nike'], 12.50, {'nike': 3}, '2026-01-01', 0.5, 'x'),
                ('b', 'male', 40, false, ['tea'], 7, {'nike': 1, 'puma': 2}, '2026-02-01', 1.5, NULL),
                ('c', 'female', NULL, NULL, [], NULL, {}, NULL, NULL, NULL),
                ('d', NULL, 30, true, ['coffee'], 100.00, {'puma': 9}, '2025-12-31', -2, 'long')",
    );
    session
}

#[test]
fn audiences_are_counted_and_listed() {
    let s = people();
    s.check("SELECT count(*) FROM users", "4");
    s.check("SELECT count(*) FROM users WHERE gender = 'female'", "2");
    s.check(
        "SELECT count(*) FROM users WHERE NOT (gender = 'female')",
        "1",
    );
    s.check(
        "SELECT count(*) FROM users WHERE gender <> 'female' OR age = 30",
        "3",
    );
    s.check(
        "SELECT count(*) FROM users WHERE NOT has(interests, 'tea')",
        "2",
    );
    s.check(
        "SELECT user_id, age FROM users WHERE vip AND age >= 30",
        "a|30\nd|30",
    );
    s.check(
        "SELECT user_id FROM users WHERE visits['nike'] >= 2 OR spend > 50",
        "a\nd",
    );
    s.check(
        "SELECT user_id FROM users WHERE user_id IN ('d', 'zz', 'a') AND age IS NOT NULL",
        "a\nd",
    );
    s.check(
        "SELECT user_id, cardinality(interests) FROM users WHERE age IS NULL",
        "c|0",
    );
    s.check(
        "SELECT * FROM users WHERE user_id = 'b'",
        "b|male|40|false|[\"tea\"]|7.00|{\"nike\":1,\"puma\":2}|2026-02-01|1.5|",
    );
    s.check(
        "SELECT user_id FROM users WHERE age * 2 = 60 AND score < 0",
        "d",
    );
}

#[test]
fn groups_and_aggregates_add_up() {
    let s = people();
    s.check(
        "SELECT gender, count(*) FROM users GROUP BY gender",
        "female|2\nmale|1\n|1",
    );
    s.check(
        "SELECT unnest(interests) AS i, count(*) FROM users GROUP BY i ORDER BY 2 DESC, 1",
        "tea|2\ncoffee|1\nnike|1\n|1",
    );
    s.check("SELECT sum(age), avg(age), min(spend), max(user_id), count(DISTINCT age), sum(score), min(gender) FROM users",
        "100|33.333333333333336|7.00|d|2|0.0|female");
    s.check(
        "SELECT count(*), sum(age), max(gender) FROM users WHERE age > 1000",
        "0||",
    );
    s.check("SELECT age, gender, count(*) FROM users GROUP BY age, gender HAVING count(*) = 1 ORDER BY age DESC NULLS LAST, gender",
        "40|male|1\n30|female|1\n30||1\n|female|1");
    s.check(
        "SELECT unnest(map_keys(visits)) AS k, sum(visits['puma']) FROM users GROUP BY k",
        "nike|2\npuma|11\n|",
    );
    s.check(
        "SELECT DISTINCT gender FROM users ORDER BY gender DESC",
        "\nmale\nfemale",
    );
}

#[test]
fn rows_are_ordered_and_cut() {
    let s = people();
    s.check(
        "SELECT user_id FROM users ORDER BY age DESC, user_id",
        "c\nb\na\nd",
    );
    s.check(
        "SELECT user_id FROM users ORDER BY age NULLS FIRST, user_id DESC LIMIT 2",
        "c\nd",
    );
    s.check(
        "SELECT user_id FROM users ORDER BY spend LIMIT 2 OFFSET 1",
        "a\nd",
    );
    s.check("SELECT user_id FROM users LIMIT 2 OFFSET 1", "b\nc");
    s.check("SELECT user_id FROM users LIMIT 0", "");
}

#[test]
fn writes_say_how_many_they_met() {
    let s = people();
    assert_eq!(
        s.affected("UPDATE users SET vip = true, age = 31 WHERE gender = 'female'"),
        2
    );
    s.check(
        "SELECT user_id, age, vip FROM users WHERE gender = 'female'",
        "a|31|true\nc|31|true",
    );
    assert_eq!(
        s.affected("UPDATE users SET age = age + 1, spend = age WHERE age IS NOT NULL"),
        4
    );
    s.check(
        "SELECT user_id, age, spend FROM users",
        "a|32|31.00\nb|41|40.00\nc|32|31.00\nd|31|30.00",
    );
    assert_eq!(
        s.affected(
            "UPDATE users SET interests = array_append(interests, 'run') WHERE user_id = 'c'"
        ),
        1
    );
    assert_eq!(
        s.affected("UPDATE users SET interests = array_remove(interests, 'tea') WHERE TRUE"),
        4
    );
    s.check(
        "SELECT user_id, interests FROM users",
        "a|[\"nike\"]\nb|[]\nc|[\"run\"]\nd|[\"coffee\"]",
    );
    s.affected("UPDATE users SET visits['nike'] = coalesce(visits['nike'], 0) + 1, visits['puma'] = NULL WHERE TRUE");
    s.check(
        "SELECT user_id, visits FROM users",
        "a|{\"nike\":4}\nb|{\"nike\":2}\nc|{\"nike\":1}\nd|{\"nike\":1}",
    );
    assert_eq!(
        s.affected("DELETE FROM users WHERE user_id IN ('a', 'zz')"),
        1
    );
    assert_eq!(s.affected("DELETE FROM users WHERE age = 41"), 1);
    s.check("SELECT user_id FROM users", "c\nd");
    assert_eq!(
        s.affected("INSERT INTO users (user_id, age) VALUES ('a', 1), ('c', 2), ('a', 3)"),
        3
    );
    assert_eq!(
        s.affected(
            "INSERT INTO users (user_id, age) VALUES ('x', 1), ('c', 9) ON CONFLICT DO NOTHING"
        ),
        1
    );
    s.check(
        "SELECT user_id, age, gender FROM users",
        "c|2|female\nd|31|\na|3|\nx|1|",
    );
    s.affected("TRUNCATE TABLE users");
    s.check("SELECT count(*) FROM users", "0");
}

#[test]
fn tables_are_described() {
    let s = people();
    s.check("SHOW TABLES", "users|4|9|1|0");
    assert!(s.affected("DELETE FROM users WHERE user_id = 'b'") == 1);
    let described: Vec<String> = s
        .lines("DESCRIBE users", "")
        .iter()
        .map(|line| line.rsplit_once('|').unwrap_or_default().0.to_owned())
        .collect();
    assert_eq!(
        described,
        [
            "user_id|KEYWORD PRIMARY KEY||3|3",
            "gender|KEYWORD|self-reported|2|1",
            "age|SMALLINT||2|1",
            "vip|BOOLEAN||2|1",
            "interests|KEYWORD[]||2|3",
            "spend|DECIMAL(12,2)||2|2",
            "visits|MAP(KEYWORD, INT)||2|2",
            "joined|DATE||2|2",
            "score|DOUBLE||2|2",
            "bio|LONGTEXT||2|",
        ]
    );
}

#[test]
fn explain_says_how_each_condition_is_met() {
    let s = people();
    let plan = s.text("EXPLAIN SELECT count(*) FROM users WHERE age > 3 AND NOT gender = 'male'");
    let (_, plan) = plan.split_once("plan\n").unwrap_or_default();
    let expected = "  1 of 1 chunks in 1 partitions
  all, cheapest first
    not
      gender in ('male'): bitmaps of 1 values
    age >= 4: column, among candidates";
    assert_eq!(plan, expected);
    let analyzed = s.text("EXPLAIN ANALYZE SELECT user_id FROM users WHERE vip");
    assert!(analyzed.contains("audience: 2"), "{analyzed}");
    assert!(analyzed.contains("rows: 2"), "{analyzed}");
    let deleted = s.text("EXPLAIN DELETE FROM users WHERE user_id = 'a'");
    assert!(deleted.contains("look-up of keys, 1 found"), "{deleted}");
    s.check("SELECT count(*) FROM users", "4");
}
