//! Damaged bytes give an error or another valid column, never a panic.

use bytes::Bytes;

use super::{lists, text, vector};
use crate::bitmap::Chunk;
use crate::bitmap::tests::sample::Random;
use crate::column::{Lists, ListsBuilder, TextBlocks, Vector};

/// Gives `check` copies of `bytes` with each byte flipped, each truncation, and random bytes.
fn damage(bytes: &Bytes, check: &mut dyn FnMut(Bytes)) {
    let mut random = Random::new(47);
    let step = 1 + bytes.len() / 1000;
    for at in (0..bytes.len()).filter(|at| *at < 100 || at % step == 0) {
        for flip in [1, 0x80, 0xff] {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= flip;
            check(flipped.into());
        }
        check(bytes.slice(..at));
        let mut noisy = bytes.to_vec();
        for _ in 0..3 {
            let at = random.below(noisy.len() as u64) as usize;
            noisy[at] = random.next() as u8;
        }
        check(noisy.into());
    }
}

#[test]
fn vectors() {
    let mut out = Chunk::new();
    for (_, values) in vector::samples()
        .into_iter()
        .filter(|(_, values)| values.len() < 100)
    {
        damage(Vector::from_values(&values).bytes(), &mut |bytes| {
            let Ok(vector) = Vector::parse(bytes) else {
                return;
            };
            if vector.len() > 1000 {
                // A constant may be of any length.
                assert_eq!(vector.min(), vector.max());
                assert_eq!(vector.get(vector.len() - 1), vector.min());
                return;
            }
            assert!(
                vector
                    .iter()
                    .all(|value| (vector.min()..=vector.max()).contains(&value))
            );
            vector.select_range(0, vector.len(), 0, 1000, &mut out);
            out.fill_below(vector.len());
            assert_eq!(
                vector.totals(0, &out).sum,
                vector.iter().map(i128::from).sum()
            );
        });
    }
}

#[test]
fn list_vectors() {
    for sample in lists::samples()
        .into_iter()
        .filter(|sample| sample.len() < 20)
    {
        let mut builder = ListsBuilder::new();
        sample.into_iter().for_each(|list| builder.push(list));
        damage(builder.finish().bytes(), &mut |bytes| {
            let Ok(lists) = Lists::parse(bytes) else {
                return;
            };
            for index in 0..lists.len().min(1000) {
                lists
                    .get(index)
                    .for_each(|at| assert!(lists.items().get(at) <= lists.items().max()));
            }
        });
    }
}

#[test]
fn text_blocks() {
    for sample in text::samples() {
        damage(text::build(&sample).bytes(), &mut |bytes| {
            let Ok(text) = TextBlocks::parse(bytes) else {
                return;
            };
            let mut next = 0;
            while next < text.len().min(2000) {
                let Ok(block) = text.block(next) else { break };
                block
                    .strings()
                    .for_each(|index| assert!(block.get(index).len() < 1 << 25));
                next = block.strings().end;
            }
        });
    }
}

#[test]
fn a_block_that_claims_much_is_refused_before_it_is_read() {
    let text = text::build(&[vec![b'x'; 100_000]]);
    let mut bytes = text.bytes().to_vec();
    // The length of the content is at 16 of the only block's entry.
    bytes[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    TextBlocks::parse(bytes.clone().into()).unwrap_err();
    bytes[32..36].copy_from_slice(&100_003_u32.to_le_bytes());
    TextBlocks::parse(bytes.into()).unwrap().get(0).unwrap_err();
}
