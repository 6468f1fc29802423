//! A database in memory and answers as text.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panics")]

use std::sync::Arc;

use tagdb_query::literal::write_value;
use tagdb_query::{Answer, Context, Database, Limits, Result, Statement, Value};
use tagdb_storage::batch::KeyRef;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings};
use tagdb_storage::vfs::MemoryVfs;

/// A database of its own.
pub(crate) struct Session {
    pub(crate) database: Database,
    /// The same, whose plans are not made smaller.
    plain: Database,
}

impl Session {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            background: false,
            log_file_bytes: 1 << 20,
            ..Settings::default()
        };
        // 2026-11-20T00:00:00Z
        let clock = Clock::manual(1_795_132_800_000_000);
        let vfs = Arc::new(MemoryVfs::new(7));
        let engine = Engine::open(vfs, settings, clock).unwrap();
        Self {
            plain: Database::without_rules(engine.clone(), Limits::default()),
            database: Database::new(engine, Limits::default()),
        }
    }

    pub(crate) fn answer(&self, sql: &str, context: &Context) -> Result<Answer> {
        self.database.run(&parse(&self.database, sql)?, context)
    }

    /// Rows on lines of their own, values parted by bars.
    pub(crate) fn text(&self, sql: &str) -> String {
        self.lines(sql, "").join("\n")
    }

    /// The rows as lines, with a text of its own for NULL.
    pub(crate) fn lines(&self, sql: &str, null: &str) -> Vec<String> {
        let answer = self.answer(sql, &Context::default());
        let rows = answer.and_then(rows_of);
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        // What was measured differs from one time to the next.
        if !sql.contains("ANALYZE") {
            let again = self.answer(sql, &Context::default());
            let again = again.and_then(rows_by_columns);
            assert_eq!(again.unwrap(), rows, "by columns: {sql}");
        }
        lines_of(&rows, null)
    }

    /// The same, which have to come out of both plans.
    pub(crate) fn both(&self, sql: &str, null: &str) -> Vec<String> {
        let statement = parse(&self.database, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let lines = |database: &Database| {
            let answer = database.run(&statement, &Context::default());
            let rows = answer.and_then(rows_of);
            lines_of(&rows.unwrap_or_else(|error| panic!("{sql}: {error}")), null)
        };
        let found = self.lines(sql, null);
        assert_eq!(found, lines(&self.plain), "without rules: {sql}");
        found
    }

    /// All tags of a subject, if it exists.
    pub(crate) fn look_up(
        &self,
        table: &str,
        key: &str,
        is_int: bool,
        null: &str,
    ) -> Option<Vec<String>> {
        let state = self.database.engine().snapshot();
        let schema = state.catalog().table(table).unwrap();
        let names: Vec<String> = schema.tags.iter().map(|tag| tag.name.to_string()).collect();
        let key = match is_int {
            true => KeyRef::Int(key.parse().unwrap()),
            false => KeyRef::Text(key),
        };
        let all = self.database.lookup(&state, table, &[key], Some(&names));
        let known = self.database.lookup(&state, table, &[key], None);
        let (all, known) = (all.unwrap().remove(0)?, known.unwrap().remove(0)?);
        let is_known: Vec<_> = all.iter().filter(|(_, value)| value.is_known()).collect();
        assert_eq!(is_known, known.iter().collect::<Vec<_>>());
        Some(all.iter().map(|(_, value)| text_of(value, null)).collect())
    }

    #[track_caller]
    pub(crate) fn check(&self, sql: &str, expected: &str) {
        assert_eq!(self.text(sql), expected, "{sql}");
    }

    pub(crate) fn affected(&self, sql: &str) -> u64 {
        match self.answer(sql, &Context::default()) {
            Ok(Answer::Written { rows_affected, .. }) => rows_affected,
            Ok(Answer::Rows(_)) => panic!("{sql} is no write"),
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    pub(crate) fn run(&self, sql: &str) {
        self.affected(sql);
    }
}

/// A value as an answer shows it.
pub(crate) fn text_of(value: &Value, null: &str) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    if value.is_null() {
        null.to_owned()
    } else {
        text
    }
}

fn parse(database: &Database, sql: &str) -> Result<Statement> {
    let mut statements = database.parse(sql)?;
    assert_eq!(statements.len(), 1);
    Ok(statements.remove(0))
}

/// The rows as writers of many rows get them.
fn rows_by_columns(answer: Answer) -> Result<Vec<Vec<Value>>> {
    let Answer::Rows(mut stream) = answer else {
        panic!("a statement without rows");
    };
    let kinds: Vec<_> = stream.columns().iter().map(|column| column.kind).collect();
    let mut rows = Vec::new();
    while let Some(batch) = stream.next_columns()? {
        assert!(batch.len > 0 && batch.columns.len() == kinds.len());
        rows.extend((0..batch.len).map(|row| -> Vec<Value> {
            let columns = batch.columns.iter().zip(&kinds);
            columns
                .map(|(column, kind)| column.value(row, *kind))
                .collect()
        }));
    }
    Ok(rows)
}

fn rows_of(answer: Answer) -> Result<Vec<Vec<Value>>> {
    let Answer::Rows(mut stream) = answer else {
        panic!("a statement without rows");
    };
    let mut rows = Vec::new();
    while let Some(batch) = stream.next()? {
        assert!(!batch.is_empty());
        assert!(batch.iter().all(|row| row.len() == stream.columns().len()));
        rows.extend(batch);
    }
    Ok(rows)
}

fn lines_of(rows: &[Vec<Value>], null: &str) -> Vec<String> {
    let line = |row: &Vec<Value>| {
        let texts: Vec<_> = row.iter().map(|value| text_of(value, null)).collect();
        texts.join("|")
    };
    rows.iter().map(line).collect()
}
