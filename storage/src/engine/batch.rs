//! A batch as it stands in the log: effects only. Replay reads no clock, no randomness and no
//! predicate, and cannot fail on a batch that was logged.

use std::sync::Arc;

use crate::batch::{KeyRef, Keys};
use crate::bitmap::Bitmap;
use crate::catalog::SchemaChange;
use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::ids::{Code, Lsn, Ordinal, PartitionId, TableId, TagId};
use crate::layer::Part;
use crate::layer::encode::{PartDecoder, PartEncoder};

const FORMAT: u8 = 1;

/// What a batch did, for the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rows given.
    pub rows: u64,
    /// Subjects that came to be.
    pub created: u64,
    /// Rows whose key came before in the same batch.
    pub duplicates: u64,
    /// Subjects matched by a statement, or deleted.
    pub matched: u64,
}

/// A write's name, by which a repeat is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// 1 to 128 printable ASCII characters.
    pub key: String,
    /// Of the request's body: another body under the same key is a mistake.
    pub fingerprint: u128,
    /// The caller's own, given back with a repeat.
    pub detail: Vec<u8>,
}

/// What a batch does to one partition.
#[derive(Clone, Debug)]
pub struct Section {
    /// The table.
    pub table: TableId,
    /// The partition.
    pub partition: PartitionId,
    /// The ordinal of the first new subject; never below the partition's next one.
    pub first_ordinal: Ordinal,
    /// The keys of new subjects.
    pub keys: Keys,
    /// Subjects that die.
    pub deleted: Bitmap,
    /// What becomes of tags, by rising tag, in delta form.
    pub parts: Vec<(TagId, Arc<Part>)>,
    /// The strings of the codes that `parts` use, by tag and code.
    pub strings: Vec<(TagId, Vec<(Code, Box<str>)>)>,
}

/// The atomic unit of writing.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its number.
    pub lsn: Lsn,
    /// When it was sequenced, in microseconds since 1970.
    pub commit_time: i64,
    /// When what it tells happened, for sources that know (room for later; never set yet).
    pub event_time: Option<i64>,
    /// The source and the position in it (room for later; never set yet).
    pub source: Option<(String, u64)>,
    /// The write's name.
    pub idempotency: Option<Idempotency>,
    /// What it did.
    pub outcome: Outcome,
    /// A change of the schema, before the sections.
    pub schema: Option<SchemaChange>,
    /// By partition.
    pub sections: Vec<Section>,
}

impl Batch {
    /// A batch that does nothing.
    #[must_use]
    pub fn empty(lsn: Lsn, commit_time: i64) -> Self {
        Self {
            lsn,
            commit_time,
            event_time: None,
            source: None,
            idempotency: None,
            outcome: Outcome::default(),
            schema: None,
            sections: Vec::new(),
        }
    }

    /// The payload of a log frame. The LSN stands in the frame.
    ///
    /// # Errors
    /// A part is in base form.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Encoder::new();
        out.u8(FORMAT);
        out.i64(self.commit_time);
        optional(&mut out, self.event_time.as_ref(), |out, time| {
            out.i64(*time)
        });
        optional(&mut out, self.source.as_ref(), |out, (name, position)| {
            out.str(name);
            out.u64(*position);
        });
        optional(&mut out, self.idempotency.as_ref(), encode_idempotency);
        encode_outcome(&mut out, &self.outcome);
        optional(&mut out, self.schema.as_ref(), |out, change| {
            change.encode(out)
        });
        out.varint(self.sections.len() as u64);
        for section in &self.sections {
            section.encode(&mut out)?;
        }
        encode_no_extensions(&mut out);
        Ok(out.finish())
    }

    /// Reads a log frame.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(lsn: Lsn, payload: &[u8]) -> Result<Self> {
        let mut input = Decoder::new(payload);
        if input.u8()? != FORMAT {
            return Err(Error::corrupt("a log frame", 0, "a batch of format 1"));
        }
        let commit_time = input.i64()?;
        let event_time = optionally(&mut input, |input| Ok(input.i64()?))?;
        let source = optionally(&mut input, |input| {
            Ok((input.str()?.to_owned(), input.u64()?))
        })?;
        let idempotency = optionally(&mut input, decode_idempotency)?;
        let outcome = decode_outcome(&mut input)?;
        let schema = optionally(&mut input, |input| Ok(SchemaChange::decode(input)?))?;
        let mut sections = Vec::new();
        for _ in 0..input.varint()? {
            sections.push(Section::decode(&mut input)?);
        }
        expect_no_extensions(&mut input)?;
        input.finish()?;
        Ok(Self {
            lsn,
            commit_time,
            event_time,
            source,
            idempotency,
            outcome,
            schema,
            sections,
        })
    }
}

impl Section {
    fn encode(&self, out: &mut Encoder) -> Result<()> {
        out.u32(self.table.0);
        out.u16(self.partition.0);
        out.u32(self.first_ordinal);
        encode_keys(out, &self.keys);
        out.varint(self.parts.len() as u64);
        let mut parts = PartEncoder::new(out);
        parts.bitmap(&self.deleted);
        for (tag, part) in &self.parts {
            parts.out().u32(tag.0);
            parts.put(part)?;
        }
        out.varint(self.strings.len() as u64);
        for (tag, strings) in &self.strings {
            out.u32(tag.0);
            out.varint(strings.len() as u64);
            for (code, string) in strings {
                out.varint(u64::from(*code));
                out.str(string);
            }
        }
        encode_no_extensions(out);
        Ok(())
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self> {
        let table = TableId(input.u32()?);
        let partition = PartitionId(input.u16()?);
        let first_ordinal = input.u32()?;
        let keys = decode_keys(input)?;
        let count = input.varint()?;
        let mut decoder = PartDecoder::new();
        let deleted = decoder.bitmap(input)?;
        let mut parts = Vec::new();
        for _ in 0..count {
            let tag = TagId(input.u32()?);
            parts.push((tag, Arc::new(decoder.get(input)?)));
        }
        let mut strings = Vec::new();
        for _ in 0..input.varint()? {
            let tag = TagId(input.u32()?);
            let mut run = Vec::new();
            for _ in 0..input.varint()? {
                let code = u32::try_from(input.varint()?)
                    .map_err(|_| Error::corrupt("a log frame", input.offset() as u64, "a code"))?;
                run.push((code, input.str()?.into()));
            }
            strings.push((tag, run));
        }
        expect_no_extensions(input)?;
        Ok(Self {
            table,
            partition,
            first_ordinal,
            keys,
            deleted,
            parts,
            strings,
        })
    }
}

/// Room for what later versions add to a batch or section, such as expiry: a count of records,
/// each with a number and its bytes. A version refuses what it does not know.
fn encode_no_extensions(out: &mut Encoder) {
    out.varint(0);
}

fn expect_no_extensions(input: &mut Decoder<'_>) -> Result<()> {
    let offset = input.offset() as u64;
    if input.varint()? == 0 {
        return Ok(());
    }
    Err(Error::corrupt(
        "a log frame",
        offset,
        "no extensions that this version does not know",
    ))
}

fn encode_keys(out: &mut Encoder, keys: &Keys) {
    match keys {
        Keys::Ints(keys) => {
            out.u8(1);
            out.varint(keys.len() as u64);
            for key in keys {
                out.i64(*key);
            }
        }
        Keys::Texts { ends, .. } => {
            out.u8(2);
            out.varint(ends.len() as u64);
            for row in 0..ends.len() {
                if let KeyRef::Text(key) = keys.get(row) {
                    out.str(key);
                }
            }
        }
    }
}

fn decode_keys(input: &mut Decoder<'_>) -> Result<Keys> {
    let kind = input.u8()?;
    let count = input.count(1)?;
    match kind {
        1 => {
            let mut keys = Vec::with_capacity(count);
            for _ in 0..count {
                keys.push(input.i64()?);
            }
            Ok(Keys::Ints(keys))
        }
        2 => {
            let mut keys = Keys::Texts {
                bytes: String::new(),
                ends: Vec::with_capacity(count),
            };
            for _ in 0..count {
                keys.push(KeyRef::Text(input.str()?));
            }
            Ok(keys)
        }
        _ => Err(Error::corrupt(
            "a log frame",
            input.offset() as u64,
            "a type of keys",
        )),
    }
}

/// Writes a write's name.
pub(crate) fn encode_idempotency(out: &mut Encoder, idempotency: &Idempotency) {
    out.str(&idempotency.key);
    out.u128(idempotency.fingerprint);
    out.bytes(&idempotency.detail);
}

/// Reads a write's name.
pub(crate) fn decode_idempotency(input: &mut Decoder<'_>) -> Result<Idempotency> {
    Ok(Idempotency {
        key: input.str()?.to_owned(),
        fingerprint: input.u128()?,
        detail: input.bytes()?.to_vec(),
    })
}

/// Writes what a batch did.
pub(crate) fn encode_outcome(out: &mut Encoder, outcome: &Outcome) {
    for count in [
        outcome.rows,
        outcome.created,
        outcome.duplicates,
        outcome.matched,
    ] {
        out.varint(count);
    }
}

/// Reads what a batch did.
pub(crate) fn decode_outcome(input: &mut Decoder<'_>) -> Result<Outcome> {
    Ok(Outcome {
        rows: input.varint()?,
        created: input.varint()?,
        duplicates: input.varint()?,
        matched: input.varint()?,
    })
}

fn optional<T>(out: &mut Encoder, value: Option<&T>, encode: impl FnOnce(&mut Encoder, &T)) {
    out.u8(u8::from(value.is_some()));
    if let Some(value) = value {
        encode(out, value);
    }
}

fn optionally<T>(
    input: &mut Decoder<'_>,
    decode: impl FnOnce(&mut Decoder<'_>) -> Result<T>,
) -> Result<Option<T>> {
    if input.u8()? == 0 {
        Ok(None)
    } else {
        decode(input).map(Some)
    }
}
