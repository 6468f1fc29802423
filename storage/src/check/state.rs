//! The state that files and log add up to: keys and their subjects.

use super::Check;
use crate::bitmap::Chunk;
use crate::engine::{DbState, PartitionState, TableState};
use crate::error::{Error, Result};
use crate::ids::ordinal_at;

impl Check<'_> {
    /// Checks what every root relies on, for each subject of each partition.
    pub(super) fn state(&mut self, state: &DbState) {
        self.report.tables = state.tables.len() as u64;
        for table in state.tables.values() {
            for partition in table.partitions() {
                self.report.subjects += partition.subjects();
                let name = format!(
                    "table {:?}, partition {}",
                    table.schema.name,
                    partition.id()
                );
                for chunk in 0..partition.chunks() as u16 {
                    if let Err(error) = check_keys(table, partition, chunk) {
                        self.report.add_error(&name, &error);
                    }
                }
                for tag in &partition.schema.tags {
                    if let Err(error) = super::rows::check_tag(partition, tag) {
                        let name = format!("{name}, tag {:?}", tag.name);
                        self.report.add_error(name, &error);
                    }
                }
            }
        }
    }
}

/// Every living subject has a key, which is of this partition, and whose look-up gives it back:
/// then no key has two living subjects either.
fn check_keys(table: &TableState, partition: &PartitionState, chunk: u16) -> Result<()> {
    let mut alive = Chunk::new();
    partition.alive(chunk, &mut alive);
    let (mut seen, mut wrong) = (0, None);
    let mut failed = None;
    partition.for_each_key(chunk, &alive, &mut |low, key| {
        let ordinal = ordinal_at(chunk, low);
        seen += 1;
        match partition.find(key) {
            Err(error) => failed = Some(error),
            Ok(found) => {
                if found != Some(ordinal) || table.partition_of(key) != partition.id() {
                    wrong.get_or_insert((ordinal, found));
                }
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if let Some((ordinal, found)) = wrong {
        let detail = match found {
            Some(found) if found != ordinal => {
                format!("the key of subject {ordinal} leads to subject {found}")
            }
            Some(_) => format!("the key of subject {ordinal} belongs to another partition"),
            None => format!("the key of subject {ordinal} leads nowhere"),
        };
        return Err(Error::internal(detail));
    }
    if seen != alive.count() {
        let detail = format!(
            "{} subjects of chunk {chunk} have {seen} keys",
            alive.count()
        );
        return Err(Error::internal(detail));
    }
    Ok(())
}
