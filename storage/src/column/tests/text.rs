//! Text blocks against `Vec<Vec<u8>>`.

use crate::bitmap::tests::sample::Random;
use crate::column::{TEXT_BYTES_MAX, TextBlocks};

pub(super) fn build(strings: &[Vec<u8>]) -> TextBlocks {
    TextBlocks::from_texts(strings.iter().map(Vec::as_slice))
}

pub(super) fn samples() -> Vec<Vec<Vec<u8>>> {
    let mut random = Random::new(23);
    let mut noise = |len: usize| -> Vec<u8> { (0..len).map(|_| random.next() as u8).collect() };
    let words = |len: usize| {
        b"so many words "
            .iter()
            .copied()
            .cycle()
            .take(len)
            .collect()
    };
    vec![
        vec![],
        vec![vec![]],
        vec![b"one".to_vec()],
        vec![words(251)],
        vec![words(1000)],
        vec![noise(1000)],
        (0..20_000).map(|index| words(index % 40)).collect(),
        (0..3000).map(|index| noise(index % 100)).collect(),
        vec![
            words(65_535),
            words(1),
            words(65_536),
            words(65_537),
            vec![],
            noise(200_000),
        ],
        vec![Vec::new(); 140_000],
    ]
}

#[test]
fn hold_what_they_are_made_of() {
    for sample in samples() {
        let made = build(&sample);
        let parsed = TextBlocks::parse(made.bytes().clone()).unwrap();
        assert!(made == parsed);
        for text in [made, parsed] {
            assert_eq!(text.len(), sample.len() as u64);
            assert_eq!(text.is_empty(), sample.is_empty());
            let mut next = 0;
            while next < text.len() {
                let block = text.block(next).unwrap();
                assert_eq!(block.strings().start, next);
                for index in block.strings() {
                    assert_eq!(block.get(index), sample[index as usize]);
                }
                next = block.strings().end;
            }
            for index in (0..sample.len()).step_by(1 + sample.len() / 20) {
                assert_eq!(text.get(index as u64).unwrap(), sample[index]);
            }
        }
    }
}

#[test]
fn the_longest_string() {
    let strings = vec![vec![1], vec![b'x'; TEXT_BYTES_MAX], vec![2]];
    let text = TextBlocks::parse(build(&strings).bytes().clone()).unwrap();
    for (index, string) in strings.iter().enumerate() {
        assert!(text.get(index as u64).unwrap() == string);
    }
}

#[test]
fn only_what_shrinks_is_compressed() {
    let [_, _, _, short, words, noise, ..] = &samples()[..] else {
        panic!("samples")
    };
    assert_eq!(build(short).bytes().len(), 16 + 24 + 4 + 251);
    assert!(build(words).bytes().len() < 200);
    assert_eq!(build(noise).bytes().len(), 16 + 24 + 4 + 1000);
}
