//! Vocabulary segments: the strings of a run of codes, for some tags of one partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::ids::{Code, TagId};
use crate::limits::KEYWORD_BYTES_MAX;
use crate::segment::blob_file::{BlobFile, BlobFileWriter, BlobRef, FileKind};
use crate::segment::cache::BlobCache;
use crate::vfs::{RelPath, Vfs};

/// New strings of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strings {
    /// The tag.
    pub tag: TagId,
    /// The code of the first string.
    pub first: Code,
    /// The strings of `first`, `first + 1`, and so on.
    pub strings: Vec<Arc<str>>,
}

/// Writes the new strings of some tags. Returns the file's length in bytes.
///
/// # Errors
/// The file cannot be written.
pub fn write_strings(vfs: &dyn Vfs, path: &RelPath, salt: u64, runs: &[Strings]) -> Result<u64> {
    let mut file = BlobFileWriter::create(vfs, path, FileKind::Vocabulary, salt)?;
    let mut footer = Encoder::new();
    footer.varint(runs.len() as u64);
    for run in runs {
        let mut blob = Encoder::new();
        for string in &run.strings {
            blob.str(string);
        }
        footer.u32(run.tag.0);
        footer.u32(run.first);
        footer.varint(run.strings.len() as u64);
        file.put(blob.as_slice())?.encode(&mut footer);
    }
    file.finish(footer.as_slice())
}

/// Writes the strings of several segments, oldest first, of the tags that `keep` takes. Returns the
/// file's length in bytes.
///
/// # Errors
/// A file cannot be read or written, is damaged, or misses codes.
pub fn merge_strings(
    vfs: &dyn Vfs,
    path: &RelPath,
    salt: u64,
    segments: &[Arc<VocabularySegment>],
    keep: &dyn Fn(TagId) -> bool,
) -> Result<u64> {
    let mut runs: BTreeMap<TagId, Vec<(&VocabularySegment, &Run)>> = BTreeMap::new();
    for segment in segments {
        for run in segment.runs.iter().filter(|run| keep(run.tag)) {
            runs.entry(run.tag).or_default().push((segment, run));
        }
    }
    let mut file = BlobFileWriter::create(vfs, path, FileKind::Vocabulary, salt)?;
    let mut footer = Encoder::new();
    footer.varint(runs.len() as u64);
    for (tag, runs) in runs {
        let mut blob = Vec::new();
        let mut count = 0;
        for (segment, run) in runs {
            if run.first != count {
                let expected = format!("strings from code {count}");
                return Err(Error::corrupt(
                    segment.file.path(),
                    run.blob.offset,
                    expected,
                ));
            }
            blob.extend_from_slice(&segment.file.read(run.blob)?);
            count += run.count;
        }
        footer.u32(tag.0);
        footer.u32(0);
        footer.varint(u64::from(count));
        file.put(&blob)?.encode(&mut footer);
    }
    file.finish(footer.as_slice())
}

/// Where the strings of a run of codes are.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The tag.
    pub tag: TagId,
    /// The first code.
    pub first: Code,
    /// The number of codes.
    pub count: u32,
    /// The strings, each preceded by its length.
    pub blob: BlobRef,
}

/// An open vocabulary segment.
#[derive(Debug)]
pub struct VocabularySegment {
    file: Arc<BlobFile>,
    runs: Vec<Run>,
}

impl VocabularySegment {
    /// Opens a segment.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn open(vfs: &dyn Vfs, path: &RelPath, cache: Arc<BlobCache>) -> Result<Arc<Self>> {
        let (file, footer) = BlobFile::open(vfs, path, FileKind::Vocabulary, cache)?;
        let mut input = Decoder::new(&footer);
        let count = input.count(9)?;
        let mut runs = Vec::with_capacity(count);
        for _ in 0..count {
            let (tag, first) = (TagId(input.u32()?), input.u32()?);
            let count = u32::try_from(input.varint()?)
                .map_err(|_| Error::corrupt(path, 0, "a number of strings"))?;
            runs.push(Run {
                tag,
                first,
                count,
                blob: BlobRef::decode(&mut input)?,
            });
        }
        input.finish()?;
        Ok(Arc::new(Self { file, runs }))
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &Arc<BlobFile> {
        &self.file
    }

    /// What it holds.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// All blobs that the footer reaches.
    #[must_use]
    pub fn blobs(&self) -> Vec<BlobRef> {
        self.runs.iter().map(|run| run.blob).collect()
    }

    /// Calls `visit` with the strings of a run, by code.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn read(&self, run: &Run, visit: &mut dyn FnMut(&str)) -> Result<()> {
        let bytes = self.file.read(run.blob)?;
        let damaged = |expected| Error::corrupt(self.file.path(), run.blob.offset, expected);
        let mut input = Decoder::new(&bytes);
        for _ in 0..run.count {
            let string = input.str().map_err(|_| damaged("a string"))?;
            if string.len() > KEYWORD_BYTES_MAX {
                return Err(damaged("a string of at most 1,024 bytes"));
            }
            visit(string);
        }
        input.finish().map_err(|_| damaged("no more strings"))
    }
}
