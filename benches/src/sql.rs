//! Statements as a program runs them: text in, all rows out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tagdb_query::{Answer, Context, Database, Result, RowStream, Value};

/// All rows of one statement's answer.
#[derive(Debug)]
pub struct Answered {
    label: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// Numbers by what they are of: what two systems must agree on.
pub type Findings = BTreeMap<String, i64>;

/// Parses, binds and starts a statement that reads.
///
/// # Errors
/// Those of [`Database::run`].
pub fn stream(database: &Database, sql: &str) -> Result<RowStream> {
    let statements = database.parse(sql)?;
    let not_one = || tagdb_query::Error::new("syntax_error", "one SELECT is wanted");
    let [statement] = &statements[..] else {
        return Err(not_one());
    };
    match database.run(statement, &Context::default())? {
        Answer::Rows(rows) => Ok(rows),
        Answer::Written { .. } => Err(not_one()),
    }
}

/// Takes all rows of a statement that reads, as columns, and forgets them; tells how many they were.
///
/// # Errors
/// Those of [`Database::run`].
pub fn drain(database: &Database, sql: &str) -> Result<u64> {
    let mut stream = stream(database, sql)?;
    let mut rows = 0;
    while let Some(columns) = stream.next_columns()? {
        rows += columns.len as u64;
    }
    Ok(rows)
}

/// Runs a statement that reads, from its text to its last row.
///
/// # Errors
/// Those of [`Database::run`].
pub fn ask(database: &Database, label: &str, sql: &str) -> Result<Answered> {
    let mut stream = stream(database, sql)?;
    let mut rows = Vec::new();
    while let Some(batch) = stream.next()? {
        rows.extend(batch);
    }
    let columns = stream.columns().iter().map(|c| c.name.to_string());
    Ok(Answered {
        label: label.to_owned(),
        columns: columns.collect(),
        rows,
    })
}

/// What answers say: integers of columns called `n` or `total`, by the answer's label and the
/// values of all other columns. Averages follow from them, and are left out.
#[must_use]
pub fn findings(answers: &[Answered]) -> Findings {
    let mut findings = Findings::new();
    for answer in answers {
        for row in &answer.rows {
            let mut of = answer.label.clone();
            let mut measures = Vec::new();
            for (name, value) in answer.columns.iter().zip(row) {
                match (name.as_str(), value) {
                    ("n" | "total", Value::Int(number)) => measures.push((name, *number)),
                    (_, Value::Double(_)) => {}
                    (_, Value::Text(text)) => of.extend(["/", text]),
                    (_, value) => {
                        // Writing to a string cannot fail.
                        let _ = write!(of, "/{}", plain(value));
                    }
                }
            }
            for (name, number) in measures {
                findings.insert(format!("{of} {name}"), number);
            }
        }
    }
    findings
}

fn plain(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        other => format!("{other:?}"),
    }
}
