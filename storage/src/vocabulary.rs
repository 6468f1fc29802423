//! Vocabularies: the strings of a tag in one partition, and their codes.
//!
//! A vocabulary only grows, and one object serves every root: a code that a root does not know
//! yet has no members there. Strings that are on disk are read when the first one is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::{RwLock, RwLockReadGuard};
use std::hash::BuildHasher;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Code, TagId};
use crate::segment::vocabulary::VocabularySegment;

/// How large a vocabulary may grow.
#[derive(Clone, Copy, Debug)]
pub struct VocabularyLimits {
    /// Distinct strings.
    pub entries_max: usize,
    /// Bytes of all strings.
    pub bytes_max: usize,
}

/// The strings of one tag in one partition.
#[derive(Debug)]
pub struct Vocabulary {
    tag: TagId,
    /// Strings below this code are in segments.
    stored: AtomicU32,
    strings: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Read before anything else; empty once read.
    unread: Vec<Arc<VocabularySegment>>,
    strings: Vec<Arc<str>>,
    codes: HashTable<Code>,
    hasher: DefaultHashBuilder,
    bytes: usize,
}

impl Table {
    fn find(&self, string: &str) -> Option<Code> {
        let hash = self.hasher.hash_one(string);
        self.codes
            .find(hash, |code| &*self.strings[*code as usize] == string)
            .copied()
    }

    fn push(&mut self, string: &str) -> Code {
        let code = self.strings.len() as Code;
        self.bytes += string.len();
        self.strings.push(string.into());
        let Self {
            strings,
            codes,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one(string);
        codes.insert_unique(hash, code, |code| {
            hasher.hash_one(&*strings[*code as usize])
        });
        code
    }

    fn load(&mut self, tag: TagId) -> Result<()> {
        for segment in std::mem::take(&mut self.unread) {
            for run in segment.runs().iter().filter(|run| run.tag == tag) {
                if run.first as usize != self.strings.len() {
                    let expected = format!("strings from code {}", self.strings.len());
                    return Err(Error::corrupt(segment.file().path(), 0, expected));
                }
                segment.read(run, &mut |string| {
                    self.push(string);
                })?;
            }
        }
        Ok(())
    }
}

impl Vocabulary {
    /// The vocabulary of a tag whose strings so far are in segments, oldest first.
    #[must_use]
    pub fn new(tag: TagId, segments: Vec<Arc<VocabularySegment>>) -> Self {
        let runs = segments.iter().flat_map(|segment| segment.runs());
        let stored = runs.filter(|run| run.tag == tag).map(|run| run.count).sum();
        let table = Table {
            unread: segments,
            ..Table::default()
        };
        Self {
            tag,
            stored: AtomicU32::new(stored),
            strings: RwLock::new(table),
        }
    }

    /// The number of strings that are in segments.
    #[must_use]
    pub fn stored(&self) -> Code {
        self.stored.load(Ordering::Acquire)
    }

    /// Says that the strings below a code are in segments.
    pub fn set_stored(&self, end: Code) {
        self.stored.fetch_max(end, Ordering::AcqRel);
    }

    /// Whether the strings in segments have been read: before that there are no others.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.strings.read().unread.is_empty()
    }

    /// The strings, for reading many.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn read(&self) -> Result<VocabularyReader<'_>> {
        let table = self.strings.read();
        if table.unread.is_empty() {
            return Ok(VocabularyReader { table });
        }
        drop(table);
        let mut table = self.strings.write();
        let segments = table.unread.clone();
        if let Err(error) = table.load(self.tag) {
            *table = Table {
                unread: segments,
                ..Table::default()
            };
            return Err(error);
        }
        drop(table);
        Ok(VocabularyReader {
            table: self.strings.read(),
        })
    }

    /// The code of a string, if it has one.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn code_of(&self, string: &str) -> Result<Option<Code>> {
        Ok(self.read()?.code_of(string))
    }

    /// The codes of strings, which are added if they are new: all of them or none.
    ///
    /// # Errors
    /// `vocabulary_full`, or a file cannot be read or is damaged.
    pub fn intern(
        &self,
        strings: &[Box<str>],
        limits: VocabularyLimits,
        name: &str,
    ) -> Result<Vec<Code>> {
        let known: Vec<Option<Code>> = {
            let reader = self.read()?;
            strings
                .iter()
                .map(|string| reader.code_of(string))
                .collect()
        };
        if let Some(codes) = known.iter().copied().collect() {
            return Ok(codes);
        }
        let mut table = self.strings.write();
        let new = || {
            strings
                .iter()
                .zip(&known)
                .filter(|(_, code)| code.is_none())
        };
        let entries = table.strings.len() + new().count();
        let bytes = table.bytes + new().map(|(string, _)| string.len()).sum::<usize>();
        if entries > limits.entries_max || bytes > limits.bytes_max {
            return Err(full(name, entries, bytes, limits));
        }
        Ok(strings
            .iter()
            .zip(known)
            .map(|(string, code)| {
                code.or_else(|| table.find(string))
                    .unwrap_or_else(|| table.push(string))
            })
            .collect())
    }
}

fn full(name: &str, entries: usize, bytes: usize, limits: VocabularyLimits) -> Error {
    let VocabularyLimits {
        entries_max,
        bytes_max,
    } = limits;
    Error::new(
        ErrorKind::Limit,
        "vocabulary_full",
        format!(
            "tag {name:?} would have {entries} distinct strings of {bytes} bytes, at most \
             {entries_max} and {bytes_max} are allowed: a tag with a string of its own for each \
             subject (an e-mail address, a session id) is better stored as LONGTEXT or as the key"
        ),
    )
}

/// The strings of a vocabulary while they are being read.
#[derive(Debug)]
pub struct VocabularyReader<'a> {
    table: RwLockReadGuard<'a, Table>,
}

impl VocabularyReader<'_> {
    /// The number of strings.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.table.strings.len() as u32
    }

    /// Whether there are no strings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.strings.is_empty()
    }

    /// The code of a string, if it has one.
    #[must_use]
    pub fn code_of(&self, string: &str) -> Option<Code> {
        self.table.find(string)
    }

    /// The string of a code; the empty string for a code that was never given.
    #[must_use]
    pub fn string(&self, code: Code) -> &str {
        self.get(code).map_or("", |string| string)
    }

    /// The string of a code.
    #[must_use]
    pub fn get(&self, code: Code) -> Option<&Arc<str>> {
        self.table.strings.get(code as usize)
    }

    /// All strings, by code.
    pub fn iter(&self) -> impl Iterator<Item = (Code, &str)> {
        (0..).zip(self.table.strings.iter().map(|string| &**string))
    }

    /// The strings from a code on.
    #[must_use]
    pub fn from(&self, first: Code) -> Vec<Arc<str>> {
        self.table
            .strings
            .get(first as usize..)
            .unwrap_or_default()
            .to_vec()
    }
}
