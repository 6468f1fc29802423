//! Random writes, on the database and on the model alike.

use super::model::{Kind, Row, Table, Val, WORDS, quoted};
use super::predicates::P;
use super::random::Random;
use crate::session::Session;

/// Makes one random write; panics if the number of rows affected is wrong.
pub(super) fn write(session: &Session, table: &mut Table, random: &mut Random) {
    if random.one_in(10) {
        session.run(&alter(table, random));
    }
    let (sql, expected) = match random.below(8) {
        0..=2 => insert(table, random),
        3 => update_constants(table, random),
        4 | 5 => match update_computed(table, random) {
            Some(update) => update,
            None => insert(table, random),
        },
        6 => delete_keys(table, random),
        _ => delete_audience(table, random),
    };
    assert_eq!(session.affected(&sql), expected as u64, "{sql}");
    maintain(session, random);
}

fn maintain(session: &Session, random: &mut Random) {
    let engine = session.database.engine();
    if random.one_in(4) {
        assert!(engine.flush().is_ok());
    }
    if random.one_in(12) {
        assert!(engine.compact(None).is_ok());
    }
}

/// Adds, drops or renames a column.
fn alter(table: &mut Table, random: &mut Random) -> String {
    let place = random.below(table.columns.len());
    let new = format!("c{}", random.next());
    match random.below(3) {
        0 if table.columns.len() > 2 => {
            let (name, _) = table.columns.remove(place);
            for row in table.rows.values_mut() {
                row.remove(&name);
            }
            format!("ALTER TABLE t DROP COLUMN {name}")
        }
        1 => {
            let name = std::mem::replace(&mut table.columns[place].0, new.clone());
            for row in table.rows.values_mut() {
                let value = row.remove(&name);
                set(row, &new, value);
            }
            format!("ALTER TABLE t RENAME COLUMN {name} TO {new}")
        }
        _ => {
            let kind = *random.pick(&Kind::ALL);
            table.columns.push((new.clone(), kind));
            format!("ALTER TABLE t ADD COLUMN {new} {}", kind.sql())
        }
    }
}

fn insert(table: &mut Table, random: &mut Random) -> (String, usize) {
    let ignore = random.one_in(5);
    let chosen = table.columns.iter().filter(|_| random.one_in(2)).cloned();
    let columns: Vec<(String, Kind)> = chosen.collect();
    let mut lines = Vec::new();
    let mut written = 0;
    for _ in 0..=random.below(8) {
        let key = table.key(random.below(60));
        let mut literals = vec![table.key_literal(&key)];
        let mut cells = Vec::new();
        for (name, kind) in &columns {
            let value = if random.one_in(5) {
                None
            } else {
                Some(kind.value(random))
            };
            literals.push(kind.literal(value.as_ref()));
            cells.push((name.clone(), value));
        }
        lines.push(format!("({})", literals.join(", ")));
        if ignore && table.rows.contains_key(&key) {
            continue;
        }
        written += 1;
        let row = table.rows.entry(key).or_default();
        cells
            .into_iter()
            .for_each(|(name, value)| set(row, &name, value));
    }
    let names: Vec<_> = columns
        .iter()
        .map(|(name, _)| format!(", {name}"))
        .collect();
    let conflict = if ignore {
        " ON CONFLICT DO NOTHING"
    } else {
        ""
    };
    let (names, lines) = (names.concat(), lines.join(", "));
    (
        format!("INSERT INTO t (id{names}) VALUES {lines}{conflict}"),
        written,
    )
}

fn set(row: &mut Row, name: &str, value: Option<Val>) {
    match value {
        Some(value) => row.insert(name.to_owned(), value),
        None => row.remove(name),
    };
}

/// Changes the rows for which a condition is true; tells how many there were.
fn change(table: &mut Table, predicate: &P, change: &mut dyn FnMut(&mut Row)) -> usize {
    let shape = table.clone();
    let mut count = 0;
    for (key, row) in &mut table.rows {
        if predicate.eval(&shape, key, row) == Some(true) {
            change(row);
            count += 1;
        }
    }
    count
}

fn update_constants(table: &mut Table, random: &mut Random) -> (String, usize) {
    let predicate = P::random(table, random, 2);
    let mut assignments = Vec::new();
    let mut values = Vec::new();
    let chosen: Vec<_> = table
        .columns
        .iter()
        .filter(|_| random.one_in(4))
        .cloned()
        .collect();
    let (first, kind) = random.pick(&table.columns).clone();
    let with_one = if chosen.is_empty() {
        vec![(first, kind)]
    } else {
        chosen
    };
    for (name, kind) in with_one {
        let value = if random.one_in(4) {
            None
        } else {
            Some(kind.value(random))
        };
        assignments.push(format!("{name} = {}", kind.literal(value.as_ref())));
        values.push((name, value));
    }
    let count = change(table, &predicate, &mut |row| {
        values
            .iter()
            .for_each(|(name, value)| set(row, name, value.clone()));
    });
    let (assignments, predicate) = (assignments.join(", "), predicate.sql(table));
    (
        format!("UPDATE t SET {assignments} WHERE {predicate}"),
        count,
    )
}

type Edit = Box<dyn FnMut(&mut Row)>;

fn update_computed(table: &mut Table, random: &mut Random) -> Option<(String, usize)> {
    let predicate = P::random(table, random, 1);
    let (name, kind) = random.pick(&table.columns).clone();
    let word = (*random.pick(&WORDS)).to_owned();
    let literal = quoted(&word);
    let column = name.clone();
    let (sql, mut edit): (String, Edit) = match kind {
        Kind::Set if random.one_in(2) => (
            format!("{name} = array_append({name}, {literal})"),
            Box::new(move |row| {
                let empty = || Val::Set(Default::default());
                if let Val::Set(members) = row.entry(column.clone()).or_insert_with(empty) {
                    members.insert(word.clone());
                }
            }),
        ),
        Kind::Set => (
            format!("{name} = array_remove({name}, {literal})"),
            Box::new(move |row| {
                if let Some(Val::Set(members)) = row.get_mut(&column) {
                    members.remove(&word);
                    if members.is_empty() {
                        row.remove(&column);
                    }
                }
            }),
        ),
        Kind::Map => map_update(random, &name, word),
        Kind::SmallInt | Kind::BigInt => (
            // It stays small, however often it is done.
            format!("{name} = ({name} * 3 + 1) % 7"),
            Box::new(move |row| {
                if let Some(Val::Number(value)) = row.get_mut(&column) {
                    *value = (*value * 3 + 1) % 7;
                }
            }),
        ),
        _ => {
            let (other, _) = table.column(random, |other| other == kind)?;
            (
                format!("{name} = {other}"),
                Box::new(move |row| {
                    let value = row.get(&other).cloned();
                    set(row, &column, value);
                }),
            )
        }
    };
    let count = change(table, &predicate, &mut *edit);
    Some((
        format!("UPDATE t SET {sql} WHERE {}", predicate.sql(table)),
        count,
    ))
}

fn map_update(random: &mut Random, name: &str, key: String) -> (String, Edit) {
    let column = name.to_owned();
    let element = format!("{name}[{}]", quoted(&key));
    if random.one_in(3) {
        let edit = move |row: &mut Row| {
            if let Some(Val::Map(entries)) = row.get_mut(&column) {
                entries.remove(&key);
                if entries.is_empty() {
                    row.remove(&column);
                }
            }
        };
        return (format!("{element} = NULL"), Box::new(edit));
    }
    let is_constant = random.one_in(2);
    let edit = move |row: &mut Row| {
        let empty = || Val::Map(Default::default());
        if let Val::Map(entries) = row.entry(column.clone()).or_insert_with(empty) {
            let value = entries.entry(key.clone()).or_default();
            *value = if is_constant { 4 } else { (*value + 1) % 6 };
        }
    };
    let value = match is_constant {
        true => "4".to_owned(),
        false => format!("(coalesce({element}, 0) + 1) % 6"),
    };
    (format!("{element} = {value}"), Box::new(edit))
}

fn delete_keys(table: &mut Table, random: &mut Random) -> (String, usize) {
    let keys: Vec<String> = (0..=random.below(5))
        .map(|_| table.key(random.below(60)))
        .collect();
    let literals: Vec<_> = keys.iter().map(|key| table.key_literal(key)).collect();
    let deleted = keys
        .iter()
        .filter(|key| table.rows.remove(*key).is_some())
        .count();
    (
        format!("DELETE FROM t WHERE id IN ({})", literals.join(", ")),
        deleted,
    )
}

fn delete_audience(table: &mut Table, random: &mut Random) -> (String, usize) {
    let few = P::random(table, random, 1);
    let predicate = P::And(vec![
        few,
        P::random(table, random, 1),
        P::random(table, random, 1),
    ]);
    let shape = table.clone();
    let before = table.rows.len();
    table
        .rows
        .retain(|key, row| predicate.eval(&shape, key, row) != Some(true));
    let sql = format!("DELETE FROM t WHERE {}", predicate.sql(table));
    (sql, before - table.rows.len())
}
