//! Statistics against known answers and closed formulas, over more than one chunk.
use tagdb_query::{Answer, Context};

use crate::session::Session;

/// Jobs of the customers that the bank of a well-known data set called: of how many each is, and
/// how many of these subscribed (S. Moro, P. Rita, P. Cortez, "Bank Marketing", UCI, 2014).
const JOBS: [(&str, usize, usize); 12] = [
    ("admin.", 5171, 631),
    ("blue-collar", 9732, 708),
    ("entrepreneur", 1487, 123),
    ("housemaid", 1240, 109),
    ("management", 9458, 1301),
    ("retired", 2264, 516),
    ("self-employed", 1579, 187),
    ("services", 4154, 369),
    ("student", 938, 269),
    ("technician", 7597, 840),
    ("unemployed", 1303, 202),
    ("unknown", 288, 34),
];

/// The customers of the bank, and as many again of whom no job is known.
fn bank(partitions: usize) -> Session {
    let session = Session::new();
    session.run(&format!(
        "CREATE TABLE bank (id BIGINT PRIMARY KEY, job KEYWORD, jobs KEYWORD[], subscribed KEYWORD, \
         n BIGINT) WITH (partitions = {partitions})"
    ));
    let mut rows = Vec::new();
    for (job, count, subscribed) in JOBS {
        for number in 0..count {
            let answer = if number < subscribed { "yes" } else { "no" };
            let id = rows.len();
            rows.push(format!("({id}, '{job}', ['{job}'], '{answer}', {id})"));
        }
    }
    let known = rows.len();
    rows.extend((known..2 * known).map(|id| format!("({id}, NULL, NULL, 'yes', NULL)")));
    for rows in rows.chunks(3_000) {
        let rows = rows.join(",");
        session.run(&format!(
            "INSERT INTO bank (id, job, jobs, subscribed, n) VALUES {rows}"
        ));
    }
    session
}

#[test]
fn the_tgi_of_jobs_among_subscribers_is_known() {
    for partitions in [1, 4] {
        let session = bank(partitions);
        for _ in 0..2 {
            for query in [
                "SELECT job, round(tgi(), 2) FROM bank WHERE subscribed = 'yes' GROUP BY job",
                "SELECT unnest(jobs) AS x, round(tgi(), 2) FROM bank WHERE subscribed = 'yes' \
                 GROUP BY x",
                "SELECT job, round(tgi() FILTER (WHERE subscribed = 'yes'), 2) FROM bank \
                 WHERE n >= 0 OR n IS NULL GROUP BY job",
                "SELECT lower(job), round(tgi(), 2) FROM bank WHERE subscribed = 'yes' \
                 GROUP BY lower(job)",
            ] {
                let lines = session.lines(query, "NULL");
                assert_eq!(lines.len(), 13, "{query}");
                for line in [
                    "student|245.14",
                    "retired|194.82",
                    "blue-collar|62.19",
                    "NULL|NULL",
                ] {
                    assert!(
                        lines.contains(&line.to_owned()),
                        "{line} of {query}: {lines:?}"
                    );
                }
            }
            assert!(session.database.engine().flush().is_ok());
            assert!(session.database.engine().compact(None).is_ok());
        }
    }
}

#[test]
fn statistics_follow_their_formulas_though_half_is_null() {
    let session = bank(4);
    let n: u64 = JOBS.iter().map(|(_, count, _)| *count as u64).sum();
    // Of 0, 1, ... n - 1.
    let last = (n - 1) as f64;
    let deviation = ((n * (n + 1)) as f64 / 12.0).sqrt();
    let close = |sql: &str, expected: f64| {
        let found: f64 = session.text(sql).parse().unwrap();
        assert!(
            (found - expected).abs() < 1e-6,
            "{sql}: {found}, not {expected}"
        );
    };
    close("SELECT median(n) FROM bank", last / 2.0);
    close("SELECT quantile(n, 0.999) FROM bank", last * 0.999);
    close("SELECT quantile(n + 1, 0.1) - 1 FROM bank", last * 0.1);
    close("SELECT stddev(n) FROM bank", deviation);
    close("SELECT stddev(n * 1000) / 1000 FROM bank", deviation);
    close("SELECT stddev(1000000000 + n) FROM bank", deviation);
    close("SELECT median(n) FILTER (WHERE n < 1001) FROM bank", 500.0);
    close("SELECT avg(n) FROM bank", last / 2.0);
}

#[test]
fn parts_add_up_to_the_whole() {
    let session = bank(4);
    let number = |sql: &str| session.text(sql).parse::<f64>().unwrap();
    let all = number("SELECT count(*) FROM bank");
    let conditions = [
        "n % 3 = 0",
        "job LIKE '%e%'",
        "n > 5000 AND job <> 'student'",
    ];
    for condition in conditions {
        let parts = format!(
            "SELECT count(*) FILTER (WHERE {condition}) + count(*) FILTER (WHERE NOT ({condition})) \
             + count(*) FILTER (WHERE ({condition}) IS NULL) FROM bank"
        );
        assert_eq!(number(&parts), all, "{condition}");
        // A filter is what WHERE is, for those groups that are left.
        let keys = "SELECT job, count(*) FILTER (WHERE @), sum(n) FILTER (WHERE @), \
                    median(n) FILTER (WHERE @), share() FILTER (WHERE @) FROM bank GROUP BY job \
                    HAVING count(*) FILTER (WHERE @) > 0";
        let filtered = session.lines(&keys.replace('@', condition), "NULL");
        let plain = "SELECT job, count(*), sum(n), median(n), share() FROM bank WHERE ";
        let plain = session.lines(&format!("{plain}{condition} GROUP BY job"), "NULL");
        assert_eq!(filtered, plain, "{condition}");
    }
    let buckets = session.lines(
        "SELECT bucket_of(id, 10, 'x') AS b, count(*) FROM bank GROUP BY b",
        "NULL",
    );
    assert_eq!(buckets.len(), 10);
    let sum: f64 = (0..10)
        .map(|b| {
            number(&format!(
                "SELECT count(*) FROM bank WHERE bucket_of(id, 10, 'x') = {b}"
            ))
        })
        .sum();
    assert_eq!(sum, all);
    // About a tenth in each, and in a tenth of the whole.
    for line in buckets {
        let count: f64 = line.split_once('|').unwrap().1.parse().unwrap();
        assert!((count - all / 10.0).abs() < 500.0, "{line}");
    }
    let mut before = 0.0;
    for percent in [0.0, 1.0, 10.0, 12.5, 50.0, 99.9, 100.0] {
        let sample = format!("FROM bank TABLESAMPLE BERNOULLI ({percent}) REPEATABLE (11)");
        let count = number(&format!("SELECT count(*) {sample}"));
        assert!(
            (count - all * percent / 100.0).abs() < 700.0,
            "{percent}: {count}"
        );
        assert!(before <= count);
        before = count;
    }
    // Without a seed there is one of the statement's start, here a clock that stands.
    let sampled = "SELECT id FROM bank TABLESAMPLE BERNOULLI (1)";
    let same = sampled.to_owned() + " REPEATABLE (1795132800000000)";
    assert_eq!(session.lines(sampled, ""), session.lines(&same, ""));
    let lines = session.lines("SELECT job, share() FROM bank GROUP BY job", "0");
    let share = |line: &String| line.split_once('|').unwrap().1.parse::<f64>().unwrap();
    assert!((lines.iter().map(share).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn numbers_that_are_gathered_count_as_memory() {
    let session = bank(1);
    let run = |memory_bytes_max: usize, sql: &str| {
        let context = Context {
            memory_bytes_max,
            ..Context::default()
        };
        match session.answer(sql, &context) {
            Ok(Answer::Rows(mut rows)) => rows.next().map(|_| ()),
            Ok(Answer::Written { .. }) => panic!("a write"),
            Err(error) => Err(error),
        }
    };
    for sql in [
        "SELECT median(n) FROM bank",
        "SELECT job, quantile(n + 1, 0.9) FROM bank GROUP BY job",
        "SELECT median(n) FILTER (WHERE n > 1) FROM bank",
    ] {
        assert!(run(4 << 20, sql).is_ok(), "{sql}");
        let error = run(200_000, sql).unwrap_err();
        assert_eq!(error.code(), "limit_exceeded", "{sql}");
        assert!(
            error.to_string().contains("statement_memory_bytes"),
            "{error}"
        );
    }
}
