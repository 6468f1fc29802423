//! A known data set by its counts: customers of a bank by job, and who subscribed.

use std::fmt::Write as _;

use tagdb_query::Context;
use tagdb_query::analysis::{Conditions, Content, Params, Question, Test};

use crate::session::{Session, text_of};

/// Job, those who subscribed, those who did not.
const JOBS: [(&str, usize, usize); 12] = [
    ("admin.", 631, 4_540),
    ("blue-collar", 708, 9_024),
    ("entrepreneur", 123, 1_364),
    ("housemaid", 109, 1_131),
    ("management", 1_301, 8_157),
    ("retired", 516, 1_748),
    ("self-employed", 187, 1_392),
    ("services", 369, 3_785),
    ("student", 269, 669),
    ("technician", 840, 6_757),
    ("unemployed", 202, 1_101),
    ("unknown", 34, 254),
];

/// Customers in all.
const CUSTOMERS: u64 = 45_211;

fn bank() -> Session {
    let session = Session::new();
    session.run(
        "CREATE TABLE bank (id BIGINT PRIMARY KEY, job KEYWORD, subscribed KEYWORD, other KEYWORD) \
         WITH (partitions = 4)",
    );
    let kinds = JOBS.iter().flat_map(|(job, yes, no)| {
        let of = |word: &'static str, count: usize| std::iter::repeat_n((*job, word), count);
        of("yes", *yes).chain(of("no", *no))
    });
    let customers: Vec<_> = kinds.enumerate().collect();
    for some in customers.chunks(4_096) {
        let mut sql = "INSERT INTO bank (id, job, subscribed, other) VALUES ".to_owned();
        for (place, (id, (job, word))) in some.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            // Nothing is known of every second one.
            let other = match id % 2 {
                0 => format!("'{job}'"),
                _ => "NULL".to_owned(),
            };
            let _ = write!(sql, "{comma}({id}, '{job}', '{word}', {other})");
        }
        session.run(&sql);
    }
    assert!(session.database.engine().flush().is_ok());
    session
}

fn question(tag: &str) -> Question {
    let text = ("where".to_owned(), "subscribed = 'yes'".to_owned());
    Question {
        conditions: Conditions {
            texts: vec![text],
            params: Params::default(),
        },
        tags: Some(vec![tag.to_owned()]),
        ..Question::default()
    }
}

#[test]
fn what_is_special_about_subscribers() {
    let session = bank();
    let snapshot = session.database.engine().snapshot();
    let analysis = session
        .database
        .analysis(snapshot, "bank", &Context::default());
    let analysis = analysis.unwrap();
    let portrait = analysis.portrait(&question("job"), 20).unwrap();
    assert_eq!((portrait.audience, portrait.base), (5_289, CUSTOMERS));
    assert_eq!(portrait.test, Test::Hypergeometric);
    let Content::Values { values, more } = &portrait.tags[0].content else {
        panic!("jobs have no buckets");
    };
    assert_eq!((values.len(), *more), (12, 0));
    for (job, tgi) in [
        ("student", 245.14),
        ("retired", 194.82),
        ("blue-collar", 62.19),
    ] {
        let found = values.iter().find(|(value, _)| text_of(value, "") == job);
        let found = found.unwrap().1.tgi.unwrap();
        assert!((found - tgi).abs() < 0.005, "{job}: {found}");
    }
    let shares: f64 = values.iter().filter_map(|(_, found)| found.share).sum();
    assert!((shares - 1.0).abs() < 1e-12);
    let found = analysis.significant(&question("job"), 1, 2).unwrap();
    let jobs: Vec<_> = found
        .values
        .iter()
        .map(|value| format!("{:?}", value.what))
        .collect();
    assert_eq!(
        jobs,
        ["Value(Text(\"retired\"))", "Value(Text(\"student\"))"]
    );
}

/// Shares are of those whose tag is known, which here are half of all.
#[test]
fn what_is_unknown_does_not_count() {
    let session = bank();
    let snapshot = session.database.engine().snapshot();
    let analysis = session
        .database
        .analysis(snapshot, "bank", &Context::default());
    let portrait = analysis.unwrap().portrait(&question("other"), 20).unwrap();
    let tag = &portrait.tags[0];
    let mut expected = Vec::new();
    let (mut id, mut n, mut all) = (0, 0_u64, 0_u64);
    for (job, yes, no) in JOBS {
        let even = |from: usize, count: usize| {
            (from..from + count).filter(|id| id % 2 == 0).count() as u64
        };
        let (own, others) = (even(id, yes), even(id + yes, no));
        id += yes + no;
        n += own;
        all += own + others;
        expected.push((job, own, own + others));
    }
    assert_eq!((tag.known.audience, tag.known.base), (n, all));
    assert_eq!(all, CUSTOMERS.div_ceil(2));
    assert_eq!(tag.coverage, Some(n as f64 / portrait.audience as f64));
    let Content::Values { values, .. } = &tag.content else {
        panic!("jobs have no buckets");
    };
    for (job, k, base_k) in expected {
        let found = values.iter().find(|(value, _)| text_of(value, "") == job);
        let found = found.unwrap().1;
        assert_eq!((found.count, found.base_count), (k, base_k));
        let [k, n, base_k, all] = [k, n, base_k, all].map(|count| count as f64);
        let (p, q) = (k / n, base_k / all);
        assert!((found.tgi.unwrap() - 100.0 * p / q).abs() < 1e-9);
        let deviation = (n * q * (1.0 - q) * (all - n) / (all - 1.0)).sqrt();
        assert!((found.z.unwrap() - (k - n * q) / deviation).abs() < 1e-9);
    }
}
