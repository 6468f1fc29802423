//! Two tables as lists of rows.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::random::Random;
use crate::session::Session;

/// What stands for NULL in answers.
pub(super) const NULL: &str = "<null>";

pub(super) const NAMES: [&str; 2] = ["a", "b"];

/// Keys, words and members, so that all of them meet.
pub(super) const WORDS: [&str; 9] = ["", "k1", "k2", "k3", "k4", "k5", "k6", "tea", "it's"];

/// A row.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    /// `k KEYWORD PRIMARY KEY`
    pub(super) key: String,
    /// `i INT`
    pub(super) number: Option<i64>,
    /// `w DECIMAL(8,1)`, in tenths
    pub(super) tenths: Option<i64>,
    /// `c KEYWORD`
    pub(super) word: Option<String>,
    /// `s KEYWORD[]`
    pub(super) set: BTreeSet<String>,
    /// `m MAP(KEYWORD, INT)`
    pub(super) map: BTreeMap<String, i64>,
    /// `v BOOLEAN`
    pub(super) flag: Option<bool>,
}

/// By key.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) rows: [Vec<Subject>; 2],
}

pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(super) fn word(random: &mut Random) -> String {
    (*random.pick(&WORDS)).to_owned()
}

impl Tables {
    pub(super) fn create(&self, session: &Session, random: &mut Random) {
        for name in NAMES {
            let partitions = *random.pick(&[1, 2, 8]);
            session.run(&format!(
                "CREATE TABLE {name} (k KEYWORD PRIMARY KEY, i INT, w DECIMAL(8,1), c KEYWORD, \
                 s KEYWORD[], m MAP(KEYWORD, INT), v BOOLEAN) WITH (partitions = {partitions})"
            ));
        }
    }

    /// Writes some rows of one table.
    pub(super) fn write(&mut self, session: &Session, random: &mut Random) {
        let table = random.below(2);
        let mut lines = Vec::new();
        for _ in 0..=random.below(6) {
            let row = Subject::random(random);
            lines.push(row.sql());
            let rows = &mut self.rows[table];
            match rows.binary_search_by(|other| other.key.cmp(&row.key)) {
                Ok(place) => rows[place] = row,
                Err(place) => rows.insert(place, row),
            }
        }
        let (name, lines) = (NAMES[table], lines.join(", "));
        session.run(&format!(
            "INSERT INTO {name} (k, i, w, c, s, m, v) VALUES {lines}"
        ));
    }
}

impl Subject {
    fn random(random: &mut Random) -> Self {
        let mut set = BTreeSet::new();
        let mut map = BTreeMap::new();
        for _ in 0..random.below(4) {
            set.insert(word(random));
            map.insert(word(random), random.between(-2, 6));
        }
        let mut known = || !random.one_in(5);
        let (number, tenths, text, flag) = (known(), known(), known(), known());
        Self {
            key: word(random),
            number: number.then(|| random.between(-2, 6)),
            tenths: tenths.then(|| random.between(-4, 12) * 5),
            word: text.then(|| word(random)),
            set,
            map,
            flag: flag.then(|| random.one_in(2)),
        }
    }

    fn sql(&self) -> String {
        let null = || "NULL".to_owned();
        let members: Vec<String> = self.set.iter().map(|member| quoted(member)).collect();
        let entries = self.map.iter();
        let entries: Vec<String> = entries
            .map(|(k, v)| format!("{}: {v}", quoted(k)))
            .collect();
        format!(
            "({}, {}, {}, {}, [{}], {{{}}}, {})",
            quoted(&self.key),
            self.number.map_or_else(null, |number| number.to_string()),
            self.tenths.map_or_else(null, decimal),
            self.word.as_deref().map_or_else(null, quoted),
            members.join(", "),
            entries.join(", "),
            self.flag.map_or_else(null, |flag| flag.to_string()),
        )
    }
}

fn decimal(tenths: i64) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    let digits = tenths.unsigned_abs();
    format!("{sign}{}.{}", digits / 10, digits % 10)
}
