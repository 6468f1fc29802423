//! Many keys at a time, copied in pieces of a fixed width: most keys are short, and to copy a few
//! bytes too many is faster than to ask how many there are.

use crate::batch::{KeyRef, Keys};
use crate::column::{Deltas, Vector};
use crate::error::{Error, Result};
use crate::schema::KeyType;

/// The pieces that keys are copied in, in bytes; longer keys are copied by their length.
const NARROW: usize = 16;
const WIDE: usize = 48;

/// Keys that are being collected.
#[derive(Debug)]
pub enum GatheredKeys {
    /// Of a table with integer keys.
    Ints(Vec<i64>),
    /// Of a table with string keys; not yet looked at.
    Texts {
        /// The keys, one after the other.
        bytes: Vec<u8>,
        /// The end of each key in `bytes`.
        ends: Vec<u32>,
    },
}

impl GatheredKeys {
    /// No keys, with room for `count` short ones.
    #[must_use]
    pub fn new(kind: KeyType, count: usize) -> Self {
        match kind {
            KeyType::BigInt => Self::Ints(Vec::with_capacity(count)),
            KeyType::Keyword => Self::Texts {
                bytes: Vec::with_capacity(count * NARROW),
                ends: Vec::with_capacity(count),
            },
        }
    }

    /// Adds a key, which must be of the same type.
    pub fn push(&mut self, key: KeyRef<'_>) {
        match (self, key) {
            (Self::Ints(keys), KeyRef::Int(key)) => keys.push(key),
            (Self::Texts { bytes, ends }, KeyRef::Text(key)) => {
                bytes.extend_from_slice(key.as_bytes());
                ends.push(bytes.len() as u32);
            }
            _ => debug_assert!(false, "a key of another type"),
        }
    }

    /// The keys.
    ///
    /// # Errors
    /// They are no UTF-8.
    pub fn finish(self) -> Result<Keys> {
        let (bytes, ends) = match self {
            Self::Ints(keys) => return Ok(Keys::Ints(keys)),
            Self::Texts { bytes, ends } => (bytes, ends),
        };
        // Ends rise, so that the last one tells of all whether they fit.
        let fits = u32::try_from(bytes.len()).is_ok();
        // One look at all of them costs less than one at each key.
        let simple = bytes.is_ascii();
        let bytes = String::from_utf8(bytes).map_err(|_| damaged())?;
        let is_end = |end: &u32| bytes.is_char_boundary(*end as usize);
        if fits && (simple || ends.iter().all(is_end)) {
            Ok(Keys::Texts { bytes, ends })
        } else {
            Err(damaged())
        }
    }
}

/// Places of neighbouring subjects in a block: `first + low` for each, which rise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    /// May be below zero, by wrapping.
    pub(super) first: u32,
    pub(super) lows: &'a [u16],
}

impl Places<'_> {
    fn iter(&self) -> impl ExactSizeIterator<Item = usize> {
        let place = |low: &u16| self.first.wrapping_add(u32::from(*low)) as usize;
        self.lows.iter().map(place)
    }

    /// Whether nobody is between them.
    fn is_run(&self) -> bool {
        let ends = self.lows.first().zip(self.lows.last());
        ends.is_some_and(|(first, last)| usize::from(last - first) + 1 == self.lows.len())
    }
}

/// Appends the keys of places, each below `values.len()`; `values` are integers, or the ends of
/// keys in `texts`.
pub(super) fn gather(
    values: &Vector,
    texts: Option<&[u8]>,
    places: Places<'_>,
    out: &mut GatheredKeys,
) -> Result<()> {
    match (texts, out) {
        (None, GatheredKeys::Ints(keys)) => {
            let positions: Vec<u32> = places.iter().map(|place| place as u32).collect();
            let before = keys.len();
            keys.resize(before + positions.len(), 0);
            values.gather(&positions, &mut keys[before..]);
            Ok(())
        }
        (Some(texts), GatheredKeys::Texts { bytes, ends }) => {
            let mean = texts.len() / values.len().max(1);
            let whole = if places.is_run() {
                copy_run(values, texts, places, bytes, ends)
            } else if mean < NARROW {
                copy::<NARROW>(values, texts, places, bytes, ends)
            } else {
                copy::<WIDE>(values, texts, places, bytes, ends)
            };
            if whole { Ok(()) } else { Err(damaged()) }
        }
        _ => Err(Error::internal("keys of another type")),
    }
}

/// Copies keys one by one; tells whether all of them lie in `texts`.
fn copy<const PIECE: usize>(
    values: &Vector,
    texts: &[u8],
    places: Places<'_>,
    bytes: &mut Vec<u8>,
    ends: &mut Vec<u32>,
) -> bool {
    // What is negative becomes so large that it is in no text.
    let end = |delta| values.value(delta) as usize;
    let keys = (texts, places);
    match values.deltas(0, values.len()) {
        Deltas::Two(deltas) => copy_from::<PIECE, _>(deltas, keys, bytes, ends, |delta| {
            end(u64::from(u16::from_le_bytes(delta)))
        }),
        Deltas::Four(deltas) => copy_from::<PIECE, _>(deltas, keys, bytes, ends, |delta| {
            end(u64::from(u32::from_le_bytes(delta)))
        }),
        // Keys of a whole block take one of the two widths; this is for what is left of one.
        Deltas::Zero | Deltas::One(_) | Deltas::Eight(_) => {
            let deltas = values.iter().map(|end| (end as u64).to_le_bytes());
            let deltas: Vec<[u8; 8]> = deltas.collect();
            copy_from::<PIECE, _>(&deltas, keys, bytes, ends, |delta| {
                u64::from_le_bytes(delta) as usize
            })
        }
    }
}

/// Copies keys whose ends `read` tells, one of each of `deltas`.
fn copy_from<const PIECE: usize, const N: usize>(
    deltas: &[[u8; N]],
    (texts, places): (&[u8], Places<'_>),
    bytes: &mut Vec<u8>,
    ends: &mut Vec<u32>,
    read: impl Fn([u8; N]) -> usize,
) -> bool {
    let mut at = bytes.len();
    // Room for a piece for each key, so that a piece may be written beyond its key's end.
    bytes.resize(at + places.lows.len() * PIECE, 0);
    ends.reserve(places.lows.len());
    for place in places.iter() {
        let start = place
            .checked_sub(1)
            .map_or(0, |before| read(deltas[before]));
        let end = read(deltas[place]);
        let len = end.wrapping_sub(start);
        let piece = texts.get(start..start.wrapping_add(PIECE));
        match (piece, bytes.get_mut(at..at + PIECE)) {
            (Some(piece), Some(room)) if len <= PIECE => room.copy_from_slice(piece),
            _ => {
                let Some(key) = texts.get(start..end) else {
                    return false;
                };
                // The room of the keys that follow stays.
                bytes.resize(bytes.len() + len, 0);
                bytes[at..at + len].copy_from_slice(key);
            }
        }
        at += len;
        ends.push(at as u32);
    }
    bytes.truncate(at);
    true
}

/// Copies the keys of neighbours; tells whether all of them lie in `texts`, one behind the other.
fn copy_run(
    values: &Vector,
    texts: &[u8],
    places: Places<'_>,
    bytes: &mut Vec<u8>,
    ends: &mut Vec<u32>,
) -> bool {
    let first = places.iter().next().unwrap_or(0);
    let start = first.checked_sub(1).map_or(0, |before| values.get(before));
    let mut own = vec![0; places.lows.len()];
    values.read_range(first, &mut own);
    let rises = own.is_sorted() && own.first().is_none_or(|end| start <= *end);
    let end = own.last().copied().unwrap_or(start);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let keys = range.and_then(|(start, end)| texts.get(start..end));
    let Some(keys) = keys.filter(|_| rises) else {
        return false;
    };
    let before = bytes.len();
    bytes.extend_from_slice(keys);
    ends.extend(
        own.iter()
            .map(|end| (before as u32).wrapping_add((end - start) as u32)),
    );
    true
}

fn damaged() -> Error {
    Error::corrupt("a key block", 0, "keys in UTF-8, one after the other")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of keys of up to `longest` bytes, some of them of several bytes a character.
    fn keys(count: usize, longest: usize, seed: &mut u64) -> Vec<String> {
        let mut draw = || {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*seed >> 33) as usize
        };
        let mut key = |_| {
            let wide = draw() % 9 == 0;
            let len = draw() % (longest + 1) / if wide { 3 } else { 1 };
            (0..len)
                .map(|_| match wide {
                    true => char::from_u32(0x4E00 + draw() as u32 % 64).unwrap(),
                    false => char::from(b'a' + (draw() % 26) as u8),
                })
                .collect()
        };
        (0..count).map(&mut key).collect()
    }

    fn block(keys: &[String]) -> (Vector, Vec<u8>) {
        let texts = keys.concat().into_bytes();
        let mut end = 0;
        let ends = keys.iter().map(|key| {
            end += key.len() as i64;
            end
        });
        (Vector::from_values(&ends.collect::<Vec<_>>()), texts)
    }

    #[test]
    fn gathered_keys_are_those_of_the_places() {
        let mut seed = 7;
        for longest in [0, 1, 9, 16, 17, 40, 48, 49, 300] {
            for count in [1, 2, 63, 4_096] {
                let own = keys(count, longest, &mut seed);
                let (values, texts) = block(&own);
                for (step, skip, first) in [(1, 0, 0), (1, 1, 3), (2, 0, 0), (7, 1, 9), (500, 3, 0)]
                {
                    let wanted: Vec<usize> = (0..count).skip(skip).step_by(step).collect();
                    let lows: Vec<u16> = wanted.iter().map(|at| (at + first) as u16).collect();
                    let places = Places {
                        first: 0_u32.wrapping_sub(first as u32),
                        lows: &lows,
                    };
                    let mut out = GatheredKeys::new(KeyType::Keyword, lows.len());
                    out.push(KeyRef::Text("before"));
                    gather(&values, Some(&texts), places, &mut out).unwrap();
                    let found = out.finish().unwrap();
                    assert_eq!(found.len(), wanted.len() + 1, "seed 7, {longest}, {count}");
                    for (row, place) in wanted.iter().enumerate() {
                        assert_eq!(found.get(row + 1), KeyRef::Text(&own[*place]));
                    }
                }
            }
        }
    }

    #[test]
    fn damaged_blocks_are_refused() {
        let texts = "abcdefghij\u{e9}klmnopqrstuvwxyz0123456789".as_bytes();
        let ends = [
            [5, 3, 9, 10],
            [3, 6, 9, 100],
            [-1, 6, 9, 10],
            [i64::MIN, i64::MAX, 0, 5],
            [3, 6, 11, 20],
        ];
        for ends in ends {
            let values = Vector::from_values(&ends);
            for lows in [vec![0, 1, 2, 3], vec![0, 1, 3], vec![0, 2, 3], vec![0, 2]] {
                let places = Places {
                    first: 0,
                    lows: &lows,
                };
                let mut out = GatheredKeys::new(KeyType::Keyword, 0);
                let gathered = gather(&values, Some(texts), places, &mut out);
                // Where keys are read that are none, there is an error; else they are as written.
                let range = |low: &u16| {
                    let at = usize::from(*low);
                    let start = at.checked_sub(1).map_or(0, |at| ends[at]);
                    usize::try_from(start)
                        .ok()
                        .zip(usize::try_from(ends[at]).ok())
                };
                let own = lows.iter().map(|low| {
                    let (start, end) = range(low)?;
                    std::str::from_utf8(texts.get(start..end)?).ok()
                });
                let own: Option<Vec<&str>> = own.collect();
                match (gathered.and_then(|()| out.finish()), own) {
                    (Err(_), None) => {}
                    (Ok(found), Some(own)) => {
                        let found: Vec<KeyRef<'_>> =
                            (0..found.len()).map(|at| found.get(at)).collect();
                        let own: Vec<KeyRef<'_>> = own.into_iter().map(KeyRef::Text).collect();
                        assert_eq!(found, own, "{ends:?} {lows:?}");
                    }
                    (found, own) => panic!("{ends:?} {lows:?}: {found:?} for {own:?}"),
                }
            }
        }
    }
}
