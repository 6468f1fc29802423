//! The values of one tag in one chunk, asked for in every way there is.

use std::collections::{BTreeMap, BTreeSet};

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Code, Ordinal, TagId, ordinal_at};
use tagdb_storage::layer::{MultiStack, SingleStack};
use tagdb_storage::schema::{Tag, TagType};

use super::{Comparison, Mismatch, Subjects, equal, fill, read, same};
use crate::model::Held;

/// What the subjects of a chunk have, by position.
type Numbers = BTreeMap<u16, i64>;

/// The entries of the subjects of a chunk.
type Entries = BTreeMap<u16, Vec<(Code, i64)>>;

/// Finds the candidates whose value lies between two bounds.
type InRange<'a> = dyn Fn(&Chunk, (i64, i64), &mut Chunk) -> tagdb_storage::Result<()> + 'a;

/// Codes of a tag's strings that the model knows, by way of the engine's vocabulary.
struct Codes<'p> {
    partition: &'p PartitionState,
    tag: TagId,
}

impl Codes<'_> {
    fn get(&self, string: &str) -> Result<Code, Mismatch> {
        let vocabulary = self.partition.vocabulary(self.tag);
        let reader = read("vocabulary", vocabulary.read())?;
        let code = reader
            .code_of(string)
            .ok_or_else(|| format!("{string:?} has no code"))?;
        same(
            || format!("string of code {code}"),
            reader.string(code),
            string,
        )?;
        Ok(code)
    }

    fn len(&self) -> Result<u32, Mismatch> {
        Ok(read("vocabulary", self.partition.vocabulary(self.tag).read())?.len())
    }
}

impl Comparison {
    pub(super) fn singles(
        &mut self,
        subjects: &Subjects<'_>,
        chunk: u16,
        tag: &Tag,
        id: u64,
    ) -> Result<(), Mismatch> {
        let codes = Codes {
            partition: subjects.partition,
            tag: tag.id,
        };
        let mut want = Numbers::new();
        for (low, _, row) in subjects.in_chunk(chunk) {
            let value = match row.values.get(&id) {
                None => continue,
                Some(Held::Number(number)) => *number,
                Some(Held::Keyword(string)) => i64::from(codes.get(string)?),
                Some(other) => return Err(format!("the model holds {other:?}")),
            };
            want.insert(low, value);
        }
        let stack = read("stack", subjects.partition.single(tag.id))?;
        self.known(&want, &|out| stack.known(chunk, out))?;
        for (low, _, _) in subjects.in_chunk(chunk) {
            let got = read("get", stack.get(ordinal_at(chunk, low)))?;
            same(|| format!("value of {low}"), got, want.get(&low).copied())?;
        }
        let mut got = Vec::new();
        let mut visit = |low, value| got.push((low, value));
        read(
            "for_each",
            stack.for_each(chunk, &self.audience, &mut visit),
        )?;
        got.sort_unstable();
        same(|| "for_each".to_owned(), got, self.of_audience(&want))?;
        self.ranges(&want, &|candidates, bounds, out| {
            stack.in_range(chunk, candidates, bounds, out)
        })?;
        match tag.kind {
            TagType::Boolean => self.members(&stack, chunk, 2, &want),
            TagType::Keyword => self.members(&stack, chunk, codes.len()?, &want),
            _ => Ok(()),
        }
    }

    /// Members of every code, of one that does not occur, and of several.
    fn members(
        &mut self,
        stack: &SingleStack,
        chunk: u16,
        end: Code,
        want: &Numbers,
    ) -> Result<(), Mismatch> {
        for code in 0..=end {
            read("members", stack.members(chunk, code, &mut self.got))?;
            self.expect(&format!("members of code {code}"), &|low| {
                want.get(&low) == Some(&i64::from(code))
            })?;
        }
        let some: Vec<Code> = (0..end).filter(|_| self.random.one_in(2)).collect();
        read(
            "members_any",
            stack.members_any(chunk, &some, &mut self.got),
        )?;
        self.expect(&format!("members of {some:?}"), &|low| {
            want.get(&low)
                .is_some_and(|value| some.iter().any(|code| i64::from(*code) == *value))
        })
    }

    /// Compares the chunk that was got, as far as it is alive.
    fn expect(&mut self, what: &str, holds: &dyn Fn(u16) -> bool) -> Result<(), Mismatch> {
        self.got.and(&self.alive);
        let Self { alive, want, .. } = self;
        fill(want, alive.iter().filter(|low| holds(*low)));
        equal(|| what.to_owned(), &self.got, &self.want)
    }

    fn known<T>(
        &mut self,
        want: &BTreeMap<u16, T>,
        known: &dyn Fn(&mut Chunk) -> tagdb_storage::Result<()>,
    ) -> Result<(), Mismatch> {
        read("known", known(&mut self.got))?;
        self.expect("known", &|low| want.contains_key(&low))
    }

    fn of_audience<T: Clone>(&self, want: &BTreeMap<u16, T>) -> Vec<(u16, T)> {
        let audience = |(low, _): &(&u16, &T)| self.audience.contains(**low);
        want.iter()
            .filter(audience)
            .map(|(low, value)| (*low, value.clone()))
            .collect()
    }

    /// Ranges around values that occur, beside them, over all, and over nothing.
    fn ranges(&mut self, want: &Numbers, in_range: &InRange<'_>) -> Result<(), Mismatch> {
        let values: Vec<i64> = want.values().copied().collect();
        let mut bounds = vec![(i64::MIN, i64::MAX)];
        if values.is_empty() {
            bounds.push((0, 1));
        } else {
            let (a, b) = (*self.random.pick(&values), *self.random.pick(&values));
            bounds.extend([(a, a), (a.min(b), a.max(b)), (a.saturating_add(1), b)]);
            bounds.extend([
                (i64::MIN, a),
                (b.saturating_add(1), i64::MAX),
                (i64::MAX, i64::MIN),
            ]);
        }
        // Some of them each time: there are many values, and many steps.
        bounds.retain(|_| self.random.one_in(2));
        for (low, high) in bounds {
            read(
                "in_range",
                in_range(&self.audience, (low, high), &mut self.got),
            )?;
            let own = |(at, value): &(&u16, &i64)| {
                self.audience.contains(**at) && low <= **value && **value <= high
            };
            fill(&mut self.want, want.iter().filter(own).map(|(at, _)| *at));
            equal(|| format!("range [{low}, {high}]"), &self.got, &self.want)?;
        }
        Ok(())
    }

    pub(super) fn texts(
        &mut self,
        subjects: &Subjects<'_>,
        chunk: u16,
        tag: &Tag,
        id: u64,
    ) -> Result<(), Mismatch> {
        let mut want = BTreeMap::new();
        for (low, _, row) in subjects.in_chunk(chunk) {
            if let Some(Held::Text(text)) = row.values.get(&id) {
                want.insert(low, text.to_string());
            }
        }
        let stack = read("stack", subjects.partition.text(tag.id))?;
        self.known(&want, &|out| stack.known(chunk, out))?;
        for (low, _, _) in subjects.in_chunk(chunk) {
            let got = read("get", stack.get(ordinal_at(chunk, low)))?;
            same(|| format!("text of {low}"), got.as_ref(), want.get(&low))?;
        }
        let mut got = Vec::new();
        let mut visit = |low, text: &str| got.push((low, text.to_owned()));
        read(
            "for_each",
            stack.for_each(chunk, &self.audience, &mut visit),
        )?;
        got.sort_unstable();
        same(|| "for_each".to_owned(), got, self.of_audience(&want))
    }

    pub(super) fn multis(
        &mut self,
        subjects: &Subjects<'_>,
        chunk: u16,
        tag: &Tag,
        id: u64,
    ) -> Result<(), Mismatch> {
        let codes = Codes {
            partition: subjects.partition,
            tag: tag.id,
        };
        let mut want = Entries::new();
        for (low, _, row) in subjects.in_chunk(chunk) {
            let mut entries = Vec::new();
            match row.values.get(&id) {
                None => continue,
                Some(Held::Set(set)) => {
                    for member in set {
                        entries.push((codes.get(member)?, 0));
                    }
                }
                Some(Held::Map(map)) => {
                    for (key, value) in map {
                        entries.push((codes.get(key)?, *value));
                    }
                }
                Some(other) => return Err(format!("the model holds {other:?}")),
            }
            entries.sort_unstable();
            want.insert(low, entries);
        }
        let stack = read("stack", subjects.partition.multi(tag.id))?;
        self.known(&want, &|out| stack.nonempty(chunk, out))?;
        let lows: BTreeSet<u16> = subjects.in_chunk(chunk).map(|(low, _, _)| low).collect();
        self.entry_rows(&stack, chunk, &lows, &want)?;
        for code in 0..=codes.len()? {
            self.entry(&stack, chunk, code, &want)?;
        }
        Ok(())
    }

    fn entry_rows(
        &mut self,
        stack: &MultiStack,
        chunk: u16,
        lows: &BTreeSet<u16>,
        want: &Entries,
    ) -> Result<(), Mismatch> {
        for low in lows {
            let got = read("get", stack.get(ordinal_at(chunk, *low)))?;
            same(
                || format!("entries of {low}"),
                Some(&got).filter(|got| !got.is_empty()),
                want.get(low),
            )?;
        }
        let mut got = Vec::new();
        let mut visit = |low, entries: &[(Code, i64)]| got.push((low, entries.to_vec()));
        read(
            "for_each_row",
            stack.for_each_row(chunk, &self.audience, &mut visit),
        )?;
        got.sort_unstable();
        same(|| "for_each_row".to_owned(), got, self.of_audience(want))
    }

    /// One entry: who has it, and what is beside it.
    fn entry(
        &mut self,
        stack: &MultiStack,
        chunk: u16,
        code: Code,
        want: &Entries,
    ) -> Result<(), Mismatch> {
        let value_of = |entries: &[(Code, i64)]| {
            entries
                .iter()
                .find(|(other, _)| *other == code)
                .map(|(_, value)| *value)
        };
        let values: Numbers = want
            .iter()
            .filter_map(|(low, row)| Some((*low, value_of(row)?)))
            .collect();
        read("members", stack.members(chunk, code, &mut self.got))?;
        self.expect(&format!("members of entry {code}"), &|low| {
            values.contains_key(&low)
        })?;
        // Who has an entry is asked of each; what is beside it of some, as the rows tell it too.
        if !self.random.one_in(3) {
            return Ok(());
        }
        for low in want.keys() {
            let ordinal: Ordinal = ordinal_at(chunk, *low);
            let got = read("get_entry", stack.get_entry(ordinal, code))?;
            same(
                || format!("entry {code} of {low}"),
                got,
                values.get(low).copied(),
            )?;
        }
        let mut got = Vec::new();
        let mut visit = |low, value| got.push((low, value));
        read(
            "for_each_value",
            stack.for_each_value(chunk, code, &self.audience, &mut visit),
        )?;
        got.sort_unstable();
        same(
            || format!("values of entry {code}"),
            got,
            self.of_audience(&values),
        )?;
        if values.values().all(|value| *value == 0) {
            return Ok(());
        }
        self.ranges(&values, &|candidates, bounds, out| {
            stack.in_range(chunk, code, candidates, bounds, out)
        })
    }
}
