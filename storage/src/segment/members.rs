//! Entries turned around: of a chunk the subjects of each code, and over all chunks a bitmap for
//! each code.

use std::collections::BTreeMap;

use crate::bitmap::{BitmapWriter, Chunk};
use crate::column::{Lists, Vector};
use crate::error::Result;
use crate::ids::{CHUNK_LEN, Code};
use crate::layer::part::FlatRows;
use crate::segment::blob_file::BlobRef;
use crate::segment::directory::{DirectoryBuilder, Record};
use crate::segment::tags::TagSegmentWriter;

/// Codes below this are counted in a table, as long as all of a chunk's are; else they are sorted.
const COUNTED_CODES: usize = 1 << 16;

/// The entries of one chunk, side by side and in any order. Of a position and a code that occur
/// twice the later one counts.
#[derive(Debug, Default)]
pub struct Entries {
    /// What.
    pub codes: Vec<Code>,
    /// Whose.
    pub lows: Vec<u16>,
    /// The values beside the codes; empty in what has none.
    pub values: Vec<i64>,
}

/// The entries of one chunk by rising code, and of each code by rising position.
#[derive(Debug, Default)]
pub(super) struct Grouped {
    /// The codes that occur, each with the end of its entries.
    ends: Vec<(Code, usize)>,
    lows: Vec<u16>,
    values: Vec<i64>,
}

impl Entries {
    /// Groups them by code. Entries whose positions rise are only counted and put in their places.
    pub(super) fn group(&self) -> Grouped {
        let max = self.codes.iter().copied().max().unwrap_or(0) as usize;
        let mut grouped = if max < COUNTED_CODES {
            self.counted(max)
        } else {
            self.sorted()
        };
        grouped.order();
        grouped
    }

    fn counted(&self, max: usize) -> Grouped {
        let mut places = vec![0_usize; max + 1];
        for code in &self.codes {
            places[*code as usize] += 1;
        }
        let mut ends = Vec::new();
        let mut end = 0;
        for (code, place) in (0..).zip(&mut places) {
            let count = std::mem::replace(place, end);
            if count > 0 {
                end += count;
                ends.push((code, end));
            }
        }
        let mut lows = vec![0; end];
        let mut values = vec![0; self.values.len()];
        if values.is_empty() {
            for (code, low) in self.codes.iter().zip(&self.lows) {
                let place = &mut places[*code as usize];
                lows[*place] = *low;
                *place += 1;
            }
        } else {
            let entries = self.codes.iter().zip(&self.lows).zip(&self.values);
            for ((code, low), value) in entries {
                let place = &mut places[*code as usize];
                (lows[*place], values[*place]) = (*low, *value);
                *place += 1;
            }
        }
        Grouped { ends, lows, values }
    }

    fn sorted(&self) -> Grouped {
        let mut order: Vec<(Code, usize)> = self.codes.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut ends: Vec<(Code, usize)> = Vec::new();
        for (end, (code, _)) in (1..).zip(&order) {
            match ends.last_mut() {
                Some(last) if last.0 == *code => last.1 = end,
                _ => ends.push((*code, end)),
            }
        }
        let lows = order.iter().map(|(_, from)| self.lows[*from]).collect();
        let values = if self.values.is_empty() {
            Vec::new()
        } else {
            order.iter().map(|(_, from)| self.values[*from]).collect()
        };
        Grouped { ends, lows, values }
    }
}

impl Grouped {
    /// The codes with the places of their entries.
    fn groups(&self) -> impl Iterator<Item = (Code, std::ops::Range<usize>)> + '_ {
        let mut start = 0;
        self.ends.iter().map(move |(code, end)| {
            let own = start..*end;
            start = *end;
            (*code, own)
        })
    }

    /// Sorts the positions of codes where they do not rise.
    fn order(&mut self) {
        let rises = |own| self.lows[own as std::ops::Range<usize>].is_sorted_by(|a, b| a < b);
        if self.groups().all(|(_, own)| rises(own)) {
            return;
        }
        let mut ordered = Self::default();
        for (code, own) in self.groups() {
            let mut order: Vec<usize> = own.collect();
            // Stable: the later of two stays the later.
            order.sort_by_key(|from| self.lows[*from]);
            let last = |pair: &[usize]| pair.len() < 2 || self.lows[pair[0]] != self.lows[pair[1]];
            for index in 0..order.len() {
                let from = order[index];
                if !last(&order[index..order.len().min(index + 2)]) {
                    continue;
                }
                ordered.lows.push(self.lows[from]);
                ordered.values.extend(self.values.get(from));
            }
            ordered.ends.push((code, ordered.lows.len()));
        }
        *self = ordered;
    }

    /// The same by position: the codes of each of `present`, who have all the entries.
    pub(super) fn rows(&self, present: &Chunk, payload: bool) -> FlatRows {
        let mut places = vec![0_usize; CHUNK_LEN as usize];
        for low in &self.lows {
            places[usize::from(*low)] += 1;
        }
        let mut bounds = Vec::with_capacity(present.count() as usize + 1);
        bounds.push(0);
        let mut end = 0;
        present.for_each(|low| {
            let count = std::mem::replace(&mut places[usize::from(low)], end);
            end += count;
            bounds.push(end as i64);
        });
        let mut codes: Vec<Code> = vec![0; end];
        let mut values = vec![0; if payload { end } else { 0 }];
        for (code, own) in self.groups() {
            for from in own {
                let place = &mut places[usize::from(self.lows[from])];
                codes[*place] = code;
                if payload {
                    values[*place] = self.values[from];
                }
                *place += 1;
            }
        }
        FlatRows {
            codes: Lists::from_parts(&bounds, &codes),
            payload: payload.then(|| Vector::from_values(&values)),
        }
    }
}

/// The subjects of each code, gathered chunk by chunk.
#[derive(Debug, Default)]
pub(super) struct Members {
    codes: BTreeMap<Code, (BitmapWriter, Vec<i64>)>,
}

impl Members {
    /// Bytes that it holds, about.
    pub(super) fn bytes(&self) -> usize {
        let of_code = |(members, values): &(BitmapWriter, Vec<i64>)| {
            size_of::<(Code, BitmapWriter, Vec<i64>)>()
                + members.bytes()
                + values.capacity() * size_of::<i64>()
        };
        self.codes.values().map(of_code).sum()
    }

    /// Adds the entries of a chunk.
    pub(super) fn add(&mut self, chunk: u16, grouped: &Grouped) {
        for (code, own) in grouped.groups() {
            let (members, values) = self.codes.entry(code).or_default();
            members.push_sorted(chunk, &grouped.lows[own.clone()]);
            values.extend(grouped.values.get(own).unwrap_or_default());
        }
    }

    pub(super) fn write(self, writer: &mut TagSegmentWriter, payload: bool) -> Result<BlobRef> {
        let mut directory = DirectoryBuilder::default();
        for (code, (members, values)) in self.codes {
            let members = members.finish();
            let first = writer.file.put(members.bytes())?;
            let second = if payload {
                writer.file.put(Vector::from_values(&values).bytes())?
            } else {
                BlobRef::default()
            };
            let extra = u32::try_from(members.len()).unwrap_or(u32::MAX);
            directory.push(Record {
                key: code,
                extra,
                first,
                second,
            });
        }
        writer.file.put(&directory.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What entries come to: by code and position, the last value.
    fn naive(entries: &Entries) -> BTreeMap<(Code, u16), i64> {
        let keys = entries
            .codes
            .iter()
            .copied()
            .zip(entries.lows.iter().copied());
        let values = entries.values.iter().copied().chain(std::iter::repeat(0));
        keys.zip(values).collect()
    }

    fn draw(seed: &mut u64, end: u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 33) % end
    }

    #[test]
    fn entries_are_grouped_whatever_their_order() {
        for (mut seed, codes) in (1..).zip([1, 3, 200, 60_000, 70_000, 4_000_000_000]) {
            for payload in [false, true] {
                let mut entries = Entries::default();
                let rising = draw(&mut seed, 2) == 0;
                for _ in 0..3_000 {
                    entries.codes.push(draw(&mut seed, codes) as Code);
                    entries.lows.push(draw(&mut seed, 2_000) as u16);
                    if payload {
                        entries.values.push(draw(&mut seed, 1_000) as i64);
                    }
                }
                if rising {
                    entries.lows.sort_unstable();
                }
                let expected = naive(&entries);
                let grouped = entries.group();
                let mut found = BTreeMap::new();
                for (code, own) in grouped.groups() {
                    for from in own {
                        let value = grouped.values.get(from).copied().unwrap_or(0);
                        found.insert((code, grouped.lows[from]), value);
                    }
                }
                assert_eq!(found, expected, "{codes} codes, {payload}");
                assert_eq!(grouped.lows.len(), expected.len());
                let mut present = Chunk::new();
                entries.lows.iter().for_each(|low| present.set(*low));
                present.set(5_000);
                let rows = grouped.rows(&present, payload);
                assert_eq!(rows.codes.len(), present.count() as usize);
                for (rank, low) in present.iter().enumerate() {
                    let mut own = Vec::new();
                    rows.for_each(rank, |code, value| own.push((code, value)));
                    let of = expected.iter().filter(|((_, at), _)| *at == low);
                    let right: Vec<_> = of.map(|((code, _), value)| (*code, *value)).collect();
                    assert_eq!(own, right, "{codes} codes, {payload}, position {low}");
                }
            }
        }
    }
}
