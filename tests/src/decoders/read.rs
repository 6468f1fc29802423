//! Reads all that a database says it holds, in the ways that statements do.

use tagdb_query::Database;
use tagdb_storage::Result;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::column::Spread;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::ordinal_at;
use tagdb_storage::schema::{Family, TableSchema, Tag};

use super::database::run;

/// Chunks of a partition that are looked at, from the first and from the last.
const CHUNKS: u32 = 2;

/// Codes of a tag that are asked for.
const CODES: u32 = 20;

/// Subjects of a chunk that are looked up.
const SUBJECTS: usize = 20;

/// Reads everything. What cannot be read is an error, which is right.
pub(super) fn everything(database: &Database) {
    let state = database.engine().snapshot();
    for schema in state.catalog().tables() {
        statements(database, schema);
        let Some(table) = state.table(schema.id) else {
            continue;
        };
        for partition in table.partitions().iter().take(4) {
            let chunks = partition.chunks();
            let last = chunks.saturating_sub(CHUNKS)..=chunks.min(0xFFFF);
            let mut looked: Vec<u32> = (0..CHUNKS).chain(last).collect();
            looked.dedup();
            for chunk in looked {
                let chunk = chunk as u16;
                let _ = keys(partition, chunk);
                for tag in &schema.tags {
                    let _ = values(partition, chunk, tag);
                    let _ = subjects(partition, chunk, tag);
                }
            }
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn statements(database: &Database, schema: &TableSchema) {
    let table = quoted(&schema.name);
    let mut all = vec![
        format!("SELECT * FROM {table} LIMIT 100"),
        format!("SELECT count(*) FROM {table}"),
        format!("DESCRIBE {table}"),
    ];
    for tag in &schema.tags {
        let name = quoted(&tag.name);
        let by = match tag.kind.family() {
            Family::Single | Family::Text => name.clone(),
            Family::Set => format!("unnest({name})"),
            Family::Map => format!("unnest(map_keys({name}))"),
        };
        all.push(format!("SELECT {by}, count(*) FROM {table} GROUP BY {by}"));
        let key = quoted(&schema.key_name);
        all.push(format!("SELECT {key}, {name} FROM {table} ORDER BY {key}"));
    }
    for sql in all {
        let _ = run(database, &sql);
    }
}

fn keys(partition: &PartitionState, chunk: u16) -> Result<()> {
    let mut alive = Chunk::new();
    partition.alive(chunk, &mut alive);
    let mut all = Vec::new();
    partition.for_each_key(chunk, &alive, &mut |low, key| {
        all.push((low, key.to_key()));
    })?;
    for (low, key) in all.iter().take(SUBJECTS) {
        partition.find(key.as_ref())?;
        partition.key(ordinal_at(chunk, *low))?;
    }
    let keys: Vec<_> = all.iter().map(|(_, key)| key.as_ref()).collect();
    partition.find_all(&keys, &mut |_, _| {})?;
    Ok(())
}

fn values(partition: &PartitionState, chunk: u16, tag: &Tag) -> Result<()> {
    let (mut audience, mut out) = (Chunk::new(), Chunk::new());
    partition.alive(chunk, &mut audience);
    let codes: Vec<u32> = match partition.vocabulary(tag.id).read() {
        Ok(strings) => (0..strings.len().saturating_add(1).min(CODES)).collect(),
        Err(_) => (0..CODES).collect(),
    };
    match tag.kind.family() {
        Family::Single => {
            let stack = partition.single(tag.id)?;
            stack.known(chunk, &mut out)?;
            for code in &codes {
                stack.members(chunk, *code, &mut out)?;
            }
            stack.members_any(chunk, &codes, &mut out)?;
            stack.in_range(chunk, &audience, (-5, 500), &mut out)?;
            stack.for_each(chunk, &audience, &mut |_, _| {})?;
            stack.totals(chunk, &audience)?;
            stack.count_codes(chunk, &audience, &mut [0; 64])?;
            stack.spread(chunk, &audience, &mut Spread::default())?;
        }
        Family::Text => {
            let stack = partition.text(tag.id)?;
            stack.known(chunk, &mut out)?;
            stack.for_each(chunk, &audience, &mut |_, _| {})?;
        }
        Family::Set | Family::Map => {
            let stack = partition.multi(tag.id)?;
            stack.nonempty(chunk, &mut out)?;
            for code in &codes {
                stack.members(chunk, *code, &mut out)?;
                stack.in_range(chunk, *code, &audience, (-5, 500), &mut out)?;
                stack.for_each_value(chunk, *code, &audience, &mut |_, _| {})?;
            }
            stack.members_any(chunk, &codes, &mut out)?;
            stack.for_each_row(chunk, &audience, &mut |_, _| {})?;
            stack.count_entries(chunk, &audience, &mut [0; 64])?;
        }
    }
    Ok(())
}

fn subjects(partition: &PartitionState, chunk: u16, tag: &Tag) -> Result<()> {
    let mut alive = Chunk::new();
    partition.alive(chunk, &mut alive);
    for low in alive.iter().take(SUBJECTS) {
        let mut subject = partition.subject(ordinal_at(chunk, low))?;
        match tag.kind.family() {
            Family::Single => drop(subject.value(tag.id)?),
            Family::Text => drop(subject.long_text(tag.id)?),
            Family::Set | Family::Map => subject.entries(tag.id, &mut Vec::new())?,
        }
    }
    Ok(())
}
