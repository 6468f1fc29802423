//! Tag segments: what a run of batches did to some tags of one partition.

mod damaged;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::bitmap::Bitmap;
use crate::codec::{Decoder, Encoder};
use crate::column::{Lists, TextBlocks, Vector};
use crate::error::{Error, Result};
use crate::ids::{Ordinal, TagId};
use crate::layer::part::{FlatRows, MultiPart, Part, Rows, SinglePart, TextPart, Texts, Values};
use crate::schema::Family;
use crate::segment::blob_file::{BlobFile, BlobFileWriter, BlobRef, FileKind};
use crate::segment::cache::{BlobCache, Cached};
use crate::segment::directory::Directory;
pub use crate::segment::entry::TagEntry;
use crate::segment::groups::{EntryIndex, ListGroups, MemberIndex, TextGroups, ValueGroups};
use crate::vfs::{RelPath, Vfs};

/// Writes a tag segment: tags by rising id.
#[derive(Debug)]
pub struct TagSegmentWriter {
    /// Where blobs go.
    pub file: BlobFileWriter,
    entries: Vec<(TagId, TagEntry)>,
    touched: Vec<Bitmap>,
}

impl TagSegmentWriter {
    /// Begins a segment.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn create(vfs: &dyn Vfs, path: &RelPath, salt: u64) -> Result<Self> {
        let file = BlobFileWriter::create(vfs, path, FileKind::Tags, salt)?;
        Ok(Self {
            file,
            entries: Vec::new(),
            touched: Vec::new(),
        })
    }

    /// Adds a tag whose blobs are written; `touched` are the subjects it says something of.
    pub fn push(&mut self, tag: TagId, entry: TagEntry, touched: Bitmap) {
        self.entries.push((tag, entry));
        if self
            .touched
            .iter()
            .all(|known| known.bytes() != touched.bytes())
        {
            self.touched.push(touched);
        }
    }

    /// Adds a part in delta form.
    ///
    /// # Errors
    /// The file cannot be written, or the part is in base form.
    pub fn put_flat(&mut self, tag: TagId, family: Family, part: &Part) -> Result<()> {
        let before = self.file.position();
        let mut entry = TagEntry::new(family, false);
        match part {
            Part::Single(part) => {
                let Values::Flat(values) = &part.values else {
                    return Err(not_flat());
                };
                entry.subjects = part.set.len();
                (entry.set, entry.cleared) = self.put_bitmaps(&part.set, &part.cleared)?;
                entry.values = self.file.put(values.bytes())?;
            }
            Part::Text(part) => {
                let Texts::Flat(texts) = &part.texts else {
                    return Err(not_flat());
                };
                entry.subjects = part.set.len();
                (entry.set, entry.cleared) = self.put_bitmaps(&part.set, &part.cleared)?;
                entry.values = self.file.put(texts.bytes())?;
            }
            Part::Multi(part) => {
                let Rows::Flat(full) = &part.full else {
                    return Err(not_flat());
                };
                entry.subjects = part.reset.len() + part.dirty.len();
                (entry.set, entry.cleared) = self.put_bitmaps(&part.reset, &part.dirty)?;
                (entry.values, entry.index) = self.put_rows(full)?;
                let (puts, payload) = self.put_rows(&part.puts)?;
                let (drops, _) = self.put_rows(&part.drops)?;
                entry.edits = [puts, payload, drops];
            }
        }
        entry.bytes = self.file.position() - before;
        self.push(tag, entry, part.subjects());
        Ok(())
    }

    fn put_bitmaps(&mut self, first: &Bitmap, second: &Bitmap) -> Result<(BlobRef, BlobRef)> {
        Ok((self.put_bitmap(first)?, self.put_bitmap(second)?))
    }

    /// Writes a bitmap, unless it is empty; equal neighbours are stored once.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put_bitmap(&mut self, bitmap: &Bitmap) -> Result<BlobRef> {
        if bitmap.is_empty() {
            Ok(BlobRef::default())
        } else {
            self.file.put_shared(bitmap.bytes())
        }
    }

    fn put_rows(&mut self, rows: &FlatRows) -> Result<(BlobRef, BlobRef)> {
        if rows.codes.is_empty() {
            return Ok((BlobRef::default(), BlobRef::default()));
        }
        let codes = self.file.put(rows.codes.bytes())?;
        let payload = match &rows.payload {
            Some(payload) => self.file.put(payload.bytes())?,
            None => BlobRef::default(),
        };
        Ok((codes, payload))
    }

    /// Writes the footer and makes the file durable. Returns its length in bytes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<u64> {
        let touched = Bitmap::union(&self.touched.iter().collect::<Vec<_>>());
        let subjects = self.put_bitmap(&touched)?;
        let mut footer = Encoder::new();
        subjects.encode(&mut footer);
        footer.varint(self.entries.len() as u64);
        self.entries.sort_by_key(|(tag, _)| *tag);
        for (tag, entry) in &self.entries {
            footer.u32(tag.0);
            entry.encode(&mut footer);
        }
        self.file.finish(&footer.finish())
    }
}

fn not_flat() -> Error {
    Error::internal("a part in base form was given as a delta")
}

/// Bytes of what look-ups ask first that is kept beside the cache, each.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// An open tag segment.
#[derive(Debug)]
pub struct TagSegment {
    file: Arc<BlobFile>,
    subjects: BlobRef,
    entries: BTreeMap<TagId, TagEntry>,
    /// The tags whose columns are in row groups: base form, no texts.
    row_tags: Vec<TagId>,
    /// What look-ups ask first of every segment.
    touched: OnceLock<Bitmap>,
    /// Small parts in base form, which hold no values themselves.
    base: BTreeMap<TagId, OnceLock<Arc<Part>>>,
}

impl TagSegment {
    /// Opens a segment.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn open(vfs: &dyn Vfs, path: &RelPath, cache: Arc<BlobCache>) -> Result<Arc<Self>> {
        let (file, footer) = BlobFile::open(vfs, path, FileKind::Tags, cache)?;
        let mut input = Decoder::new(&footer);
        let subjects = BlobRef::decode(&mut input)?;
        let mut entries = BTreeMap::new();
        for _ in 0..input.varint()? {
            let tag = TagId(input.u32()?);
            entries.insert(tag, TagEntry::decode(&mut input)?);
        }
        input.finish()?;
        let in_rows = |entry: &TagEntry| entry.base && entry.family != Family::Text;
        let rows = entries.iter().filter(|(_, entry)| in_rows(entry));
        let row_tags = rows.map(|(tag, _)| *tag).collect();
        let is_kept = |entry: &TagEntry| entry.base && entry.own_bytes() <= KEPT_BYTES_MAX as u64;
        let base = entries.iter().filter(|(_, entry)| is_kept(entry));
        let base = base.map(|(tag, _)| (*tag, OnceLock::new())).collect();
        Ok(Arc::new(Self {
            file,
            subjects,
            entries,
            row_tags,
            touched: OnceLock::new(),
            base,
        }))
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &Arc<BlobFile> {
        &self.file
    }

    /// What it holds, by tag.
    #[must_use]
    pub const fn entries(&self) -> &BTreeMap<TagId, TagEntry> {
        &self.entries
    }

    /// The tags whose columns are in row groups, rising.
    pub(super) fn row_tags(&self) -> &[TagId] {
        &self.row_tags
    }

    /// All blobs that the footer reaches; what a damaged directory names is left out.
    #[must_use]
    pub fn blobs(&self) -> Vec<BlobRef> {
        let mut blobs = vec![self.subjects];
        for entry in self.entries.values() {
            blobs.extend([entry.set, entry.cleared, entry.values, entry.index]);
            blobs.extend(entry.edits);
            if entry.base {
                for directory in [entry.values, entry.index] {
                    blobs.extend(self.directory(directory).iter().flat_map(Directory::blobs));
                }
            }
        }
        blobs
    }

    /// The subjects that any of its tags says something of.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn subjects(&self) -> Result<Bitmap> {
        if let Some(touched) = self.touched.get() {
            return Ok(touched.clone());
        }
        let touched = super::groups::bitmap(&self.file, self.subjects)?;
        if touched.bytes().len() > KEPT_BYTES_MAX {
            return Ok(touched);
        }
        Ok(self.touched.get_or_init(|| touched).clone())
    }

    /// Whether any of its tags says something of a subject.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn has_subject(&self, ordinal: Ordinal) -> Result<bool> {
        match self.touched.get() {
            Some(touched) => Ok(touched.contains(ordinal)),
            None => Ok(self.subjects()?.contains(ordinal)),
        }
    }

    /// What it says of a tag, if anything.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn part(&self, tag: TagId) -> Result<Option<Arc<Part>>> {
        let Some(entry) = self.entries.get(&tag) else {
            return Ok(None);
        };
        if let Some(part) = self.base.get(&tag) {
            if let Some(part) = part.get() {
                return Ok(Some(part.clone()));
            }
            let loaded = Arc::new(self.load(entry)?);
            return Ok(Some(part.get_or_init(|| loaded).clone()));
        }
        self.file
            .cached_as(u64::from(tag.0), || {
                Ok(Cached::Part(Arc::new(self.load(entry)?)))
            })?
            .into_part()
            .map(Some)
    }

    fn load(&self, entry: &TagEntry) -> Result<Part> {
        Ok(match entry.family {
            Family::Single => Part::Single(Arc::new(self.load_single(entry)?)),
            Family::Text => Part::Text(Arc::new(self.load_text(entry)?)),
            Family::Set | Family::Map => Part::Multi(Arc::new(self.load_multi(entry)?)),
        })
    }

    fn load_single(&self, entry: &TagEntry) -> Result<SinglePart> {
        let (set, cleared) = (self.bitmap(entry.set)?, self.bitmap(entry.cleared)?);
        if !entry.base {
            let values = self.vector(entry.values)?;
            self.expect(values.len() as u64 == set.len(), entry.values)?;
            let values = Values::Flat(values);
            return Ok(SinglePart {
                set,
                cleared,
                values,
                members: None,
            });
        }
        let directory = self.directory(entry.values)?;
        let values = Values::Grouped(ValueGroups {
            file: self.file.clone(),
            directory,
        });
        let members = if entry.index.len == 0 {
            None
        } else {
            let directory = self.directory(entry.index)?;
            Some(MemberIndex {
                file: self.file.clone(),
                directory,
            })
        };
        Ok(SinglePart {
            set,
            cleared,
            values,
            members,
        })
    }

    fn load_text(&self, entry: &TagEntry) -> Result<TextPart> {
        let (set, cleared) = (self.bitmap(entry.set)?, self.bitmap(entry.cleared)?);
        let texts = if entry.base {
            let directory = self.directory(entry.values)?;
            Texts::Grouped(TextGroups {
                file: self.file.clone(),
                directory,
            })
        } else if entry.values.len == 0 {
            Texts::default()
        } else {
            Texts::Flat(self.sound(entry.values, TextBlocks::parse)?)
        };
        if let Texts::Flat(texts) = &texts {
            self.expect(texts.len() == set.len(), entry.values)?;
        }
        Ok(TextPart {
            set,
            cleared,
            texts,
        })
    }

    fn load_multi(&self, entry: &TagEntry) -> Result<MultiPart> {
        let (reset, dirty) = (self.bitmap(entry.set)?, self.bitmap(entry.cleared)?);
        if entry.base {
            self.expect(dirty.is_empty(), entry.cleared)?;
            let directory = self.directory(entry.values)?;
            let full = Rows::Grouped(ListGroups {
                file: self.file.clone(),
                directory,
            });
            let directory = self.directory(entry.index)?;
            let index = Some(EntryIndex {
                file: self.file.clone(),
                directory,
            });
            let (puts, drops) = (FlatRows::default(), FlatRows::default());
            return Ok(MultiPart {
                reset,
                dirty,
                full,
                puts,
                drops,
                index,
            });
        }
        let full = self.rows(entry.values, entry.index)?;
        let [puts, payload, drops] = entry.edits;
        let puts = self.rows(puts, payload)?;
        let drops = self.rows(drops, BlobRef::default())?;
        self.expect(full.codes.len() as u64 == reset.len(), entry.values)?;
        self.expect(puts.codes.len() as u64 == dirty.len(), entry.edits[0])?;
        self.expect(drops.codes.len() as u64 == dirty.len(), entry.edits[2])?;
        Ok(MultiPart {
            reset,
            dirty,
            full: Rows::Flat(full),
            puts,
            drops,
            index: None,
        })
    }

    fn bitmap(&self, reference: BlobRef) -> Result<Bitmap> {
        if reference.len == 0 {
            Ok(Bitmap::default())
        } else {
            self.sound(reference, Bitmap::parse)
        }
    }

    fn vector(&self, reference: BlobRef) -> Result<Vector> {
        if reference.len == 0 {
            Ok(Vector::default())
        } else {
            self.sound(reference, Vector::parse)
        }
    }

    fn rows(&self, codes: BlobRef, payload: BlobRef) -> Result<FlatRows> {
        if codes.len == 0 {
            return Ok(FlatRows::default());
        }
        let codes_at = codes;
        let codes = self.sound(codes, Lists::parse)?;
        let payload = if payload.len == 0 {
            None
        } else {
            Some(self.vector(payload)?)
        };
        let fits = payload
            .as_ref()
            .is_none_or(|payload| payload.len() == codes.items().len());
        self.expect(fits, codes_at)?;
        Ok(FlatRows { codes, payload })
    }

    fn directory(&self, reference: BlobRef) -> Result<Directory> {
        self.sound(reference, Directory::parse)
    }

    fn sound<T, E: std::fmt::Display>(
        &self,
        reference: BlobRef,
        parse: impl FnOnce(Bytes) -> Result<T, E>,
    ) -> Result<T> {
        parse(self.file.read(reference)?).map_err(|error| {
            Error::corrupt(
                self.file.path(),
                reference.offset,
                format!("a sound blob: {error}"),
            )
        })
    }

    fn expect(&self, holds: bool, reference: BlobRef) -> Result<()> {
        if holds {
            return Ok(());
        }
        let expected = "as many values as subjects";
        Err(Error::corrupt(self.file.path(), reference.offset, expected))
    }
}
