//! Subjects as look-ups show them, into the columns of one Arrow batch.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, ListArray, MapArray, StringArray, StructArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType as ArrowType, Field};
use tagdb_query::{DataType, TagValue};
use tagdb_storage::batch::KeyRef;
use tagdb_storage::schema::{KeyType, NumberType, TableSchema, Tag, TagType};

use super::arrow::{Arrow, bug, entry_fields, member_field, null_buffer, numbers};
use crate::http::error::{ApiError, ApiResult};

/// The column that tells whether there is a subject of a key; no tag can be called so by chance.
const FOUND: &str = "$found";
/// Bytes of a number, and of the place of a string, in a column.
const NUMBER_BYTES: usize = 8;

/// Rows on their way into an Arrow stream: keys, whether there is such a subject, tags.
pub(in crate::http) struct ArrowRows<'a> {
    schema: &'a TableSchema,
    is_there: Vec<bool>,
    tags: Vec<(usize, TagColumn<'a>)>,
    bytes: usize,
}

impl<'a> ArrowRows<'a> {
    /// Columns for the tags of those names, or all, and that many rows.
    pub(in crate::http) fn new(
        schema: &'a TableSchema,
        tags: Option<&[String]>,
        rows: usize,
    ) -> Self {
        let places: Vec<usize> = match tags {
            None => (0..schema.tags.len()).collect(),
            // A name that is unknown is an error of the look-up.
            Some(names) => names
                .iter()
                .filter_map(|name| schema.tags.iter().position(|tag| *tag.name == **name))
                .collect(),
        };
        let column = |place| (place, TagColumn::new(&schema.tags[place], rows));
        Self {
            schema,
            is_there: Vec::with_capacity(rows),
            tags: places.into_iter().map(column).collect(),
            bytes: 0,
        }
    }

    /// Bytes of the values so far, about.
    pub(in crate::http) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a subject: tags in the order asked, of which those that are not known may be left
    /// out. All are NULL where there is none.
    ///
    /// # Errors
    /// `result_too_large` where a column gets too long for its format.
    pub(in crate::http) fn push(
        &mut self,
        subject: Option<&[(usize, TagValue<'_>)]>,
    ) -> ApiResult<()> {
        let row = self.is_there.len();
        self.is_there.push(subject.is_some());
        let mut values = subject.unwrap_or_default().iter().peekable();
        for (place, column) in &mut self.tags {
            let value = match values.next_if(|(own, _)| own == place) {
                Some((_, value)) => *value,
                None => column.absent(subject.is_some()),
            };
            self.bytes += column.push(row, value)?;
        }
        Ok(())
    }

    /// The whole stream; the keys are those of the rows.
    ///
    /// # Errors
    /// Only a bug.
    pub(in crate::http) fn finish(self, keys: &[KeyRef<'_>]) -> ApiResult<Vec<u8>> {
        let schema = self.schema;
        let tag_of = |(place, _): &(usize, _)| {
            let tag = &schema.tags[*place];
            (&*tag.name, DataType::from(tag.kind))
        };
        let named = [
            (&*schema.key_name, DataType::from(schema.key_type)),
            (FOUND, DataType::Boolean),
        ];
        let mut arrow = Arrow::new(named.into_iter().chain(self.tags.iter().map(tag_of)))?;
        let rows = self.is_there.len();
        let mut arrays: Vec<ArrayRef> = vec![
            key_array(schema.key_type, keys)?,
            Arc::new(BooleanArray::from(self.is_there)),
        ];
        for (_, column) in self.tags {
            arrays.push(column.finish().map_err(|error| bug(&error))?);
        }
        arrow.batch(arrays, rows)?;
        arrow.finish()?;
        Ok(std::mem::take(arrow.written()))
    }
}

fn key_array(kind: KeyType, keys: &[KeyRef<'_>]) -> ApiResult<ArrayRef> {
    let mut ints = Vec::new();
    let mut texts = Strings::default();
    for key in keys {
        match key {
            KeyRef::Int(key) => ints.push(*key),
            KeyRef::Text(key) => texts.push(key)?,
        }
    }
    let array = match kind {
        KeyType::BigInt => numbers(ints, None, DataType::from(kind)),
        KeyType::Keyword => texts.finish(None),
    };
    array.map_err(|error| bug(&error))
}

/// The values of a tag.
struct TagColumn<'a> {
    tag: &'a Tag,
    known: Vec<u64>,
    values: Values,
}

enum Values {
    Numbers(Vec<i64>),
    Texts(Strings),
    Entries(Entries),
}

/// Sets and maps: their members or keys, the numbers of maps, and where each row ends.
#[derive(Default)]
struct Entries {
    texts: Strings,
    numbers: Vec<i64>,
    ends: Vec<i32>,
}

impl<'a> TagColumn<'a> {
    fn new(tag: &'a Tag, rows: usize) -> Self {
        let values = match tag.kind {
            TagType::Boolean | TagType::Number(_) => Values::Numbers(Vec::with_capacity(rows)),
            TagType::Keyword | TagType::LongText => Values::Texts(Strings::default()),
            TagType::KeywordSet | TagType::Map(_) => Values::Entries(Entries::default()),
        };
        Self {
            tag,
            known: vec![0; rows.div_ceil(64)],
            values,
        }
    }

    /// What a subject has of which nothing is known; without a subject there is NULL.
    const fn absent(&self, is_there: bool) -> TagValue<'static> {
        match self.tag.kind {
            TagType::KeywordSet if is_there => TagValue::Set(&[]),
            TagType::Map(number) if is_there => TagValue::Map(number, &[]),
            _ => TagValue::Null,
        }
    }

    /// Appends the value of a row, and says how many bytes it takes about.
    fn push(&mut self, row: usize, value: TagValue<'_>) -> ApiResult<usize> {
        if !matches!(value, TagValue::Null) {
            self.known[row / 64] |= 1 << (row % 64);
        }
        let mut bytes = NUMBER_BYTES;
        match &mut self.values {
            Values::Numbers(values) => values.push(match value {
                TagValue::Number(_, stored) => stored,
                TagValue::Boolean(value) => i64::from(value),
                _ => 0,
            }),
            Values::Texts(texts) => {
                let text = match value {
                    TagValue::Text(text) => text,
                    _ => "",
                };
                texts.push(text)?;
                bytes += text.len();
            }
            Values::Entries(entries) => {
                match value {
                    TagValue::Set(members) => {
                        for member in members {
                            entries.texts.push(member)?;
                            bytes += NUMBER_BYTES + member.len();
                        }
                    }
                    TagValue::Map(_, pairs) => {
                        for (key, number) in pairs {
                            entries.texts.push(key)?;
                            entries.numbers.push(*number);
                            bytes += 2 * NUMBER_BYTES + key.len();
                        }
                    }
                    _ => {}
                }
                entries.ends.push(offset(entries.texts.ends.len())?);
            }
        }
        Ok(bytes)
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        let kind = DataType::from(self.tag.kind);
        match (self.values, self.tag.kind) {
            (Values::Numbers(values), _) => numbers(values, Some(self.known), kind),
            (Values::Texts(texts), _) => {
                let nulls = null_buffer(self.known, texts.ends.len());
                texts.finish(Some(nulls))
            }
            (Values::Entries(entries), TagType::Map(number)) => entries.maps(self.known, number),
            (Values::Entries(entries), _) => entries.sets(self.known),
        }
    }
}

impl Entries {
    fn sets(self, known: Vec<u64>) -> Result<ArrayRef, ArrowError> {
        let nulls = null_buffer(known, self.ends.len());
        let members = self.texts.finish(None)?;
        let member = Arc::new(member_field());
        let sets = ListArray::try_new(member, offsets(self.ends), members, Some(nulls))?;
        Ok(Arc::new(sets))
    }

    fn maps(self, known: Vec<u64>, number: NumberType) -> Result<ArrayRef, ArrowError> {
        let nulls = null_buffer(known, self.ends.len());
        let values = numbers(self.numbers, None, DataType::from(number))?;
        let fields = entry_fields(number);
        let keys = self.texts.finish(None)?;
        let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
        let entry = Arc::new(Field::new("entries", ArrowType::Struct(fields), false));
        let maps = MapArray::try_new(entry, offsets(self.ends), pairs, Some(nulls), false)?;
        Ok(Arc::new(maps))
    }
}

/// Strings one after the other.
#[derive(Default)]
struct Strings {
    bytes: String,
    ends: Vec<i32>,
}

impl Strings {
    fn push(&mut self, text: &str) -> ApiResult<()> {
        self.bytes.push_str(text);
        self.ends.push(offset(self.bytes.len())?);
        Ok(())
    }

    fn finish(self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let bytes = Buffer::from_vec(self.bytes.into_bytes());
        Ok(Arc::new(StringArray::try_new(
            offsets(self.ends),
            bytes,
            nulls,
        )?))
    }
}

fn offset(place: usize) -> ApiResult<i32> {
    i32::try_from(place).map_err(|_| {
        let detail = "the rows are too large for one answer; ask for fewer";
        ApiError::new("result_too_large", detail)
    })
}

/// Where each begins and ends, from where each ends.
fn offsets(mut ends: Vec<i32>) -> OffsetBuffer<i32> {
    ends.insert(0, 0);
    OffsetBuffer::new(ScalarBuffer::from(ends))
}
