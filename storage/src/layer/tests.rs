//! Stacks of layers against plain maps: random writes, layer boundaries and merges of neighbours,
//! with everything read back after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::encode::{PartDecoder, PartEncoder};
use super::merge::{MergeContext, merge};
use super::part::Part;
use super::write::{Edit, PartBuilder};
use super::{MultiStack, SingleStack, TextStack};
use crate::bitmap::Chunk;
use crate::codec::{Decoder, Encoder};
use crate::column::Totals;
use crate::ids::{Ordinal, chunk_of, low_of, ordinal_at};
use crate::schema::Family;
use crate::subjects::Dead;

/// Two chunks, with subjects at their borders.
const SUBJECTS: [Ordinal; 10] = [0, 1, 2, 63, 64, 65_534, 65_535, 65_536, 65_537, 70_000];
const CODES: u32 = 4;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn subject(&mut self) -> Ordinal {
        SUBJECTS[self.below(SUBJECTS.len() as u64) as usize]
    }

    fn entry(&mut self) -> (u32, i64) {
        (
            self.below(u64::from(CODES)) as u32,
            self.below(9) as i64 - 4,
        )
    }
}

/// What every subject has: one number, one text, entries.
#[derive(Clone, Default)]
struct Model {
    numbers: BTreeMap<Ordinal, i64>,
    texts: BTreeMap<Ordinal, String>,
    entries: BTreeMap<Ordinal, BTreeMap<u32, i64>>,
    dead: Dead,
}

/// The stacks, oldest first, and the writes that are not yet a layer.
struct Stacks {
    parts: [Vec<Arc<Part>>; 3],
    open: [PartBuilder; 3],
}

const FAMILIES: [Family; 3] = [Family::Single, Family::Text, Family::Map];

impl Stacks {
    fn new() -> Self {
        Self {
            parts: [const { Vec::new() }; 3],
            open: FAMILIES.map(PartBuilder::new),
        }
    }

    fn close_layer(&mut self) {
        let open = std::mem::replace(&mut self.open, FAMILIES.map(PartBuilder::new));
        for (parts, builder) in self.parts.iter_mut().zip(open) {
            parts.push(Arc::new(through_bytes(&builder.finish())));
        }
    }

    fn merge_some(&mut self, random: &mut Random, dead: &Dead) {
        for (parts, family) in self.parts.iter_mut().zip(FAMILIES) {
            let first = random.below(parts.len() as u64) as usize;
            let count = 1 + random.below((parts.len() - first) as u64) as usize;
            let context = MergeContext {
                dead,
                bottom: first == 0,
                payload: family == Family::Map,
            };
            let merged = merge(&parts[first..first + count], context).unwrap();
            check_bottom(&merged, first == 0);
            parts.splice(first..first + count, [Arc::new(through_bytes(&merged))]);
        }
    }
}

fn through_bytes(part: &Part) -> Part {
    let mut out = Encoder::new();
    PartEncoder::new(&mut out).put(part).unwrap();
    let bytes = out.finish();
    let mut input = Decoder::new(&bytes);
    let read = PartDecoder::new().get(&mut input).unwrap();
    input.finish().unwrap();
    read
}

fn check_totals(stack: &SingleStack, key: u16, values: impl Iterator<Item = i64>) {
    let everybody = Chunk::full();
    let mut expected = Totals::default();
    let mut expected_counts = [0; 8];
    for value in values {
        expected.add(value);
        if let Some(count) = usize::try_from(value)
            .ok()
            .and_then(|value| expected_counts.get_mut(value))
        {
            *count += 1;
        }
    }
    assert_eq!(stack.totals(key, &everybody).unwrap(), expected);
    let mut counts = [0; 8];
    // Refused if there is any value that has no count of its own.
    if stack.histogram(key, &everybody, &mut counts).is_ok() {
        assert_eq!(counts, expected_counts);
    }
}

fn check_bottom(part: &Part, bottom: bool) {
    let below = match part {
        Part::Single(part) => part.cleared.len(),
        Part::Text(part) => part.cleared.len(),
        Part::Multi(part) => part.dirty.len(),
    };
    assert!(
        !bottom || below == 0,
        "the bottom says something of what is below it"
    );
}

fn step(random: &mut Random, model: &mut Model, stacks: &mut Stacks) {
    let subject = random.subject();
    let [single, text, map] = &mut stacks.open;
    let (PartBuilder::Single(single), PartBuilder::Text(text), PartBuilder::Map(map)) =
        (single, text, map)
    else {
        unreachable!("builders are of their families")
    };
    match random.below(10) {
        0..3 => {
            let value = (random.below(4) > 0).then(|| random.below(5) as i64 * 1_000_000_007);
            single.write(subject, value);
            set_or_remove(&mut model.numbers, subject, value);
        }
        3 => {
            let value = (random.below(3) > 0).then(|| format!("text {}", random.below(100)));
            text.write(subject, value.clone().map(String::into_boxed_str));
            set_or_remove(&mut model.texts, subject, value);
        }
        4 => {
            let entries: Vec<_> = (0..random.below(4)).map(|_| random.entry()).collect();
            model
                .entries
                .insert(subject, entries.iter().copied().collect());
            map.write(subject, Edit::Replace(entries));
        }
        5..8 => {
            let drop: Vec<u32> = (0..random.below(3)).map(|_| random.entry().0).collect();
            let put: Vec<_> = (0..random.below(3)).map(|_| random.entry()).collect();
            let entries = model.entries.entry(subject).or_default();
            drop.iter().for_each(|code| {
                entries.remove(code);
            });
            entries.extend(put.iter().copied());
            map.write(subject, Edit::Change { drop, put });
        }
        8 if random.below(4) == 0 => {
            model.dead.insert(subject);
        }
        _ => {}
    }
}

fn set_or_remove<T>(values: &mut BTreeMap<Ordinal, T>, subject: Ordinal, value: Option<T>) {
    match value {
        Some(value) => drop(values.insert(subject, value)),
        None => drop(values.remove(&subject)),
    }
}

/// The members of both chunks that are alive.
fn members(dead: &Dead, mut fill: impl FnMut(u16, &mut Chunk)) -> BTreeSet<Ordinal> {
    let mut chunk = Chunk::new();
    let mut found = BTreeSet::new();
    for key in 0..2 {
        fill(key, &mut chunk);
        found.extend(chunk.iter().map(|low| ordinal_at(key, low)));
    }
    found.retain(|ordinal| !dead.contains(*ordinal));
    found
}

fn living<'a, T>(
    model: &'a Model,
    values: &'a BTreeMap<Ordinal, T>,
    keep: impl Fn(&T) -> bool,
) -> BTreeSet<Ordinal> {
    let kept = values
        .iter()
        .filter(|(ordinal, value)| !model.dead.contains(**ordinal) && keep(value));
    kept.map(|(ordinal, _)| *ordinal).collect()
}

fn compare_numbers(model: &Model, parts: &[Arc<Part>]) {
    let stack = SingleStack::new(parts).unwrap();
    let known = members(&model.dead, |key, out| stack.known(key, out).unwrap());
    assert_eq!(known, living(model, &model.numbers, |_| true));
    for value in [0, 1_000_000_007] {
        let code = value as u32;
        let found = members(&model.dead, |key, out| {
            stack.members(key, code, out).unwrap()
        });
        assert_eq!(
            found,
            living(model, &model.numbers, |number| *number == value)
        );
    }
    let mut everybody = Chunk::new();
    everybody.fill();
    let bounds = (1, 3_000_000_000);
    let found = members(&model.dead, |key, out| {
        stack.in_range(key, &everybody, bounds, out).unwrap()
    });
    let inside = |number: &i64| (bounds.0..=bounds.1).contains(number);
    assert_eq!(found, living(model, &model.numbers, inside));
    let mut seen = BTreeMap::new();
    for key in 0..2 {
        let mut own = BTreeMap::new();
        let mut visit = |low, value| {
            own.insert(ordinal_at(key, low), value);
        };
        stack.for_each(key, &everybody, &mut visit).unwrap();
        check_totals(&stack, key, own.values().copied());
        seen.extend(own);
    }
    for subject in SUBJECTS
        .into_iter()
        .filter(|subject| !model.dead.contains(*subject))
    {
        let expected = model.numbers.get(&subject).copied();
        assert_eq!(stack.get(subject).unwrap(), expected);
        assert_eq!(seen.get(&subject).copied(), expected);
    }
}

fn compare_texts(model: &Model, parts: &[Arc<Part>]) {
    let stack = TextStack::new(parts).unwrap();
    let known = members(&model.dead, |key, out| stack.known(key, out).unwrap());
    assert_eq!(known, living(model, &model.texts, |_| true));
    for subject in SUBJECTS
        .into_iter()
        .filter(|subject| !model.dead.contains(*subject))
    {
        let mut one = Chunk::new();
        one.set(low_of(subject));
        let mut seen = None;
        let mut visit = |_, text: &str| seen = Some(text.to_owned());
        stack.for_each(chunk_of(subject), &one, &mut visit).unwrap();
        assert_eq!(seen.as_ref(), model.texts.get(&subject));
        assert_eq!(stack.get(subject).unwrap(), seen);
    }
}

fn compare_entries(model: &Model, parts: &[Arc<Part>]) {
    let stack = MultiStack::new(parts).unwrap();
    let nonempty = members(&model.dead, |key, out| stack.nonempty(key, out).unwrap());
    assert_eq!(
        nonempty,
        living(model, &model.entries, |entries| !entries.is_empty())
    );
    let mut everybody = Chunk::new();
    everybody.fill();
    for code in 0..=CODES {
        let found = members(&model.dead, |key, out| {
            stack.members(key, code, out).unwrap()
        });
        assert_eq!(
            found,
            living(model, &model.entries, |entries| entries.contains_key(&code))
        );
        let bounds = (-1, 2);
        let found = members(&model.dead, |key, out| {
            stack.in_range(key, code, &everybody, bounds, out).unwrap();
        });
        let inside = |entries: &BTreeMap<u32, i64>| {
            entries
                .get(&code)
                .is_some_and(|value| (bounds.0..=bounds.1).contains(value))
        };
        assert_eq!(found, living(model, &model.entries, inside));
    }
    let mut rows = BTreeMap::new();
    for key in 0..2 {
        let mut visit = |low, row: &[(u32, i64)]| {
            assert!(rows.insert(ordinal_at(key, low), row.to_vec()).is_none());
        };
        stack.for_each_row(key, &everybody, &mut visit).unwrap();
    }
    for subject in SUBJECTS
        .into_iter()
        .filter(|subject| !model.dead.contains(*subject))
    {
        let entries = model.entries.get(&subject).cloned().unwrap_or_default();
        let expected: Vec<_> = entries.into_iter().collect();
        assert_eq!(stack.get(subject).unwrap(), expected);
        assert_eq!(rows.get(&subject).cloned().unwrap_or_default(), expected);
        for code in 0..CODES {
            let value = expected
                .iter()
                .find(|(own, _)| *own == code)
                .map(|(_, value)| *value);
            assert_eq!(stack.get_entry(subject, code).unwrap(), value);
        }
    }
}

#[test]
fn stacks_read_as_plain_maps_do() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let (mut model, mut stacks) = (Model::default(), Stacks::new());
        for _ in 0..10 + random.below(60) {
            for _ in 0..random.below(8) {
                step(&mut random, &mut model, &mut stacks);
            }
            stacks.close_layer();
            if random.below(4) == 0 {
                stacks.merge_some(&mut random, &model.dead);
            }
            compare_numbers(&model, &stacks.parts[0]);
            compare_texts(&model, &stacks.parts[1]);
            compare_entries(&model, &stacks.parts[2]);
        }
    }
}

#[test]
fn merging_is_associative() {
    let dead = Dead::default();
    for seed in 0..400 {
        let mut random = Random(seed);
        let (mut model, mut stacks) = (Model::default(), Stacks::new());
        for _ in 0..4 {
            for _ in 0..random.below(12) {
                step(&mut random, &mut model, &mut stacks);
            }
            stacks.close_layer();
        }
        for (parts, family) in stacks.parts.iter().zip(FAMILIES) {
            for bottom in [false, true] {
                let payload = family == Family::Map;
                let fold = |parts: &[Arc<Part>], bottom| {
                    Arc::new(
                        merge(
                            parts,
                            MergeContext {
                                dead: &dead,
                                bottom,
                                payload,
                            },
                        )
                        .unwrap(),
                    )
                };
                let at_once = fold(parts, bottom);
                let left = parts[1..].iter().fold(parts[0].clone(), |older, newer| {
                    fold(&[older, newer.clone()], bottom)
                });
                let right = parts[..3]
                    .iter()
                    .rev()
                    .fold(parts[3].clone(), |newer, older| {
                        fold(&[older.clone(), newer], false)
                    });
                let right = fold(&[right], bottom);
                for other in [left, right] {
                    assert_eq!(
                        bytes_of(&at_once),
                        bytes_of(&other),
                        "seed {seed} {family:?}"
                    );
                }
            }
        }
    }
}

fn bytes_of(part: &Part) -> Vec<u8> {
    let mut out = Encoder::new();
    PartEncoder::new(&mut out).put(part).unwrap();
    out.finish()
}
