//! Histories from seeds. What is likely differs from history to history, so that some are all
//! writing and others crash every other step.

mod crashes;
mod edits;
mod values;

use std::sync::Arc;

use tagdb_storage::batch::RowMode;
use tagdb_storage::schema::{Key, KeyType};
use tagdb_storage::vfs::Fault;

use crate::history::{Ddl, Edit, History, Interruption, Load, Step, Stop, Write};
use crate::model::{Database, Table};
use crate::random::Random;

pub use self::crashes::crashes;

/// Keys of a table.
const KEYS: usize = 50;

/// Makes an edit of some table.
type Make = fn(&mut Generator) -> (Arc<str>, Edit);

/// Makes a history.
#[derive(Debug)]
struct Generator {
    random: Random,
    model: Database,
    weights: [u32; 18],
    /// How many of the keys are used.
    keys: usize,
    /// Tables, tags, names and snapshots so far.
    count: usize,
    snapshots: Vec<Arc<str>>,
}

/// The history of a seed.
#[must_use]
pub fn history(seed: u64) -> History {
    let mut random = Random::new(seed);
    let cache_bytes = *random.pick(&[0, 1 << 14, 1 << 20, 1 << 26]);
    let log_file_bytes = *random.pick(&[8 << 10, 64 << 10, 256 << 10]);
    let load_cells = *random.pick(&[1, 50, 1 << 20]);
    let usual: [u32; 18] = [40, 7, 5, 10, 10, 8, 4, 4, 8, 3, 3, 3, 3, 2, 2, 2, 1, 1];
    let mut weights = usual.map(|weight| weight * *random.pick(&[0, 1, 1, 2, 4]));
    weights[0] = weights[0].max(20);
    let mut generator = Generator::new(random, weights);
    let steps = generator.steps();
    History {
        seed,
        cache_bytes,
        log_file_bytes,
        load_cells,
        check_every: 4,
        steps,
    }
}

/// A new table, and so many batches that change its rows.
#[must_use]
pub fn writes(seed: u64, count: usize) -> (Write, Vec<Write>) {
    let mut generator = Generator::new(Random::new(seed), [0; 18]);
    let create = generator.create();
    let create = generator.write_of(Some(create), Vec::new(), true);
    let mut edits = |_| match generator.mixed() {
        Step::Write(write) => Some(Write {
            name: None,
            ..write
        }),
        _ => None,
    };
    (create, (0..count).filter_map(&mut edits).collect())
}

impl Generator {
    fn new(mut random: Random, weights: [u32; 18]) -> Self {
        let keys = *random.pick(&[3, 12, KEYS, KEYS]);
        Self {
            random,
            model: Database::default(),
            weights,
            keys,
            count: 0,
            snapshots: Vec::new(),
        }
    }

    fn steps(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..*self.random.pick(&[1, 1, 1, 2, 3]) {
            let create = self.create();
            steps.push(self.write(Some(create), Vec::new()));
        }
        if self.random.one_in(8) {
            let table = self.table();
            let partitions = self
                .model
                .tables
                .get(&table)
                .map_or(1, |table| table.partitions);
            steps.push(Step::Burn {
                table,
                count: 65_500 * u32::from(partitions),
            });
        }
        for _ in 0..100 + self.random.below(300) {
            let step = self.step();
            steps.push(step);
        }
        steps
    }

    fn step(&mut self) -> Step {
        match self.random.weighted(&self.weights) {
            0 => self.edits(&[Self::rows]),
            1 => self.edits(&[Self::delete]),
            2 => self.edits(&[Self::delete_audience]),
            3 => self.edits(&[Self::assign]),
            4 => self.edits(&[Self::cells]),
            5 => self.mixed(),
            6 => {
                let ddl = self.ddl();
                let edits = if self.random.one_in(3) {
                    vec![self.rows()]
                } else {
                    Vec::new()
                };
                self.write(Some(ddl), edits)
            }
            7 => self.invalid(),
            8 => Step::Flush,
            9 => {
                let table = self.table();
                Step::Compact(self.random.one_in(3).then_some(table))
            }
            10 if self.random.one_in(3) => Step::CompactDue,
            10 => Step::CompactSome(self.random.next()),
            11 => Step::Reopen(self.stop()),
            12 => self.interrupted(),
            13 => Step::Repeat {
                same: !self.random.one_in(3),
            },
            14 => {
                let name: Arc<str> = self.name("s");
                self.snapshots.push(name.clone());
                Step::Snapshot(name)
            }
            15 => self.with_snapshot(Step::Restore),
            16 => self.with_snapshot(Step::DeleteSnapshot),
            _ => self.load(),
        }
    }

    fn name(&mut self, prefix: &str) -> Arc<str> {
        self.count += 1;
        format!("{prefix}{}", self.count).into()
    }

    fn with_snapshot(&mut self, step: fn(Arc<str>) -> Step) -> Step {
        if self.snapshots.is_empty() {
            return Step::OpenTwice;
        }
        step(self.random.pick(&self.snapshots).clone())
    }

    fn stop(&mut self) -> Stop {
        match self.random.below(3) {
            0 => Stop::Close,
            1 => Stop::Kill,
            _ => Stop::Power(self.random.next()),
        }
    }

    fn interrupted(&mut self) -> Step {
        let step = match self.random.below(8) {
            0 | 1 => Step::Flush,
            2 => Step::Compact(None),
            3 => Step::CompactSome(self.random.next()),
            4 => Step::Reopen(self.stop()),
            5 => {
                let name = self.name("s");
                self.snapshots.push(name.clone());
                Step::Snapshot(name)
            }
            6 => self.load(),
            _ => self.mixed(),
        };
        let after = self.random.below(60) as u64;
        let fault = *self
            .random
            .pick(&[Fault::Crash, Fault::Crash, Fault::Io, Fault::DiskFull]);
        let stop = match self.random.below(3) {
            0 => None,
            1 => Some(Stop::Kill),
            _ => Some(Stop::Power(self.random.next())),
        };
        let step = Box::new(step);
        Step::Interrupted(Interruption {
            step,
            after,
            fault,
            sticky: false,
            stop,
        })
    }

    /// A write, which the generator's own model takes in.
    fn write(&mut self, schema: Option<Ddl>, edits: Vec<(Arc<str>, Edit)>) -> Step {
        Step::Write(self.write_of(schema, edits, true))
    }

    fn write_of(
        &mut self,
        schema: Option<Ddl>,
        edits: Vec<(Arc<str>, Edit)>,
        happens: bool,
    ) -> Write {
        let durable = !self.random.one_in(5);
        let name = self.random.one_in(6).then(|| self.name("w"));
        let write = Write {
            durable,
            name,
            schema,
            edits,
        };
        if happens && let Ok((next, _)) = self.model.apply(&write) {
            self.model = next;
        }
        write
    }

    fn edits(&mut self, kinds: &[Make]) -> Step {
        let edits = kinds.iter().map(|make| make(self)).collect();
        self.write(None, edits)
    }

    fn mixed(&mut self) -> Step {
        let kinds: [Make; 5] = [
            Self::rows,
            Self::delete,
            Self::delete_audience,
            Self::assign,
            Self::cells,
        ];
        let some: Vec<_> = (0..2 + self.random.below(4))
            .map(|_| *self.random.pick(&kinds))
            .collect();
        self.edits(&some)
    }

    /// A batch with something wrong in it.
    fn invalid(&mut self) -> Step {
        let mut edits = vec![self.rows()];
        let (table, own) = self.table_and_model();
        let (mut keys, mut columns) = (self.row_keys(&own), Vec::new());
        match self.random.below(5) {
            0 => edits.push((Arc::from("no such table"), Edit::Delete(keys))),
            1 => {
                columns.push((Arc::from("no such tag"), Vec::new()));
                edits.push((
                    table,
                    Edit::Rows {
                        mode: RowMode::Upsert,
                        keys,
                        columns,
                    },
                ));
            }
            2 if own.key_type == KeyType::Keyword => {
                keys.push(Key::Text("x".repeat(513).into()));
                edits.push((
                    table,
                    Edit::Rows {
                        mode: RowMode::Upsert,
                        keys,
                        columns,
                    },
                ));
            }
            3 => {
                keys.push(keys[0].clone());
                edits.push((
                    table,
                    Edit::Rows {
                        mode: RowMode::Insert,
                        keys,
                        columns,
                    },
                ));
            }
            _ => {
                if let Some(tag) = own.tags.first() {
                    let value = values::invalid(&mut self.random, tag.kind);
                    columns.push((tag.name.clone(), vec![(0, value)]));
                }
                edits.push((
                    table,
                    Edit::Rows {
                        mode: RowMode::Upsert,
                        keys,
                        columns,
                    },
                ));
            }
        }
        self.write(None, edits)
    }

    fn load(&mut self) -> Step {
        let (table, own) = self.table_and_model();
        let keys = self.row_keys(&own);
        let columns = self.columns(&own, keys.len());
        let batches = 1 + self.random.below(4);
        let mode = self.mode();
        // What "exists" is decided as the rows come, so that others could make a difference.
        let alone = matches!(mode, RowMode::Insert | RowMode::InsertIgnore);
        let others = if alone { 0 } else { self.random.below(5) };
        let replaced: Vec<Arc<str>> = columns.iter().map(|(name, _)| name.clone()).collect();
        let (edit, replaced) = if self.random.one_in(3) && !columns.is_empty() {
            (Edit::ReplaceTags { keys, columns }, replaced)
        } else {
            (
                Edit::Load {
                    keys,
                    columns,
                    mode,
                },
                Vec::new(),
            )
        };
        let mut meanwhile = Vec::new();
        for _ in 0..others {
            meanwhile.push(self.meanwhile(&replaced));
        }
        let given_up = self.random.one_in(10);
        let write = self.write_of(None, vec![(table, edit)], !given_up);
        Step::Load(Load {
            write,
            batches,
            meanwhile,
            given_up,
        })
    }

    /// What may happen while a load is under way; it leaves some tags alone.
    fn meanwhile(&mut self, alone: &[Arc<str>]) -> Step {
        let (table, mut edit) = match self.random.below(6) {
            0 => return Step::Flush,
            1 => return Step::CompactSome(self.random.next()),
            2 => self.delete(),
            _ => self.rows(),
        };
        if let Edit::Rows { mode, columns, .. } = &mut edit
            && !alone.is_empty()
        {
            *mode = RowMode::Upsert;
            columns.retain(|(name, _)| !alone.contains(name));
        }
        self.write(None, vec![(table, edit)])
    }

    fn create(&mut self) -> Ddl {
        let table = self.name("t");
        let key_type = *self.random.pick(&[KeyType::BigInt, KeyType::Keyword]);
        let partitions = *self.random.pick(&[1, 1, 4]);
        let tags = (0..self.random.below(7))
            .map(|_| (self.name("g"), values::kind(&mut self.random)))
            .collect();
        Ddl::Create {
            table,
            key_type,
            partitions,
            tags,
        }
    }

    fn ddl(&mut self) -> Ddl {
        let (table, own) = self.table_and_model();
        let tag = match own.tags.len() {
            0 => Arc::from("no such tag"),
            _ => self.random.pick(&own.tags).name.clone(),
        };
        match self.random.below(10) {
            0 if self.model.tables.len() < 3 => self.create(),
            0 | 1 => Ddl::Truncate(table),
            2 if self.model.tables.len() > 1 => Ddl::Drop(table),
            2..6 => Ddl::AddTag(table, self.name("g"), values::kind(&mut self.random)),
            6 | 7 => Ddl::DropTag(table, tag),
            _ => Ddl::RenameTag(table, tag, self.name("g")),
        }
    }

    /// One of the tables, seldom one that is not there.
    fn table(&mut self) -> Arc<str> {
        let names: Vec<Arc<str>> = self.model.tables.keys().cloned().collect();
        match names.len() {
            0 => Arc::from("no such table"),
            _ => self.random.pick(&names).clone(),
        }
    }

    fn table_and_model(&mut self) -> (Arc<str>, Table) {
        let name = self.table();
        let own = self
            .model
            .tables
            .get(&name)
            .cloned()
            .unwrap_or_else(|| Table {
                key_type: KeyType::BigInt,
                partitions: 1,
                tags: Vec::new(),
                rows: std::collections::BTreeMap::new(),
            });
        (name, own)
    }
}
