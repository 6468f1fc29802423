//! The first rows of an order over tables of several batches and chunks, against a plain sort.

use std::cmp::Ordering;
use std::fmt::Write as _;

use crate::oracle::random::Random;
use crate::session::Session;

const TABLES: u64 = 6;
const QUERIES: usize = 15;

/// What rows can be ordered by; NULL is none.
#[derive(Clone, Debug)]
struct Row {
    id: i64,
    number: Option<i64>,
    /// In halves.
    halves: Option<i64>,
    word: Option<String>,
    flag: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    column: &'static str,
    down: bool,
    nulls_first: Option<bool>,
}

impl Term {
    fn random(random: &mut Random) -> Self {
        Self {
            column: *random.pick(&["n", "n", "x", "w", "v", "n % 3"]),
            down: random.one_in(2),
            nulls_first: *random.pick(&[None, Some(true), Some(false)]),
        }
    }

    fn sql(self) -> String {
        let direction = if self.down { "DESC" } else { "ASC" };
        let nulls = match self.nulls_first {
            None => "",
            Some(true) => " NULLS FIRST",
            Some(false) => " NULLS LAST",
        };
        format!("{} {direction}{nulls}", self.column)
    }

    fn order(self, a: &Row, b: &Row) -> Ordering {
        match self.column {
            "n" => self.of(a.number, b.number),
            "x" => self.of(a.halves, b.halves),
            "w" => self.of(a.word.as_ref(), b.word.as_ref()),
            "v" => self.of(a.flag, b.flag),
            _ => self.of(a.number.map(|n| n % 3), b.number.map(|n| n % 3)),
        }
    }

    fn of<T: Ord>(self, a: Option<T>, b: Option<T>) -> Ordering {
        let nulls_first = self.nulls_first.unwrap_or(self.down);
        match (a, b) {
            (Some(a), Some(b)) if self.down => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) if nulls_first => a.is_some().cmp(&b.is_some()),
            (a, b) => a.is_none().cmp(&b.is_none()),
        }
    }
}

fn rows(random: &mut Random, count: usize) -> Vec<Row> {
    // Few values make ties, rising and falling ones whole chunks that cannot be among the first.
    let shape = random.below(4);
    let row = |id: i64| {
        let number = match shape {
            0 => random.between(0, 3),
            1 => id,
            2 => -id,
            _ => random.between(-40_000, 40_000),
        };
        let mut known = |times| !random.one_in(times);
        let (has_number, has_halves, has_word, has_flag) = (known(9), known(3), known(5), known(2));
        Row {
            id,
            number: has_number.then_some(number),
            halves: has_halves.then(|| random.between(-20, 20)),
            word: has_word.then(|| format!("w{}", random.below(50))),
            flag: has_flag.then(|| random.one_in(2)),
        }
    };
    (0..count as i64).map(row).collect()
}

fn insert(session: &Session, rows: &[Row]) {
    for some in rows.chunks(4_000) {
        let mut sql = String::from("INSERT INTO t (id, n, x, w, v) VALUES ");
        for (place, row) in some.iter().enumerate() {
            let text = |known: Option<String>| known.unwrap_or_else(|| "NULL".to_owned());
            let _ = write!(
                sql,
                "{}({},{},{},{},{})",
                if place > 0 { "," } else { "" },
                row.id,
                text(row.number.map(|number| number.to_string())),
                text(
                    row.halves
                        .map(|halves| format!("{:?}", halves as f64 / 2.0))
                ),
                text(row.word.as_ref().map(|word| format!("'{word}'"))),
                text(row.flag.map(|flag| flag.to_string())),
            );
        }
        session.run(&sql);
    }
}

#[test]
fn the_first_rows_are_those_of_a_sort() {
    for seed in 0..TABLES {
        println!("SEED={seed}");
        let random = &mut Random::new(seed);
        let session = Session::new();
        let partitions = *random.pick(&[1, 4]);
        session.run(&format!(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, n INT, x DOUBLE, w KEYWORD, v BOOLEAN) \
             WITH (partitions = {partitions})"
        ));
        let count = *random.pick(&[900, 9_000, 66_500]);
        let mut rows = rows(random, count);
        insert(&session, &rows);
        if random.one_in(2) {
            assert!(session.database.engine().flush().is_ok());
        }
        // A layer above, so that some values are owned by another one.
        for row in rows.iter_mut().filter(|row| row.id % 11 == 4) {
            row.number = Some(row.id % 7 * 10_000);
        }
        session.run("UPDATE t SET n = id % 7 * 10000 WHERE id % 11 = 4");
        for _ in 0..QUERIES {
            query(&session, &rows, partitions == 1, random);
        }
    }
}

fn query(session: &Session, rows: &[Row], in_order: bool, random: &mut Random) {
    let terms: Vec<Term> = (0..=random.below(2))
        .map(|_| Term::random(random))
        .collect();
    let mut texts: Vec<String> = terms.iter().map(|term| term.sql()).collect();
    // Without the key equal rows come as they were written, if there is one partition.
    if !in_order || random.one_in(3) {
        texts.push("id".to_owned());
    }
    let low = random.between(-100, 900);
    let limit = *random.pick(&[0, 1, 3, 40, 300, 3_000]);
    let offset = *random.pick(&[0, 0, 2, 500]);
    let sql = format!(
        "SELECT id FROM t WHERE id >= {low} ORDER BY {} LIMIT {limit} OFFSET {offset}",
        texts.join(", ")
    );
    let mut expected: Vec<&Row> = rows.iter().filter(|row| row.id >= low).collect();
    expected.sort_by(|a, b| {
        let orders = terms.iter().map(|term| term.order(a, b));
        orders.fold(Ordering::Equal, Ordering::then)
    });
    let expected = expected.into_iter().skip(offset).take(limit);
    let expected: Vec<String> = expected.map(|row| row.id.to_string()).collect();
    assert_eq!(session.lines(&sql, ""), expected, "{sql}");
}
