//! Making a layer's parts from writes in the order they happened.

use std::sync::Arc;

use crate::bitmap::Bitmap;
use crate::column::{ListsBuilder, TextBlocks, Vector};
use crate::ids::{Code, Ordinal};
use crate::layer::part::{FlatRows, MultiPart, Part, Rows, SinglePart, TextPart, Texts, Values};
use crate::schema::Family;

/// One write to a set or map of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// These entries and no others, by any order; a later entry of the same code wins.
    Replace(Vec<(Code, i64)>),
    /// Some entries go, then some come.
    Change {
        /// Dropped first.
        drop: Vec<Code>,
        /// Put then.
        put: Vec<(Code, i64)>,
    },
}

/// What a part knows of one subject of a set or map, with rising codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryState {
    /// Whether the whole content is decided.
    pub reset: bool,
    /// Entries that are there.
    pub puts: Vec<(Code, i64)>,
    /// Entries that are not there; empty if `reset`.
    pub drops: Vec<Code>,
}

impl EntryState {
    /// Applies a later write.
    pub fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Replace(entries) => {
                self.reset = true;
                self.drops.clear();
                self.puts.clear();
                for entry in entries {
                    self.put(*entry);
                }
            }
            Edit::Change { drop, put } => {
                for code in drop {
                    self.drop(*code);
                }
                for entry in put {
                    self.put(*entry);
                }
            }
        }
    }

    fn put(&mut self, entry: (Code, i64)) {
        if let Ok(index) = self.drops.binary_search(&entry.0) {
            self.drops.remove(index);
        }
        match self.puts.binary_search_by_key(&entry.0, |(code, _)| *code) {
            Ok(index) => self.puts[index] = entry,
            Err(index) if index == self.puts.len() => self.puts.push(entry),
            Err(index) => self.puts.insert(index, entry),
        }
    }

    fn drop(&mut self, code: Code) {
        if let Ok(index) = self.puts.binary_search_by_key(&code, |(code, _)| *code) {
            self.puts.remove(index);
        }
        if !self.reset
            && let Err(index) = self.drops.binary_search(&code)
        {
            self.drops.insert(index, code);
        }
    }

    /// The entries that are there, from what layers say, newest first.
    #[must_use]
    pub fn fold(mut newest_first: Vec<Self>) -> Vec<(Code, i64)> {
        let Some(mut state) = newest_first.pop() else {
            return Vec::new();
        };
        while let Some(newer) = newest_first.pop() {
            state.merge(&newer);
        }
        state.puts
    }

    /// Applies what a newer part says of the same subject.
    pub fn merge(&mut self, newer: &Self) {
        if newer.reset {
            self.clone_from(newer);
            return;
        }
        for code in &newer.drops {
            self.drop(*code);
        }
        for entry in &newer.puts {
            self.put(*entry);
        }
    }
}

/// Builds a single-valued part from writes in their order.
#[derive(Debug, Default)]
pub struct SingleBuilder {
    writes: Vec<(Ordinal, Option<i64>)>,
}

impl SingleBuilder {
    /// Gives a subject a value, or takes it away.
    pub fn write(&mut self, ordinal: Ordinal, value: Option<i64>) {
        self.writes.push((ordinal, value));
    }

    /// The net effect.
    #[must_use]
    pub fn finish(mut self) -> SinglePart {
        sort_keeping_last(&mut self.writes);
        let mut set = Vec::with_capacity(self.writes.len());
        let mut values = Vec::with_capacity(self.writes.len());
        let mut cleared = Vec::new();
        for (ordinal, value) in self.writes {
            match value {
                Some(value) => {
                    set.push(ordinal);
                    values.push(value);
                }
                None => cleared.push(ordinal),
            }
        }
        SinglePart {
            set: Bitmap::from_sorted(&set),
            cleared: Bitmap::from_sorted(&cleared),
            values: Values::Flat(Vector::from_values(&values)),
            members: None,
        }
    }
}

/// Builds a text part from writes in their order.
#[derive(Debug, Default)]
pub struct TextBuilder {
    writes: Vec<(Ordinal, Option<Box<str>>)>,
}

impl TextBuilder {
    /// Gives a subject a text, or takes it away.
    pub fn write(&mut self, ordinal: Ordinal, text: Option<Box<str>>) {
        self.writes.push((ordinal, text));
    }

    /// The net effect.
    #[must_use]
    pub fn finish(mut self) -> TextPart {
        sort_keeping_last(&mut self.writes);
        let set =
            |(ordinal, text): &(Ordinal, Option<Box<str>>)| text.is_some().then_some(*ordinal);
        let cleared =
            |(ordinal, text): &(Ordinal, Option<Box<str>>)| text.is_none().then_some(*ordinal);
        let texts = self.writes.iter().filter_map(|(_, text)| text.as_deref());
        TextPart {
            set: Bitmap::from_sorted(&self.writes.iter().filter_map(set).collect::<Vec<_>>()),
            cleared: Bitmap::from_sorted(
                &self.writes.iter().filter_map(cleared).collect::<Vec<_>>(),
            ),
            texts: Texts::Flat(TextBlocks::from_texts(texts.map(str::as_bytes))),
        }
    }
}

/// Builds a part of a set or map from writes in their order.
#[derive(Debug, Default)]
pub struct MultiBuilder {
    writes: Vec<(Ordinal, Edit)>,
}

impl MultiBuilder {
    /// Adds a write.
    pub fn write(&mut self, ordinal: Ordinal, edit: Edit) {
        self.writes.push((ordinal, edit));
    }

    /// The net effect; `payload` for maps.
    #[must_use]
    pub fn finish(mut self, payload: bool) -> MultiPart {
        if !self.writes.is_sorted_by_key(|(ordinal, _)| *ordinal) {
            self.writes.sort_by_key(|(ordinal, _)| *ordinal);
        }
        let mut rows = RowsBuilder::new(payload);
        let mut state = EntryState::default();
        for same in self.writes.chunk_by(|a, b| a.0 == b.0) {
            state.reset = false;
            state.puts.clear();
            state.drops.clear();
            for (_, edit) in same {
                state.apply(edit);
            }
            rows.push(same[0].0, &state);
        }
        rows.finish()
    }
}

/// Collects what is known of each subject, by rising ordinal, into a part.
#[derive(Debug)]
pub struct RowsBuilder {
    payload: bool,
    reset: Vec<Ordinal>,
    dirty: Vec<Ordinal>,
    full: ListBuilder,
    puts: ListBuilder,
    drops: ListBuilder,
}

#[derive(Debug, Default)]
struct ListBuilder {
    codes: ListsBuilder,
    payload: Vec<i64>,
}

impl ListBuilder {
    fn push(&mut self, entries: &[(Code, i64)]) {
        self.codes
            .push(entries.iter().map(|(code, _)| i64::from(*code)));
        self.payload.extend(entries.iter().map(|(_, value)| *value));
    }

    fn finish(self, payload: bool) -> FlatRows {
        FlatRows {
            codes: self.codes.finish(),
            payload: payload.then(|| Vector::from_values(&self.payload)),
        }
    }
}

impl RowsBuilder {
    /// Of a map if `payload`, else of a set.
    #[must_use]
    pub fn new(payload: bool) -> Self {
        Self {
            payload,
            reset: Vec::new(),
            dirty: Vec::new(),
            full: ListBuilder::default(),
            puts: ListBuilder::default(),
            drops: ListBuilder::default(),
        }
    }

    /// Adds the next subject.
    pub fn push(&mut self, ordinal: Ordinal, state: &EntryState) {
        if state.reset {
            self.reset.push(ordinal);
            self.full.push(&state.puts);
        } else if !state.puts.is_empty() || !state.drops.is_empty() {
            self.dirty.push(ordinal);
            self.puts.push(&state.puts);
            self.drops
                .codes
                .push(state.drops.iter().map(|code| i64::from(*code)));
        }
    }

    /// The part.
    #[must_use]
    pub fn finish(self) -> MultiPart {
        MultiPart {
            reset: Bitmap::from_sorted(&self.reset),
            dirty: Bitmap::from_sorted(&self.dirty),
            full: Rows::Flat(self.full.finish(self.payload)),
            puts: self.puts.finish(self.payload),
            drops: self.drops.finish(false),
            index: None,
        }
    }
}

/// Builds the part of any tag.
#[derive(Debug)]
pub enum PartBuilder {
    /// Of a boolean, keyword or number.
    Single(SingleBuilder),
    /// Of a long text.
    Text(TextBuilder),
    /// Of a set.
    Set(MultiBuilder),
    /// Of a map.
    Map(MultiBuilder),
}

impl PartBuilder {
    /// For tags of a family.
    #[must_use]
    pub fn new(family: Family) -> Self {
        match family {
            Family::Single => Self::Single(SingleBuilder::default()),
            Family::Text => Self::Text(TextBuilder::default()),
            Family::Set => Self::Set(MultiBuilder::default()),
            Family::Map => Self::Map(MultiBuilder::default()),
        }
    }

    /// Takes away whatever a subject has.
    pub fn clear(&mut self, ordinal: Ordinal) {
        match self {
            Self::Single(builder) => builder.write(ordinal, None),
            Self::Text(builder) => builder.write(ordinal, None),
            Self::Set(builder) | Self::Map(builder) => {
                builder.write(ordinal, Edit::Replace(Vec::new()));
            }
        }
    }

    /// The net effect.
    #[must_use]
    pub fn finish(self) -> Part {
        match self {
            Self::Single(builder) => Part::Single(Arc::new(builder.finish())),
            Self::Text(builder) => Part::Text(Arc::new(builder.finish())),
            Self::Set(builder) => Part::Multi(Arc::new(builder.finish(false))),
            Self::Map(builder) => Part::Multi(Arc::new(builder.finish(true))),
        }
    }
}

fn sort_keeping_last<T>(writes: &mut Vec<(Ordinal, T)>) {
    if writes.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    writes.reverse();
    writes.sort_by_key(|(ordinal, _)| *ordinal);
    writes.dedup_by_key(|(ordinal, _)| *ordinal);
}
