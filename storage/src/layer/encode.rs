//! Parts in delta form as bytes, for log frames.
//!
//! Bitmaps that several parts share are written once: `0` before the bytes of a new one, else its
//! number among the new ones, counted from 1.

use std::sync::Arc;

use bytes::Bytes;

use crate::bitmap::Bitmap;
use crate::codec::{Decoder, Encoder};
use crate::column::{Lists, TextBlocks, Vector};
use crate::error::{Error, Result};
use crate::layer::part::{FlatRows, MultiPart, Part, Rows, SinglePart, TextPart, Texts, Values};

const SINGLE: u8 = 1;
const TEXT: u8 = 2;
const MULTI: u8 = 3;

/// Writes parts one after the other.
#[derive(Debug)]
pub struct PartEncoder<'a> {
    out: &'a mut Encoder,
    bitmaps: Vec<Bytes>,
}

impl<'a> PartEncoder<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Encoder) -> Self {
        Self {
            out,
            bitmaps: Vec::new(),
        }
    }

    /// The encoder below, for what stands between parts.
    pub fn out(&mut self) -> &mut Encoder {
        self.out
    }

    /// Writes a part.
    ///
    /// # Errors
    /// The part is in base form, which never enters the log.
    pub fn put(&mut self, part: &Part) -> Result<()> {
        let base_form = || Error::internal("a part in base form cannot be logged");
        match part {
            Part::Single(part) => {
                let Values::Flat(values) = &part.values else {
                    return Err(base_form());
                };
                self.out.u8(SINGLE);
                self.bitmap(&part.set);
                self.bitmap(&part.cleared);
                self.out.bytes(values.bytes());
            }
            Part::Text(part) => {
                let Texts::Flat(texts) = &part.texts else {
                    return Err(base_form());
                };
                self.out.u8(TEXT);
                self.bitmap(&part.set);
                self.bitmap(&part.cleared);
                self.out.bytes(texts.bytes());
            }
            Part::Multi(part) => {
                let Rows::Flat(full) = &part.full else {
                    return Err(base_form());
                };
                self.out.u8(MULTI);
                self.bitmap(&part.reset);
                self.bitmap(&part.dirty);
                self.rows(full);
                self.rows(&part.puts);
                self.rows(&part.drops);
            }
        }
        Ok(())
    }

    /// Writes a bitmap, or the number of an equal one.
    pub fn bitmap(&mut self, bitmap: &Bitmap) {
        let bytes = bitmap.bytes();
        if let Some(index) = self.bitmaps.iter().position(|known| known == bytes) {
            self.out.varint(index as u64 + 1);
            return;
        }
        self.out.varint(0);
        self.out.bytes(bytes);
        if self.bitmaps.len() < 16 {
            self.bitmaps.push(bytes.clone());
        }
    }

    fn rows(&mut self, rows: &FlatRows) {
        self.out.bytes(rows.codes.bytes());
        match &rows.payload {
            None => self.out.u8(0),
            Some(payload) => {
                self.out.u8(1);
                self.out.bytes(payload.bytes());
            }
        }
    }
}

/// Reads what [`PartEncoder`] wrote.
#[derive(Debug)]
pub struct PartDecoder {
    bitmaps: Vec<Bitmap>,
}

impl PartDecoder {
    /// Before the first part.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bitmaps: Vec::new(),
        }
    }

    /// Reads a part.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn get(&mut self, input: &mut Decoder<'_>) -> Result<Part> {
        let offset = input.offset();
        let part = match input.u8()? {
            SINGLE => {
                let (set, cleared) = (self.bitmap(input)?, self.bitmap(input)?);
                let values = vector(input)?;
                expect(
                    values.len() as u64 == set.len(),
                    offset,
                    "a value for each subject",
                )?;
                let values = Values::Flat(values);
                Part::Single(Arc::new(SinglePart {
                    set,
                    cleared,
                    values,
                    members: None,
                }))
            }
            TEXT => {
                let (set, cleared) = (self.bitmap(input)?, self.bitmap(input)?);
                let texts = TextBlocks::parse(Bytes::copy_from_slice(input.bytes()?))?;
                expect(texts.len() == set.len(), offset, "a text for each subject")?;
                Part::Text(Arc::new(TextPart {
                    set,
                    cleared,
                    texts: Texts::Flat(texts),
                }))
            }
            MULTI => {
                let (reset, dirty) = (self.bitmap(input)?, self.bitmap(input)?);
                let (full, puts, drops) = (rows(input)?, rows(input)?, rows(input)?);
                let fits = full.codes.len() as u64 == reset.len()
                    && puts.codes.len() as u64 == dirty.len()
                    && drops.codes.len() as u64 == dirty.len();
                expect(fits, offset, "a list for each subject")?;
                let full = Rows::Flat(full);
                let part = MultiPart {
                    reset,
                    dirty,
                    full,
                    puts,
                    drops,
                    index: None,
                };
                Part::Multi(Arc::new(part))
            }
            _ => return Err(Error::corrupt("a log frame", offset as u64, "a part")),
        };
        Ok(part)
    }

    /// Reads a bitmap.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn bitmap(&mut self, input: &mut Decoder<'_>) -> Result<Bitmap> {
        let offset = input.offset();
        let number = input.varint()?;
        if number > 0 {
            let known = usize::try_from(number - 1)
                .ok()
                .and_then(|index| self.bitmaps.get(index));
            return known
                .cloned()
                .ok_or_else(|| Error::corrupt("a log frame", offset as u64, "a known bitmap"));
        }
        let bitmap = Bitmap::parse(Bytes::copy_from_slice(input.bytes()?))?;
        if self.bitmaps.len() < 16 {
            self.bitmaps.push(bitmap.clone());
        }
        Ok(bitmap)
    }
}

impl Default for PartDecoder {
    fn default() -> Self {
        Self::new()
    }
}

fn vector(input: &mut Decoder<'_>) -> Result<Vector> {
    Ok(Vector::parse(Bytes::copy_from_slice(input.bytes()?))?)
}

fn rows(input: &mut Decoder<'_>) -> Result<FlatRows> {
    let offset = input.offset();
    let codes = Lists::parse(Bytes::copy_from_slice(input.bytes()?))?;
    let payload = match input.u8()? {
        0 => None,
        _ => Some(vector(input)?),
    };
    let fits = payload
        .as_ref()
        .is_none_or(|payload| payload.len() == codes.items().len());
    expect(fits, offset, "a value for each entry")?;
    Ok(FlatRows { codes, payload })
}

fn expect(holds: bool, offset: usize, expected: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::corrupt("a log frame", offset as u64, expected))
    }
}
