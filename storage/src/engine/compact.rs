//! Compaction: neighbouring segments of a tag become one. The long part runs without any lock; the
//! output replaces exactly its inputs, or is thrown away.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::edit::{NewSegment, PartitionEdit};
use crate::engine::policy;
use crate::engine::root::PartitionState;
use crate::engine::segments::LiveSegment;
use crate::error::Result;
use crate::ids::{PartitionId, TableId, TagId};
use crate::layer::merge::{MergeContext, merge};
use crate::layer::{MultiStack, Part, SingleStack, TextStack};
use crate::paths::{SegmentKind, SegmentName};
use crate::planted::{Planted, is_planted};
use crate::schema::{Family, Tag};
use crate::segment::base::{BaseContext, write_multi, write_single, write_text};
use crate::segment::tags::{TagSegment, TagSegmentWriter};
use crate::vfs::RelPath;

/// A merge at the bottom of a stack is in base form from one in so many subjects.
const BASE_SHARE: u64 = 100;

/// A choice of neighbouring segments of a stack, by their sizes, oldest first.
pub type Choose<'a> = dyn Fn(&[u64]) -> Option<std::ops::Range<usize>> + 'a;

/// Neighbouring segments, and the tags to merge from them.
#[derive(Debug)]
struct Job {
    inputs: Vec<LiveSegment>,
    tags: Vec<TagId>,
    /// Whether the inputs are the oldest layers of all those tags.
    bottom: bool,
}

impl Job {
    fn paths(&self) -> impl Iterator<Item = RelPath> + '_ {
        self.inputs
            .iter()
            .map(|input| input.segment.file().path().clone())
    }
}

impl Engine {
    /// Merges all segments of each tag, of keys and of strings into one, of one table or of all.
    ///
    /// # Errors
    /// A file cannot be read or written: what is not merged stays as it was. A damaged file does not
    /// keep others from being merged.
    pub fn compact(&self, table: Option<TableId>) -> Result<()> {
        let all = |sizes: &[u64]| (sizes.len() > 1).then_some(0..sizes.len());
        self.compact_by(table, &|partition| jobs(partition, &all))?;
        self.compact_by(table, &sparse_jobs)?;
        self.compact_names(table, &all)?;
        self.damaged.expect_none()
    }

    /// Merges the neighbours that `choose` names of each stack of segments, by their sizes, oldest
    /// first; tells whether there were any. Any neighbours may be merged at any time: the others
    /// are a matter of cost alone.
    ///
    /// # Errors
    /// As [`Self::compact`].
    pub fn compact_chosen(&self, choose: &Choose<'_>) -> Result<bool> {
        let tags = self.compact_by(None, &|partition| jobs(partition, choose))?;
        let names = self.compact_names(None, choose)?;
        Ok(tags || names)
    }

    /// Does what the policy finds due; tells whether there was anything.
    ///
    /// # Errors
    /// As [`Self::compact`].
    pub fn compact_due(&self) -> Result<bool> {
        let max = self.settings.layers_max / 2;
        let choose = |sizes: &[u64]| policy::choose(sizes, max);
        let tags = self.compact_by(None, &|partition| jobs(partition, &choose))?;
        let sparse = self.compact_by(None, &sparse_jobs)?;
        let names = self.compact_names(None, &policy::choose_keys)?;
        Ok(tags || sparse || names)
    }

    fn compact_by(
        &self,
        only: Option<TableId>,
        jobs: &dyn Fn(&PartitionState) -> Vec<Job>,
    ) -> Result<bool> {
        let _one = self.compacting.lock();
        let state = self.snapshot();
        // Merging forgets the dead for good, so their deletion must survive a crash.
        if !is_planted(Planted::CompactUncommitted) {
            self.commit(state.lsn)?;
        }
        let mut any = false;
        for table in state.tables.values() {
            if only.is_some_and(|only| only != table.schema.id) {
                continue;
            }
            for partition in &table.partitions {
                for job in jobs(partition) {
                    let inputs: Vec<RelPath> = job.paths().collect();
                    any |= self.merge_sound(&inputs, || self.run(partition, &job))?;
                }
            }
        }
        Ok(any)
    }

    fn run(&self, partition: &PartitionState, job: &Job) -> Result<()> {
        let (file, segment) = self.write_file(partition.id, SegmentKind::Tags, &|path, salt| {
            let writer = TagSegmentWriter::create(&*self.vfs, path, salt)?;
            let len = write_merged(writer, partition, job)?;
            Ok((len, TagSegment::open(&*self.vfs, path, self.cache.clone())?))
        })?;
        if !self.stands(partition.schema.id, partition.id, job) {
            self.files.lock().abandon(file.name);
            return Ok(());
        }
        let mut edit = PartitionEdit::new(partition.schema.id, partition.id);
        let first_lsn = job.inputs[0].first_lsn;
        let last_lsn = job.inputs[job.inputs.len() - 1].last_lsn;
        edit.add.push(NewSegment {
            file,
            segment,
            first_lsn,
            last_lsn,
        });
        for input in &job.inputs {
            if let Some(name) = SegmentName::parse(input.segment.file().path()) {
                edit.remove.push((name, job.tags.clone()));
            }
        }
        self.install(&[edit], None)?;
        self.count_layers(&self.snapshot());
        self.maintenance.compacted();
        Ok(())
    }

    /// Whether a job's inputs still stand where they stood: nothing else takes segments away but
    /// DROP and TRUNCATE.
    fn stands(&self, table: TableId, partition: PartitionId, job: &Job) -> bool {
        let state = self.snapshot();
        let Some(table) = state.table(table) else {
            return false;
        };
        let Ok(partition) = table.partition(partition) else {
            return false;
        };
        job.tags.iter().all(|tag| {
            let stack = partition.segments.stack(*tag);
            let first = &job.inputs[0].segment;
            let at = stack.iter().position(|segment| Arc::ptr_eq(segment, first));
            at.and_then(|at| stack.get(at..at + job.inputs.len()))
                .is_some_and(|run| {
                    let mut pairs = run.iter().zip(&job.inputs);
                    pairs.all(|(segment, input)| Arc::ptr_eq(segment, &input.segment))
                })
        })
    }
}

fn write_merged(
    mut writer: TagSegmentWriter,
    partition: &PartitionState,
    job: &Job,
) -> Result<u64> {
    for id in &job.tags {
        let Some(tag) = partition.schema.tag_by_id(*id) else {
            continue;
        };
        let mut parts = Vec::with_capacity(job.inputs.len());
        for input in &job.inputs {
            parts.extend(input.segment.part(*id)?);
        }
        write_tag(&mut writer, partition, tag, &parts, job.bottom)?;
    }
    writer.finish()
}

/// The runs to merge, those of the same segments together.
fn jobs(partition: &PartitionState, choose: &Choose<'_>) -> Vec<Job> {
    let mut jobs: BTreeMap<(Vec<String>, bool), Job> = BTreeMap::new();
    for tag in partition.segments.tags() {
        if partition.schema.tag_by_id(tag).is_none() {
            continue;
        }
        let live = partition
            .segments
            .live
            .iter()
            .filter(|live| live.tags.contains(&tag));
        let stack: Vec<&LiveSegment> = live.collect();
        let sizes: Vec<u64> = stack
            .iter()
            .map(|live| {
                live.segment
                    .entries()
                    .get(&tag)
                    .map_or(0, |entry| entry.bytes)
            })
            .collect();
        let Some(run) = choose(&sizes) else { continue };
        let bottom = run.start == 0;
        let Some(inputs) = stack.get(run) else {
            continue;
        };
        let inputs: Vec<LiveSegment> = inputs.iter().map(|live| (*live).clone()).collect();
        let paths = inputs
            .iter()
            .map(|input| input.segment.file().path().to_string())
            .collect();
        let job = Job {
            inputs,
            tags: Vec::new(),
            bottom,
        };
        jobs.entry((paths, bottom)).or_insert(job).tags.push(tag);
    }
    jobs.into_values().collect()
}

/// What is still read of segments that are mostly dropped or merged away goes to files of its own,
/// so that the old ones can be deleted.
fn sparse_jobs(partition: &PartitionState) -> Vec<Job> {
    let mut jobs = Vec::new();
    for live in &partition.segments.live {
        let file = live.segment.file().len();
        let entries = live.segment.entries();
        let read = live.tags.iter().filter_map(|tag| entries.get(tag));
        if !policy::is_sparse(read.map(|entry| entry.bytes).sum(), file) {
            continue;
        }
        let is_oldest = |tag: &TagId| {
            let oldest = partition.segments.stack(*tag).first();
            oldest.is_some_and(|oldest| Arc::ptr_eq(oldest, &live.segment))
        };
        let (oldest, others): (Vec<_>, Vec<_>) = live.tags.iter().copied().partition(is_oldest);
        for (tags, bottom) in [(oldest, true), (others, false)] {
            if !tags.is_empty() {
                let inputs = vec![live.clone()];
                jobs.push(Job {
                    inputs,
                    tags,
                    bottom,
                });
            }
        }
    }
    jobs
}

/// Merges parts of a tag, oldest first, into a segment.
pub(super) fn write_tag(
    writer: &mut TagSegmentWriter,
    partition: &PartitionState,
    tag: &Tag,
    parts: &[Arc<Part>],
    bottom: bool,
) -> Result<()> {
    let touched: u64 = parts.iter().map(|part| part.subject_count()).sum();
    let dead = &partition.dead;
    let family = tag.kind.family();
    if !bottom || touched.saturating_mul(BASE_SHARE) < u64::from(partition.next_ordinal) {
        let payload = family == Family::Map;
        let merged = merge(
            parts,
            MergeContext {
                dead,
                bottom,
                payload,
            },
        )?;
        return writer.put_flat(tag.id, family, &merged);
    }
    let context = BaseContext {
        tag: tag.id,
        chunks: partition.chunks(),
        dead,
    };
    match family {
        Family::Single => write_single(
            writer,
            &SingleStack::new(parts)?,
            tag.kind.is_coded(),
            context,
        ),
        Family::Text => write_text(writer, &TextStack::new(parts)?, context),
        Family::Set | Family::Map => write_multi(
            writer,
            &MultiStack::new(parts)?,
            family == Family::Map,
            context,
        ),
    }
}
