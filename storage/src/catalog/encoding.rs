//! Catalogs and their changes as bytes.
//!
//! ```text
//! catalog  = next_table u32 | next_tag u32 | count varint | table*
//! table    = id u32 | name str | key name str | key type u8 | key comment str | partitions u16
//!            | count varint | tag*
//! tag      = id u32 | new tag
//! new tag  = name str | type (3 bytes) | comment str
//! type     = family and number u8 | precision u8 | scale u8
//! change   = kind u8 | its fields in the order of `SchemaChange`
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use super::{Catalog, NewTag, SchemaChange, check_new_tag};
use crate::codec::{CodecError, Decoder, Encoder};
use crate::ids::{TableId, TagId};
use crate::limits::{PARTITIONS_MAX, TABLES_MAX, TAGS_MAX};
use crate::schema::{KeyType, NumberType, TableSchema, Tag, TagType};

/// Bytes of the smallest table.
const TABLE_BYTES_MIN: usize = 12;
/// Bytes of the smallest new tag.
const NEW_TAG_BYTES_MIN: usize = 5;

impl Catalog {
    /// Appends the catalog.
    pub fn encode(&self, out: &mut Encoder) {
        out.u32(self.next_table);
        out.u32(self.next_tag);
        out.varint(self.tables.len() as u64);
        for table in self.tables.values() {
            out.u32(table.id.0);
            out.str(&table.name);
            out.str(&table.key_name);
            encode_key_type(table.key_type, out);
            out.str(&table.key_comment);
            out.u16(table.partitions);
            out.varint(table.tags.len() as u64);
            for tag in &table.tags {
                out.u32(tag.id.0);
                out.str(&tag.name);
                encode_type(tag.kind, out);
                out.str(&tag.comment);
            }
        }
    }

    /// Reads a catalog that [`Self::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are no catalog: an id beyond its counter or used twice, a name used twice, or a
    /// number that cannot be.
    pub fn decode(input: &mut Decoder<'_>) -> Result<Self, CodecError> {
        let mut catalog = Self {
            next_table: input.u32()?,
            next_tag: input.u32()?,
            ..Self::default()
        };
        let count = input.count(TABLE_BYTES_MIN)?;
        check(input, count <= TABLES_MAX, "no more tables than allowed")?;
        let (mut table_ids, mut tag_ids) = (HashSet::new(), HashSet::new());
        for _ in 0..count {
            let table = decode_table(input)?;
            let id = table.id.0;
            check(
                input,
                id < catalog.next_table && table_ids.insert(id),
                "a table id that was given once",
            )?;
            for tag in &table.tags {
                let id = tag.id.0;
                check(
                    input,
                    id < catalog.next_tag && tag_ids.insert(id),
                    "a tag id that was given once",
                )?;
            }
            let free = !catalog.tables.contains_key(&table.name);
            check(input, free, "a table name that occurs once")?;
            catalog.put(table);
        }
        Ok(catalog)
    }
}

fn decode_table(input: &mut Decoder<'_>) -> Result<TableSchema, CodecError> {
    let mut table = TableSchema {
        id: TableId(input.u32()?),
        name: input.str()?.into(),
        key_name: input.str()?.into(),
        key_type: decode_key_type(input)?,
        key_comment: input.str()?.into(),
        partitions: decode_partitions(input)?,
        tags: Vec::new(),
    };
    let count = input.count(4 + NEW_TAG_BYTES_MIN)?;
    check(input, count <= TAGS_MAX, "no more tags than allowed")?;
    let mut names: HashSet<Arc<str>> = HashSet::from([table.key_name.clone()]);
    for _ in 0..count {
        let id = TagId(input.u32()?);
        let tag = decode_new_tag(input)?;
        let name: Arc<str> = tag.name.into();
        let free = names.insert(name.clone());
        check(input, free, "a column name that occurs once")?;
        table.tags.push(Tag {
            id,
            name,
            kind: tag.kind,
            comment: tag.comment.into(),
        });
    }
    Ok(table)
}

impl SchemaChange {
    /// Appends the change.
    pub fn encode(&self, out: &mut Encoder) {
        match self {
            Self::CreateTable {
                name,
                key_name,
                key_type,
                key_comment,
                partitions,
                tags,
            } => {
                out.u8(0);
                out.str(name);
                out.str(key_name);
                encode_key_type(*key_type, out);
                out.str(key_comment);
                out.u16(*partitions);
                out.varint(tags.len() as u64);
                for tag in tags {
                    encode_new_tag(tag, out);
                }
            }
            Self::DropTable(table) => encode_ids(1, *table, None, out),
            Self::TruncateTable(table) => encode_ids(2, *table, None, out),
            Self::AddTag(table, tag) => {
                encode_ids(3, *table, None, out);
                encode_new_tag(tag, out);
            }
            Self::DropTag(table, tag) => encode_ids(4, *table, Some(Some(*tag)), out),
            Self::RenameTag(table, tag, name) => {
                encode_ids(5, *table, Some(*tag), out);
                out.str(name);
            }
            Self::Comment(table, tag, comment) => {
                encode_ids(6, *table, Some(*tag), out);
                out.str(comment);
            }
            Self::ReserveTags(count) => {
                out.u8(7);
                out.u32(*count);
            }
        }
    }

    /// Reads a change that [`Self::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are no change.
    pub fn decode(input: &mut Decoder<'_>) -> Result<Self, CodecError> {
        let kind = input.u8()?;
        if kind == 0 {
            return decode_create(input);
        }
        if kind == 7 {
            return Ok(Self::ReserveTags(input.u32()?));
        }
        let table = TableId(input.u32()?);
        Ok(match kind {
            1 => Self::DropTable(table),
            2 => Self::TruncateTable(table),
            3 => Self::AddTag(table, decode_new_tag(input)?),
            4 => match decode_tag_id(input)? {
                Some(tag) => Self::DropTag(table, tag),
                None => return Err(input.error("a tag id")),
            },
            5 => Self::RenameTag(table, decode_tag_id(input)?, input.str()?.into()),
            6 => Self::Comment(table, decode_tag_id(input)?, input.str()?.into()),
            _ => return Err(input.error("a kind of schema change")),
        })
    }
}

fn decode_create(input: &mut Decoder<'_>) -> Result<SchemaChange, CodecError> {
    let name = input.str()?.into();
    let key_name = input.str()?.into();
    let key_type = decode_key_type(input)?;
    let key_comment = input.str()?.into();
    let partitions = decode_partitions(input)?;
    let count = input.count(NEW_TAG_BYTES_MIN)?;
    check(input, count <= TAGS_MAX, "no more tags than allowed")?;
    let tags = (0..count)
        .map(|_| decode_new_tag(input))
        .collect::<Result<_, _>>()?;
    Ok(SchemaChange::CreateTable {
        name,
        key_name,
        key_type,
        key_comment,
        partitions,
        tags,
    })
}

/// Kind and table; if the change names a column, also whether it is a tag (and not the key), and
/// which.
fn encode_ids(kind: u8, table: TableId, column: Option<Option<TagId>>, out: &mut Encoder) {
    out.u8(kind);
    out.u32(table.0);
    if let Some(tag) = column {
        out.u8(u8::from(tag.is_some()));
        out.u32(tag.map_or(0, |tag| tag.0));
    }
}

fn decode_tag_id(input: &mut Decoder<'_>) -> Result<Option<TagId>, CodecError> {
    let is_tag = input.u8()?;
    let id = input.u32()?;
    match (is_tag, id) {
        (1, id) => Ok(Some(TagId(id))),
        (0, 0) => Ok(None),
        _ => Err(input.error("a tag or the key")),
    }
}

fn decode_partitions(input: &mut Decoder<'_>) -> Result<u16, CodecError> {
    let partitions = input.u16()?;
    let fits = partitions.is_power_of_two() && partitions <= PARTITIONS_MAX;
    check(input, fits, "a power of two")?;
    Ok(partitions)
}

fn encode_new_tag(tag: &NewTag, out: &mut Encoder) {
    out.str(&tag.name);
    encode_type(tag.kind, out);
    out.str(&tag.comment);
}

fn decode_new_tag(input: &mut Decoder<'_>) -> Result<NewTag, CodecError> {
    let tag = NewTag {
        name: input.str()?.into(),
        kind: decode_type(input)?,
        comment: input.str()?.into(),
    };
    check(input, check_new_tag(&tag).is_ok(), "a tag that can be")?;
    Ok(tag)
}

fn encode_key_type(kind: KeyType, out: &mut Encoder) {
    out.u8(match kind {
        KeyType::Keyword => 0,
        KeyType::BigInt => 1,
    });
}

fn decode_key_type(input: &mut Decoder<'_>) -> Result<KeyType, CodecError> {
    match input.u8()? {
        0 => Ok(KeyType::Keyword),
        1 => Ok(KeyType::BigInt),
        _ => Err(input.error("a key type")),
    }
}

/// Numbers of maps are the same number plus this.
const MAP: u8 = 0x80;

fn encode_type(kind: TagType, out: &mut Encoder) {
    let (map, number) = match kind {
        TagType::Boolean => return out.raw(&[0, 0, 0]),
        TagType::Keyword => return out.raw(&[1, 0, 0]),
        TagType::LongText => return out.raw(&[2, 0, 0]),
        TagType::KeywordSet => return out.raw(&[3, 0, 0]),
        TagType::Number(number) => (0, number),
        TagType::Map(number) => (MAP, number),
    };
    let [kind, precision, scale] = match number {
        NumberType::SmallInt => [16, 0, 0],
        NumberType::Int => [17, 0, 0],
        NumberType::BigInt => [18, 0, 0],
        NumberType::Decimal { precision, scale } => [19, precision, scale],
        NumberType::Double => [20, 0, 0],
        NumberType::Date => [21, 0, 0],
        NumberType::Timestamp => [22, 0, 0],
    };
    out.raw(&[map | kind, precision, scale]);
}

fn decode_type(input: &mut Decoder<'_>) -> Result<TagType, CodecError> {
    let (kind, precision, scale) = (input.u8()?, input.u8()?, input.u8()?);
    let number = match kind & !MAP {
        16 => NumberType::SmallInt,
        17 => NumberType::Int,
        18 => NumberType::BigInt,
        19 => return Ok(typed(kind, NumberType::Decimal { precision, scale })),
        20 => NumberType::Double,
        21 => NumberType::Date,
        22 => NumberType::Timestamp,
        _ => {
            return match (kind, precision, scale) {
                (0, 0, 0) => Ok(TagType::Boolean),
                (1, 0, 0) => Ok(TagType::Keyword),
                (2, 0, 0) => Ok(TagType::LongText),
                (3, 0, 0) => Ok(TagType::KeywordSet),
                _ => Err(input.error("a type")),
            };
        }
    };
    check(input, precision == 0 && scale == 0, "a type")?;
    Ok(typed(kind, number))
}

fn typed(kind: u8, number: NumberType) -> TagType {
    if kind & MAP == 0 {
        TagType::Number(number)
    } else {
        TagType::Map(number)
    }
}

fn check(input: &Decoder<'_>, holds: bool, expected: &'static str) -> Result<(), CodecError> {
    if holds {
        Ok(())
    } else {
        Err(input.error(expected))
    }
}
