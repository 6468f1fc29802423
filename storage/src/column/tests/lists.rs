//! Lists against `Vec<Vec<i64>>`.

use crate::bitmap::tests::sample::Random;
use crate::column::{Lists, ListsBuilder};

fn build(lists: &[Vec<i64>]) -> Lists {
    let mut builder = ListsBuilder::new();
    for list in lists {
        builder.push(list.iter().copied());
    }
    builder.finish()
}

pub(super) fn samples() -> Vec<Vec<Vec<i64>>> {
    let mut random = Random::new(19);
    let mut all = vec![
        vec![],
        vec![vec![]],
        vec![vec![7]],
        vec![vec![], vec![], vec![]],
    ];
    all.push(vec![vec![i64::MIN, i64::MAX], vec![], vec![0]]);
    for (count, items) in [(10, 3), (1000, 12), (30, 5000)] {
        let lists = (0..count).map(|_| {
            let len = random.below(items);
            (0..len).map(|_| random.below(300) as i64).collect()
        });
        all.push(lists.collect());
    }
    all
}

#[test]
fn hold_what_they_are_made_of() {
    for sample in samples() {
        let made = build(&sample);
        let parsed = Lists::parse(made.bytes().clone()).unwrap();
        assert!(made == parsed);
        for lists in [made, parsed] {
            assert_eq!(lists.len(), sample.len());
            assert_eq!(lists.is_empty(), sample.is_empty());
            for (index, expected) in sample.iter().enumerate() {
                let read: Vec<i64> = lists.get(index).map(|at| lists.items().get(at)).collect();
                assert_eq!(read, *expected);
            }
        }
    }
}

#[test]
fn bounds_must_rise_to_the_number_of_items() {
    let bytes = build(&[vec![1, 2], vec![3]]).bytes().to_vec();
    // The bounds 0, 2, 3 are the single bytes after the length and the vector's header.
    for bounds in [[0, 3, 2], [1, 2, 3], [0, 2, 2]] {
        let mut damaged = bytes.clone();
        damaged[40..43].copy_from_slice(&bounds);
        assert!(Lists::parse(damaged.into()).is_err(), "{bounds:?}");
    }
}

#[test]
fn know_the_list_of_each_item() {
    for sample in samples() {
        let lists = build(&sample);
        let of_items = (0..)
            .zip(&sample)
            .flat_map(|(list, items)| vec![list; items.len()]);
        for (place, list) in of_items.enumerate() {
            for from in [0, list / 2, list] {
                assert_eq!(lists.list_of(place, from), list);
            }
        }
    }
}

#[test]
fn count_the_items_of_some_lists() {
    for sample in samples() {
        let lists = build(&sample);
        let some: Vec<u32> = (0..sample.len() as u32).step_by(3).collect();
        let (mut found, mut counts) = (vec![0; 300], vec![0; 300]);
        let mut known = 0;
        for list in &some {
            let items = &sample[*list as usize];
            known += u64::from(!items.is_empty());
            for item in items.iter().filter_map(|item| usize::try_from(*item).ok()) {
                if let Some(count) = counts.get_mut(item) {
                    *count += 1;
                }
            }
        }
        assert_eq!(lists.tally(&some, &mut found), known);
        assert_eq!(found, counts);
    }
}
