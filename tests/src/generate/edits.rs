//! Changes of rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use tagdb_storage::batch::RowMode;
use tagdb_storage::schema::Key;

use super::{Generator, KEYS, values};
use crate::history::{Audience, Edit, NamedColumn};
use crate::model::Table;

impl Generator {
    pub(super) fn row_keys(&mut self, table: &Table) -> Vec<Key> {
        let count = *self.random.pick(&[1, 1, 2, 3, 8, 20, KEYS]);
        (0..count)
            .map(|_| values::key(table.key_type, self.random.below(self.keys)))
            .collect()
    }

    pub(super) fn mode(&mut self) -> RowMode {
        match self.random.below(8) {
            0 => RowMode::Insert,
            1 => RowMode::InsertIgnore,
            2 => RowMode::Replace,
            _ => RowMode::Upsert,
        }
    }

    pub(super) fn rows(&mut self) -> (Arc<str>, Edit) {
        let (name, own) = self.table_and_model();
        let mode = self.mode();
        let mut keys = self.row_keys(&own);
        if mode == RowMode::Insert {
            // Now and then such that nothing is in the way.
            let mut seen = BTreeSet::new();
            keys.retain(|key| !own.rows.contains_key(key) && seen.insert(key.clone()));
        }
        let columns = self.columns(&own, keys.len());
        (
            name,
            Edit::Rows {
                mode,
                keys,
                columns,
            },
        )
    }

    pub(super) fn columns(&mut self, table: &Table, rows: usize) -> Vec<NamedColumn> {
        let mut columns = Vec::new();
        let most = !self.random.one_in(3);
        for tag in &table.tags {
            if !most && !self.random.one_in(4) {
                continue;
            }
            let mut cells = Vec::new();
            for row in 0..rows as u32 {
                for _ in 0..*self.random.pick(&[0, 1, 1, 1, 1, 1, 1, 2]) {
                    cells.push((row, values::value(&mut self.random, tag.kind)));
                }
            }
            columns.push((tag.name.clone(), cells));
        }
        columns
    }

    pub(super) fn delete(&mut self) -> (Arc<str>, Edit) {
        let (name, own) = self.table_and_model();
        (name, Edit::Delete(self.row_keys(&own)))
    }

    pub(super) fn audience(&mut self, table: &Table) -> Audience {
        let all = self.random.one_in(4);
        let keys = (0..self.keys)
            .filter(|_| all || self.random.one_in(3))
            .map(|place| values::key(table.key_type, place))
            .collect();
        Audience {
            keys,
            strays: self.random.one_in(4),
        }
    }

    pub(super) fn delete_audience(&mut self) -> (Arc<str>, Edit) {
        let (name, own) = self.table_and_model();
        let mut audience = self.audience(&own);
        audience.keys.truncate(10);
        (name, Edit::DeleteAudience(audience))
    }

    pub(super) fn assign(&mut self) -> (Arc<str>, Edit) {
        let (name, own) = self.table_and_model();
        let audience = self.audience(&own);
        if own.tags.is_empty() {
            return (
                name,
                Edit::DeleteAudience(Audience {
                    keys: Vec::new(),
                    strays: true,
                }),
            );
        }
        let tag = self.random.pick(&own.tags);
        let value = values::value(&mut self.random, tag.kind);
        (
            name,
            Edit::Assign {
                audience,
                tag: tag.name.clone(),
                value,
            },
        )
    }

    pub(super) fn cells(&mut self) -> (Arc<str>, Edit) {
        let (name, own) = self.table_and_model();
        if own.tags.is_empty() {
            return (name, Edit::Delete(Vec::new()));
        }
        let tag = self.random.pick(&own.tags);
        let keys = self.audience(&own).keys;
        let cells = keys
            .into_iter()
            .map(|key| (key, values::value(&mut self.random, tag.kind)))
            .collect();
        (
            name,
            Edit::Cells {
                tag: tag.name.clone(),
                cells,
            },
        )
    }
}
