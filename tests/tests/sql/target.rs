//! A database in memory that scripts run on.

use std::fmt;
use std::sync::Arc;

use sqllogictest::{ColumnType, DB, DBOutput};
use tagdb_query::literal::write_value;
use tagdb_query::{Answer, Context, DataType, Database, Limits, Value};
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings};
use tagdb_storage::vfs::MemoryVfs;
use tagdb_storage::vocabulary::VocabularyLimits;

/// 2026-11-20T07:16:00Z, a Friday.
const NOW: i64 = 1_795_158_960_000_000;

/// Different strings of a tag in a partition.
const VOCABULARY_ENTRIES_MAX: usize = 100;

/// What is done after every write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upkeep {
    /// Everything stays in memory.
    Nothing,
    /// What is in memory becomes segments.
    Flush,
    /// And these are merged into one.
    Compact,
    /// The process is killed, and the log is replayed.
    Reopen,
}

/// The type of a column of a result, by one letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(char);

impl ColumnType for Kind {
    fn from_char(letter: char) -> Option<Self> {
        "BTLSJIGNFDZM".contains(letter).then_some(Self(letter))
    }

    fn to_char(&self) -> char {
        self.0
    }
}

impl From<DataType> for Kind {
    fn from(data_type: DataType) -> Self {
        Self(match data_type {
            DataType::Null | DataType::Keyword => 'T',
            DataType::Boolean => 'B',
            DataType::SmallInt => 'S',
            DataType::Int => 'J',
            DataType::BigInt => 'I',
            DataType::Decimal { .. } => 'N',
            DataType::Double => 'F',
            DataType::LongText => 'L',
            DataType::Date => 'D',
            DataType::Timestamp => 'Z',
            DataType::KeywordSet => 'G',
            DataType::Map(_) => 'M',
        })
    }
}

/// An error as `code@line:column message`.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) tagdb_query::Error);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        f.write_str(error.code())?;
        if let Some((line, column)) = error.position() {
            write!(f, "@{line}:{column}")?;
        }
        write!(f, " {error}")
    }
}

impl std::error::Error for Failure {}

/// Rows as text, with the types and names of their columns.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) names: Vec<String>,
    pub(crate) kinds: Vec<DataType>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// What a statement came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    Rows(Rows),
    Affected(u64),
}

/// A database and what its statements run with.
#[derive(Debug)]
pub(crate) struct Target {
    partitions: u16,
    upkeep: Upkeep,
    disk: MemoryVfs,
    /// Nothing while it is being opened again.
    database: Option<Database>,
    context: Context,
}

impl Target {
    /// An empty database, whose tables have `partitions` partitions where their statement says
    /// `/*partitions*/`.
    pub(crate) fn new(partitions: u16, upkeep: Upkeep) -> Self {
        let disk = MemoryVfs::new(u64::from(partitions));
        Self {
            partitions,
            upkeep,
            database: Some(open(&disk)),
            disk,
            context: Context::default(),
        }
    }

    fn database(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    /// Runs one statement.
    pub(crate) fn statement(&mut self, sql: &str) -> Result<Outcome, tagdb_query::Error> {
        let clause = format!("WITH (partitions = {})", self.partitions);
        let sql = sql.replace("/*partitions*/", &clause);
        let statements = self.database().parse(&sql)?;
        let [statement] = statements.as_slice() else {
            panic!("{} statements in {sql}", statements.len());
        };
        match self.database().run(statement, &self.context)? {
            Answer::Written { rows_affected, .. } => {
                self.keep_up();
                Ok(Outcome::Affected(rows_affected))
            }
            Answer::Rows(mut stream) => {
                let mut rows = Vec::new();
                while let Some(batch) = stream.next()? {
                    rows.extend(batch.iter().map(|row| row.iter().map(text).collect()));
                }
                let columns = stream.columns();
                Ok(Outcome::Rows(Rows {
                    names: columns.iter().map(|column| column.name.clone()).collect(),
                    kinds: columns.iter().map(|column| column.kind).collect(),
                    rows,
                }))
            }
        }
    }

    fn keep_up(&mut self) {
        let engine = self.database().engine();
        match self.upkeep {
            Upkeep::Nothing => {}
            Upkeep::Flush => engine.flush().unwrap(),
            Upkeep::Compact => {
                engine.flush().unwrap();
                engine.compact(None).unwrap();
            }
            Upkeep::Reopen => self.reopen(),
        }
    }

    /// Opens the database as a killed process left it.
    fn reopen(&mut self) {
        self.database = None;
        self.disk = self.disk.crash_process();
        self.database = Some(open(&self.disk));
    }

    /// What is no SQL: `@restart`, `@time_zone NAME`, and `@columns SELECT ...`, which gives names
    /// and types.
    fn directive(&mut self, text: &str) -> Result<Outcome, tagdb_query::Error> {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match word {
            "restart" => {
                self.database().engine().close().unwrap();
                self.reopen();
            }
            "time_zone" => {
                self.context.time_zone = jiff::tz::TimeZone::get(rest.trim()).unwrap();
            }
            "columns" => {
                let Outcome::Rows(rows) = self.statement(rest)? else {
                    panic!("{rest} has no columns");
                };
                let column = |(name, kind): (String, DataType)| vec![name, kind.to_string()];
                return Ok(Outcome::Rows(Rows {
                    names: vec!["name".to_owned(), "type".to_owned()],
                    kinds: vec![DataType::Keyword, DataType::Keyword],
                    rows: rows.names.into_iter().zip(rows.kinds).map(column).collect(),
                }));
            }
            _ => panic!("there is no @{word}"),
        }
        Ok(Outcome::Affected(0))
    }
}

impl DB for Target {
    type Error = Failure;
    type ColumnType = Kind;

    fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, Failure> {
        let outcome = match sql.strip_prefix('@') {
            Some(directive) => self.directive(directive),
            None => self.statement(sql),
        };
        Ok(match outcome.map_err(Failure)? {
            Outcome::Rows(rows) => DBOutput::Rows {
                types: rows.kinds.into_iter().map(Kind::from).collect(),
                rows: rows.rows,
            },
            Outcome::Affected(count) => DBOutput::StatementComplete(count),
        })
    }
}

fn open(disk: &MemoryVfs) -> Database {
    let settings = Settings {
        background: false,
        log_file_bytes: 1 << 16,
        vocabulary: VocabularyLimits {
            entries_max: VOCABULARY_ENTRIES_MAX,
            ..Settings::default().vocabulary
        },
        ..Settings::default()
    };
    let engine = Engine::open(Arc::new(disk.clone()), settings, Clock::manual(NOW)).unwrap();
    Database::new(engine, Limits::default())
}

/// A value as scripts write it: NULL, and strings in quotes where they would be misread.
fn text(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(_) if text.is_empty() || text == "NULL" || text.contains([' ', '\n', '\'']) => {
            format!("'{}'", text.replace('\'', "''").replace('\n', "\\n"))
        }
        _ => text,
    }
}
