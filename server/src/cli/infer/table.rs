//! Chooses the key and the types, and writes the CREATE TABLE.

use std::fmt::Write as _;

use tagdb_query::RESERVED;

use super::read::{Column, Sample};
use crate::cli::failure::Failure;

/// Words that can be names without quotes, and mean something else where a value may stand.
const VALUES: &[&str] = &[
    "array",
    "current_date",
    "current_timestamp",
    "date",
    "extract",
    "interval",
    "map",
    "timestamp",
    "unnest",
];

/// The table that an import would make.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The statement, with a remark on each column.
    pub(crate) create_table: String,
    /// How the key was chosen.
    pub(crate) key_reason: String,
}

impl Plan {
    /// Chooses the key and the types; `types` are given by the user and win.
    ///
    /// # Errors
    /// A column named by the user is not there, no column can be the key, or no type holds a
    /// column's values.
    pub(crate) fn new(
        table: &str,
        sample: &Sample,
        key: Option<&str>,
        types: &[(String, String)],
    ) -> Result<Self, Failure> {
        for name in types.iter().map(|(name, _)| name.as_str()).chain(key) {
            if !sample.columns.iter().any(|column| column.name == name) {
                return Err(Failure::Failed(format!(
                    "there is no column {name:?} in the file"
                )));
            }
        }
        let given = |column: &Column| {
            let entry = types.iter().find(|(name, _)| *name == column.name);
            entry.map(|(_, kind)| kind.clone())
        };
        let (key, key_reason) = choose_key(sample, key)?;
        let key_kind = match (given(key), key.facts.key_type()) {
            (Some(given), _) => given,
            (None, Some(kind)) => kind.to_string(),
            (None, None) => {
                let text = format!(
                    "column {:?} cannot be the key: a key is a whole number or text of up to 512 bytes",
                    key.name
                );
                return Err(Failure::Failed(text));
            }
        };
        let mut lines = vec![Line {
            definition: format!("{} {key_kind} PRIMARY KEY", quote_name(&key.name)),
            remark: String::new(),
        }];
        for column in &sample.columns {
            if !std::ptr::eq(column, key) {
                lines.push(tag_line(column, given(column), sample.complete)?);
            }
        }
        Ok(Self {
            create_table: write_statement(table, &lines),
            key_reason,
        })
    }
}

struct Line {
    definition: String,
    remark: String,
}

fn choose_key<'a>(
    sample: &'a Sample,
    named: Option<&str>,
) -> Result<(&'a Column, String), Failure> {
    let mut columns = sample.columns.iter();
    if let Some(name) = named
        && let Some(column) = columns.clone().find(|column| column.name == name)
    {
        return Ok((column, format!("key {name}: as told")));
    }
    if sample.rows == 0 {
        return Err(Failure::Failed(
            "there is no row, and nothing tells the types of columns: write CREATE TABLE, or name \
             the key with --key and types with --as"
                .to_owned(),
        ));
    }
    match columns.find(|column| column.facts.key_kind(sample.rows).is_some()) {
        Some(column) => {
            let name = &column.name;
            let rows = sample.rows;
            let reason = format!("key {name}: never empty and never repeated in {rows} rows");
            Ok((column, reason))
        }
        None => Err(Failure::Failed(
            "no column can be the key: each is empty or repeats itself somewhere; name one with --key"
                .to_owned(),
        )),
    }
}

fn tag_line(column: &Column, given: Option<String>, complete: bool) -> Result<Line, Failure> {
    let name = quote_name(&column.name);
    if let Some(kind) = given {
        return Ok(Line {
            definition: format!("{name} {kind}"),
            remark: "as told".to_owned(),
        });
    }
    let Some(kind) = column.facts.kind(complete) else {
        let text = format!(
            "no type holds all values of column {:?}; mend the file, or name a type with --as",
            column.name
        );
        return Err(Failure::Failed(text));
    };
    Ok(Line {
        definition: format!("{name} {kind}"),
        remark: column.facts.summary(Some(&kind)),
    })
}

fn write_statement(table: &str, lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.definition.len()).max();
    let width = width.unwrap_or(0) + 1;
    let mut text = format!("CREATE TABLE {} (\n", quote_name(table));
    for (index, line) in lines.iter().enumerate() {
        let comma = if index + 1 < lines.len() { "," } else { "" };
        let definition = format!("{}{comma}", line.definition);
        if line.remark.is_empty() {
            let _ = writeln!(text, "  {definition}");
        } else {
            let _ = writeln!(text, "  {definition:width$}  -- {}", line.remark);
        }
    }
    text.push_str(");");
    text
}

/// A name as SQL takes it: as it is, or in double quotes.
pub(crate) fn quote_name(name: &str) -> String {
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|first| first == b'_' || first.is_ascii_lowercase());
    let is_plain = starts
        && bytes.all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'$'
        });
    let is_word = RESERVED.contains(&name) || VALUES.contains(&name);
    if is_plain && !is_word {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
