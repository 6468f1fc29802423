//! Many subjects against many conditions: only their chunks, and in them only they, are looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use tagdb_storage::batch::KeyRef;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Ordinal, chunk_of, low_of};

use super::{Analysis, Conditions};
use crate::bind::bound::Scan;
use crate::error::Result;
use crate::exec::predicate::Filter;
use crate::limits::Limits;

/// Keys of one call.
pub const MATCH_KEYS_MAX: usize = 10_000;
/// Conditions of one call.
const CONDITIONS_MAX: usize = 64;

/// For each condition whether it is true or false of a subject; nothing if it is unknown.
pub type Verdicts = Vec<Option<bool>>;

impl Analysis<'_> {
    /// What conditions say of subjects, in the order of the keys; nothing for keys that nobody
    /// has.
    ///
    /// # Errors
    /// A condition is at fault, there are too many keys or conditions, a file cannot be read or is
    /// damaged, or the call has to stop.
    pub fn matches(
        &self,
        keys: &[KeyRef<'_>],
        conditions: &Conditions,
    ) -> Result<Vec<Option<Verdicts>>> {
        Limits::check("keys", keys.len(), MATCH_KEYS_MAX)?;
        Limits::check("conditions", conditions.len(), CONDITIONS_MAX)?;
        let scans = self.scans(conditions)?;
        let table = self.execution.table(&self.table)?;
        let bytes = size_of::<Verdicts>() + scans.len() * size_of::<Option<bool>>();
        self.execution.budget.charge(keys.len() * bytes)?;
        let mut answers = vec![None; keys.len()];
        let mut found: BTreeMap<u16, Vec<(Ordinal, usize)>> = BTreeMap::new();
        for (place, key) in keys.iter().enumerate() {
            let id = table.partition_of(*key);
            if let Some(ordinal) = table.partition(id)?.find(*key)? {
                found.entry(id.0).or_default().push((ordinal, place));
                answers[place] = Some(vec![None; scans.len()]);
            }
        }
        for (id, mut wanted) in found {
            let partition = table.partition(tagdb_storage::ids::PartitionId(id))?;
            wanted.sort_unstable();
            for (place, scan) in scans.iter().enumerate() {
                let name = conditions.name(place);
                self.match_one(partition, (place, scan), &wanted, &mut answers)
                    .map_err(|error| error.in_condition(name))?;
            }
        }
        Ok(answers)
    }

    /// What one condition says of subjects of one partition, which rise.
    fn match_one(
        &self,
        partition: &Arc<PartitionState>,
        (place, scan): (usize, &Scan),
        wanted: &[(Ordinal, usize)],
        answers: &mut [Option<Verdicts>],
    ) -> Result<()> {
        let mut candidates = Box::<Chunk>::default();
        let mut side = Box::<Chunk>::default();
        let mut filter = Filter::compile(&scan.predicate, (scan, partition), &self.execution)?;
        for together in wanted.chunk_by(|(a, _), (b, _)| chunk_of(*a) == chunk_of(*b)) {
            self.execution.interrupt.check()?;
            let Some(chunk) = together.first().map(|(ordinal, _)| chunk_of(*ordinal)) else {
                continue;
            };
            candidates.clear();
            for (ordinal, _) in together {
                candidates.set(low_of(*ordinal));
            }
            for value in [true, false] {
                filter.side(value, chunk, &candidates, &mut side)?;
                for (ordinal, row) in together {
                    if side.contains(low_of(*ordinal))
                        && let Some(Some(verdicts)) = answers.get_mut(*row)
                    {
                        verdicts[place] = Some(value);
                    }
                }
                candidates.and_not(&side);
            }
        }
        Ok(())
    }
}
