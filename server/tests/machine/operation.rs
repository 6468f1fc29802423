//! What writers do: the operation of a number is always the same, as a request and on a map.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::http::Request;

/// Subjects of a writer live for so many operations.
const LIFE: i64 = 30;

/// Keys of one operation at most.
const KEYS: i64 = 8;

/// The tags of a subject; all subjects of a writer are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    writer: Option<String>,
    number: Option<i64>,
    members: BTreeSet<String>,
    text: Option<String>,
    rank: Option<i64>,
}

/// All subjects of a writer, by key.
pub(crate) type Rows = BTreeMap<i64, Row>;

/// How a writer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bulk writes of rows and of keys to delete.
    Uploads,
    /// INSERT, UPDATE and DELETE.
    Statements,
    /// One subject at a time.
    Patches,
    /// Loads that replace a tag, through segments instead of the log.
    Loads,
    /// One subject at a time, without waiting for the disk.
    Unsynced,
}

/// The writers of a database, by their places.
pub(crate) const WRITERS: [Kind; 5] = [
    Kind::Uploads,
    Kind::Statements,
    Kind::Patches,
    Kind::Loads,
    Kind::Unsynced,
];

pub(crate) fn create() -> Request {
    Request::sql(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, w KEYWORD, n BIGINT, s KEYWORD[], x LONGTEXT, \
         r BIGINT) WITH (partitions = 2)",
    )
}

pub(crate) fn dump() -> Request {
    Request::get("/v1/sql?sql=SELECT+id,+w,+n,+s,+x,+r+FROM+t&format=ndjson")
}

/// One write: all of it happens, or nothing.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Rows(Vec<(i64, Json)>),
    Insert(Vec<(i64, Json)>),
    DeleteKeys(Vec<i64>),
    /// Sets the text of the writer's subjects below a number.
    Update(usize, i64, String),
    /// Deletes the writer's subjects below a number.
    Delete(usize, i64),
    Patch(i64, Json, bool),
    /// Exactly these have the rank afterwards.
    Ranks(Vec<(i64, i64)>),
}

fn key(writer: usize, number: i64, place: i64) -> i64 {
    (writer as i64 * 1_000_000_000 + number) * KEYS + place
}

/// Which writer a key is of.
pub(crate) fn writer_of(key: i64) -> usize {
    usize::try_from(key / KEYS / 1_000_000_000).unwrap()
}

fn row(writer: usize, number: i64, place: i64) -> (i64, Json) {
    let text = format!("{number}-{place} ").repeat((number * 7 + place).rem_euclid(40) as usize);
    let tags = json!({
        "w": format!("w{writer}"),
        "n": number,
        "s": [format!("m{}", number % 5), format!("p{place}")],
        "x": text,
    });
    (key(writer, number, place), tags)
}

impl Operation {
    /// The operation of a writer; numbers begin at 1.
    pub(crate) fn of(writer: usize, number: i64) -> Self {
        let places = 0..KEYS;
        let rows = || {
            places
                .clone()
                .map(|place| row(writer, number, place))
                .collect()
        };
        let old = number - LIFE;
        match (WRITERS[writer], number % 4) {
            (Kind::Uploads, 0) => {
                let batches = old - 3..=old;
                let keys = |batch| places.clone().map(move |place| key(writer, batch, place));
                Self::DeleteKeys(batches.flat_map(keys).collect())
            }
            (Kind::Uploads, 1) => {
                let mut all: Vec<(i64, Json)> = rows();
                let again = |place| {
                    let tags = json!({"s+": [format!("again{number}")], "s-": ["p1"]});
                    (key(writer, number - 2, place), tags)
                };
                all.extend((0..3).map(again));
                Self::Rows(all)
            }
            (Kind::Uploads, _) => Self::Rows(rows()),
            (Kind::Statements, 0) => Self::Delete(writer, old),
            (Kind::Statements, 2) => Self::Update(writer, number - 5, format!("u{number}")),
            (Kind::Statements, _) => Self::Insert(rows()),
            (Kind::Loads, _) => {
                let rank = |place| (key(writer, number % LIFE, place), number * 10 + place);
                Self::Ranks(places.map(rank).collect())
            }
            (Kind::Patches | Kind::Unsynced, _) => {
                let (_, tags) = row(writer, number, 0);
                let is_synced = WRITERS[writer] == Kind::Patches;
                Self::Patch(key(writer, number % LIFE, 0), tags, is_synced)
            }
        }
    }

    pub(crate) fn request(&self) -> Request {
        match self {
            Self::Rows(rows) => {
                let lines = rows.iter().map(|(key, tags)| {
                    let mut tags = tags.clone();
                    tags["id"] = json!(key);
                    format!("{tags}\n")
                });
                let body: String = lines.collect();
                Request::post("/v1/tables/t/rows", "application/x-ndjson", body)
            }
            Self::Insert(rows) => {
                let tuples: Vec<String> =
                    rows.iter().map(|(key, tags)| tuple(*key, tags)).collect();
                let tuples = tuples.join(", ");
                Request::sql(format!("INSERT INTO t (id, w, n, s, x) VALUES {tuples}"))
            }
            Self::DeleteKeys(keys) => {
                let lines: String = keys.iter().map(|key| format!("{key}\n")).collect();
                let target = "/v1/tables/t/rows?mode=delete";
                Request::post(target, "text/csv", format!("id\n{lines}"))
            }
            Self::Update(writer, below, text) => Request::sql(format!(
                "UPDATE t SET x = '{text}' WHERE w = 'w{writer}' AND n < {below}"
            )),
            Self::Delete(writer, below) => Request::sql(format!(
                "DELETE FROM t WHERE w = 'w{writer}' AND n < {below}"
            )),
            Self::Patch(key, tags, is_synced) => {
                let durability = if *is_synced { "sync" } else { "async" };
                Request {
                    method: "PATCH",
                    target: format!("/v1/tables/t/rows/{key}?durability={durability}"),
                    content_type: "application/json",
                    body: tags.to_string(),
                }
            }
            Self::Ranks(ranks) => {
                let lines = ranks.iter().map(|(key, rank)| format!("{key},{rank}\n"));
                let lines: String = lines.collect();
                let target = "/v1/tables/t/rows?mode=replace_tags&tags=r";
                Request::post(target, "text/csv", format!("id,r\n{lines}"))
            }
        }
    }

    /// The same on the rows of its writer.
    pub(crate) fn apply(&self, rows: &mut Rows) {
        match self {
            Self::Rows(written) | Self::Insert(written) => {
                for (key, tags) in written {
                    rows.entry(*key).or_default().write(tags);
                }
            }
            Self::DeleteKeys(keys) => keys.iter().for_each(|key| drop(rows.remove(key))),
            Self::Update(_, below, text) => {
                for row in rows.values_mut().filter(|row| row.is_below(*below)) {
                    row.text = Some(text.clone());
                }
            }
            Self::Delete(_, below) => rows.retain(|_, row| !row.is_below(*below)),
            Self::Patch(key, tags, _) => rows.entry(*key).or_default().write(tags),
            Self::Ranks(ranks) => {
                rows.values_mut().for_each(|row| row.rank = None);
                for (key, rank) in ranks {
                    rows.entry(*key).or_default().rank = Some(*rank);
                }
            }
        }
    }
}

fn tuple(key: i64, tags: &Json) -> String {
    let members: Vec<&str> = strings(&tags["s"]).collect();
    format!(
        "({key}, '{}', {}, ['{}'], '{}')",
        tags["w"].as_str().unwrap(),
        tags["n"],
        members.join("', '"),
        tags["x"].as_str().unwrap()
    )
}

fn strings(value: &Json) -> impl Iterator<Item = &str> {
    let values = value.as_array().into_iter().flatten();
    values.map(|value| value.as_str().unwrap())
}

impl Row {
    /// A row as it is answered.
    pub(crate) fn read(line: &Json) -> Self {
        let mut row = Self::default();
        row.write(line);
        row
    }

    fn write(&mut self, tags: &Json) {
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let owned = |value: &Json| strings(value).map(str::to_owned).collect::<Vec<_>>();
        for (tag, value) in tags.as_object().unwrap() {
            match tag.as_str() {
                "w" => self.writer = text(value),
                "n" => self.number = value.as_i64(),
                "s" => self.members = owned(value).into_iter().collect(),
                "s+" => self.members.extend(owned(value)),
                "s-" => self.members.retain(|member| !owned(value).contains(member)),
                "x" => self.text = text(value),
                "r" => self.rank = value.as_i64(),
                _ => assert_eq!(tag, "id"),
            }
        }
    }

    fn is_below(&self, number: i64) -> bool {
        self.number.is_some_and(|own| own < number)
    }

    /// The writer that is written in it.
    pub(crate) fn writer(&self) -> Option<&str> {
        self.writer.as_deref()
    }
}
