//! Statements: any text, and conditions made of bytes, which rows and bitmaps have to agree on.

use std::sync::LazyLock;

use tagdb_query::literal::write_value;
use tagdb_query::{Answer, Database, Error, Limits, Statement};

use super::database::{DISK, context, open};
use super::disk::sound_database;

/// The database that statements read, and the same without rules that make conditions smaller.
static DATABASES: LazyLock<(Database, Database)> = LazyLock::new(|| {
    let database = sound_database();
    let plain = Database::without_rules(database.engine().clone(), Limits::default());
    (database, plain)
});

/// Words by which equal statements may have different rows.
const LOOSE: [&str; 6] = ["limit", "fetch", "explain", "sample", "describe", "offset"];

/// Any text.
pub(super) fn text(input: &[u8]) -> bool {
    let Ok(sql) = std::str::from_utf8(input) else {
        return false;
    };
    let (database, plain) = &*DATABASES;
    let statements = match database.parse(sql) {
        Ok(statements) => statements,
        Err(error) => return honest(&error, sql),
    };
    if !statements.iter().all(Statement::is_read) {
        return written(sql, &statements);
    }
    let words = sql.to_lowercase();
    let is_loose = LOOSE.iter().any(|word| words.contains(word));
    let mut is_sound = true;
    for statement in &statements {
        let mut found = [database, plain].map(|one| {
            let answer = one.run(statement, &context());
            answer.and_then(lines)
        });
        for error in found.iter().filter_map(|one| one.as_ref().err()) {
            is_sound = honest(error, sql);
        }
        if let [Ok(with), Ok(without)] = &mut found {
            with.sort();
            without.sort();
            assert!(is_loose || with == without, "with rules: {with:?}");
        }
    }
    is_sound
}

/// Statements some of which write, on a database of their own.
fn written(sql: &str, statements: &[Statement]) -> bool {
    let disk = DISK.fork();
    let Ok(database) = open(&disk) else {
        return false;
    };
    let mut is_sound = true;
    for statement in statements {
        if let Err(error) = database.run(statement, &context()).and_then(lines) {
            is_sound = honest(&error, sql);
        }
    }
    drop(database);
    // The log takes back what was acknowledged.
    let opened = open(&disk);
    assert!(opened.is_ok(), "it does not open again: {opened:?}");
    is_sound
}

/// The rows of an answer, a text each.
fn lines(answer: Answer) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    if let Answer::Rows(mut rows) = answer {
        while let Some(batch) = rows.next()? {
            for row in batch {
                assert_eq!(row.len(), rows.columns().len());
                let mut line = String::new();
                for value in &row {
                    write_value(value, &mut line);
                    line.push(if value.is_null() { '!' } else { '|' });
                }
                lines.push(line);
            }
        }
    }
    Ok(lines)
}

/// An error blames the statement, and points into it. So the statement is not sound.
fn honest(error: &Error, sql: &str) -> bool {
    let code = error.code();
    let known = tagdb_wire::codes::find(code);
    assert!(known.is_some_and(|known| known.status < 500), "{error}");
    if let Some((line, column)) = error.position() {
        let lines = sql.matches('\n').count() as u32 + 1;
        assert!(line >= 1 && line <= lines && column >= 1, "{error}");
    }
    false
}

pub(super) fn text_seeds() -> Vec<Vec<u8>> {
    [
        "SELECT k, w, n + 1 AS x FROM t WHERE (n > 1 OR w = 'x') AND NOT has(s, 'p') ORDER BY x DESC LIMIT 5",
        "SELECT w, count(*), sum(n), avg(f), min(d), max(z) FROM t WHERE b GROUP BY w HAVING count(*) > 0",
        "SELECT unnest(s) AS e, count(*) FILTER (WHERE m['p'] > 0) FROM t GROUP BY e",
        "SELECT k FROM t WHERE w IN (SELECT w FROM u WHERE n BETWEEN -5 AND 9000000000) UNION ALL SELECT k FROM t",
        "SELECT CASE WHEN n IS NULL THEN 'none' ELSE CAST(n AS KEYWORD) END, date_trunc('month', z) FROM t",
        "SELECT * FROM t WHERE w LIKE '%x_%' AND l IS NOT NULL AND a >= DATE '2026-01-01' AND any_key(m, x -> m[x] < 0)",
        "INSERT INTO t (k, w, s, m) VALUES ('q', 'x', ['a', 'b'], {'c': 1}); UPDATE t SET n = 1, m['c'] = NULL, s = ['z'] WHERE k = 'q'",
        "DELETE FROM u WHERE i < 0; CREATE TABLE x (k BIGINT PRIMARY KEY, d DECIMAL(10,3)); DROP TABLE x",
        "ALTER TABLE u DROP COLUMN w; SHOW TABLES; DESCRIBE u; EXPLAIN ANALYZE SELECT count(DISTINCT n) FROM u",
        "SELECT extract(year FROM z), round(d, 1), lower(w), coalesce(n, 0) % 3 FROM t -- words\n/* more */",
    ]
    .map(|sql| sql.as_bytes().to_vec())
    .to_vec()
}

/// Takes bytes one by one; zeros when there are none left.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first)
    }

    fn pick<'c>(&mut self, from: &[&'c str]) -> &'c str {
        from[self.next() % from.len()]
    }
}

const NUMBERS: [&str; 6] = ["n", "d", "f", "m['p']", "m['gone']", "n + 1"];
const VALUES: [&str; 12] = [
    "0", "1", "-2", "7", "9", "300", "1.25", "-7.5", "0.01", "2.5", "-1e300", "70000",
];
const WORDS: [&str; 7] = ["'x'", "'y'", "''", "'new'", "'gone'", "'p'", "'X'"];
const SIGNS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];
const TIMES: [&str; 4] = [
    "'2026-01-01'",
    "'1999-12-31'",
    "'2026-11-20 07:16:00'",
    "'1969-07-20 20:17:40'",
];

/// A condition.
fn condition(choices: &mut Choices<'_>, depth: usize) -> String {
    let kind = choices.next();
    if depth > 0 && kind < 128 {
        let (a, b) = (condition(choices, depth - 1), condition(choices, depth - 1));
        return match kind % 6 {
            0 | 1 => format!("({a} AND {b})"),
            2 | 3 => format!("({a} OR {b})"),
            4 => format!("(NOT {a})"),
            _ => format!("(CASE WHEN {a} THEN {b} ELSE b END)"),
        };
    }
    let number = choices.pick(&NUMBERS);
    let (value, sign) = (choices.pick(&VALUES), choices.pick(&SIGNS));
    let (word, time) = (choices.pick(&WORDS), choices.pick(&TIMES));
    match kind % 14 {
        0 | 1 => format!("{number} {sign} {value}"),
        2 => format!("w {sign} {word}"),
        3 => format!("k {sign} {word}"),
        4 => format!("has(s, {word})"),
        5 => format!("{number} BETWEEN {value} AND {}", choices.pick(&VALUES)),
        6 => format!("w IN ({word}, {}, NULL)", choices.pick(&WORDS)),
        7 => format!("{number} IS NULL"),
        8 => "b".to_owned(),
        9 => format!("z {sign} TIMESTAMP {time}"),
        10 => format!("w LIKE {}", choices.pick(&["'%'", "'_'", "'x%'", "'%e_'"])),
        11 => format!("{number} {sign} {}", choices.pick(&NUMBERS)),
        12 => format!("has_any(s, [{word}, 'q'])"),
        _ => format!("{number} NOT IN ({value}, {})", choices.pick(&VALUES)),
    }
}

/// Conditions that are made of bytes: who has them is the same by bitmaps and by rows, and
/// everybody has one, its opposite, or neither.
pub(super) fn made(input: &[u8]) -> bool {
    let condition = condition(&mut Choices(input), 5);
    let (database, plain) = &*DATABASES;
    let ask = |database: &Database, sql: &str| -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for statement in database.parse(sql)? {
            found.extend(lines(database.run(&statement, &context())?)?);
        }
        found.sort();
        Ok(found)
    };
    let side = |side: &str| format!("SELECT k FROM t WHERE {side}");
    let sides = [
        side(&condition),
        side(&format!("NOT {condition}")),
        side(&format!("({condition}) IS NULL")),
    ];
    let mut all = Vec::new();
    for sql in &sides {
        let both = [database, plain].map(|database| ask(database, sql));
        for error in both.iter().filter_map(|one| one.as_ref().err()) {
            honest(error, sql);
        }
        let [Ok(with), Ok(without)] = both else {
            return false;
        };
        assert_eq!(with, without, "with and without rules: {sql}");
        all.push(with);
    }
    let by_rows = format!("SELECT k, {condition} AS c FROM t");
    let by_rows = match ask(database, &by_rows) {
        Ok(lines) => lines,
        Err(error) => return honest(&error, &by_rows),
    };
    for (found, value) in all.iter().zip(["true|", "false|", "!"]) {
        let who = by_rows.iter().filter_map(|line| {
            let (key, rest) = line.split_once('|')?;
            let is_null = rest.ends_with('!');
            (rest == value || value == "!" && is_null).then(|| format!("{key}|"))
        });
        let who: Vec<String> = who.collect();
        assert_eq!(*found, who, "{value} by rows: {condition}");
    }
    true
}

pub(super) fn made_seeds() -> Vec<Vec<u8>> {
    let plain = (0..14)
        .map(|kind| vec![140 + kind, 1, 2, 3, 4, 5])
        .collect();
    let deep = (0..6_u8).map(|kind| {
        let leaf =
            |shift: u8| (0..12_u8).map(move |byte| byte.wrapping_mul(17).wrapping_add(shift));
        [kind]
            .into_iter()
            .chain(leaf(129))
            .chain(leaf(133))
            .collect()
    });
    [plain, deep.collect::<Vec<Vec<u8>>>()].concat()
}
