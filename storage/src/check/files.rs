//! Every byte of every file of a manifest, and what files must say of each other.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::Check;
use super::part::{PartContext, check_part};
use crate::bitmap::Bitmap;
use crate::error::{Error, Result};
use crate::ids::{Lsn, TagId};
use crate::manifest::{FileRecord, Manifest, PartitionFiles, TagFile};
use crate::paths::{self, SegmentKind};
use crate::schema::TableSchema;
use crate::segment::keys::KeySegment;
use crate::segment::tags::TagSegment;
use crate::segment::vocabulary::VocabularySegment;
use crate::segment::{BlobCache, BlobFile, BlobRef};
use crate::vfs::{RelPath, Vfs};

/// An open segment.
pub(crate) enum Opened {
    Tags(Arc<TagSegment>),
    Keys(Arc<KeySegment>),
    Vocabulary(Arc<VocabularySegment>),
}

impl Opened {
    fn open(
        vfs: &dyn Vfs,
        path: &RelPath,
        cache: &Arc<BlobCache>,
        kind: SegmentKind,
    ) -> Result<Self> {
        let cache = cache.clone();
        Ok(match kind {
            SegmentKind::Tags => Self::Tags(TagSegment::open(vfs, path, cache)?),
            SegmentKind::Keys => Self::Keys(KeySegment::open(vfs, path, cache)?),
            SegmentKind::Vocabulary => Self::Vocabulary(VocabularySegment::open(vfs, path, cache)?),
        })
    }

    fn file(&self) -> &BlobFile {
        match self {
            Self::Tags(segment) => segment.file(),
            Self::Keys(segment) => segment.file(),
            Self::Vocabulary(segment) => segment.file(),
        }
    }

    fn blobs(&self) -> Vec<BlobRef> {
        match self {
            Self::Tags(segment) => segment.blobs(),
            Self::Keys(segment) => segment.blobs(),
            Self::Vocabulary(segment) => segment.blobs(),
        }
    }
}

/// Verifies every byte of a file; `directory` holds the tree that the manifest speaks of. Returns
/// the file if it is whole.
pub(crate) fn verify_file(
    vfs: &dyn Vfs,
    directory: &RelPath,
    cache: &Arc<BlobCache>,
    file: FileRecord,
    damaged: &mut dyn FnMut(Error),
) -> Option<Opened> {
    let path = directory.with(&file.name.path());
    let opened = match Opened::open(vfs, &path, cache, file.name.kind) {
        Ok(opened) => opened,
        Err(error) => {
            damaged(error);
            return None;
        }
    };
    let mut whole = opened.file().len() == file.len;
    if !whole {
        let expected = format!("a file of {} bytes", file.len);
        let len = opened.file().len().min(file.len);
        damaged(Error::corrupt(&path, len, expected));
    }
    opened.file().verify(opened.blobs(), &mut |error| {
        damaged(error);
        whole = false;
    });
    whole.then_some(opened)
}

/// The whole files of a partition.
#[derive(Default)]
struct OpenFiles {
    tags: Vec<(TagFile, Arc<TagSegment>)>,
    keys: Vec<Arc<KeySegment>>,
    vocabularies: Vec<Arc<VocabularySegment>>,
}

impl Check<'_> {
    /// Checks a manifest and its files.
    pub(super) fn manifest(&mut self, manifest: &Manifest) {
        let path = paths::manifest(manifest.number);
        let mut names = BTreeSet::new();
        for file in manifest.files() {
            self.report.files += 1;
            self.report.bytes = self.report.bytes.saturating_add(file.len);
            if !names.insert(file.name) {
                self.report
                    .say(&path, format!("{} is named twice", file.name.path()));
            }
        }
        let mut partitions = BTreeSet::new();
        for files in &manifest.partitions {
            let id = format!("partition {} of table {}", files.partition, files.table);
            if !partitions.insert((files.table, files.partition)) {
                self.report.say(&path, format!("{id} is there twice"));
            }
            let schema = manifest.catalog.table_by_id(files.table);
            match schema.filter(|schema| files.partition.0 < schema.partitions) {
                Some(schema) => self.partition(&path, manifest.lsn, files, schema),
                None => self
                    .report
                    .say(&path, format!("{id} is not in the catalog")),
            }
        }
    }

    fn partition(
        &mut self,
        path: &RelPath,
        lsn: Lsn,
        files: &PartitionFiles,
        schema: &TableSchema,
    ) {
        let end = u64::from(files.next_ordinal);
        if files.dead.max().is_some_and(|dead| u64::from(dead) >= end) {
            self.report.say(path, "a dead subject was never given");
        }
        self.intervals(path, lsn, files, schema);
        let open = self.open_files(files);
        self.key_ranges(files, schema, &open.keys);
        let codes = self.vocabularies(&open.vocabularies);
        for (file, segment) in &open.tags {
            for tag in &file.tags {
                self.layer(files, schema, &codes, segment, *tag);
            }
            self.subjects(segment);
        }
    }

    fn open_files(&mut self, files: &PartitionFiles) -> OpenFiles {
        let mut open = OpenFiles::default();
        for segment in &files.segments {
            if let Some(Opened::Tags(opened)) = self.open(segment.file) {
                open.tags.push((segment.clone(), opened));
            }
        }
        for file in &files.keys {
            if let Some(Opened::Keys(opened)) = self.open(*file) {
                open.keys.push(opened);
            }
        }
        for file in &files.vocabularies {
            if let Some(Opened::Vocabulary(opened)) = self.open(*file) {
                open.vocabularies.push(opened);
            }
        }
        open.keys.sort_by_key(|segment| segment.first);
        open
    }

    fn open(&mut self, file: FileRecord) -> Option<Opened> {
        let root = RelPath::root();
        verify_file(self.vfs, &root, &self.cache, file, &mut |error| {
            self.report.add_error(file.name.path(), &error);
        })
    }

    /// The layers of each tag have rising intervals of batches, none above the manifest's.
    fn intervals(
        &mut self,
        path: &RelPath,
        lsn: Lsn,
        files: &PartitionFiles,
        schema: &TableSchema,
    ) {
        let mut segments: Vec<_> = files.segments.iter().collect();
        segments.sort_by_key(|segment| segment.first_lsn);
        let mut last: BTreeMap<TagId, Lsn> = BTreeMap::new();
        for segment in segments {
            let name = segment.file.name.path();
            if segment.first_lsn > segment.last_lsn || segment.last_lsn > lsn {
                let what = format!("{name} holds batches that the manifest does not cover");
                self.report.say(path, what);
            }
            if !segment.tags.is_sorted_by(|a, b| a < b) || segment.tags.is_empty() {
                self.report
                    .say(path, format!("the tags of {name} do not rise"));
            }
            for tag in &segment.tags {
                if schema.tag_by_id(*tag).is_none() {
                    let what = format!("{name} is read for tag {tag}, which was dropped");
                    self.report.say(path, what);
                }
                let before = last.insert(*tag, segment.last_lsn);
                if before.is_some_and(|before| before >= segment.first_lsn) {
                    let what = format!("layers of tag {tag} overlap at {name}");
                    self.report.say(path, what);
                }
            }
        }
    }

    /// Key segments are of the table's type, do not overlap, and end at the last ordinal.
    fn key_ranges(
        &mut self,
        files: &PartitionFiles,
        schema: &TableSchema,
        keys: &[Arc<KeySegment>],
    ) {
        let mut end = 0;
        for segment in keys {
            let path = segment.file().path();
            if segment.kind() != schema.key_type {
                self.report.say(path, "keys are of another type");
            }
            if segment.first < end || segment.end() > files.next_ordinal {
                let what = "the ordinals are those of other keys, or were never given";
                self.report.say(path, what);
            }
            end = segment.end();
        }
    }

    /// The strings of each tag follow each other, and no two are equal. Returns their numbers.
    fn vocabularies(&mut self, segments: &[Arc<VocabularySegment>]) -> BTreeMap<TagId, u32> {
        let runs = segments.iter().flat_map(|segment| segment.runs());
        let tags: BTreeSet<TagId> = runs.map(|run| run.tag).collect();
        let lens = tags
            .into_iter()
            .map(|tag| (tag, self.strings(tag, segments)));
        lens.collect()
    }

    fn strings(&mut self, tag: TagId, segments: &[Arc<VocabularySegment>]) -> u32 {
        let mut strings: HashSet<Box<str>> = HashSet::new();
        let mut count = 0;
        for segment in segments {
            let path = segment.file().path();
            for run in segment.runs().iter().filter(|run| run.tag == tag) {
                if run.first != count {
                    let what = format!("expected strings of tag {tag} from code {count}");
                    self.report.say_at(path, run.blob.offset, what);
                }
                let read = segment.read(run, &mut |string| {
                    strings.insert(string.into());
                    count += 1;
                });
                if let Err(error) = read {
                    self.report.add_error(path, &error);
                }
                if strings.len() != count as usize {
                    let what = format!("a string of tag {tag} has two codes");
                    self.report.say_at(path, run.blob.offset, what);
                }
            }
        }
        count
    }

    /// One layer of one tag.
    fn layer(
        &mut self,
        files: &PartitionFiles,
        schema: &TableSchema,
        codes: &BTreeMap<TagId, u32>,
        segment: &TagSegment,
        id: TagId,
    ) {
        self.report.layers += 1;
        let path = segment.file().path();
        let Some(entry) = segment.entries().get(&id) else {
            return self
                .report
                .say(path, format!("tag {id} is not in the file"));
        };
        // A tag that is not in the catalog has been reported.
        let Some(tag) = schema.tag_by_id(id) else {
            return;
        };
        if entry.family != tag.kind.family() {
            return self
                .report
                .say(path, format!("tag {id} is of another type"));
        }
        let context = PartContext {
            tag,
            entry,
            next_ordinal: files.next_ordinal,
            codes: codes.get(&id).copied().unwrap_or(0),
        };
        let checked = segment
            .part(id)
            .and_then(|part| part.ok_or_else(|| Error::internal("a tag without a part")))
            .and_then(|part| {
                check_part(&part, context, &mut |offset, what| {
                    let what = format!("tag {id}: {what}");
                    self.report.say_at(path, offset, what);
                })
            });
        if let Err(error) = checked {
            self.report.add_error(path, &error);
        }
    }

    /// A segment's `subjects` are those that any of its tags says something of.
    fn subjects(&mut self, segment: &TagSegment) {
        let path = segment.file().path();
        let union = || {
            let mut touched = Bitmap::empty();
            for tag in segment.entries().keys() {
                if let Some(part) = segment.part(*tag)? {
                    touched = Bitmap::union(&[&touched, &part.subjects()]);
                }
            }
            Ok::<_, Error>(touched == segment.subjects()?)
        };
        match union() {
            Ok(true) => {}
            Ok(false) => self
                .report
                .say(path, "the subjects are not those of the tags"),
            Err(error) => self.report.add_error(path, &error),
        }
    }
}
