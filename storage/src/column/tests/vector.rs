//! Vectors against `Vec<i64>`.

use crate::bitmap::Chunk;
use crate::bitmap::tests::sample::Random;
use crate::column::Vector;

/// Name and values: every width, at its boundaries, over bases at the ends of `i64`.
pub(super) fn samples() -> Vec<(String, Vec<i64>)> {
    let mut all = vec![("empty".to_owned(), Vec::new())];
    let mut random = Random::new(11);
    let spans = [
        0,
        1,
        2,
        0xfe,
        0xff,
        0x100,
        0xffff,
        0x1_0000,
        0xffff_ffff,
        0x1_0000_0000,
        u64::MAX,
    ];
    for span in spans {
        for base in [i64::MIN, -1000, 0, 5, i64::MAX - 10] {
            for len in [1, 2, 63, 64, 65, 1000, 65_536, 70_000] {
                // The base is moved down where the span would pass the greatest integer.
                let last = i64::MAX.wrapping_sub(base) as u64;
                let base = if span > last {
                    i64::MAX.wrapping_sub(span as i64)
                } else {
                    base
                };
                let mut values: Vec<i64> = (0..len)
                    .map(|_| {
                        let delta = random.next().checked_rem(span.wrapping_add(1));
                        base.wrapping_add(delta.unwrap_or(random.next()) as i64)
                    })
                    .collect();
                values[0] = base;
                values[len - 1] = base.wrapping_add(span as i64);
                all.push((format!("{len} of {base} + {span}"), values));
            }
        }
    }
    all
}

#[test]
fn holds_what_it_is_made_of() {
    for (name, values) in samples() {
        let made = Vector::from_values(&values);
        let parsed = Vector::parse(made.bytes().clone()).unwrap();
        assert!(made == parsed, "{name}");
        for vector in [made, parsed] {
            assert_eq!(vector.len(), values.len(), "{name}");
            assert_eq!(vector.is_empty(), values.is_empty(), "{name}");
            assert_eq!(
                vector.min(),
                values.iter().copied().min().unwrap_or(0),
                "{name}"
            );
            assert_eq!(
                vector.max(),
                values.iter().copied().max().unwrap_or(0),
                "{name}"
            );
            assert!(vector.iter().eq(values.iter().copied()), "{name}");
            let start = values.len() / 3;
            let mut read = vec![1; values.len() - start];
            vector.read_range(start, &mut read);
            assert_eq!(read, values[start..], "{name}");
            let positions: Vec<u32> = (0..values.len() as u32).rev().step_by(3).collect();
            let mut gathered = vec![1; positions.len()];
            vector.gather(&positions, &mut gathered);
            let expected: Vec<i64> = positions.iter().map(|at| values[*at as usize]).collect();
            assert_eq!(gathered, expected, "{name}");
        }
    }
}

#[test]
fn widths_are_the_narrowest() {
    for (span, width) in [
        (0, 0),
        (1, 1),
        (0xff, 1),
        (0x100, 2),
        (0xffff, 2),
        (0x1_0000, 4),
        (0xffff_ffff_i64, 4),
        (0x1_0000_0000, 8),
    ] {
        let vector = Vector::from_values(&[-5, -5 + span, -5]);
        assert_eq!(vector.bytes().len(), 32 + 3 * width, "{span}");
    }
    assert_eq!(Vector::from_values(&[i64::MIN, i64::MAX]).bytes().len(), 48);
    assert_eq!(Vector::constant(9, 0), Vector::from_values::<i64>(&[]));
    assert_eq!(Vector::constant(9, 3), Vector::from_values(&[9, 9, 9]));
}

#[test]
#[should_panic(expected = "positions beyond the vector")]
fn positions_must_exist() {
    let mut out = Chunk::new();
    // Answered from the bounds alone, and still refused.
    Vector::from_values(&[1, 2, 3]).select_range(1, 3, 0, 9, &mut out);
}
